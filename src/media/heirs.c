#include "media/heirs.h"

#include <string.h>

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
        if (!avsp_tracks_is_stranger(ctx, tracks, ctx->streams[i]))
            ctx->streams[i]->discard = AVDISCARD_DEFAULT;
}

static bool is_mpeg_audio(enum AVCodecID id)
{
    return id == AV_CODEC_ID_MP1 || id == AV_CODEC_ID_MP2 || id == AV_CODEC_ID_MP3;
}

static bool are_alike(const AVCodecParameters *a, const AVCodecParameters *b)
{
    // Which layer it is only its packets tell.
    return a->codec_type == b->codec_type &&
           (a->codec_id == b->codec_id ||
            (is_mpeg_audio(a->codec_id) && is_mpeg_audio(b->codec_id)));
}

static bool is_chosen(const struct avsp_heirs *heirs, const AVStream *stream)
{
    for (size_t i = 0; i < heirs->n; i++)
        if (heirs->tracks[i].chosen == stream)
            return true;
    return false;
}

/// May the stream take the place of the one that the track is in?
static bool may_follow(const struct avsp_heirs *heirs, const struct avsp_heir *track,
                       const AVStream *stream)
{
    const AVProgram *program = program_of(heirs, stream);
    bool is_free = stream == track->chosen || !is_chosen(heirs, stream);
    return is_free && are_alike(stream->codecpar, track->chosen->codecpar) && program != NULL &&
           (track->program < 0 || program->id == track->program) &&
           program_of(heirs, track->now) == NULL;
}

bool avsp_heirs_follow(struct avsp_heirs *heirs, AVPacket *packet)
{
    if (heirs->ctx == NULL)
        return true;
    const AVStream *stream = heirs->ctx->streams[packet->stream_index];
    struct avsp_heir *found = NULL;
    for (size_t i = 0; i < heirs->n && found == NULL; i++)
        if (heirs->tracks[i].now == stream)
            found = &heirs->tracks[i];
    for (size_t i = 0; i < heirs->n && found == NULL; i++)
        if (may_follow(heirs, &heirs->tracks[i], stream))
            found = &heirs->tracks[i];
    if (found == NULL)
        return !is_chosen(heirs, stream);
    found->now = stream;
    if (stream != found->chosen && stream->index < 64)
        heirs->chosen->heirs |= UINT64_C(1) << stream->index;
    packet->stream_index = found->chosen->index;
    return true;
}
