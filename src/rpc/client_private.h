/// The parts of a client; for src/rpc alone.
///
/// client.c has a function a method, client_call.c makes one call, client_watch.c follows a stream, client_link.c keeps the
/// channel, client_target.c understands addresses, client_error.c says for people what gRPC says for programmers.
#ifndef AVSP_RPC_CLIENT_PRIVATE_H
#define AVSP_RPC_CLIENT_PRIVATE_H

#include "rpc/client.h"
#include "rpc/compat.h"
#include "rpc/tls.h"

#include <protobuf-c/protobuf-c.h>
#include <pthread.h>
#include <stdatomic.h>

/// A channel and the calls that use it.
struct avsp_link {
    grpc_channel *channel;
    char token[AVSP_TOKEN_TEXT_BYTES]; ///< to be shown with each call; "" = none
    unsigned n_uses;                   ///< under the client's lock; the client's own included
};

/// A call under way, in the client's list so that shutdown reaches it.
struct avsp_flight {
    struct avsp_flight *prev, *next;
    struct avsp_link *link;
    grpc_call *call;
    grpc_completion_queue *cq; ///< a pluck queue of its own
    gpr_timespec deadline;
};

struct avsp_client {
    char *target;    ///< as given: for people
    char *name;      ///< as gRPC understands it
    char *authority; ///< what a certificate must be for; "" = what the name says
    struct avsp_client_security security;
    bool fail_fast;
    pthread_mutex_t lock;
    struct avsp_link *link;                         ///< for new calls; never NULL
    struct avsp_file_mark marks[AVSP_CLIENT_FILES]; ///< of its files
    struct avsp_mono look_again;                    ///< at the files
    struct avsp_err refused; ///< why those that are there now are not in use; code OK: they are
    struct avsp_flight *flights;
    bool is_shut_down;
    atomic_bool has_answered; ///< there was a coordinator, and it took a call of ours
};

/// What a call ended with.
struct avsp_outcome {
    grpc_status_code status;
    grpc_slice details;
    grpc_metadata_array trailers;
};

void avsp_outcome_init(struct avsp_outcome *outcome);
void avsp_outcome_deinit(struct avsp_outcome *outcome);

// client_call.c
/// Opens a call. @return OK: close with avsp_flight_close; CANCELED after shutdown.
enum avsp_code avsp_flight_open(struct avsp_client *cli, const char *method,
                                struct avsp_mono deadline, struct avsp_flight *ret_flight,
                                struct avsp_err *err) AVSP_CHECKED;
void avsp_flight_close(struct avsp_client *cli, struct avsp_flight *flight);
/// Starts a batch with @p tag.
void avsp_flight_start(struct avsp_flight *flight, const grpc_op *ops, size_t n, void *tag);
/// Fills in the op that begins the call, with what identifies us. Start it, then drop the headers.
struct avsp_headers {
    grpc_metadata list[1];
    size_t n;
};
void avsp_flight_begin(const struct avsp_client *cli, const struct avsp_flight *flight,
                       struct avsp_headers *ret_headers, grpc_op *ret_op);
void avsp_headers_drop(struct avsp_headers *headers);
/// Waits for the batch of @p tag: it always ends, by its deadline at the latest. @return success of the batch.
bool avsp_flight_wait(struct avsp_flight *flight, void *tag);

/// One request, one answer. @p ret_msg lives in @p arena.
enum avsp_code avsp_client_call(struct avsp_client *cli, const char *method,
                                const ProtobufCMessage *request,
                                const ProtobufCMessageDescriptor *answer_type,
                                struct avsp_arena *arena, ProtobufCMessage **ret_msg,
                                struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;

/// An answer that is not what the protocol says: @p err gets what was wrong with it.
enum avsp_code avsp_client_bad_answer(struct avsp_err *err);

// client_link.c
/// Opens the client's first channel. @return OK; as avsp_client_credentials.
enum avsp_code avsp_link_begin(struct avsp_client *cli, struct avsp_err *err) AVSP_CHECKED;
/// The channel for a new call: another one where the client's files have changed. Under the lock.
struct avsp_link *avsp_link_take(struct avsp_client *cli);
/// Under the lock. @return the channel to be destroyed without it, or NULL.
grpc_channel *avsp_link_give(struct avsp_link *link) AVSP_CHECKED;

// client_target.c
bool avsp_target_is_unix(const char *target);
/// Does it lead nowhere but to this machine: a unix socket, or loopback addresses?
bool avsp_target_is_local(const char *target);
/// The name gRPC understands, and the host that it stands for where the name itself does not say it, else "".
/// free() both, whatever is returned. @return OK; INVALID; NO_MEMORY.
enum avsp_code avsp_target_parse(const char *target, char **ret_name, char **ret_authority,
                                 struct avsp_err *err) AVSP_CHECKED;

// client_error.c
/// The error of a call that did not end with OK.
enum avsp_code avsp_outcome_error(struct avsp_client *cli, const struct avsp_outcome *outcome,
                                  struct avsp_err *err) AVSP_CHECKED;

#endif
