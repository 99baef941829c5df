#include "media/split_video.h"

#include "core/plan.h"
#include "media/deinterlace.h"
#include "media/keyframe.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/// No codec holds back more than 16 frames (H.264's and HEVC's decoded picture buffer), each of two fields at most, which
/// may be packets of their own.
#define REORDER_MAX 32

/// Of a run's own bytes, what the next piece may repeat: one half.
#define OVERLAP_DIVISOR 2

#define PIECE_NAME_BYTES 32

/// Room for rounding below INT32_MAX.
#define SAMPLE_TICKS_MAX (INT32_MAX - 1000)

enum avsp_code avsp_split_video_init(struct avsp_split_video *video, struct avsp_control *ctl,
                                     const struct avsp_step *step, AVStream *stream,
                                     const struct avsp_piece_header *facts, int64_t shift_s,
                                     struct avsp_err *err)
{
    *video = (struct avsp_split_video){
        .ctl = ctl,
        .step = step,
        .stream = stream,
        .facts = *facts,
        .time_base = {stream->time_base.num, stream->time_base.den},
        .shift_s = shift_s,
        .limit_pts = INT64_MAX,
        .scratch = av_packet_alloc(),
        .last_pts = INT64_MIN,
    };
    avsp_spool_init(&video->spool, AVSP_SPOOL_MEMORY_BYTES);
    struct avsp_rational rate = facts->frame_rate;
    rate.den *= facts->field_rate ? 2 : 1; // a picture for each field
    avsp_gaps_init(&video->gaps, rate, video->time_base);
    if (video->scratch == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to split the video");
    return AVSP_OK;
}

void avsp_split_video_deinit(struct avsp_split_video *video)
{
    avsp_piece_writer_free(video->run.writer);
    video->run.writer = NULL;
    avsp_spool_deinit(&video->spool);
    av_packet_free(&video->scratch);
}

static int64_t place_of(const struct avsp_split_video *video, int64_t pts)
{
    return avsp_plan_place(video->origin_pts, video->time_base, video->step->segment_seconds, pts);
}

static int64_t end_of_place(const struct avsp_split_video *video, int64_t place)
{
    return avsp_plan_boundary(video->origin_pts, video->time_base, video->step->segment_seconds,
                              place + 1);
}

/// Lets the run reach to the place of @p pts.
static enum avsp_code reach_to(struct avsp_split_video *video, int64_t pts, struct avsp_err *err)
{
    int64_t place = place_of(video, pts);
    if (place >= AVSP_SEGMENTS_MAX)
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "a frame lies more than %d segments of %d s after the first one",
                            AVSP_SEGMENTS_MAX, video->step->segment_seconds);
    video->run.last_place = place;
    video->run.end_pts = AVSP_MIN(end_of_place(video, place), video->limit_pts);
    return AVSP_OK;
}

/// Counts a packet for the run; frames before @p from_pts are none of its business (any more).
static void count(struct avsp_split_video *video, uint64_t number, int64_t from_pts)
{
    struct avsp_piece_run *run = &video->run;
    const struct avsp_spool_entry *entry = avsp_spool_at(&video->spool, number);
    if (!entry->shown || entry->pts < from_pts)
        return;
    if (entry->pts < run->end_pts) {
        run->frames++;
        run->own_bytes += (uint64_t)entry->size_bytes;
        run->last_pts = AVSP_MAX(run->last_pts, entry->pts);
        run->wanted = AVSP_MAX(run->wanted, number + 1);
        return;
    }
    if (run->n_beyond == 0) {
        run->first_beyond = number;
        run->next_pts = entry->pts;
    }
    run->n_beyond++;
    if (entry->pts > run->next_pts)
        return;
    run->next_pts = entry->pts;
    run->next_number = number;
}

/// Counts again what came too early for the run as it was before.
static void recount(struct avsp_split_video *video, uint64_t from, int64_t from_pts)
{
    video->run.n_beyond = 0;
    for (uint64_t i = from; i < video->spool.end; i++)
        count(video, i, from_pts);
}

/// Writes the packets that must be in the file: up to the last, in decode order, that is shown within the window.
static enum avsp_code write_wanted(struct avsp_split_video *video, struct avsp_err *err)
{
    struct avsp_piece_run *run = &video->run;
    for (; run->written < run->wanted; run->written++) {
        const struct avsp_spool_entry *entry = avsp_spool_at(&video->spool, run->written);
        // What is hidden but would fall into the window moves out of it; all else keeps its time.
        bool timed = entry->shown || entry->pts < run->in_pts;
        av_packet_unref(video->scratch);
        enum avsp_code rc = avsp_spool_load(&video->spool, run->written, video->scratch, err);
        if (rc == AVSP_OK)
            rc = avsp_piece_writer_put(run->writer, video->scratch, entry->pts, timed, err);
        av_packet_unref(video->scratch);
        if (rc != AVSP_OK)
            return rc;
    }
    return AVSP_OK;
}

/// The time from which on frames must be whole for a window that begins at @p in_pts: its own, or, where pictures lean on frames before it,
/// that of the second shown one before it, or as near as there is one.
static int64_t whole_from(const struct avsp_split_video *video, int64_t in_pts)
{
    if (video->facts.fields == AVSP_FIELDS_NONE)
        return in_pts;
    int64_t latest[AVSP_DEINTERLACE_CONTEXT] = {in_pts, in_pts};
    size_t n = 0;
    for (uint64_t i = video->spool.first; i < video->spool.end; i++) {
        const struct avsp_spool_entry *entry = avsp_spool_at(&video->spool, i);
        if (!entry->shown || entry->pts >= in_pts)
            continue;
        if (n == 0 || entry->pts > latest[0]) {
            latest[1] = n > 0 ? latest[0] : entry->pts;
            latest[0] = entry->pts;
        } else if (n == 1 || entry->pts > latest[1]) {
            latest[1] = entry->pts;
        }
        n++;
    }
    return latest[1];
}

/// Number of the packet with which a piece must begin whose window begins at @p in_pts.
static uint64_t start_for(const struct avsp_split_video *video, int64_t in_pts)
{
    return avsp_spool_start_for(&video->spool, whole_from(video, in_pts));
}

/// Forgets what no later piece can begin with and this one holds already.
static void trim(struct avsp_split_video *video)
{
    uint64_t start = start_for(video, video->run.end_pts);
    avsp_spool_drop_before(&video->spool, AVSP_MIN(start, video->run.written));
}

/// A piece that was given up may still lie there: its place has another name for pieces that come after it.
static void piece_name(const struct avsp_split_video *video, char ret_name[PIECE_NAME_BYTES])
{
    snprintf(ret_name, PIECE_NAME_BYTES, "v0-%05" PRIu32 "%s.piece", video->run.idx,
             video->in_order ? "-lossless" : "");
}

/// Begins the piece whose first frame is at @p in_pts and whose packets begin with number @p start.
/// @param from  number of the first packet that may be within its window.
static enum avsp_code open_run(struct avsp_split_video *video, int64_t in_pts, uint64_t start,
                               uint64_t from, struct avsp_err *err)
{
    video->run = (struct avsp_piece_run){.start = start,
                                         .n_places = 1,
                                         .in_pts = in_pts,
                                         .last_pts = in_pts,
                                         .written = start,
                                         .wanted = start};
    enum avsp_code rc = reach_to(video, in_pts, err);
    if (rc != AVSP_OK)
        return rc;
    video->run.idx = (uint32_t)video->run.last_place;
    char name[PIECE_NAME_BYTES];
    piece_name(video, name);
    video->run.writer = avsp_piece_writer_open(name, video->stream, video->shift_s, err);
    if (video->run.writer == NULL)
        return err->code;
    recount(video, from, in_pts);
    rc = write_wanted(video, err);
    if (rc == AVSP_OK)
        trim(video);
    return rc;
}

static enum avsp_code extend_run(struct avsp_split_video *video, struct avsp_err *err)
{
    int64_t next_pts = video->run.next_pts;
    enum avsp_code rc = reach_to(video, next_pts, err);
    if (rc != AVSP_OK)
        return rc;
    video->run.n_places++;
    recount(video, video->run.first_beyond, next_pts);
    rc = write_wanted(video, err);
    if (rc == AVSP_OK)
        trim(video);
    return rc;
}

/// Ticks a second of the segments.
static int timescale_of(const struct avsp_split_video *video)
{
    AVRational base = avsp_piece_time_base(video->stream->time_base);
    // With a picture for each field the middle between two frames is a tick.
    return base.den << (video->facts.field_rate && base.den <= INT32_MAX / 2);
}

static struct avsp_piece_header header_of(const struct avsp_split_video *video, int64_t out_pts,
                                          int64_t next_pts)
{
    const struct avsp_piece_run *run = &video->run;
    struct avsp_piece_header header = video->facts;
    header.time_base = avsp_piece_writer_time_base(run->writer);
    header.origin_time_base = header.time_base;
    header.origin_pts = avsp_piece_writer_pts(run->writer, video->origin_pts);
    header.lead_ticks = header.origin_pts - avsp_piece_writer_pts(run->writer, video->source_pts);
    header.idx = run->idx;
    header.n_segments = (uint32_t)(run->last_place - run->idx + 1);
    header.in_pts = avsp_piece_writer_pts(run->writer, run->in_pts);
    header.out_pts = avsp_piece_writer_pts(run->writer, out_pts);
    header.next_pts = avsp_piece_writer_pts(run->writer, next_pts);
    header.frames = run->frames;
    header.timescale = (uint32_t)timescale_of(video);
    return header;
}

static enum avsp_code report_run(struct avsp_split_video *video, int64_t out_pts, uint64_t bytes,
                                 struct avsp_err *err)
{
    const struct avsp_piece_run *run = &video->run;
    char name[PIECE_NAME_BYTES];
    piece_name(video, name);
    if (run->last_place < video->step->resume_idx) {
        unlink(name); // an earlier attempt stored it
        return AVSP_OK;
    }
    struct avsp_report report = {
        .kind = AVSP_REPORT_PIECE,
        .piece = {.kind = AVSP_TASK_ENCODE,
                  .track = video->facts.track,
                  .idx = run->idx,
                  .n_segments = (uint32_t)(run->last_place - run->idx + 1),
                  .in_pts = run->in_pts,
                  .out_pts = out_pts,
                  .time_base = video->time_base,
                  .frames = run->frames,
                  .bytes = bytes,
                  .file = {.kind = AVSP_LOCATION_FS, .path = name}},
    };
    return avsp_control_report(video->ctl, &report, err);
}

/// Completes the piece and tells of it. @param out_pts first tick that is not in it; @param next_pts where its last frame
/// ends.
static enum avsp_code close_run(struct avsp_split_video *video, int64_t out_pts, int64_t next_pts,
                                struct avsp_err *err)
{
    struct avsp_piece_header header = header_of(video, out_pts, next_pts);
    uint64_t bytes = 0;
    enum avsp_code rc = avsp_piece_writer_finish(video->run.writer, &header, &bytes, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_piece_writer_free(video->run.writer);
    video->run.writer = NULL;
    video->frames_done += video->run.frames;
    return report_run(video, out_pts, bytes, err);
}

/// Bytes of all packets before @p number, which may be the one that comes next.
static uint64_t bytes_before(const struct avsp_spool *spool, uint64_t number)
{
    return number == spool->end ? spool->total_bytes : avsp_spool_at(spool, number)->bytes_before;
}

/// Where pictures lean on the frame behind them, the piece gets the one behind its window.
static enum avsp_code add_tail(struct avsp_split_video *video, struct avsp_err *err)
{
    if (video->facts.fields == AVSP_FIELDS_NONE)
        return AVSP_OK;
    video->run.wanted = AVSP_MAX(video->run.wanted, video->run.next_number + 1);
    return write_wanted(video, err);
}

/// Completes the last piece of a part.
static enum avsp_code close_part(struct avsp_split_video *video, struct avsp_err *err)
{
    enum avsp_code rc = add_tail(video, err);
    video->is_over = true;
    return rc == AVSP_OK ? close_run(video, video->limit_pts, video->limit_pts, err) : rc;
}

/// The run's last place is over and frames behind it are there: goes on with it, or begins the next piece.
static enum avsp_code pass_boundary(struct avsp_split_video *video, struct avsp_err *err)
{
    const struct avsp_piece_run run = video->run;
    if (run.next_pts >= video->limit_pts)
        return close_part(video, err);
    uint64_t start = start_for(video, run.next_pts);
    uint64_t repeated = 0;
    if (start < run.wanted)
        repeated = bytes_before(&video->spool, run.wanted) - bytes_before(&video->spool, start);
    if (repeated > run.own_bytes / OVERLAP_DIVISOR)
        return extend_run(video, err);
    enum avsp_code rc = add_tail(video, err);
    if (rc == AVSP_OK)
        rc = close_run(video, run.next_pts, run.next_pts, err);
    if (rc != AVSP_OK)
        return rc;
    return open_run(video, run.next_pts, start, run.first_beyond, err);
}

/// How many later frames say that no earlier one follows.
static uint64_t held_back(const struct avsp_split_video *video)
{
    return video->in_order ? 0 : REORDER_MAX;
}

/// Closes what is over.
static enum avsp_code pass_boundaries(struct avsp_split_video *video, uint64_t n_held_back,
                                      struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK && !video->is_over && video->run.n_beyond > n_held_back)
        rc = pass_boundary(video, err);
    return rc;
}

void avsp_split_video_await(struct avsp_split_video *video, int64_t source_pts, int64_t start_pts)
{
    video->waits = true;
    video->source_pts = source_pts;
    video->start_pts = start_pts;
    video->first_pts = INT64_MAX;
    video->n_waiting = 0;
}

bool avsp_split_video_is_known(const struct avsp_split_video *video)
{
    return video->waits && video->n_waiting > held_back(video);
}

/// The first frame of a part is shown from the origin on.
static void move_first(struct avsp_split_video *video)
{
    for (uint64_t i = video->spool.first; i < video->spool.end; i++) {
        const struct avsp_spool_entry *entry = avsp_spool_at(&video->spool, i);
        if (entry->shown && entry->pts == video->first_pts)
            avsp_spool_retime(&video->spool, i, video->origin_pts);
    }
}

enum avsp_code avsp_split_video_begin(struct avsp_split_video *video, int64_t origin_pts,
                                      struct avsp_err *err)
{
    video->origin_pts = origin_pts;
    if (!video->waits) {
        video->source_pts = origin_pts;
        return open_run(video, origin_pts, 0, 0, err);
    }
    video->waits = false;
    uint64_t start = start_for(video, video->first_pts);
    move_first(video);
    enum avsp_code rc = open_run(video, origin_pts, start, start, err);
    return rc == AVSP_OK ? pass_boundaries(video, held_back(video), err) : rc;
}

bool avsp_split_video_run_is_too_long(const struct avsp_split_video *video)
{
    return video->run.writer != NULL && !video->in_order && !video->is_over &&
           video->run.n_places * video->step->segment_seconds > AVSP_RUN_SECONDS_MAX;
}

/// Takes note of a frame's distance to the others; behind a part's end not all of them come.
static void note_gap(struct avsp_split_video *video, int64_t pts)
{
    if (pts < video->limit_pts)
        avsp_gaps_put(&video->gaps, pts);
}

/// Notes the latest frame of all, and how long it is shown.
static void note_frame(struct avsp_split_video *video, const AVPacket *packet)
{
    video->frames += !video->waits;
    if (!video->waits && packet->pts > video->origin_pts) // the first one may have been moved there
        note_gap(video, packet->pts);
    video->has_beyond = video->has_beyond || packet->pts >= video->limit_pts;
    if (packet->pts < video->last_pts || packet->pts >= video->limit_pts)
        return;
    video->last_pts = packet->pts;
    video->last_duration = packet->duration;
}

uint64_t avsp_split_video_restart(struct avsp_split_video *video)
{
    struct avsp_piece_run *run = &video->run;
    uint64_t start = video->waits ? video->spool.first : run->start;
    avsp_piece_writer_free(run->writer);
    run->writer = NULL;
    avsp_spool_deinit(&video->spool);
    avsp_spool_init(&video->spool, AVSP_SPOOL_MEMORY_BYTES);
    if (video->waits)
        avsp_split_video_await(video, video->source_pts, video->start_pts);
    video->frames = video->frames_done;
    avsp_gaps_rewind(&video->gaps);
    video->last_pts = INT64_MIN;
    video->has_beyond = false;
    video->in_order = true;
    return start;
}

/// Takes a packet into the run, and closes the run at boundaries that are over.
static enum avsp_code add(struct avsp_split_video *video, AVPacket *packet,
                          const struct avsp_spool_entry *facts, struct avsp_err *err)
{
    uint64_t number = video->spool.end;
    enum avsp_code rc = avsp_spool_push(&video->spool, packet, facts, err);
    if (rc != AVSP_OK)
        return rc;
    if (video->run.writer == NULL)
        rc = open_run(video, facts->pts, video->spool.first, number, err);
    else
        count(video, number, video->run.in_pts);
    if (rc == AVSP_OK)
        rc = write_wanted(video, err);
    if (rc == AVSP_OK)
        rc = pass_boundaries(video, held_back(video), err);
    if (rc == AVSP_OK && facts->key && !video->is_over)
        trim(video);
    return rc;
}

/// Behind a restart: of the pictures before the piece's window the last ones are kept where those in it lean on them.
static enum avsp_code keep_context(struct avsp_split_video *video, AVPacket *packet,
                                   struct avsp_err *err)
{
    if (video->facts.fields == AVSP_FIELDS_NONE)
        return AVSP_OK;
    struct avsp_spool_entry facts = {.pts = packet->pts, .key = true, .shown = true};
    enum avsp_code rc = avsp_spool_push(&video->spool, packet, &facts, err);
    if (rc == AVSP_OK && video->spool.end - video->spool.first > AVSP_DEINTERLACE_CONTEXT)
        avsp_spool_drop_before(&video->spool, video->spool.end - AVSP_DEINTERLACE_CONTEXT);
    return rc;
}

/// Keeps a packet until the part has begun, and forgets what that makes needless.
static enum avsp_code hold(struct avsp_split_video *video, AVPacket *packet,
                           const struct avsp_spool_entry *facts, struct avsp_err *err)
{
    enum avsp_code rc = avsp_spool_push(&video->spool, packet, facts, err);
    if (rc != AVSP_OK)
        return rc;
    if (facts->shown && facts->pts >= video->start_pts) {
        video->n_waiting++;
        video->first_pts = AVSP_MIN(video->first_pts, facts->pts);
        note_gap(video, facts->pts);
    }
    if (facts->key)
        avsp_spool_drop_before(&video->spool, start_for(video, video->start_pts));
    return AVSP_OK;
}

enum avsp_code avsp_split_video_put(struct avsp_split_video *video, AVPacket *packet, bool shown,
                                    struct avsp_err *err)
{
    const AVCodecParameters *par = video->stream->codecpar;
    size_t len = (size_t)packet->size;
    if (video->is_over)
        return AVSP_OK;
    if (!video->waits && video->run.writer == NULL) {
        if (packet->pts < video->run.in_pts)
            return keep_context(video, packet, err);
        // The first frame behind a restart: it takes the place of the one that the piece before promises.
        packet->pts = video->run.in_pts;
    }
    struct avsp_spool_entry facts = {
        .pts = packet->pts,
        .key = (packet->flags & AV_PKT_FLAG_KEY) != 0,
        .shown = shown && !avsp_keyframe_is_hidden(par, packet->data, len),
    };
    facts.gradual = facts.key && avsp_keyframe_is_gradual(par, packet->data, len);
    if (!video->waits && facts.shown && facts.pts < video->run.in_pts) {
        video->n_late++;
        facts.shown = false;
    }
    if (facts.shown)
        note_frame(video, packet);
    if (video->waits)
        return hold(video, packet, &facts, err);
    return add(video, packet, &facts, err);
}

enum avsp_code avsp_split_video_check(const struct avsp_split_video *video, struct avsp_err *err)
{
    if (video->is_over || video->run.writer != NULL)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_CORRUPT,
                        "the video cannot be decoded from %" PRIu64
                        " s on: repair the file, or choose a part of it that ends before (--end)",
                        (uint64_t)video->run.idx * (uint64_t)video->step->segment_seconds);
}

/// How long a frame can be shown, in the stream's time base.
static int64_t longest(const struct avsp_split_video *video)
{
    return av_rescale_q(SAMPLE_TICKS_MAX, (AVRational){1, timescale_of(video)},
                        video->stream->time_base);
}

bool avsp_split_video_is_endless(const struct avsp_split_video *video)
{
    return !video->has_beyond && video->last_duration > longest(video);
}

int64_t avsp_split_video_end(const struct avsp_split_video *video)
{
    if (video->has_beyond)
        return video->limit_pts;
    AVRational rate = {video->facts.frame_rate.num, video->facts.frame_rate.den};
    int64_t frame = av_rescale_q(1, av_inv_q(rate), video->stream->time_base);
    bool is_known = video->last_duration > 0 && video->last_duration <= longest(video);
    int64_t length = is_known ? video->last_duration : AVSP_MAX(frame, 1);
    return AVSP_MIN(video->last_pts + length, video->limit_pts);
}

int64_t avsp_split_video_hold_max(const struct avsp_split_video *video)
{
    return video->is_over ? video->limit_pts : video->last_pts + longest(video);
}

enum avsp_code avsp_split_video_finish(struct avsp_split_video *video, int64_t end_pts,
                                       struct avsp_err *err)
{
    if (video->is_over)
        return AVSP_OK;
    enum avsp_code rc = pass_boundaries(video, 0, err);
    if (rc != AVSP_OK || video->is_over)
        return rc;
    return close_run(video, video->run.last_pts + 1, AVSP_MAX(end_pts, video->run.last_pts + 1),
                     err);
}
