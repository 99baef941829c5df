#include "media/encode_av1.h"

#include "media/averr.h"
#include "media/hdr.h"

#include <libavutil/opt.h>

#define ENCODER "libsvtav1"
#define PARAMS_MAX_BYTES 512

static void describe(AVCodecContext *enc, const struct avsp_av1_options *options)
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

static int set_private(AVCodecContext *enc, const struct avsp_av1_options *options)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) params;
    avsp_buf_init(&params, PARAMS_MAX_BYTES);
    avsp_buf_printf(&params, "lp=%u", options->threads);
    avsp_hdr_put_params(&options->format->hdr, &params);
    if (options->film_grain > 0)
        avsp_buf_printf(&params, ":film-grain=%d", options->film_grain);
    struct avsp_err full = {0};
    if (avsp_buf_check(&params, &full) != AVSP_OK)
        return AVERROR(ENOMEM);
    int rc = av_opt_set_int(enc->priv_data, "crf", options->crf, 0);
    if (rc >= 0)
        rc = av_opt_set_int(enc->priv_data, "preset", options->preset, 0);
    if (rc >= 0)
        rc = av_opt_set(enc->priv_data, "svtav1-params", avsp_buf_text(&params), 0);
    return rc;
}

enum avsp_code avsp_av1_open(const struct avsp_av1_options *options, AVCodecContext **ret_encoder,
                             struct avsp_err *err)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(ENCODER);
    if (codec == NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "this FFmpeg has no " ENCODER);
    AVCodecContext *AVSP_CLEANUP(avcodec_free_context) enc = avcodec_alloc_context3(codec);
    if (enc == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for the encoder");
    describe(enc, options);
    int av = set_private(enc, options);
    if (av >= 0)
        av = avcodec_open2(enc, codec, NULL);
    if (av < 0) {
        avsp_averr_set(err, av, "open " ENCODER " for %dx%d at %d/%d frames a second", enc->width,
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

void avsp_av1_close(AVCodecContext **encoder, bool fed)
{
    // Not to be ended: it is left to the end of the process.
    if (*encoder != NULL && !fed && !feed_blank(*encoder))
        *encoder = NULL;
    avcodec_free_context(encoder);
}
