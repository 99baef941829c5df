#include "worker/tidy.h"

#include "core/naming.h"
#include "util/log.h"

void avsp_tidy_failed(const struct avsp_run *run, const struct avsp_err *err)
{
    avsp_log(AVSP_LOG_WARN, "task.tidy", "job=%s error=%s", run->task->job_id,
             AVSP_LOG_Q(err->text));
}

static bool note_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)name, (void)stat;
    *(bool *)opaque = true;
    return false;
}

bool avsp_tidy_has_files(struct avsp_run *run, const struct avsp_location *folder)
{
    struct avsp_err err = {0};
    bool has_file = false;
    if (avsp_storage_list(run->worker->storage, folder, note_file, &has_file, &err) == AVSP_OK)
        return has_file;
    avsp_tidy_failed(run, &err);
    return true;
}

void avsp_tidy_empty_folder(struct avsp_run *run, const struct avsp_location *folder)
{
    struct avsp_err err = {0};
    if (!avsp_tidy_has_files(run, folder) &&
        avsp_storage_remove_folder(run->worker->storage, folder, &err) != AVSP_OK)
        avsp_tidy_failed(run, &err);
}

void avsp_tidy_work(struct avsp_run *run)
{
    struct avsp_err err = {0};
    struct avsp_location folder, standard;
    enum avsp_code rc = avsp_run_work_folder(run, &folder, &err);
    if (rc == AVSP_OK)
        rc = avsp_storage_remove_folder(run->worker->storage, &folder, &err);
    if (rc == AVSP_OK)
        rc = avsp_location_join(run->arena, &run->task->output, AVSP_WORK_NAME, &standard, &err);
    if (rc != AVSP_OK)
        avsp_tidy_failed(run, &err);
    else if (avsp_location_equal(&standard, &run->task->work))
        avsp_tidy_empty_folder(run, &standard);
}
