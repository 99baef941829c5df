#include "coordinator/service.h"

#include <inttypes.h>

/// Every parked claim: what became ready while no server was attached is not known.
#define WAKE_ALL UINT32_MAX

static void changed(void *opaque, unsigned n_ready)
{
    struct avsp_service *service = opaque;
    struct avsp_server *server = atomic_load(&service->server);
    if (server != NULL)
        avsp_server_wake(server, n_ready);
}

static void job_over(void *opaque, const char *job_id, enum avsp_job_state state, const char *why)
{
    struct avsp_service *service = opaque;
    struct avsp_server *server = atomic_load(&service->server);
    if (server != NULL)
        avsp_server_job_over(server, job_id);
    if (state == AVSP_JOB_FINISHED)
        avsp_log(AVSP_LOG_INFO, "job.finished", "job=%s", job_id);
    else if (state == AVSP_JOB_CANCELED)
        avsp_log(AVSP_LOG_INFO, "job.canceled", "job=%s", job_id);
    else
        avsp_log(AVSP_LOG_ERROR, "job.failed", "job=%s why=%s", job_id, AVSP_LOG_Q(why));
}

static enum avsp_code submit(void *opaque, const struct avsp_job_spec *spec,
                             char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc = avsp_store_submit(service->store, spec, ret_job_id, err);
    if (rc == AVSP_OK)
        avsp_log(AVSP_LOG_INFO, "job.submitted", "job=%s", ret_job_id);
    else
        avsp_log(AVSP_LOG_WARN, "job.refused", "code=%s why=%s", avsp_code_name(rc),
                 AVSP_LOG_Q(err->text));
    return rc;
}

static enum avsp_code get_job(void *opaque, const char *job_id, struct avsp_arena *arena,
                              struct avsp_job *ret_job, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    return avsp_store_get_job(service->store, job_id, arena, ret_job, err);
}

static enum avsp_code list_jobs(void *opaque, const struct avsp_job_filter *filter,
                                struct avsp_arena *arena, struct avsp_job_page *ret_page,
                                struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    return avsp_store_list_jobs(service->store, filter, arena, ret_page, err);
}

static enum avsp_code cancel(void *opaque, const char *job_id, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    return avsp_store_cancel(service->store, job_id, err);
}

static enum avsp_code claim(void *opaque, const struct avsp_claim *claim, struct avsp_arena *arena,
                            struct avsp_task *ret_task, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc = avsp_store_claim(service->store, claim, arena, ret_task, err);
    if (rc == AVSP_OK && ret_task->kind != AVSP_TASK_NONE)
        avsp_log(AVSP_LOG_INFO, "task.claimed",
                 "job=%s task=%s kind=%s idx=%" PRIu32 " attempt=%" PRId64 " worker=%s",
                 ret_task->job_id, ret_task->id, avsp_task_kind_name(ret_task->kind), ret_task->idx,
                 ret_task->token.attempt, AVSP_LOG_Q(claim->worker.id));
    return rc;
}

static enum avsp_code heartbeat(void *opaque, const char *worker_id, const char *task_id,
                                struct avsp_token token, const struct avsp_progress *progress,
                                struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc =
        avsp_store_heartbeat(service->store, worker_id, task_id, token, progress, ret_status, err);
    if (rc == AVSP_OK && ret_status->lease_lost)
        avsp_log(AVSP_LOG_WARN, "task.lease_lost", "task=%s attempt=%" PRId64 " worker=%s",
                 AVSP_LOG_Q(task_id), token.attempt, AVSP_LOG_Q(worker_id));
    return rc;
}

static enum avsp_code report(void *opaque, const char *worker_id, const char *task_id,
                             struct avsp_token token, const struct avsp_outputs *outputs,
                             struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc =
        avsp_store_report(service->store, worker_id, task_id, token, outputs, ret_status, err);
    if (rc == AVSP_OK)
        avsp_log(AVSP_LOG_DEBUG, "task.reported",
                 "task=%s attempt=%" PRId64 " pieces=%zu segments=%zu", AVSP_LOG_Q(task_id),
                 token.attempt, outputs->n_pieces, outputs->n_segments);
    return rc;
}

static void log_finish(const struct avsp_finish *finish, enum avsp_code rc,
                       const struct avsp_err *err)
{
    if (rc != AVSP_OK)
        avsp_log(AVSP_LOG_WARN, "task.finish_refused",
                 "task=%s attempt=%" PRId64 " worker=%s code=%s why=%s",
                 AVSP_LOG_Q(finish->task_id), finish->token.attempt, AVSP_LOG_Q(finish->worker_id),
                 avsp_code_name(rc), AVSP_LOG_Q(err->text));
    else if (finish->succeeded)
        avsp_log(AVSP_LOG_INFO, "task.finished", "task=%s attempt=%" PRId64 " worker=%s",
                 AVSP_LOG_Q(finish->task_id), finish->token.attempt, AVSP_LOG_Q(finish->worker_id));
    else
        avsp_log(AVSP_LOG_WARN, "task.failed",
                 "task=%s attempt=%" PRId64 " worker=%s code=%s retry=%s why=%s",
                 AVSP_LOG_Q(finish->task_id), finish->token.attempt, AVSP_LOG_Q(finish->worker_id),
                 avsp_code_name(finish->failure.code), finish->failure.may_retry ? "yes" : "no",
                 AVSP_LOG_Q(finish->failure.message));
}

static enum avsp_code finish(void *opaque, const struct avsp_finish *finish, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc = avsp_store_finish(service->store, finish, err);
    log_finish(finish, rc, err);
    return rc;
}

static enum avsp_code release(void *opaque, const char *worker_id, const char *task_id,
                              struct avsp_token token, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc = avsp_store_release(service->store, worker_id, task_id, token, err);
    if (rc == AVSP_OK)
        avsp_log(AVSP_LOG_INFO, "task.released", "task=%s attempt=%" PRId64 " worker=%s",
                 AVSP_LOG_Q(task_id), token.attempt, AVSP_LOG_Q(worker_id));
    return rc;
}

static enum avsp_code list_outputs(void *opaque, const struct avsp_outputs_query *query,
                                   struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                   struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    return avsp_store_list_outputs(service->store, query, arena, ret_page, err);
}

const struct avsp_service_ops avsp_coordinator_ops = {
    .submit = submit,
    .get_job = get_job,
    .list_jobs = list_jobs,
    .cancel = cancel,
    .claim = claim,
    .heartbeat = heartbeat,
    .report = report,
    .finish = finish,
    .release = release,
    .list_outputs = list_outputs,
};

enum avsp_code avsp_service_open(struct avsp_service *service, const struct avsp_config *config,
                                 struct avsp_err *err)
{
    struct avsp_store_options options = {
        .lease_ms = config->lease_ms,
        .max_attempts = config->max_attempts,
        .changed = changed,
        .job_over = job_over,
        .opaque = service,
    };
    service->store = avsp_store_open(config->db_url, &options, err);
    if (service->store == NULL)
        return err->code;
    return config->take_over ? avsp_store_take_over(service->store, err) : AVSP_OK;
}

void avsp_service_attach(struct avsp_service *service, struct avsp_server *server)
{
    atomic_store(&service->server, server);
    avsp_server_wake(server, WAKE_ALL);
}

void avsp_service_sweep(struct avsp_service *service)
{
    struct avsp_err err = {0};
    bool failed = avsp_store_sweep(service->store, &err) != AVSP_OK;
    if (failed && !service->sweep_failed)
        avsp_log(AVSP_LOG_WARN, "coordinator.sweep_failed", "why=%s", AVSP_LOG_Q(err.text));
    else if (!failed && service->sweep_failed)
        avsp_log(AVSP_LOG_INFO, "coordinator.sweep_works_again", "n=1");
    service->sweep_failed = failed;
}

void avsp_service_close(struct avsp_service *service)
{
    avsp_store_close(service->store);
    service->store = NULL;
}
