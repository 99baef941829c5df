#include "worker/tidy.h"

#include "core/naming.h"
#include "util/log.h"

#include <string.h>

void avsp_tidy_failed(const struct avsp_run *run, const struct avsp_err *err)
{
    avsp_run_log(run, AVSP_LOG_WARN, "task.tidy", " error=%s", AVSP_LOG_Q(err->text));
}

static bool note_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)name, (void)stat;
    *(bool *)opaque = true;
    return false;
}

static bool has_files(struct avsp_run *run, const struct avsp_location *folder)
{
    struct avsp_err err = {0};
    bool has_file = false;
    if (avsp_storage_list(run->worker->storage, folder, note_file, &has_file, &err) == AVSP_OK)
        return has_file;
    avsp_tidy_failed(run, &err);
    return true;
}

static void remove_if_empty(struct avsp_run *run, const struct avsp_location *folder)
{
    struct avsp_err err = {0};
    if (!has_files(run, folder) &&
        avsp_storage_remove_folder(run->worker->storage, folder, &err) != AVSP_OK)
        avsp_tidy_failed(run, &err);
}

void avsp_tidy_work(struct avsp_run *run)
{
    struct avsp_err err = {0};
    struct avsp_location folder, standard;
    if (run->task->keep_work)
        return;
    enum avsp_code rc = avsp_run_work_folder(run, &folder, &err);
    if (rc == AVSP_OK)
        rc = avsp_storage_remove_folder(run->worker->storage, &folder, &err);
    if (rc == AVSP_OK)
        rc = avsp_location_join(run->arena, &run->task->output, AVSP_WORK_NAME, &standard, &err);
    if (rc != AVSP_OK)
        avsp_tidy_failed(run, &err);
    else if (avsp_location_equal(&standard, &run->task->work))
        remove_if_empty(run, &standard);
}

#define FOLDERS_MAX 64
#define FOLDER_NAME_BYTES 16

struct sweep {
    struct avsp_run *run;
    bool (*keep)(void *opaque, const char *name);
    void *opaque;
    char folders[FOLDERS_MAX][FOLDER_NAME_BYTES]; ///< that files of ours were removed from
    size_t n_folders;
};

/// A temporary of a worker that was killed.
static bool is_temporary(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : name;
    return strncmp(file, AVSP_STORAGE_TMP_PREFIX, strlen(AVSP_STORAGE_TMP_PREFIX)) == 0;
}

static void note_folder(struct sweep *sweep, const char *name)
{
    size_t n = strcspn(name, "/");
    if (name[n] != '/' || n >= FOLDER_NAME_BYTES)
        return;
    for (size_t i = 0; i < sweep->n_folders; i++)
        if (strncmp(sweep->folders[i], name, n) == 0 && sweep->folders[i][n] == '\0')
            return;
    if (sweep->n_folders < FOLDERS_MAX)
        memcpy(sweep->folders[sweep->n_folders++], name, n);
}

static bool sweep_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)stat;
    struct sweep *sweep = opaque;
    avsp_run_will_write(sweep->run, 0);
    bool ours = avsp_name_is_ours(name);
    bool kept = ours && sweep->keep != NULL && sweep->keep(sweep->opaque, name);
    if (kept || (!ours && !is_temporary(name)))
        return true;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 64 << 10);
    struct avsp_location file;
    struct avsp_err err = {0};
    if (avsp_location_join(&arena, &sweep->run->task->output, name, &file, &err) != AVSP_OK ||
        avsp_storage_delete(sweep->run->worker->storage, &file, &err) != AVSP_OK)
        avsp_tidy_failed(sweep->run, &err);
    note_folder(sweep, name);
    return true;
}

void avsp_tidy_output(struct avsp_run *run, bool (*keep)(void *opaque, const char *name),
                      void *opaque)
{
    struct sweep sweep = {.run = run, .keep = keep, .opaque = opaque};
    struct avsp_err err = {0};
    if (avsp_storage_list(run->worker->storage, &run->task->output, sweep_file, &sweep, &err) !=
        AVSP_OK)
        avsp_tidy_failed(run, &err);
    if (avsp_storage_drop_unfinished(run->worker->storage, &run->task->output, avsp_name_is_ours,
                                     &err) != AVSP_OK)
        avsp_tidy_failed(run, &err);
    for (size_t i = 0; i < sweep.n_folders; i++) {
        struct avsp_location folder;
        if (avsp_location_join(run->arena, &run->task->output, sweep.folders[i], &folder, &err) ==
            AVSP_OK)
            remove_if_empty(run, &folder);
    }
}
