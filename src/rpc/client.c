#include "rpc/client.h"
#include "rpc/client_private.h"
#include "rpc/grpc_use.h"
#include "rpc/wire.h"

#include <string.h>

#define SERVICE "/com.avspl1t.CoordinatorService/"
#define REQUEST_ARENA_BYTES (32u << 20)

/// Fills in what the client keeps of its own.
static enum avsp_code set_up(struct avsp_client *cli, const char *target,
                             const struct avsp_client_security *security, struct avsp_err *err)
{
    cli->target = strdup(target);
    if (cli->target == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    if (security != NULL)
        cli->security = *security;
    if (avsp_target_is_unix(target))
        cli->security.tls = false;
    enum avsp_code rc = avsp_target_parse(target, &cli->name, &cli->authority, err);
    return rc == AVSP_OK ? avsp_link_begin(cli, err) : rc;
}

struct avsp_client *avsp_client_new(const char *target, bool fail_fast,
                                    const struct avsp_client_security *security,
                                    struct avsp_err *err)
{
    struct avsp_client *cli = calloc(1, sizeof *cli);
    if (cli == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    cli->fail_fast = fail_fast;
    pthread_mutex_init(&cli->lock, NULL);
    avsp_grpc_begin();
    if (set_up(cli, target, security, err) == AVSP_OK)
        return cli;
    avsp_client_free(cli);
    return NULL;
}

void avsp_client_free(struct avsp_client *cli)
{
    if (cli == NULL)
        return;
    AVSP_ASSERT(cli->flights == NULL);
    grpc_channel *channel = cli->link != NULL ? avsp_link_give(cli->link) : NULL;
    if (channel != NULL)
        grpc_channel_destroy(channel);
    pthread_mutex_destroy(&cli->lock);
    explicit_bzero(cli->security.token, sizeof cli->security.token);
    free(cli->target);
    free(cli->name);
    free(cli->authority);
    free(cli);
    avsp_grpc_end();
}

void avsp_client_shutdown(struct avsp_client *cli)
{
    // Under the lock, so that no call ends while it is canceled; gRPC calls nothing of ours back from it.
    pthread_mutex_lock(&cli->lock);
    cli->is_shut_down = true;
    for (struct avsp_flight *flight = cli->flights; flight != NULL; flight = flight->next)
        grpc_call_cancel(flight->call, NULL);
    pthread_mutex_unlock(&cli->lock);
}

/// A call whose request was made in @p arena; @p request NULL: the arena was full.
static enum avsp_code call(struct avsp_client *cli, const char *method,
                           const struct avsp_arena *requests, const void *request,
                           const ProtobufCMessageDescriptor *answer_type, struct avsp_arena *arena,
                           ProtobufCMessage **ret_msg, struct avsp_mono deadline,
                           struct avsp_err *err)
{
    if (request == NULL)
        return avsp_arena_failed(requests, err);
    return avsp_client_call(cli, method, request, answer_type, arena, ret_msg, deadline, err);
}

enum avsp_code avsp_client_submit(struct avsp_client *cli, const struct avsp_job_spec *spec,
                                  char ret_job_id[AVSP_ANY_ID_BYTES], struct avsp_mono deadline,
                                  struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    ProtobufCMessage *msg;
    enum avsp_code rc = call(cli, SERVICE "SubmitJob", &arena, avsp_wire_make_spec(&arena, spec),
                             &com__avspl1t__job_id__descriptor, &arena, &msg, deadline, err);
    if (rc != AVSP_OK)
        return rc;
    const char *id = ((Com__Avspl1t__JobId *)msg)->id;
    if (id[0] == '\0' || strlen(id) >= AVSP_ANY_ID_BYTES) {
        // Another coordinator's ids may be longer: a UUID has 36 characters.
        avsp_err_set(err, AVSP_UNSUPPORTED, "job id \"%.100s\" is not 1 to %d characters", id,
                     AVSP_ANY_ID_BYTES - 1);
        return avsp_client_bad_answer(err);
    }
    memcpy(ret_job_id, id, strlen(id) + 1);
    return AVSP_OK;
}

enum avsp_code avsp_client_get_job(struct avsp_client *cli, const char *job_id,
                                   struct avsp_arena *arena, struct avsp_job *ret_job,
                                   struct avsp_mono deadline, struct avsp_err *err)
{
    Com__Avspl1t__JobId id = COM__AVSPL1T__JOB_ID__INIT;
    id.id = (char *)job_id;
    ProtobufCMessage *msg;
    enum avsp_code rc =
        avsp_client_call(cli, SERVICE "GetJob", &id.base, &com__avspl1t__job__descriptor, arena,
                         &msg, deadline, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_wire_read_job(arena, (Com__Avspl1t__Job *)msg, ret_job, err);
    return rc == AVSP_OK ? rc : avsp_client_bad_answer(err);
}

enum avsp_code avsp_client_list_jobs(struct avsp_client *cli, const struct avsp_job_filter *filter,
                                     struct avsp_arena *arena, struct avsp_job_page *ret_page,
                                     struct avsp_mono deadline, struct avsp_err *err)
{
    ProtobufCMessage *msg;
    enum avsp_code rc = call(cli, SERVICE "ListJobs", arena, avsp_wire_make_filter(arena, filter),
                             &com__avspl1t__job_page__descriptor, arena, &msg, deadline, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_wire_read_page(arena, (Com__Avspl1t__JobPage *)msg, ret_page, err);
    return rc == AVSP_OK ? rc : avsp_client_bad_answer(err);
}

enum avsp_code avsp_client_list_attempts(struct avsp_client *cli,
                                         const struct avsp_attempts_query *query,
                                         struct avsp_arena *arena,
                                         struct avsp_attempt_page *ret_page,
                                         struct avsp_mono deadline, struct avsp_err *err)
{
    ProtobufCMessage *msg;
    enum avsp_code rc =
        call(cli, SERVICE "ListAttempts", arena, avsp_wire_make_attempts_query(arena, query),
             &com__avspl1t__attempt_page__descriptor, arena, &msg, deadline, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_wire_read_attempt_page(arena, (Com__Avspl1t__AttemptPage *)msg, ret_page, err);
    return rc == AVSP_OK ? rc : avsp_client_bad_answer(err);
}

/// A call whose answer is Empty. @p ret_status may be NULL.
static enum avsp_code call_for_status(struct avsp_client *cli, const char *method,
                                      struct avsp_arena *arena, const void *request,
                                      struct avsp_attempt_status *ret_status,
                                      struct avsp_mono deadline, struct avsp_err *err)
{
    ProtobufCMessage *msg;
    enum avsp_code rc = call(cli, method, arena, request, &com__avspl1t__empty__descriptor, arena,
                             &msg, deadline, err);
    if (rc == AVSP_OK && ret_status != NULL)
        avsp_wire_read_status((Com__Avspl1t__Empty *)msg, ret_status);
    return rc;
}

/// What is asked about a job by its id alone, and answered with Empty.
static enum avsp_code call_about_job(struct avsp_client *cli, const char *method,
                                     const char *job_id, struct avsp_mono deadline,
                                     struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    Com__Avspl1t__JobId id = COM__AVSPL1T__JOB_ID__INIT;
    id.id = (char *)job_id;
    return call_for_status(cli, method, &arena, &id, NULL, deadline, err);
}

enum avsp_code avsp_client_cancel(struct avsp_client *cli, const char *job_id,
                                  struct avsp_mono deadline, struct avsp_err *err)
{
    return call_about_job(cli, SERVICE "CancelJob", job_id, deadline, err);
}

enum avsp_code avsp_client_retry(struct avsp_client *cli, const char *job_id, bool repin,
                                 struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    Com__Avspl1t__RetryJobMessage request = COM__AVSPL1T__RETRY_JOB_MESSAGE__INIT;
    request.id = (char *)job_id;
    request.repin = repin;
    return call_for_status(cli, SERVICE "RetryJob", &arena, &request, NULL, deadline, err);
}

enum avsp_code avsp_client_pause(struct avsp_client *cli, const char *job_id,
                                 struct avsp_mono deadline, struct avsp_err *err)
{
    return call_about_job(cli, SERVICE "PauseJob", job_id, deadline, err);
}

enum avsp_code avsp_client_resume(struct avsp_client *cli, const char *job_id,
                                  struct avsp_mono deadline, struct avsp_err *err)
{
    return call_about_job(cli, SERVICE "ResumeJob", job_id, deadline, err);
}

enum avsp_code avsp_client_set_priority(struct avsp_client *cli, const char *job_id,
                                        int32_t priority, struct avsp_mono deadline,
                                        struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    Com__Avspl1t__JobPriorityMessage request = COM__AVSPL1T__JOB_PRIORITY_MESSAGE__INIT;
    request.id = (char *)job_id;
    request.priority = priority;
    return call_for_status(cli, SERVICE "SetJobPriority", &arena, &request, NULL, deadline, err);
}

enum avsp_code avsp_client_delete(struct avsp_client *cli, const char *job_id, bool force,
                                  struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    Com__Avspl1t__DeleteJobMessage request = COM__AVSPL1T__DELETE_JOB_MESSAGE__INIT;
    request.id = (char *)job_id;
    request.force = force;
    return call_for_status(cli, SERVICE "DeleteJob", &arena, &request, NULL, deadline, err);
}

enum avsp_code avsp_client_list_workers(struct avsp_client *cli,
                                        const struct avsp_workers_query *query,
                                        struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                        struct avsp_mono deadline, struct avsp_err *err)
{
    ProtobufCMessage *msg;
    enum avsp_code rc =
        call(cli, SERVICE "ListWorkers", arena, avsp_wire_make_workers_query(arena, query),
             &com__avspl1t__worker_page__descriptor, arena, &msg, deadline, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_wire_read_worker_page(arena, (Com__Avspl1t__WorkerPage *)msg, ret_page, err);
    return rc == AVSP_OK ? rc : avsp_client_bad_answer(err);
}

enum avsp_code avsp_client_drain(struct avsp_client *cli, const char *worker_id, bool drain,
                                 struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    Com__Avspl1t__DrainWorkerMessage request = COM__AVSPL1T__DRAIN_WORKER_MESSAGE__INIT;
    request.worker_id = (char *)worker_id;
    request.undo = !drain;
    return call_for_status(cli, SERVICE "DrainWorker", &arena, &request, NULL, deadline, err);
}

enum avsp_code avsp_client_claim(struct avsp_client *cli, const struct avsp_claim *claim,
                                 struct avsp_arena *arena, struct avsp_task *ret_task,
                                 struct avsp_mono deadline, struct avsp_err *err)
{
    ProtobufCMessage *msg;
    enum avsp_code rc = call(cli, SERVICE "GetTask", arena, avsp_wire_make_claim(arena, claim),
                             &com__avspl1t__task__descriptor, arena, &msg, deadline, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_wire_read_task(arena, (Com__Avspl1t__Task *)msg, ret_task, err);
    return rc == AVSP_OK ? rc : avsp_client_bad_answer(err);
}

/// The message of a heartbeat or a release. NULL: the arena is full.
static Com__Avspl1t__HeartbeatMessage *make_heartbeat(struct avsp_arena *arena,
                                                      const char *worker_id, const char *task_id,
                                                      struct avsp_token token,
                                                      const struct avsp_progress *progress)
{
    Com__Avspl1t__HeartbeatMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__heartbeat_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->worker_id = (char *)worker_id;
    msg->task_id = (char *)task_id;
    if (token.attempt != 0) {
        msg->token = avsp_wire_make_token(arena, token);
        if (msg->token == NULL)
            return NULL;
    }
    if (progress == NULL)
        return msg;
    msg->progress = avsp_wire_make_progress(arena, progress);
    return msg->progress != NULL ? msg : NULL;
}

enum avsp_code avsp_client_heartbeat(struct avsp_client *cli, const char *worker_id,
                                     const char *task_id, struct avsp_token token,
                                     const struct avsp_progress *progress,
                                     struct avsp_attempt_status *ret_status,
                                     struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    return call_for_status(cli, SERVICE "Heartbeat", &arena,
                           make_heartbeat(&arena, worker_id, task_id, token, progress), ret_status,
                           deadline, err);
}

static Com__Avspl1t__ReportOutputsMessage *make_report(struct avsp_arena *arena,
                                                       const char *worker_id, const char *task_id,
                                                       struct avsp_token token,
                                                       const struct avsp_outputs *outputs)
{
    Com__Avspl1t__ReportOutputsMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__report_outputs_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->worker_id = (char *)worker_id;
    msg->task_id = (char *)task_id;
    msg->token = avsp_wire_make_token(arena, token);
    msg->outputs = avsp_wire_make_outputs(arena, outputs);
    return msg->token != NULL && msg->outputs != NULL ? msg : NULL;
}

enum avsp_code avsp_client_report(struct avsp_client *cli, const char *worker_id,
                                  const char *task_id, struct avsp_token token,
                                  const struct avsp_outputs *outputs,
                                  struct avsp_attempt_status *ret_status, struct avsp_mono deadline,
                                  struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    return call_for_status(cli, SERVICE "ReportOutputs", &arena,
                           make_report(&arena, worker_id, task_id, token, outputs), ret_status,
                           deadline, err);
}

enum avsp_code avsp_client_finish(struct avsp_client *cli, const struct avsp_finish *finish,
                                  struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    return call_for_status(cli, SERVICE "FinishTask", &arena, avsp_wire_make_finish(&arena, finish),
                           NULL, deadline, err);
}

enum avsp_code avsp_client_release(struct avsp_client *cli, const char *worker_id,
                                   const char *task_id, struct avsp_token token,
                                   struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, REQUEST_ARENA_BYTES);
    return call_for_status(cli, SERVICE "ReleaseTask", &arena,
                           make_heartbeat(&arena, worker_id, task_id, token, NULL), NULL, deadline,
                           err);
}

enum avsp_code avsp_client_list_outputs(struct avsp_client *cli,
                                        const struct avsp_outputs_query *query,
                                        struct avsp_arena *arena,
                                        struct avsp_outputs_page *ret_page,
                                        struct avsp_mono deadline, struct avsp_err *err)
{
    Com__Avspl1t__ListOutputsMessage request = COM__AVSPL1T__LIST_OUTPUTS_MESSAGE__INIT;
    request.task_id = (char *)query->task_id;
    request.page = (char *)query->page;
    request.token = avsp_wire_make_token(arena, query->token);
    ProtobufCMessage *msg;
    enum avsp_code rc =
        call(cli, SERVICE "ListOutputs", arena, request.token != NULL ? &request.base : NULL,
             &com__avspl1t__outputs_page__descriptor, arena, &msg, deadline, err);
    if (rc != AVSP_OK)
        return rc;
    const Com__Avspl1t__OutputsPage *page = (Com__Avspl1t__OutputsPage *)msg;
    rc = avsp_wire_read_outputs(arena, page->outputs, &ret_page->outputs, err);
    if (rc != AVSP_OK)
        return avsp_client_bad_answer(err);
    ret_page->next_page = page->next_page;
    return AVSP_OK;
}
