/// Serialised messages (rpc/wire.h): requests as the coordinator reads them, answers as clients and workers do. What was read
/// can be sent on, and reads again. Input: which message, then its bytes.
#include "rpc/wire.h"
#include "fuzz.h"

/// The model that a message becomes, and the message that this becomes.
union model {
    struct avsp_job_spec spec;
    struct avsp_job_filter filter;
    struct avsp_watch_query watch;
    struct avsp_claim claim;
    struct avsp_finish finish;
    struct avsp_job job;
    struct avsp_job_page page;
    struct avsp_task task;
    struct avsp_outputs outputs;
    struct avsp_progress progress;
    struct avsp_attempts_query attempts_query;
    struct avsp_attempt_page attempts;
    struct avsp_workers_query workers_query;
    struct avsp_worker_page workers;
};

typedef enum avsp_code reader(struct avsp_arena *arena, const ProtobufCMessage *msg,
                              union model *ret_model, struct avsp_err *err);
typedef ProtobufCMessage *maker(struct avsp_arena *arena, const union model *model);

/// A base peer sends no token, but whatever is sent on by ours has one.
static void give_token(struct avsp_token *token)
{
    token->attempt = AVSP_MAX(token->attempt, (int64_t)1);
}

static enum avsp_code read_spec(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                union model *model, struct avsp_err *err)
{
    enum avsp_code rc =
        avsp_wire_read_spec(arena, (const Com__Avspl1t__JobDetails *)msg, &model->spec, err);
    return rc == AVSP_OK ? avsp_job_spec_check(&model->spec, arena, err) : rc;
}

static enum avsp_code read_filter(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                  union model *model, struct avsp_err *err)
{
    return avsp_wire_read_filter(arena, (const Com__Avspl1t__ListJobsMessage *)msg, &model->filter,
                                 err);
}

static enum avsp_code read_watch(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                 union model *model, struct avsp_err *err)
{
    return avsp_wire_read_watch(arena, (const Com__Avspl1t__WatchJobsMessage *)msg, &model->watch,
                                err);
}

static enum avsp_code read_claim(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                 union model *model, struct avsp_err *err)
{
    (void)arena;
    return avsp_wire_read_claim((const Com__Avspl1t__GetTaskMessage *)msg, &model->claim, err);
}

static enum avsp_code read_finish(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                  union model *model, struct avsp_err *err)
{
    enum avsp_code rc = avsp_wire_read_finish(arena, (const Com__Avspl1t__FinishTaskMessage *)msg,
                                              &model->finish, err);
    give_token(&model->finish.token);
    return rc;
}

static enum avsp_code read_report(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                  union model *model, struct avsp_err *err)
{
    const Com__Avspl1t__ReportOutputsMessage *report =
        (const Com__Avspl1t__ReportOutputsMessage *)msg;
    struct avsp_token token;
    enum avsp_code rc = avsp_wire_read_token(report->token, &token, err);
    return rc == AVSP_OK ? avsp_wire_read_outputs(arena, report->outputs, &model->outputs, err)
                         : rc;
}

static enum avsp_code read_page_of_outputs(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                           union model *model, struct avsp_err *err)
{
    return avsp_wire_read_outputs(arena, ((const Com__Avspl1t__OutputsPage *)msg)->outputs,
                                  &model->outputs, err);
}

static enum avsp_code read_heartbeat(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                     union model *model, struct avsp_err *err)
{
    (void)arena;
    const Com__Avspl1t__HeartbeatMessage *beat = (const Com__Avspl1t__HeartbeatMessage *)msg;
    struct avsp_token token;
    enum avsp_code rc = avsp_wire_read_token(beat->token, &token, err);
    return rc == AVSP_OK ? avsp_wire_read_progress(beat->progress, &model->progress, err) : rc;
}

static enum avsp_code read_job(struct avsp_arena *arena, const ProtobufCMessage *msg,
                               union model *model, struct avsp_err *err)
{
    return avsp_wire_read_job(arena, (const Com__Avspl1t__Job *)msg, &model->job, err);
}

static enum avsp_code read_event(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                 union model *model, struct avsp_err *err)
{
    const Com__Avspl1t__Job *job = ((const Com__Avspl1t__JobEvent *)msg)->job;
    return job != NULL ? avsp_wire_read_job(arena, job, &model->job, err) : AVSP_OK;
}

static enum avsp_code read_page(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                union model *model, struct avsp_err *err)
{
    return avsp_wire_read_page(arena, (const Com__Avspl1t__JobPage *)msg, &model->page, err);
}

static enum avsp_code read_task(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                union model *model, struct avsp_err *err)
{
    enum avsp_code rc =
        avsp_wire_read_task(arena, (const Com__Avspl1t__Task *)msg, &model->task, err);
    give_token(&model->task.token);
    return rc;
}

static enum avsp_code read_workers_query(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                         union model *model, struct avsp_err *err)
{
    (void)arena;
    return avsp_wire_read_workers_query((const Com__Avspl1t__ListWorkersMessage *)msg,
                                        &model->workers_query, err);
}

static enum avsp_code read_worker_page(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                       union model *model, struct avsp_err *err)
{
    return avsp_wire_read_worker_page(arena, (const Com__Avspl1t__WorkerPage *)msg, &model->workers,
                                      err);
}

static enum avsp_code read_status(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                  union model *model, struct avsp_err *err)
{
    (void)arena;
    (void)model;
    (void)err;
    struct avsp_attempt_status status;
    avsp_wire_read_status((const Com__Avspl1t__Empty *)msg, &status);
    return AVSP_OK;
}

static enum avsp_code read_attempts_query(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                          union model *model, struct avsp_err *err)
{
    (void)arena;
    return avsp_wire_read_attempts_query((const Com__Avspl1t__ListAttemptsMessage *)msg,
                                         &model->attempts_query, err);
}

static enum avsp_code read_attempt_page(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                        union model *model, struct avsp_err *err)
{
    return avsp_wire_read_attempt_page(arena, (const Com__Avspl1t__AttemptPage *)msg,
                                       &model->attempts, err);
}

static enum avsp_code read_nothing(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                   union model *model, struct avsp_err *err)
{
    (void)arena;
    (void)msg;
    (void)model;
    (void)err;
    return AVSP_OK;
}

#define MAKER(name, field)                                                                         \
    static ProtobufCMessage *make_##name(struct avsp_arena *arena, const union model *model)       \
    {                                                                                              \
        return (ProtobufCMessage *)avsp_wire_make_##name(arena, &model->field);                    \
    }
MAKER(spec, spec)
MAKER(filter, filter)
MAKER(watch, watch)
MAKER(claim, claim)
MAKER(finish, finish)
MAKER(job, job)
MAKER(page, page)
MAKER(task, task)
MAKER(attempts_query, attempts_query)
MAKER(attempt_page, attempts)
MAKER(workers_query, workers_query)
MAKER(worker_page, workers)

static const struct {
    const ProtobufCMessageDescriptor *type;
    reader *read;
    maker *make; ///< NULL where the model is only a part of the message
} messages[] = {
    {&com__avspl1t__job_details__descriptor, read_spec, make_spec},
    {&com__avspl1t__list_jobs_message__descriptor, read_filter, make_filter},
    {&com__avspl1t__get_task_message__descriptor, read_claim, make_claim},
    {&com__avspl1t__finish_task_message__descriptor, read_finish, make_finish},
    {&com__avspl1t__report_outputs_message__descriptor, read_report, NULL},
    {&com__avspl1t__heartbeat_message__descriptor, read_heartbeat, NULL},
    {&com__avspl1t__job_id__descriptor, read_nothing, NULL},
    {&com__avspl1t__list_outputs_message__descriptor, read_nothing, NULL},
    {&com__avspl1t__job__descriptor, read_job, make_job},
    {&com__avspl1t__job_page__descriptor, read_page, make_page},
    {&com__avspl1t__task__descriptor, read_task, make_task},
    {&com__avspl1t__outputs_page__descriptor, read_page_of_outputs, NULL},
    {&com__avspl1t__empty__descriptor, read_status, NULL},
    {&com__avspl1t__list_attempts_message__descriptor, read_attempts_query, make_attempts_query},
    {&com__avspl1t__attempt_page__descriptor, read_attempt_page, make_attempt_page},
    {&com__avspl1t__job_priority_message__descriptor, read_nothing, NULL},
    {&com__avspl1t__retry_job_message__descriptor, read_nothing, NULL},
    {&com__avspl1t__delete_job_message__descriptor, read_nothing, NULL},
    {&com__avspl1t__list_workers_message__descriptor, read_workers_query, make_workers_query},
    {&com__avspl1t__worker_page__descriptor, read_worker_page, make_worker_page},
    {&com__avspl1t__drain_worker_message__descriptor, read_nothing, NULL},
    {&com__avspl1t__watch_jobs_message__descriptor, read_watch, make_watch},
    {&com__avspl1t__job_event__descriptor, read_event, NULL},
};

static grpc_byte_buffer *buffer_of(const uint8_t *data, size_t size)
{
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)data, size);
    grpc_byte_buffer *bytes = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return bytes;
}

static void byte_buffer_cleanup(grpc_byte_buffer **bytes)
{
    grpc_byte_buffer_destroy(*bytes);
}

/// What was read is sent on: the receiver must be able to read it.
static void check_again(size_t which, const union model *model)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    struct avsp_err err = {0};
    ProtobufCMessage *made = messages[which].make(&arena, model);
    AVSP_ASSERT(made != NULL);
    grpc_byte_buffer *AVSP_CLEANUP(byte_buffer_cleanup) bytes = NULL;
    enum avsp_code rc = avsp_wire_pack(made, AVSP_RPC_ANSWER_MAX_BYTES, &bytes, &err);
    AVSP_ASSERT(rc == AVSP_OK);
    ProtobufCMessage *msg = NULL;
    rc = avsp_wire_unpack(&arena, messages[which].type, bytes, AVSP_RPC_ANSWER_MAX_BYTES, &msg,
                          &err);
    AVSP_ASSERT(rc == AVSP_OK);
    union model back;
    memset(&back, 0, sizeof back);
    rc = messages[which].read(&arena, msg, &back, &err);
    if (rc != AVSP_OK)
        fprintf(stderr, "%s: %s\n", messages[which].type->name, err.text);
    AVSP_ASSERT(rc == AVSP_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t which = data[0] % AVSP_ARRAY_LEN(messages);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    grpc_byte_buffer *AVSP_CLEANUP(byte_buffer_cleanup) bytes = buffer_of(data + 1, size - 1);
    ProtobufCMessage *msg = NULL;
    union model model;
    memset(&model, 0, sizeof model);
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_wire_unpack(&arena, messages[which].type, bytes,
                                         AVSP_RPC_REQUEST_MAX_BYTES, &msg, &err);
    if (rc == AVSP_OK)
        rc = messages[which].read(&arena, msg, &model, &err);
    if (rc != AVSP_OK)
        AVSP_ASSERT(err.text[0] != '\0');
    else if (messages[which].make != NULL)
        check_again(which, &model);
    return 0;
}
