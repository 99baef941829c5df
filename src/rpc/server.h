/// The service, served: gRPC in front, plain functions behind. The only public face of gRPC for the coordinator.
///
///     struct avsp_service_ops ops = {.submit = my_submit, …};
///     struct avsp_server *srv = avsp_server_start(&options, &ops, opaque, err);
///     … avsp_server_wake(srv, n) whenever tasks became claimable or jobs changed …
///     avsp_server_stop(srv, grace_ms);     // lame duck, drain, then free
///
/// Requests are checked for what their types promise (UTF-8, ranges, sizes) before an operation sees them. Operations run
/// on a pool of threads and may block; several run at once. An error they return becomes a gRPC status by the table in
/// rpc/status.c, its text the message. A claim that finds nothing and may wait is parked at no thread's cost, and asked
/// again when woken. Serves grpc.health.v1 and reflection beside the service. Call everything after fork()s are done, with
/// SIGTERM/SIGINT blocked in all threads (the caller waits for them).
#ifndef AVSP_RPC_SERVER_H
#define AVSP_RPC_SERVER_H

#include "core/access.h"
#include "core/together.h"
#include "rpc/security.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/id.h"

struct avsp_server;

/// What the coordinator does for each call. `opaque` is the pointer given at start; answers' strings live in @p arena,
/// which is freed once the answer is sent. All run on pool threads, several at once. Claims, heartbeats and finishes that arrive
/// together are served together (core/together.h). Signatures follow db/store.h.
/// Those that get a caller see to it that he reaches his own jobs only.
struct avsp_service_ops {
    /// Who is it? Asked before each call, and again while one waits; which call is open to whom is the server's own business
    /// (rpc/access.h). @return OK; UNAUTHENTICATED.
    enum avsp_code (*authenticate)(void *opaque, const struct avsp_credentials *shown,
                                   struct avsp_caller *ret_caller, struct avsp_err *err);
    enum avsp_code (*submit)(void *opaque, const struct avsp_caller *caller,
                             const struct avsp_job_spec *spec, char ret_job_id[AVSP_ID_BYTES],
                             struct avsp_err *err);
    enum avsp_code (*get_job)(void *opaque, const struct avsp_caller *caller, const char *job_id,
                              struct avsp_arena *arena, struct avsp_job *ret_job,
                              struct avsp_err *err);
    enum avsp_code (*list_jobs)(void *opaque, const struct avsp_caller *caller,
                                const struct avsp_job_filter *filter, struct avsp_arena *arena,
                                struct avsp_job_page *ret_page, struct avsp_err *err);
    enum avsp_code (*list_attempts)(void *opaque, const struct avsp_caller *caller,
                                    const struct avsp_attempts_query *query,
                                    struct avsp_arena *arena, struct avsp_attempt_page *ret_page,
                                    struct avsp_err *err);
    enum avsp_code (*list_changes)(void *opaque, const struct avsp_caller *caller,
                                   const struct avsp_changes_query *query, struct avsp_arena *arena,
                                   struct avsp_changes_page *ret_page, struct avsp_err *err);
    enum avsp_code (*cancel)(void *opaque, const struct avsp_caller *caller, const char *job_id,
                             struct avsp_err *err);
    enum avsp_code (*retry)(void *opaque, const struct avsp_caller *caller, const char *job_id,
                            bool repin, struct avsp_err *err);
    enum avsp_code (*pause)(void *opaque, const struct avsp_caller *caller, const char *job_id,
                            struct avsp_err *err);
    enum avsp_code (*resume)(void *opaque, const struct avsp_caller *caller, const char *job_id,
                             struct avsp_err *err);
    enum avsp_code (*set_priority)(void *opaque, const struct avsp_caller *caller,
                                   const char *job_id, int32_t priority, struct avsp_err *err);
    enum avsp_code (*delete_job)(void *opaque, const struct avsp_caller *caller, const char *job_id,
                                 bool force, struct avsp_err *err);
    enum avsp_code (*list_workers)(void *opaque, const struct avsp_workers_query *query,
                                   struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                   struct avsp_err *err);
    enum avsp_code (*drain)(void *opaque, const char *worker_id, bool drain, struct avsp_err *err);
    void (*claim_many)(void *opaque, struct avsp_claim_item *items, size_t n);
    void (*heartbeat_many)(void *opaque, struct avsp_beat_item *items, size_t n);
    enum avsp_code (*report)(void *opaque, const char *worker_id, const char *task_id,
                             struct avsp_token token, const struct avsp_outputs *outputs,
                             struct avsp_attempt_status *ret_status, struct avsp_err *err);
    void (*finish_many)(void *opaque, struct avsp_finish_item *items, size_t n);
    enum avsp_code (*release)(void *opaque, const char *worker_id, const char *task_id,
                              struct avsp_token token, struct avsp_err *err);
    enum avsp_code (*list_outputs)(void *opaque, const struct avsp_outputs_query *query,
                                   struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                   struct avsp_err *err);
};

struct avsp_server_options {
    const char *listen; ///< "HOST:PORT" (port 0 = any free one), "[::1]:PORT" or "unix:PATH"
    unsigned n_threads; ///< of the pool for operations; 0 = a sensible number
    struct avsp_server_tls tls; ///< not of a unix socket, which is always plain text
};

/// Starts serving. @return NULL with @p err: INVALID an address that is not one, a certificate and a key that do not fit;
///         EXISTS in use by another program; DENIED; LIMIT; of the files of TLS also NOT_FOUND, ….
struct avsp_server *avsp_server_start(const struct avsp_server_options *options,
                                      const struct avsp_service_ops *ops, void *opaque,
                                      struct avsp_err *err) AVSP_CHECKED;

/// The port in use, 0 for a unix socket.
int avsp_server_port(const struct avsp_server *srv);

/// Up to @p n_ready parked claims are asked again (one that finds nothing passes its turn on to one that takes other
/// kinds), and every watched job is looked at again. Any thread, never blocks.
void avsp_server_wake(struct avsp_server *srv, unsigned n_ready);

/// A job has come to its end: who watches it hears of that at once, not within the tenth of a second that other changes
/// may wait. Any thread, never blocks.
void avsp_server_job_over(struct avsp_server *srv, const char *job_id);

/// Health says NOT_SERVING while the coordinator cannot serve though it runs: who balances by health goes to another one. Calls
/// are served as ever, and parked claims asked again, for the operations to refuse. Any thread.
void avsp_server_set_fit(struct avsp_server *srv, bool is_fit);

/// Operations may wake while it runs; other threads must have ceased to. An operation that takes longer than the grace is
/// waited for all the same.
/// Health says NOT_SERVING for @p lame_duck_ms while calls are still served; then no new calls, parked ones are answered
/// (none / UNAVAILABLE), running ones get up to @p grace_ms; then everything is freed.
void avsp_server_stop(struct avsp_server *srv, int lame_duck_ms, int grace_ms);

#endif
