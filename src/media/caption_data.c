#include "media/caption_data.h"

#include "media/nal.h"

#include <string.h>

#define USER_DATA_START_CODE 0xb2 ///< MPEG-2 (ISO/IEC 13818-2, 6.2.1)
#define H264_NAL_SEI 6
#define HEVC_NAL_PREFIX_SEI 39
#define HEVC_NAL_SUFFIX_SEI 40
#define SEI_T35 4 ///< user data that ITU-T T.35 registers
/// Longer SEI are looked at so far.
#define SEI_MAX_BYTES 8192

struct found {
    uint8_t *bytes;
    size_t len;
};

/// "GA94", its type, flags and a count, a byte that means nothing, and the pairs (ATSC A/53 part 4, 6.2.3).
static void take_user_data(struct avsp_view v, struct found *found)
{
    if (v.len < 7 || memcmp(v.data, "GA94\x03", 5) != 0 || (v.data[5] & 0x40) == 0)
        return;
    size_t len = (v.data[5] & 0x1fu) * AVSP_CAPTION_PAIR_BYTES;
    v = avsp_view_from(v, 7);
    size_t whole = v.len - v.len % AVSP_CAPTION_PAIR_BYTES;
    len = AVSP_MIN(len, AVSP_MIN(whole, AVSP_CAPTION_DATA_MAX_BYTES - found->len));
    memcpy(found->bytes + found->len, v.data, len);
    found->len += len;
}

/// "CC", a type, a size, flags, and for each field of the group of pictures a marker and two bytes; whose field it is the markers do not say
/// reliably, the first flag and the order do. Counts are often wrong. (There is no public specification: this is what DVDs have.)
static void take_dvd_data(struct avsp_view v, struct found *found)
{
    if (v.len < 5 || memcmp(v.data, "CC\x01\xf8", 4) != 0)
        return;
    bool first_field = (v.data[4] & 0x80) != 0;
    for (v = avsp_view_from(v, 5); v.len >= AVSP_CAPTION_PAIR_BYTES && v.data[0] >= 0xfe &&
                                   found->len < AVSP_CAPTION_DATA_MAX_BYTES;
         v = avsp_view_from(v, AVSP_CAPTION_PAIR_BYTES)) {
        const uint8_t pair[AVSP_CAPTION_PAIR_BYTES] = {first_field ? 0xfc : 0xfd, v.data[1],
                                                       v.data[2]};
        memcpy(found->bytes + found->len, pair, sizeof pair);
        found->len += sizeof pair;
        first_field = !first_field;
    }
}

static void take_sei(struct avsp_view nal, struct found *found)
{
    uint8_t bytes[SEI_MAX_BYTES];
    struct avsp_view v = {bytes, avsp_nal_unescape(nal, bytes, sizeof bytes)};
    struct avsp_sei sei;
    while (avsp_nal_next_sei(&v, &sei))
        // The country and the provider are those of ATSC.
        if (sei.type == SEI_T35 && sei.payload.len > 3 &&
            memcmp(sei.payload.data, "\xb5\x00\x31", 3) == 0)
            take_user_data(avsp_view_from(sei.payload, 3), found);
}

static void take_unit(const AVCodecParameters *par, struct avsp_view unit, struct found *found)
{
    if (par->codec_id == AV_CODEC_ID_MPEG2VIDEO) {
        if (unit.data[0] != USER_DATA_START_CODE)
            return;
        take_user_data(avsp_view_from(unit, 1), found);
        take_dvd_data(avsp_view_from(unit, 1), found);
    } else if (par->codec_id == AV_CODEC_ID_H264) {
        if ((unit.data[0] & 0x1fu) == H264_NAL_SEI)
            take_sei(avsp_view_from(unit, 1), found);
    } else {
        unsigned type = unit.data[0] >> 1 & 0x3fu;
        if (type == HEVC_NAL_PREFIX_SEI || type == HEVC_NAL_SUFFIX_SEI)
            take_sei(avsp_view_from(unit, 2), found);
    }
}

static size_t from_side_data(const AVPacket *packet, uint8_t *ret_bytes)
{
    size_t size = 0;
    const uint8_t *data = av_packet_get_side_data(packet, AV_PKT_DATA_A53_CC, &size);
    if (data == NULL)
        return 0;
    size = AVSP_MIN(size - size % AVSP_CAPTION_PAIR_BYTES, (size_t)AVSP_CAPTION_DATA_MAX_BYTES);
    memcpy(ret_bytes, data, size);
    return size;
}

size_t avsp_caption_data_of(const AVCodecParameters *par, const AVPacket *packet,
                            uint8_t ret_bytes[AVSP_CAPTION_DATA_MAX_BYTES])
{
    if (par->codec_id != AV_CODEC_ID_MPEG2VIDEO && par->codec_id != AV_CODEC_ID_H264 &&
        par->codec_id != AV_CODEC_ID_HEVC)
        return from_side_data(packet, ret_bytes);
    struct found found = {ret_bytes, 0};
    size_t n_size = avsp_nal_size_bytes(par);
    struct avsp_view v = {packet->data, (size_t)packet->size};
    struct avsp_view unit;
    while (n_size > 0 ? avsp_nal_next_sized(&v, n_size, &unit) : avsp_nal_next_annexb(&v, &unit))
        if (unit.len > 0)
            take_unit(par, unit, &found);
    return found.len;
}
