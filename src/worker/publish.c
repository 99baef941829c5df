#include "worker/publish.h"

#include "core/naming.h"

#include <inttypes.h>

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

static enum avsp_code publish_segment(struct avsp_run *run, struct avsp_segment *s,
                                      const struct avsp_location *folder, struct avsp_err *err)
{
    char path[PATH_MAX];
    enum avsp_code rc = avsp_attempt_check(&run->attempt, s->name, s->bytes, path, err);
    if (rc != AVSP_OK)
        return rc;
    const char *name = avsp_name_segment(run->arena, s->idx, s->sha256);
    if (name == NULL)
        return avsp_arena_failed(run->arena, err);
    struct avsp_location file;
    rc = avsp_storage_put(run->worker->storage, path, folder, name, run->arena, &file, err);
    s->name = name;
    return rc;
}

enum avsp_code avsp_publish_made(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_rendition *rendition = &run->made.renditions[0];
    struct avsp_location folder;
    enum avsp_code rc =
        avsp_location_join(run->arena, &run->task->output, rendition->name, &folder, err);
    if (rc == AVSP_OK)
        rc = publish_init(run, rendition, &folder, err);
    for (size_t i = 0; rc == AVSP_OK && i < run->made.n_segments; i++) {
        if (avsp_run_should_stop(run))
            return avsp_run_stopped(run, err);
        rc = publish_segment(run, &run->made.segments[i], &folder, err);
    }
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
    rc = avsp_storage_put(run->worker->storage, path, &run->task->output, name, run->arena,
                          &run->files[0], err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "publish");
    run->n_files = 1;
    run->files_kind = AVSP_TASK_ENCODE;
    // A base job has no facts beyond the file.
    run->made.n_segments = 0;
    run->made.n_renditions = 0;
    return AVSP_OK;
}
