#include "media/caption_data.h"

#include "core/avc.h"
#include "media/nal.h"

#include <string.h>

#define USER_DATA_START_CODE 0xb2 ///< MPEG-2 (ISO/IEC 13818-2, 6.2.1)
#define H264_NAL_SEI 6
#define HEVC_NAL_PREFIX_SEI 39
#define HEVC_NAL_SUFFIX_SEI 40
#define SEI_T35 4      ///< user data that ITU-T T.35 registers
#define OBU_METADATA 5 ///< AV1 specification, 6.2.2
#define METADATA_T35 4 ///< likewise, 6.7.1
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

/// Behind the bytes that say so, user data of ATSC: T.35's codes of its country and of itself.
static void take_registered(struct avsp_view v, struct found *found)
{
    if (v.len > 3 && memcmp(v.data, "\xb5\x00\x31", 3) == 0)
        take_user_data(avsp_view_from(v, 3), found);
}

/// AV1 specification, 4.10.5. @return false: it is cut off or too large
static bool take_leb128(struct avsp_view *v, size_t *ret_value)
{
    size_t value = 0;
    for (unsigned i = 0; i < 4 && i < v->len; i++) {
        value |= (size_t)(v->data[i] & 0x7f) << (7 * i);
        if ((v->data[i] & 0x80) == 0) {
            *v = avsp_view_from(*v, i + 1);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/// The OBUs of a sample, which have their sizes in front of them; the last one need not.
static void take_obus(struct avsp_view v, struct found *found)
{
    while (v.len > 1) {
        uint8_t header = v.data[0];
        v = avsp_view_from(v, (header & 4) != 0 ? 2 : 1);
        size_t size = v.len;
        if ((header & 2) != 0 && !take_leb128(&v, &size))
            return;
        struct avsp_view obu = {v.data, AVSP_MIN(size, v.len)};
        size_t type = 0;
        if ((header >> 3 & 15) == OBU_METADATA && take_leb128(&obu, &type) && type == METADATA_T35)
            take_registered(obu, found);
        v = avsp_view_from(v, size);
    }
}

static void take_sei(struct avsp_view nal, struct found *found)
{
    uint8_t bytes[SEI_MAX_BYTES];
    struct avsp_view v = {bytes, avsp_nal_unescape(nal.data, nal.len, bytes, sizeof bytes)};
    struct avsp_sei sei;
    while (avsp_nal_next_sei(&v, &sei))
        if (sei.type == SEI_T35)
            take_registered(sei.payload, found);
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

static void take_units(const AVCodecParameters *par, struct avsp_view v, struct found *found)
{
    size_t n_size = avsp_nal_size_bytes(par);
    struct avsp_view unit;
    while (n_size > 0 ? avsp_nal_next_sized(&v, n_size, &unit) : avsp_nal_next_annexb(&v, &unit))
        if (unit.len > 0)
            take_unit(par, unit, found);
}

size_t avsp_caption_data_of(const AVCodecParameters *par, const AVPacket *packet,
                            uint8_t ret_bytes[AVSP_CAPTION_DATA_MAX_BYTES])
{
    struct found found = {ret_bytes, 0};
    struct avsp_view v = {packet->data, (size_t)packet->size};
    switch (par->codec_id) {
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC:
        take_units(par, v, &found);
        return found.len;
    case AV_CODEC_ID_AV1:
        take_obus(v, &found);
        return found.len;
    default:
        return from_side_data(packet, ret_bytes);
    }
}
