#include "media/deinterlace.h"

#include "media/averr.h"
#include "media/graph.h"

#define FRAME_RATE "bwdif=mode=send_frame:deint=interlaced"
#define FIELD_RATE "bwdif=mode=send_field:deint=interlaced"
#define READY_MAX 8 ///< a frame in gives two pictures at most, and what it ends two more
#define KNOWN_MAX 8 ///< frames whose times are remembered: the filter holds three

struct avsp_deinterlacer {
    enum avsp_fields fields;
    bool field_rate;
    struct avsp_graph graph; ///< for pictures like the last one
    /// Frames go through the filter with their number as their time. It doubles times, so what comes out is twice the number, and one more for
    /// a second field; but not for that of a frame that is alone.
    int64_t n_sent;
    int64_t last;             ///< number of the frame that the last picture came from
    int64_t known[KNOWN_MAX]; ///< pts of frame n at n % KNOWN_MAX
    AVFrame *scratch;
    AVFrame *ready[READY_MAX];
    size_t n_ready;
};

struct avsp_deinterlacer *avsp_deinterlacer_new(enum avsp_fields fields, bool field_rate,
                                                struct avsp_err *err)
{
    struct avsp_deinterlacer *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->fields = fields;
        d->field_rate = field_rate;
        d->last = -1;
        d->scratch = av_frame_alloc();
    }
    if (d != NULL && d->scratch != NULL)
        return d;
    avsp_deinterlacer_free(&d);
    avsp_err_set(err, AVSP_NO_MEMORY, "no memory to deinterlace");
    return NULL;
}

void avsp_deinterlacer_free(struct avsp_deinterlacer **d_ptr)
{
    struct avsp_deinterlacer *d = *d_ptr;
    if (d == NULL)
        return;
    avsp_graph_close(&d->graph);
    av_frame_free(&d->scratch);
    for (size_t i = 0; i < d->n_ready; i++)
        av_frame_free(&d->ready[i]);
    free(d);
    *d_ptr = NULL;
}

/// Takes all pictures that the filter has ready.
static int collect(struct avsp_deinterlacer *d)
{
    for (;;) {
        AVFrame *AVSP_CLEANUP(av_frame_free) frame = av_frame_alloc();
        if (frame == NULL)
            return AVERROR(ENOMEM);
        int av = avsp_graph_take(&d->graph, frame);
        if (av == AVERROR(EAGAIN) || av == AVERROR_EOF)
            return 0;
        if (av < 0)
            return av;
        AVSP_ASSERT(d->n_ready < READY_MAX);
        d->ready[d->n_ready++] = frame;
        frame = NULL;
    }
}

/// Brings what the graph holds to its end.
static int end(struct avsp_deinterlacer *d)
{
    if (d->graph.graph == NULL)
        return 0;
    int av = avsp_graph_put(&d->graph, NULL);
    if (av >= 0)
        av = collect(d);
    avsp_graph_close(&d->graph);
    return av;
}

static void mark(const struct avsp_deinterlacer *d, AVFrame *frame, bool is_context)
{
    if (d->fields != AVSP_FIELDS_FLAGGED) {
        frame->interlaced_frame = 1;
        frame->top_field_first = d->fields == AVSP_FIELDS_TOP_FIRST;
    }
    // The filter makes the first interlaced frame that it sees from itself alone: here that shall be one that nobody sees.
    if (is_context)
        frame->interlaced_frame = 1;
}

static int put(struct avsp_deinterlacer *d, const AVFrame *frame, bool is_context)
{
    int av = avsp_graph_fits(&d->graph, frame) ? 0 : end(d);
    if (av >= 0 && d->graph.graph == NULL)
        av = avsp_graph_build(&d->graph, frame, d->field_rate ? FIELD_RATE : FRAME_RATE);
    if (av >= 0)
        av = av_frame_ref(d->scratch, frame);
    if (av < 0)
        return av;
    mark(d, d->scratch, is_context);
    d->scratch->pts = d->n_sent;
    d->known[d->n_sent % KNOWN_MAX] = frame->pts;
    d->n_sent++;
    av = avsp_graph_put(&d->graph, d->scratch);
    av_frame_unref(d->scratch);
    return av >= 0 ? collect(d) : av;
}

enum avsp_code avsp_deinterlacer_send(struct avsp_deinterlacer *d, const AVFrame *frame,
                                      bool is_context, struct avsp_err *err)
{
    int av = frame != NULL ? put(d, frame, is_context) : end(d);
    if (av >= 0)
        return AVSP_OK;
    avsp_averr_set(err, av, "deinterlace");
    if (err->code == AVSP_CORRUPT)
        err->code = AVSP_UNSUPPORTED;
    return err->code;
}

bool avsp_deinterlacer_receive(struct avsp_deinterlacer *d, AVFrame *out,
                               struct avsp_deinterlaced *ret_from)
{
    if (d->n_ready == 0)
        return false;
    av_frame_move_ref(out, d->ready[0]);
    av_frame_free(&d->ready[0]);
    d->n_ready--;
    for (size_t i = 0; i < d->n_ready; i++)
        d->ready[i] = d->ready[i + 1];
    int64_t n = out->pts / 2;
    *ret_from = (struct avsp_deinterlaced){
        .pts = d->known[n % KNOWN_MAX],
        .is_second = n == d->last,
        .has_next = n + 1 < d->n_sent,
    };
    d->last = n;
    if (ret_from->has_next)
        ret_from->next_pts = d->known[(n + 1) % KNOWN_MAX];
    return true;
}
