#include "sim_facts.h"

#include "core/mp4.h"
#include "core/naming.h"
#include "storage/sha256.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define ARENA_BYTES ((size_t)64 << 10)
#define RENDITION "v0"

static enum avsp_code read_file(const char *path, struct avsp_buf *buf, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%s", path);
    char bytes[4096];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        avsp_buf_append(buf, bytes, (size_t)n);
    return n < 0 ? avsp_err_set_errno(err, errno, "%s", path) : avsp_buf_check(buf, err);
}

static struct avsp_bytes view(const struct avsp_buf *buf)
{
    return (struct avsp_bytes){(const uint8_t *)avsp_buf_text(buf), buf->len};
}

/// Facts that nothing stands behind: a second of 25 frames.
static void make_up(struct sim_facts *facts)
{
    facts->ticks = 25000;
    facts->frames = 25;
    facts->rendition.timescale = 25000;
    facts->rendition.codecs = "av01.0.00M.08";
    facts->rendition.width_px = facts->rendition.height_px = 64;
    facts->rendition.init_bytes = 738;
}

static enum avsp_code measure_init(struct sim_facts *facts, struct avsp_mp4_init *ret_init,
                                   struct avsp_err *err)
{
    enum avsp_code rc = avsp_mp4_init_parse(view(&facts->init), ret_init, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "the init segment");
    const struct avsp_mp4_track *track = &ret_init->tracks[0];
    if (ret_init->n_tracks != 1 || track->kind != AVSP_MEDIA_VIDEO)
        return avsp_err_set(err, AVSP_INVALID, "the init segment is not that of one picture");
    facts->rendition.timescale = track->timescale;
    facts->rendition.width_px = track->width_px;
    facts->rendition.height_px = track->height_px;
    facts->rendition.init_bytes = facts->init.len;
    facts->rendition.codecs = avsp_arena_strdup(&facts->arena, track->codecs);
    return facts->rendition.codecs != NULL ? AVSP_OK : avsp_arena_failed(&facts->arena, err);
}

/// Notes where a fragment's decode time stands: a full box, whose version tells its length.
static enum avsp_code note_time(struct sim_facts *facts, const struct avsp_bytes *all,
                                struct avsp_bytes moof, struct avsp_err *err)
{
    struct avsp_bytes traf, tfdt;
    if (!avsp_box_find(moof, "traf", &traf) || !avsp_box_find(traf, "tfdt", &tfdt) ||
        tfdt.len < 8 || facts->n_times == SIM_FRAGMENTS_MAX)
        return avsp_err_set(err, AVSP_INVALID, "the segment has no decode time, or too many");
    facts->times[facts->n_times].at = (size_t)(tfdt.data - all->data) + 4;
    facts->times[facts->n_times++].n_bytes = tfdt.data[0] == 1 ? 8 : 4;
    return AVSP_OK;
}

/// Adds up the segment's fragments. The first one is its keyframe.
static enum avsp_code measure_segment(struct sim_facts *facts, const struct avsp_mp4_init *init,
                                      struct avsp_err *err)
{
    const struct avsp_bytes all = view(&facts->segment);
    struct avsp_bytes rest = all;
    struct avsp_mp4_segment found = {0};
    struct avsp_box box;
    enum avsp_code rc = AVSP_OK;
    facts->key_bytes = all.len;
    while (rc == AVSP_OK && avsp_box_next(&rest, &box)) {
        const uint64_t at = (uint64_t)(box.body.data - all.data) - box.head_bytes;
        if (strcmp(box.type, "moof") != 0)
            continue;
        if (facts->n_times == 1)
            facts->key_bytes = at;
        rc = avsp_mp4_moof_add(box.body, at, init, &found, err);
        if (rc == AVSP_OK)
            rc = note_time(facts, &all, box.body, err);
    }
    if (rc == AVSP_OK && facts->n_times == 0)
        rc = avsp_err_set(err, AVSP_INVALID, "there is no fragment");
    facts->ticks = found.runs[0].duration_ticks;
    facts->frames = found.runs[0].n_samples;
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "the segment");
}

enum avsp_code sim_facts_init(struct sim_facts *facts, const char *init_path,
                              const char *segment_path, struct avsp_err *err)
{
    *facts = (struct sim_facts){.rendition = {.name = RENDITION,
                                              .kind = AVSP_MEDIA_VIDEO,
                                              .video_range = "SDR",
                                              .language = "und",
                                              .title = ""}};
    avsp_arena_init(&facts->arena, ARENA_BYTES);
    avsp_buf_init(&facts->init, FILE_MAX_BYTES);
    avsp_buf_init(&facts->segment, FILE_MAX_BYTES);
    enum avsp_code rc = AVSP_OK;
    struct avsp_mp4_init init;
    if (init_path == NULL) {
        make_up(facts);
    } else {
        rc = read_file(init_path, &facts->init, err);
        if (rc == AVSP_OK)
            rc = read_file(segment_path, &facts->segment, err);
        if (rc == AVSP_OK)
            rc = measure_init(facts, &init, err);
        if (rc == AVSP_OK)
            rc = measure_segment(facts, &init, err);
    }
    char *hash = avsp_arena_alloc(&facts->arena, AVSP_SHA256_HEX_BYTES);
    if (rc == AVSP_OK && hash == NULL)
        rc = avsp_arena_failed(&facts->arena, err);
    if (rc == AVSP_OK)
        rc = avsp_sha256_hex(avsp_buf_text(&facts->init), facts->init.len, hash, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_rendition *r = &facts->rendition;
    r->init_sha256 = hash;
    r->init_name = avsp_name_init(&facts->arena, hash);
    r->frame_rate =
        (struct avsp_rational){(int32_t)(facts->frames * r->timescale), (int32_t)facts->ticks};
    return r->init_name != NULL ? AVSP_OK : avsp_arena_failed(&facts->arena, err);
}

void sim_facts_deinit(struct sim_facts *facts)
{
    avsp_buf_deinit(&facts->init);
    avsp_buf_deinit(&facts->segment);
    avsp_arena_deinit(&facts->arena);
}

enum avsp_code sim_facts_piece(const struct sim_facts *facts, struct avsp_arena *arena,
                               const struct avsp_location *folder, uint32_t idx,
                               struct avsp_piece *ret_piece, struct avsp_err *err)
{
    *ret_piece = (struct avsp_piece){.kind = AVSP_TASK_ENCODE,
                                     .idx = idx,
                                     .n_segments = 1,
                                     .in_pts = facts->ticks * idx,
                                     .out_pts = facts->ticks * ((int64_t)idx + 1),
                                     .time_base = {1, (int32_t)facts->rendition.timescale},
                                     .frames = facts->frames,
                                     .bytes = 100000};
    const char *name = avsp_arena_printf(arena, "v0-%06" PRIu32 ".piece", idx);
    if (name == NULL)
        return avsp_arena_failed(arena, err);
    return avsp_location_join(arena, folder, name, &ret_piece->file, err);
}

/// Writes a file of a rendition. No fsync: what is measured is not the disk.
static enum avsp_code write_file(const struct avsp_location *output, const char *name,
                                 const void *bytes, size_t len, struct avsp_err *err)
{
    char path[AVSP_PATH_MAX_BYTES];
    int n = snprintf(path, sizeof path, "%s/" RENDITION "/%s", output->path, name);
    if (output->kind != AVSP_LOCATION_FS || n < 0 || (size_t)n >= sizeof path)
        return avsp_err_set(err, AVSP_INVALID, "the output is no local folder");
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    for (int tries = 0; fd < 0 && tries < 2; tries++) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd >= 0 || errno != ENOENT)
            break;
        char folder[AVSP_PATH_MAX_BYTES];
        snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
        (void)!mkdir(output->path, 0755);
        (void)!mkdir(folder, 0755);
    }
    return fd >= 0 ? avsp_fd_write_all(fd, bytes, len, err)
                   : avsp_err_set_errno(err, errno, "%s", path);
}

/// The segment's bytes: the example's, which is the first of its kind, with decode times of their own.
static char *make_bytes(const struct sim_facts *facts, struct avsp_arena *arena, uint32_t idx,
                        size_t *ret_len)
{
    if (facts->segment.len == 0) {
        char *text = avsp_arena_printf(arena, "segment %" PRIu32, idx);
        *ret_len = text != NULL ? strlen(text) : 0;
        return text;
    }
    *ret_len = facts->segment.len;
    char *bytes = avsp_arena_strndup(arena, avsp_buf_text(&facts->segment), facts->segment.len);
    for (size_t t = 0; bytes != NULL && t < facts->n_times; t++) {
        const size_t at = facts->times[t].at;
        const unsigned n = facts->times[t].n_bytes;
        uint64_t time = avsp_bytes_be(view(&facts->segment), at, n) + (uint64_t)facts->ticks * idx;
        for (unsigned i = n; i-- > 0; time >>= 8)
            bytes[at + i] = (char)(time & 0xff);
    }
    return bytes;
}

enum avsp_code sim_facts_encode(const struct sim_facts *facts, struct avsp_arena *arena,
                                const struct avsp_location *output, uint32_t idx,
                                struct avsp_segment *ret_segment, struct avsp_err *err)
{
    size_t len;
    const char *bytes = make_bytes(facts, arena, idx, &len);
    char *hash = avsp_arena_alloc(arena, AVSP_SHA256_HEX_BYTES);
    if (bytes == NULL || hash == NULL)
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = avsp_sha256_hex(bytes, len, hash, err);
    const char *name = rc == AVSP_OK ? avsp_name_segment(arena, idx, hash) : "";
    if (name == NULL)
        return avsp_arena_failed(arena, err);
    if (rc == AVSP_OK && facts->init.len > 0 && idx == 0)
        rc = write_file(output, facts->rendition.init_name, avsp_buf_text(&facts->init),
                        facts->init.len, err);
    if (rc == AVSP_OK && facts->init.len > 0)
        rc = write_file(output, name, bytes, len, err);
    *ret_segment = (struct avsp_segment){.rendition = facts->rendition.name,
                                         .idx = idx,
                                         .name = name,
                                         .start_ticks = facts->ticks * idx,
                                         .duration_ticks = facts->ticks,
                                         .frames = facts->frames,
                                         .bytes = len,
                                         .sha256 = hash,
                                         .key_bytes = facts->key_bytes};
    return rc;
}
