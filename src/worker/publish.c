#include "worker/publish.h"

#include "core/naming.h"

#include <inttypes.h>
#include <string.h>

/// Segments that are published together.
#define AT_ONCE 32

/// RFC 8246: also where a browser reloads.
#define LASTING "public, max-age=31536000, immutable"
/// RFC 9111, 5.2.2.4: kept, but asked about before each use.
#define FLEETING "no-cache"

struct avsp_location avsp_publish_lasting(const struct avsp_location *folder)
{
    struct avsp_location copy = *folder;
    if (copy.cache_control[0] == '\0')
        copy.cache_control = LASTING;
    return copy;
}

struct avsp_location avsp_publish_fleeting(const struct avsp_location *folder)
{
    struct avsp_location copy = *folder;
    copy.cache_control = FLEETING;
    return copy;
}

/// Is this very file there already? Its name says what is in it.
static bool is_there(struct avsp_run *run, const struct avsp_location *folder, const char *name,
                     uint64_t bytes)
{
    struct avsp_location file;
    struct avsp_stat st;
    struct avsp_err none = {0};
    return avsp_location_join(run->arena, folder, name, &file, &none) == AVSP_OK &&
           avsp_storage_stat(run->worker->storage, &file, &st, &none) == AVSP_OK &&
           st.bytes == bytes;
}

static enum avsp_code publish_init(struct avsp_run *run, struct avsp_rendition *r,
                                   const struct avsp_location *folder, struct avsp_err *err)
{
    char path[PATH_MAX];
    enum avsp_code rc = avsp_attempt_check(&run->attempt, r->init_name, r->init_bytes, path, err);
    if (rc != AVSP_OK)
        return rc;
    const char *name = avsp_name_init(run->arena, r->init_sha256);
    if (name == NULL)
        return avsp_arena_failed(run->arena, err);
    struct avsp_location file;
    if (!is_there(run, folder, name, r->init_bytes))
        rc = avsp_storage_put(run->worker->storage, path, folder, name, run->arena, &file, err);
    r->init_name = name;
    return rc;
}

/// Files on their way into one folder, some at a time.
struct batch {
    const struct avsp_location *folder;
    struct avsp_put puts[AT_ONCE];
    size_t n;
    uint64_t bytes;
};

static enum avsp_code flush(struct avsp_run *run, struct batch *batch, struct avsp_err *err)
{
    if (avsp_run_should_stop(run))
        return avsp_run_stopped(run, err);
    size_t n = batch->n;
    avsp_run_will_write(run, batch->bytes);
    batch->n = 0;
    batch->bytes = 0;
    return avsp_storage_put_many(run->worker->storage, batch->folder, batch->puts, n, run->arena,
                                 err);
}

/// Gives a segment its published name, and publishes what has come together.
static enum avsp_code publish_segment(struct avsp_run *run, enum avsp_media_kind kind,
                                      struct avsp_segment *s, struct batch *batch,
                                      struct avsp_err *err)
{
    char path[PATH_MAX];
    enum avsp_code rc = avsp_attempt_check(&run->attempt, s->name, s->bytes, path, err);
    if (rc != AVSP_OK)
        return rc;
    s->name = kind == AVSP_MEDIA_TEXT ? avsp_name_text(run->arena, s->idx, s->sha256)
                                      : avsp_name_segment(run->arena, s->idx, s->sha256);
    struct avsp_put *put = &batch->puts[batch->n++];
    batch->bytes += s->bytes;
    *put = (struct avsp_put){.path = avsp_arena_strdup(run->arena, path), .name = s->name};
    if (put->path == NULL || s->name == NULL)
        return avsp_arena_failed(run->arena, err);
    return batch->n == AT_ONCE ? flush(run, batch, err) : AVSP_OK;
}

static enum avsp_code publish_rendition(struct avsp_run *run, struct avsp_rendition *rendition,
                                        struct avsp_err *err)
{
    struct avsp_location output = avsp_publish_lasting(&run->task->output), folder;
    struct batch batch = {.folder = &folder};
    enum avsp_code rc = avsp_location_join(run->arena, &output, rendition->name, &folder, err);
    if (rc == AVSP_OK && rendition->kind != AVSP_MEDIA_TEXT)
        rc = publish_init(run, rendition, &folder, err);
    for (size_t i = 0; rc == AVSP_OK && i < run->made.n_segments; i++)
        if (strcmp(run->made.segments[i].rendition, rendition->name) == 0)
            rc = publish_segment(run, rendition->kind, &run->made.segments[i], &batch, err);
    return rc == AVSP_OK ? flush(run, &batch, err) : rc;
}

enum avsp_code avsp_publish_made(struct avsp_run *run, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < run->made.n_renditions; i++)
        rc = publish_rendition(run, &run->made.renditions[i], err);
    return rc == AVSP_OK || rc == AVSP_CANCELED ? rc : avsp_err_wrap(err, "publish");
}

enum avsp_code avsp_publish_whole(struct avsp_run *run, struct avsp_err *err)
{
    const struct avsp_segment *s = &run->made.segments[0];
    char path[PATH_MAX];
    enum avsp_code rc = avsp_attempt_check(&run->attempt, s->name, s->bytes, path, err);
    if (rc != AVSP_OK)
        return rc;
    run->files = avsp_arena_array(run->arena, 1, sizeof *run->files);
    const char *name =
        avsp_arena_printf(run->arena, "%05" PRIu32 "-%.16s.mp4", run->task->idx, s->sha256);
    if (run->files == NULL || name == NULL)
        return avsp_arena_failed(run->arena, err);
    struct avsp_location output = avsp_publish_lasting(&run->task->output);
    avsp_run_will_write(run, s->bytes);
    rc = avsp_storage_put(run->worker->storage, path, &output, name, run->arena, &run->files[0],
                          err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "publish");
    run->n_files = 1;
    run->files_kind = AVSP_TASK_ENCODE;
    // A base job has no facts beyond the file.
    run->made.n_segments = 0;
    run->made.n_renditions = 0;
    return AVSP_OK;
}
