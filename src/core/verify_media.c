/// One rendition: its playlist, then its segments, then what only all of them together show.
#include "core/verify_private.h"

#include <inttypes.h>
#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define RATE_MAX 1e12 ///< thousandths of frames a second: absurd, and no overflow
#define WINDOW_MAX_BYTES ((size_t)32 << 20)

/// A segment's place in the order of (file, offset), to find those that are listed twice.
struct place {
    const char *path;
    uint64_t offset;
    size_t idx;
};

static int by_file(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int paths = strcmp(x->path, y->path);
    if (paths != 0)
        return paths;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->idx < y->idx ? -1 : x->idx > y->idx;
}

/// Marks what is listed a second time: it is neither measured nor decoded again. @param skip  one for each segment
static enum avsp_code find_repeated(struct avsp_verify_work *w, bool *skip, struct avsp_err *err)
{
    size_t n = w->playlist.n_segments, n_places = 0;
    struct place *places = avsp_arena_array(w->arena, n, sizeof *places);
    uint32_t *period = avsp_arena_array(w->arena, n, sizeof *period);
    if (places == NULL || period == NULL)
        return avsp_arena_failed(w->arena, err);
    for (size_t i = 0; i < n; i++) {
        const struct avsp_verify_segment *s = &w->segments[i];
        period[i] = (i > 0 ? period[i - 1] : 0) + s->discontinuity;
        if (s->part.path != NULL)
            places[n_places++] = (struct place){s->part.path, s->part.range.offset, i};
    }
    qsort(places, n_places, sizeof *places, by_file);
    for (size_t i = 1; i < n_places; i++) {
        const struct place *a = &places[i - 1], *b = &places[i];
        if (strcmp(a->path, b->path) != 0 || a->offset != b->offset)
            continue;
        skip[b->idx] = true;
        w->r->unmeasured = true;
        if (period[a->idx] == period[b->idx])
            avsp_findings_add(w->v->found, AVSP_RULE_SEGMENT_REPEATED, w->r->path,
                              w->segments[b->idx].line, "%s is listed already in line %" PRIu32,
                              b->path, w->segments[a->idx].line);
    }
    return AVSP_OK;
}

static enum avsp_code resolve_segments(struct avsp_verify_work *w, struct avsp_err *err)
{
    const struct avsp_hls_playlist *p = &w->playlist;
    w->segments = avsp_arena_array(w->arena, p->n_segments, sizeof *w->segments);
    if (w->segments == NULL)
        return avsp_arena_failed(w->arena, err);
    for (size_t i = 0; i < p->n_segments; i++) {
        const struct avsp_hls_segment *from = &p->segments[i];
        struct avsp_verify_segment *s = &w->segments[i];
        *s = (struct avsp_verify_segment){.part = {.range = from->range},
                                          .line = from->line,
                                          .duration_us = from->duration_us,
                                          .has_duration = from->has_duration,
                                          .discontinuity = from->discontinuity};
        w->r->duration_us += from->duration_us;
        w->r->unmeasured |= !from->has_duration;
        w->r->encrypted |= from->encrypted;
        if (from->encrypted && !w->said_key)
            avsp_findings_add(w->v->found, AVSP_RULE_KEY, w->r->path, from->line,
                              "from here on it is encrypted");
        w->said_key |= from->encrypted;
        if (from->is_gap)
            continue;
        s->part.path = avsp_verify_resolve(w->v, w->arena, w->r->path, from->line, from->uri, err);
        if (err->code != AVSP_OK)
            return err->code;
    }
    return AVSP_OK;
}

static enum avsp_code measure_segments(struct avsp_verify_work *w, struct avsp_err *err)
{
    bool *skip = avsp_arena_array(w->arena, w->playlist.n_segments, sizeof *skip);
    if (skip == NULL)
        return avsp_arena_failed(w->arena, err);
    enum avsp_code rc = find_repeated(w, skip, err);
    for (size_t i = 0; rc == AVSP_OK && i < w->playlist.n_segments; i++)
        if (w->segments[i].part.path != NULL && !skip[i]) {
            rc = avsp_verify_measure(w, i, err);
            w->r->unmeasured |= !w->segments[i].is_sound && !w->r->is_subtitles;
        }
    return rc;
}

static void keep_rates(struct avsp_verify_work *w)
{
    struct avsp_verify_rendition *r = w->r;
    if (r->init.n_tracks == 0 || r->init.tracks[r->primary].kind != AVSP_MEDIA_VIDEO)
        return;
    int64_t timescale = r->init.tracks[r->primary].timescale;
    if (w->ticks > 0 && r->n_samples > 1)
        r->average_milli_fps = (int64_t)AVSP_MIN(
            (double)r->n_samples * 1000.0 * (double)timescale / (double)w->ticks, RATE_MAX);
    if (w->shortest_ticks > 0)
        r->fastest_milli_fps = timescale * 1000 / w->shortest_ticks;
}

static enum avsp_code run_work(struct avsp_verify_work *w, struct avsp_err *err)
{
    struct avsp_verify_rendition *r = w->r;
    r->n_segments = w->playlist.n_segments;
    r->target_s = w->playlist.target_s;
    r->independent |= w->playlist.independent;
    r->iframes_only = w->playlist.iframes_only;
    enum avsp_code rc = resolve_segments(w, err);
    if (rc == AVSP_OK)
        rc = measure_segments(w, err);
    if (rc == AVSP_OK)
        rc = avsp_verify_timeline(w, err);
    if (rc != AVSP_OK)
        return rc;
    keep_rates(w);
    rc = avsp_verify_dash_segments(w, err);
    if (rc != AVSP_OK)
        return rc;
    if (w->v->decode != NULL && !r->is_subtitles && !r->iframes_only && !r->is_mismatched)
        rc = w->v->decode(w->v->decode_opaque, w->v, r, w->segments, w->playlist.n_segments, err);
    return rc;
}

static enum avsp_code read_playlist(struct avsp_verify_work *w, bool *ret_read,
                                    struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, AVSP_HLS_PLAYLIST_MAX_BYTES);
    struct avsp_verify_part part = {.path = w->r->path};
    enum avsp_code rc = avsp_verify_slurp(w->v, w->r->path, 0, &part, AVSP_HLS_PLAYLIST_MAX_BYTES,
                                          &text, ret_read, err);
    if (rc != AVSP_OK || !*ret_read)
        return rc;
    return avsp_hls_parse(w->arena, text.data, text.len, w->r->path, w->v->found, &w->playlist,
                          err);
}

static void work_deinit(struct avsp_verify_work *w)
{
    avsp_buf_deinit(&w->window);
}

enum avsp_code avsp_verify_rendition_run(struct avsp_verify *v, struct avsp_verify_rendition *r,
                                         struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct avsp_verify_work AVSP_CLEANUP(work_deinit) w = {.v = v, .r = r, .arena = &arena};
    avsp_buf_init(&w.window, WINDOW_MAX_BYTES);
    bool is_read = false;
    enum avsp_code rc = read_playlist(&w, &is_read, err);
    if (rc != AVSP_OK || !is_read)
        return rc;
    if (w.playlist.is_multivariant) {
        avsp_findings_add(v->found, AVSP_RULE_MIXED, r->path, 0,
                          "a media playlist was expected, and this is a multivariant one");
        return AVSP_OK;
    }
    r->is_read = true;
    return run_work(&w, err);
}
