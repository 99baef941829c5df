#include "media/steps.h"

#include "core/picture_options.h"
#include "core/plan.h"
#include "media/extent.h"
#include "media/fields.h"
#include "media/left_out.h"
#include "media/lookahead.h"
#include "media/notes.h"
#include "media/part.h"
#include "media/split_audio.h"
#include "media/split_text.h"
#include "media/split_video.h"
#include "media/split_warn.h"

#include <inttypes.h>

#define RUN_IS_TOO_LONG "its keyframes are minutes apart"

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
    struct avsp_part part;
    bool at_part_end; ///< nothing of the part can follow
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

/// Somebody may be writing the input.
static enum avsp_code has_changed(struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_CORRUPT, "the input is not what it was a moment ago");
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
                                   avsp_reader_video(&split->reader), &facts, split->shift_s, err);
    split->video.in_order = split->reader.lossless != NULL;
    split->video.limit_pts = split->part.end_pts;
    if (rc != AVSP_OK || !avsp_part_has_start(&split->part))
        return rc == AVSP_OK ? avsp_split_video_begin(&split->video, split->extent.origin_pts, err)
                             : rc;
    avsp_split_video_await(&split->video, split->part.source_pts, split->part.start_pts);
    return AVSP_OK;
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

/// Pictures before the part need not be kept, but for those that deinterlacing leans on, and where they bring captions.
static void decode_from_part(struct split *split)
{
    const struct avsp_part *part = &split->part;
    if (split->reader.lossless != NULL && avsp_part_has_start(part) && !split->glance.has_captions)
        avsp_lossless_begin_at(split->reader.lossless,
                               part->start_pts -
                                   av_rescale_q(1, (AVRational){1, 1}, part->time_base));
}

/// Reads the source again from where it was read from; video is decoded behind its first @p n_skip packets.
static enum avsp_code reopen_decoded(struct split *split, uint64_t n_skip, struct avsp_err *err)
{
    close_input(split);
    enum avsp_code rc = open_input(split, err);
    if (rc == AVSP_OK && split->reader.tracks.video == NULL)
        return has_changed(err);
    if (rc == AVSP_OK && split->part.sought) {
        if (avsp_part_seek(&split->part, split->source.ctx, &split->reader.tracks) !=
            AVSP_PART_SOUGHT)
            return has_changed(err);
        avsp_reader_deinit(&split->reader);
        rc = avsp_reader_init(&split->reader, split->source.ctx, &split->step->choice, err);
    }
    if (rc == AVSP_OK)
        rc = avsp_reader_decode(&split->reader, n_skip, split->step->threads, err);
    if (rc == AVSP_OK)
        decode_from_part(split);
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

/// What is read goes on as streams of the source that was opened anew.
static enum avsp_code follow_input(struct split *split, struct avsp_err *err)
{
    const struct avsp_tracks *tracks = &split->reader.tracks;
    bool has_video = split->video.ctl != NULL;
    if (has_video != (tracks->video != NULL) || split->n_audio != tracks->n_audio ||
        split->text.n != tracks->n_text)
        return has_changed(err);
    if (has_video)
        split->video.stream = avsp_reader_video(&split->reader);
    for (size_t i = 0; i < split->n_audio; i++)
        avsp_split_audio_move(&split->audio[i], tracks->audio[i]);
    avsp_split_text_move(&split->text);
    return AVSP_OK;
}

/// Passes over what lies before the part, where that is possible.
static enum avsp_code go_to_part(struct split *split, struct avsp_err *err)
{
    decode_from_part(split);
    // Captions are made of what came before.
    if (split->reader.lossless != NULL || split->glance.has_captions)
        return AVSP_OK;
    enum avsp_part_found found =
        avsp_part_seek(&split->part, split->source.ctx, &split->reader.tracks);
    if (found == AVSP_PART_READ_ON)
        return AVSP_OK;
    avsp_lookahead_deinit(&split->ahead);
    avsp_reader_deinit(&split->reader);
    if (found == AVSP_PART_SOUGHT)
        return avsp_reader_init(&split->reader, split->source.ctx, &split->step->choice, err);
    close_input(split);
    enum avsp_code rc = open_input(split, err);
    return rc == AVSP_OK ? follow_input(split, err) : rc;
}

static void open_sounds(struct split *split)
{
    const struct avsp_part *part = &split->part;
    const AVRational second = {1, 1};
    for (; split->n_audio < split->reader.tracks.n_audio; split->n_audio++) {
        struct avsp_split_audio *audio = &split->audio[split->n_audio];
        AVStream *stream = split->reader.tracks.audio[split->n_audio];
        avsp_split_audio_init(audio, split->n_audio, stream);
        if (avsp_part_has_start(part))
            audio->from_pts = av_rescale_q(part->start_pts, part->time_base, stream->time_base) -
                              av_rescale_q(AVSP_PART_SOUND_BEFORE_S, second, stream->time_base);
        if (avsp_part_has_end(part))
            audio->to_pts = av_rescale_q(part->end_pts, part->time_base, stream->time_base) +
                            av_rescale_q(AVSP_PART_SOUND_BEHIND_S, second, stream->time_base);
    }
}

/// Opens the source and finds out everything that must be known before the first packet is written.
static enum avsp_code begin(struct split *split, struct avsp_err *err)
{
    const struct avsp_time_range *range = &split->step->choice.range;
    split->packet = av_packet_alloc();
    if (split->packet == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to split the input");
    enum avsp_code rc = open_input(split, err);
    if (rc == AVSP_OK)
        rc = look_ahead(split, err);
    if (rc == AVSP_OK)
        rc = avsp_extent_begin(&split->extent, &split->reader.tracks, &split->ahead,
                               range->start_us > 0 ? NULL : split->ctl, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_part_init(&split->part, range, &split->extent);
    split->shift_s = avsp_piece_shift_s(split->ahead.first_s);
    open_sounds(split);
    rc = avsp_split_text_open(&split->text, &split->reader.tracks, split->extent.origin_pts, err);
    if (rc == AVSP_OK && split->reader.tracks.video != NULL)
        rc = begin_video(split, err);
    else if (avsp_part_has_start(&split->part))
        split->extent.first_pts = split->extent.origin_pts = split->part.start_pts;
    return rc == AVSP_OK ? go_to_part(split, err) : rc;
}

/// The sound that lies in the part so far, in the extent's time base. @param ret_from  INT64_MAX = there is none
static void sound_of_part(const struct split *split, int64_t *ret_from, int64_t *ret_until)
{
    AVRational tb = split->extent.time_base;
    *ret_from = INT64_MAX;
    *ret_until = INT64_MIN;
    for (size_t i = 0; i < split->n_audio; i++) {
        const struct avsp_split_audio *audio = &split->audio[i];
        if (!audio->began)
            continue;
        int64_t from =
            av_rescale_q_rnd(audio->heard.from, audio->stream->time_base, tb, AV_ROUND_DOWN);
        int64_t until =
            av_rescale_q_rnd(audio->heard.to, audio->stream->time_base, tb, AV_ROUND_UP);
        if (until <= split->part.start_pts)
            continue;
        *ret_from = AVSP_MIN(*ret_from, from);
        *ret_until = AVSP_MAX(*ret_until, until);
    }
}

/// The first frame of a part is known.
static enum avsp_code begin_part(struct split *split, struct avsp_err *err)
{
    int64_t sound_from = 0;
    int64_t sound_until = 0;
    if (split->video.first_pts >= split->part.end_pts)
        return avsp_part_is_empty(&split->part, split->part.end_pts, err);
    sound_of_part(split, &sound_from, &sound_until);
    enum avsp_code rc =
        avsp_extent_begin_at(&split->extent, split->part.start_pts, split->video.first_pts,
                             sound_from, sound_until, split->ctl, err);
    return rc == AVSP_OK ? avsp_split_video_begin(&split->video, split->extent.origin_pts, err)
                         : rc;
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
    return rc == AVSP_OK ? follow_input(split, err) : rc;
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
    if (shown && !split->video.waits && packet->pts == split->extent.first_pts)
        packet->pts = split->extent.origin_pts;
    rc = avsp_split_video_put(&split->video, packet, shown, err);
    return rc == AVSP_OK && avsp_split_video_is_known(&split->video) ? begin_part(split, err) : rc;
}

/// Single packets may have damaged times.
#define BEHIND_PACKETS 8

/// Has everything come that the part can have?
static bool is_at_part_end(struct split *split)
{
    bool all = avsp_part_has_end(&split->part) &&
               (split->reader.tracks.video == NULL || split->video.is_over);
    for (size_t i = 0; i < split->n_audio; i++)
        all = all && split->audio[i].n_behind >= BEHIND_PACKETS;
    return all;
}

/// Reads and writes one packet. @param ret_end there is no more, or no more that can be copied.
static enum avsp_code copy_one(struct split *split, bool *ret_end, struct avsp_err *err)
{
    bool shown = false;
    av_packet_unref(split->packet);
    enum avsp_code rc = AVSP_OK;
    if (!avsp_lookahead_take(&split->ahead, split->packet, &shown))
        rc = avsp_reader_next(&split->reader, split->packet, ret_end, &shown, err);
    const AVStream *stream = split->source.ctx->streams[split->packet->stream_index];
    bool past = rc == AVSP_OK && !*ret_end &&
                avsp_part_is_past(&split->part, split->packet, stream->time_base);
    if (rc == AVSP_OK && !*ret_end)
        rc = put(split, shown, err);
    if (rc == AVSP_OK && (past || is_at_part_end(split)))
        split->at_part_end = *ret_end = true;
    avsp_control_progress(split->ctl, split->video.frames, 0);
    return rc;
}

/// Everything from the first packet to the last.
static enum avsp_code copy_packets(struct split *split, struct avsp_err *err)
{
    for (;;) {
        bool end = false;
        enum avsp_code rc = copy_one(split, &end, err);
        const char *doubt =
            avsp_split_video_run_is_too_long(&split->video) ? RUN_IS_TOO_LONG : split->reader.doubt;
        if (rc != AVSP_OK || split->at_part_end || (end && doubt == NULL))
            return rc;
        if (split->video.is_over)
            split->reader.doubt = NULL; // only sound is still wanted: the packet is passed over
        else if (doubt != NULL)
            rc = go_lossless(split, doubt, err);
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

/// Where the source ends, as far as it was read, in the extent's time base.
static int64_t source_end(const struct split *split)
{
    int64_t end = split->reader.tracks.video != NULL && split->video.last_pts != INT64_MIN
                      ? avsp_split_video_end(&split->video)
                      : INT64_MIN;
    for (size_t i = 0; i < split->n_audio; i++)
        if (split->audio[i].seen_to != INT64_MIN)
            end = AVSP_MAX(end,
                           av_rescale_q(split->audio[i].seen_to, split->audio[i].stream->time_base,
                                        split->extent.time_base));
    return end;
}

/// The source is over before it is certain which frame of a part is the first, or there is none.
static enum avsp_code begin_late(struct split *split, struct avsp_err *err)
{
    bool none =
        split->reader.tracks.video != NULL
            ? split->video.waits && split->video.n_waiting == 0
            : avsp_part_has_start(&split->part) && sound_end(split) <= split->part.start_pts;
    if (none)
        return avsp_part_is_empty(&split->part, source_end(split), err);
    return split->video.waits ? begin_part(split, err) : AVSP_OK;
}

static enum avsp_code find_end(struct split *split, struct avsp_err *err)
{
    struct avsp_extent_ends ends = {.sound = AVSP_MIN(sound_end(split), split->part.end_pts)};
    if (split->reader.tracks.video != NULL) {
        ends.picture = avsp_split_video_end(&split->video);
        ends.hold_max = avsp_split_video_hold_max(&split->video);
    }
    return avsp_extent_end(&split->extent, &split->reader.tracks, &ends,
                           split->step->segment_seconds, split->ctl, err);
}

/// What is asked of a picture has no effect where there is none.
static enum avsp_code warn_of_no_picture(struct split *split, struct avsp_err *err)
{
    char asked[AVSP_PICTURE_TEXT_BYTES];
    avsp_picture_options_write(&split->step->picture, asked);
    if (split->reader.tracks.video != NULL || asked[0] == '\0')
        return AVSP_OK;
    return avsp_control_warn(split->ctl, err,
                             "there is no picture: what is asked of it has no effect (%s)", asked);
}

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

static enum avsp_code warn_of_lone_channels(struct split *split, struct avsp_err *err)
{
    size_t n = avsp_tracks_lone_channels(&split->reader.tracks);
    if (n == 0)
        return AVSP_OK;
    return avsp_control_warn(
        split->ctl, err,
        "%zu mono sound tracks without a title stand side by side: each stays "
        "a sound of its own, and players begin with the first; if they are the "
        "channels of one sound, join them before",
        n);
}

/// Tells of everything that was met and passed over.
static enum avsp_code warn_of_damage(struct split *split, struct avsp_err *err)
{
    struct avsp_split_seen seen = {
        .reader = &split->reader,
        .gaps = &split->video.gaps,
        .n_leading = split->ahead.n_leading,
        .n_late = split->video.n_late,
        .is_endless =
            split->reader.tracks.video != NULL && avsp_split_video_is_endless(&split->video),
        .from_start = !avsp_part_has_start(&split->part),
        .to_end = !split->at_part_end,
    };
    for (size_t i = 0; i < split->n_audio; i++) {
        seen.n_sound_dropped += split->audio[i].n_dropped;
        seen.n_sound_unknown += split->audio[i].n_unknown;
    }
    enum avsp_code rc = avsp_split_warn(split->ctl, &seen, err);
    if (rc == AVSP_OK)
        rc = warn_of_no_picture(split, err);
    if (rc == AVSP_OK)
        rc = warn_of_lone_channels(split, err);
    return rc == AVSP_OK ? warn_of_left_out(split, err) : rc;
}

static enum avsp_code finish_sound(struct split *split, struct avsp_split_audio *audio, bool alone,
                                   struct avsp_err *err)
{
    bool whole = !avsp_part_has_start(&split->part) && !avsp_part_has_end(&split->part);
    if (audio->n_packets == 0 && whole && split->reader.tracks.audio_is_named)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "the sound track %d was asked for, and nothing came of it",
                            audio->stream->index);
    if (audio->n_packets == 0 && whole)
        return avsp_control_warn(split->ctl, err,
                                 "nothing came of sound track %d of the file: left out",
                                 audio->stream->index);
    // Elsewhere there may be some.
    if (audio->n_packets == 0 &&
        avsp_control_warn(split->ctl, err,
                          "sound track %d of the file has nothing in this part: it is silence",
                          audio->stream->index) != AVSP_OK)
        return err->code;
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

/// For whoever makes text of another file.
static enum avsp_code tell_extent(struct split *split, struct avsp_err *err)
{
    const struct avsp_extent *extent = &split->extent;
    const AVRational us = {1, 1000000};
    int64_t source = split->part.source_pts;
    struct avsp_report report = {
        .kind = AVSP_REPORT_EXTENT,
        .extent = {av_rescale_q(extent->origin_pts - source, extent->time_base, us),
                   av_rescale_q(extent->end_pts - source, extent->time_base, us)},
    };
    report.extent.end_us = AVSP_MAX(report.extent.end_us, report.extent.start_us + 1);
    return avsp_control_report(split->ctl, &report, err);
}

static enum avsp_code finish(struct split *split, struct avsp_err *err)
{
    bool alone = split->reader.tracks.video == NULL;
    enum avsp_code rc = begin_late(split, err);
    if (rc == AVSP_OK && !alone)
        rc = avsp_split_video_check(&split->video, err);
    if (rc == AVSP_OK)
        rc = find_end(split, err);
    if (rc == AVSP_OK)
        rc = avsp_part_warn_of_end(&split->part, split->extent.end_pts, split->ctl, err);
    if (rc == AVSP_OK)
        rc = tell_extent(split, err);
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
