/// The methods that are one operation each: read the request, do it, make the answer.
#include "rpc/server_gather.h"
#include "rpc/serving.h"
#include "rpc/wire.h"

#define SMALL_MAX_BYTES (64 << 10)

/// Answers with @p msg, or the error where @p rc says so.
static void answer(struct avsp_call *call, enum avsp_code rc, const ProtobufCMessage *msg,
                   const struct avsp_err *err)
{
    if (rc == AVSP_OK)
        avsp_call_reply(call, msg);
    else
        avsp_call_fail(call, err);
}

static void submit_job(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    struct avsp_err err = {0};
    struct avsp_job_spec spec;
    char id[AVSP_ID_BYTES] = "";
    enum avsp_code rc =
        avsp_wire_read_spec(&call->arena, (Com__Avspl1t__JobDetails *)call->request, &spec, &err);
    if (rc == AVSP_OK)
        rc = avsp_job_spec_check(&spec, &call->arena, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.submit(srv->opaque, &call->caller, &spec, id, &err);
    Com__Avspl1t__JobId msg = COM__AVSPL1T__JOB_ID__INIT;
    msg.id = id;
    answer(call, rc, &msg.base, &err);
}

static void get_job(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    struct avsp_err err = {0};
    struct avsp_job job;
    const char *id = ((Com__Avspl1t__JobId *)call->request)->id;
    Com__Avspl1t__Job *msg = NULL;
    enum avsp_code rc = srv->ops.get_job(srv->opaque, &call->caller, id, &call->arena, &job, &err);
    if (rc == AVSP_OK)
        msg = avsp_wire_make_job(&call->arena, &job);
    answer(call, rc, (ProtobufCMessage *)msg, &err);
}

static void list_jobs(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    struct avsp_err err = {0};
    struct avsp_job_filter filter;
    struct avsp_job_page page;
    Com__Avspl1t__JobPage *msg = NULL;
    enum avsp_code rc = avsp_wire_read_filter(
        &call->arena, (Com__Avspl1t__ListJobsMessage *)call->request, &filter, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.list_jobs(srv->opaque, &call->caller, &filter, &call->arena, &page, &err);
    if (rc == AVSP_OK)
        msg = avsp_wire_make_page(&call->arena, &page);
    answer(call, rc, (ProtobufCMessage *)msg, &err);
}

static void list_attempts(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    struct avsp_err err = {0};
    struct avsp_attempts_query query;
    struct avsp_attempt_page page;
    Com__Avspl1t__AttemptPage *msg = NULL;
    enum avsp_code rc = avsp_wire_read_attempts_query(
        (Com__Avspl1t__ListAttemptsMessage *)call->request, &query, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.list_attempts(srv->opaque, &call->caller, &query, &call->arena, &page, &err);
    if (rc == AVSP_OK)
        msg = avsp_wire_make_attempt_page(&call->arena, &page);
    answer(call, rc, (ProtobufCMessage *)msg, &err);
}

/// What is asked about a job by its id alone, and answered with Empty.
static void run_about_job(struct avsp_call *call,
                          enum avsp_code (*op)(void *opaque, const struct avsp_caller *caller,
                                               const char *job_id, struct avsp_err *err))
{
    struct avsp_err err = {0};
    const char *id = ((Com__Avspl1t__JobId *)call->request)->id;
    Com__Avspl1t__Empty msg = COM__AVSPL1T__EMPTY__INIT;
    answer(call, op(call->srv->opaque, &call->caller, id, &err), &msg.base, &err);
}

static void cancel_job(struct avsp_call *call)
{
    run_about_job(call, call->srv->ops.cancel);
}

static void retry_job(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    const Com__Avspl1t__RetryJobMessage *from = (Com__Avspl1t__RetryJobMessage *)call->request;
    struct avsp_err err = {0};
    Com__Avspl1t__Empty msg = COM__AVSPL1T__EMPTY__INIT;
    answer(call, srv->ops.retry(srv->opaque, &call->caller, from->id, from->repin, &err), &msg.base,
           &err);
}

static void pause_job(struct avsp_call *call)
{
    run_about_job(call, call->srv->ops.pause);
}

static void resume_job(struct avsp_call *call)
{
    run_about_job(call, call->srv->ops.resume);
}

static void set_priority(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    const Com__Avspl1t__JobPriorityMessage *from =
        (Com__Avspl1t__JobPriorityMessage *)call->request;
    struct avsp_err err = {0};
    Com__Avspl1t__Empty msg = COM__AVSPL1T__EMPTY__INIT;
    enum avsp_code rc = avsp_wire_range("priority", from->priority, 0, AVSP_PRIORITY_MAX, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.set_priority(srv->opaque, &call->caller, from->id, from->priority, &err);
    answer(call, rc, &msg.base, &err);
}

static void delete_job(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    const Com__Avspl1t__DeleteJobMessage *from = (Com__Avspl1t__DeleteJobMessage *)call->request;
    struct avsp_err err = {0};
    Com__Avspl1t__Empty msg = COM__AVSPL1T__EMPTY__INIT;
    answer(call, srv->ops.delete_job(srv->opaque, &call->caller, from->id, from->force, &err),
           &msg.base, &err);
}

static void list_workers(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    struct avsp_err err = {0};
    struct avsp_workers_query query;
    struct avsp_worker_page page;
    Com__Avspl1t__WorkerPage *msg = NULL;
    enum avsp_code rc = avsp_wire_read_workers_query(
        (Com__Avspl1t__ListWorkersMessage *)call->request, &query, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.list_workers(srv->opaque, &query, &call->arena, &page, &err);
    if (rc == AVSP_OK)
        msg = avsp_wire_make_worker_page(&call->arena, &page);
    answer(call, rc, (ProtobufCMessage *)msg, &err);
}

static void drain_worker(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    const Com__Avspl1t__DrainWorkerMessage *from =
        (Com__Avspl1t__DrainWorkerMessage *)call->request;
    struct avsp_err err = {0};
    Com__Avspl1t__Empty msg = COM__AVSPL1T__EMPTY__INIT;
    answer(call, srv->ops.drain(srv->opaque, from->worker_id, !from->undo, &err), &msg.base, &err);
}

static void heartbeat(struct avsp_call *call)
{
    avsp_gather_push(call->srv->beats, call);
}

void avsp_ops_heartbeats(struct avsp_server *srv, struct avsp_call **calls, size_t n)
{
    struct avsp_beat_item items[AVSP_TOGETHER_MAX];
    size_t n_items = 0;
    for (size_t i = 0; i < n; i++) {
        if (!avsp_call_open(calls[i]))
            continue;
        const Com__Avspl1t__HeartbeatMessage *beat =
            (Com__Avspl1t__HeartbeatMessage *)calls[i]->request;
        struct avsp_beat_item *item = &items[n_items];
        *item = (struct avsp_beat_item){.worker_id = beat->worker_id, .task_id = beat->task_id};
        enum avsp_code rc = avsp_wire_read_token(beat->token, &item->token, &item->err);
        if (rc == AVSP_OK)
            rc = avsp_wire_read_progress(beat->progress, &item->progress, &item->err);
        if (rc != AVSP_OK)
            avsp_call_fail(calls[i], &item->err);
        else
            calls[n_items++] = calls[i];
    }
    if (n_items > 0)
        srv->ops.heartbeat_many(srv->opaque, items, n_items);
    for (size_t i = 0; i < n_items; i++) {
        Com__Avspl1t__Empty *msg = NULL;
        if (items[i].rc == AVSP_OK)
            msg = avsp_wire_make_status(&calls[i]->arena, &items[i].status);
        answer(calls[i], items[i].rc, (ProtobufCMessage *)msg, &items[i].err);
    }
}

static void report_outputs(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    const Com__Avspl1t__ReportOutputsMessage *report =
        (Com__Avspl1t__ReportOutputsMessage *)call->request;
    struct avsp_err err = {0};
    struct avsp_token token;
    struct avsp_outputs outputs;
    struct avsp_attempt_status status = {false, false};
    Com__Avspl1t__Empty *msg = NULL;
    enum avsp_code rc = avsp_wire_read_token(report->token, &token, &err);
    if (rc == AVSP_OK)
        rc = avsp_wire_read_outputs(&call->arena, report->outputs, &outputs, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.report(srv->opaque, report->worker_id, report->task_id, token, &outputs,
                             &status, &err);
    if (rc == AVSP_OK)
        msg = avsp_wire_make_status(&call->arena, &status);
    answer(call, rc, (ProtobufCMessage *)msg, &err);
}

static void finish_task(struct avsp_call *call)
{
    avsp_gather_push(call->srv->finishes, call);
}

void avsp_ops_finishes(struct avsp_server *srv, struct avsp_call **calls, size_t n)
{
    struct avsp_finish_item items[AVSP_TOGETHER_MAX];
    struct avsp_finish finishes[AVSP_TOGETHER_MAX];
    size_t n_items = 0;
    for (size_t i = 0; i < n; i++) {
        if (!avsp_call_open(calls[i]))
            continue;
        struct avsp_finish_item *item = &items[n_items];
        *item = (struct avsp_finish_item){.finish = &finishes[n_items]};
        if (avsp_wire_read_finish(&calls[i]->arena,
                                  (Com__Avspl1t__FinishTaskMessage *)calls[i]->request,
                                  &finishes[n_items], &item->err) != AVSP_OK)
            avsp_call_fail(calls[i], &item->err);
        else
            calls[n_items++] = calls[i];
    }
    if (n_items > 0)
        srv->ops.finish_many(srv->opaque, items, n_items);
    for (size_t i = 0; i < n_items; i++) {
        Com__Avspl1t__Empty msg = COM__AVSPL1T__EMPTY__INIT;
        answer(calls[i], items[i].rc, &msg.base, &items[i].err);
    }
}

static void release_task(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    const Com__Avspl1t__HeartbeatMessage *from = (Com__Avspl1t__HeartbeatMessage *)call->request;
    struct avsp_err err = {0};
    struct avsp_token token;
    Com__Avspl1t__Empty msg = COM__AVSPL1T__EMPTY__INIT;
    enum avsp_code rc = avsp_wire_read_token(from->token, &token, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.release(srv->opaque, from->worker_id, from->task_id, token, &err);
    answer(call, rc, &msg.base, &err);
}

static void list_outputs(struct avsp_call *call)
{
    struct avsp_server *srv = call->srv;
    const Com__Avspl1t__ListOutputsMessage *from =
        (Com__Avspl1t__ListOutputsMessage *)call->request;
    struct avsp_err err = {0};
    struct avsp_outputs_query query = {.task_id = from->task_id, .page = from->page};
    struct avsp_outputs_page page;
    Com__Avspl1t__OutputsPage msg = COM__AVSPL1T__OUTPUTS_PAGE__INIT;
    enum avsp_code rc = avsp_wire_read_token(from->token, &query.token, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.list_outputs(srv->opaque, &query, &call->arena, &page, &err);
    if (rc == AVSP_OK) {
        msg.next_page = (char *)page.next_page;
        msg.outputs = avsp_wire_make_outputs(&call->arena, &page.outputs);
    }
    answer(call, rc, msg.outputs != NULL ? &msg.base : NULL, &err);
}

#define METHOD(name, limit, type, function)                                                        \
    {                                                                                              \
        .path = "/com.avspl1t.CoordinatorService/" name, .on_pool = true,                          \
        .request_max_bytes = (limit), .request = &com__avspl1t__##type##__descriptor,              \
        .run = (function)                                                                          \
    }

/// What is served together with its like is handed on at once.
#define GATHERED(name, limit, type, function)                                                      \
    {                                                                                              \
        .path = "/com.avspl1t.CoordinatorService/" name, .gathers = true,                          \
        .request_max_bytes = (limit), .request = &com__avspl1t__##type##__descriptor,              \
        .run = (function)                                                                          \
    }

const struct avsp_method avsp_ops_methods[] = {
    METHOD("SubmitJob", SMALL_MAX_BYTES, job_details, submit_job),
    METHOD("GetJob", SMALL_MAX_BYTES, job_id, get_job),
    METHOD("ListJobs", SMALL_MAX_BYTES, list_jobs_message, list_jobs),
    METHOD("ListAttempts", SMALL_MAX_BYTES, list_attempts_message, list_attempts),
    METHOD("CancelJob", SMALL_MAX_BYTES, job_id, cancel_job),
    METHOD("RetryJob", SMALL_MAX_BYTES, retry_job_message, retry_job),
    METHOD("PauseJob", SMALL_MAX_BYTES, job_id, pause_job),
    METHOD("ResumeJob", SMALL_MAX_BYTES, job_id, resume_job),
    METHOD("SetJobPriority", SMALL_MAX_BYTES, job_priority_message, set_priority),
    METHOD("DeleteJob", SMALL_MAX_BYTES, delete_job_message, delete_job),
    METHOD("ListWorkers", SMALL_MAX_BYTES, list_workers_message, list_workers),
    METHOD("DrainWorker", SMALL_MAX_BYTES, drain_worker_message, drain_worker),
    GATHERED("Heartbeat", SMALL_MAX_BYTES, heartbeat_message, heartbeat),
    METHOD("ReportOutputs", AVSP_RPC_REQUEST_MAX_BYTES, report_outputs_message, report_outputs),
    GATHERED("FinishTask", AVSP_RPC_REQUEST_MAX_BYTES, finish_task_message, finish_task),
    METHOD("ReleaseTask", SMALL_MAX_BYTES, heartbeat_message, release_task),
    METHOD("ListOutputs", SMALL_MAX_BYTES, list_outputs_message, list_outputs),
    {.path = NULL, .is_stream = true, .run = avsp_call_fail_unimplemented},
};
const size_t avsp_ops_n_methods = AVSP_ARRAY_LEN(avsp_ops_methods);
