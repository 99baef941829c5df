#include "media/keyframe.h"

#include "core/avc.h"
#include "media/nal.h"

#include <libavcodec/codec_desc.h>

#define NAL_SLICE 1
#define NAL_IDR 5
#define NAL_SEI 6
#define SEI_RECOVERY_POINT 6
#define SEI_SCAN_MAX_BYTES                                                                         \
    4096 ///< a recovery point comes early; long user data behind it does not matter

#define VOP_START_CODE 0xb6
/// Shorter packets of zeros say in some codecs that nothing has changed.
#define VOID_MIN_BYTES 16

#define NOT_CODED_VOP_MAX_BYTES                                                                    \
    8 ///< with its start code; a coded one has a bit for each 16 by 16 pixels

/// Does an SEI NAL unit tell of a recovery that takes some frames? recovery_frame_cnt is the payload's first ue(v): 0 is the
/// single bit 1.
static bool sei_is_gradual(struct avsp_view nal)
{
    uint8_t bytes[SEI_SCAN_MAX_BYTES];
    nal = avsp_view_from(nal, 1);
    struct avsp_view v = {bytes, avsp_nal_unescape(nal.data, nal.len, bytes, sizeof bytes)};
    struct avsp_sei sei;
    while (avsp_nal_next_sei(&v, &sei))
        if (sei.type == SEI_RECOVERY_POINT)
            return sei.payload.len > 0 && (sei.payload.data[0] & 0x80) == 0;
    return false;
}

bool avsp_keyframe_is_gradual(const AVCodecParameters *par, const uint8_t *data, size_t len)
{
    if (par->codec_id != AV_CODEC_ID_H264)
        return false;
    size_t n_size = avsp_nal_size_bytes(par);
    struct avsp_view v = {data, len};
    struct avsp_view nal;
    while (n_size > 0 ? avsp_nal_next_sized(&v, n_size, &nal) : avsp_nal_next_annexb(&v, &nal)) {
        unsigned type = nal.data[0] & 0x1fu;
        if (type >= NAL_SLICE && type <= NAL_IDR)
            return false;
        if (type == NAL_SEI && sei_is_gradual(nal))
            return true;
    }
    return false;
}

bool avsp_keyframe_is_hidden(const AVCodecParameters *par, const uint8_t *data, size_t len)
{
    return par->codec_id == AV_CODEC_ID_VP8 && len > 0 && (data[0] & 0x10) == 0;
}

bool avsp_keyframe_is_packed(const AVCodecParameters *par, const uint8_t *data, size_t len)
{
    if (par->codec_id != AV_CODEC_ID_MPEG4)
        return false;
    size_t n_pictures = 0;
    size_t last = 0;
    for (size_t i = 0; i + 3 < len; i++) {
        if (data[i] != 0 || data[i + 1] != 0 || data[i + 2] != 1 || data[i + 3] != VOP_START_CODE)
            continue;
        n_pictures++;
        last = i;
    }
    return n_pictures > 1 || (n_pictures == 1 && len - last <= NOT_CODED_VOP_MAX_BYTES);
}

static bool is_zeros(const uint8_t *data, size_t len)
{
    size_t i = 0;
    while (i < len && data[i] == 0)
        i++;
    return len >= VOID_MIN_BYTES && i == len;
}

/// Is there no NAL unit, however they may be delimited?
static bool has_no_nal(const AVCodecParameters *par, struct avsp_view v)
{
    size_t n_size = avsp_nal_size_bytes(par);
    struct avsp_view nal;
    struct avsp_view sized = v;
    if (n_size > 0 && avsp_nal_next_sized(&sized, n_size, &nal))
        return false;
    return !avsp_nal_next_annexb(&v, &nal);
}

bool avsp_keyframe_is_void(const AVCodecParameters *par, const uint8_t *data, size_t len)
{
    if (par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC)
        return has_no_nal(par, (struct avsp_view){data, len});
    const AVCodecDescriptor *codec = avcodec_descriptor_get(par->codec_id);
    return codec != NULL && (codec->props & AV_CODEC_PROP_LOSSY) != 0 && is_zeros(data, len);
}
