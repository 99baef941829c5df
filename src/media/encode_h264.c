#include "media/encode_h264.h"

#include "core/avc.h"

#include <libavutil/opt.h>
#include <string.h>

/// What a stream's first picture says in front: "x264 - core 164 r3095 baee400 - H.264/MPEG-4 AVC codec - …".
#define VERSION_TEXT "x264 - core "
#define VERSION_BEGIN "x264 - "
#define VERSION_END " - "
#define VERSION_MAX_BYTES 64
#define VERSION_PX 64 ///< of the picture that makes it say so

/// x264's preset for each of SVT-AV1's: that takes about half the time that the AV1 rendition takes. (Measured with SVT-AV1 1.4.1 on film
/// and animation of 720 lines. Beyond "slow" x264 gains hardly anything.)
static const char *const presets[AVSP_PRESET_MAX + 1] = {
    NULL,     "slower", "slower", "slower",   "slow",     "slow",      "medium",
    "medium", "faster", "faster", "veryfast", "veryfast", "superfast", "superfast",
};

/// The CRF that gives about the same quality: 15, 30, 45, 55 → 18, 23, 28, 31. (The mean over five clips by SSIM, AV1 preset 8 beside
/// x264's "medium", was 18.8, 23, 28.0, 31.3; single clips were up to 4 off.)
static double crf_of(int32_t av1)
{
    return 13 + av1 / 3.0;
}

int avsp_h264_set(AVCodecContext *enc, const struct avsp_encoder_options *options)
{
    struct avsp_avc_level level =
        avsp_avc_level_for((uint32_t)enc->width, (uint32_t)enc->height, options->frame_rate);
    // With a level libavcodec keeps the preset's reference frames within what it allows.
    enc->level = level.idc;
    enc->rc_max_rate = (int64_t)level.max_kbps * 1000;
    enc->rc_buffer_size = level.max_buffer_kbits * 1000;
    // A scene that begins gets an I-frame, never another keyframe.
    enc->keyint_min = options->gop_frames;
    int rc = av_opt_set(enc->priv_data, "preset", presets[options->preset], 0);
    if (rc >= 0)
        rc = av_opt_set(enc->priv_data, "profile", "high", 0);
    if (rc >= 0)
        rc = av_opt_set_double(enc->priv_data, "crf", crf_of(options->crf), 0);
    return rc;
}

/// Encodes one picture without content. @param ret_pkt  its packet. @return 0; an AVERROR.
static int encode_blank(AVCodecContext *enc, AVPacket *ret_pkt)
{
    AVFrame *AVSP_CLEANUP(av_frame_free) frame = av_frame_alloc();
    if (frame == NULL)
        return AVERROR(ENOMEM);
    frame->width = enc->width = VERSION_PX;
    frame->height = enc->height = VERSION_PX;
    frame->format = enc->pix_fmt = AV_PIX_FMT_YUV420P;
    frame->pts = 0;
    enc->time_base = (AVRational){1, 25};
    enc->thread_count = 1;
    int rc = av_frame_get_buffer(frame, 0);
    for (int i = 0; rc >= 0 && i < AV_NUM_DATA_POINTERS && frame->buf[i] != NULL; i++)
        memset(frame->buf[i]->data, 0, frame->buf[i]->size);
    if (rc >= 0)
        rc = av_opt_set(enc->priv_data, "preset", "ultrafast", 0);
    if (rc >= 0)
        rc = avcodec_open2(enc, enc->codec, NULL);
    if (rc >= 0)
        rc = avcodec_send_frame(enc, frame);
    if (rc >= 0)
        rc = avcodec_send_frame(enc, NULL);
    return rc >= 0 ? avcodec_receive_packet(enc, ret_pkt) : rc;
}

void avsp_h264_version(struct avsp_buf *buf)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(AVSP_H264_ENCODER);
    AVCodecContext *AVSP_CLEANUP(avcodec_free_context) enc =
        codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *AVSP_CLEANUP(av_packet_free) pkt = av_packet_alloc();
    const char *found = NULL;
    if (enc != NULL && pkt != NULL && encode_blank(enc, pkt) >= 0)
        found = memmem(pkt->data, (size_t)pkt->size, VERSION_TEXT, strlen(VERSION_TEXT));
    if (found == NULL) {
        avsp_buf_puts(buf, "x264 -");
        return;
    }
    const char *text = found + strlen(VERSION_BEGIN);
    size_t left = (size_t)((const char *)pkt->data + pkt->size - text);
    const char *end = memmem(text, left, VERSION_END, strlen(VERSION_END));
    size_t len = end != NULL ? (size_t)(end - text) : left;
    avsp_buf_printf(buf, "x264 %.*s", (int)AVSP_MIN(len, (size_t)VERSION_MAX_BYTES), text);
}
