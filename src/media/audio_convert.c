#include "media/audio_convert.h"

#include "media/averr.h"

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libavutil/samplefmt.h>
#include <string.h>

#define SILENCE_SAMPLES 4096
#define RATE_MAX 48000
#define IN_RATE_MAX 768000
#define IN_CHANNELS_MAX 64 ///< swresample's own limit
#define N_STEREO 2
#define N_SURROUND 6

#define FRONT_MASK (AV_CH_FRONT_LEFT | AV_CH_FRONT_RIGHT | AV_CH_FRONT_CENTER | AV_CH_LOW_FREQUENCY)

/// Rates of MPEG-4 Audio (ISO/IEC 14496-3, table 1.18) that are not above RATE_MAX.
static const int aac_rates[] = {48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000};

AVChannelLayout avsp_audio_layout_of(const struct avsp_audio_format *format)
{
    switch (format->n_channels) {
    case 1:
        return (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    case 2:
        return (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
    default:
        return (AVChannelLayout)AV_CHANNEL_LAYOUT_5POINT1_BACK;
    }
}

/// The layout that samples are understood in: relabelled where the label differs and the sound does not. Without a known
/// order of its channels it stays unspecified.
static AVChannelLayout understood(const AVChannelLayout *in)
{
    if (in->nb_channels == 1)
        return (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    if (in->nb_channels == 2)
        return (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
    AVChannelLayout layout = {0};
    if (in->order == AV_CHANNEL_ORDER_NATIVE)
        layout = *in; // a native layout owns nothing
    else
        av_channel_layout_default(&layout, in->nb_channels);
    // AC-3's side channels are AAC's back channels: one pair of surround speakers.
    if (layout.order == AV_CHANNEL_ORDER_NATIVE && layout.u.mask == AV_CH_LAYOUT_5POINT1)
        return (AVChannelLayout)AV_CHANNEL_LAYOUT_5POINT1_BACK;
    return layout;
}

int avsp_audio_rate_for(int rate)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(aac_rates); i++)
        if (aac_rates[i] == rate)
            return rate;
    return RATE_MAX;
}

int avsp_audio_channels_for(const AVChannelLayout *in)
{
    AVChannelLayout layout = understood(in);
    if (layout.nb_channels <= N_STEREO)
        return AVSP_MAX(layout.nb_channels, 1);
    bool surrounds =
        layout.order == AV_CHANNEL_ORDER_NATIVE && (layout.u.mask & ~(uint64_t)FRONT_MASK) != 0;
    return surrounds ? N_SURROUND : N_STEREO;
}

struct avsp_audio_format avsp_audio_format_for(const AVFrame *frame)
{
    if (frame == NULL)
        return (struct avsp_audio_format){RATE_MAX, N_STEREO};
    return (struct avsp_audio_format){avsp_audio_rate_for(frame->sample_rate),
                                      avsp_audio_channels_for(&frame->ch_layout)};
}

enum avsp_code avsp_audio_convert_init(struct avsp_audio_convert *cv,
                                       const struct avsp_audio_format *out, struct avsp_err *err)
{
    *cv = (struct avsp_audio_convert){.out = *out};
    cv->fifo = av_audio_fifo_alloc(AV_SAMPLE_FMT_FLTP, out->n_channels, SILENCE_SAMPLES);
    cv->silence = av_frame_alloc();
    if (cv->fifo == NULL || cv->silence == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    return AVSP_OK;
}

static void free_planes(struct avsp_audio_convert *cv)
{
    if (cv->planes != NULL)
        av_freep(&cv->planes[0]);
    av_freep(&cv->planes);
    cv->planes_samples = 0;
}

void avsp_audio_convert_deinit(struct avsp_audio_convert *cv)
{
    if (cv->fifo != NULL)
        av_audio_fifo_free(cv->fifo);
    cv->fifo = NULL;
    swr_free(&cv->swr);
    av_channel_layout_uninit(&cv->in_layout);
    av_frame_free(&cv->silence);
    free_planes(cv);
}

/// Channels in no known order: left and right by turns, at a level that cannot clip.
static int set_plain_matrix(SwrContext *swr, int n_in, int n_out)
{
    double matrix[2 * IN_CHANNELS_MAX] = {0};
    int per_side = (n_in + n_out - 1) / n_out;
    for (int i = 0; i < n_in; i++)
        matrix[(i % n_out) * n_in + i] = 1.0 / per_side;
    return swr_set_matrix(swr, matrix, n_in);
}

int avsp_audio_swr_init(SwrContext *swr, bool is_limited)
{
    // The most that a channel may become, as a part of full scale; more than any layout can lead to where peaks are limited later.
    int rc = av_opt_set_double(swr, "rematrix_maxval", is_limited ? 100 : 1, 0);
    return rc < 0 ? rc : swr_init(swr);
}

static int open_swr(struct avsp_audio_convert *cv, const AVFrame *frame)
{
    if (frame->sample_rate < 1 || frame->sample_rate > IN_RATE_MAX ||
        frame->ch_layout.nb_channels < 1 || frame->ch_layout.nb_channels > IN_CHANNELS_MAX)
        return AVERROR_PATCHWELCOME;
    AVChannelLayout in = understood(&frame->ch_layout);
    AVChannelLayout out = avsp_audio_layout_of(&cv->out);
    int rc = swr_alloc_set_opts2(&cv->swr, &out, AV_SAMPLE_FMT_FLTP, cv->out.rate, &in,
                                 (enum AVSampleFormat)frame->format, frame->sample_rate, 0, NULL);
    if (rc >= 0 && in.order == AV_CHANNEL_ORDER_UNSPEC)
        rc = cv->out.n_channels <= 2 ? set_plain_matrix(cv->swr, in.nb_channels, cv->out.n_channels)
                                     : AVERROR_PATCHWELCOME;
    if (cv->in_rate == 0)
        cv->is_mixed = in.nb_channels > cv->out.n_channels;
    return rc < 0 ? rc : avsp_audio_swr_init(cv->swr, cv->is_mixed);
}

static int make_silence(struct avsp_audio_convert *cv, const AVFrame *frame)
{
    av_frame_unref(cv->silence);
    cv->silence->format = frame->format;
    cv->silence->sample_rate = frame->sample_rate;
    cv->silence->nb_samples = SILENCE_SAMPLES;
    int rc = av_channel_layout_copy(&cv->silence->ch_layout, &frame->ch_layout);
    if (rc >= 0)
        rc = av_frame_get_buffer(cv->silence, 0);
    if (rc >= 0)
        rc = av_samples_set_silence(cv->silence->extended_data, 0, SILENCE_SAMPLES,
                                    frame->ch_layout.nb_channels,
                                    (enum AVSampleFormat)frame->format);
    return rc;
}

static bool is_accepted(const struct avsp_audio_convert *cv, const AVFrame *frame)
{
    return cv->swr != NULL && cv->in_rate == frame->sample_rate &&
           cv->in_format == (enum AVSampleFormat)frame->format &&
           av_channel_layout_compare(&cv->in_layout, &frame->ch_layout) == 0;
}

enum avsp_code avsp_audio_convert_accept(struct avsp_audio_convert *cv, const AVFrame *frame,
                                         int *ret_old_rate, struct avsp_err *err)
{
    *ret_old_rate = cv->in_rate;
    if (is_accepted(cv, frame))
        return AVSP_OK;
    if (cv->swr != NULL) {
        enum avsp_code rc = avsp_audio_convert_flush(cv, err);
        if (rc != AVSP_OK)
            return rc;
    }
    swr_free(&cv->swr);
    int av = open_swr(cv, frame);
    if (av >= 0)
        av = make_silence(cv, frame);
    if (av >= 0)
        av = av_channel_layout_copy(&cv->in_layout, &frame->ch_layout);
    if (av < 0) {
        swr_free(&cv->swr);
        avsp_averr_set(err, av, "convert sound of %d channels at %d Hz",
                       frame->ch_layout.nb_channels, frame->sample_rate);
        return err->code = err->code == AVSP_CORRUPT ? AVSP_UNSUPPORTED : err->code;
    }
    cv->in_rate = frame->sample_rate;
    cv->in_format = (enum AVSampleFormat)frame->format;
    return AVSP_OK;
}

static int grow_planes(struct avsp_audio_convert *cv, int n)
{
    if (n <= cv->planes_samples)
        return 0;
    free_planes(cv);
    int rc = av_samples_alloc_array_and_samples(&cv->planes, NULL, cv->out.n_channels, n,
                                                AV_SAMPLE_FMT_FLTP, 0);
    if (rc >= 0)
        cv->planes_samples = n;
    return rc < 0 ? rc : 0;
}

/// Converts @p n samples at @p data (NULL: drains) and puts them into the fifo.
static enum avsp_code convert(struct avsp_audio_convert *cv, const uint8_t **data, int n,
                              struct avsp_err *err)
{
    int room = swr_get_out_samples(cv->swr, n);
    int av = room < 0 ? room : grow_planes(cv, AVSP_MAX(room, 1));
    if (av >= 0)
        av = swr_convert(cv->swr, cv->planes, cv->planes_samples, data, n);
    if (av > 0)
        av = av_audio_fifo_write(cv->fifo, (void **)cv->planes, av);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "convert sound");
}

enum avsp_code avsp_audio_convert_frame(struct avsp_audio_convert *cv, const AVFrame *frame,
                                        int from, int n, struct avsp_err *err)
{
    const uint8_t *data[IN_CHANNELS_MAX] = {0};
    int channels = frame->ch_layout.nb_channels;
    bool planar = av_sample_fmt_is_planar((enum AVSampleFormat)frame->format) != 0;
    int sample = av_get_bytes_per_sample((enum AVSampleFormat)frame->format);
    ptrdiff_t offset = (ptrdiff_t)from * sample * (planar ? 1 : channels);
    for (int i = 0; i < (planar ? channels : 1); i++)
        data[i] = frame->extended_data[i] + offset;
    return convert(cv, data, n, err);
}

enum avsp_code avsp_audio_convert_silence(struct avsp_audio_convert *cv, int64_t n, int *ret_n,
                                          struct avsp_err *err)
{
    *ret_n = (int)AVSP_MIN(n, SILENCE_SAMPLES);
    return avsp_audio_convert_frame(cv, cv->silence, 0, *ret_n, err);
}

enum avsp_code avsp_audio_convert_flush(struct avsp_audio_convert *cv, struct avsp_err *err)
{
    return cv->swr != NULL ? convert(cv, NULL, 0, err) : AVSP_OK;
}
