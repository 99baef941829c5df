/// The rules of pictures that belong together: cut at the same frames, and of one color and HDR metadata.
#include "core/verify_private.h"

#include <inttypes.h>
#include <string.h>

#define GRID_OFF_US 1000 ///< what two timescales can be apart
#define UNSPECIFIED 2    ///< ISO/IEC 23091-2

const struct avsp_mp4_track *avsp_verify_video(const struct avsp_verify_rendition *r)
{
    if (r->init.n_tracks == 0 || r->init.tracks[r->primary].kind != AVSP_MEDIA_VIDEO)
        return NULL;
    return &r->init.tracks[r->primary];
}

/// Where a segment lies in presentation time.
struct cell {
    int64_t begin_us;
    int64_t fragment_us; ///< from there to the last fragment
    uint32_t n_fragments;
};

struct avsp_verify_grid {
    const char *path;
    size_t n;
    int64_t end_us;
    struct cell cells[];
};

static struct cell cell_of(const struct avsp_verify_segment *s)
{
    return (struct cell){avsp_verify_us(s->timescale, s->first_pts - s->edit_ticks),
                         avsp_verify_us(s->timescale, s->fragment_ticks), s->n_fragments};
}

static int64_t end_of(const struct avsp_verify_work *w)
{
    const struct avsp_verify_segment *last = &w->segments[w->playlist.n_segments - 1];
    return cell_of(last).begin_us + avsp_verify_us(last->timescale, last->duration_ticks);
}

static bool is_apart(int64_t a, int64_t b)
{
    return a - b > GRID_OFF_US || b - a > GRID_OFF_US;
}

static enum avsp_code keep_grid(struct avsp_verify_work *w, struct avsp_err *err)
{
    size_t n = w->playlist.n_segments;
    struct avsp_verify_grid *grid =
        avsp_arena_alloc(&w->v->arena, sizeof *grid + n * sizeof grid->cells[0]);
    if (grid == NULL)
        return avsp_arena_failed(&w->v->arena, err);
    grid->path = w->r->path;
    grid->n = n;
    grid->end_us = end_of(w);
    for (size_t i = 0; i < n; i++)
        grid->cells[i] = cell_of(&w->segments[i]);
    w->v->grid = grid;
    return AVSP_OK;
}

static void say_apart(struct avsp_verify_work *w, size_t i, int64_t at_us, int64_t wanted_us)
{
    w->r->is_misaligned = true;
    avsp_findings_add(w->v->found, AVSP_RULE_SEGMENT_ALIGNMENT, w->r->path,
                      i < w->playlist.n_segments ? w->segments[i].line : 0,
                      "segment %zu %s at %.6f s, and in %s at %.6f s", i,
                      i < w->playlist.n_segments ? "begins" : "would begin", (double)at_us / 1e6,
                      w->v->grid->path, (double)wanted_us / 1e6);
}

/// The first place at which the two part; what comes behind it is most often a consequence.
static void compare_grid(struct avsp_verify_work *w)
{
    const struct avsp_verify_grid *grid = w->v->grid;
    size_t n = w->playlist.n_segments;
    for (size_t i = 0; i <= AVSP_MIN(n, grid->n); i++) {
        struct cell cell = i < n ? cell_of(&w->segments[i]) : (struct cell){end_of(w), 0, 0};
        struct cell wanted = i < grid->n ? grid->cells[i] : (struct cell){grid->end_us, 0, 0};
        if (is_apart(cell.begin_us, wanted.begin_us)) {
            say_apart(w, i, cell.begin_us, wanted.begin_us);
            return;
        }
        if (i == n || i == grid->n)
            break;
        if (cell.n_fragments != wanted.n_fragments ||
            is_apart(cell.fragment_us, wanted.fragment_us)) {
            avsp_findings_add(
                w->v->found, AVSP_RULE_FRAGMENT_ALIGNMENT, w->segments[i].part.path, 0,
                "it has %" PRIu32 " fragment%s, the last of them %.6f s behind its "
                "begin; in %s there are %" PRIu32 " and %.6f s",
                cell.n_fragments, cell.n_fragments == 1 ? "" : "s", (double)cell.fragment_us / 1e6,
                grid->path, wanted.n_fragments, (double)wanted.fragment_us / 1e6);
            return;
        }
    }
    if (n == grid->n)
        return;
    w->r->is_misaligned = true;
    avsp_findings_add(w->v->found, AVSP_RULE_SEGMENT_ALIGNMENT, w->r->path, 0,
                      "it has %zu segments, and %s has %zu", n, grid->path, grid->n);
}

enum avsp_code avsp_verify_grid(struct avsp_verify_work *w, struct avsp_err *err)
{
    size_t n = w->playlist.n_segments;
    if (n == 0 || avsp_verify_video(w->r) == NULL || w->r->iframes_only || w->r->unmeasured ||
        w->r->is_broken)
        return AVSP_OK;
    for (size_t i = 0; i < n; i++)
        if (!w->segments[i].is_measured || (i > 0 && w->segments[i].discontinuity))
            return AVSP_OK;
    if (w->v->grid == NULL)
        return keep_grid(w, err);
    compare_grid(w);
    return AVSP_OK;
}

static bool differ(uint32_t a, uint32_t b)
{
    return a != b && a != UNSPECIFIED && b != UNSPECIFIED;
}

void avsp_verify_color(struct avsp_verify_work *w, const struct avsp_mp4_track *track)
{
    const struct avsp_av1_sequence *s = &track->av1;
    if (!track->has_av1 || !track->has_color)
        return;
    if (differ(track->color_primaries, s->primaries) ||
        differ(track->color_transfer, s->transfer) || differ(track->color_matrix, s->matrix) ||
        track->color_full_range != s->full_range)
        avsp_findings_add(
            w->v->found, AVSP_RULE_COLOR, w->init_part.path, 0,
            "colr has primaries, transfer, matrix and range %" PRIu32 "/%" PRIu32 "/%" PRIu32
            "/%" PRIu32 ", the sequence header %" PRIu32 "/%" PRIu32 "/%" PRIu32 "/%" PRIu32,
            track->color_primaries, track->color_transfer, track->color_matrix,
            track->color_full_range, s->primaries, s->transfer, s->matrix, s->full_range);
}

/// Within what rounding from one form to the other comes to.
static bool is_near(uint32_t a, uint32_t b, uint32_t least)
{
    uint32_t apart = a > b ? a - b : b - a;
    return apart <= AVSP_MAX(least, AVSP_MAX(a, b) / 1000);
}

static bool masterings_differ(const struct avsp_av1_hdr *a, const struct avsp_av1_hdr *b)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(a->colors); i++)
        if (!is_near(a->colors[i], b->colors[i], 5))
            return true;
    return !is_near(a->most, b->most, 100) || !is_near(a->least, b->least, 2);
}

static bool lights_differ(const struct avsp_av1_hdr *a, const struct avsp_av1_hdr *b)
{
    return a->max_cll != b->max_cll || a->max_fall != b->max_fall;
}

/// What @p here lacks of @p there; NULL = nothing.
static const char *missing(const struct avsp_av1_hdr *here, const struct avsp_av1_hdr *there)
{
    return there->has_mastering && !here->has_mastering ? "mastering display metadata"
           : there->has_light && !here->has_light       ? "content light level"
                                                        : NULL;
}

static const char *different(const struct avsp_av1_hdr *a, const struct avsp_av1_hdr *b)
{
    return a->has_mastering && b->has_mastering && masterings_differ(a, b)
               ? "mastering display metadata"
           : a->has_light && b->has_light && lights_differ(a, b) ? "content light level"
                                                                 : NULL;
}

void avsp_verify_hdr(struct avsp_verify_work *w, const struct avsp_verify_segment *s,
                     const struct avsp_mp4_track *track, const struct avsp_av1_unit *unit)
{
    const char *lost = missing(&unit->hdr, &track->hdr);
    const char *extra = missing(&track->hdr, &unit->hdr);
    const char *other = different(&unit->hdr, &track->hdr);
    if (w->said_hdr || w->r->iframes_only || (lost == NULL && extra == NULL && other == NULL))
        return;
    w->said_hdr = true; // all others are alike, most often
    if (lost != NULL)
        avsp_findings_add(w->v->found, AVSP_RULE_HDR_LOST, s->part.path, 0,
                          "there is no %s in front of its first frame, and the init segment has it",
                          lost);
    else if (extra != NULL)
        avsp_findings_add(w->v->found, AVSP_RULE_HDR_LOST, w->init_part.path, 0,
                          "it has no %s, and the pictures of %s have it", extra, s->part.path);
    else
        avsp_findings_add(w->v->found, AVSP_RULE_HDR_DIFFERS, s->part.path, 0,
                          "its %s is not that of the init segment", other);
}

/// The first rendition before @p i that shows what it shows: pictures of the same transfer characteristics.
static const struct avsp_verify_rendition *find_like(const struct avsp_verify *v, size_t i)
{
    const struct avsp_mp4_track *track = avsp_verify_video(&v->renditions[i]);
    for (size_t j = 0; track != NULL && j < i; j++) {
        const struct avsp_mp4_track *other = avsp_verify_video(&v->renditions[j]);
        if (other != NULL && other->transfer == track->transfer &&
            !v->renditions[j].is_mismatched && !v->renditions[j].iframes_only)
            return &v->renditions[j];
    }
    return NULL;
}

static const struct avsp_av1_hdr *hdr_of(const struct avsp_verify_rendition *r)
{
    return &r->init.tracks[r->primary].hdr;
}

static void compare_hdr(struct avsp_verify *v, const struct avsp_verify_rendition *r,
                        const struct avsp_verify_rendition *like)
{
    const char *lost = missing(hdr_of(r), hdr_of(like)), *extra = missing(hdr_of(like), hdr_of(r));
    const char *other = different(hdr_of(r), hdr_of(like));
    if (lost != NULL || extra != NULL)
        avsp_findings_add(v->found, AVSP_RULE_HDR_LOST, lost != NULL ? r->path : like->path, 0,
                          "its init segment has no %s, and that of %s has it",
                          lost != NULL ? lost : extra, lost != NULL ? like->path : r->path);
    else if (other != NULL)
        avsp_findings_add(v->found, AVSP_RULE_HDR_DIFFERS, r->path, 0, "its %s is not that of %s",
                          other, like->path);
}

void avsp_verify_hdr_pairs(struct avsp_verify *v)
{
    // Where a rendition contradicts itself, that has been said.
    if (v->found->counts[AVSP_RULE_HDR_LOST] + v->found->counts[AVSP_RULE_HDR_DIFFERS] > 0)
        return;
    for (size_t i = 0; i < v->n_renditions; i++) {
        const struct avsp_verify_rendition *like = find_like(v, i);
        if (like != NULL && !v->renditions[i].is_mismatched && !v->renditions[i].iframes_only)
            compare_hdr(v, &v->renditions[i], like);
    }
}
