#include "media/heirs.h"

#include <string.h>

/// A stream of which so many packets came beside a track is no heir of it. (Some may come before the table that says so.)
#define PASSED_MAX 64

static const AVProgram *program_of(const struct avsp_heirs *heirs, const AVStream *stream)
{
    // It is not changed, and libavformat does not say so.
    return av_find_program_from_stream((AVFormatContext *)(uintptr_t)heirs->ctx, NULL,
                                       stream->index);
}

static void add(struct avsp_heirs *heirs, const AVStream *stream)
{
    const AVProgram *program = program_of(heirs, stream);
    heirs->tracks[heirs->n++] =
        (struct avsp_heir){stream, stream, program != NULL ? program->id : -1};
}

static bool may_be_heard_or_seen(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO ||
           stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
}

void avsp_heirs_init(struct avsp_heirs *heirs, AVFormatContext *ctx, struct avsp_tracks *tracks)
{
    *heirs = (struct avsp_heirs){0};
    if (strcmp(ctx->iformat->name, "mpegts") != 0)
        return;
    heirs->ctx = ctx;
    heirs->chosen = tracks;
    if (tracks->video != NULL)
        add(heirs, tracks->video);
    for (size_t i = 0; i < tracks->n_audio; i++)
        add(heirs, tracks->audio[i]);
    // The demuxer has looked for tables far ahead, and knows streams already that only come later.
    for (unsigned i = 0; i < ctx->nb_streams; i++)
        if (may_be_heard_or_seen(ctx->streams[i]) &&
            !avsp_tracks_is_stranger(ctx, tracks, ctx->streams[i]))
            ctx->streams[i]->discard = AVDISCARD_DEFAULT;
}

static bool is_mpeg_audio(enum AVCodecID id)
{
    return id == AV_CODEC_ID_MP1 || id == AV_CODEC_ID_MP2 || id == AV_CODEC_ID_MP3;
}

static bool are_alike(const AVStream *a, const AVStream *b)
{
    enum AVCodecID one = a->codecpar->codec_id;
    enum AVCodecID other = b->codecpar->codec_id;
    // Which layer it is only its packets tell.
    bool same_codec = one == other || (is_mpeg_audio(one) && is_mpeg_audio(other));
    return a->codecpar->codec_type == b->codecpar->codec_type && same_codec &&
           strcmp(avsp_tracks_language(a), avsp_tracks_language(b)) == 0;
}

static bool is_chosen(const struct avsp_heirs *heirs, const AVStream *stream)
{
    for (size_t i = 0; i < heirs->n; i++)
        if (heirs->tracks[i].chosen == stream)
            return true;
    return false;
}

/// Does it stand for a track, or was it there beside the chosen ones all the time?
static bool has_its_own_place(const struct avsp_heirs *heirs, const AVStream *stream)
{
    for (size_t i = 0; i < heirs->n; i++)
        if (heirs->tracks[i].now == stream)
            return true;
    return heirs->n_passed[stream->index] >= PASSED_MAX;
}

/// May the stream take the place of the one that the track is in?
static bool may_follow(const struct avsp_heirs *heirs, const struct avsp_heir *track,
                       const AVStream *stream)
{
    const AVProgram *program = program_of(heirs, stream);
    bool is_free =
        stream == track->chosen || (!is_chosen(heirs, stream) && !has_its_own_place(heirs, stream));
    return is_free && are_alike(stream, track->chosen) && program != NULL &&
           (track->program < 0 || program->id == track->program) &&
           program_of(heirs, track->now) == NULL;
}

/// Finds the track whose place the stream takes: the first of several that are free takes that of the first.
static struct avsp_heir *find_place(struct avsp_heirs *heirs, const AVStream *stream)
{
    size_t n_before = 0;
    struct avsp_heir *place = NULL;
    for (size_t i = 0; i < heirs->n; i++) {
        struct avsp_heir *track = &heirs->tracks[i];
        if (!may_follow(heirs, track, stream))
            continue;
        if (place == NULL)
            for (int k = 0; k < stream->index; k++)
                n_before += may_follow(heirs, track, heirs->ctx->streams[k]);
        place = track;
        if (n_before-- == 0)
            break;
    }
    return place;
}

bool avsp_heirs_follow(struct avsp_heirs *heirs, AVPacket *packet)
{
    if (heirs->ctx == NULL || packet->stream_index >= AVSP_HEIRS_STREAMS_MAX)
        return true;
    const AVStream *stream = heirs->ctx->streams[packet->stream_index];
    struct avsp_heir *found = NULL;
    for (size_t i = 0; i < heirs->n && found == NULL; i++)
        if (heirs->tracks[i].now == stream)
            found = &heirs->tracks[i];
    if (found == NULL)
        found = find_place(heirs, stream);
    if (found == NULL) {
        if (heirs->n_passed[stream->index] < PASSED_MAX)
            heirs->n_passed[stream->index]++;
        return !is_chosen(heirs, stream);
    }
    found->now = stream;
    if (stream != found->chosen)
        heirs->chosen->heirs |= UINT64_C(1) << stream->index;
    packet->stream_index = found->chosen->index;
    return true;
}
