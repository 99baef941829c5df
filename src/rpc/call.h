/// One call that the server answers, from its arrival to its end; for src/rpc alone.
///
/// A method's `run` gets the call and, with it, the duty to end it exactly once, now or later, from any thread, but from one at a
/// time: by avsp_call_reply, _fail, _end (after _send) or _drop. Until then the call stays valid, whatever the client does.
/// A client that goes away is told to the method's `closed`, at most once, from another thread; the duty stays with whoever has it.
///
/// Life: slot (waits for a client) → arrived → run … → answered → freed with the last completed batch.
#ifndef AVSP_RPC_CALL_H
#define AVSP_RPC_CALL_H

#include "core/access.h"
#include "rpc/compat.h"
#include "rpc/pool.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/time.h"

#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>

struct avsp_server;
struct avsp_call;

/// What a completion queue gives back.
struct avsp_tag {
    void (*done)(struct avsp_call *call, bool ok);
    struct avsp_call *call;
};

/// One queue and the thread that serves it.
struct avsp_queue {
    struct avsp_server *srv;
    grpc_completion_queue *cq;
    pthread_t thread;
    bool has_thread;
};

struct avsp_method {
    const char *path; ///< NULL: whatever has no method of its own
    bool is_stream;   ///< the client sends messages one by one: nothing is read before `run`
    bool on_pool;     ///< `run` may block
    bool
        gathers; ///< `run` must not block, and gets the call unopened (avsp_call_open): it is served together with others
    size_t request_max_bytes;
    const ProtobufCMessageDescriptor *request; ///< NULL for is_stream
    void (*run)(struct avsp_call *call);
    void (*closed)(struct avsp_call *call); ///< may be NULL
    void (*freed)(
        struct avsp_call *call); ///< frees what `state` owns beyond the arena; may be NULL
};

struct avsp_call {
    struct avsp_server *srv;
    const struct avsp_method *method;
    void *registered; ///< gRPC's handle of the method
    struct avsp_queue *queue;

    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; ///< where method->path is NULL
    grpc_byte_buffer *payload;

    struct avsp_tag arrived;
    struct avsp_tag closed;
    struct avsp_tag sent;     ///< a message of a stream
    struct avsp_tag received; ///< likewise
    struct avsp_tag answered;
    int is_canceled; ///< gRPC writes it before `closed` completes
    atomic_uint refs;
    bool headers_sent;
    bool is_public; ///< anybody may make it

    struct avsp_caller caller; ///< who makes it; of a public method nobody
    struct avsp_work work;
    struct avsp_arena arena;   ///< lives as long as the call
    ProtobufCMessage *request; ///< unpacked in the arena; NULL for is_stream
    void *state;               ///< the method's own, in the arena; under the method's lock
    bool is_gone;              ///< the client went away; under the method's lock
    void (*on_sent)(struct avsp_call *call, bool ok);
    void (*on_received)(struct avsp_call *call, bool ok);
};

/// Finds out who makes the call, and unpacks its request. On the pool: may block.
/// @return false: it was answered with an error.
bool avsp_call_open(struct avsp_call *call) AVSP_CHECKED;

/// Waits for one more call of a method on a queue. Does nothing where memory ran out: other slots are there.
void avsp_call_listen(struct avsp_server *srv, const struct avsp_method *method, void *registered,
                      struct avsp_queue *queue);

/// Answers with a message, or with an error where it cannot be sent. @p msg NULL: the arena was full.
void avsp_call_reply(struct avsp_call *call, const ProtobufCMessage *msg);

/// Answers with an error.
void avsp_call_fail(struct avsp_call *call, const struct avsp_err *err);

/// Answers that there is no such method.
void avsp_call_fail_unimplemented(struct avsp_call *call);

/// Sends one message of a stream; then @p on_sent on a thread of the server's, which has the duty now. One at a time.
void avsp_call_send(struct avsp_call *call, const ProtobufCMessage *msg,
                    void (*on_sent)(struct avsp_call *call, bool ok));

/// Reads the client's next message into call->payload (NULL: there is no more); then @p on_received, as above.
void avsp_call_receive(struct avsp_call *call,
                       void (*on_received)(struct avsp_call *call, bool ok));

/// Ends a stream well.
void avsp_call_end(struct avsp_call *call);

/// Ends a call whose client is gone.
void avsp_call_drop(struct avsp_call *call);

/// Has @p run called on the pool; the duty goes along.
void avsp_call_push(struct avsp_call *call, void (*run)(struct avsp_work *work));

/// The call of its work.
struct avsp_call *avsp_call_of_work(struct avsp_work *work);

void avsp_call_ref(struct avsp_call *call);
void avsp_call_unref(struct avsp_call *call);

/// Milliseconds until the client's deadline, at most @p max_ms.
int64_t avsp_call_left_ms(const struct avsp_call *call, int64_t max_ms);

#endif
