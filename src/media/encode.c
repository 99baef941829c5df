#include "core/av1.h"
#include "core/plan.h"
#include "media/averr.h"
#include "media/decoder.h"
#include "media/encode_segment.h"
#include "media/encode_whole.h"
#include "media/picture.h"
#include "media/source.h"
#include "media/steps.h"

#include <inttypes.h>
#include <string.h>

#define ARENA_BYTES 65536
#define INIT_NAME "init.mp4"
/// More frames than a segment can have, so that it is one GOP.
#define GOP_FRAMES (1 << 20)
#define MS_PER_S 1000

/// The work on one piece.
struct run {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_piece_header header;
    struct avsp_source source;
    struct avsp_decoder decoder;
    struct avsp_picture *picture;
    AVPacket *pkt;
    AVFrame *decoded;
    AVFrame *made;
    char name[16];                       ///< of the rendition
    struct avsp_buf init;                ///< of the first segment; the others' must be the same
    struct avsp_encode_segment *segment; ///< the one in the making
    uint64_t n_frames;                   ///< that were encoded
    uint64_t n_left_out;                 ///< that a damaged source gave too many
    int64_t last_pts; ///< of the last frame that was encoded, at first the window's start
    bool late;        ///< the first frames are missing
};

static void run_deinit(struct run *run)
{
    avsp_encode_segment_free(&run->segment);
    avsp_picture_free(&run->picture);
    avsp_decoder_close(&run->decoder);
    avsp_source_close(&run->source);
    av_packet_free(&run->pkt);
    av_frame_free(&run->decoded);
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
                .timescale = run->header.timescale,
                .width_px = (uint32_t)fmt->width_px,
                .height_px = (uint32_t)fmt->height_px,
                .frame_rate = run->header.frame_rate,
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
                .sha256 = facts.file.sha256,
            },
    };
    return avsp_control_report(run->ctl, &report, err);
}

static enum avsp_code begin_segment(struct run *run, uint32_t idx, struct avsp_err *err)
{
    struct avsp_av1_options options = {
        .format = avsp_picture_get_format(run->picture),
        .timescale = run->header.timescale,
        .frame_rate = run->header.frame_rate,
        .crf = run->step->crf,
        .preset = run->step->preset,
        .threads = run->step->threads,
        .gop_frames = GOP_FRAMES,
    };
    enum avsp_code rc = avsp_encode_segment_begin(&options, idx, &run->segment, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "segment %" PRIu32, idx);
}

static int64_t ticks_of(const struct run *run, int64_t pts)
{
    return avsp_plan_ticks(pts, run->header.origin_pts, run->header.time_base,
                           run->header.timescale);
}

/// Where a frame begins on the timeline: at its own timestamp, but the first one where the first frame of the window should have
/// been. So a damaged start leaves no hole between this piece and the one before.
static int64_t start_ticks(struct run *run, int64_t pts)
{
    AVRational base = {run->header.time_base.num, run->header.time_base.den};
    if (run->n_frames == 0 && run->decoder.first_pts != AV_NOPTS_VALUE) {
        int64_t promised =
            av_rescale_q(run->decoder.first_pts, run->decoder.stream->time_base, base);
        run->late = promised < pts;
        pts = AVSP_MIN(pts, promised);
    }
    return ticks_of(run, pts);
}

/// Encodes one frame of the window.
static enum avsp_code encode_frame(struct run *run, int64_t pts, struct avsp_err *err)
{
    const struct avsp_piece_header *h = &run->header;
    int64_t place = avsp_plan_place(h->origin_pts, h->time_base, h->segment_seconds, pts);
    if (place < h->idx || place >= (int64_t)h->idx + h->n_segments)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "a frame at %" PRId64 " belongs to segment %" PRId64
                            ", which is not in this piece",
                            pts, place);
    int64_t ticks = start_ticks(run, pts);
    enum avsp_code rc = AVSP_OK;
    if (run->segment != NULL && avsp_encode_segment_idx(run->segment) != (uint32_t)place)
        rc = end_segment(run, ticks, err);
    if (rc == AVSP_OK && run->segment == NULL)
        rc = begin_segment(run, (uint32_t)place, err);
    if (rc == AVSP_OK)
        rc = avsp_picture_make(run->picture, run->decoded, run->made, err);
    if (rc != AVSP_OK)
        return rc;
    run->made->pts = ticks;
    rc = avsp_encode_segment_add(run->segment, run->made, err);
    av_frame_unref(run->made);
    run->n_frames++;
    run->last_pts = pts;
    avsp_control_progress(run->ctl, run->n_frames, h->frames);
    return rc;
}

/// A frame that does not fit: a damaged source may give one, which is left out and counted; else something is wrong with the
/// piece, and nothing is guessed.
static enum avsp_code doubt(struct run *run, int64_t pts, const char *what, struct avsp_err *err)
{
    if (run->decoder.n_damaged > 0) {
        run->n_left_out++;
        return AVSP_OK;
    }
    int64_t ms = avsp_plan_ticks(pts, run->header.origin_pts, run->header.time_base, MS_PER_S);
    return avsp_err_set(err, AVSP_CORRUPT, "the frame at %" PRId64 ".%03" PRId64 " s %s",
                        ms / MS_PER_S, ms % MS_PER_S, what);
}

/// Looks at one decoded frame. @param ret_past the window is over.
static enum avsp_code take_frame(struct run *run, bool *ret_past, struct avsp_err *err)
{
    const struct avsp_piece_header *h = &run->header;
    if (run->decoded->pts == AV_NOPTS_VALUE)
        return doubt(run, run->last_pts, "is followed by one without a timestamp", err);
    AVRational base = {h->time_base.num, h->time_base.den};
    int64_t pts = av_rescale_q(run->decoded->pts, run->decoder.stream->time_base, base);
    if (pts < h->in_pts)
        return AVSP_OK;
    if (pts >= h->out_pts) {
        *ret_past = true;
        return AVSP_OK;
    }
    if (run->n_frames > 0 && pts <= run->last_pts)
        return doubt(run, pts, "is not after the one before", err);
    if (run->n_frames >= h->frames)
        return doubt(run, pts, "is one more than the piece promises", err);
    return encode_frame(run, pts, err);
}

static enum avsp_code encode_all(struct run *run, struct avsp_err *err)
{
    bool past = false;
    while (!past) {
        bool got = false;
        enum avsp_code rc =
            avsp_decoder_read(&run->decoder, run->source.ctx, run->pkt, run->decoded, &got, err);
        if (rc == AVSP_OK && got)
            rc = take_frame(run, &past, err);
        av_frame_unref(run->decoded);
        if (rc != AVSP_OK)
            return rc;
        if (!got)
            break;
    }
    if (run->n_frames == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "none of its %" PRIu64 " frames can be decoded",
                            run->header.frames);
    return end_segment(run, ticks_of(run, run->header.next_pts), err);
}

static enum avsp_code warn_of_damage(struct run *run, struct avsp_err *err)
{
    const struct avsp_piece_header *h = &run->header;
    uint64_t n_missing = h->frames - run->n_frames;
    // Damage before the window is told by the piece that it belongs to.
    if (n_missing == 0 && run->n_left_out == 0 && run->decoder.n_watched == 0)
        return AVSP_OK;
    return avsp_control_warn(
        run->ctl, err,
        "video from %" PRId64 " s: the source is damaged: %" PRIu64 " errors, %" PRIu64
        " of %" PRIu64 " frames are missing%s, %" PRIu64 " out of order are left out",
        (int64_t)h->idx * h->segment_seconds, run->decoder.n_watched, n_missing, h->frames,
        run->late ? " (the first of them at the start: the next one is shown earlier)" : "",
        run->n_left_out);
}

static enum avsp_code check_header(const struct avsp_piece_header *h, struct avsp_err *err)
{
    if (h->kind != AVSP_MEDIA_VIDEO)
        return avsp_err_set(err, AVSP_INVALID, "not a piece of video");
    if (h->in_pts >= h->out_pts || h->next_pts <= h->in_pts || h->frames == 0 ||
        h->n_segments == 0 || h->timescale == 0 || h->timescale > INT32_MAX ||
        h->frame_rate.num < 1 || h->frame_rate.den < 1 || h->rotation % 90 != 0)
        return avsp_err_set(err, AVSP_INVALID, "the header of the piece contradicts itself");
    return AVSP_OK;
}

static enum avsp_code run_open(struct run *run, int input_fd, struct avsp_arena *arena,
                               struct avsp_err *err)
{
    enum avsp_code rc = avsp_source_open_piece(input_fd, arena, &run->header, &run->source, err);
    if (rc == AVSP_OK)
        rc = check_header(&run->header, err);
    if (rc != AVSP_OK)
        return rc;
    int stream = av_find_best_stream(run->source.ctx, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (stream < 0)
        return avsp_averr_set(err, stream, "find the video of the piece");
    const AVStream *st = run->source.ctx->streams[stream];
    rc = avsp_decoder_open(&run->decoder, st, run->step->threads, err);
    if (rc == AVSP_OK)
        rc = avsp_picture_new(&run->header, &run->picture, err);
    if (rc != AVSP_OK)
        return rc;
    AVRational base = {run->header.time_base.num, run->header.time_base.den};
    avsp_decoder_watch(&run->decoder, av_rescale_q(run->header.in_pts, base, st->time_base),
                       av_rescale_q(run->header.out_pts, base, st->time_base));
    run->last_pts = run->header.in_pts;
    snprintf(run->name, sizeof run->name, "v%" PRIu32, run->header.track);
    run->pkt = av_packet_alloc();
    run->decoded = av_frame_alloc();
    run->made = av_frame_alloc();
    if (run->pkt == NULL || run->decoded == NULL || run->made == NULL)
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
