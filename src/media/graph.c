#include "media/graph.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>

#define ARGS_BYTES 128
/// As in fit.c.
#define SCALER_OPTIONS "flags=bicubic+accurate_rnd+bitexact+full_chroma_int+full_chroma_inp"

static int add_end(struct avsp_graph *g, const char *name, const char *args,
                   AVFilterContext **ret_filter)
{
    return avfilter_graph_create_filter(ret_filter, avfilter_get_by_name(name), name, args, NULL,
                                        g->graph);
}

/// Puts the filters between source and sink.
static int parse(struct avsp_graph *g, const char *filters)
{
    AVFilterInOut *AVSP_CLEANUP(avfilter_inout_free) first = avfilter_inout_alloc();
    AVFilterInOut *AVSP_CLEANUP(avfilter_inout_free) last = avfilter_inout_alloc();
    if (first == NULL || last == NULL)
        return AVERROR(ENOMEM);
    first->filter_ctx = g->source;
    first->name = av_strdup("in");
    last->filter_ctx = g->sink;
    last->name = av_strdup("out");
    if (first->name == NULL || last->name == NULL)
        return AVERROR(ENOMEM);
    return avfilter_graph_parse_ptr(g->graph, filters, &last, &first, NULL);
}

int avsp_graph_build(struct avsp_graph *g, const AVFrame *like, const char *filters)
{
    char source[ARGS_BYTES];
    snprintf(source, sizeof source, "video_size=%dx%d:pix_fmt=%d:time_base=1/1", like->width,
             like->height, like->format);
    *g = (struct avsp_graph){.graph = avfilter_graph_alloc(),
                             .width = like->width,
                             .height = like->height,
                             .format = like->format};
    if (g->graph == NULL)
        return AVERROR(ENOMEM);
    g->graph->nb_threads = 1;
    g->graph->scale_sws_opts = av_strdup(SCALER_OPTIONS);
    if (g->graph->scale_sws_opts == NULL)
        return AVERROR(ENOMEM);
    int av = add_end(g, "buffer", source, &g->source);
    if (av >= 0)
        av = add_end(g, "buffersink", NULL, &g->sink);
    if (av >= 0)
        av = parse(g, filters);
    return av >= 0 ? avfilter_graph_config(g->graph, NULL) : av;
}

void avsp_graph_close(struct avsp_graph *g)
{
    avfilter_graph_free(&g->graph);
}

bool avsp_graph_fits(const struct avsp_graph *g, const AVFrame *frame)
{
    return g->graph != NULL && g->width == frame->width && g->height == frame->height &&
           g->format == frame->format;
}

int avsp_graph_put(struct avsp_graph *g, AVFrame *frame)
{
    return av_buffersrc_add_frame(g->source, frame);
}

int avsp_graph_take(struct avsp_graph *g, AVFrame *out)
{
    return av_buffersink_get_frame(g->sink, out);
}
