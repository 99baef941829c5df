#include "media/text_cues.h"

#include "core/ass_text.h"
#include "core/webvtt.h"
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

void avsp_text_cues_init(struct avsp_text_cues *cues)
{
    *cues = (struct avsp_text_cues){0};
    avsp_buf_init(&cues->texts, TEXTS_MAX_BYTES);
}

void avsp_text_cues_deinit(struct avsp_text_cues *cues)
{
    avsp_buf_deinit(&cues->texts);
    free(cues->cues);
    cues->cues = NULL;
    cues->n_cues = cues->cap = 0;
}

static enum avsp_code grow(struct avsp_text_cues *cues, struct avsp_err *err)
{
    if (cues->n_cues < cues->cap)
        return AVSP_OK;
    size_t cap = cues->cap > 0 ? 2 * cues->cap : 256;
    struct avsp_text_cue *more = realloc(cues->cues, cap * sizeof *more);
    if (more == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for subtitles");
    cues->cues = more;
    cues->cap = cap;
    return AVSP_OK;
}

enum avsp_code avsp_text_cues_add(struct avsp_text_cues *cues, int64_t start_us, int64_t end_us,
                                  const AVSubtitle *sub, struct avsp_view settings,
                                  struct avsp_err *err)
{
    enum avsp_code rc = grow(cues, err);
    if (rc != AVSP_OK)
        return rc;
    size_t before = cues->texts.len;
    struct avsp_text_cue cue = {
        .start_us = start_us,
        .end_us = end_us,
        .place = AVSP_CUE_PLACE_DEFAULT,
        .order = (uint32_t)cues->n_cues,
        .text_at = before,
    };
    for (unsigned i = 0; i < sub->num_rects; i++) {
        const char *ass = sub->rects[i]->ass;
        if (ass == NULL)
            continue;
        size_t at = cues->texts.len;
        if (at > before)
            avsp_buf_puts(&cues->texts, "\n");
        size_t from = cues->texts.len;
        avsp_ass_text_convert(ass, strlen(ass), &cues->texts, &cue.place);
        if (cues->texts.len == from && cues->texts.sticky == AVSP_OK)
            cues->texts.len = at; // nothing to read in it
    }
    if (cues->texts.len == before && cues->texts.sticky == AVSP_OK)
        return AVSP_OK;
    avsp_buf_append(&cues->texts, "", 1);
    cue.settings_at = cues->texts.len;
    avsp_webvtt_settings((const char *)settings.data, settings.len, &cues->texts);
    avsp_buf_append(&cues->texts, "", 1);
    if (cues->texts.sticky == AVSP_NO_MEMORY)
        return avsp_buf_check(&cues->texts, err);
    if (cues->texts.sticky != AVSP_OK || cues->n_cues == CUES_MAX) {
        cues->n_beyond++;
        cues->texts.len = before;
        return AVSP_OK;
    }
    cues->cues[cues->n_cues++] = cue;
    return AVSP_OK;
}

static int by_start(const void *a, const void *b)
{
    const struct avsp_text_cue *x = a, *y = b;
    if (x->start_us != y->start_us)
        return x->start_us < y->start_us ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/// Ends what has no end: with the next one, or after a while.
static void close_cues(struct avsp_text_cues *cues)
{
    for (size_t i = 0; i < cues->n_cues; i++) {
        struct avsp_text_cue *cue = &cues->cues[i];
        if (cue->end_us > cue->start_us)
            continue;
        cue->end_us = cue->start_us + UNTIMED_US;
        size_t next = i + 1;
        while (next < cues->n_cues && cues->cues[next].start_us == cue->start_us)
            next++;
        if (next < cues->n_cues)
            cue->end_us = AVSP_MIN(cue->end_us, cues->cues[next].start_us);
    }
}

/// Nearest millisecond since presentation time 0.
static int64_t shown_ms(const struct avsp_text_range *range, int64_t us)
{
    int64_t clipped = AVSP_MIN(AVSP_MAX(us, range->origin_us), range->end_us) - range->origin_us;
    return (clipped + US_PER_MS / 2) / US_PER_MS;
}

/// @return how many cues lie within the range
static uint64_t write_cues(struct avsp_text_cues *cues, const struct avsp_text_range *range,
                           struct avsp_buf *buf)
{
    if (cues->n_cues > 0)
        qsort(cues->cues, cues->n_cues, sizeof *cues->cues, by_start);
    close_cues(cues);
    uint64_t n = 0;
    avsp_webvtt_begin(buf);
    for (size_t i = 0; i < cues->n_cues; i++) {
        const struct avsp_text_cue *from = &cues->cues[i];
        struct avsp_cue cue = {
            .start_ms = shown_ms(range, from->start_us),
            .end_ms = shown_ms(range, from->end_us),
            .place = from->place,
            .text = cues->texts.data + from->text_at,
            .settings = cues->texts.data + from->settings_at,
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

static enum avsp_code warn(const struct avsp_text_cues *cues, struct avsp_control *ctl,
                           const char *name, struct avsp_err *err)
{
    return cues->n_beyond == 0
               ? AVSP_OK
               : avsp_control_warn(ctl, err,
                                   "%s: %" PRIu64
                                   " subtitles are more than fit into %d MiB or %d cues: left out",
                                   name, cues->n_beyond, (int)(TEXTS_MAX_BYTES >> 20), CUES_MAX);
}

enum avsp_code avsp_text_cues_finish(struct avsp_text_cues *cues, struct avsp_control *ctl,
                                     const struct avsp_text_range *range,
                                     const struct avsp_rendition *rendition, uint64_t *ret_n,
                                     struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, FILE_MAX_BYTES);
    *ret_n = write_cues(cues, range, &buf);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK)
        rc = warn(cues, ctl, rendition->name, err);
    if (rc != AVSP_OK || *ret_n == 0)
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
        .frames = *ret_n,
        .bytes = file.bytes,
        .sha256 = file.sha256,
    };
    return report(ctl, rendition, &segment, err);
}
