/// What a packet's own bits say (media/keyframe.h), which captions hide in it (media/caption_data.h), and whether the headers of its sequence allow fields (media/fields.h). Input: codec, length of the extradata, extradata, packet.
#include "media/keyframe.h"
#include "fuzz.h"
#include "media/caption_data.h"
#include "media/fields.h"

#include <libavcodec/packet.h>

static void look_for_captions(const AVCodecParameters *par, uint8_t *data, size_t size)
{
    AVPacket *packet = av_packet_alloc();
    AVSP_ASSERT(packet != NULL);
    packet->data = data; // it owns nothing
    packet->size = (int)size;
    uint8_t bytes[AVSP_CAPTION_DATA_MAX_BYTES];
    size_t len = avsp_caption_data_of(par, packet, bytes);
    AVSP_ASSERT(len <= sizeof bytes && len % AVSP_CAPTION_PAIR_BYTES == 0);
    av_packet_free(&packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum AVCodecID codecs[] = {AV_CODEC_ID_H264, AV_CODEC_ID_H264,
                                            AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG2VIDEO,
                                            AV_CODEC_ID_VP8,  AV_CODEC_ID_AV1};
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
    (void)avsp_keyframe_is_void(&par, packet, size - 2 - extra);
    look_for_captions(&par, packet, size - 2 - extra);
    struct avsp_glance glance;
    avsp_glance_init(&glance);
    (void)avsp_fields_of(&par, &glance);
    return 0;
}
