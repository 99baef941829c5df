#include "media/steps.h"

#include "core/plan.h"
#include "media/extent.h"
#include "media/fields.h"
#include "media/left_out.h"
#include "media/lookahead.h"
#include "media/notes.h"
#include "media/split_audio.h"
#include "media/split_text.h"
#include "media/split_video.h"

#include <inttypes.h>

#define TOO_LONG "its keyframes are minutes apart"

/// One split: all of it lives as long as avsp_split_run.
struct split {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    int input_fd;
    struct avsp_source source;
    struct avsp_reader reader;
    struct avsp_lookahead ahead;
    struct avsp_glance glance; ///< at the source's first pictures, however they are read later
    struct avsp_split_video video;
    struct avsp_split_audio audio[AVSP_AUDIO_TRACKS_MAX];
    size_t n_audio; ///< of these
    struct avsp_split_text text;
    struct avsp_extent extent;
    AVPacket *packet;
    int64_t shift_s;
};

static void close_input(struct split *split)
{
    avsp_lookahead_deinit(&split->ahead);
    avsp_reader_deinit(&split->reader);
    avsp_source_close(&split->source);
}

static void split_deinit(struct split *split)
{
    av_packet_free(&split->packet);
    for (size_t i = 0; i < split->n_audio; i++)
        avsp_split_audio_deinit(&split->audio[i]);
    avsp_split_text_close(&split->text);
    if (split->video.ctl != NULL)
        avsp_split_video_deinit(&split->video);
    close_input(split);
}

static enum avsp_code open_input(struct split *split, struct avsp_err *err)
{
    enum avsp_code rc = avsp_source_open(split->input_fd, &split->source, err);
    return rc == AVSP_OK
               ? avsp_reader_init(&split->reader, split->source.ctx, &split->step->choice, err)
               : rc;
}

/// Says what becomes of the picture.
static enum avsp_code warn_of_changes(struct split *split, const AVStream *video,
                                      const struct avsp_piece_header *facts, bool odd_rotation,
                                      struct avsp_err *err)
{
    struct avsp_notes notes;
    enum avsp_code rc = avsp_notes_of(video, facts, &split->step->picture, &split->glance,
                                      odd_rotation, &notes, err);
    for (size_t i = 0; rc == AVSP_OK && i < notes.n; i++)
        rc = avsp_control_warn(split->ctl, err, "%s", notes.texts[i]);
    return rc;
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
    avsp_tracks_describe(split->source.ctx, video, &split->glance, &facts, &odd_rotation);
    avsp_fields_decide(video->codecpar, &split->glance, split->step->picture.deinterlace, &facts);
    int64_t distances[AVSP_LOOKAHEAD_FRAMES];
    size_t n = avsp_lookahead_distances(&split->ahead, distances);
    struct avsp_rational time_base = {video->time_base.num, video->time_base.den};
    facts.frame_rate = avsp_plan_frame_rate(distances, n, time_base);
    if (facts.field_rate)
        facts.frame_rate = avsp_plan_double_rate(facts.frame_rate);
    *ret_facts = facts;
    return warn_of_changes(split, video, &facts, odd_rotation, err);
}

static enum avsp_code begin_video(struct split *split, struct avsp_err *err)
{
    struct avsp_piece_header facts;
    enum avsp_code rc = gather_facts(split, &facts, err);
    if (rc == AVSP_OK)
        rc = avsp_split_video_init(&split->video, split->ctl, split->step,
                                   avsp_reader_video(&split->reader), &facts, err);
    split->video.in_order = split->reader.lossless != NULL;
    return rc == AVSP_OK ? avsp_split_video_begin(&split->video, split->extent.origin_pts,
                                                  split->shift_s, err)
                         : rc;
}

/// Says that the video is decoded in the split, from @p from_s seconds on, and why.
static enum avsp_code warn_of_lossless(struct split *split, const char *why, int64_t from_s,
                                       struct avsp_err *err)
{
    return avsp_control_warn(split->ctl, err,
                             "the video cannot be cut without decoding it from %" PRId64
                             " s on, because %s: its pictures are kept without loss until they are "
                             "encoded, which takes more space and time",
                             from_s, why);
}

/// Reads the source again from its start; video is decoded behind its first @p n_skip packets.
static enum avsp_code reopen_decoded(struct split *split, uint64_t n_skip, struct avsp_err *err)
{
    close_input(split);
    enum avsp_code rc = open_input(split, err);
    if (rc == AVSP_OK)
        rc = avsp_reader_decode(&split->reader, n_skip, split->step->threads, err);
    return rc;
}

/// Reads the first packets; where they cannot be copied already, the first pictures instead.
static enum avsp_code look_ahead(struct split *split, struct avsp_err *err)
{
    enum avsp_code rc = avsp_lookahead_init(&split->ahead, &split->reader, err);
    split->glance = split->ahead.glance;
    if (rc != AVSP_OK || split->reader.doubt == NULL)
        return rc;
    rc = warn_of_lossless(split, split->reader.doubt, 0, err);
    if (rc == AVSP_OK)
        rc = reopen_decoded(split, 0, err);
    if (rc == AVSP_OK)
        rc = avsp_lookahead_init(&split->ahead, &split->reader, err);
    avsp_glance_merge(&split->glance, &split->ahead.glance);
    return rc;
}

/// Opens the source and finds out everything that must be known before the first packet is written.
static enum avsp_code begin(struct split *split, struct avsp_err *err)
{
    split->packet = av_packet_alloc();
    if (split->packet == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to split the input");
    enum avsp_code rc = open_input(split, err);
    if (rc == AVSP_OK)
        rc = look_ahead(split, err);
    if (rc == AVSP_OK)
        rc = avsp_extent_begin(&split->extent, &split->reader.tracks, &split->ahead, split->ctl,
                               err);
    if (rc != AVSP_OK)
        return rc;
    split->shift_s = avsp_piece_shift_s(split->ahead.first_s);
    for (; split->n_audio < split->reader.tracks.n_audio; split->n_audio++)
        avsp_split_audio_init(&split->audio[split->n_audio], split->n_audio,
                              split->reader.tracks.audio[split->n_audio]);
    rc = avsp_split_text_open(&split->text, &split->reader.tracks, split->extent.origin_pts, err);
    if (rc != AVSP_OK)
        return rc;
    return split->reader.tracks.video != NULL ? begin_video(split, err) : AVSP_OK;
}

/// From the piece in the making on, video is decoded; what was reported stays, and sound goes on where it was.
static enum avsp_code go_lossless(struct split *split, const char *why, struct avsp_err *err)
{
    int64_t from_s = (int64_t)split->video.run.idx * split->step->segment_seconds;
    enum avsp_code rc = warn_of_lossless(split, why, from_s, err);
    if (rc != AVSP_OK)
        return rc;
    uint64_t n_skip = avsp_split_video_restart(&split->video);
    rc = reopen_decoded(split, n_skip, err);
    if (rc != AVSP_OK)
        return rc;
    split->video.stream = avsp_reader_video(&split->reader);
    for (size_t i = 0; i < split->n_audio; i++)
        avsp_split_audio_move(&split->audio[i], split->reader.tracks.audio[i]);
    avsp_split_text_move(&split->text);
    return AVSP_OK;
}

static enum avsp_code put_other(struct split *split, struct avsp_err *err)
{
    const struct avsp_tracks *tracks = &split->reader.tracks;
    int stream = split->packet->stream_index;
    size_t track = 0;
    if (avsp_tracks_find_audio(tracks, stream, &track))
        return avsp_split_audio_put(&split->audio[track], split->packet, split->shift_s, err);
    return avsp_tracks_find_text(tracks, stream, &track)
               ? avsp_split_text_put(&split->text, track, split->packet, err)
               : AVSP_OK;
}

static enum avsp_code put(struct split *split, bool shown, struct avsp_err *err)
{
    AVPacket *packet = split->packet;
    const AVStream *video = split->reader.tracks.video;
    if (video == NULL || packet->stream_index != video->index)
        return put_other(split, err);
    enum avsp_code rc = avsp_split_text_picture(&split->text, avsp_reader_video(&split->reader),
                                                packet, shown, err);
    if (rc != AVSP_OK)
        return rc;
    if (shown && packet->pts == split->extent.first_pts)
        packet->pts = split->extent.origin_pts;
    return avsp_split_video_put(&split->video, packet, shown, err);
}

/// Reads and writes one packet. @param ret_end there is no more, or no more that can be copied.
static enum avsp_code copy_one(struct split *split, bool *ret_end, struct avsp_err *err)
{
    bool shown = false;
    av_packet_unref(split->packet);
    enum avsp_code rc = AVSP_OK;
    if (!avsp_lookahead_take(&split->ahead, split->packet, &shown))
        rc = avsp_reader_next(&split->reader, split->packet, ret_end, &shown, err);
    if (rc == AVSP_OK && !*ret_end)
        rc = put(split, shown, err);
    avsp_control_progress(split->ctl, split->video.frames, 0);
    return rc;
}

/// Everything from the first packet to the last.
static enum avsp_code copy_packets(struct split *split, struct avsp_err *err)
{
    for (;;) {
        bool end = false;
        enum avsp_code rc = copy_one(split, &end, err);
        const char *doubt = split->video.too_long ? TOO_LONG : split->reader.doubt;
        if (rc == AVSP_OK && doubt != NULL && (end || split->video.too_long))
            rc = go_lossless(split, doubt, err);
        else if (end)
            return rc;
        if (rc != AVSP_OK)
            return rc;
    }
}

/// Where the longest track of sound ends, in the extent's time base.
static int64_t sound_end(const struct split *split)
{
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < split->n_audio; i++) {
        int64_t end = avsp_split_audio_end(&split->audio[i]);
        if (end != INT64_MIN)
            last = AVSP_MAX(last, av_rescale_q_rnd(end, split->audio[i].stream->time_base,
                                                   split->extent.time_base, AV_ROUND_UP));
    }
    return last;
}

static enum avsp_code find_end(struct split *split, struct avsp_err *err)
{
    struct avsp_extent_ends ends = {.sound = sound_end(split)};
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

/// What only a decoder or a look into the pictures tells.
static enum avsp_code warn_of_pictures(struct split *split, struct avsp_err *err)
{
    const struct avsp_reader *reader = &split->reader;
    enum avsp_code rc = AVSP_OK;
    if (reader->lossless != NULL) {
        struct avsp_lossless_counts counts = avsp_lossless_counts(reader->lossless);
        rc = warn_count(split, counts.n_damaged, "errors in damaged pictures, which are concealed",
                        err);
        if (rc == AVSP_OK)
            rc = warn_count(
                split, counts.n_fitted,
                "pictures have another size than the first one: they are fitted into it", err);
    }
    if (rc == AVSP_OK && reader->watch.n_changes > 0)
        rc = avsp_control_warn(split->ctl, err,
                               "the picture's size changes in the middle, %" PRIu64
                               " times: all is fitted into the first one, %dx%d",
                               reader->watch.n_changes, reader->watch.first_width_px,
                               reader->watch.first_height_px);
    return rc;
}

/// Tells of everything that was met and passed over.
static enum avsp_code warn_of_damage(struct split *split, struct avsp_err *err)
{
    uint64_t n_sound_dropped = 0;
    for (size_t i = 0; i < split->n_audio; i++)
        n_sound_dropped += split->audio[i].n_dropped;
    const struct {
        uint64_t n;
        const char *what;
    } findings[] = {
        {split->reader.joins.n_jumps, "jumps of the file's clock, as where recordings were put "
                                      "together: the times go on without "
                                      "them"},
        {split->reader.n_behind_join,
         "frames behind a jump of the clock lean on pictures that are not in the file: left out"},
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
        {n_sound_dropped, "packets of sound have no usable time: left out"},
    };
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(findings) && rc == AVSP_OK; i++)
        rc = warn_count(split, findings[i].n, findings[i].what, err);
    if (rc == AVSP_OK)
        rc = warn_of_pictures(split, err);
    return rc == AVSP_OK ? warn_of_left_out(split, err) : rc;
}

static enum avsp_code finish_sound(struct split *split, struct avsp_split_audio *audio, bool alone,
                                   struct avsp_err *err)
{
    if (audio->n_packets == 0 && split->reader.tracks.audio_is_named)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "the sound track %d was asked for, and nothing came of it",
                            audio->stream->index);
    if (audio->n_packets == 0)
        return avsp_control_warn(split->ctl, err,
                                 "nothing came of sound track %d of the file: left out",
                                 audio->stream->index);
    audio->named = split->reader.tracks.audio_is_named;
    return avsp_split_audio_finish(audio, split->ctl, split->step->segment_seconds, split->shift_s,
                                   &split->extent, alone, err);
}

static enum avsp_code finish_texts(struct split *split, struct avsp_err *err)
{
    const AVRational us = {1, 1000000};
    const struct avsp_text_range range = {
        .origin_us = av_rescale_q(split->extent.origin_pts, split->extent.time_base, us),
        .end_us = av_rescale_q(split->extent.end_pts, split->extent.time_base, us),
    };
    return avsp_split_text_finish(&split->text, split->ctl, &range, split->glance.has_captions,
                                  err);
}

static enum avsp_code finish(struct split *split, struct avsp_err *err)
{
    bool alone = split->reader.tracks.video == NULL;
    enum avsp_code rc = find_end(split, err);
    if (rc == AVSP_OK && !alone)
        rc = avsp_split_video_finish(&split->video, split->extent.end_pts, err);
    for (size_t i = 0; i < split->n_audio && rc == AVSP_OK; i++)
        rc = finish_sound(split, &split->audio[i], alone, err);
    if (rc == AVSP_OK)
        rc = finish_texts(split, err);
    return rc == AVSP_OK ? warn_of_damage(split, err) : rc;
}

enum avsp_code avsp_split_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err)
{
    struct split AVSP_CLEANUP(split_deinit)
        split = {.step = step, .ctl = ctl, .input_fd = input_fd};
    enum avsp_code rc = begin(&split, err);
    if (rc == AVSP_OK)
        rc = copy_packets(&split, err);
    return rc == AVSP_OK ? finish(&split, err) : rc;
}
