#include "rpc/client_private.h"
#include "rpc/wire.h"

#include <string.h>

#define JOB_ARENA_BYTES (16u << 20)
#define QUERY_ARENA_BYTES (64u << 10)

/// A stream of jobs, or of events, while it runs. The address of each member is the tag of its batch.
struct stream {
    struct avsp_client *cli;
    struct avsp_flight flight;
    grpc_metadata_array headers;
    struct avsp_outcome outcome;
    grpc_byte_buffer *bytes;
    char begun, message, over;
};

static void begin(struct stream *stream, grpc_byte_buffer *request)
{
    grpc_op status;
    memset(&status, 0, sizeof status);
    status.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    status.data.recv_status_on_client.status = &stream->outcome.status;
    status.data.recv_status_on_client.status_details = &stream->outcome.details;
    status.data.recv_status_on_client.trailing_metadata = &stream->outcome.trailers;
    avsp_flight_start(&stream->flight, &status, 1, &stream->over);

    grpc_op ops[4];
    memset(ops, 0, sizeof ops);
    struct avsp_headers shown;
    avsp_flight_begin(stream->cli, &stream->flight, &shown, &ops[0]);
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &stream->headers;
    avsp_flight_start(&stream->flight, ops, 4, &stream->begun);
    avsp_headers_drop(&shown);
}

/// Waits for the next message; NULL in `bytes`: there is none.
static void receive(struct stream *stream)
{
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &stream->bytes;
    avsp_flight_start(&stream->flight, &op, 1, &stream->message);
    if (!avsp_flight_wait(&stream->flight, &stream->message) && stream->bytes != NULL) {
        grpc_byte_buffer_destroy(stream->bytes);
        stream->bytes = NULL;
    }
}

/// Reads one message and gives it to the caller. @param ret_more  what the caller said.
typedef enum avsp_code deliver_fn(struct avsp_arena *arena, grpc_byte_buffer *bytes, void *reader,
                                  bool *ret_more, struct avsp_err *err);

/// Who gets the jobs of WatchJob.
struct job_reader {
    bool (*each)(void *opaque, const struct avsp_job *job);
    void *opaque;
};

static enum avsp_code deliver_job(struct avsp_arena *arena, grpc_byte_buffer *bytes, void *opaque,
                                  bool *ret_more, struct avsp_err *err)
{
    const struct job_reader *reader = opaque;
    ProtobufCMessage *msg;
    struct avsp_job job;
    enum avsp_code rc = avsp_wire_unpack(arena, &com__avspl1t__job__descriptor, bytes,
                                         AVSP_RPC_ANSWER_MAX_BYTES, &msg, err);
    if (rc == AVSP_OK)
        rc = avsp_wire_read_job(arena, (Com__Avspl1t__Job *)msg, &job, err);
    if (rc != AVSP_OK)
        return avsp_client_bad_answer(err);
    *ret_more = reader->each(reader->opaque, &job);
    return AVSP_OK;
}

/// Who gets the events of WatchJobs.
struct event_reader {
    bool (*each)(void *opaque, const struct avsp_job *job, const char *cursor);
    void *opaque;
};

static enum avsp_code deliver_event(struct avsp_arena *arena, grpc_byte_buffer *bytes, void *opaque,
                                    bool *ret_more, struct avsp_err *err)
{
    const struct event_reader *reader = opaque;
    ProtobufCMessage *msg;
    struct avsp_job job;
    enum avsp_code rc = avsp_wire_unpack(arena, &com__avspl1t__job_event__descriptor, bytes,
                                         AVSP_RPC_ANSWER_MAX_BYTES, &msg, err);
    const Com__Avspl1t__JobEvent *event = (Com__Avspl1t__JobEvent *)msg;
    if (rc == AVSP_OK && event->job != NULL)
        rc = avsp_wire_read_job(arena, event->job, &job, err);
    if (rc != AVSP_OK)
        return avsp_client_bad_answer(err);
    *ret_more = reader->each(reader->opaque, event->job != NULL ? &job : NULL, event->cursor);
    return AVSP_OK;
}

/// All messages, until there is none, the caller has enough, or one is bad. @p ret_stopped  one of the latter two.
static enum avsp_code deliver_all(struct stream *stream, deliver_fn *deliver, void *reader,
                                  bool *ret_stopped, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    bool more = true;
    while (rc == AVSP_OK && more) {
        receive(stream);
        if (stream->bytes == NULL)
            break;
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, JOB_ARENA_BYTES);
        rc = deliver(&arena, stream->bytes, reader, &more, err);
        grpc_byte_buffer_destroy(stream->bytes);
        stream->bytes = NULL;
    }
    *ret_stopped = rc != AVSP_OK || !more;
    return rc;
}

static enum avsp_code follow(struct stream *stream, grpc_byte_buffer *request, deliver_fn *deliver,
                             void *reader, struct avsp_err *err)
{
    begin(stream, request);
    bool is_stopped;
    enum avsp_code rc = deliver_all(stream, deliver, reader, &is_stopped, err);
    if (is_stopped)
        grpc_call_cancel(stream->flight.call, NULL);
    avsp_flight_wait(&stream->flight, &stream->begun);
    avsp_flight_wait(&stream->flight, &stream->over);
    if (is_stopped || stream->outcome.status == GRPC_STATUS_OK)
        return rc;
    return avsp_outcome_error(stream->cli, &stream->outcome, err);
}

static enum avsp_code stream_call(struct avsp_client *cli, const char *method,
                                  const ProtobufCMessage *msg, deliver_fn *deliver, void *reader,
                                  struct avsp_mono deadline, struct avsp_err *err)
{
    grpc_byte_buffer *request;
    enum avsp_code rc = avsp_wire_pack(msg, AVSP_RPC_REQUEST_MAX_BYTES, &request, err);
    if (rc != AVSP_OK)
        return rc;
    struct stream stream = {.cli = cli};
    rc = avsp_flight_open(cli, method, deadline, &stream.flight, err);
    if (rc == AVSP_OK) {
        grpc_metadata_array_init(&stream.headers);
        avsp_outcome_init(&stream.outcome);
        rc = follow(&stream, request, deliver, reader, err);
        grpc_metadata_array_destroy(&stream.headers);
        avsp_outcome_deinit(&stream.outcome);
        avsp_flight_close(cli, &stream.flight);
    }
    grpc_byte_buffer_destroy(request);
    return rc;
}

enum avsp_code avsp_client_watch(struct avsp_client *cli, const char *job_id,
                                 bool (*each)(void *opaque, const struct avsp_job *job),
                                 void *opaque, struct avsp_mono deadline, struct avsp_err *err)
{
    Com__Avspl1t__JobId id = COM__AVSPL1T__JOB_ID__INIT;
    id.id = (char *)job_id;
    struct job_reader reader = {each, opaque};
    return stream_call(cli, "/com.avspl1t.CoordinatorService/WatchJob", &id.base, deliver_job,
                       &reader, deadline, err);
}

enum avsp_code avsp_client_watch_all(struct avsp_client *cli, const struct avsp_watch_query *query,
                                     bool (*each)(void *opaque, const struct avsp_job *job,
                                                  const char *cursor),
                                     void *opaque, struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, QUERY_ARENA_BYTES);
    struct event_reader reader = {each, opaque};
    const Com__Avspl1t__WatchJobsMessage *msg = avsp_wire_make_watch(&arena, query);
    if (msg == NULL)
        return avsp_arena_failed(&arena, err);
    return stream_call(cli, "/com.avspl1t.CoordinatorService/WatchJobs", &msg->base, deliver_event,
                       &reader, deadline, err);
}
