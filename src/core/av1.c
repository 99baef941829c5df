#include "core/av1.h"

#include <string.h>

/// Reads bits, most significant first; past the end it gives zeros and remembers.
struct bits {
    const uint8_t *data;
    size_t len;
    size_t pos;
    bool overrun;
};

static uint32_t take(struct bits *b, unsigned n)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++, b->pos++) {
        if (b->pos / 8 >= b->len) {
            b->overrun = true;
            return 0;
        }
        v = v << 1 | (b->data[b->pos / 8] >> (7 - b->pos % 8) & 1);
    }
    return v;
}

static uint32_t take_uvlc(struct bits *b)
{
    unsigned zeros = 0;
    while (!b->overrun && zeros < 32 && take(b, 1) == 0)
        zeros++;
    return zeros >= 32 ? UINT32_MAX : (uint32_t)((1u << zeros) - 1 + take(b, zeros));
}

/// Code points of ISO/IEC 23091-2.
enum { CP_BT709 = 1, CP_UNSPECIFIED = 2, TC_SRGB = 13, MC_IDENTITY = 0 };

/// timing_info() and decoder_model_info(); AV1 specification 5.5.3 and 5.5.4.
static bool skip_timing(struct bits *b, unsigned *ret_delay_bits)
{
    take(b, 32);
    take(b, 32);
    if (take(b, 1))
        take_uvlc(b);
    if (!take(b, 1))
        return false;
    *ret_delay_bits = take(b, 5) + 1;
    take(b, 32);
    take(b, 10);
    return true;
}

/// The operating points; the string speaks of the first. AV1 specification 5.5.1.
static void take_operating_points(struct bits *b, struct avsp_av1_sequence *s)
{
    bool decoder_model = false;
    unsigned delay_bits = 0;
    if (take(b, 1))
        decoder_model = skip_timing(b, &delay_bits);
    bool display_delay = take(b, 1);
    unsigned n = take(b, 5) + 1;
    for (unsigned i = 0; i < n && !b->overrun; i++) {
        take(b, 12);
        unsigned level = take(b, 5);
        unsigned tier = level > 7 ? take(b, 1) : 0;
        if (i == 0) {
            s->level = level;
            s->tier = tier;
        }
        if (decoder_model && take(b, 1)) {
            take(b, delay_bits);
            take(b, delay_bits);
            take(b, 1);
        }
        if (display_delay && take(b, 1))
            take(b, 4);
    }
}

/// The frame size and the tool flags up to color_config(). AV1 specification 5.5.1.
static void take_size(struct bits *b, struct avsp_av1_sequence *s)
{
    bool reduced = s->reduced != 0;
    unsigned width_bits = take(b, 4) + 1;
    unsigned height_bits = take(b, 4) + 1;
    s->width_px = take(b, width_bits) + 1;
    s->height_px = take(b, height_bits) + 1;
    if (!reduced && take(b, 1))
        take(b, 7);
    take(b, 3); // superblock size, filter intra, intra edge filter
    if (!reduced) {
        take(b, 4); // interintra, masked compound, warped motion, dual filter
        bool order_hint = take(b, 1);
        if (order_hint)
            take(b, 2); // jnt comp, ref frame mvs
        unsigned screen_content = take(b, 1) ? 2 : take(b, 1);
        if (screen_content > 0 && !take(b, 1))
            take(b, 1);
        if (order_hint)
            take(b, 3);
    }
    take(b, 3); // superres, cdef, restoration
}

/// color_config(); AV1 specification 5.5.2.
static void take_color(struct bits *b, struct avsp_av1_sequence *s)
{
    bool high = take(b, 1);
    s->depth = s->profile == 2 && high ? (take(b, 1) ? 12 : 10) : high ? 10 : 8;
    s->mono = s->profile == 1 ? 0 : take(b, 1);
    s->primaries = s->transfer = s->matrix = CP_UNSPECIFIED;
    if (take(b, 1)) {
        s->primaries = take(b, 8);
        s->transfer = take(b, 8);
        s->matrix = take(b, 8);
    }
    s->sub_x = s->sub_y = 1;
    if (s->mono) {
        s->full_range = take(b, 1);
        return;
    }
    if (s->primaries == CP_BT709 && s->transfer == TC_SRGB && s->matrix == MC_IDENTITY) {
        s->full_range = 1;
        s->sub_x = s->sub_y = 0;
        return;
    }
    s->full_range = take(b, 1);
    if (s->profile == 1)
        s->sub_x = s->sub_y = 0;
    else if (s->profile == 2 && s->depth == 12 && !take(b, 1))
        s->sub_x = s->sub_y = 0;
    else if (s->profile == 2 && s->depth == 12)
        s->sub_y = take(b, 1);
    else if (s->profile == 2)
        s->sub_y = 0;
    if (s->sub_x && s->sub_y)
        s->chroma_position = take(b, 2);
}

/// An OBU's header and size. AV1 specification 5.3.
struct obu {
    unsigned type;
    size_t begin; ///< of its payload
    size_t len;   ///< of its payload, as far as there are bytes
};

enum {
    OBU_SEQUENCE_HEADER = 1,
    OBU_FRAME_HEADER = 3,
    OBU_METADATA = 5,
    OBU_FRAME = 6,
    OBU_LOOKED_AT_MAX = 64
};

/// leb128(). AV1 specification 4.10.5.
static uint64_t take_leb128(struct bits *b)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8 && !b->overrun; i++) {
        bool more = take(b, 1);
        v |= (uint64_t)take(b, 7) << (i * 7);
        if (!more)
            return v;
    }
    b->overrun = true;
    return 0;
}

/// @param whole  the bytes are all there is, so a size beyond them is a fault
static bool take_obu(const uint8_t *data, size_t len, bool whole, struct obu *ret_obu)
{
    struct bits b = {.data = data, .len = len};
    bool forbidden = take(&b, 1);
    ret_obu->type = take(&b, 4);
    bool extension = take(&b, 1);
    bool has_size = take(&b, 1);
    take(&b, extension ? 9 : 1);
    uint64_t size = has_size ? take_leb128(&b) : UINT64_MAX;
    if (forbidden || b.overrun)
        return false;
    ret_obu->begin = b.pos / 8;
    size_t left = len - ret_obu->begin;
    if (has_size && whole && size > left)
        return false;
    ret_obu->len = (size_t)AVSP_MIN(size, (uint64_t)left);
    return true;
}

/// sequence_header_obu(). AV1 specification 5.5.1.
static bool parse_sequence_header(const uint8_t *payload, size_t len, struct avsp_av1_sequence *s)
{
    struct bits b = {.data = payload, .len = len};
    s->profile = take(&b, 3);
    take(&b, 1); // still picture
    s->reduced = take(&b, 1);
    if (s->reduced)
        s->level = take(&b, 5);
    else
        take_operating_points(&b, s);
    take_size(&b, s);
    take_color(&b, s);
    return !b.overrun && s->profile <= 2;
}

enum avsp_code avsp_av1_config(const uint8_t *av1c, size_t len,
                               struct avsp_av1_sequence *ret_sequence, struct avsp_err *err)
{
    struct obu obu;
    struct avsp_av1_sequence s = {0};
    if (len < 6 || av1c[0] != 0x81 || !take_obu(av1c + 4, len - 4, true, &obu) ||
        obu.type != OBU_SEQUENCE_HEADER ||
        !parse_sequence_header(av1c + 4 + obu.begin, obu.len, &s))
        return avsp_err_set(err, AVSP_CORRUPT, "not an AV1 configuration record");
    struct bits b = {.data = av1c, .len = len, .pos = 8};
    bool agrees = take(&b, 3) == s.profile && take(&b, 5) == s.level && take(&b, 1) == s.tier &&
                  take(&b, 1) == (s.depth > 8) && take(&b, 1) == (s.depth == 12) &&
                  take(&b, 1) == s.mono && take(&b, 1) == s.sub_x && take(&b, 1) == s.sub_y;
    if (!agrees)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "the AV1 configuration record disagrees with its sequence header");
    *ret_sequence = s;
    return AVSP_OK;
}

/// The first bits of uncompressed_header(). AV1 specification 5.9.2.
static bool is_shown_key(const uint8_t *payload, size_t len, const struct avsp_av1_sequence *s)
{
    struct bits b = {.data = payload, .len = len};
    if (s->reduced)
        return true;
    bool show_existing = take(&b, 1);
    unsigned type = take(&b, 2);
    bool show = take(&b, 1);
    return !show_existing && type == 0 && show && !b.overrun;
}

/// metadata_hdr_cll() and metadata_hdr_mdcv(); AV1 specification 5.8.3 and 5.8.4. What is cut off or something else is passed over.
static void take_metadata(const uint8_t *payload, size_t len, struct avsp_av1_hdr *hdr)
{
    enum { HDR_CLL = 1, HDR_MDCV = 2 };
    struct bits b = {.data = payload, .len = len};
    uint64_t type = take_leb128(&b);
    struct avsp_av1_hdr got = *hdr;
    if (type == HDR_CLL) {
        got.has_light = true;
        got.max_cll = take(&b, 16);
        got.max_fall = take(&b, 16);
    } else if (type == HDR_MDCV) {
        got.has_mastering = true;
        for (size_t i = 0; i < AVSP_ARRAY_LEN(got.colors); i++)
            got.colors[i] = (uint32_t)(((uint64_t)take(&b, 16) * 50000 + 32768) >> 16); // 0.16
        uint64_t most = (uint64_t)take(&b, 32) * 10000 >> 8;                            // 24.8
        uint64_t least = (uint64_t)take(&b, 32) * 10000 >> 14;                          // 18.14
        got.most = (uint32_t)AVSP_MIN(most, (uint64_t)UINT32_MAX);
        got.least = (uint32_t)AVSP_MIN(least, (uint64_t)UINT32_MAX);
    }
    if (!b.overrun)
        *hdr = got;
}

enum avsp_code avsp_av1_look(const uint8_t *sample, size_t len,
                             const struct avsp_av1_sequence *sequence,
                             struct avsp_av1_unit *ret_unit, struct avsp_err *err)
{
    *ret_unit = (struct avsp_av1_unit){.sequence = *sequence};
    for (unsigned i = 0; len > 0 && i < OBU_LOOKED_AT_MAX; i++) {
        struct obu obu;
        if (!take_obu(sample, len, false, &obu))
            return avsp_err_set(err, AVSP_CORRUPT, "it is not made of OBUs");
        const uint8_t *payload = sample + obu.begin;
        if (obu.type == OBU_SEQUENCE_HEADER) {
            struct avsp_av1_sequence s = {0};
            if (!parse_sequence_header(payload, obu.len, &s))
                return avsp_err_set(err, AVSP_CORRUPT, "its sequence header cannot be read");
            ret_unit->sequence = s;
            ret_unit->has_sequence = true;
        } else if (obu.type == OBU_METADATA) {
            take_metadata(payload, obu.len, &ret_unit->hdr);
        } else if (obu.type == OBU_FRAME || obu.type == OBU_FRAME_HEADER) {
            ret_unit->has_frame = true;
            ret_unit->is_key = is_shown_key(payload, obu.len, &ret_unit->sequence);
            return AVSP_OK;
        }
        sample = payload + obu.len;
        len -= obu.begin + obu.len;
    }
    return AVSP_OK;
}

enum avsp_code avsp_av1_codecs(const uint8_t *av1c, size_t len,
                               char ret_codecs[AVSP_AV1_CODECS_BYTES], struct avsp_err *err)
{
    struct avsp_av1_sequence s = {0};
    enum avsp_code rc = avsp_av1_config(av1c, len, &s, err);
    if (rc != AVSP_OK)
        return rc;
    int n = snprintf(ret_codecs, AVSP_AV1_CODECS_BYTES, "av01.%u.%02u%c.%02u", s.profile, s.level,
                     s.tier ? 'H' : 'M', s.depth);
    // What the four short fields stand for when nothing follows (binding, section 5).
    bool short_form = !s.mono && s.sub_x && s.sub_y && s.chroma_position == 0 && s.primaries == 1 &&
                      s.transfer == 1 && s.matrix == 1 && !s.full_range;
    if (!short_form)
        snprintf(ret_codecs + n, AVSP_AV1_CODECS_BYTES - (size_t)n, ".%u.%u%u%u.%02u.%02u.%02u.%u",
                 s.mono, s.sub_x, s.sub_y, s.chroma_position, s.primaries, s.transfer, s.matrix,
                 s.full_range);
    return AVSP_OK;
}
