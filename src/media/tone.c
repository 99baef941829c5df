#include "media/tone.h"

#include "media/averr.h"

#define WHITE_NITS 203
#define PEAK_NITS 1000 ///< where nothing is known
#define FILTERS_BYTES 512

/// The brightest that a picture gets, in reference whites.
static double peak_of(const struct avsp_hdr *hdr)
{
    const struct avsp_rational *most = &hdr->mastering[AVSP_MASTERING_VALUES - 1];
    double nits = PEAK_NITS;
    if (hdr->has_light && hdr->max_cll > 0)
        nits = hdr->max_cll;
    else if (hdr->has_mastering)
        nits = (double)most->num / most->den;
    return AVSP_MAX(nits / WHITE_NITS, 1.0);
}

static int build(struct avsp_tone *tone, const AVFrame *like)
{
    char filters[FILTERS_BYTES];
    snprintf(filters, sizeof filters,
             "zscale=transfer=linear:npl=%d,format=gbrpf32le,zscale=primaries=709,"
             "tonemap=mobius:peak=%.6f,zscale=transfer=709:matrix=709:range=limited:"
             "chromal=left,format=yuv420p",
             WHITE_NITS, peak_of(&tone->hdr));
    return avsp_graph_build(&tone->graph, like, filters);
}

void avsp_tone_deinit(struct avsp_tone *tone)
{
    avsp_graph_close(&tone->graph);
}

static int map(struct avsp_tone *tone, AVFrame *frame)
{
    int av = 0;
    if (!avsp_graph_fits(&tone->graph, frame)) {
        avsp_graph_close(&tone->graph);
        av = build(tone, frame);
    }
    if (av >= 0)
        av = avsp_graph_put(&tone->graph, frame);
    av_frame_unref(frame);
    return av >= 0 ? avsp_graph_take(&tone->graph, frame) : av;
}

enum avsp_code avsp_tone_map(struct avsp_tone *tone, AVFrame *frame, struct avsp_err *err)
{
    int av = map(tone, frame);
    if (av >= 0)
        return AVSP_OK;
    avsp_averr_set(err, av, "tone map a picture");
    if (err->code == AVSP_CORRUPT)
        err->code = AVSP_UNSUPPORTED;
    return err->code;
}
