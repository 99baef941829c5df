#include "client/verify_decode.h"

#include "client/media_child.h"
#include "core/naming.h"
#include "storage/sha256.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1 << 20)
#define SEGMENT_MS (10 * 60 * 1000) ///< without a sign of progress
#define CPU_SECONDS ((uint64_t)30 * 24 * 3600)
#define RESTARTS_MAX 20 ///< of a decoder that segments of one rendition end
#define THREADS_MAX 16
#define REPORT_ARENA_BYTES ((size_t)256 << 10)
/// Of two segments' first pictures, against EXTINF: what frames' lengths and reordering come to.
#define TIME_TOLERANCE_US 250000
/// The clock of MPEG-TS has 33 bits at 90 kHz.
#define TS_WRAP_US ((INT64_C(1) << 33) * 100 / 9)

/// One rendition while it is decoded.
struct decoding {
    const struct avsp_verify_decode *options;
    struct avsp_verify *v;
    struct avsp_verify_rendition *r;
    const struct avsp_verify_segment *segments;
    size_t n;
    struct avsp_media_child child;
    int file; ///< what the child reads
    const char *hashed_init;
    bool said_independent, has_damage;
    uint64_t n_expected, n_expected_audio, n_audio;
    // The segment before.
    size_t before; ///< its index plus one; 0 = not known
    int64_t before_us;
};

static void decoding_deinit(struct decoding *d)
{
    avsp_media_child_end(&d->child);
    avsp_fd_cleanup(&d->file);
}

/// A file without a name, in TMPDIR.
static enum avsp_code open_file(int *ret_fd, struct avsp_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/avspl1t-verify-XXXXXX",
                     tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path)
        return avsp_err_set(err, AVSP_INVALID, "TMPDIR is too long");
    *ret_fd = mkostemp(path, O_CLOEXEC);
    if (*ret_fd < 0)
        return avsp_err_set_errno(err, errno, "make a temporary file (TMPDIR) %s", path);
    unlink(path);
    return AVSP_OK;
}

/// Appends a part of a file to the temporary one.
static enum avsp_code copy_part(struct decoding *d, const struct avsp_verify_part *part,
                                uint64_t *ret_bytes, struct avsp_err *err)
{
    char *AVSP_CLEANUP(avsp_free_ptr) bytes = malloc(COPY_BYTES);
    if (bytes == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    uint64_t left = part->range.bytes > 0 ? part->range.bytes : AVSP_VERIFY_INIT_MAX_BYTES;
    *ret_bytes = 0;
    while (left > 0) {
        size_t n = 0;
        uint64_t file_bytes;
        enum avsp_code rc =
            d->v->files.read(d->v->files.opaque, part->path, part->range.offset + *ret_bytes, bytes,
                             (size_t)AVSP_MIN(left, (uint64_t)COPY_BYTES), &n, &file_bytes, err);
        if (rc == AVSP_OK && n > 0)
            rc = avsp_fd_write_all(d->file, bytes, n, err);
        if (rc != AVSP_OK)
            return rc;
        if (n == 0)
            break;
        *ret_bytes += n;
        left -= n;
    }
    return AVSP_OK;
}

/// Files of ours carry their hash in their names: compares it. @param bytes  the whole file
static void check_hash(struct decoding *d, const char *path, const void *bytes, size_t len)
{
    char hash[AVSP_SHA256_HEX_BYTES];
    struct avsp_err ignored = {0};
    const char *dash = strrchr(path, '-');
    if (dash == NULL || avsp_sha256_hex(bytes, len, hash, &ignored) != AVSP_OK)
        return;
    size_t n = strcspn(dash + 1, ".");
    if (strncmp(dash + 1, hash, n) != 0)
        avsp_findings_add(d->v->found, AVSP_RULE_FILE_HASH, path, 0,
                          "its SHA-256 begins with %.16s", hash);
}

/// The same for what lies in the temporary file from @p offset on.
static void check_copied(struct decoding *d, const struct avsp_verify_part *part, uint64_t offset,
                         uint64_t bytes)
{
    if (!avsp_name_is_ours(part->path) || part->range.offset != 0 || bytes == 0)
        return;
    void *map = mmap(NULL, (size_t)(offset + bytes), PROT_READ, MAP_SHARED, d->file, 0);
    if (map == MAP_FAILED)
        return;
    check_hash(d, part->path, (const char *)map + offset, (size_t)bytes);
    munmap(map, (size_t)(offset + bytes));
}

static enum avsp_code check_playlist_hash(struct decoding *d, struct avsp_err *err)
{
    struct avsp_verify_part part = {.path = d->r->path};
    uint64_t bytes = 0;
    if (!avsp_name_is_ours(part.path))
        return AVSP_OK;
    part.range.bytes = AVSP_HLS_PLAYLIST_MAX_BYTES;
    enum avsp_code rc = copy_part(d, &part, &bytes, err);
    part.range.bytes = 0;
    if (rc == AVSP_OK)
        check_copied(d, &part, 0, bytes);
    return rc;
}

/// Puts segment @p i into the child's file, behind its init segment.
static enum avsp_code fill(struct decoding *d, size_t i, struct avsp_err *err)
{
    const struct avsp_verify_segment *s = &d->segments[i];
    uint64_t init_bytes = 0, bytes = 0;
    if (ftruncate(d->file, 0) != 0 || lseek(d->file, 0, SEEK_SET) != 0)
        return avsp_err_set_errno(err, errno, "empty the temporary file");
    enum avsp_code rc = AVSP_OK;
    if (s->init.path != NULL)
        rc = copy_part(d, &s->init, &init_bytes, err);
    if (rc == AVSP_OK)
        rc = copy_part(d, &s->part, &bytes, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "copy %s", s->part.path);
    if (s->init.path != NULL && d->hashed_init != s->init.path)
        check_copied(d, &s->init, 0, init_bytes);
    d->hashed_init = s->init.path;
    check_copied(d, &s->part, init_bytes, bytes);
    return AVSP_OK;
}

/// What the headers of the rendition's files do not say, where they are no MP4.
static enum avsp_code keep_stream_facts(struct decoding *d, const struct avsp_checked *c,
                                        struct avsp_err *err)
{
    struct avsp_verify_rendition *r = d->r;
    if (r->init.n_tracks > 0)
        return AVSP_OK;
    if (c->video.codec[0] != '\0' && r->video_codec == NULL) {
        r->video_codec = avsp_arena_strdup(&d->v->arena, c->video.codec);
        r->width_px = c->video.width_px;
        r->height_px = c->video.height_px;
        if (r->video_codec == NULL)
            return avsp_arena_failed(&d->v->arena, err);
    }
    if (c->audio.codec[0] != '\0' && r->audio_codec == NULL) {
        r->audio_codec = avsp_arena_strdup(&d->v->arena, c->audio.codec);
        if (r->audio_codec == NULL)
            return avsp_arena_failed(&d->v->arena, err);
    }
    return AVSP_OK;
}

static bool check_key(struct decoding *d, const struct avsp_verify_segment *s,
                      const struct avsp_checked *c)
{
    bool promised = d->r->independent;
    if (s->is_dependent)
        return !promised;
    if (c->video.n_packets == 0 || c->video.starts_with_key)
        return true;
    bool is_known = d->v->found->counts[AVSP_RULE_INDEPENDENT] > 0;
    if (!is_known && (promised || !d->said_independent))
        avsp_findings_add_as(d->v->found, AVSP_RULE_INDEPENDENT,
                             promised ? AVSP_ERROR : AVSP_WARNING, s->part.path, 0,
                             "it does not begin with a keyframe");
    d->said_independent = true;
    return !promised;
}

/// Begins of MPEG-TS segments against the playlist. MP4 is checked by its headers.
static void check_time(struct decoding *d, size_t i, const struct avsp_checked *c)
{
    const struct avsp_verify_segment *s = &d->segments[i];
    const struct avsp_checked_stream *stream = c->video.n_frames > 0 ? &c->video : &c->audio;
    if (d->r->format != AVSP_FORMAT_TS || stream->n_frames == 0) {
        d->before = 0;
        return;
    }
    if (d->before == i && i > 0 && !s->discontinuity) {
        int64_t passed = (stream->first_us - d->before_us) % TS_WRAP_US;
        if (passed < -TS_WRAP_US / 2)
            passed += TS_WRAP_US;
        int64_t off = passed - s[-1].duration_us;
        if (off > TIME_TOLERANCE_US || off < -TIME_TOLERANCE_US)
            avsp_findings_add(
                d->v->found, AVSP_RULE_DECODE_TIME, d->r->path, s->line,
                "%s begins %.3f s after the segment before it, whose EXTINF is %.3f s",
                s->part.path, (double)passed / 1e6, (double)s[-1].duration_us / 1e6);
    }
    d->before = i + 1;
    d->before_us = stream->first_us;
}

static void check_damage(struct decoding *d, const struct avsp_verify_segment *s,
                         const struct avsp_checked *c)
{
    d->has_damage = true;
    if (c->video.n_damaged > 0)
        avsp_findings_add(d->v->found, AVSP_RULE_DECODE_DAMAGED, s->part.path, 0,
                          "%" PRIu64 " of %" PRIu64 " pictures are damaged", c->video.n_damaged,
                          c->video.n_packets);
    if (c->audio.n_damaged > 0)
        avsp_findings_add(d->v->found, AVSP_RULE_DECODE_DAMAGED, s->part.path, 0,
                          "%" PRIu64 " of %" PRIu64 " frames of sound are damaged",
                          c->audio.n_damaged, c->audio.n_packets);
}

static void check_frames(struct decoding *d, const struct avsp_verify_segment *s, const char *what,
                         uint64_t expected, uint64_t got)
{
    if (expected != got)
        avsp_findings_add(d->v->found, AVSP_RULE_DECODE_FRAMES,
                          s != NULL ? s->part.path : d->r->path, 0,
                          "%" PRIu64 " %s came out, of %" PRIu64, got, what, expected);
}

static bool is_primary_video(const struct decoding *d, const struct avsp_checked *c)
{
    if (d->r->init.n_tracks > 0)
        return d->r->init.tracks[d->r->primary].kind == AVSP_MEDIA_VIDEO;
    return c->video.codec[0] != '\0';
}

static enum avsp_code judge(struct decoding *d, size_t i, const struct avsp_checked *c,
                            struct avsp_err *err)
{
    const struct avsp_verify_segment *s = &d->segments[i];
    if (c->fault[0] != '\0') {
        avsp_findings_add(d->v->found, AVSP_RULE_DECODE_FAILED, s->part.path, 0, "%s", c->fault);
        d->has_damage = true;
        return AVSP_OK;
    }
    bool video = is_primary_video(d, c);
    uint64_t got = video ? c->video.n_frames : c->audio.n_frames;
    d->r->n_frames += got;
    d->n_expected += s->n_samples;
    d->n_expected_audio += s->n_samples_audio;
    d->n_audio += c->audio.n_frames;
    check_time(d, i, c);
    bool keyed = check_key(d, s, c);
    if (!keyed)
        d->has_damage = true; // all that follows from it
    else if (c->video.n_damaged + c->audio.n_damaged > 0)
        check_damage(d, s, c);
    else if (d->r->independent && s->is_measured) {
        check_frames(d, s, video ? "pictures" : "frames of sound", s->n_samples, got);
        if (video)
            check_frames(d, s, "frames of sound", s->n_samples_audio, c->audio.n_frames);
    } else if (!s->is_measured && c->video.n_frames + c->audio.n_frames == 0)
        check_frames(d, s, "frames", 1, 0);
    return keep_stream_facts(d, c, err);
}

/// The next segment from @p i on that can be decoded.
static size_t next_sound(const struct decoding *d, size_t i)
{
    while (i < d->n && !d->segments[i].is_sound)
        i++;
    return i;
}

static enum avsp_code start(struct decoding *d, size_t from, struct avsp_err *err)
{
    uint32_t n_left = 0;
    for (size_t i = from; i < d->n; i++)
        n_left += d->segments[i].is_sound;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct avsp_step step = {
        .kind = AVSP_STEP_CHECK,
        .max_pending = 1,
        .threads = (uint32_t)AVSP_MIN(AVSP_MAX(cores, 1L), (long)THREADS_MAX),
        .n_segments = n_left,
        .independent = d->r->independent,
    };
    enum avsp_code rc = fill(d, from, err);
    if (rc == AVSP_OK)
        rc = avsp_media_child_start(&d->child, d->file, &step, CPU_SECONDS, err);
    return rc;
}

/// Goes on until the end, or until a segment ends the child. @param at  the first one; then, which one it was
static enum avsp_code converse(struct decoding *d, size_t *at, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REPORT_ARENA_BYTES);
    for (;;) {
        struct avsp_report report = {0};
        avsp_arena_clear(&arena);
        enum avsp_code rc = avsp_media_child_next(&d->child, &arena, SEGMENT_MS, &report, err);
        if (rc != AVSP_OK || (report.kind == AVSP_REPORT_DONE && *at >= d->n))
            return rc;
        if (report.kind == AVSP_REPORT_WARNING)
            continue;
        if (report.kind != AVSP_REPORT_CHECKED || *at >= d->n)
            return avsp_err_set(err, AVSP_INTERNAL, "avspl1t-media reported what a check does not");
        rc = judge(d, *at, &report.checked, err);
        *at = next_sound(d, *at + 1);
        if (rc == AVSP_OK && *at < d->n)
            rc = fill(d, *at, err);
        if (rc == AVSP_OK)
            rc = avsp_media_child_ack(&d->child, err);
        if (rc != AVSP_OK)
            return rc;
    }
}

static void show_log(const struct decoding *d)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REPORT_ARENA_BYTES);
    if (d->options->verbose)
        fputs(avsp_media_child_log(&d->child, &arena), stderr);
}

static enum avsp_code decode_all(struct decoding *d, struct avsp_err *err)
{
    size_t at = next_sound(d, 0);
    for (unsigned n = 0; at < d->n; n++) {
        enum avsp_code rc = start(d, at, err);
        bool started = rc == AVSP_OK;
        if (started)
            rc = converse(d, &at, err);
        show_log(d);
        avsp_media_child_end(&d->child);
        if (rc == AVSP_OK)
            return AVSP_OK;
        // A child that ended, or does not end, has met a segment that is worse than damaged. The rest goes to another.
        if (!started || at >= d->n || n >= RESTARTS_MAX ||
            (rc != AVSP_INTERNAL && rc != AVSP_TIMEOUT))
            return rc;
        avsp_findings_add(d->v->found, AVSP_RULE_DECODE_FAILED, d->segments[at].part.path, 0, "%s",
                          err->text);
        *err = (struct avsp_err){0};
        d->has_damage = true;
        d->before = 0;
        at = next_sound(d, at + 1);
    }
    return AVSP_OK;
}

enum avsp_code avsp_verify_decode(void *opaque, struct avsp_verify *v,
                                  struct avsp_verify_rendition *r,
                                  const struct avsp_verify_segment *segments, size_t n_segments,
                                  struct avsp_err *err)
{
    struct decoding AVSP_CLEANUP(decoding_deinit) d = {
        .options = opaque,
        .v = v,
        .r = r,
        .segments = segments,
        .n = n_segments,
        .child = {.control = -1, .log = -1},
        .file = -1,
    };
    enum avsp_code rc = open_file(&d.file, err);
    if (rc == AVSP_OK)
        rc = check_playlist_hash(&d, err);
    if (rc == AVSP_OK)
        rc = decode_all(&d, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "decode %s", r->path);
    // Frames that a decoder held back came out in a later segment: only all of them together tell.
    if (!r->independent && !d.has_damage && r->init.n_tracks > 0) {
        bool video = r->init.tracks[r->primary].kind == AVSP_MEDIA_VIDEO;
        check_frames(&d, NULL, video ? "pictures" : "frames of sound", d.n_expected, r->n_frames);
        if (video)
            check_frames(&d, NULL, "frames of sound", d.n_expected_audio, d.n_audio);
    }
    return AVSP_OK;
}
