#include "core/avc.h"

/// More than any sequence parameter set takes up to its size; what is behind them is not needed.
#define SPS_MAX_BYTES 512
#define RECORD_HEAD 8 ///< of an avcC box, up to the first parameter set
#define MACROBLOCK_PX 16
#define SIDE_MAX_BLOCKS 4096
#define MONOCHROME 0
#define CHROMA_420 1
#define CHROMA_422 2
#define CHROMA_444 3

/// Reads bits, most significant first; past the end it gives zeros and remembers.
struct bits {
    uint8_t data[SPS_MAX_BYTES];
    size_t n_bits;
    size_t pos;
    bool past;
};

static uint32_t take(struct bits *b, unsigned n)
{
    uint32_t value = 0;
    for (; n > 0; n--) {
        bool is_there = b->pos < b->n_bits;
        uint32_t bit = is_there ? b->data[b->pos / 8] >> (7 - b->pos % 8) & 1u : 0;
        b->past |= !is_there;
        b->pos += is_there;
        value = value << 1 | bit;
    }
    return value;
}

/// ue(v), and se(v) where only its length matters.
static uint32_t take_golomb(struct bits *b)
{
    unsigned zeros = 0;
    while (zeros < 32 && !b->past && take(b, 1) == 0)
        zeros++;
    if (zeros >= 32 || b->past) {
        b->past = true;
        return 0;
    }
    return (UINT32_C(1) << zeros) - 1 + take(b, zeros);
}

static int32_t take_signed(struct bits *b)
{
    uint32_t k = take_golomb(b);
    return k % 2 != 0 ? (int32_t)(k / 2) + 1 : -(int32_t)(k / 2);
}

/// 7.3.2.1.1.1
static void skip_scaling_list(struct bits *b, unsigned n)
{
    int32_t next = 8;
    for (unsigned i = 0, last = 8; i < n && next != 0 && !b->past; i++) {
        next = (int32_t)((last + 256 + (uint32_t)take_signed(b)) % 256);
        last = next != 0 ? (unsigned)next : last;
    }
}

static bool has_chroma_format(unsigned profile)
{
    static const uint8_t profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                       118, 128, 138, 139, 134, 135};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(profiles); i++)
        if (profiles[i] == profile)
            return true;
    return false;
}

/// @return ChromaArrayType
static unsigned take_chroma(struct bits *b)
{
    unsigned chroma = take_golomb(b);
    bool separate = chroma == CHROMA_444 && take(b, 1) != 0;
    take_golomb(b); // depths
    take_golomb(b);
    take(b, 1);
    bool has_matrix = take(b, 1) != 0;
    for (unsigned i = 0; has_matrix && i < (chroma == CHROMA_444 ? 12u : 8u); i++)
        if (take(b, 1) != 0)
            skip_scaling_list(b, i < 6 ? 16 : 64);
    return separate ? MONOCHROME : chroma;
}

static void skip_order(struct bits *b)
{
    uint32_t type = take_golomb(b);
    if (type == 0)
        take_golomb(b);
    if (type != 1)
        return;
    take(b, 1);
    take_golomb(b);
    take_golomb(b);
    uint32_t n = take_golomb(b);
    for (uint32_t i = 0; i < n && i < 256 && !b->past; i++)
        take_golomb(b);
}

/// Where cropping counts in units. @return false: it leaves nothing.
static bool crop(struct bits *b, uint32_t unit_x, uint32_t unit_y, uint32_t *width,
                 uint32_t *height)
{
    uint64_t left = take_golomb(b), right = take_golomb(b);
    uint64_t top = take_golomb(b), bottom = take_golomb(b);
    if ((left + right) * unit_x >= *width || (top + bottom) * unit_y >= *height)
        return false;
    *width -= (uint32_t)(left + right) * unit_x;
    *height -= (uint32_t)(top + bottom) * unit_y;
    return true;
}

/// The first half of a sequence parameter set.
struct head {
    unsigned chroma; ///< ChromaArrayType
    uint32_t width;  ///< in macroblocks …
    uint32_t height; ///< … of a frame, or of one of two fields
    uint32_t fields; ///< 1, or 2: frame_mbs_only_flag is 0
};

/// 7.3.2.1.1, behind the type of the unit, up to frame_mbs_only_flag. @return false: it is cut off before.
static bool read_head(struct bits *b, struct head *ret)
{
    unsigned profile = take(b, 8);
    take(b, 16);
    take_golomb(b);
    ret->chroma = has_chroma_format(profile) ? take_chroma(b) : CHROMA_420;
    take_golomb(b);
    skip_order(b);
    take_golomb(b);
    take(b, 1);
    ret->width = take_golomb(b);
    ret->height = take_golomb(b);
    ret->fields = take(b, 1) != 0 ? 1 : 2;
    return !b->past;
}

/// What follows. @return false: it cannot be read.
static bool read_size(struct bits *b, const struct head *head, uint32_t *ret_width_px,
                      uint32_t *ret_height_px)
{
    if (head->width >= SIDE_MAX_BLOCKS || head->height >= SIDE_MAX_BLOCKS)
        return false;
    if (head->fields == 2)
        take(b, 1);
    take(b, 1);
    uint32_t width = (head->width + 1) * MACROBLOCK_PX;
    uint32_t height = (head->height + 1) * MACROBLOCK_PX * head->fields;
    uint32_t unit_x = head->chroma == CHROMA_420 || head->chroma == CHROMA_422 ? 2 : 1;
    uint32_t unit_y = (head->chroma == CHROMA_420 ? 2 : 1) * head->fields;
    if (take(b, 1) != 0 && !crop(b, unit_x, unit_y, &width, &height))
        return false;
    *ret_width_px = width;
    *ret_height_px = height;
    return !b->past;
}

static void begin(struct bits *b, const uint8_t *sps, size_t len)
{
    b->n_bits = 8 * avsp_nal_unescape(sps, len, b->data, sizeof b->data);
    b->pos = 8; // the unit's type
}

bool avsp_avc_size(const uint8_t *avcc, size_t len, uint32_t *ret_width_px, uint32_t *ret_height_px)
{
    if (len <= RECORD_HEAD || (avcc[5] & 0x1f) == 0)
        return false;
    size_t sps = (size_t)avcc[6] << 8 | avcc[7];
    struct bits b = {.n_bits = 0};
    struct head head;
    begin(&b, avcc + RECORD_HEAD, AVSP_MIN(sps, len - RECORD_HEAD));
    return read_head(&b, &head) && read_size(&b, &head, ret_width_px, ret_height_px);
}

bool avsp_avc_may_have_fields(const uint8_t *sps, size_t len)
{
    struct bits b = {.n_bits = 0};
    struct head head;
    begin(&b, sps, len);
    return read_head(&b, &head) && head.fields == 2;
}

size_t avsp_nal_unescape(const uint8_t *nal, size_t len, uint8_t *ret_bytes, size_t cap)
{
    size_t n = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < len && n < cap; i++) {
        if (zeros >= 2 && nal[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal[i] == 0 ? zeros + 1 : 0;
        ret_bytes[n++] = nal[i];
    }
    return n;
}
