#include "media/fields.h"

#include "media/deinterlace.h"
#include "media/nal.h"

#define SPS_MAX_BYTES 512 ///< what comes before the bit that is looked for is shorter
#define N_SCALING_LISTS 8
#define N_SCALING_LISTS_444 12
#define CHROMA_444 3
#define MPEG2_EXTENSION 0xb5
#define MPEG2_SEQUENCE_EXTENSION 1

/// Bits, most significant first; zeros past the end.
struct bits {
    const uint8_t *data;
    size_t n_bits;
    size_t pos;
};

static uint32_t take(struct bits *b, unsigned n)
{
    uint32_t value = 0;
    for (; n > 0; n--, b->pos++)
        value =
            value << 1 | (b->pos < b->n_bits ? b->data[b->pos / 8] >> (7 - b->pos % 8) & 1u : 0u);
    return value;
}

/// ue(v); of se(v) the same bits (H.264, 9.1).
static uint32_t take_golomb(struct bits *b)
{
    unsigned zeros = 0;
    while (b->pos < b->n_bits && take(b, 1) == 0)
        zeros++;
    return zeros < 32 ? (UINT32_C(1) << zeros) - 1 + take(b, zeros) : 0;
}

static int32_t take_signed(struct bits *b)
{
    uint32_t code = take_golomb(b);
    return (code & 1) != 0 ? (int32_t)((code >> 1) + 1) : -(int32_t)(code >> 1);
}

/// H.264, 7.3.2.1.1.1.
static void skip_scaling_list(struct bits *b, unsigned n)
{
    int32_t last = 8;
    int32_t next = 8;
    for (unsigned i = 0; i < n; i++) {
        if (next != 0)
            next = (last + take_signed(b) + 256) & 255;
        last = next == 0 ? last : next;
    }
}

/// What profiles beyond Main have in front (H.264, 7.3.2.1.1).
static void skip_high(struct bits *b)
{
    uint32_t chroma = take_golomb(b);
    if (chroma == CHROMA_444)
        take(b, 1);
    take_golomb(b); // bit depths
    take_golomb(b);
    take(b, 1);
    if (take(b, 1) == 0)
        return;
    unsigned n = chroma == CHROMA_444 ? N_SCALING_LISTS_444 : N_SCALING_LISTS;
    for (unsigned i = 0; i < n; i++)
        if (take(b, 1) != 0)
            skip_scaling_list(b, i < 6 ? 16 : 64);
}

static bool is_high(uint32_t profile)
{
    static const uint8_t high[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(high); i++)
        if (profile == high[i])
            return true;
    return false;
}

static void skip_picture_order(struct bits *b)
{
    uint32_t type = take_golomb(b);
    if (type == 0)
        take_golomb(b);
    if (type != 1)
        return;
    take(b, 1);
    take_golomb(b);
    take_golomb(b);
    for (uint32_t n = take_golomb(b); n > 0 && b->pos < b->n_bits; n--)
        take_golomb(b);
}

/// Is frame_mbs_only_flag 0 (H.264, 7.4.2.1.1)? Then pictures may be fields, or frames of them.
static bool h264_allows(const AVCodecParameters *par)
{
    uint8_t bytes[SPS_MAX_BYTES];
    struct avsp_view sps = avsp_nal_sps(par);
    if (sps.len == 0)
        return false;
    struct bits b = {.data = bytes,
                     .n_bits = 8 * avsp_nal_unescape(avsp_view_from(sps, 1), bytes, sizeof bytes)};
    uint32_t profile = take(&b, 8);
    take(&b, 16);
    take_golomb(&b);
    if (is_high(profile))
        skip_high(&b);
    take_golomb(&b); // log2_max_frame_num
    skip_picture_order(&b);
    take_golomb(&b); // max_num_ref_frames
    take(&b, 1);
    take_golomb(&b); // size
    take_golomb(&b);
    return b.pos < b.n_bits && take(&b, 1) == 0;
}

/// Is progressive_sequence 0 (ISO/IEC 13818-2, 6.2.2.3)?
static bool mpeg2_allows(const AVCodecParameters *par)
{
    const uint8_t *d = par->extradata;
    for (int i = 0; i + 5 < par->extradata_size; i++)
        if (d[i] == 0 && d[i + 1] == 0 && d[i + 2] == 1 && d[i + 3] == MPEG2_EXTENSION &&
            d[i + 4] >> 4 == MPEG2_SEQUENCE_EXTENSION)
            return (d[i + 5] & 0x08) == 0;
    return false;
}

/// Decoders that give interlaced pictures without a mark: what is uncompressed, or coded as if it were one picture.
static bool is_unmarked(enum AVCodecID id)
{
    switch (id) {
    case AV_CODEC_ID_V210:
    case AV_CODEC_ID_V308:
    case AV_CODEC_ID_V410:
    case AV_CODEC_ID_R210:
    case AV_CODEC_ID_R10K:
    case AV_CODEC_ID_QTRLE:
    case AV_CODEC_ID_PNG:
    case AV_CODEC_ID_CFHD:
        return true;
    default:
        return false;
    }
}

enum avsp_fields avsp_fields_of(const AVCodecParameters *par, const struct avsp_glance *glance)
{
    if (par->width < AVSP_DEINTERLACE_MIN_PX || par->height < AVSP_DEINTERLACE_MIN_PX)
        return AVSP_FIELDS_NONE;
    if (glance->n_interlaced > 0 || (par->codec_id == AV_CODEC_ID_H264 && h264_allows(par)) ||
        (par->codec_id == AV_CODEC_ID_MPEG2VIDEO && mpeg2_allows(par)))
        return AVSP_FIELDS_FLAGGED;
    if (!is_unmarked(par->codec_id))
        return AVSP_FIELDS_NONE;
    switch (par->field_order) {
    case AV_FIELD_TT:
    case AV_FIELD_BT:
        return AVSP_FIELDS_TOP_FIRST;
    case AV_FIELD_BB:
    case AV_FIELD_TB:
        return AVSP_FIELDS_BOTTOM_FIRST;
    default:
        return AVSP_FIELDS_NONE;
    }
}

void avsp_fields_decide(const AVCodecParameters *par, const struct avsp_glance *glance,
                        enum avsp_deinterlace wanted, struct avsp_piece_header *header)
{
    header->fields = AVSP_FIELDS_NONE;
    if (wanted != AVSP_DEINTERLACE_OFF)
        header->fields = avsp_fields_of(par, glance);
    // What only may have fields keeps its rate: twice of it would be a lie for all of a film.
    bool seen = header->fields > AVSP_FIELDS_FLAGGED || glance->n_interlaced > 0;
    header->field_rate = wanted == AVSP_DEINTERLACE_FIELDS && seen;
}
