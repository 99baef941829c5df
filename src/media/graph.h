/// A chain of libavfilter's filters for pictures of one size and format. The same pictures give the same bytes: one thread, and
/// bit-exact scaling where formats must be converted between filters. One thread at a time.
#ifndef AVSP_MEDIA_GRAPH_H
#define AVSP_MEDIA_GRAPH_H

#include "util/base.h"

#include <libavfilter/avfilter.h>

struct avsp_graph {
    AVFilterGraph *graph; ///< NULL = none was built
    AVFilterContext *source;
    AVFilterContext *sink;
    int width; ///< of what goes in
    int height;
    int format;
};

/// @param like     borrowed; tells size and format of the pictures.
/// @param filters  as on the command line: "bwdif=mode=send_frame".
/// @return 0; an AVERROR: AVERROR_FILTER_NOT_FOUND where this FFmpeg has not all of them. Close in both cases.
int avsp_graph_build(struct avsp_graph *g, const AVFrame *like, const char *filters);
/// Safe on a zeroed value.
void avsp_graph_close(struct avsp_graph *g);

/// Was it built for such pictures?
bool avsp_graph_fits(const struct avsp_graph *g, const AVFrame *frame);

/// Puts a picture in (its reference is taken; NULL: there are no more). @return 0; an AVERROR.
int avsp_graph_put(struct avsp_graph *g, AVFrame *frame);

/// Takes a picture out. @param out blank. @return 0; AVERROR(EAGAIN) put more in; AVERROR_EOF; another AVERROR.
int avsp_graph_take(struct avsp_graph *g, AVFrame *out);

#endif
