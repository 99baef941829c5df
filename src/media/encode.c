#include "core/av1.h"
#include "core/plan.h"
#include "media/encode_segment.h"
#include "media/encode_whole.h"
#include "media/picture.h"
#include "media/steps.h"
#include "media/window.h"

#include <inttypes.h>
#include <string.h>

#define ARENA_BYTES 65536
#define INIT_NAME "init.mp4"
/// More frames than a segment can have, so that it is one GOP.
#define GOP_FRAMES (1 << 20)

/// The work on one piece.
struct run {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_window window;
    const struct avsp_piece_header *header; ///< the window's
    struct avsp_picture *picture;
    AVFrame *shown; ///< as it comes from the window
    AVFrame *made;
    char name[16];                       ///< of the rendition
    struct avsp_buf init;                ///< of the first segment; the others' must be the same
    struct avsp_encode_segment *segment; ///< the one in the making
};

static void run_deinit(struct run *run)
{
    avsp_encode_segment_free(&run->segment);
    avsp_picture_free(&run->picture);
    avsp_window_close(&run->window);
    av_frame_free(&run->shown);
    av_frame_free(&run->made);
    avsp_buf_deinit(&run->init);
}

static const char *video_range(enum AVColorTransferCharacteristic transfer)
{
    switch (transfer) {
    case AVCOL_TRC_SMPTE2084:
        return "PQ";
    case AVCOL_TRC_ARIB_STD_B67:
        return "HLG";
    default:
        return "SDR";
    }
}

static enum avsp_code report_rendition(struct run *run, struct avsp_err *err)
{
    const uint8_t *av1c = NULL;
    size_t av1c_len = 0;
    if (!avsp_fmp4_find_box(&run->init, "av1C", &av1c, &av1c_len))
        return avsp_err_set(err, AVSP_INTERNAL, "the init segment has no av1C box");
    char codecs[AVSP_AV1_CODECS_BYTES];
    enum avsp_code rc = avsp_av1_codecs(av1c, av1c_len, codecs, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "the init segment");
    struct avsp_fmp4_file file = {0};
    rc = avsp_fmp4_save(INIT_NAME, run->init.data, run->init.len, &file, err);
    if (rc != AVSP_OK)
        return rc;
    const struct avsp_picture_format *fmt = avsp_picture_get_format(run->picture);
    struct avsp_report report = {
        .kind = AVSP_REPORT_RENDITION,
        .rendition =
            {
                .name = run->name,
                .kind = AVSP_MEDIA_VIDEO,
                .init_name = INIT_NAME,
                .init_bytes = file.bytes,
                .init_sha256 = file.sha256,
                .codecs = codecs,
                .timescale = run->header->timescale,
                .width_px = (uint32_t)fmt->width_px,
                .height_px = (uint32_t)fmt->height_px,
                .frame_rate = run->header->frame_rate,
                .video_range = video_range(fmt->transfer),
                .language = "und",
                .title = "",
            },
    };
    return avsp_control_report(run->ctl, &report, err);
}

/// The init segment is one for all segments of a job: the first one's is kept and told, the others' are compared.
static enum avsp_code check_init(struct run *run, struct avsp_err *err)
{
    const struct avsp_buf *init = avsp_encode_segment_init(run->segment);
    if (run->init.len == 0) {
        avsp_buf_append(&run->init, init->data, init->len);
        enum avsp_code rc = avsp_buf_check(&run->init, err);
        return rc == AVSP_OK ? report_rendition(run, err) : rc;
    }
    if (run->init.len == init->len && memcmp(run->init.data, init->data, init->len) == 0)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INTERNAL, "the encoder gave another init segment than before");
}

/// Finishes the segment in the making, if there is one.
static enum avsp_code end_segment(struct run *run, int64_t end_ticks, struct avsp_err *err)
{
    if (run->segment == NULL)
        return AVSP_OK;
    uint32_t idx = avsp_encode_segment_idx(run->segment);
    struct avsp_encode_facts facts = {0};
    enum avsp_code rc = avsp_encode_segment_end(run->segment, end_ticks, &facts, err);
    if (rc == AVSP_OK)
        rc = check_init(run, err);
    avsp_encode_segment_free(&run->segment);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "segment %" PRIu32, idx);
    struct avsp_report report = {
        .kind = AVSP_REPORT_SEGMENT,
        .segment =
            {
                .rendition = run->name,
                .idx = idx,
                .name = facts.name,
                .start_ticks = facts.start_ticks,
                .duration_ticks = facts.duration_ticks,
                .frames = facts.frames,
                .bytes = facts.file.bytes,
                .key_bytes = facts.key_bytes,
                .sha256 = facts.file.sha256,
            },
    };
    return avsp_control_report(run->ctl, &report, err);
}

static enum avsp_code begin_segment(struct run *run, uint32_t idx, struct avsp_err *err)
{
    struct avsp_av1_options options = {
        .format = avsp_picture_get_format(run->picture),
        .timescale = run->header->timescale,
        .frame_rate = run->header->frame_rate,
        .crf = run->step->crf,
        .preset = run->step->preset,
        .film_grain = run->step->picture.film_grain,
        .threads = run->step->threads,
        .gop_frames = GOP_FRAMES,
    };
    enum avsp_code rc = avsp_encode_segment_begin(&options, idx, &run->segment, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "segment %" PRIu32, idx);
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
    if (run->segment != NULL && avsp_encode_segment_idx(run->segment) != (uint32_t)place)
        rc = end_segment(run, shown->ticks, err);
    if (rc == AVSP_OK && run->segment == NULL)
        rc = begin_segment(run, (uint32_t)place, err);
    if (rc == AVSP_OK)
        rc = avsp_picture_make(run->picture, run->shown, run->made, err);
    if (rc != AVSP_OK)
        return rc;
    run->made->pts = shown->ticks;
    rc = avsp_encode_segment_add(run->segment, run->made, err);
    av_frame_unref(run->made);
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
    if (run->segment == NULL)
        return avsp_err_set(err, AVSP_CORRUPT, "none of its %" PRIu64 " frames can be decoded",
                            run->header->frames);
    return end_segment(run, avsp_window_ticks(&run->window, run->header->next_pts), err);
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
        w->late ? " (the first of them at the start: the next one is shown earlier)" : "",
        w->n_left_out);
}

static enum avsp_code run_open(struct run *run, int input_fd, struct avsp_arena *arena,
                               struct avsp_err *err)
{
    run->header = &run->window.header;
    enum avsp_code rc = avsp_window_open(&run->window, input_fd, arena, run->step->threads, err);
    if (rc == AVSP_OK)
        rc = avsp_picture_new(run->header, &run->picture, err);
    if (rc != AVSP_OK)
        return rc;
    snprintf(run->name, sizeof run->name, "v%" PRIu32, run->header->track);
    run->shown = av_frame_alloc();
    run->made = av_frame_alloc();
    if (run->shown == NULL || run->made == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for frames");
    return AVSP_OK;
}

static enum avsp_code encode_described(int input_fd, const struct avsp_step *step,
                                       struct avsp_control *ctl, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct run AVSP_CLEANUP(run_deinit) run = {.step = step, .ctl = ctl};
    avsp_buf_init(&run.init, ARENA_BYTES);
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
