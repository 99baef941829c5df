/// The rules that take a whole rendition: where segments begin and end, how long they are, how many bits they need.
#include "core/peak.h"
#include "core/verify_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE_US 50000 ///< of one length: what packagers' rounding and priming come to
#define TIME_MAX_US INT64_C(1000000000000000) ///< thirty years: what is beyond counts as that

__extension__ typedef __int128 wide;

int64_t avsp_verify_us(uint32_t timescale, int64_t ticks)
{
    wide us = (wide)ticks * 1000000 / timescale;
    return (int64_t)AVSP_MIN(AVSP_MAX(us, (wide)-TIME_MAX_US), (wide)TIME_MAX_US);
}

static int64_t ticks_us(const struct avsp_verify_segment *s, int64_t ticks)
{
    return avsp_verify_us(s->timescale, ticks);
}

int64_t avsp_verify_listed_us(struct avsp_verify_work *w, size_t i)
{
    for (; w->sum_at < i; w->sum_at++)
        w->sum_us += w->segments[w->sum_at].duration_us;
    return w->sum_us;
}

static int64_t end_of(const struct avsp_verify_segment *s)
{
    return s->start_ticks + s->duration_ticks;
}

static int64_t sample_ticks(const struct avsp_verify_segment *s)
{
    return s->duration_ticks / (int64_t)AVSP_MAX(s->n_samples, (uint64_t)1);
}

/// Of two measured segments in one period: how far the second begins behind the end of the first, 0 within tolerance.
static int64_t gap_between(const struct avsp_verify_segment *a, const struct avsp_verify_segment *b)
{
    int64_t gap = b->start_ticks - end_of(a);
    int64_t tolerance = sample_ticks(a) / 2 + 1;
    return gap > tolerance || gap < -tolerance ? gap : 0;
}

static int by_start(const void *a, const void *b)
{
    const struct avsp_verify_segment *const *x = a, *const *y = b;
    return (*x)->start_ticks < (*y)->start_ticks ? -1 : (*x)->start_ticks > (*y)->start_ticks;
}

/// Would the segments of a period follow each other, were they only in another order?
static bool is_permuted(const struct avsp_verify_segment **sorted, size_t n)
{
    qsort(sorted, n, sizeof *sorted, by_start);
    for (size_t i = 1; i < n; i++)
        if (gap_between(sorted[i - 1], sorted[i]) != 0)
            return false;
    return true;
}

static void say_break(struct avsp_verify_work *w, const struct avsp_verify_segment *a,
                      const struct avsp_verify_segment *b, bool permuted)
{
    int64_t gap = gap_between(a, b);
    bool back = b->start_ticks < a->start_ticks;
    if (gap == 0 || (permuted && !back))
        return;
    double seconds = (double)ticks_us(b, gap < 0 ? -gap : gap) / 1e6;
    if (back && permuted)
        avsp_findings_add(w->v->found, AVSP_RULE_SEGMENT_ORDER, w->r->path, b->line,
                          "%s comes before %s in time, and after it in the playlist", b->part.path,
                          a->part.path);
    else
        avsp_findings_add(w->v->found, gap > 0 ? AVSP_RULE_TFDT_GAP : AVSP_RULE_TFDT_OVERLAP,
                          b->part.path, 0, "it begins %.6f s %s the end of %s", seconds,
                          gap > 0 ? "after" : "before", a->part.path);
}

/// Checks the segments of one period, [from, to), none of which is behind a discontinuity but the first.
static bool check_period(struct avsp_verify_work *w, size_t from, size_t to,
                         const struct avsp_verify_segment **scratch)
{
    size_t n = 0;
    bool back = false, broken = false;
    for (size_t i = from; i < to; i++) {
        const struct avsp_verify_segment *s = &w->segments[i];
        if (!s->is_measured)
            continue;
        back |= n > 0 && s->start_ticks < scratch[n - 1]->start_ticks;
        broken |= n > 0 && gap_between(scratch[n - 1], s) != 0;
        scratch[n++] = s;
    }
    if (!broken)
        return false;
    bool permuted = back && is_permuted(scratch, n);
    const struct avsp_verify_segment *before = NULL;
    for (size_t i = from; i < to; i++) {
        const struct avsp_verify_segment *s = &w->segments[i];
        // Behind a segment that could not be read, where it should begin is not known.
        if (before != NULL && s->is_measured)
            say_break(w, before, s, permuted);
        before = s->is_measured ? s : NULL;
    }
    return true;
}

static enum avsp_code check_order(struct avsp_verify_work *w, struct avsp_err *err)
{
    size_t n = w->playlist.n_segments;
    const struct avsp_verify_segment **scratch = avsp_arena_array(w->arena, n, sizeof *scratch);
    if (scratch == NULL)
        return avsp_arena_failed(w->arena, err);
    bool broken = false;
    for (size_t from = 0, i = 1; i <= n; i++)
        if (i == n || w->segments[i].discontinuity) {
            broken |= check_period(w, from, i, scratch);
            from = i;
        }
    w->r->is_broken = broken || w->broken_line > 0;
    if (!broken && w->broken_line > 0)
        avsp_findings_add(
            w->v->found, w->broken_ticks > 0 ? AVSP_RULE_TFDT_GAP : AVSP_RULE_TFDT_OVERLAP,
            w->broken_path, 0, "a track beside the first goes on %" PRId64 " ticks off its end",
            w->broken_ticks);
    return AVSP_OK;
}

/// How long a segment is shown. Of the very first, what would be shown before the edit list's begin is not; an edit list that makes good
/// for reordered frames hides none.
static int64_t shown_us(const struct avsp_verify_segment *s)
{
    int64_t hidden = s->first_pts < s->edit_ticks ? s->edit_ticks - s->first_pts : 0;
    return ticks_us(s, s->duration_ticks - AVSP_MIN(hidden, s->duration_ticks));
}

/// By how much EXTINF differs from the media: from the segment's own length, or from the next one's begin, to which a
/// packager may measure too.
static int64_t extinf_off(const struct avsp_verify_work *w, size_t i)
{
    const struct avsp_verify_segment *s = &w->segments[i];
    const struct avsp_verify_segment *next = i + 1 < w->playlist.n_segments ? s + 1 : NULL;
    int64_t off = s->duration_us - shown_us(s);
    if (next == NULL || !next->is_measured || next->discontinuity ||
        next->start_ticks <= s->start_ticks)
        return off;
    int64_t to_next = s->duration_us - ticks_us(s, next->start_ticks - s->start_ticks);
    return llabs(to_next) < llabs(off) ? to_next : off;
}

static int64_t tolerance_of(const struct avsp_verify_segment *s)
{
    return AVSP_MAX(ticks_us(s, sample_ticks(s)) / 2 * 3, (int64_t)TOLERANCE_US);
}

/// Is the length there, and known, and wrong?
static bool is_wrong(const struct avsp_verify_work *w, size_t i)
{
    const struct avsp_verify_segment *s = &w->segments[i];
    return s->is_measured && s->has_duration && llabs(extinf_off(w, i)) > tolerance_of(s);
}

/// What all lengths together are off, where each of them is within tolerance.
static void check_sum(struct avsp_verify_work *w)
{
    int64_t sum = 0, n = 0;
    for (size_t i = 0; i < w->playlist.n_segments; i++) {
        const struct avsp_verify_segment *s = &w->segments[i];
        if (!s->is_measured || !s->has_duration || is_wrong(w, i))
            continue;
        sum += extinf_off(w, i);
        if (llabs(sum) <= tolerance_of(s) + 2 * ++n)
            continue;
        avsp_findings_add(w->v->found, AVSP_RULE_EXTINF_SUM, w->r->path, s->line,
                          "up to here the EXTINFs add up to %.6f s %s than the media",
                          (double)llabs(sum) / 1e6, sum < 0 ? "less" : "more");
        return;
    }
}

static void check_extinf(struct avsp_verify_work *w)
{
    size_t n_wrong = 0, n_measured = 0;
    for (size_t i = 0; i < w->playlist.n_segments; i++) {
        n_measured += w->segments[i].is_measured;
        n_wrong += is_wrong(w, i);
    }
    w->r->unmeasured |= n_wrong > 0;
    // Where most of them are off, that is one mistake.
    bool most = n_wrong > 2 && n_wrong > n_measured / 2;
    for (size_t i = 0; n_wrong > 0 && i < w->playlist.n_segments; i++) {
        const struct avsp_verify_segment *s = &w->segments[i];
        if (!is_wrong(w, i))
            continue;
        avsp_findings_add(w->v->found, AVSP_RULE_EXTINF, w->r->path, s->line,
                          "EXTINF is %.6f s, and %s lasts %.6f s%s", (double)s->duration_us / 1e6,
                          s->part.path, (double)shown_us(s) / 1e6,
                          most ? "; it is the same with most segments" : "");
        if (most)
            return;
    }
}

/// Presentation time of the first and last measured segment, where one timeline runs through.
static void keep_range(struct avsp_verify_work *w)
{
    struct avsp_verify_rendition *r = w->r;
    size_t n = w->playlist.n_segments;
    if (n == 0 || r->init.n_tracks == 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (!w->segments[i].is_measured || (i > 0 && w->segments[i].discontinuity))
            return;
    const struct avsp_verify_segment *first = &w->segments[0], *last = &w->segments[n - 1];
    int64_t edit = first->edit_ticks;
    // What decoding order delays at the begin comes out later at the end.
    int64_t delay = first->first_pts - first->start_ticks;
    r->has_times = true;
    r->begin_us = ticks_us(first, AVSP_MAX(first->first_pts - edit, (int64_t)0));
    r->end_us = ticks_us(last, end_of(last) + AVSP_MAX(delay, (int64_t)0) - edit);
}

static enum avsp_code keep_bit_rates(struct avsp_verify_work *w, struct avsp_err *err)
{
    struct avsp_verify_rendition *r = w->r;
    size_t n = w->playlist.n_segments;
    struct avsp_peak *marks = calloc(n + 1, sizeof *marks);
    if (marks == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to measure %zu segments", n);
    for (size_t i = 0; i < n; i++) {
        marks[i + 1].us = marks[i].us + w->segments[i].duration_us;
        marks[i + 1].bytes = marks[i].bytes + w->segments[i].part.range.bytes;
    }
    r->average_bps = avsp_peak_rate(r->bytes, r->duration_us);
    r->peak_bps = avsp_peak_bps(marks, n + 1, r->target_s * 1000000);
    free(marks);
    if (r->peak_bps == 0)
        r->peak_bps = r->average_bps;
    return AVSP_OK;
}

enum avsp_code avsp_verify_timeline(struct avsp_verify_work *w, struct avsp_err *err)
{
    enum avsp_code rc = keep_bit_rates(w, err);
    if (rc != AVSP_OK)
        return rc;
    // With another stream's init segment, times mean nothing.
    if (w->r->is_mismatched) {
        w->r->unmeasured = true;
        return AVSP_OK;
    }
    rc = check_order(w, err);
    if (rc != AVSP_OK)
        return rc;
    check_extinf(w);
    check_sum(w);
    keep_range(w);
    return avsp_verify_grid(w, err);
}
