#include "media/audio_copy.h"

#include "media/audio_rendition.h"
#include "media/averr.h"
#include "media/copyable.h"
#include "media/decoder.h"
#include "media/source.h"

#include <inttypes.h>
#include <stdarg.h>

#define ARENA_BYTES 65536
#define WHY_BYTES 160
#define JITTER_MS                                                                                  \
    20 ///< as of decoded sound: nearer than that, the count is trusted (media/audio_timeline.h)
#define BAD_MAX 4096  ///< packets that silence stands for; fewer than one in a hundred, and one
#define ROUNDING_MS 2 ///< of a container's times, where packets are missing

struct copy {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_arena arena;
    struct avsp_copyable kind;
    char why_not[WHY_BYTES]; ///< "" = nothing stands in the way so far
    AVCodecParameters *par;
    AVPacket *first;   ///< of those that are copied
    AVPacket *silence; ///< NULL: there is none
    AVFrame *frame;
    int64_t
        start; ///< where the first packet goes, in samples from presentation time 0 on; not after it
    bool needs_silence;
    int64_t hole_samples;  ///< of holes between packets that silence fills
    uint64_t bad[BAD_MAX]; ///< which of the packets are damaged, in order
    size_t n_bad;
    const char *why_bad;               ///< of the first of them
    struct avsp_audio_rendition *made; ///< NULL in the pass that only looks
    // Of one pass.
    struct avsp_piece_header header;
    struct avsp_source source;
    struct avsp_decoder decoder;
    AVStream *stream;
    AVPacket *pkt;
    bool began;
    int64_t next;  ///< where the next packet goes
    int64_t total; ///< where the presentation ends
    int64_t from;  ///< before it nothing is heard …
    int64_t to;    ///< … nor from here on
    uint64_t n_taken;
    size_t n_bad_put; ///< of `bad`
};

static void end_pass(struct copy *copy)
{
    avsp_decoder_close(&copy->decoder);
    avsp_source_close(&copy->source);
    av_packet_free(&copy->pkt);
    copy->began = false;
    copy->next = 0;
    copy->n_taken = 0;
    copy->n_bad_put = 0;
    copy->hole_samples = 0;
}

static void copy_deinit(struct copy *copy)
{
    end_pass(copy);
    avsp_audio_rendition_free(&copy->made);
    avcodec_parameters_free(&copy->par);
    av_packet_free(&copy->first);
    av_packet_free(&copy->silence);
    av_frame_free(&copy->frame);
    avsp_arena_deinit(&copy->arena);
}

static void AVSP_PRINTF(2, 3) refuse(struct copy *copy, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (copy->why_not[0] == '\0')
        vsnprintf(copy->why_not, sizeof copy->why_not, fmt, args);
    va_end(args);
}

static int64_t samples_of_ms(const struct copy *copy, int64_t ms)
{
    return ms * copy->par->sample_rate / 1000;
}

/// A time as samples since presentation time 0. @return false: it is none, or too far away.
static bool position_of(const struct copy *copy, int64_t pts, int64_t *ret_pos)
{
    const struct avsp_piece_header *h = &copy->header;
    const AVRational sample = {1, copy->par->sample_rate};
    const AVRational origin_tb = {h->origin_time_base.num, h->origin_time_base.den};
    int64_t pos = av_rescale_q(pts, copy->stream->time_base, sample);
    int64_t origin = av_rescale_q(h->origin_pts, origin_tb, sample);
    return pts != AV_NOPTS_VALUE && pos != INT64_MIN && origin != INT64_MIN &&
           !__builtin_sub_overflow(pos, origin, ret_pos);
}

static void find_window(struct copy *copy)
{
    const struct avsp_piece_header *h = &copy->header;
    const AVRational origin_tb = {h->origin_time_base.num, h->origin_time_base.den};
    int64_t pos = 0;
    copy->total = av_rescale_q_rnd(h->end_pts - h->origin_pts, origin_tb,
                                   (AVRational){1, copy->par->sample_rate}, AV_ROUND_UP);
    copy->from = 0;
    copy->to = copy->total;
    if (h->in_pts != INT64_MIN && position_of(copy, h->in_pts, &pos))
        copy->from = AVSP_MAX(pos, 0);
    if (h->out_pts != INT64_MAX && position_of(copy, h->out_pts, &pos))
        copy->to = AVSP_MIN(pos, copy->to);
}

static enum avsp_code begin_pass(struct copy *copy, int fd, struct avsp_err *err)
{
    enum avsp_code rc = avsp_source_open_piece(fd, &copy->arena, &copy->header, &copy->source, err);
    if (rc != AVSP_OK)
        return rc;
    int stream = av_find_best_stream(copy->source.ctx, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (copy->header.kind != AVSP_MEDIA_AUDIO || copy->step->segment_seconds < 1 || stream < 0)
        return avsp_err_set(err, AVSP_INVALID, "not a piece of sound");
    copy->stream = copy->source.ctx->streams[stream];
    copy->pkt = av_packet_alloc();
    bool first = copy->par == NULL;
    if (first)
        copy->par = avcodec_parameters_alloc();
    if (copy->pkt == NULL || copy->par == NULL ||
        (first && avcodec_parameters_copy(copy->par, copy->stream->codecpar) < 0))
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    if (copy->par->sample_rate > 0 && copy->header.end_pts > copy->header.origin_pts)
        find_window(copy);
    else
        refuse(copy, "nothing is known of it");
    if (copy->to <= copy->from)
        refuse(copy, "there is nothing of it in this part");
    return AVSP_OK;
}

/// What is to be done with a packet.
enum fate { LEAVE_OUT, TAKE, GIVE_UP };

/// Finds a packet's place. @param ret_silent  how many packets of silence come before it.
static enum fate place(struct copy *copy, int64_t pos, int64_t *ret_silent)
{
    int64_t n = copy->kind.frame_samples;
    *ret_silent = 0;
    if (pos >= copy->to || (copy->began && copy->next >= copy->to))
        return LEAVE_OUT;
    if (!copy->began) {
        if (pos + n + (copy->kind.warms_up ? n : 0) <= copy->from)
            return LEAVE_OUT;
        copy->began = true;
        *ret_silent = pos > 0 ? (pos + n - 1) / n : 0;
        copy->next = copy->start = pos - *ret_silent * n;
        return TAKE;
    }
    int64_t gap = pos - copy->next;
    if (gap < samples_of_ms(copy, JITTER_MS) && gap > -samples_of_ms(copy, JITTER_MS))
        return TAKE;
    *ret_silent = (gap + n / 2) / n;
    int64_t off = gap - *ret_silent * n;
    int64_t rounding = samples_of_ms(copy, ROUNDING_MS);
    if (gap <= 0 || off > rounding || off < -rounding)
        return GIVE_UP;
    copy->hole_samples += gap;
    return TAKE;
}

/// Puts a packet where the next one goes.
static enum avsp_code put(struct copy *copy, const AVPacket *packet, struct avsp_err *err)
{
    int64_t pts = copy->next;
    copy->next += copy->kind.frame_samples;
    if (copy->made == NULL || pts >= copy->total)
        return AVSP_OK;
    AVPacket *AVSP_CLEANUP(av_packet_free) out = av_packet_clone(packet);
    if (out == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    out->pts = out->dts = pts;
    out->duration = AVSP_MIN((int64_t)copy->kind.frame_samples, copy->total - pts);
    out->flags = AV_PKT_FLAG_KEY;
    return avsp_audio_rendition_put(copy->made, out, err);
}

static enum avsp_code put_silence(struct copy *copy, int64_t n, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    if (n <= 0)
        return AVSP_OK;
    copy->needs_silence = true;
    // Without looking at each there is nothing to be done for them.
    if (copy->made == NULL)
        copy->next += n * copy->kind.frame_samples;
    for (int64_t i = 0; rc == AVSP_OK && copy->made != NULL && i < n && copy->next < copy->total;
         i++)
        rc = put(copy, copy->silence, err);
    return rc;
}

/// Does the packet decode to one whole frame of the sound's form?
static enum avsp_code decode(struct copy *copy, bool *ret_whole, struct avsp_err *err)
{
    uint64_t n_damaged = copy->decoder.n_damaged;
    size_t n_frames = 0;
    *ret_whole = true;
    enum avsp_code rc = avsp_decoder_send(&copy->decoder, copy->pkt, err);
    for (bool got = true; rc == AVSP_OK && got;) {
        rc = avsp_decoder_receive(&copy->decoder, copy->frame, &got, err);
        if (rc != AVSP_OK || !got)
            break;
        n_frames++;
        *ret_whole &= copy->frame->nb_samples == copy->kind.frame_samples &&
                      copy->frame->sample_rate == copy->par->sample_rate &&
                      copy->frame->ch_layout.nb_channels == copy->par->ch_layout.nb_channels;
        av_frame_unref(copy->frame);
    }
    *ret_whole &= n_frames == 1 && copy->decoder.n_damaged == n_damaged;
    return rc;
}

/// Looks at a packet that is to be copied.
static enum avsp_code look_at(struct copy *copy, struct avsp_err *err)
{
    const AVPacket *first = copy->first != NULL ? copy->first : copy->pkt;
    const char *why = avsp_copyable_packet(copy->par, first, copy->pkt);
    bool whole = false;
    enum avsp_code rc = why == NULL ? decode(copy, &whole, err) : AVSP_OK;
    if (rc != AVSP_OK)
        return rc;
    if (!whole) {
        if (copy->n_bad == 0)
            copy->why_bad = why != NULL ? why : "it is damaged";
        if (copy->n_bad < BAD_MAX)
            copy->bad[copy->n_bad] = copy->n_taken - 1;
        copy->n_bad++;
        copy->needs_silence = true;
    } else if (copy->first == NULL && (copy->first = av_packet_clone(copy->pkt)) == NULL) {
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    }
    return AVSP_OK;
}

/// Puts the packet at hand, or silence for one that is damaged.
static enum avsp_code put_packet(struct copy *copy, struct avsp_err *err)
{
    if (copy->made == NULL) {
        copy->next += copy->kind.frame_samples;
        return look_at(copy, err);
    }
    if (copy->n_bad_put < copy->n_bad && copy->bad[copy->n_bad_put] == copy->n_taken - 1) {
        copy->n_bad_put++;
        return put(copy, copy->silence, err);
    }
    int av = avsp_copyable_strip(copy->par, copy->pkt);
    return av >= 0 ? put(copy, copy->pkt, err) : avsp_averr_set(err, av, "copy sound");
}

static enum avsp_code take_packet(struct copy *copy, struct avsp_err *err)
{
    int64_t pos = 0;
    int64_t n_silent = 0;
    if (!position_of(copy, copy->pkt->pts, &pos)) {
        refuse(copy, "packets of it have no time");
        return AVSP_OK;
    }
    switch (place(copy, pos, &n_silent)) {
    case LEAVE_OUT:
        return AVSP_OK;
    case GIVE_UP:
        refuse(copy, "at %.3f s its packets are %" PRId64 " ms away from those before them",
               (double)pos / copy->par->sample_rate,
               (pos - copy->next) * 1000 / copy->par->sample_rate);
        return AVSP_OK;
    case TAKE:
        break;
    }
    copy->n_taken++;
    enum avsp_code rc = put_silence(copy, n_silent, err);
    return rc == AVSP_OK ? put_packet(copy, err) : rc;
}

static enum avsp_code read_packets(struct copy *copy, struct avsp_err *err)
{
    while (copy->why_not[0] == '\0') {
        int av = av_read_frame(copy->source.ctx, copy->pkt);
        if (av == AVERROR_EOF)
            return AVSP_OK;
        if (av < 0)
            return avsp_averr_set(err, av, "read the piece");
        enum avsp_code rc =
            copy->pkt->stream_index == copy->stream->index ? take_packet(copy, err) : AVSP_OK;
        av_packet_unref(copy->pkt);
        if (rc != AVSP_OK)
            return rc;
    }
    return AVSP_OK;
}

static enum avsp_code fill_up(struct copy *copy, struct avsp_err *err)
{
    int64_t n = copy->kind.frame_samples;
    int64_t left = copy->total - copy->next;
    // Times that are rounded to milliseconds are not worth a packet.
    if (left <= samples_of_ms(copy, ROUNDING_MS))
        return AVSP_OK;
    return put_silence(copy, (left + n - 1) / n, err);
}

/// What the pass that writes needs.
static enum avsp_code prepare(struct copy *copy, struct avsp_err *err)
{
    enum avsp_code rc = fill_up(copy, err);
    if (rc != AVSP_OK)
        return rc;
    if (copy->needs_silence)
        rc = avsp_copyable_silence(copy->par, copy->first, &copy->silence, err);
    if (rc != AVSP_OK)
        return rc;
    if (copy->needs_silence && copy->silence == NULL)
        refuse(copy, "parts of it are missing, and silence cannot be made in its form");
    // The first one tells what the container did not.
    int av = avsp_copyable_strip(copy->par, copy->first);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "copy sound");
}

/// The pass that only looks.
static enum avsp_code look(struct copy *copy, struct avsp_err *err)
{
    enum avsp_code rc = avsp_decoder_open(&copy->decoder, copy->stream, 1, err);
    if (rc == AVSP_CORRUPT || rc == AVSP_UNSUPPORTED) {
        refuse(copy, "it cannot be decoded");
        return AVSP_OK;
    }
    if (rc == AVSP_OK)
        rc = read_packets(copy, err);
    if (rc != AVSP_OK || copy->why_not[0] != '\0')
        return rc;
    if (copy->n_bad > copy->n_taken / 100 + 1 || copy->n_bad > BAD_MAX)
        refuse(copy, "%s", copy->why_bad);
    else if (copy->first == NULL)
        refuse(copy, "there is nothing of it");
    else
        rc = prepare(copy, err);
    return rc;
}

static enum avsp_code open_rendition(struct copy *copy, struct avsp_err *err)
{
    const struct avsp_audio_rendition_facts facts = {
        .ctl = copy->ctl,
        .name = avsp_sound_name(&copy->arena, copy->header.track, copy->kind.form),
        .codecs = copy->kind.codecs,
        .header = &copy->header,
        .par = copy->par,
        .priming = -copy->start,
        .segment_seconds = copy->step->segment_seconds,
    };
    return facts.name != NULL ? avsp_audio_rendition_new(&facts, &copy->made, err)
                              : avsp_arena_failed(&copy->arena, err);
}

/// The pass that writes.
static enum avsp_code write(struct copy *copy, struct avsp_err *err)
{
    enum avsp_code rc = open_rendition(copy, err);
    if (rc == AVSP_OK)
        rc = read_packets(copy, err);
    if (rc == AVSP_OK)
        rc = fill_up(copy, err);
    return rc == AVSP_OK ? avsp_audio_rendition_end(copy->made, err) : rc;
}

static enum avsp_code warn(struct copy *copy, struct avsp_err *err)
{
    uint32_t track = copy->header.track;
    if (copy->why_not[0] != '\0')
        return avsp_control_warn(copy->ctl, err, "sound a%" PRIu32 " is not copied: %s", track,
                                 copy->why_not);
    enum avsp_code rc = AVSP_OK;
    if (copy->n_bad > 0)
        rc = avsp_control_warn(copy->ctl, err,
                               "sound a%" PRIu32
                               ", copied: packets of silence stand for %zu damaged ones",
                               track, copy->n_bad);
    if (rc == AVSP_OK && copy->hole_samples > 0)
        rc = avsp_control_warn(copy->ctl, err,
                               "sound a%" PRIu32
                               ", copied: packets of silence fill its holes, %" PRId64 " ms in all",
                               track, copy->hole_samples * 1000 / copy->par->sample_rate);
    if (rc == AVSP_OK && copy->step->sound.loudness_lufs != 0)
        rc = avsp_control_warn(
            copy->ctl, err,
            "sound a%" PRIu32 ", copied: --loudness does not change it, as nothing does", track);
    return rc;
}

static enum avsp_code copy_track(struct copy *copy, int fd, struct avsp_err *err)
{
    enum avsp_code rc = begin_pass(copy, fd, err);
    if (rc != AVSP_OK)
        return rc;
    char room[WHY_BYTES];
    const char *why =
        avsp_copyable_of(copy->par, &copy->step->sound, &copy->kind, room, sizeof room);
    if (why != NULL)
        refuse(copy, "%s", why);
    if (copy->why_not[0] == '\0')
        rc = look(copy, err);
    end_pass(copy);
    if (rc != AVSP_OK || copy->why_not[0] != '\0')
        return rc;
    rc = begin_pass(copy, fd, err);
    return rc == AVSP_OK ? write(copy, err) : rc;
}

enum avsp_code avsp_audio_copy_run(int input_fd, const struct avsp_step *step,
                                   struct avsp_control *ctl, struct avsp_audio_copied *ret_copied,
                                   struct avsp_err *err)
{
    struct copy AVSP_CLEANUP(copy_deinit) copy = {.step = step, .ctl = ctl};
    avsp_arena_init(&copy.arena, ARENA_BYTES);
    *ret_copied = (struct avsp_audio_copied){.form = AVSP_SOUND_N_FORMS};
    copy.frame = av_frame_alloc();
    enum avsp_code rc = copy.frame != NULL
                            ? copy_track(&copy, input_fd, err)
                            : avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    if (rc == AVSP_OK)
        rc = warn(&copy, err);
    if (rc == AVSP_OK && copy.why_not[0] == '\0')
        *ret_copied = (struct avsp_audio_copied){copy.kind.form, copy.par->ch_layout.nb_channels};
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "copy the sound");
}
