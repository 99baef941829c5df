#include "media/text_track.h"

#include "core/ass_text.h"
#include "core/webvtt.h"
#include "media/allow.h"
#include "media/averr.h"
#include "media/fmp4.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX_BYTES ((size_t)8 << 20)
#define CUES_MAX 250000
/// The file: texts, and some 40 bytes a cue for its times.
#define FILE_MAX_BYTES (TEXTS_MAX_BYTES + (size_t)CUES_MAX * 64)
/// How long a text stays where nobody says so and no other one comes.
#define UNTIMED_US 5000000
#define US_PER_MS 1000
#define NAME_BYTES 24

static const AVRational microsecond = {1, 1000000};

enum avsp_code avsp_text_track_open(struct avsp_text_track *track, const AVStream *stream,
                                    struct avsp_err *err)
{
    *track = (struct avsp_text_track){.stream = stream};
    avsp_buf_init(&track->texts, TEXTS_MAX_BYTES);
    const AVCodec *codec = avsp_allow_decoder(stream->codecpar->codec_id);
    if (codec == NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "no decoder for %s",
                            avcodec_get_name(stream->codecpar->codec_id));
    track->decoder = avcodec_alloc_context3(codec);
    if (track->decoder == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a decoder");
    int av = avcodec_parameters_to_context(track->decoder, stream->codecpar);
    track->decoder->pkt_timebase = stream->time_base;
    // Text that is no UTF-8 is taken as it comes, and repaired where it is written.
    track->decoder->sub_charenc_mode = FF_SUB_CHARENC_MODE_IGNORE;
    if (av >= 0)
        av = avcodec_open2(track->decoder, codec, NULL);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "open the decoder for %s", codec->name);
}

void avsp_text_track_close(struct avsp_text_track *track)
{
    avcodec_free_context(&track->decoder);
    avsp_buf_deinit(&track->texts);
    free(track->cues);
    track->cues = NULL;
    track->n_cues = track->cap = 0;
}

void avsp_text_track_move(struct avsp_text_track *track, const AVStream *stream)
{
    track->stream = stream;
    track->n_past = track->n_put;
}

static enum avsp_code grow(struct avsp_text_track *track, struct avsp_err *err)
{
    if (track->n_cues < track->cap)
        return AVSP_OK;
    size_t cap = track->cap > 0 ? 2 * track->cap : 256;
    struct avsp_text_cue *cues = realloc(track->cues, cap * sizeof *cues);
    if (cues == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for subtitles");
    track->cues = cues;
    track->cap = cap;
    return AVSP_OK;
}

/// Adds the texts that are shown at one time as one cue. @param cue  all but its text
static enum avsp_code add_cue(struct avsp_text_track *track, const AVSubtitle *sub,
                              struct avsp_text_cue cue, struct avsp_err *err)
{
    enum avsp_code rc = grow(track, err);
    if (rc != AVSP_OK)
        return rc;
    size_t before = track->texts.len;
    cue.place = AVSP_CUE_PLACE_DEFAULT;
    cue.text_at = before;
    cue.order = (uint32_t)track->n_cues;
    for (unsigned i = 0; i < sub->num_rects; i++) {
        const char *ass = sub->rects[i]->ass;
        if (ass == NULL)
            continue;
        size_t at = track->texts.len;
        if (at > before)
            avsp_buf_puts(&track->texts, "\n");
        size_t from = track->texts.len;
        avsp_ass_text_convert(ass, strlen(ass), &track->texts, &cue.place);
        if (track->texts.len == from && track->texts.sticky == AVSP_OK)
            track->texts.len = at; // nothing to read in it
    }
    if (track->texts.len == before && track->texts.sticky == AVSP_OK)
        return AVSP_OK;
    avsp_buf_append(&track->texts, "", 1);
    if (track->texts.sticky == AVSP_NO_MEMORY)
        return avsp_buf_check(&track->texts, err);
    if (track->texts.sticky != AVSP_OK || track->n_cues == CUES_MAX) {
        track->n_beyond++;
        track->texts.len = before;
        return AVSP_OK;
    }
    track->cues[track->n_cues++] = cue;
    return AVSP_OK;
}

/// When a text is shown. A packet's own times are exact; a decoder's are in milliseconds from a time that it knows better.
static bool timing_of(const struct avsp_text_track *track, const AVPacket *packet,
                      const AVSubtitle *sub, struct avsp_text_cue *cue)
{
    if (packet->pts == AV_NOPTS_VALUE)
        return false;
    cue->start_us = av_rescale_q(packet->pts, track->stream->time_base, microsecond);
    int64_t length = av_rescale_q(packet->duration, track->stream->time_base, microsecond);
    if (track->decoder->codec_id == AV_CODEC_ID_EIA_608 && sub->pts != AV_NOPTS_VALUE) {
        cue->start_us = sub->pts + (int64_t)sub->start_display_time * US_PER_MS;
        length = sub->end_display_time == UINT32_MAX
                     ? 0
                     : ((int64_t)sub->end_display_time - sub->start_display_time) * US_PER_MS;
    }
    return !__builtin_add_overflow(cue->start_us, AVSP_MAX(length, (int64_t)0), &cue->end_us);
}

enum avsp_code avsp_text_track_put(struct avsp_text_track *track, const AVPacket *packet,
                                   struct avsp_err *err)
{
    if (track->n_past > 0) {
        track->n_past--;
        return AVSP_OK;
    }
    track->n_put++;
    AVSubtitle sub = {0};
    int got = 0;
    // libavcodec promises to leave the packet as it is; only its type says otherwise.
    int av = avcodec_decode_subtitle2(track->decoder, &sub, &got, (AVPacket *)(uintptr_t)packet);
    if (av == AVERROR(ENOMEM))
        return avsp_averr_set(err, av, "decode subtitles");
    enum avsp_code rc = AVSP_OK;
    struct avsp_text_cue cue = {0};
    if (av < 0)
        track->n_damaged++;
    else if (got != 0 && timing_of(track, packet, &sub, &cue))
        rc = add_cue(track, &sub, cue, err);
    if (got != 0)
        avsubtitle_free(&sub);
    return rc;
}

static int by_start(const void *a, const void *b)
{
    const struct avsp_text_cue *x = a, *y = b;
    if (x->start_us != y->start_us)
        return x->start_us < y->start_us ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/// Ends what has no end: with the next one, or after a while.
static void close_cues(struct avsp_text_track *track)
{
    for (size_t i = 0; i < track->n_cues; i++) {
        struct avsp_text_cue *cue = &track->cues[i];
        if (cue->end_us > cue->start_us)
            continue;
        cue->end_us = cue->start_us + UNTIMED_US;
        size_t next = i + 1;
        while (next < track->n_cues && track->cues[next].start_us == cue->start_us)
            next++;
        if (next < track->n_cues)
            cue->end_us = AVSP_MIN(cue->end_us, track->cues[next].start_us);
    }
}

/// Nearest millisecond since presentation time 0.
static int64_t shown_ms(const struct avsp_text_range *range, int64_t us)
{
    int64_t clipped = AVSP_MIN(AVSP_MAX(us, range->origin_us), range->end_us) - range->origin_us;
    return (clipped + US_PER_MS / 2) / US_PER_MS;
}

/// @return how many cues lie within the range
static uint64_t write_cues(struct avsp_text_track *track, const struct avsp_text_range *range,
                           struct avsp_buf *buf)
{
    if (track->n_cues > 0)
        qsort(track->cues, track->n_cues, sizeof *track->cues, by_start);
    close_cues(track);
    uint64_t n = 0;
    avsp_webvtt_begin(buf);
    for (size_t i = 0; i < track->n_cues; i++) {
        const struct avsp_text_cue *from = &track->cues[i];
        struct avsp_cue cue = {
            .start_ms = shown_ms(range, from->start_us),
            .end_ms = shown_ms(range, from->end_us),
            .place = from->place,
            .text = track->texts.data + from->text_at,
        };
        if (cue.end_ms <= cue.start_ms)
            continue;
        avsp_webvtt_put(buf, &cue);
        n++;
    }
    return n;
}

static enum avsp_code report(struct avsp_control *ctl, const struct avsp_rendition *rendition,
                             const struct avsp_segment *segment, struct avsp_err *err)
{
    struct avsp_report told = {.kind = AVSP_REPORT_RENDITION, .rendition = *rendition};
    told.rendition.kind = AVSP_MEDIA_TEXT;
    told.rendition.init_name = told.rendition.init_sha256 = "";
    told.rendition.codecs = told.rendition.video_range = "";
    told.rendition.timescale = AVSP_TEXT_TIMESCALE;
    enum avsp_code rc = avsp_control_report(ctl, &told, err);
    if (rc != AVSP_OK)
        return rc;
    told = (struct avsp_report){.kind = AVSP_REPORT_SEGMENT, .segment = *segment};
    return avsp_control_report(ctl, &told, err);
}

static enum avsp_code warn(struct avsp_text_track *track, struct avsp_control *ctl,
                           const char *name, uint64_t n_written, struct avsp_err *err)
{
    int idx = track->stream->index;
    enum avsp_code rc = AVSP_OK;
    if (n_written == 0)
        rc = avsp_control_warn(ctl, err, "there is no text in subtitle track %d: left out", idx);
    if (rc == AVSP_OK && track->n_damaged > 0)
        rc = avsp_control_warn(ctl, err,
                               "%s: %" PRIu64 " subtitles are damaged and could not be read", name,
                               track->n_damaged);
    if (rc == AVSP_OK && track->n_beyond > 0)
        rc = avsp_control_warn(ctl, err,
                               "%s: %" PRIu64
                               " subtitles are more than fit into %d MiB or %d cues: left out",
                               name, track->n_beyond, (int)(TEXTS_MAX_BYTES >> 20), CUES_MAX);
    return rc;
}

enum avsp_code avsp_text_track_finish(struct avsp_text_track *track, struct avsp_control *ctl,
                                      const struct avsp_text_range *range,
                                      const struct avsp_rendition *rendition, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, FILE_MAX_BYTES);
    uint64_t n = write_cues(track, range, &buf);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK)
        rc = warn(track, ctl, rendition->name, n, err);
    if (rc != AVSP_OK || n == 0)
        return rc;
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.vtt", rendition->name);
    struct avsp_fmp4_file file = {0};
    rc = avsp_fmp4_save(name, buf.data, buf.len, &file, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_segment segment = {
        .rendition = rendition->name,
        .name = name,
        .duration_ticks =
            (range->end_us - range->origin_us + US_PER_MS - 1) / US_PER_MS, // all of it
        .frames = n,
        .bytes = file.bytes,
        .sha256 = file.sha256,
    };
    return report(ctl, rendition, &segment, err);
}
