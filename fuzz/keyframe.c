/// What a packet's own bits say (media/keyframe.h), and whether the headers of its sequence allow fields (media/fields.h). Input: codec, length of the extradata, extradata, packet.
#include "media/keyframe.h"
#include "fuzz.h"
#include "media/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum AVCodecID codecs[] = {AV_CODEC_ID_H264, AV_CODEC_ID_H264, AV_CODEC_ID_HEVC,
                                            AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_VP8};
    if (size < 2)
        return 0;
    size_t extra = AVSP_MIN((size_t)data[1], size - 2);
    uint8_t *AVSP_CLEANUP(avsp_free_ptr) extradata = fuzz_bytes(data + 2, extra);
    uint8_t *AVSP_CLEANUP(avsp_free_ptr) packet = fuzz_bytes(data + 2 + extra, size - 2 - extra);
    const AVCodecParameters par = {.codec_type = AVMEDIA_TYPE_VIDEO,
                                   .codec_id = codecs[data[0] % AVSP_ARRAY_LEN(codecs)],
                                   .width = 64,
                                   .height = 64,
                                   .extradata = extradata,
                                   .extradata_size = (int)extra};
    (void)avsp_keyframe_is_gradual(&par, packet, size - 2 - extra);
    (void)avsp_keyframe_is_hidden(&par, packet, size - 2 - extra);
    struct avsp_glance glance;
    avsp_glance_init(&glance);
    (void)avsp_fields_of(&par, &glance);
    return 0;
}
