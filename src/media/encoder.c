#include "media/encoder.h"

#include "media/averr.h"
#include "media/encode_av1.h"
#include "media/encode_h264.h"

static const struct {
    const char *encoder;
    int (*set)(AVCodecContext *enc, const struct avsp_encoder_options *options);
} codecs[] = {
    [AVSP_CODEC_AV1] = {AVSP_AV1_ENCODER, avsp_av1_set},
    [AVSP_CODEC_H264] = {AVSP_H264_ENCODER, avsp_h264_set},
};

static void describe(AVCodecContext *enc, const struct avsp_encoder_options *options)
{
    const struct avsp_picture_format *fmt = options->format;
    enc->width = fmt->width_px;
    enc->height = fmt->height_px;
    enc->pix_fmt = fmt->pix_fmt;
    enc->sample_aspect_ratio = fmt->sample_aspect;
    enc->color_primaries = fmt->primaries;
    enc->color_trc = fmt->transfer;
    enc->colorspace = fmt->matrix;
    enc->color_range = fmt->range;
    enc->chroma_sample_location = fmt->chroma_location;
    enc->time_base = (AVRational){1, (int)options->timescale};
    enc->framerate = (AVRational){options->frame_rate.num, options->frame_rate.den};
    enc->gop_size = options->gop_frames;
    enc->thread_count = 1;
    enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_CLOSED_GOP;
}

enum avsp_code avsp_encoder_open(const struct avsp_encoder_options *options,
                                 AVCodecContext **ret_encoder, struct avsp_err *err)
{
    const char *name = codecs[options->codec].encoder;
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    if (codec == NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "this FFmpeg has no %s", name);
    AVCodecContext *AVSP_CLEANUP(avcodec_free_context) enc = avcodec_alloc_context3(codec);
    if (enc == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for the encoder");
    describe(enc, options);
    int av = codecs[options->codec].set(enc, options);
    if (av >= 0)
        av = avcodec_open2(enc, codec, NULL);
    if (av < 0) {
        avsp_averr_set(err, av, "open %s for %dx%d at %d/%d frames a second", name, enc->width,
                       enc->height, enc->framerate.num, enc->framerate.den);
        // Whatever it refuses is a property of the job, not damage.
        if (err->code == AVSP_CORRUPT)
            err->code = AVSP_UNSUPPORTED;
        return err->code;
    }
    *ret_encoder = enc;
    enc = NULL;
    return AVSP_OK;
}

int64_t avsp_encoder_delay(const struct avsp_encoder_options *options, const AVCodecContext *enc)
{
    // SVT-AV1's packets hold what is decoded before it is shown, too.
    if (options->codec == AVSP_CODEC_AV1)
        return 0;
    return av_rescale_rnd((int64_t)enc->has_b_frames * options->timescale, options->frame_rate.den,
                          options->frame_rate.num, AV_ROUND_UP);
}

/// A picture without content. @return false where there is no memory for it.
static bool feed_blank(AVCodecContext *enc)
{
    AVFrame *AVSP_CLEANUP(av_frame_free) frame = av_frame_alloc();
    if (frame == NULL)
        return false;
    frame->width = enc->width;
    frame->height = enc->height;
    frame->format = enc->pix_fmt;
    frame->pts = 0;
    return av_frame_get_buffer(frame, 0) >= 0 && avcodec_send_frame(enc, frame) >= 0;
}

void avsp_encoder_close(AVCodecContext **encoder, bool fed)
{
    bool hangs = *encoder != NULL && !fed && (*encoder)->codec_id == AV_CODEC_ID_AV1;
    // Not to be ended: it is left to the end of the process.
    if (hangs && !feed_blank(*encoder))
        *encoder = NULL;
    avcodec_free_context(encoder);
}
