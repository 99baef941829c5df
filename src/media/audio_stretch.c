#include "media/audio_stretch.h"

#include "media/averr.h"

#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#define PPB INT64_C(1000000000)
/// swresample 4 takes two rates only where their ratio, times 1024 phases, is one of numbers of 30 bits.
#define RATE_MAX 1000000

struct avsp_audio_stretch {
    AVRational ratio; ///< samples that come out for one that goes in
    AVRational time_base;
    SwrContext *swr; ///< NULL: there was no frame yet
    int rate;        ///< what it was made for
    enum AVSampleFormat format;
    AVChannelLayout layout;
};

enum avsp_code avsp_audio_stretch_new(int64_t ppb, AVRational time_base,
                                      struct avsp_audio_stretch **ret_stretch, struct avsp_err *err)
{
    struct avsp_audio_stretch *stretch = calloc(1, sizeof *stretch);
    if (stretch == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    // The nearest there is: exact to far less than a sample in a day.
    av_reduce(&stretch->ratio.num, &stretch->ratio.den, PPB + ppb, PPB, RATE_MAX);
    stretch->time_base = time_base;
    *ret_stretch = stretch;
    return AVSP_OK;
}

void avsp_audio_stretch_free(struct avsp_audio_stretch **stretch_ptr)
{
    struct avsp_audio_stretch *stretch = *stretch_ptr;
    if (stretch == NULL)
        return;
    swr_free(&stretch->swr);
    av_channel_layout_uninit(&stretch->layout);
    free(stretch);
    *stretch_ptr = NULL;
}

static bool is_accepted(const struct avsp_audio_stretch *stretch, const AVFrame *frame)
{
    return stretch->swr != NULL && stretch->rate == frame->sample_rate &&
           stretch->format == (enum AVSampleFormat)frame->format &&
           av_channel_layout_compare(&stretch->layout, &frame->ch_layout) == 0;
}

static int accept_frame(struct avsp_audio_stretch *stretch, const AVFrame *frame)
{
    swr_free(&stretch->swr);
    if (frame->sample_rate < 1)
        return AVERROR_PATCHWELCOME;
    int av = av_channel_layout_copy(&stretch->layout, &frame->ch_layout);
    if (av >= 0)
        av = swr_alloc_set_opts2(&stretch->swr, &stretch->layout, AV_SAMPLE_FMT_FLTP,
                                 stretch->ratio.num, &stretch->layout,
                                 (enum AVSampleFormat)frame->format, stretch->ratio.den, 0, NULL);
    if (av >= 0)
        av = av_opt_set_int(stretch->swr, "linear_interp", 1, 0);
    if (av >= 0)
        av = swr_init(stretch->swr);
    if (av < 0) {
        swr_free(&stretch->swr);
        return av;
    }
    stretch->rate = frame->sample_rate;
    stretch->format = (enum AVSampleFormat)frame->format;
    return 0;
}

static int convert(struct avsp_audio_stretch *stretch, const AVFrame *frame, AVFrame *out)
{
    int n_in = frame != NULL ? frame->nb_samples : 0;
    int64_t held = swr_get_delay(stretch->swr, stretch->ratio.den); // samples of the input
    int room = swr_get_out_samples(stretch->swr, n_in);
    if (room < 0)
        return room;
    out->nb_samples = AVSP_MAX(room, 1);
    out->format = AV_SAMPLE_FMT_FLTP;
    out->sample_rate = stretch->rate;
    int av = av_channel_layout_copy(&out->ch_layout, &stretch->layout);
    if (av >= 0)
        av = av_frame_get_buffer(out, 0);
    if (av >= 0)
        av = swr_convert(stretch->swr, out->extended_data, out->nb_samples,
                         frame != NULL ? (const uint8_t **)frame->extended_data : NULL, n_in);
    if (av < 0)
        return av;
    out->nb_samples = av;
    out->pts = AV_NOPTS_VALUE;
    if (frame != NULL && frame->pts != AV_NOPTS_VALUE)
        out->pts =
            frame->pts - av_rescale_q(held, (AVRational){1, stretch->rate}, stretch->time_base);
    return 0;
}

enum avsp_code avsp_audio_stretch_frame(struct avsp_audio_stretch *stretch, const AVFrame *frame,
                                        AVFrame *out, struct avsp_err *err)
{
    av_frame_unref(out);
    int av = 0;
    if (frame != NULL && !is_accepted(stretch, frame))
        av = accept_frame(stretch, frame);
    if (av >= 0 && stretch->swr != NULL)
        av = convert(stretch, frame, out);
    if (av >= 0)
        return AVSP_OK;
    avsp_averr_set(err, av, "take the drift out of sound");
    return err->code = err->code == AVSP_CORRUPT ? AVSP_UNSUPPORTED : err->code;
}
