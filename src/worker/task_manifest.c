#include "core/dash.h"
#include "core/naming.h"
#include "core/playlist.h"
#include "storage/sha256.h"
#include "util/log.h"
#include "worker/check_made.h"
#include "worker/publish.h"
#include "worker/run.h"
#include "worker/tidy.h"
#include "worker/upstream.h"

#include <inttypes.h>
#include <string.h>

#define RENDITIONS_MAX 256
#define PAGES_MAX (2 * AVSP_SEGMENTS_MAX)
#define PAGE_ARENA_BYTES ((size_t)16 << 20)
/// A playlist of a million segments.
#define PLAYLIST_MAX_BYTES ((size_t)128 << 20)

/// All that the job made, in the order of its playlists.
struct presentation {
    struct avsp_rendition renditions[RENDITIONS_MAX];
    struct avsp_playlist_rendition tracks[RENDITIONS_MAX];
    struct avsp_playlist_uris uris[RENDITIONS_MAX];
    size_t n;
};

static int by_kind_and_name(const void *a, const void *b)
{
    const struct avsp_rendition *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strverscmp(x->name, y->name); // "a2" before "a10"
}

static int by_rendition_and_index(const void *a, const void *b)
{
    const struct avsp_segment *x = a, *y = b;
    int names = strcmp(x->rendition, y->rendition);
    if (names != 0)
        return names;
    return x->idx < y->idx ? -1 : x->idx > y->idx;
}

/// Keeps a rendition longer than the page that it stands on.
static enum avsp_code keep_rendition(struct avsp_run *run, struct presentation *p,
                                     const struct avsp_rendition *from, struct avsp_err *err)
{
    if (p->n == RENDITIONS_MAX)
        return avsp_err_set(err, AVSP_LIMIT, "more than %d renditions", RENDITIONS_MAX);
    enum avsp_code rc = avsp_rendition_copy(run->arena, from, &p->renditions[p->n], err);
    p->n += rc == AVSP_OK;
    return rc;
}

static enum avsp_code add_page(struct avsp_run *run, struct presentation *p,
                               const struct avsp_outputs *page, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < page->n_renditions; i++)
        rc = keep_rendition(run, p, &page->renditions[i], err);
    for (size_t i = 0; rc == AVSP_OK && i < page->n_segments; i++) {
        struct avsp_segment segment = page->segments[i];
        segment.sha256 = ""; // no playlist needs it, and there may be a million
        rc = avsp_run_keep_segment(run, &segment, err);
    }
    return rc;
}

/// Reads one page and adds it. @param page  its token; then that of the next one, in the run's arena.
static enum avsp_code fetch_page(struct avsp_run *run, struct presentation *p, const char **page,
                                 struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, PAGE_ARENA_BYTES);
    struct avsp_outputs_page answer = {0};
    enum avsp_code rc = avsp_upstream_outputs(run, *page, &arena, &answer, err);
    if (rc == AVSP_OK)
        rc = add_page(run, p, &answer.outputs, err);
    if (rc != AVSP_OK)
        return rc;
    *page = avsp_arena_strdup(run->arena, answer.next_page);
    return *page != NULL ? AVSP_OK : avsp_arena_failed(run->arena, err);
}

static enum avsp_code fetch_facts(struct avsp_run *run, struct presentation *p,
                                  struct avsp_err *err)
{
    const char *page = "";
    unsigned n_pages = 0;
    do {
        enum avsp_code rc = fetch_page(run, p, &page, err);
        if (rc != AVSP_OK)
            return rc;
        if (++n_pages > PAGES_MAX)
            return avsp_err_set(err, AVSP_LIMIT, "the list of segments does not end");
    } while (page[0] != '\0');
    return AVSP_OK;
}

/// Sorts and hands each rendition its segments.
static enum avsp_code arrange(struct avsp_run *run, struct presentation *p, struct avsp_err *err)
{
    struct avsp_segment *segments = run->made.segments;
    size_t n = run->made.n_segments, n_used = 0;
    if (n > 0)
        qsort(segments, n, sizeof *segments, by_rendition_and_index);
    qsort(p->renditions, p->n, sizeof p->renditions[0], by_kind_and_name);
    for (size_t i = 0; i < p->n; i++) {
        size_t first = 0;
        while (first < n && strcmp(segments[first].rendition, p->renditions[i].name) != 0)
            first++;
        size_t end = first;
        while (end < n && strcmp(segments[end].rendition, p->renditions[i].name) == 0)
            end++;
        p->tracks[i] = (struct avsp_playlist_rendition){
            &p->renditions[i], first < n ? &segments[first] : NULL, end - first};
        n_used += end - first;
    }
    if (n_used != n)
        return avsp_err_set(err, AVSP_CORRUPT, "there are segments without a rendition");
    return AVSP_OK;
}

/// The segment of that name; NULL where there is none.
static const struct avsp_segment *find_segment(const struct avsp_playlist_rendition *track,
                                               const char *file)
{
    // The index stands in front of the name, and segments are sorted by it.
    uint64_t idx = strtoull(file, NULL, 10);
    size_t from = 0, to = track->n_segments;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (track->segments[mid].idx < idx)
            from = mid + 1;
        else
            to = mid;
    }
    bool is_it = from < track->n_segments && strcmp(track->segments[from].name, file) == 0;
    return is_it ? &track->segments[from] : NULL;
}

/// The rendition in whose folder @p path lies, as an index; p->n where there is none. @param ret_file  the name in there
static size_t find_rendition(const struct presentation *p, const char *path, const char **ret_file)
{
    for (size_t i = 0; i < p->n; i++) {
        size_t n = strlen(p->renditions[i].name);
        if (strncmp(path, p->renditions[i].name, n) != 0 || path[n] != '/')
            continue;
        *ret_file = path + n + 1;
        return i;
    }
    return p->n;
}

static uint64_t bytes_made(void *opaque, const char *path)
{
    const struct presentation *p = opaque;
    const char *file;
    size_t i = find_rendition(p, path, &file);
    if (i == p->n)
        return 0;
    if (strcmp(file, p->renditions[i].init_name) == 0)
        return p->renditions[i].init_bytes;
    const struct avsp_segment *segment = find_segment(&p->tracks[i], file);
    return segment != NULL ? segment->bytes : 0;
}

/// One list of a rendition, under a name that follows from its bytes.
static enum avsp_code
write_list(struct avsp_run *run, const struct avsp_playlist_set *set, size_t i,
           void (*make)(const struct avsp_playlist_set *set, size_t i, struct avsp_buf *buf),
           char *(*name_of)(struct avsp_arena *arena, const char *sha256), const char **ret_uri,
           struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, PLAYLIST_MAX_BYTES);
    make(set, i, &buf);
    char hash[AVSP_SHA256_HEX_BYTES];
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK)
        rc = avsp_sha256_hex(buf.data, buf.len, hash, err);
    if (rc != AVSP_OK)
        return rc;
    const char *name = name_of(run->arena, hash);
    const char *folder = set->renditions[i].rendition->name;
    *ret_uri = name != NULL ? avsp_arena_printf(run->arena, "%s/%s", folder, name) : NULL;
    if (*ret_uri == NULL)
        return avsp_arena_failed(run->arena, err);
    struct avsp_location file, output = avsp_publish_lasting(&run->task->output);
    return avsp_storage_put_bytes(run->worker->storage, buf.data, buf.len, &output, *ret_uri,
                                  run->arena, &file, err);
}

/// A presentation that came there while the job ran is not replaced unasked. What an attempt before this one wrote is the same.
static enum avsp_code check_unasked(struct avsp_run *run, const char *name,
                                    const struct avsp_buf *manifest, struct avsp_err *err)
{
    struct avsp_location file;
    enum avsp_code rc = avsp_location_join(run->arena, &run->task->output, name, &file, err);
    if (rc != AVSP_OK || run->task->overwrite)
        return rc;
    struct avsp_input AVSP_CLEANUP(avsp_input_close) there = {.serving = {.fd = -1}, .own_fd = -1};
    rc = avsp_input_open(run, &file, &there, err);
    if (rc != AVSP_OK)
        return rc == AVSP_NOT_FOUND ? AVSP_OK : rc;
    char *bytes = avsp_arena_alloc(run->arena, manifest->len + 1);
    size_t n = 0;
    if (bytes == NULL)
        return avsp_arena_failed(run->arena, err);
    rc = avsp_reader_read(there.reader, 0, bytes, manifest->len + 1, &n, err);
    if (rc != AVSP_OK || (n == manifest->len && memcmp(bytes, manifest->data, n) == 0))
        return rc;
    return avsp_err_set(err, AVSP_EXISTS, "%s: another presentation has come there meanwhile",
                        avsp_location_show(run->arena, &file));
}

/// One of the two files whose names carry no hash.
static enum avsp_code put_entrance(struct avsp_run *run, const char *name,
                                   const struct avsp_buf *text, struct avsp_location *ret_file,
                                   struct avsp_err *err)
{
    struct avsp_location output = avsp_publish_fleeting(&run->task->output);
    return avsp_storage_put_bytes(run->worker->storage, text->data, text->len, &output, name,
                                  run->arena, ret_file, err);
}

static enum avsp_code drop_mpd(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_location file;
    enum avsp_code rc =
        avsp_location_join(run->arena, &run->task->output, AVSP_MPD_NAME, &file, err);
    return rc == AVSP_OK ? avsp_storage_delete(run->worker->storage, &file, err) : rc;
}

/// The multivariant playlist, and the MPD where one is asked for: nothing of either is there before both may be. A presentation that is
/// replaced takes its own MPD with it.
static enum avsp_code put_entrances(struct avsp_run *run, const struct avsp_buf *manifest,
                                    const struct avsp_buf *mpd, struct avsp_err *err)
{
    struct avsp_location file;
    enum avsp_code rc = check_unasked(run, AVSP_MANIFEST_NAME, manifest, err);
    if (rc == AVSP_OK && run->task->dash)
        rc = check_unasked(run, AVSP_MPD_NAME, mpd, err);
    if (rc != AVSP_OK)
        return rc;
    // Another worker may have taken over in the meantime; it writes the same.
    if (avsp_run_should_stop(run))
        return avsp_run_stopped(run, err);
    rc = put_entrance(run, AVSP_MANIFEST_NAME, manifest, &run->files[0], err);
    if (rc == AVSP_OK && run->task->dash)
        rc = put_entrance(run, AVSP_MPD_NAME, mpd, &file, err);
    else if (rc == AVSP_OK && run->task->overwrite)
        rc = drop_mpd(run, err);
    return rc;
}

/// The multivariant playlist makes the presentation visible: it comes after all that it names, and only where all of it is sound.
static enum avsp_code write_playlists(struct avsp_run *run, struct presentation *p,
                                      struct avsp_err *err)
{
    struct avsp_playlist_set set = {p->tracks, p->n};
    for (size_t i = 0; i < p->n; i++) {
        struct avsp_playlist_uris *uris = &p->uris[i];
        enum avsp_code rc =
            write_list(run, &set, i, avsp_playlist_media, avsp_name_playlist, &uris->media, err);
        if (rc == AVSP_OK && avsp_playlist_has_iframes(&set, i))
            rc = write_list(run, &set, i, avsp_playlist_iframes, avsp_name_iframes, &uris->iframes,
                            err);
        if (rc != AVSP_OK)
            return rc;
    }
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, PLAYLIST_MAX_BYTES);
    avsp_playlist_multivariant(&set, p->uris, &buf);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) mpd;
    avsp_buf_init(&mpd, PLAYLIST_MAX_BYTES);
    if (run->task->dash)
        avsp_dash_mpd(&set, &mpd);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK)
        rc = avsp_buf_check(&mpd, err);
    if (rc == AVSP_OK)
        rc = avsp_check_made(run, &buf, &mpd, bytes_made, p, err);
    if (rc != AVSP_OK)
        return rc;
    run->files = avsp_arena_array(run->arena, 1, sizeof *run->files);
    if (run->files == NULL)
        return avsp_arena_failed(run->arena, err);
    rc = put_entrances(run, &buf, &mpd, err);
    if (rc != AVSP_OK)
        return rc;
    run->n_files = 1;
    run->files_kind = AVSP_TASK_MANIFEST;
    return AVSP_OK;
}

/// Is a file of ours part of the presentation? What is not has lost: segments of other attempts, or of the presentation that
/// was replaced.
static bool is_referenced(void *opaque, const char *name)
{
    const struct presentation *p = opaque;
    const char *file;
    size_t i = find_rendition(p, name, &file);
    return i < p->n && (strcmp(name, p->uris[i].media) == 0 ||
                        (p->uris[i].iframes != NULL && strcmp(name, p->uris[i].iframes) == 0) ||
                        strcmp(file, p->renditions[i].init_name) == 0 ||
                        find_segment(&p->tracks[i], file) != NULL);
}

enum avsp_code avsp_task_manifest(struct avsp_run *run, struct avsp_err *err)
{
    if (!run->task->described)
        return avsp_task_manifest_base(run, err);
    struct presentation *p = avsp_arena_array(run->arena, 1, sizeof *p);
    if (p == NULL)
        return avsp_arena_failed(run->arena, err);
    enum avsp_code rc = fetch_facts(run, p, err);
    if (rc == AVSP_OK)
        rc = arrange(run, p, err);
    if (rc == AVSP_OK)
        rc = avsp_playlist_check(&(struct avsp_playlist_set){p->tracks, p->n}, err);
    if (rc == AVSP_OK)
        rc = write_playlists(run, p, err);
    // The facts are the coordinator's own: they are not sent back.
    run->made.n_segments = 0;
    if (rc != AVSP_OK)
        return rc;
    struct avsp_remains left = {0};
    avsp_tidy_work(run, &left);
    avsp_tidy_output(run, is_referenced, p, &left);
    return avsp_tidy_warn(run, &left, err);
}
