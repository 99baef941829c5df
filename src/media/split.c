#include "media/steps.h"

#include "core/plan.h"
#include "media/extent.h"
#include "media/left_out.h"
#include "media/lookahead.h"
#include "media/split_audio.h"
#include "media/split_video.h"

#include <inttypes.h>

/// One split: all of it lives as long as avsp_split_run.
struct split {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_source source;
    struct avsp_reader reader;
    struct avsp_lookahead ahead;
    struct avsp_split_video video;
    struct avsp_split_audio audio;
    struct avsp_extent extent;
    AVPacket *packet;
    int64_t shift_s;
};

static void split_deinit(struct split *split)
{
    av_packet_free(&split->packet);
    avsp_split_audio_deinit(&split->audio);
    if (split->video.ctl != NULL)
        avsp_split_video_deinit(&split->video);
    avsp_lookahead_deinit(&split->ahead);
    avsp_source_close(&split->source);
}

/// What all pieces of the video share.
static enum avsp_code gather_facts(struct split *split, struct avsp_piece_header *ret_facts,
                                   struct avsp_err *err)
{
    AVStream *video = split->reader.tracks.video;
    struct avsp_piece_header facts = {
        .kind = AVSP_MEDIA_VIDEO,
        .segment_seconds = split->step->segment_seconds,
        .language = "und",
        .title = "",
    };
    bool odd_rotation = false;
    avsp_tracks_describe(split->source.ctx, video, &facts, &odd_rotation);
    int64_t distances[AVSP_LOOKAHEAD_FRAMES];
    size_t n = avsp_lookahead_distances(&split->ahead, distances);
    struct avsp_rational time_base = {video->time_base.num, video->time_base.den};
    facts.frame_rate = avsp_plan_frame_rate(distances, n, time_base);
    *ret_facts = facts;
    if (!odd_rotation)
        return AVSP_OK;
    return avsp_control_warn(split->ctl, err,
                             "the picture is turned by something else than a quarter turn: it is "
                             "left as it is");
}

static enum avsp_code begin_video(struct split *split, struct avsp_err *err)
{
    struct avsp_piece_header facts;
    enum avsp_code rc = gather_facts(split, &facts, err);
    if (rc == AVSP_OK)
        rc = avsp_split_video_init(&split->video, split->ctl, split->step,
                                   split->reader.tracks.video, &facts, err);
    return rc == AVSP_OK ? avsp_split_video_begin(&split->video, split->extent.origin_pts,
                                                  split->shift_s, err)
                         : rc;
}

/// Opens the source and finds out everything that must be known before the first packet is written.
static enum avsp_code begin(struct split *split, int input_fd, struct avsp_err *err)
{
    split->packet = av_packet_alloc();
    if (split->packet == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to split the input");
    enum avsp_code rc = avsp_source_open(input_fd, &split->source, err);
    if (rc != AVSP_OK)
        return rc;
    split->reader.ctx = split->source.ctx;
    rc = avsp_tracks_choose(split->source.ctx, &split->reader.tracks, err);
    if (rc == AVSP_OK)
        rc = avsp_lookahead_init(&split->ahead, &split->reader, err);
    if (rc == AVSP_OK)
        rc = avsp_extent_begin(&split->extent, &split->reader.tracks, &split->ahead, split->ctl,
                               err);
    if (rc != AVSP_OK)
        return rc;
    split->shift_s = avsp_piece_shift_s(split->ahead.first_s);
    avsp_split_audio_init(&split->audio, split->reader.tracks.audio);
    return split->reader.tracks.video != NULL ? begin_video(split, err) : AVSP_OK;
}

static enum avsp_code put(struct split *split, bool shown, struct avsp_err *err)
{
    AVPacket *packet = split->packet;
    const AVStream *video = split->reader.tracks.video;
    if (video == NULL || packet->stream_index != video->index)
        return avsp_split_audio_put(&split->audio, packet, split->shift_s, err);
    if (shown && packet->pts == split->extent.first_pts)
        packet->pts = split->extent.origin_pts;
    return avsp_split_video_put(&split->video, packet, shown, err);
}

/// Everything from the first packet to the last.
static enum avsp_code copy_packets(struct split *split, struct avsp_err *err)
{
    bool shown = false;
    bool end = false;
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK) {
        av_packet_unref(split->packet);
        if (!avsp_lookahead_take(&split->ahead, split->packet, &shown))
            rc = avsp_reader_next(&split->reader, split->packet, &end, &shown, err);
        if (end)
            return AVSP_OK;
        if (rc == AVSP_OK)
            rc = put(split, shown, err);
        avsp_control_progress(split->ctl, split->video.frames, 0);
    }
    return rc;
}

static enum avsp_code find_end(struct split *split, struct avsp_err *err)
{
    struct avsp_extent_ends ends = {.sound = avsp_split_audio_end(&split->audio)};
    if (split->reader.tracks.video != NULL) {
        ends.picture = avsp_split_video_end(&split->video);
        ends.hold_max = avsp_split_video_hold_max(&split->video);
    }
    return avsp_extent_end(&split->extent, &split->reader.tracks, &ends,
                           split->step->segment_seconds, split->ctl, err);
}

/// Nothing is dropped in silence.
static enum avsp_code warn_of_left_out(struct split *split, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_TEXT_MAX_BYTES);
    avsp_left_out_list(split->source.ctx, &split->reader.tracks, &buf);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK && buf.len > 0
               ? avsp_control_warn(split->ctl, err, "%s", avsp_buf_text(&buf))
               : rc;
}

static enum avsp_code warn_count(struct split *split, uint64_t n, const char *what,
                                 struct avsp_err *err)
{
    return n == 0 ? AVSP_OK : avsp_control_warn(split->ctl, err, "%" PRIu64 " %s", n, what);
}

/// Tells of everything that was met and passed over.
static enum avsp_code warn_of_damage(struct split *split, struct avsp_err *err)
{
    const struct {
        uint64_t n;
        const char *what;
    } findings[] = {
        {split->reader.n_damaged,
         "places of the file are damaged or cut off: it goes on behind them"},
        {avsp_reader_n_missing(&split->reader),
         "frames that the file promises are not there: it is cut off"},
        {split->reader.n_before_key,
         "frames before the first keyframe cannot be decoded: left out"},
        {split->ahead.n_leading,
         "frames at the start lean on pictures that are not in the file: left out"},
        {split->reader.n_untimed, "frames have impossible times: left out"},
        {split->video.n_late, "frames come far out of order: left out"},
        {split->audio.n_dropped, "packets of sound have no usable time: left out"},
    };
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(findings) && rc == AVSP_OK; i++)
        rc = warn_count(split, findings[i].n, findings[i].what, err);
    return rc == AVSP_OK ? warn_of_left_out(split, err) : rc;
}

static enum avsp_code finish(struct split *split, struct avsp_err *err)
{
    bool alone = split->reader.tracks.video == NULL;
    enum avsp_code rc = find_end(split, err);
    if (rc == AVSP_OK && !alone)
        rc = avsp_split_video_finish(&split->video, split->extent.end_pts, err);
    if (rc == AVSP_OK)
        rc = avsp_split_audio_finish(&split->audio, split->ctl, split->step->segment_seconds,
                                     split->shift_s, &split->extent, alone, err);
    return rc == AVSP_OK ? warn_of_damage(split, err) : rc;
}

enum avsp_code avsp_split_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err)
{
    struct split AVSP_CLEANUP(split_deinit) split = {.step = step, .ctl = ctl};
    enum avsp_code rc = begin(&split, input_fd, err);
    if (rc == AVSP_OK)
        rc = copy_packets(&split, err);
    return rc == AVSP_OK ? finish(&split, err) : rc;
}
