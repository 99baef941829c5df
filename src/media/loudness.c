#include "media/loudness.h"

#include "media/averr.h"

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <math.h>

#define ARGS_BYTES 160
#define OVERSAMPLING 4 ///< BS.1770-4, annex 2
#define INTEGRATED "lavfi.r128.I"

struct avsp_loudness {
    struct avsp_audio_format format;
    AVFilterGraph *graph;
    AVFilterContext *source;
    AVFilterContext *sink;
    AVFrame *in;
    AVFrame *out;
    SwrContext *swr; ///< to four times the rate
    AVFrame *fine;   ///< what it gave
    double lufs;
    double peak; ///< as a part of full scale
};

static int add_filter(struct avsp_loudness *meter, const char *name, const char *args,
                      AVFilterContext *before, AVFilterContext **ret_filter)
{
    int av = avfilter_graph_create_filter(ret_filter, avfilter_get_by_name(name), name, args, NULL,
                                          meter->graph);
    return av < 0 || before == NULL ? av : avfilter_link(before, 0, *ret_filter, 0);
}

static int open_graph(struct avsp_loudness *meter)
{
    char source[ARGS_BYTES];
    char layout[ARGS_BYTES / 2];
    AVChannelLayout channels = avsp_audio_layout_of(&meter->format);
    int av = av_channel_layout_describe(&channels, layout, sizeof layout);
    if (av < 0)
        return av;
    snprintf(source, sizeof source,
             "time_base=1/%d:sample_rate=%d:sample_fmt=fltp:channel_layout=%s", meter->format.rate,
             meter->format.rate, layout);
    meter->graph = avfilter_graph_alloc();
    if (meter->graph == NULL)
        return AVERROR(ENOMEM);
    meter->graph->nb_threads = 1;
    AVFilterContext *filter = NULL;
    av = add_filter(meter, "abuffer", source, NULL, &meter->source);
    if (av >= 0)
        av = add_filter(meter, "ebur128", "metadata=1:framelog=verbose", meter->source, &filter);
    if (av >= 0)
        av = add_filter(meter, "abuffersink", NULL, filter, &meter->sink);
    return av >= 0 ? avfilter_graph_config(meter->graph, NULL) : av;
}

static int open_swr(struct avsp_loudness *meter)
{
    AVChannelLayout layout = avsp_audio_layout_of(&meter->format);
    int av = swr_alloc_set_opts2(&meter->swr, &layout, AV_SAMPLE_FMT_FLTP,
                                 OVERSAMPLING * meter->format.rate, &layout, AV_SAMPLE_FMT_FLTP,
                                 meter->format.rate, 0, NULL);
    return av >= 0 ? swr_init(meter->swr) : av;
}

enum avsp_code avsp_loudness_new(const struct avsp_audio_format *format,
                                 struct avsp_loudness **ret_meter, struct avsp_err *err)
{
    struct avsp_loudness *AVSP_CLEANUP(avsp_loudness_free) meter = calloc(1, sizeof *meter);
    if (meter == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to measure sound");
    meter->format = *format;
    meter->lufs = AVSP_LOUDNESS_SILENCE_LUFS;
    meter->in = av_frame_alloc();
    meter->out = av_frame_alloc();
    meter->fine = av_frame_alloc();
    if (meter->in == NULL || meter->out == NULL || meter->fine == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to measure sound");
    int av = open_graph(meter);
    if (av >= 0)
        av = open_swr(meter);
    if (av < 0)
        return avsp_averr_set(err, av, "measure the loudness of %d channels at %d Hz",
                              format->n_channels, format->rate);
    *ret_meter = meter;
    meter = NULL;
    return AVSP_OK;
}

void avsp_loudness_free(struct avsp_loudness **meter_ptr)
{
    struct avsp_loudness *meter = *meter_ptr;
    if (meter == NULL)
        return;
    avfilter_graph_free(&meter->graph);
    swr_free(&meter->swr);
    av_frame_free(&meter->in);
    av_frame_free(&meter->out);
    av_frame_free(&meter->fine);
    free(meter);
    *meter_ptr = NULL;
}

/// Takes what the filter has ready: the last word is that of the whole.
static int collect(struct avsp_loudness *meter)
{
    for (;;) {
        int av = av_buffersink_get_frame(meter->sink, meter->out);
        if (av == AVERROR(EAGAIN) || av == AVERROR_EOF)
            return 0;
        if (av < 0)
            return av;
        const AVDictionaryEntry *entry = av_dict_get(meter->out->metadata, INTEGRATED, NULL, 0);
        if (entry != NULL)
            meter->lufs = strtod(entry->value, NULL);
        av_frame_unref(meter->out);
    }
}

/// The peak between the samples. @param frame  NULL: what the resampler still holds.
static int find_peak(struct avsp_loudness *meter, const AVFrame *frame)
{
    int n_in = frame != NULL ? frame->nb_samples : 0;
    int room = swr_get_out_samples(meter->swr, n_in);
    if (room < 0)
        return room;
    meter->fine->nb_samples = AVSP_MAX(room, 1);
    meter->fine->format = AV_SAMPLE_FMT_FLTP;
    meter->fine->ch_layout = avsp_audio_layout_of(&meter->format);
    int n = av_frame_get_buffer(meter->fine, 0);
    if (n >= 0)
        n = swr_convert(meter->swr, meter->fine->extended_data, meter->fine->nb_samples,
                        frame != NULL ? (const uint8_t **)frame->extended_data : NULL, n_in);
    for (int c = 0; n > 0 && c < meter->format.n_channels; c++) {
        const float *samples = (const float *)(const void *)meter->fine->extended_data[c];
        for (int i = 0; i < n; i++)
            meter->peak = fmax(meter->peak, (double)fabsf(samples[i]));
    }
    av_frame_unref(meter->fine);
    return AVSP_MIN(n, 0);
}

enum avsp_code avsp_loudness_add(struct avsp_loudness *meter, const AVFrame *frame,
                                 struct avsp_err *err)
{
    int av = find_peak(meter, frame);
    if (av >= 0)
        av = av_frame_ref(meter->in, frame);
    if (av >= 0)
        av = av_buffersrc_add_frame(meter->source, meter->in);
    av_frame_unref(meter->in);
    if (av >= 0)
        av = collect(meter);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "measure sound");
}

enum avsp_code avsp_loudness_end(struct avsp_loudness *meter,
                                 struct avsp_loudness_measured *ret_measured, struct avsp_err *err)
{
    int av = find_peak(meter, NULL);
    if (av >= 0)
        av = av_buffersrc_add_frame(meter->source, NULL);
    if (av >= 0)
        av = collect(meter);
    if (av < 0)
        return avsp_averr_set(err, av, "measure sound");
    *ret_measured = (struct avsp_loudness_measured){meter->lufs, 20 * log10(meter->peak)};
    return AVSP_OK;
}

double avsp_loudness_gain_db(const struct avsp_loudness_measured *measured, double goal_lufs,
                             bool *ret_reached)
{
    *ret_reached = false;
    if (!(measured->lufs > AVSP_LOUDNESS_SILENCE_LUFS) || !isfinite(measured->peak_db))
        return 0;
    double wanted = goal_lufs - measured->lufs;
    double most = AVSP_LOUDNESS_PEAK_MAX_DB - measured->peak_db;
    *ret_reached = wanted <= most;
    return fmin(wanted, most);
}
