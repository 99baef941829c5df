#include "media/joins.h"

#include "media/piece_writer.h"

#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>

/// Decode times never go back; so much is forgiven to clocks that are written by hand, as ffmpeg does.
#define CLOCK_BACKWARD_MS 100

/// How long a picture can be shown: the duration of a sample has 31 bits (libavformat leaves one out), and fields may double the timescale.
static int64_t hole_max(AVRational time_base)
{
    return av_rescale_q(INT32_MAX / 2, avsp_piece_time_base(time_base), time_base);
}

void avsp_joins_init(struct avsp_joins *joins, bool clocks_jump, AVRational video_time_base)
{
    *joins = (struct avsp_joins){
        .clocks_jump = clocks_jump,
        .hole_max = hole_max(video_time_base),
        .video = {.time_base = video_time_base, .last = AV_NOPTS_VALUE},
        .shown_end = AV_NOPTS_VALUE,
        .lead_until = AV_NOPTS_VALUE,
    };
}

void avsp_joins_add_audio(struct avsp_joins *joins, AVRational time_base)
{
    joins->audio[joins->n_audio++] =
        (struct avsp_join_track){.time_base = time_base, .last = AV_NOPTS_VALUE};
}

static int64_t ticks_of_ms(const struct avsp_join_track *track, int64_t ms)
{
    return av_rescale_q(ms, (AVRational){1, 1000}, track->time_base);
}

static int64_t forward_max(const struct avsp_join_track *track)
{
    return ticks_of_ms(track, AVSP_JOIN_FORWARD_S * 1000);
}

/// When a packet is decoded; where that is not known, when it is shown.
static int64_t clock_of(const AVPacket *packet)
{
    return packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
}

/// Does the track's clock jump to @p now?
static bool jumps(const struct avsp_joins *joins, const struct avsp_join_track *track,
                  const AVPacket *packet, int64_t now)
{
    if (track->last == AV_NOPTS_VALUE)
        return false;
    // Presentation times go back where pictures are reordered.
    bool strict = joins->clocks_jump && packet->dts != AV_NOPTS_VALUE;
    int64_t back = ticks_of_ms(track, strict ? CLOCK_BACKWARD_MS : AVSP_JOIN_BACKWARD_S * 1000);
    int64_t step = now - track->last;
    return step < -back || (joins->clocks_jump && step > forward_max(track)) ||
           (track == &joins->video && step > joins->hole_max);
}

/// Is @p now, of @p track, near where the other track's clock is?
static bool is_near(const struct avsp_join_track *track, int64_t now,
                    const struct avsp_join_track *other)
{
    if (other->last == AV_NOPTS_VALUE)
        return false;
    int64_t there = av_rescale_q(other->last, other->time_base, track->time_base);
    return now - there <= forward_max(track) && there - now <= forward_max(track);
}

static void advance(struct avsp_join_track *track, const AVPacket *packet, int64_t now)
{
    int64_t step = track->last != AV_NOPTS_VALUE ? now - track->last : 0;
    if (packet->duration > 0 && packet->duration < forward_max(track))
        track->duration = packet->duration;
    else if (step > 0 && step < forward_max(track))
        track->duration = step;
    track->last = now;
}

static void shift_packet(const struct avsp_join_track *track, AVPacket *packet)
{
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts += track->shift;
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts += track->shift;
}

static void note_waiting(struct avsp_joins *joins)
{
    joins->audio_waits = false;
    for (size_t i = 0; i < joins->n_audio; i++)
        joins->audio_waits |= joins->audio[i].waits;
}

static void follow_video(const struct avsp_joins *joins, struct avsp_join_track *audio)
{
    audio->shift = av_rescale_q(joins->video.shift, joins->video.time_base, audio->time_base);
    audio->epoch = joins->video.epoch;
    audio->last = AV_NOPTS_VALUE;
    audio->waits = false;
}

/// Closes a jump of the picture's clock to @p now.
static void close_jump(struct avsp_joins *joins, const AVPacket *packet, int64_t now)
{
    struct avsp_join_track *video = &joins->video;
    bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0 && packet->pts != AV_NOPTS_VALUE;
    video->shift += video->last + video->duration - now;
    // Where one side holds back more frames than the other, decode times may follow each other while pictures overlap.
    if (key && joins->shown_end != AV_NOPTS_VALUE)
        video->shift = AVSP_MAX(video->shift, joins->shown_end - packet->pts);
    joins->lead_until = key ? packet->pts + video->shift : AV_NOPTS_VALUE;
    video->epoch++;
    joins->n_jumps++;
    for (size_t i = 0; i < joins->n_audio; i++)
        if (joins->audio[i].waits)
            follow_video(joins, &joins->audio[i]);
    joins->audio_waits = false;
}

/// Is there sound already where the picture jumps to?
static bool sound_is_near(const struct avsp_joins *joins, int64_t now)
{
    for (size_t i = 0; i < joins->n_audio; i++)
        if (!joins->audio[i].waits && is_near(&joins->video, now, &joins->audio[i]))
            return true;
    return false;
}

/// Where a presentation time is missing, libavformat takes the next packet's decode time, which a jump may lie before.
static void repair_made_up_time(const struct avsp_join_track *video, AVPacket *packet)
{
    if (packet->pts == AV_NOPTS_VALUE || packet->dts == AV_NOPTS_VALUE)
        return;
    int64_t ahead = packet->pts - packet->dts;
    if (ahead > forward_max(video) || ahead < -forward_max(video))
        packet->pts = packet->dts + video->duration;
}

bool avsp_joins_video(struct avsp_joins *joins, AVPacket *packet)
{
    struct avsp_join_track *video = &joins->video;
    int64_t now = clock_of(packet);
    if (now == AV_NOPTS_VALUE)
        return true;
    if (joins->clocks_jump)
        repair_made_up_time(video, packet);
    if (jumps(joins, video, packet, now)) {
        bool away = now > video->last && !joins->audio_waits && sound_is_near(joins, now);
        if (!away)
            close_jump(joins, packet, now);
    }
    advance(video, packet, now);
    shift_packet(video, packet);
    if (packet->pts == AV_NOPTS_VALUE)
        return true;
    if (joins->lead_until != AV_NOPTS_VALUE && packet->pts < joins->lead_until)
        return false;
    if (joins->lead_until != AV_NOPTS_VALUE && packet->pts > joins->lead_until)
        joins->lead_until = AV_NOPTS_VALUE;
    int64_t end = packet->pts + video->duration;
    if (joins->shown_end == AV_NOPTS_VALUE || end > joins->shown_end)
        joins->shown_end = end;
    return true;
}

bool avsp_joins_audio(struct avsp_joins *joins, size_t i, AVPacket *packet)
{
    struct avsp_join_track *audio = &joins->audio[i];
    if (audio->waits)
        return false;
    int64_t now = clock_of(packet);
    if (now == AV_NOPTS_VALUE)
        return true;
    if (jumps(joins, audio, packet, now)) {
        bool near = is_near(audio, now, &joins->video);
        bool away = near && now > audio->last && joins->video.epoch == audio->epoch;
        if (near && joins->video.epoch != audio->epoch) {
            follow_video(joins, audio);
        } else if (!away) {
            audio->epoch = joins->video.epoch;
            audio->waits = joins->audio_waits = true;
            return false;
        }
    }
    advance(audio, packet, now);
    shift_packet(audio, packet);
    return true;
}

void avsp_joins_text(const struct avsp_joins *joins, AVRational time_base, AVPacket *packet)
{
    struct avsp_join_track text = {
        .shift = av_rescale_q(joins->video.shift, joins->video.time_base, time_base)};
    shift_packet(&text, packet);
}

void avsp_joins_wait_no_longer(struct avsp_joins *joins, size_t i, const AVPacket *first_waiting)
{
    struct avsp_join_track *audio = &joins->audio[i];
    int64_t now = clock_of(first_waiting);
    // Sound that is where the picture is has only stumbled.
    if (audio->last != AV_NOPTS_VALUE && !is_near(audio, now, &joins->video))
        audio->shift += audio->last + audio->duration - now;
    audio->last = AV_NOPTS_VALUE;
    audio->waits = false;
    note_waiting(joins);
}
