#include "media/audio_limit.h"

#include "media/averr.h"

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>

#define ARGS_BYTES 160

struct avsp_audio_limit {
    AVFilterGraph *graph;
    AVFilterContext *source;
    AVFilterContext *sink;
    AVFrame *in;
    int64_t n_in; ///< samples
};

static int add_filter(struct avsp_audio_limit *limit, const char *name, const char *args,
                      AVFilterContext **last)
{
    AVFilterContext *filter = NULL;
    int av = avfilter_graph_create_filter(&filter, avfilter_get_by_name(name), name, args, NULL,
                                          limit->graph);
    if (av >= 0 && *last != NULL)
        av = avfilter_link(*last, 0, filter, 0);
    *last = filter;
    return av;
}

static int open_graph(struct avsp_audio_limit *limit, const struct avsp_audio_format *format,
                      enum AVSampleFormat sample)
{
    char source[ARGS_BYTES], sink[ARGS_BYTES], layout[ARGS_BYTES / 2];
    AVChannelLayout channels = avsp_audio_layout_of(format);
    int av = av_channel_layout_describe(&channels, layout, sizeof layout);
    if (av < 0)
        return av;
    const char *fmt = av_get_sample_fmt_name(sample);
    snprintf(source, sizeof source, "time_base=1/%d:sample_rate=%d:sample_fmt=%s:channel_layout=%s",
             format->rate, format->rate, fmt, layout);
    snprintf(sink, sizeof sink, "sample_fmts=%s", fmt);
    limit->graph = avfilter_graph_alloc();
    if (limit->graph == NULL)
        return AVERROR(ENOMEM);
    limit->graph->nb_threads = 1;
    AVFilterContext *last = NULL;
    av = add_filter(limit, "abuffer", source, &last);
    limit->source = last;
    // -1 dB, as EBU R 128 has it for what is encoded afterwards; nothing is made louder.
    if (av >= 0)
        av = add_filter(limit, "alimiter", "limit=0.891251:attack=5:release=50:level=0:latency=1",
                        &last);
    if (av >= 0)
        av = add_filter(limit, "aformat", sink, &last);
    if (av >= 0)
        av = add_filter(limit, "abuffersink", NULL, &last);
    limit->sink = last;
    return av >= 0 ? avfilter_graph_config(limit->graph, NULL) : av;
}

enum avsp_code avsp_audio_limit_new(const struct avsp_audio_format *format,
                                    enum AVSampleFormat sample, struct avsp_audio_limit **ret_limit,
                                    struct avsp_err *err)
{
    struct avsp_audio_limit *AVSP_CLEANUP(avsp_audio_limit_free) limit = calloc(1, sizeof *limit);
    if (limit == NULL || (limit->in = av_frame_alloc()) == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    int av = open_graph(limit, format, sample);
    if (av < 0)
        return avsp_averr_set(err, av, "limit the peaks of %d channels at %d Hz",
                              format->n_channels, format->rate);
    *ret_limit = limit;
    limit = NULL;
    return AVSP_OK;
}

void avsp_audio_limit_free(struct avsp_audio_limit **limit_ptr)
{
    struct avsp_audio_limit *limit = *limit_ptr;
    if (limit == NULL)
        return;
    avfilter_graph_free(&limit->graph);
    av_frame_free(&limit->in);
    free(limit);
    *limit_ptr = NULL;
}

enum avsp_code avsp_audio_limit_put(struct avsp_audio_limit *limit, const AVFrame *frame,
                                    struct avsp_err *err)
{
    int av = frame != NULL ? av_frame_ref(limit->in, frame) : 0;
    if (av >= 0 && frame != NULL) {
        limit->in->pts = limit->n_in;
        limit->n_in += frame->nb_samples;
    }
    if (av >= 0)
        av = av_buffersrc_add_frame(limit->source, frame != NULL ? limit->in : NULL);
    av_frame_unref(limit->in);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "limit the peaks of sound");
}

enum avsp_code avsp_audio_limit_take(struct avsp_audio_limit *limit, AVFrame *frame, bool *ret_got,
                                     struct avsp_err *err)
{
    av_frame_unref(frame);
    int av = av_buffersink_get_frame(limit->sink, frame);
    *ret_got = av >= 0;
    return av >= 0 || av == AVERROR(EAGAIN) || av == AVERROR_EOF
               ? AVSP_OK
               : avsp_averr_set(err, av, "limit the peaks of sound");
}
