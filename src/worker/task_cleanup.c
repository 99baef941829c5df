#include "core/naming.h"
#include "worker/run.h"
#include "worker/tidy.h"

enum avsp_code avsp_task_cleanup(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_location manifest;
    struct avsp_stat st;
    struct avsp_remains left = {0};
    enum avsp_code rc =
        avsp_location_join(run->arena, &run->task->output, AVSP_MANIFEST_NAME, &manifest, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_tidy_work(run, &left);
    // Equal bytes have equal names: what this job made may be part of a presentation that was there before. Without one,
    // whatever bears our names is a remainder, for the coordinator lets no other job begin there meanwhile.
    rc = avsp_storage_stat(run->worker->storage, &manifest, &st, err);
    if (rc == AVSP_NOT_FOUND)
        avsp_tidy_output(run, NULL, NULL, &left);
    else if (rc != AVSP_OK)
        avsp_tidy_failed(run, err, &left);
    return avsp_tidy_check(&left, err);
}
