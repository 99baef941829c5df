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

/// Without the bytes that keep start codes away (ITU-T H.264, 7.4.1).
static void unescape(const uint8_t *data, size_t len, struct bits *b)
{
    size_t n = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < len && n < sizeof b->data; i++) {
        if (zeros >= 2 && data[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = data[i] == 0 ? zeros + 1 : 0;
        b->data[n++] = data[i];
    }
    b->n_bits = 8 * n;
}

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

/// 7.3.2.1.1, behind the type of the unit.
static bool read_size(struct bits *b, uint32_t *ret_width_px, uint32_t *ret_height_px)
{
    unsigned profile = take(b, 8);
    take(b, 16);
    take_golomb(b);
    unsigned chroma = has_chroma_format(profile) ? take_chroma(b) : CHROMA_420;
    take_golomb(b);
    skip_order(b);
    take_golomb(b);
    take(b, 1);
    uint32_t width = take_golomb(b), height = take_golomb(b);
    if (b->past || width >= SIDE_MAX_BLOCKS || height >= SIDE_MAX_BLOCKS)
        return false;
    uint32_t fields = take(b, 1) != 0 ? 1 : 2;
    if (fields == 2)
        take(b, 1);
    take(b, 1);
    width = (width + 1) * MACROBLOCK_PX;
    height = (height + 1) * MACROBLOCK_PX * fields;
    uint32_t unit_x = chroma == CHROMA_420 || chroma == CHROMA_422 ? 2 : 1;
    uint32_t unit_y = (chroma == CHROMA_420 ? 2 : 1) * fields;
    if (take(b, 1) != 0 && !crop(b, unit_x, unit_y, &width, &height))
        return false;
    *ret_width_px = width;
    *ret_height_px = height;
    return !b->past;
}

bool avsp_avc_size(const uint8_t *avcc, size_t len, uint32_t *ret_width_px, uint32_t *ret_height_px)
{
    if (len <= RECORD_HEAD || (avcc[5] & 0x1f) == 0)
        return false;
    size_t sps = (size_t)avcc[6] << 8 | avcc[7];
    struct bits b = {.pos = 8};
    unescape(avcc + RECORD_HEAD, AVSP_MIN(sps, len - RECORD_HEAD), &b);
    return read_size(&b, ret_width_px, ret_height_px);
}
