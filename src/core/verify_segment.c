/// One segment: what it is, and what its headers say.
#include "core/verify_private.h"

#include <inttypes.h>
#include <string.h>

#define HEAD_BYTES 16384           ///< read at once: a usual moof and the first sample's headers
#define MOOF_MAX_BYTES (16u << 20) ///< of a moof that is read
#define BOXES_MAX 20000            ///< of one segment
#define SAMPLE_HEAD_BYTES 1024     ///< of the first sample that are looked at
#define IFRAME_OFF_US 100000       ///< so far may a keyframe be from where its list has it

/// A segment while its boxes are walked.
struct walk {
    struct avsp_verify_work *w;
    struct avsp_verify_segment *s;
    struct avsp_mp4_segment facts;
    uint64_t window_at; ///< offset in the segment of what is in w->window
    bool has_moof, is_looked_at;
    bool awaits_mdat; ///< of the moof that was read last
};

static struct avsp_findings *found_of(const struct walk *k)
{
    return k->w->v->found;
}

/// Makes up to @p len bytes at @p offset of the segment readable; fewer at its end.
static enum avsp_code look(struct walk *k, uint64_t offset, size_t len, struct avsp_bytes *ret_view,
                           struct avsp_err *err)
{
    struct avsp_buf *window = &k->w->window;
    uint64_t left = k->s->part.range.bytes - offset;
    len = (size_t)AVSP_MIN((uint64_t)len, left);
    bool is_there = offset >= k->window_at && offset - k->window_at <= window->len &&
                    window->len - (size_t)(offset - k->window_at) >= len;
    if (!is_there) {
        size_t want = (size_t)AVSP_MIN(AVSP_MAX((uint64_t)len, (uint64_t)HEAD_BYTES), left);
        uint64_t file_bytes;
        avsp_buf_clear(window);
        k->window_at = offset;
        char *AVSP_CLEANUP(avsp_free_ptr) bytes = malloc(AVSP_MAX(want, (size_t)1));
        if (bytes == NULL)
            return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        size_t n = 0;
        enum avsp_code rc = k->w->v->files.read(k->w->v->files.opaque, k->s->part.path,
                                                k->s->part.range.offset + offset, bytes, want, &n,
                                                &file_bytes, err);
        if (rc != AVSP_OK)
            return rc;
        avsp_buf_append(window, bytes, n);
        if (avsp_buf_check(window, err) != AVSP_OK)
            return err->code;
    }
    size_t at = (size_t)(offset - k->window_at);
    *ret_view = (struct avsp_bytes){(const uint8_t *)avsp_buf_text(window) + at,
                                    AVSP_MIN(len, window->len - at)};
    return AVSP_OK;
}

/// Takes the segment's first look, which also tells how long the file is; completes the range.
static enum avsp_code open_segment(struct walk *k, bool *ret_is_there, struct avsp_err *err)
{
    struct avsp_verify_work *w = k->w;
    struct avsp_verify_segment *s = k->s;
    struct avsp_hls_range *range = &s->part.range;
    char bytes[HEAD_BYTES];
    size_t n = 0, want = sizeof bytes;
    uint64_t file_bytes = 0;
    if (range->bytes > 0)
        want = (size_t)AVSP_MIN((uint64_t)want, range->bytes);
    *ret_is_there = false;
    enum avsp_code rc = w->v->files.read(w->v->files.opaque, s->part.path, range->offset, bytes,
                                         want, &n, &file_bytes, err);
    if (rc != AVSP_OK)
        return avsp_verify_unread(w->v, w->r->path, s->line, s->part.path, err);
    if (range->bytes > 0 &&
        (range->offset > file_bytes || range->bytes > file_bytes - range->offset)) {
        avsp_findings_add(w->v->found, AVSP_RULE_BYTERANGE, w->r->path, s->line,
                          "the range ends at byte %" PRIu64 " of %s, which has %" PRIu64,
                          range->offset + range->bytes, s->part.path, file_bytes);
        return AVSP_OK;
    }
    if (range->bytes == 0)
        range->bytes = file_bytes;
    w->r->bytes += range->bytes;
    if (range->bytes == 0)
        avsp_findings_add(w->v->found, AVSP_RULE_TRUNCATED, s->part.path, 0, "the file is empty");
    else if (range->bytes > AVSP_VERIFY_SEGMENT_MAX_BYTES)
        avsp_findings_add(w->v->found, AVSP_RULE_FILE_TOO_LARGE, s->part.path, 0,
                          "the segment has %" PRIu64 " bytes", range->bytes);
    else
        *ret_is_there = true;
    k->window_at = 0;
    avsp_buf_clear(&w->window);
    avsp_buf_append(&w->window, bytes, n);
    return avsp_buf_check(&w->window, err);
}

/// RFC 8216 3: the four kinds of segment.
static enum avsp_verify_format sniff(struct avsp_bytes head)
{
    static const char tops[][5] = {"moof", "styp", "sidx", "ftyp", "prft", "emsg", "free", "mdat"};
    if (head.len >= 1 && head.data[0] == 0x47 && (head.len <= 188 || head.data[188] == 0x47))
        return AVSP_FORMAT_TS;
    if ((head.len >= 6 && memcmp(head.data, "WEBVTT", 6) == 0) ||
        (head.len >= 9 && memcmp(head.data, "\xef\xbb\xbfWEBVTT", 9) == 0))
        return AVSP_FORMAT_WEBVTT;
    if (head.len >= 3 && memcmp(head.data, "ID3", 3) == 0)
        return AVSP_FORMAT_PACKED_AUDIO;
    for (size_t i = 0; head.len >= 8 && i < AVSP_ARRAY_LEN(tops); i++)
        if (memcmp(head.data + 4, tops[i], 4) == 0)
            return AVSP_FORMAT_MP4;
    return AVSP_FORMAT_UNKNOWN;
}

static void init_fault(struct avsp_verify_work *w, enum avsp_rule rule, const char *text)
{
    avsp_findings_add(w->v->found, rule, w->init_part.path, 0, "the init segment: %s", text);
}

static void check_init(struct avsp_verify_work *w)
{
    const struct avsp_mp4_init *init = &w->init;
    w->primary = 0;
    for (size_t i = init->n_tracks; i-- > 0;)
        if (init->tracks[i].kind == AVSP_MEDIA_VIDEO)
            w->primary = i;
    if (!init->has_brand)
        init_fault(w, AVSP_RULE_INIT_BRAND, "its brands do not stand for fragments");
    if (init->has_samples)
        init_fault(w, AVSP_RULE_INIT_SAMPLES, "it holds samples");
    if (init->config.code != AVSP_OK)
        init_fault(w, AVSP_RULE_CODEC_CONFIG, init->config.text);
    const struct avsp_mp4_track *t = &init->tracks[w->primary];
    if (t->coded_width_px > 0 &&
        (t->coded_width_px != t->width_px || t->coded_height_px != t->height_px))
        avsp_findings_add(
            w->v->found, t->has_av1 ? AVSP_RULE_AV1_SIZE : AVSP_RULE_AVC_SIZE, w->init_part.path, 0,
            "the sample entry says %" PRIu32 "x%" PRIu32 ", the %s %" PRIu32 "x%" PRIu32,
            t->width_px, t->height_px, t->has_av1 ? "sequence header" : "sequence parameter set",
            t->coded_width_px, t->coded_height_px);
    if (t->kind == AVSP_MEDIA_VIDEO)
        avsp_verify_color(w, t);
    bool has_expected = w->r->expected == 0;
    for (size_t i = 0; i < init->n_tracks; i++)
        has_expected |= init->tracks[i].kind == w->r->expected;
    if (!has_expected) {
        init_fault(w, AVSP_RULE_TRACK,
                   w->r->expected == AVSP_MEDIA_VIDEO
                       ? "it describes no picture, and the multivariant playlist promises one"
                       : "it describes no sound, and the multivariant playlist promises some");
        w->r->is_mismatched = w->said_track = true;
    }
    if (w->r->init.n_tracks == 0) {
        w->r->init = *init;
        w->r->primary = w->primary;
    }
}

/// One init segment holds until the timeline breaks.
static void check_one_init(struct avsp_verify_work *w, const struct avsp_verify_segment *s,
                           uint32_t line)
{
    if (w->r->init.n_tracks > 0 && !s->discontinuity && !w->said_init) {
        avsp_findings_add(w->v->found, AVSP_RULE_INIT_CHANGES, w->r->path, line,
                          "another init segment, %s, and no EXT-X-DISCONTINUITY before it",
                          w->init_part.path);
        w->said_init = true;
    }
}

/// Reads the init segment of @p s, unless it is the one at hand.
static enum avsp_code read_init(struct avsp_verify_work *w, struct avsp_verify_segment *s,
                                uint32_t map, struct avsp_err *err)
{
    if (map == w->map) {
        s->init = w->init_part;
        return AVSP_OK;
    }
    const struct avsp_hls_map *m = &w->playlist.maps[map - 1];
    w->map = map;
    w->has_init = w->said_track = false;
    for (size_t i = 0; i < AVSP_MP4_TRACKS_MAX; i++)
        w->next_ticks[i] = -1;
    w->init_part = (struct avsp_verify_part){.range = m->range};
    w->init_part.path = avsp_verify_resolve(w->v, w->arena, w->r->path, m->line, m->uri, err);
    if (w->init_part.path == NULL)
        return err->code;
    check_one_init(w, s, m->line);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) bytes;
    avsp_buf_init(&bytes, AVSP_VERIFY_INIT_MAX_BYTES);
    bool is_read = false;
    enum avsp_code rc = avsp_verify_slurp(w->v, w->r->path, m->line, &w->init_part,
                                          AVSP_VERIFY_INIT_MAX_BYTES, &bytes, &is_read, err);
    if (rc != AVSP_OK || !is_read)
        return rc;
    w->init_part.range.bytes = bytes.len;
    struct avsp_err fault = {0};
    struct avsp_bytes view = {(const uint8_t *)avsp_buf_text(&bytes), bytes.len};
    rc = avsp_mp4_init_parse(view, &w->init, &fault);
    w->has_init = rc == AVSP_OK;
    if (rc == AVSP_OK)
        check_init(w);
    else
        init_fault(w, rc == AVSP_NOT_FOUND ? AVSP_RULE_BOX_MISSING : AVSP_RULE_BOX, fault.text);
    s->init = w->init_part;
    return AVSP_OK;
}

static void moof_fault(struct walk *k, enum avsp_code rc, const char *text)
{
    enum avsp_rule rule = rc == AVSP_NOT_FOUND      ? AVSP_RULE_BOX_MISSING
                          : rc == AVSP_PRECONDITION ? AVSP_RULE_TFDT_MISSING
                          : rc == AVSP_CONFLICT     ? AVSP_RULE_TRACK
                                                    : AVSP_RULE_BOX;
    // A track that the init segment does not have is missing in all segments.
    if (rc == AVSP_CONFLICT)
        k->w->r->is_mismatched = k->w->said_track = true;
    avsp_findings_add(found_of(k), rule, k->s->part.path, 0, "%s", text);
}

static bool sequences_differ(const struct avsp_av1_sequence *a, const struct avsp_av1_sequence *b)
{
    return memcmp(a, b, sizeof *a) != 0;
}

static void say_not_independent(struct walk *k, const char *why)
{
    struct avsp_verify_work *w = k->w;
    bool promised = w->r->independent || w->r->iframes_only;
    k->s->is_dependent = true;
    if (!promised && w->said_independent)
        return;
    w->said_independent = true;
    avsp_findings_add_as(found_of(k), AVSP_RULE_INDEPENDENT, promised ? AVSP_ERROR : AVSP_WARNING,
                         k->s->part.path, 0, "%s", why);
}

/// The first sample of an AV1 track: is it what the init segment says, and a keyframe?
static void look_at_av1(struct walk *k, struct avsp_bytes sample,
                        const struct avsp_mp4_track *track)
{
    struct avsp_av1_unit unit;
    struct avsp_err fault = {0};
    if (avsp_av1_look(sample.data, sample.len, &track->av1, &unit, &fault) != AVSP_OK) {
        avsp_findings_add(found_of(k), AVSP_RULE_AV1_DATA, k->s->part.path, 0,
                          "the first sample: %s", fault.text);
        return;
    }
    if (unit.has_sequence && sequences_differ(&unit.sequence, &track->av1)) {
        k->w->r->is_mismatched = true;
        if (!k->w->said_sequence)
            avsp_findings_add(
                found_of(k), AVSP_RULE_AV1_SEQUENCE, k->s->part.path, 0,
                "its sequence header (%" PRIu32 "x%" PRIu32 ", level %" PRIu32
                ") is not that of the init segment %s (%" PRIu32 "x%" PRIu32 ", level %" PRIu32 ")",
                unit.sequence.width_px, unit.sequence.height_px, unit.sequence.level,
                k->w->init_part.path, track->av1.width_px, track->av1.height_px, track->av1.level);
        k->w->said_sequence = true;
        return;
    }
    avsp_verify_hdr(k->w, k->s, track, &unit);
    if (unit.has_frame && !unit.is_key)
        say_not_independent(k, "its first frame is no keyframe");
    else if (unit.has_frame && !unit.has_sequence)
        say_not_independent(k, "its first keyframe has no sequence header");
}

/// What the first sample of the primary track says, once its moof was read.
static enum avsp_code look_at_sample(struct walk *k, struct avsp_err *err)
{
    const struct avsp_verify_work *w = k->w;
    const struct avsp_mp4_run *run = &k->facts.runs[w->primary];
    const struct avsp_mp4_track *track = &w->init.tracks[w->primary];
    if (k->is_looked_at || !run->is_there)
        return AVSP_OK;
    k->is_looked_at = true;
    if (track->kind != AVSP_MEDIA_VIDEO || track->encrypted)
        return AVSP_OK;
    uint64_t len = k->s->part.range.bytes;
    if (track->has_av1 && run->first_offset < len) {
        struct avsp_bytes sample;
        size_t want = (size_t)AVSP_MIN((uint32_t)SAMPLE_HEAD_BYTES, run->first_bytes);
        enum avsp_code rc = look(k, run->first_offset, want, &sample, err);
        if (rc == AVSP_OK)
            look_at_av1(k, sample, track);
        return rc;
    }
    if (!run->starts_with_sync)
        say_not_independent(k, "its first sample is no sync sample");
    return AVSP_OK;
}

static enum avsp_code take_moof(struct walk *k, uint64_t at, const struct avsp_box *box,
                                bool *ret_go_on, struct avsp_err *err)
{
    struct avsp_bytes body;
    struct avsp_err fault = {0};
    *ret_go_on = false;
    if (box->bytes > MOOF_MAX_BYTES) {
        moof_fault(k, AVSP_CORRUPT, "its moof box is too large");
        return AVSP_OK;
    }
    enum avsp_code rc = look(k, at, (size_t)box->bytes, &body, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_mp4_moof_add(avsp_bytes_from(body, (size_t)box->head_bytes), at, &k->w->init,
                           &k->facts, &fault);
    if (rc != AVSP_OK) {
        moof_fault(k, rc, fault.text);
        return AVSP_OK;
    }
    k->has_moof = true;
    k->awaits_mdat = k->facts.data_to > 0;
    *ret_go_on = true;
    return look_at_sample(k, err);
}

static void take_mdat(struct walk *k, uint64_t at, const struct avsp_box *box)
{
    if (k->awaits_mdat &&
        (k->facts.data_from < at + box->head_bytes || k->facts.data_to > at + box->bytes))
        avsp_findings_add(found_of(k), AVSP_RULE_SAMPLE_DATA, k->s->part.path, 0,
                          "samples lie at %" PRIu64 " to %" PRIu64 ", the mdat at %" PRIu64
                          " to %" PRIu64,
                          k->facts.data_from, k->facts.data_to, at, at + box->bytes);
    k->awaits_mdat = false;
}

/// Walks over the boxes. @param ret_whole  they can be read to the end
static enum avsp_code walk_boxes(struct walk *k, bool *ret_whole, struct avsp_err *err)
{
    *ret_whole = false;
    uint64_t end = k->s->part.range.bytes;
    unsigned n = 0;
    for (uint64_t at = 0; at < end;) {
        struct avsp_bytes head;
        struct avsp_box box;
        enum avsp_code rc = look(k, at, AVSP_BOX_HEAD_BYTES, &head, err);
        if (rc != AVSP_OK)
            return rc;
        rc = avsp_box_head(head, end - at, &box);
        bool is_short = rc == AVSP_LIMIT || (rc == AVSP_OK && box.bytes > end - at);
        if (rc == AVSP_CORRUPT || ++n > BOXES_MAX) {
            avsp_findings_add(found_of(k), AVSP_RULE_BOX, k->s->part.path, 0,
                              n > BOXES_MAX ? "it has too many boxes (at byte %" PRIu64 ")"
                                            : "there is no box at byte %" PRIu64,
                              at);
            return AVSP_OK;
        }
        if (is_short) {
            avsp_findings_add(found_of(k), AVSP_RULE_TRUNCATED, k->s->part.path, 0,
                              "its %.4s box at byte %" PRIu64 " has %" PRIu64 " bytes, and %" PRIu64
                              " are there",
                              rc == AVSP_OK ? box.type : "last", at, box.bytes, end - at);
            return AVSP_OK;
        }
        bool go_on = true;
        if (strcmp(box.type, "moof") == 0)
            rc = take_moof(k, at, &box, &go_on, err);
        else if (strcmp(box.type, "mdat") == 0)
            take_mdat(k, at, &box);
        if (rc != AVSP_OK || !go_on)
            return rc;
        at += box.bytes;
    }
    *ret_whole = true;
    return AVSP_OK;
}

/// A track beside the primary one has to go on where it ended, too. Said only where the primary one does.
static void follow_others(struct walk *k)
{
    struct avsp_verify_work *w = k->w;
    for (size_t i = 0; i < w->init.n_tracks; i++) {
        const struct avsp_mp4_run *run = &k->facts.runs[i];
        if (i == w->primary || !run->is_there)
            continue;
        int64_t off = run->start_ticks - w->next_ticks[i];
        int64_t tolerance = run->duration_ticks / (int64_t)run->n_samples / 2 + 1;
        if (w->next_ticks[i] >= 0 && !k->s->discontinuity && w->broken_line == 0 &&
            (off > tolerance || off < -tolerance)) {
            w->broken_line = k->s->line;
            w->broken_path = k->s->part.path;
            w->broken_ticks = off;
        }
        w->next_ticks[i] = run->start_ticks + run->duration_ticks;
    }
}

static void keep_facts(struct walk *k)
{
    struct avsp_verify_work *w = k->w;
    struct avsp_verify_segment *s = k->s;
    const struct avsp_mp4_run *run = &k->facts.runs[w->primary];
    if (!run->is_there || run->n_samples == 0) {
        avsp_findings_add(found_of(k), AVSP_RULE_TRACK, s->part.path, 0,
                          "it has no sample of track %" PRIu32, w->init.tracks[w->primary].id);
        return;
    }
    if (run->inner_gap_ticks != 0)
        avsp_findings_add(found_of(k),
                          run->inner_gap_ticks > 0 ? AVSP_RULE_TFDT_GAP : AVSP_RULE_TFDT_OVERLAP,
                          s->part.path, 0, "between two of its fragments: %" PRId64 " ticks",
                          run->inner_gap_ticks);
    s->is_measured = true;
    s->timescale = w->init.tracks[w->primary].timescale;
    s->edit_ticks = w->init.tracks[w->primary].edit_ticks;
    s->start_ticks = run->start_ticks;
    s->duration_ticks = run->duration_ticks;
    s->first_pts = run->first_pts;
    s->n_samples = run->n_samples;
    s->n_fragments = run->n_fragments;
    s->fragment_ticks = run->fragment_ticks;
    for (size_t i = w->init.n_tracks; i-- > 0;)
        if (i != w->primary && w->init.tracks[i].kind == AVSP_MEDIA_AUDIO)
            s->n_samples_audio = k->facts.runs[i].n_samples;
    w->r->n_samples += run->n_samples;
    if (__builtin_add_overflow(w->ticks, run->duration_ticks, &w->ticks))
        w->ticks = INT64_MAX;
    // A sample without duration says nothing of the rate.
    if (run->shortest_ticks > 0 &&
        (w->shortest_ticks == 0 || (int64_t)run->shortest_ticks < w->shortest_ticks))
        w->shortest_ticks = run->shortest_ticks;
    follow_others(k);
}

static enum avsp_code measure_mp4(struct walk *k, uint32_t map, struct avsp_err *err)
{
    struct avsp_verify_work *w = k->w;
    struct avsp_verify_segment *s = k->s;
    if (map == 0) {
        if (!w->said_map_missing)
            avsp_findings_add(w->v->found, AVSP_RULE_MAP_MISSING, w->r->path, s->line,
                              "%s is fragmented MP4, and there is no EXT-X-MAP before it",
                              s->part.path);
        w->said_map_missing = true;
        return AVSP_OK;
    }
    enum avsp_code rc = read_init(w, s, map, err);
    if (rc != AVSP_OK || !w->has_init || w->said_track)
        return rc;
    bool whole = false;
    rc = walk_boxes(k, &whole, err);
    if (rc != AVSP_OK)
        return avsp_verify_unread(w->v, w->r->path, s->line, s->part.path, err);
    if (!whole)
        return AVSP_OK;
    if (!k->has_moof || k->awaits_mdat) {
        avsp_findings_add(w->v->found, AVSP_RULE_BOX_MISSING, s->part.path, 0, "it has no %s box",
                          k->has_moof ? "mdat" : "moof");
        return AVSP_OK;
    }
    s->is_sound = true;
    keep_facts(k);
    return AVSP_OK;
}

/// The first moof of a range; what stands before it is stepped over.
static enum avsp_code find_moof(struct walk *k, struct avsp_err *err)
{
    uint64_t end = k->s->part.range.bytes;
    unsigned n = 0;
    for (uint64_t at = 0; at < end && n < BOXES_MAX; n++) {
        struct avsp_bytes head;
        struct avsp_box box;
        enum avsp_code rc = look(k, at, AVSP_BOX_HEAD_BYTES, &head, err);
        if (rc != AVSP_OK)
            return rc;
        if (avsp_box_head(head, end - at, &box) != AVSP_OK || box.bytes > end - at)
            return AVSP_OK;
        bool go_on;
        if (strcmp(box.type, "moof") == 0)
            return take_moof(k, at, &box, &go_on, err);
        at += box.bytes;
    }
    return AVSP_OK;
}

/// A list of keyframes has the media's times as well: each EXTINF is the distance to the next keyframe. Said once, for all that
/// follow are off by as much.
static void check_iframe_time(struct avsp_verify_work *w, size_t i, const struct avsp_mp4_run *run)
{
    const struct avsp_mp4_track *track = &w->init.tracks[w->primary];
    int64_t at_us = avsp_verify_us(track->timescale, run->first_pts - track->edit_ticks);
    if (i == 0)
        w->first_key_us = at_us;
    int64_t off = at_us - w->first_key_us - avsp_verify_listed_us(w, i);
    if ((off <= IFRAME_OFF_US && off >= -IFRAME_OFF_US) || w->said_iframe)
        return;
    w->said_iframe = w->r->unmeasured = true;
    avsp_findings_add(w->v->found, AVSP_RULE_EXTINF, w->r->path, w->segments[i].line,
                      "by the EXTINFs before it %s comes %.3f s too %s", w->segments[i].part.path,
                      (double)llabs(off) / 1e6, off > 0 ? "early" : "late");
}

/// The range of an I-frame ends with it, maybe in the middle of its mdat; what a player needs of it has to be there.
static enum avsp_code measure_iframe(struct walk *k, size_t i, uint32_t map, struct avsp_err *err)
{
    struct avsp_verify_work *w = k->w;
    struct avsp_verify_segment *s = k->s;
    struct avsp_bytes head;
    s->is_sound = true;
    enum avsp_code rc = look(k, 0, HEAD_BYTES, &head, err);
    if (rc != AVSP_OK || map == 0 || sniff(head) == AVSP_FORMAT_TS)
        return rc;
    rc = read_init(w, s, map, err);
    if (rc != AVSP_OK || !w->has_init || w->said_track)
        return rc;
    rc = find_moof(k, err);
    if (rc != AVSP_OK)
        return avsp_verify_unread(w->v, w->r->path, s->line, s->part.path, err);
    const struct avsp_mp4_run *run = &k->facts.runs[w->primary];
    uint64_t bytes = s->part.range.bytes;
    if (!run->is_there || run->first_offset > bytes || run->first_bytes > bytes - run->first_offset)
        avsp_findings_add(found_of(k), AVSP_RULE_IFRAME, w->r->path, s->line,
                          "%s: the first frame is not in the range", s->part.path);
    else
        check_iframe_time(w, i, run);
    return AVSP_OK;
}

enum avsp_code avsp_verify_measure(struct avsp_verify_work *w, size_t i, struct avsp_err *err)
{
    struct avsp_verify_segment *s = &w->segments[i];
    uint32_t map = w->playlist.segments[i].map;
    struct walk k = {.w = w, .s = s};
    bool is_there = false;
    enum avsp_code rc = open_segment(&k, &is_there, err);
    if (rc != AVSP_OK || !is_there || w->playlist.segments[i].encrypted)
        return rc;
    if (w->playlist.iframes_only)
        return measure_iframe(&k, i, map, err);
    struct avsp_bytes head;
    rc = look(&k, 0, HEAD_BYTES, &head, err);
    if (rc != AVSP_OK)
        return rc;
    enum avsp_verify_format format = sniff(head);
    // Packed audio without its ID3 tag is found by what there is not: a box.
    if (format == AVSP_FORMAT_UNKNOWN && head.len >= 2 && head.data[0] == 0xff &&
        (head.data[1] & 0xe0) == 0xe0)
        format = AVSP_FORMAT_PACKED_AUDIO;
    if (w->r->format == AVSP_FORMAT_UNKNOWN)
        w->r->format = format;
    if (format == AVSP_FORMAT_UNKNOWN) {
        avsp_findings_add(w->v->found, AVSP_RULE_FORMAT, s->part.path, 0,
                          "it is no kind of segment that there is");
        return AVSP_OK;
    }
    if (format == AVSP_FORMAT_MP4)
        return measure_mp4(&k, map, err);
    // Another format may have an init segment as well: the program tables of MPEG-TS.
    if (map > 0 && w->playlist.maps[map - 1].uri != NULL && format == AVSP_FORMAT_TS) {
        const struct avsp_hls_map *m = &w->playlist.maps[map - 1];
        s->init = (struct avsp_verify_part){.range = m->range};
        s->init.path = avsp_verify_resolve(w->v, w->arena, w->r->path, m->line, m->uri, err);
        if (s->init.path == NULL)
            return err->code;
    }
    s->is_sound = format != AVSP_FORMAT_WEBVTT;
    return s->is_sound ? AVSP_OK : avsp_verify_text(w, i, err);
}
