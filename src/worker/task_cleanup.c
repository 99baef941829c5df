#include "core/naming.h"
#include "worker/run.h"
#include "worker/tidy.h"
#include "worker/upstream.h"

#include <string.h>

#define PAGES_MAX (2 * AVSP_SEGMENTS_MAX)

static void delete_output(struct avsp_run *run, const char *rendition, const char *name)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 64 << 10);
    struct avsp_location folder, file;
    struct avsp_err err = {0};
    if (avsp_location_join(&arena, &run->task->output, rendition, &folder, &err) != AVSP_OK ||
        avsp_location_join(&arena, &folder, name, &file, &err) != AVSP_OK ||
        avsp_storage_delete(run->worker->storage, &file, &err) != AVSP_OK)
        avsp_tidy_failed(run, &err);
}

static enum avsp_code delete_page(struct avsp_run *run, const struct avsp_outputs *page,
                                  struct avsp_err *err)
{
    for (size_t i = 0; i < page->n_renditions; i++)
        delete_output(run, page->renditions[i].name, page->renditions[i].init_name);
    for (size_t i = 0; i < page->n_segments; i++) {
        if (avsp_run_should_stop(run))
            return avsp_run_stopped(run, err);
        delete_output(run, page->segments[i].rendition, page->segments[i].name);
    }
    return AVSP_OK;
}

static void remove_folders(struct avsp_run *run, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct avsp_location folder;
        struct avsp_err err = {0};
        if (avsp_location_join(run->arena, &run->task->output, names[i], &folder, &err) == AVSP_OK)
            avsp_tidy_empty_folder(run, &folder);
    }
}

/// Deletes what the job is known to have published.
static enum avsp_code delete_outputs(struct avsp_run *run, struct avsp_err *err)
{
    const char *names[16];
    size_t n_names = 0;
    const char *page = "";
    for (unsigned n_pages = 0; n_pages < PAGES_MAX; n_pages++) {
        struct avsp_outputs_page answer = {0};
        enum avsp_code rc = avsp_upstream_outputs(run, page, &answer, err);
        if (rc == AVSP_OK)
            rc = delete_page(run, &answer.outputs, err);
        if (rc != AVSP_OK)
            return rc;
        for (size_t i = 0; i < answer.outputs.n_renditions && n_names < AVSP_ARRAY_LEN(names); i++)
            names[n_names++] = answer.outputs.renditions[i].name;
        page = answer.next_page;
        if (page[0] == '\0')
            break;
    }
    remove_folders(run, names, n_names);
    return AVSP_OK;
}

/// Does another job work in the default work folder? Then the output is its, and equal bytes have equal names.
static bool is_in_use(struct avsp_run *run)
{
    struct avsp_location work, manifest;
    struct avsp_stat st;
    struct avsp_err err = {0};
    if (avsp_location_join(run->arena, &run->task->output, AVSP_MANIFEST_NAME, &manifest, &err) !=
            AVSP_OK ||
        avsp_storage_stat(run->worker->storage, &manifest, &st, &err) != AVSP_NOT_FOUND)
        return true;
    if (avsp_location_join(run->arena, &run->task->output, AVSP_WORK_NAME, &work, &err) != AVSP_OK)
        return true;
    return avsp_tidy_has_files(run, &work);
}

enum avsp_code avsp_task_cleanup(struct avsp_run *run, struct avsp_err *err)
{
    avsp_tidy_work(run);
    return is_in_use(run) ? AVSP_OK : delete_outputs(run, err);
}
