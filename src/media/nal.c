#include "media/nal.h"

#define NAL_SPS 7
#define AVCC_SPS_AT                                                                                \
    6 ///< the first of them, in an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)
#define AVCC_SPS_LENGTH_BYTES 2
#define AVCC_SIZE_AT 4  ///< lengthSizeMinusOne, in its two lowest bits
#define HVCC_SIZE_AT 21 ///< likewise, in an HEVCDecoderConfigurationRecord (8.3.3.1)

struct avsp_view avsp_view_from(struct avsp_view v, size_t n)
{
    n = AVSP_MIN(n, v.len);
    return (struct avsp_view){v.data + n, v.len - n};
}

bool avsp_nal_next_annexb(struct avsp_view *v, struct avsp_view *ret_nal)
{
    size_t i = 0;
    while (i + 3 <= v->len && !(v->data[i] == 0 && v->data[i + 1] == 0 && v->data[i + 2] == 1))
        i++;
    if (i + 3 >= v->len)
        return false;
    size_t begin = i + 3;
    size_t end = begin;
    while (end + 3 <= v->len &&
           !(v->data[end] == 0 && v->data[end + 1] == 0 && v->data[end + 2] <= 1))
        end++;
    if (end + 3 > v->len)
        end = v->len;
    *ret_nal = (struct avsp_view){v->data + begin, end - begin};
    *v = avsp_view_from(*v, end);
    return true;
}

bool avsp_nal_next_sized(struct avsp_view *v, size_t n_size, struct avsp_view *ret_nal)
{
    if (v->len <= n_size)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < n_size; i++)
        len = len << 8 | v->data[i];
    if (len == 0 || len > v->len - n_size)
        return false;
    *ret_nal = (struct avsp_view){v->data + n_size, len};
    *v = avsp_view_from(*v, n_size + len);
    return true;
}

size_t avsp_nal_size_bytes(const AVCodecParameters *par)
{
    int at = par->codec_id == AV_CODEC_ID_H264   ? AVCC_SIZE_AT
             : par->codec_id == AV_CODEC_ID_HEVC ? HVCC_SIZE_AT
                                                 : -1;
    // An Annex B stream begins with a zero.
    if (at < 0 || par->extradata_size < 7 || par->extradata_size <= at || par->extradata[0] != 1)
        return 0;
    return (par->extradata[at] & 3u) + 1u;
}

/// Reads a SEI payload type or size: 255s and a last byte.
static bool take_sei_number(struct avsp_view *v, size_t *ret_value)
{
    size_t value = 0;
    while (v->len > 0) {
        uint8_t byte = v->data[0];
        *v = avsp_view_from(*v, 1);
        value += byte;
        if (byte != 255) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool avsp_nal_next_sei(struct avsp_view *v, struct avsp_sei *ret_sei)
{
    size_t size = 0;
    if (v->len <= 2 || !take_sei_number(v, &ret_sei->type) || !take_sei_number(v, &size))
        return false;
    ret_sei->payload = (struct avsp_view){v->data, AVSP_MIN(size, v->len)};
    *v = avsp_view_from(*v, size);
    return true;
}

struct avsp_view avsp_nal_sps(const AVCodecParameters *par)
{
    const struct avsp_view none = {NULL, 0};
    if (par->codec_id != AV_CODEC_ID_H264 || par->extradata_size < 1)
        return none;
    struct avsp_view v = {par->extradata, (size_t)par->extradata_size};
    struct avsp_view nal;
    if (v.data[0] == 1) {
        v = avsp_view_from(v, AVCC_SPS_AT);
        return avsp_nal_next_sized(&v, AVCC_SPS_LENGTH_BYTES, &nal) ? nal : none;
    }
    while (avsp_nal_next_annexb(&v, &nal))
        if ((nal.data[0] & 0x1fu) == NAL_SPS)
            return nal;
    return none;
}
