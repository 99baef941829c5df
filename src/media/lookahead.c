#include "media/lookahead.h"

#include "media/decoder.h"
#include "media/heard.h"
#include "media/keyframe.h"

#include <stdlib.h>

static enum avsp_code keep(struct avsp_lookahead *ahead, AVPacket **packet, bool shown,
                           struct avsp_err *err)
{
    if (ahead->items == NULL)
        ahead->items = calloc(AVSP_LOOKAHEAD_PACKETS, sizeof *ahead->items);
    if (ahead->items == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to read ahead");
    ahead->bytes += (size_t)(*packet)->size;
    ahead->items[ahead->n_items].packet = *packet;
    ahead->items[ahead->n_items].shown = shown;
    ahead->n_items++;
    *packet = NULL;
    return AVSP_OK;
}

static enum avsp_code read_ahead(struct avsp_lookahead *ahead, struct avsp_reader *reader,
                                 struct avsp_err *err)
{
    int leading = avsp_tracks_leading(&reader->tracks)->index;
    size_t n_shown = 0;
    while (n_shown < AVSP_LOOKAHEAD_FRAMES && ahead->bytes < AVSP_LOOKAHEAD_BYTES &&
           ahead->n_items < AVSP_LOOKAHEAD_PACKETS) {
        AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
        if (packet == NULL)
            return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to read ahead");
        bool end = false;
        bool shown = false;
        enum avsp_code rc = avsp_reader_next(reader, packet, &end, &shown, err);
        if (rc != AVSP_OK || end)
            return rc;
        n_shown += shown && packet->stream_index == leading;
        rc = keep(ahead, &packet, shown, err);
        if (rc != AVSP_OK)
            return rc;
    }
    return AVSP_OK;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/// Takes the pictures that the decoder has ready, as many as are looked at.
static enum avsp_code take_pictures(struct avsp_glance *glance, struct avsp_decoder *decoder,
                                    AVFrame *frame, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (bool got = true; rc == AVSP_OK && got && glance->n_pictures < AVSP_GLANCE_PICTURES;) {
        rc = avsp_decoder_receive(decoder, frame, &got, err);
        if (rc == AVSP_OK && got)
            avsp_glance_at(glance, frame);
        av_frame_unref(frame);
    }
    return rc;
}

/// Decodes the first pictures that come out: those before them lean on pictures that are not in the file, or are refreshed bit
/// by bit.
static enum avsp_code glance(struct avsp_lookahead *ahead, const AVStream *video,
                             struct avsp_err *err)
{
    avsp_glance_init(&ahead->glance);
    AVFrame *AVSP_CLEANUP(av_frame_free) frame = av_frame_alloc();
    if (frame == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a picture");
    struct avsp_decoder AVSP_CLEANUP(avsp_decoder_close) decoder = {0};
    enum avsp_code rc = avsp_decoder_open(&decoder, video, 1, err);
    for (size_t i = 0;
         i <= ahead->n_items && rc == AVSP_OK && ahead->glance.n_pictures < AVSP_GLANCE_PICTURES;
         i++) {
        const AVPacket *packet = i < ahead->n_items ? ahead->items[i].packet : NULL;
        if (packet != NULL && packet->stream_index != video->index)
            continue;
        rc = avsp_decoder_send(&decoder, packet, err);
        if (rc == AVSP_OK)
            rc = take_pictures(&ahead->glance, &decoder, frame, err);
    }
    return rc;
}

/// Collects the frames that are shown: from the first on that can be decoded.
static void collect(struct avsp_lookahead *ahead, const AVStream *video, int64_t first_pts)
{
    for (size_t i = 0; i < ahead->n_items; i++) {
        const AVPacket *packet = ahead->items[i].packet;
        if (packet->stream_index != video->index || !ahead->items[i].shown ||
            avsp_keyframe_is_hidden(video->codecpar, packet->data, (size_t)packet->size))
            continue;
        // Where the decoder gave no picture, the first packet's is as good a guess as any: it is a key.
        if (first_pts == AV_NOPTS_VALUE)
            first_pts = packet->pts;
        if (packet->pts < first_pts) {
            ahead->items[i].shown = false;
            ahead->n_leading++;
        } else if (ahead->n_pts < AVSP_LOOKAHEAD_FRAMES) {
            ahead->pts[ahead->n_pts++] = packet->pts;
        }
    }
    qsort(ahead->pts, ahead->n_pts, sizeof ahead->pts[0], compare_i64);
    if (ahead->n_pts > 0)
        ahead->origin_pts = ahead->pts[0];
}

/// Finds the first sound of a track that is heard, and how much of it there is before the first frame.
static void listen(struct avsp_lookahead *ahead, const struct avsp_tracks *tracks, size_t track)
{
    const AVStream *stream = tracks->audio[track];
    struct avsp_lookahead_sound *sound = &ahead->sound[track];
    struct avsp_hearing hearing = {.stream = stream};
    for (size_t i = 0; i < ahead->n_items; i++) {
        const AVPacket *packet = ahead->items[i].packet;
        struct avsp_heard heard;
        if (packet->stream_index != stream->index || !avsp_heard_of(&hearing, packet, &heard))
            continue;
        sound->from = sound->heard ? AVSP_MIN(sound->from, heard.from) : heard.from;
        sound->heard = true;
        if (tracks->video != NULL && av_compare_ts(heard.from, stream->time_base, ahead->origin_pts,
                                                   tracks->video->time_base) < 0)
            sound->before += heard.to - heard.from;
    }
}

bool avsp_lookahead_first_sound(const struct avsp_lookahead *ahead,
                                const struct avsp_tracks *tracks, size_t *ret_track)
{
    bool found = false;
    for (size_t i = 0; i < tracks->n_audio; i++) {
        if (!ahead->sound[i].heard)
            continue;
        if (!found ||
            av_compare_ts(ahead->sound[i].from, tracks->audio[i]->time_base,
                          ahead->sound[*ret_track].from, tracks->audio[*ret_track]->time_base) < 0)
            *ret_track = i;
        found = true;
    }
    return found;
}

/// Finds the origin. Where pictures come from a decoder already, each of them can be shown.
static enum avsp_code look_at_pictures(struct avsp_lookahead *ahead,
                                       const struct avsp_reader *reader, struct avsp_err *err)
{
    const AVStream *video = avsp_reader_video(reader);
    enum avsp_code rc = glance(ahead, video, err);
    if (rc == AVSP_OK)
        collect(ahead, video, reader->lossless == NULL ? ahead->glance.first_pts : AV_NOPTS_VALUE);
    return rc;
}

static void find_first(struct avsp_lookahead *ahead, AVStream *const *streams)
{
    for (size_t i = 0; i < ahead->n_items; i++) {
        const AVPacket *packet = ahead->items[i].packet;
        if (packet->pts == AV_NOPTS_VALUE)
            continue;
        AVRational tb = streams[packet->stream_index]->time_base;
        int64_t second = av_rescale_q_rnd(packet->pts, tb, (AVRational){1, 1}, AV_ROUND_DOWN);
        ahead->first_s = AVSP_MIN(ahead->first_s, second);
    }
}

enum avsp_code avsp_lookahead_init(struct avsp_lookahead *ahead, struct avsp_reader *reader,
                                   struct avsp_err *err)
{
    *ahead = (struct avsp_lookahead){0};
    enum avsp_code rc = read_ahead(ahead, reader, err);
    if (rc == AVSP_OK && reader->tracks.video != NULL)
        rc = look_at_pictures(ahead, reader, err);
    if (rc != AVSP_OK)
        return rc;
    for (size_t i = 0; i < reader->tracks.n_audio; i++)
        listen(ahead, &reader->tracks, i);
    find_first(ahead, reader->ctx->streams);
    return AVSP_OK;
}

void avsp_lookahead_deinit(struct avsp_lookahead *ahead)
{
    for (size_t i = ahead->n_taken; i < ahead->n_items; i++)
        av_packet_free(&ahead->items[i].packet);
    free(ahead->items);
    ahead->items = NULL;
    ahead->n_items = ahead->n_taken = 0;
}

bool avsp_lookahead_take(struct avsp_lookahead *ahead, AVPacket *packet, bool *ret_shown)
{
    if (ahead->n_taken == ahead->n_items)
        return false;
    av_packet_move_ref(packet, ahead->items[ahead->n_taken].packet);
    *ret_shown = ahead->items[ahead->n_taken].shown;
    av_packet_free(&ahead->items[ahead->n_taken].packet);
    ahead->n_taken++;
    return true;
}

size_t avsp_lookahead_distances(const struct avsp_lookahead *ahead,
                                int64_t ret_distances[AVSP_LOOKAHEAD_FRAMES])
{
    size_t n = 0;
    for (size_t i = 1; i < ahead->n_pts; i++)
        if (ahead->pts[i] > ahead->pts[i - 1])
            ret_distances[n++] = ahead->pts[i] - ahead->pts[i - 1];
    return n;
}
