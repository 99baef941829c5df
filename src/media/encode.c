#include "core/plan.h"
#include "media/encode_rung.h"
#include "media/encode_whole.h"
#include "media/steps.h"
#include "media/window.h"

#include <inttypes.h>

#define ARENA_BYTES 65536

/// The work on one piece.
struct run {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_window window;
    const struct avsp_piece_header *header; ///< the window's
    AVFrame *shown;                         ///< as it comes from the window
    struct avsp_encode_rung rungs[AVSP_PICTURES_MAX];
    bool is_twin[AVSP_PICTURES_MAX]; ///< gets its pictures from another rung
    size_t n_rungs;
    int64_t place; ///< of the segments in the making; -1 = there are none
};

static void run_deinit(struct run *run)
{
    for (size_t i = 0; i < run->n_rungs; i++)
        avsp_encode_rung_close(&run->rungs[i]);
    avsp_window_close(&run->window);
    av_frame_free(&run->shown);
}

/// Completes the segments in the making. Each encoder holds back dozens of pictures until it knows that no more come; so all are told,
/// and then they work on these side by side.
static enum avsp_code end_segments(struct run *run, int64_t end_ticks, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < run->n_rungs && rc == AVSP_OK; i++)
        rc = avsp_encode_rung_flush(&run->rungs[i], err);
    for (size_t i = 0; i < run->n_rungs && rc == AVSP_OK; i++)
        rc = avsp_encode_rung_end(&run->rungs[i], end_ticks, err);
    run->place = -1;
    return rc;
}

/// Gives the encoders of the next segments the threads that the step is to have now, which the answer to the last ones says.
static enum avsp_code share_threads(struct run *run, struct avsp_err *err)
{
    enum avsp_code rc = avsp_control_drain(run->ctl, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_ladder_rung plans[AVSP_PICTURES_MAX];
    for (size_t i = 0; i < run->n_rungs; i++)
        plans[i] = run->rungs[i].plan;
    unsigned threads[AVSP_PICTURES_MAX];
    avsp_ladder_share(plans, run->n_rungs, avsp_control_threads(run->ctl), threads);
    for (size_t i = 0; i < run->n_rungs; i++)
        run->rungs[i].threads = threads[i];
    return AVSP_OK;
}

static enum avsp_code begin_segments(struct run *run, int64_t place, struct avsp_err *err)
{
    enum avsp_code rc = share_threads(run, err);
    for (size_t i = 0; i < run->n_rungs && rc == AVSP_OK; i++)
        rc = avsp_encode_rung_begin(&run->rungs[i], (uint32_t)place, err);
    run->place = place;
    return rc;
}

/// Encodes one picture of the window.
static enum avsp_code encode_picture(struct run *run, const struct avsp_window_shown *shown,
                                     struct avsp_err *err)
{
    const struct avsp_piece_header *h = run->header;
    int64_t place = avsp_plan_place(h->origin_pts, h->time_base, h->segment_seconds, shown->pts);
    if (place < h->idx || place >= (int64_t)h->idx + h->n_segments)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "a frame at %" PRId64 " belongs to segment %" PRId64
                            ", which is not in this piece",
                            shown->pts, place);
    enum avsp_code rc = AVSP_OK;
    if (run->place >= 0 && run->place != place)
        rc = end_segments(run, shown->ticks, err);
    if (rc == AVSP_OK && run->place < 0)
        rc = begin_segments(run, place, err);
    for (size_t i = 0; i < run->n_rungs && rc == AVSP_OK; i++)
        if (!run->is_twin[i])
            rc = avsp_encode_rung_add(&run->rungs[i], run->shown, shown->ticks, err);
    avsp_control_progress(run->ctl, run->window.n_frames, h->frames);
    return rc;
}

static enum avsp_code encode_all(struct run *run, struct avsp_err *err)
{
    for (bool got = true; got;) {
        struct avsp_window_shown shown;
        enum avsp_code rc = avsp_window_next(&run->window, run->shown, &shown, &got, err);
        if (rc == AVSP_OK && got)
            rc = encode_picture(run, &shown, err);
        av_frame_unref(run->shown);
        if (rc != AVSP_OK)
            return rc;
    }
    return end_segments(run, avsp_window_ticks(&run->window, run->header->next_pts), err);
}

static enum avsp_code warn_of_damage(struct run *run, struct avsp_err *err)
{
    const struct avsp_piece_header *h = run->header;
    const struct avsp_window *w = &run->window;
    uint64_t n_missing = h->frames - w->n_frames;
    // Damage before the window is told by the piece that it belongs to.
    if (n_missing == 0 && w->n_left_out == 0 && w->decoder.n_watched == 0)
        return AVSP_OK;
    return avsp_control_warn(
        run->ctl, err,
        "video from %" PRId64 " s: the source is damaged: %" PRIu64 " errors, %" PRIu64
        " of %" PRIu64 " frames are missing%s, %" PRIu64 " out of order are left out",
        (int64_t)h->idx * h->segment_seconds, w->decoder.n_watched, n_missing, h->frames,
        w->is_held && w->n_frames == 0 ? " (the one before them is shown for all)"
        : w->is_held  ? " (the first of them at the start: the one before is shown longer)"
        : w->is_black ? " (black is shown for all of them)"
        : w->late     ? " (the first of them at the start: the next one is shown earlier)"
                      : "",
        w->n_left_out);
}

/// What is the same for two encoders is made once.
static void pair_rungs(struct run *run)
{
    for (size_t i = 0; i < run->n_rungs; i++)
        for (size_t j = 0; j < i && !run->is_twin[i]; j++)
            run->is_twin[i] = run->rungs[i].plan.codec != run->rungs[j].plan.codec &&
                              avsp_encode_rung_pair(&run->rungs[j], &run->rungs[i]);
}

static enum avsp_code open_rungs(struct run *run, struct avsp_err *err)
{
    const struct avsp_step *step = run->step;
    struct avsp_picture_size own = avsp_picture_own_size(run->header);
    struct avsp_ladder_rung plans[AVSP_PICTURES_MAX];
    size_t n = avsp_ladder_plan(&step->picture, avsp_piece_is_hdr(run->header), own.width_px,
                                own.height_px, step->crf, step->preset, plans);
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < n && rc == AVSP_OK; i++)
        rc = avsp_encode_rung_open(&run->rungs[run->n_rungs++], run->header, &plans[i], step,
                                   run->ctl, err);
    if (rc == AVSP_OK)
        pair_rungs(run);
    return rc;
}

static enum avsp_code run_open(struct run *run, int input_fd, struct avsp_arena *arena,
                               struct avsp_err *err)
{
    run->header = &run->window.header;
    enum avsp_code rc = avsp_window_open(&run->window, input_fd, arena, err);
    if (rc == AVSP_OK)
        rc = open_rungs(run, err);
    if (rc != AVSP_OK)
        return rc;
    run->shown = av_frame_alloc();
    return run->shown != NULL ? AVSP_OK : avsp_err_set(err, AVSP_NO_MEMORY, "no memory for frames");
}

static enum avsp_code encode_described(int input_fd, const struct avsp_step *step,
                                       struct avsp_control *ctl, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct run AVSP_CLEANUP(run_deinit) run = {.step = step, .ctl = ctl, .place = -1};
    enum avsp_code rc = run_open(&run, input_fd, &arena, err);
    if (rc == AVSP_OK)
        rc = encode_all(&run, err);
    if (rc == AVSP_OK)
        rc = warn_of_damage(&run, err);
    return rc;
}

enum avsp_code avsp_encode_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                               struct avsp_err *err)
{
    // SVT-AV1 tells its whole configuration for each segment unless it is asked for warnings only.
    if (setenv("SVT_LOG", "2", 0) != 0)
        return avsp_err_set(err, AVSP_NO_MEMORY, "set SVT_LOG");
    if (!step->described)
        return avsp_encode_whole(input_fd, step, ctl, err);
    enum avsp_code rc = encode_described(input_fd, step, ctl, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "encode the piece");
}
