#include "rpc/access.h"
#include "rpc/call.h"
#include "rpc/serving.h"
#include "rpc/status.h"
#include "rpc/wire.h"

#include <string.h>

#define OPS_MAX 3

void avsp_call_ref(struct avsp_call *call)
{
    atomic_fetch_add(&call->refs, 1);
}

void avsp_call_unref(struct avsp_call *call)
{
    if (atomic_fetch_sub(&call->refs, 1) != 1)
        return;
    grpc_call *grpc = call->grpc;
    struct avsp_server *srv = call->srv;
    const bool is_public = call->is_public;
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    grpc_byte_buffer_destroy(call->payload);
    if (call->method->freed != NULL)
        call->method->freed(call);
    avsp_arena_deinit(&call->arena);
    free(call);
    if (grpc != NULL) { // else a slot that no client came to
        atomic_fetch_sub(&srv->n_calls, 1);
        if (is_public)
            atomic_fetch_sub(&srv->n_public_calls, 1);
        grpc_call_unref(grpc);
    }
    pthread_mutex_lock(&srv->lock);
    if (--srv->n_objects == 0)
        pthread_cond_signal(&srv->is_empty);
    pthread_mutex_unlock(&srv->lock); // last: the server's end waits for it
}

struct avsp_call *avsp_call_of_work(struct avsp_work *work)
{
    return (struct avsp_call *)((char *)work - offsetof(struct avsp_call, work));
}

void avsp_call_push(struct avsp_call *call, void (*run)(struct avsp_work *work))
{
    call->work.run = run;
    avsp_pool_push(call->srv->pool, &call->work);
}

int64_t avsp_call_left_ms(const struct avsp_call *call, int64_t max_ms)
{
    gpr_timespec left = gpr_time_sub(call->deadline, gpr_now(call->deadline.clock_type));
    if (left.tv_sec < 0)
        return 0;
    if (left.tv_sec > max_ms / 1000)
        return max_ms;
    return AVSP_MIN(left.tv_sec * 1000 + left.tv_nsec / 1000000, max_ms);
}

/// Starts a batch that ends with @p tag; the tag holds the call until then.
static void start(struct avsp_call *call, const grpc_op *ops, size_t n, struct avsp_tag *tag)
{
    avsp_call_ref(call);
    grpc_call_error rc = grpc_call_start_batch(call->grpc, ops, n, tag, NULL);
    AVSP_ASSERT(rc == GRPC_CALL_OK); // anything else is a batch that gRPC's contract forbids
}

static void on_answered(struct avsp_call *call, bool ok)
{
    (void)ok; // a client that did not get it is told to `closed`
    avsp_call_unref(call);
    avsp_call_unref(call); // the duty is done
}

/// The last batch of a call. @p bytes is borrowed, may be NULL; @p name is the exact code's, NULL where there is none.
static void answer(struct avsp_call *call, grpc_byte_buffer *bytes, grpc_status_code status,
                   const char *name, const char *text)
{
    grpc_op ops[OPS_MAX];
    memset(ops, 0, sizeof ops);
    size_t n = 0;
    if (!call->headers_sent)
        ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (bytes != NULL) {
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = bytes;
    }
    grpc_metadata exact;
    memset(&exact, 0, sizeof exact);
    exact.key = grpc_slice_from_static_string(AVSP_STATUS_KEY);
    exact.value = grpc_slice_from_static_string(name != NULL ? name : "");
    grpc_slice details = grpc_slice_from_copied_string(text);
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].data.send_status_from_server.status = status;
    ops[n].data.send_status_from_server.status_details = &details;
    if (name != NULL) {
        ops[n].data.send_status_from_server.trailing_metadata_count = 1;
        ops[n].data.send_status_from_server.trailing_metadata = &exact;
    }
    start(call, ops, n + 1, &call->answered);
    grpc_slice_unref(details);
}

void avsp_call_fail(struct avsp_call *call, const struct avsp_err *err)
{
    const char *text = avsp_wire_clip(&call->arena, err->text, AVSP_ERR_TEXT_BYTES);
    answer(call, NULL, avsp_status_of(err->code), avsp_code_name(err->code),
           text != NULL ? text : "memory ran out");
}

void avsp_call_fail_unimplemented(struct avsp_call *call)
{
    answer(call, NULL, GRPC_STATUS_UNIMPLEMENTED, NULL, "there is no such method");
}

/// The bytes of a message, NULL with @p err where it cannot be sent.
static grpc_byte_buffer *pack(const ProtobufCMessage *msg, struct avsp_err *err)
{
    grpc_byte_buffer *bytes = NULL;
    if (msg == NULL)
        avsp_err_set(err, AVSP_LIMIT, "the answer is too large");
    else if (avsp_wire_pack(msg, AVSP_RPC_ANSWER_MAX_BYTES, &bytes, err) == AVSP_INVALID)
        err->code = AVSP_INTERNAL; // a bad string of ours is not the client's mistake
    return bytes;
}

void avsp_call_reply(struct avsp_call *call, const ProtobufCMessage *msg)
{
    struct avsp_err err = {0};
    grpc_byte_buffer *bytes = pack(msg, &err);
    if (bytes == NULL) {
        avsp_call_fail(call, &err);
        return;
    }
    answer(call, bytes, GRPC_STATUS_OK, NULL, "");
    grpc_byte_buffer_destroy(bytes);
}

void avsp_call_end(struct avsp_call *call)
{
    answer(call, NULL, GRPC_STATUS_OK, NULL, "");
}

void avsp_call_drop(struct avsp_call *call)
{
    avsp_call_unref(call);
}

static void on_sent(struct avsp_call *call, bool ok)
{
    call->on_sent(call, ok);
    avsp_call_unref(call);
}

void avsp_call_send(struct avsp_call *call, const ProtobufCMessage *msg,
                    void (*sent)(struct avsp_call *call, bool ok))
{
    struct avsp_err err = {0};
    grpc_byte_buffer *bytes = pack(msg, &err);
    if (bytes == NULL) {
        avsp_call_fail(call, &err);
        return;
    }
    grpc_op ops[OPS_MAX];
    memset(ops, 0, sizeof ops);
    size_t n = 0;
    if (!call->headers_sent)
        ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->headers_sent = true;
    ops[n].op = GRPC_OP_SEND_MESSAGE;
    ops[n++].data.send_message.send_message = bytes;
    call->on_sent = sent;
    start(call, ops, n, &call->sent);
    grpc_byte_buffer_destroy(bytes);
}

static void on_received(struct avsp_call *call, bool ok)
{
    call->on_received(call, ok);
    avsp_call_unref(call);
}

void avsp_call_receive(struct avsp_call *call, void (*received)(struct avsp_call *call, bool ok))
{
    grpc_byte_buffer_destroy(call->payload);
    call->payload = NULL;
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &call->payload;
    call->on_received = received;
    start(call, &op, 1, &call->received);
}

/// The client got its status, or went away.
static void on_closed(struct avsp_call *call, bool ok)
{
    if ((!ok || call->is_canceled) && call->method->closed != NULL)
        call->method->closed(call);
    avsp_call_unref(call);
}

bool avsp_call_open(struct avsp_call *call)
{
    struct avsp_err err = {0};
    const struct avsp_method *method = call->method;
    enum avsp_code rc = avsp_call_admit(call, &err);
    if (rc == AVSP_OK && method->request != NULL) {
        rc = avsp_wire_unpack(&call->arena, method->request, call->payload,
                              method->request_max_bytes, &call->request, &err);
        grpc_byte_buffer_destroy(call->payload);
        call->payload = NULL;
    }
    if (rc != AVSP_OK)
        avsp_call_fail(call, &err);
    return rc == AVSP_OK;
}

/// Gives the call to its method.
static void begin(struct avsp_call *call)
{
    if (avsp_call_open(call))
        call->method->run(call);
}

static void begin_on_pool(struct avsp_work *work)
{
    begin(avsp_call_of_work(work));
}

static void on_arrived(struct avsp_call *call, bool ok)
{
    if (!ok) { // the server stops
        avsp_call_unref(call);
        return;
    }
    avsp_call_listen(call->srv, call->method, call->registered, call->queue);
    unsigned n_calls = atomic_fetch_add(&call->srv->n_calls, 1);
    unsigned n_public = call->is_public ? atomic_fetch_add(&call->srv->n_public_calls, 1) : 0;
    // Alone in its batch: gRFC L104 forbids it beside the status.
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op.data.recv_close_on_server.cancelled = &call->is_canceled;
    start(call, &op, 1, &call->closed);
    if (n_calls >= AVSP_CALLS_MAX) {
        struct avsp_err err = {0};
        avsp_err_set(&err, AVSP_UNAVAILABLE, "the coordinator has %u calls already", n_calls);
        avsp_call_fail(call, &err);
    } else if (n_public >= AVSP_PUBLIC_CALLS_MAX) {
        avsp_call_fail_unimplemented(call);
    } else if (call->method->gathers) {
        call->method->run(call);
    } else if (call->method->on_pool) {
        avsp_call_push(call, begin_on_pool);
    } else {
        begin(call);
    }
}

static void init_tag(struct avsp_tag *tag, struct avsp_call *call,
                     void (*done)(struct avsp_call *call, bool ok))
{
    tag->done = done;
    tag->call = call;
}

void avsp_call_listen(struct avsp_server *srv, const struct avsp_method *method, void *registered,
                      struct avsp_queue *queue)
{
    struct avsp_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return;
    pthread_mutex_lock(&srv->lock);
    srv->n_objects++;
    pthread_mutex_unlock(&srv->lock);
    call->srv = srv;
    call->method = method;
    call->registered = registered;
    call->queue = queue;
    call->is_public = avsp_access_to(method->path) == AVSP_RPC_PUBLIC;
    atomic_init(&call->refs, 1);
    avsp_arena_init(&call->arena, AVSP_WIRE_ARENA_BYTES);
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    init_tag(&call->arrived, call, on_arrived);
    init_tag(&call->closed, call, on_closed);
    init_tag(&call->sent, call, on_sent);
    init_tag(&call->received, call, on_received);
    init_tag(&call->answered, call, on_answered);
    grpc_call_error rc =
        method->path == NULL
            ? grpc_server_request_call(srv->grpc, &call->grpc, &call->details, &call->metadata,
                                       queue->cq, queue->cq, &call->arrived)
            : grpc_server_request_registered_call(
                  srv->grpc, registered, &call->grpc, &call->deadline, &call->metadata,
                  method->is_stream ? NULL : &call->payload, queue->cq, queue->cq, &call->arrived);
    AVSP_ASSERT(rc == GRPC_CALL_OK);
}
