#include "core/mp4.h"

#include <inttypes.h>
#include <string.h>

/// Samples of a run that has nothing to say about each of them: more are no video of a minute.
#define SAMPLES_MAX 10000000
#define TICKS_MAX (INT64_MAX / 4)

/// Flags of tfhd (ISO/IEC 14496-12 8.8.7), trun (8.8.8), and of a sample (8.8.3.1).
enum {
    TFHD_BASE = 0x1,
    TFHD_ENTRY = 0x2,
    TFHD_DURATION = 0x8,
    TFHD_SIZE = 0x10,
    TFHD_FLAGS = 0x20,
    TRUN_OFFSET = 0x1,
    TRUN_FIRST_FLAGS = 0x4,
    TRUN_DURATION = 0x100,
    TRUN_SIZE = 0x200,
    TRUN_FLAGS = 0x400,
    TRUN_CTS = 0x800,
    SAMPLE_IS_NOT_SYNC = 0x10000,
};

/// One track fragment while it is read.
struct fragment {
    struct avsp_mp4_segment *segment;
    struct avsp_mp4_run *run;
    uint32_t default_duration, default_size, default_flags;
    bool base_is_known; ///< data offsets count from the moof
    uint64_t moof;      ///< offset of the moof in the segment
    uint64_t data;      ///< where the next run's samples lie where it does not say so
    int64_t ticks;      ///< decode time of the next sample
};

static enum avsp_code broken(struct avsp_err *err, const char *type)
{
    return avsp_err_set(err, AVSP_CORRUPT, "its %s box is broken", type);
}

static enum avsp_code read_tfhd(struct avsp_bytes tfhd, const struct avsp_mp4_init *init,
                                struct fragment *f, struct avsp_err *err)
{
    if (tfhd.len < 8)
        return broken(err, "tfhd");
    uint32_t flags = (uint32_t)avsp_bytes_be(tfhd, 1, 3);
    uint32_t id = (uint32_t)avsp_bytes_be(tfhd, 4, 4);
    size_t i = 0;
    while (i < init->n_tracks && init->tracks[i].id != id)
        i++;
    if (i == init->n_tracks)
        return avsp_err_set(err, AVSP_CONFLICT, "the init segment has no track %" PRIu32, id);
    const struct avsp_mp4_track *track = &init->tracks[i];
    size_t at = 8 + ((flags & TFHD_BASE) != 0 ? 8 : 0) + ((flags & TFHD_ENTRY) != 0 ? 4 : 0);
    f->run = &f->segment->runs[i];
    f->base_is_known = (flags & TFHD_BASE) == 0;
    f->default_duration = track->default_duration;
    f->default_size = track->default_size;
    f->default_flags = track->default_flags;
    struct {
        uint32_t flag, *value;
    } const defaults[] = {{TFHD_DURATION, &f->default_duration},
                          {TFHD_SIZE, &f->default_size},
                          {TFHD_FLAGS, &f->default_flags}};
    for (size_t d = 0; d < AVSP_ARRAY_LEN(defaults); d++) {
        if ((flags & defaults[d].flag) == 0)
            continue;
        if (tfhd.len < at + 4)
            return broken(err, "tfhd");
        *defaults[d].value = (uint32_t)avsp_bytes_be(tfhd, at, 4);
        at += 4;
    }
    return AVSP_OK;
}

static enum avsp_code read_tfdt(struct avsp_bytes tfdt, struct fragment *f, struct avsp_err *err)
{
    bool wide = avsp_bytes_be(tfdt, 0, 1) == 1;
    if (tfdt.len < (wide ? 12u : 8u))
        return broken(err, "tfdt");
    uint64_t ticks = avsp_bytes_be(tfdt, 4, wide ? 8 : 4);
    if (ticks > (uint64_t)TICKS_MAX)
        return avsp_err_set(err, AVSP_CORRUPT, "its tfdt is beyond any time");
    struct avsp_mp4_run *run = f->run;
    f->ticks = (int64_t)ticks;
    if (!run->is_there)
        run->start_ticks = run->first_pts = f->ticks;
    else if (run->inner_gap_ticks == 0)
        run->inner_gap_ticks = f->ticks - (run->start_ticks + run->duration_ticks);
    run->n_fragments++;
    run->fragment_ticks = f->ticks - run->start_ticks;
    return AVSP_OK;
}

/// One sample, or @p n of them that are alike.
struct sample {
    uint32_t n, duration, size, flags;
    int64_t cts;
};

static bool add_samples(struct fragment *f, const struct sample *s)
{
    struct avsp_mp4_run *run = f->run;
    if (!run->is_there) {
        run->is_there = true;
        run->starts_with_sync = (s->flags & SAMPLE_IS_NOT_SYNC) == 0;
        run->first_offset = f->base_is_known ? f->data : UINT64_MAX;
        run->first_bytes = s->size;
        run->first_pts = f->ticks + s->cts;
        run->shortest_ticks = s->duration;
    }
    int64_t duration = (int64_t)s->duration * s->n;
    run->first_pts = AVSP_MIN(run->first_pts, f->ticks + s->cts);
    run->shortest_ticks = AVSP_MIN(run->shortest_ticks, s->duration);
    run->n_samples += s->n;
    run->n_bytes += (uint64_t)s->size * s->n;
    f->data += (uint64_t)s->size * s->n;
    f->ticks += duration;
    run->duration_ticks += duration;
    return run->duration_ticks < TICKS_MAX && f->ticks < TICKS_MAX && f->data < UINT64_MAX / 2;
}

static uint32_t take_field(struct avsp_bytes in, size_t *at, bool is_there, uint32_t otherwise)
{
    if (!is_there)
        return otherwise;
    *at += 4;
    return (uint32_t)avsp_bytes_be(in, *at - 4, 4);
}

static enum avsp_code read_samples(struct avsp_bytes trun, size_t at, uint32_t flags, uint32_t n,
                                   uint32_t first_flags, struct fragment *f, struct avsp_err *err)
{
    bool signed_cts = avsp_bytes_be(trun, 0, 1) == 1;
    size_t step =
        4 * (size_t)__builtin_popcount(flags & (TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_CTS));
    if (step == 0 ? n > SAMPLES_MAX : n > (trun.len - at) / step)
        return avsp_err_set(err, AVSP_CORRUPT, "its trun claims %" PRIu32 " samples", n);
    for (uint32_t i = 0; i < n; i++) {
        struct sample s = {.n = 1};
        s.duration = take_field(trun, &at, (flags & TRUN_DURATION) != 0, f->default_duration);
        s.size = take_field(trun, &at, (flags & TRUN_SIZE) != 0, f->default_size);
        s.flags = take_field(trun, &at, (flags & TRUN_FLAGS) != 0,
                             i == 0 ? first_flags : f->default_flags);
        uint32_t cts = take_field(trun, &at, (flags & TRUN_CTS) != 0, 0);
        s.cts = signed_cts ? (int64_t)(int32_t)cts : (int64_t)cts;
        if (step == 0) {
            s.n = n;
            i = n - 1;
        }
        if (!add_samples(f, &s))
            return avsp_err_set(err, AVSP_CORRUPT, "its samples last longer than any time");
    }
    return AVSP_OK;
}

static enum avsp_code read_trun(struct avsp_bytes trun, struct fragment *f, struct avsp_err *err)
{
    uint32_t flags = (uint32_t)avsp_bytes_be(trun, 1, 3);
    uint32_t n = (uint32_t)avsp_bytes_be(trun, 4, 4);
    size_t at = 8;
    size_t head =
        at + ((flags & TRUN_OFFSET) != 0 ? 4 : 0) + ((flags & TRUN_FIRST_FLAGS) != 0 ? 4 : 0);
    if (trun.len < head)
        return broken(err, "trun");
    if ((flags & TRUN_OFFSET) != 0) {
        int64_t offset = (int32_t)take_field(trun, &at, true, 0);
        if (f->base_is_known && (offset < 0 && (uint64_t)-offset > f->moof))
            return broken(err, "trun");
        f->data = f->moof + (uint64_t)offset;
    }
    uint32_t first_flags = take_field(trun, &at, (flags & TRUN_FIRST_FLAGS) != 0, f->default_flags);
    uint64_t from = f->data;
    enum avsp_code rc = read_samples(trun, at, flags, n, first_flags, f, err);
    if (rc == AVSP_OK && f->base_is_known && f->data > from) {
        f->segment->data_from = AVSP_MIN(f->segment->data_from, from);
        f->segment->data_to = AVSP_MAX(f->segment->data_to, f->data);
    }
    return rc;
}

static enum avsp_code read_traf(struct avsp_bytes traf, const struct avsp_mp4_init *init,
                                struct fragment *f, struct avsp_err *err)
{
    struct avsp_bytes tfhd, tfdt;
    struct avsp_box box;
    if (!avsp_box_find(traf, "tfhd", &tfhd))
        return avsp_err_set(err, AVSP_NOT_FOUND, "it has no tfhd box");
    enum avsp_code rc = read_tfhd(tfhd, init, f, err);
    if (rc != AVSP_OK)
        return rc;
    if (!avsp_box_find(traf, "tfdt", &tfdt))
        return avsp_err_set(err, AVSP_PRECONDITION, "it has no tfdt box");
    rc = read_tfdt(tfdt, f, err);
    while (rc == AVSP_OK && avsp_box_next(&traf, &box))
        if (strcmp(box.type, "trun") == 0)
            rc = read_trun(box.body, f, err);
    return rc == AVSP_OK && traf.len > 0 ? broken(err, "traf") : rc;
}

enum avsp_code avsp_mp4_moof_add(struct avsp_bytes body, uint64_t offset,
                                 const struct avsp_mp4_init *init, struct avsp_mp4_segment *segment,
                                 struct avsp_err *err)
{
    segment->data_from = UINT64_MAX;
    segment->data_to = 0;
    struct fragment f = {.segment = segment, .moof = offset, .data = offset};
    struct avsp_box box;
    size_t n_trafs = 0;
    while (avsp_box_next(&body, &box)) {
        if (strcmp(box.type, "traf") != 0)
            continue;
        n_trafs++;
        enum avsp_code rc = read_traf(box.body, init, &f, err);
        if (rc != AVSP_OK)
            return rc;
    }
    if (body.len > 0)
        return broken(err, "moof");
    return n_trafs > 0 ? AVSP_OK : avsp_err_set(err, AVSP_NOT_FOUND, "it has no traf box");
}
