#include "coordinator/service.h"

#include "util/time.h"

#include <inttypes.h>

/// Every parked claim: what became ready while no server was attached is not known.
#define WAKE_ALL UINT32_MAX

#define OWNER_ARENA_BYTES (16u << 10)

static enum avsp_code noted(struct avsp_service *service, enum avsp_code rc)
{
    return avsp_metrics_noted(&service->metrics, rc);
}

static void committed(void *opaque, int64_t us)
{
    struct avsp_service *service = opaque;
    avsp_metrics_time(&service->metrics, AVSP_TIME_COMMIT, us);
}

static void changed(void *opaque, unsigned n_ready)
{
    struct avsp_service *service = opaque;
    pthread_rwlock_rdlock(&service->server_lock);
    if (service->server != NULL)
        avsp_server_wake(service->server, n_ready);
    pthread_rwlock_unlock(&service->server_lock);
}

static void job_over(void *opaque, const char *job_id, enum avsp_job_state state, const char *why)
{
    struct avsp_service *service = opaque;
    pthread_rwlock_rdlock(&service->server_lock);
    if (service->server != NULL)
        avsp_server_job_over(service->server, job_id);
    pthread_rwlock_unlock(&service->server_lock);
    avsp_metrics_count(&service->metrics, state == AVSP_JOB_FINISHED   ? AVSP_COUNT_FINISHED
                                          : state == AVSP_JOB_CANCELED ? AVSP_COUNT_CANCELED
                                                                       : AVSP_COUNT_FAILED);
    if (state == AVSP_JOB_FINISHED)
        avsp_log(AVSP_LOG_INFO, "job.finished", "job=%s", job_id);
    else if (state == AVSP_JOB_CANCELED)
        avsp_log(AVSP_LOG_INFO, "job.canceled", "job=%s", job_id);
    else
        avsp_log(AVSP_LOG_ERROR, "job.failed", "job=%s why=%s", job_id, AVSP_LOG_Q(why));
}

/// Logs what somebody did to a job, and passes the code on.
static enum avsp_code told(enum avsp_code rc, const char *event, const char *job_id)
{
    if (rc == AVSP_OK)
        avsp_log(AVSP_LOG_INFO, event, "job=%s", AVSP_LOG_Q(job_id));
    return rc;
}

/// Is it one of the caller's jobs? Else it is for him as if there were none.
static enum avsp_code may_reach(struct avsp_service *service, const struct avsp_caller *caller,
                                const char *job_id, struct avsp_err *err)
{
    if (avsp_access_sees_all(caller))
        return AVSP_OK;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, OWNER_ARENA_BYTES);
    const char *owner = NULL;
    enum avsp_code rc =
        noted(service, avsp_store_job_owner(service->store, job_id, &arena, &owner, err));
    if (rc == AVSP_OK && !avsp_access_owns(caller, owner))
        rc = avsp_err_set(err, AVSP_NOT_FOUND, "there is no job %.64s", job_id);
    return rc;
}

static enum avsp_code authenticate(void *opaque, const struct avsp_credentials *shown,
                                   struct avsp_caller *ret_caller, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    return avsp_door_ask(&service->door, service->store, shown, ret_caller, err);
}

static enum avsp_code submit(void *opaque, const struct avsp_caller *caller,
                             const struct avsp_job_spec *spec, char ret_job_id[AVSP_ID_BYTES],
                             struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    struct avsp_job_spec owned = *spec;
    owned.owner = caller->name;
    enum avsp_code rc = noted(service, avsp_store_submit(service->store, &owned, ret_job_id, err));
    if (rc == AVSP_OK)
        avsp_metrics_count(&service->metrics, AVSP_COUNT_SUBMITTED);
    if (rc == AVSP_OK)
        avsp_log(AVSP_LOG_INFO, "job.submitted", "job=%s owner=%s", ret_job_id,
                 AVSP_LOG_Q(caller->name));
    else
        avsp_log(AVSP_LOG_WARN, "job.refused", "code=%s why=%s", avsp_code_name(rc),
                 AVSP_LOG_Q(err->text));
    return rc;
}

static enum avsp_code get_job(void *opaque, const struct avsp_caller *caller, const char *job_id,
                              struct avsp_arena *arena, struct avsp_job *ret_job,
                              struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc =
        noted(service, avsp_store_get_job(service->store, job_id, arena, ret_job, err));
    if (rc == AVSP_OK && !avsp_access_owns(caller, ret_job->spec.owner))
        rc = avsp_err_set(err, AVSP_NOT_FOUND, "there is no job %.64s", job_id);
    return rc;
}

static enum avsp_code list_jobs(void *opaque, const struct avsp_caller *caller,
                                const struct avsp_job_filter *filter, struct avsp_arena *arena,
                                struct avsp_job_page *ret_page, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    struct avsp_job_filter own = *filter;
    own.owner = avsp_access_sees_all(caller) ? NULL : caller->name;
    return noted(service, avsp_store_list_jobs(service->store, &own, arena, ret_page, err));
}

static enum avsp_code list_attempts(void *opaque, const struct avsp_caller *caller,
                                    const struct avsp_attempts_query *query,
                                    struct avsp_arena *arena, struct avsp_attempt_page *ret_page,
                                    struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    if (may_reach(service, caller, query->job_id, err) != AVSP_OK)
        return err->code;
    return noted(service, avsp_store_list_attempts(service->store, query, arena, ret_page, err));
}

static enum avsp_code list_changes(void *opaque, const struct avsp_caller *caller,
                                   const struct avsp_changes_query *query, struct avsp_arena *arena,
                                   struct avsp_changes_page *ret_page, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    struct avsp_changes_query own = *query;
    own.owner = avsp_access_sees_all(caller) ? NULL : caller->name;
    return noted(service, avsp_store_list_changes(service->store, &own, arena, ret_page, err));
}

static enum avsp_code cancel(void *opaque, const struct avsp_caller *caller, const char *job_id,
                             struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    if (may_reach(service, caller, job_id, err) != AVSP_OK)
        return err->code;
    return noted(service, avsp_store_cancel(service->store, job_id, err));
}

static enum avsp_code retry(void *opaque, const struct avsp_caller *caller, const char *job_id,
                            bool repin, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    if (may_reach(service, caller, job_id, err) != AVSP_OK)
        return err->code;
    return told(noted(service, avsp_store_retry(service->store, job_id, repin, err)),
                repin ? "job.repinned" : "job.retried", job_id);
}

static enum avsp_code pause(void *opaque, const struct avsp_caller *caller, const char *job_id,
                            struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    if (may_reach(service, caller, job_id, err) != AVSP_OK)
        return err->code;
    return told(noted(service, avsp_store_pause(service->store, job_id, err)), "job.paused",
                job_id);
}

static enum avsp_code resume(void *opaque, const struct avsp_caller *caller, const char *job_id,
                             struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    if (may_reach(service, caller, job_id, err) != AVSP_OK)
        return err->code;
    return told(noted(service, avsp_store_resume(service->store, job_id, err)), "job.resumed",
                job_id);
}

static enum avsp_code set_priority(void *opaque, const struct avsp_caller *caller,
                                   const char *job_id, int32_t priority, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    if (may_reach(service, caller, job_id, err) != AVSP_OK)
        return err->code;
    return told(noted(service, avsp_store_set_priority(service->store, job_id, priority, err)),
                "job.priority", job_id);
}

static enum avsp_code delete_job(void *opaque, const struct avsp_caller *caller, const char *job_id,
                                 bool force, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    if (may_reach(service, caller, job_id, err) != AVSP_OK)
        return err->code;
    return told(noted(service, avsp_store_delete(service->store, job_id, force, err)),
                "job.deleted", job_id);
}

static enum avsp_code list_workers(void *opaque, const struct avsp_workers_query *query,
                                   struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                   struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    return noted(service, avsp_store_list_workers(service->store, query, arena, ret_page, err));
}

/// Who is newly to drain, and waits for work, is told at once. @return false: the database did not say who is.
static bool refresh_fleet(struct avsp_service *service)
{
    bool is_new = false;
    bool is_known = avsp_fleet_refresh(&service->fleet, service->store, &is_new);
    if (is_new)
        changed(service, WAKE_ALL);
    return is_known;
}

/// Is a worker that called to drain? Another coordinator may have undone it a moment ago, and a worker that is told ends: so
/// the database is asked before that.
static bool is_to_drain(struct avsp_service *service, const char *worker_id)
{
    if (!avsp_fleet_drains(&service->fleet, worker_id))
        return false;
    return refresh_fleet(service) && avsp_fleet_drains(&service->fleet, worker_id);
}

static enum avsp_code drain(void *opaque, const char *worker_id, bool drain, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc = noted(service, avsp_store_drain(service->store, worker_id, drain, err));
    if (rc != AVSP_OK)
        return rc;
    (void)refresh_fleet(service);
    avsp_log(AVSP_LOG_INFO, drain ? "worker.drain" : "worker.drain_undone", "worker=%s",
             AVSP_LOG_Q(worker_id));
    return AVSP_OK;
}

static void log_claim(const struct avsp_claim_item *item)
{
    const struct avsp_task *task = &item->task;
    avsp_log(AVSP_LOG_INFO, "task.claimed",
             "job=%s task=%s kind=%s idx=%" PRIu32 " attempt=%" PRId64 " worker=%s", task->job_id,
             task->id, avsp_task_kind_name(task->kind), task->idx, task->token.attempt,
             AVSP_LOG_Q(item->claim->worker.id));
}

static void claim_many(void *opaque, struct avsp_claim_item *items, size_t n)
{
    struct avsp_service *service = opaque;
    struct avsp_worker_info workers[AVSP_TOGETHER_MAX];
    const int64_t began_us = avsp_mono_now().us;
    for (size_t i = 0; i < n; i++)
        workers[i] = items[i].claim->worker;
    avsp_fleet_note(&service->fleet, service->store, workers, n);
    for (size_t i = 0; i < n; i++) {
        const struct avsp_claim *claim = items[i].claim;
        if (!is_to_drain(service, claim->worker.id))
            continue;
        // A base worker knows no such word: it finds nothing, for ever.
        items[i].task = (struct avsp_task){.kind = AVSP_TASK_NONE, .drain = claim->own};
        items[i].is_answered = true;
        items[i].rc = AVSP_OK;
    }
    avsp_store_claim_many(service->store, items, n);
    const int64_t took_us = avsp_mono_now().us - began_us;
    for (size_t i = 0; i < n; i++) {
        if (noted(service, items[i].rc) != AVSP_OK || items[i].task.kind == AVSP_TASK_NONE)
            continue;
        avsp_metrics_time(&service->metrics, AVSP_TIME_CLAIM, took_us);
        log_claim(&items[i]);
    }
}

static void note_beat(struct avsp_service *service, struct avsp_beat_item *item)
{
    if (noted(service, item->rc) != AVSP_OK)
        return;
    item->status.drain = is_to_drain(service, item->worker_id);
    if (!item->status.lease_lost)
        return;
    avsp_metrics_count(&service->metrics, AVSP_COUNT_LEASE_LOST);
    avsp_log(AVSP_LOG_WARN, "task.lease_lost", "job=%s task=%s attempt=%" PRId64 " worker=%s",
             item->status.job_id, AVSP_LOG_Q(item->task_id), item->token.attempt,
             AVSP_LOG_Q(item->worker_id));
}

static void heartbeat_many(void *opaque, struct avsp_beat_item *items, size_t n)
{
    struct avsp_service *service = opaque;
    struct avsp_worker_info workers[AVSP_TOGETHER_MAX];
    avsp_store_heartbeat_many(service->store, items, n);
    for (size_t i = 0; i < n; i++) {
        note_beat(service, &items[i]);
        workers[i] = (struct avsp_worker_info){.id = items[i].worker_id, .host = "", .version = ""};
        if (items[i].rc != AVSP_OK)
            workers[i].id = ""; // who asks after what there is not need not be a worker
    }
    avsp_fleet_note(&service->fleet, service->store, workers, n);
}

static enum avsp_code report(void *opaque, const char *worker_id, const char *task_id,
                             struct avsp_token token, const struct avsp_outputs *outputs,
                             struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    enum avsp_code rc = noted(service, avsp_store_report(service->store, worker_id, task_id, token,
                                                         outputs, ret_status, err));
    if (rc == AVSP_OK)
        avsp_log(AVSP_LOG_DEBUG, "task.reported",
                 "job=%s task=%s attempt=%" PRId64 " pieces=%zu segments=%zu", ret_status->job_id,
                 AVSP_LOG_Q(task_id), token.attempt, outputs->n_pieces, outputs->n_segments);
    return rc;
}

static void log_finish(const struct avsp_finish_item *item)
{
    const struct avsp_finish *finish = item->finish;
    if (item->rc != AVSP_OK)
        avsp_log(AVSP_LOG_WARN, "task.finish_refused",
                 "job=%s task=%s attempt=%" PRId64 " worker=%s code=%s why=%s", item->job_id,
                 AVSP_LOG_Q(finish->task_id), finish->token.attempt, AVSP_LOG_Q(finish->worker_id),
                 avsp_code_name(item->rc), AVSP_LOG_Q(item->err.text));
    else if (finish->succeeded)
        avsp_log(AVSP_LOG_INFO, "task.finished", "job=%s task=%s attempt=%" PRId64 " worker=%s",
                 item->job_id, AVSP_LOG_Q(finish->task_id), finish->token.attempt,
                 AVSP_LOG_Q(finish->worker_id));
    else
        avsp_log(AVSP_LOG_WARN, "task.failed",
                 "job=%s task=%s attempt=%" PRId64 " worker=%s code=%s retry=%s why=%s",
                 item->job_id, AVSP_LOG_Q(finish->task_id), finish->token.attempt,
                 AVSP_LOG_Q(finish->worker_id), avsp_code_name(finish->failure.code),
                 finish->failure.may_retry ? "yes" : "no", AVSP_LOG_Q(finish->failure.message));
}

static void finish_many(void *opaque, struct avsp_finish_item *items, size_t n)
{
    struct avsp_service *service = opaque;
    avsp_store_finish_many(service->store, items, n);
    for (size_t i = 0; i < n; i++) {
        const enum avsp_code rc = noted(service, items[i].rc);
        if (rc == AVSP_OK)
            avsp_metrics_count(&service->metrics, items[i].finish->succeeded
                                                      ? AVSP_COUNT_ATTEMPT_DONE
                                                      : AVSP_COUNT_ATTEMPT_FAILED);
        else if (rc == AVSP_CONFLICT)
            avsp_metrics_count(&service->metrics, AVSP_COUNT_ATTEMPT_REFUSED);
        log_finish(&items[i]);
    }
}

static enum avsp_code release(void *opaque, const char *worker_id, const char *task_id,
                              struct avsp_token token, struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    char job_id[AVSP_ID_BYTES] = "";
    enum avsp_code rc =
        noted(service, avsp_store_release(service->store, worker_id, task_id, token, job_id, err));
    if (rc == AVSP_OK)
        avsp_metrics_count(&service->metrics, AVSP_COUNT_ATTEMPT_RELEASED);
    if (rc == AVSP_OK)
        avsp_log(AVSP_LOG_INFO, "task.released", "job=%s task=%s attempt=%" PRId64 " worker=%s",
                 job_id, AVSP_LOG_Q(task_id), token.attempt, AVSP_LOG_Q(worker_id));
    return rc;
}

static enum avsp_code list_outputs(void *opaque, const struct avsp_outputs_query *query,
                                   struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                   struct avsp_err *err)
{
    struct avsp_service *service = opaque;
    return noted(service, avsp_store_list_outputs(service->store, query, arena, ret_page, err));
}

const struct avsp_service_ops avsp_coordinator_ops = {
    .authenticate = authenticate,
    .submit = submit,
    .get_job = get_job,
    .list_jobs = list_jobs,
    .list_attempts = list_attempts,
    .list_changes = list_changes,
    .cancel = cancel,
    .retry = retry,
    .pause = pause,
    .resume = resume,
    .set_priority = set_priority,
    .delete_job = delete_job,
    .list_workers = list_workers,
    .drain = drain,
    .claim_many = claim_many,
    .heartbeat_many = heartbeat_many,
    .report = report,
    .finish_many = finish_many,
    .release = release,
    .list_outputs = list_outputs,
};

/// Takes the server out of service, or back into it.
static void set_fit(struct avsp_service *service, bool is_fit)
{
    pthread_rwlock_rdlock(&service->server_lock);
    if (service->server != NULL)
        avsp_server_set_fit(service->server, is_fit);
    pthread_rwlock_unlock(&service->server_lock);
}

/// Goes over to the keys that there are now. @return OK; PRECONDITION jobs need one that is not there; as the store says.
static enum avsp_code check_keys(struct avsp_service *service, struct avsp_err *err)
{
    char missing[AVSP_KEY_ID_BYTES] = "";
    avsp_keys_look(&service->keys);
    enum avsp_code rc = noted(service, avsp_store_rekey(service->store, missing, err));
    if (rc == AVSP_OK && missing[0] != '\0')
        rc = avsp_err_set(err, AVSP_PRECONDITION,
                          "credentials of jobs are sealed with the key %s, which is not in the "
                          "keyring (--keyring)",
                          missing);
    return rc;
}

/// Keeps how a sweep ended, and logs where that is news.
static void note_sweep(struct avsp_service *service, enum avsp_code rc, const struct avsp_err *err)
{
    const bool unfit = rc == AVSP_PRECONDITION;
    pthread_mutex_lock(&service->lock);
    const bool failed_before = service->sweep.code != AVSP_OK;
    const bool unfit_before = service->is_unfit;
    service->sweep = rc == AVSP_OK ? (struct avsp_err){0} : *err;
    // A database that is away does not make us fit again.
    service->is_unfit = unfit || (unfit_before && rc != AVSP_OK);
    pthread_mutex_unlock(&service->lock);
    if (unfit && !unfit_before) {
        avsp_log(AVSP_LOG_ERROR, "coordinator.unfit", "why=%s", AVSP_LOG_Q(err->text));
        set_fit(service, false);
    } else if (rc != AVSP_OK && !failed_before) {
        avsp_log(AVSP_LOG_WARN, "coordinator.sweep_failed", "why=%s", AVSP_LOG_Q(err->text));
    } else if (rc == AVSP_OK && failed_before) {
        avsp_log(AVSP_LOG_INFO, "coordinator.sweep_works_again", "n=1");
        set_fit(service, true);
    }
}

/// Once, however often the database is tried.
static void init(struct avsp_service *service, const struct avsp_config *config)
{
    if (service->is_inited)
        return;
    service->is_inited = true;
    avsp_keys_init(&service->keys);
    avsp_fleet_init(&service->fleet);
    avsp_door_init(&service->door, config->asks_callers);
    avsp_certs_init(&service->certs, &config->tls);
    AVSP_ASSERT(pthread_mutex_init(&service->lock, NULL) == 0);
    AVSP_ASSERT(pthread_rwlock_init(&service->server_lock, NULL) == 0);
    AVSP_ASSERT(pthread_mutex_init(&service->scrape_lock, NULL) == 0);
}

enum avsp_code avsp_service_open(struct avsp_service *service, const struct avsp_config *config,
                                 struct avsp_err *err)
{
    struct avsp_store_options options = {
        .lease_ms = config->lease_ms,
        .split_ahead_bytes = config->split_ahead_bytes,
        .max_attempts = config->max_attempts,
        .changed = changed,
        .job_over = job_over,
        .committed = committed,
        .opaque = service,
        .keyring = &service->keys.ring,
    };
    init(service, config);
    if (service->store == NULL)
        service->store = avsp_store_open(config->db_url, &options, err);
    if (service->store == NULL)
        return err->code;
    if (!service->has_keys && avsp_keys_open(&service->keys, config, err) != AVSP_OK)
        return err->code;
    service->has_keys = true;
    avsp_door_refresh(&service->door, service->store);
    struct avsp_err lacking = {0};
    note_sweep(service, check_keys(service, &lacking), &lacking);
    return config->take_over ? avsp_store_take_over(service->store, err) : AVSP_OK;
}

void avsp_service_attach(struct avsp_service *service, struct avsp_server *server)
{
    pthread_rwlock_wrlock(&service->server_lock);
    service->server = server;
    pthread_rwlock_unlock(&service->server_lock);
    pthread_mutex_lock(&service->lock);
    const bool is_unfit = service->is_unfit;
    pthread_mutex_unlock(&service->lock);
    if (is_unfit)
        set_fit(service, false);
    changed(service, WAKE_ALL);
}

void avsp_service_detach(struct avsp_service *service)
{
    pthread_rwlock_wrlock(&service->server_lock);
    service->server = NULL;
    pthread_rwlock_unlock(&service->server_lock);
}

void avsp_service_sweep(struct avsp_service *service)
{
    struct avsp_err err = {0};
    avsp_certs_look(&service->certs);
    enum avsp_code rc = noted(service, avsp_store_sweep(service->store, &err));
    if (rc == AVSP_OK)
        (void)refresh_fleet(service);
    avsp_door_refresh(&service->door, service->store); // a token is revoked whatever else fails
    if (rc == AVSP_OK)
        rc = check_keys(service, &err);
    note_sweep(service, rc, &err);
    if (rc == AVSP_OK)
        changed(
            service,
            1); // one who waits looks for himself: word of another coordinator may have been lost
}

void avsp_service_stopping(struct avsp_service *service)
{
    atomic_store(&service->is_stopping, true);
}

void avsp_service_close(struct avsp_service *service)
{
    avsp_store_close(service->store);
    service->store = NULL;
    avsp_fleet_deinit(&service->fleet);
    pthread_rwlock_destroy(&service->server_lock);
    pthread_mutex_destroy(&service->lock);
    pthread_mutex_destroy(&service->scrape_lock);
    avsp_door_deinit(&service->door);
    avsp_keys_close(&service->keys);
}
