/// The parts of a server and how they hang together; for src/rpc alone.
///
/// server.c starts and stops; server_call.c moves calls; server_ops.c has a function a method; server_park.c keeps claims that wait,
/// server_watch.c followed jobs (one: server_watch_job.c, all: server_watch_all.c), health.c and reflection.c the two standard services; server_tick.c is the one clock.
/// Locks are leaves: none is held over another, nor over a callback, a push to the pool or a call to gRPC.
#ifndef AVSP_RPC_SERVING_H
#define AVSP_RPC_SERVING_H

#include "rpc/call.h"
#include "rpc/server.h"
#include "rpc/tls.h"

#include <pthread.h>

#define AVSP_QUEUES_MAX 4
#define AVSP_ADDRESSES_MAX 8 ///< that one name to listen at stands for
/// Parked claims included: an idle worker has two, and gRPC of its own accord watches the health of each connection. So this
/// is 15,000 workers, and room for those who ask.
#define AVSP_CALLS_MAX 50000
/// Of those that anybody may make; beyond it they are not there (UNIMPLEMENTED), and gRPC's clients do without health.
#define AVSP_PUBLIC_CALLS_MAX 25000

struct avsp_gather;
struct avsp_parking;
struct avsp_watching;
struct avsp_health;
struct avsp_reflection;
struct avsp_ticker;

struct avsp_server {
    struct avsp_service_ops ops;
    void *opaque;
    grpc_server *grpc;
    grpc_completion_queue *stop_cq;
    struct avsp_queue queues[AVSP_QUEUES_MAX];
    unsigned n_queues;
    struct avsp_pool *pool;
    struct avsp_gather *claims, *beats, *finishes;
    struct avsp_parking *parking;
    struct avsp_watching *watching;
    struct avsp_health *health;
    struct avsp_reflection *reflection;
    struct avsp_ticker *ticker;
    struct avsp_tls_port ports[AVSP_ADDRESSES_MAX];
    unsigned n_ports;
    int port;
    bool is_started;
    atomic_uint n_calls;        ///< that clients made
    atomic_uint n_public_calls; ///< of those, to methods that anybody may call
    // Every slot and call; the queues may be shut down once there is none. gRPC's own notice does not wait for calls whose
    // connection is gone.
    pthread_mutex_t lock;
    pthread_cond_t is_empty;
    unsigned n_objects;
};

// server_listen.c
/// Binds, and says in the server which port. @return as avsp_server_start.
enum avsp_code avsp_listen(struct avsp_server *srv, const struct avsp_server_options *options,
                           struct avsp_err *err) AVSP_CHECKED;

// server_ops.c
extern const struct avsp_method avsp_ops_methods[];
extern const size_t avsp_ops_n_methods;
/// Serve calls that came together.
void avsp_ops_heartbeats(struct avsp_server *srv, struct avsp_call **calls, size_t n);
void avsp_ops_finishes(struct avsp_server *srv, struct avsp_call **calls, size_t n);

// server_park.c
extern const struct avsp_method avsp_park_method;
/// Asks for several at once.
void avsp_parking_ask(struct avsp_server *srv, struct avsp_call **calls, size_t n);
struct avsp_parking *avsp_parking_new(void);
void avsp_parking_free(struct avsp_parking *parking);
/// Asks up to @p n parked claims again.
void avsp_parking_wake(struct avsp_server *srv, unsigned n);
/// Answers those whose time is over; returns when to come again.
struct avsp_mono avsp_parking_tick(struct avsp_server *srv, struct avsp_mono now);
/// Answers all with "none"; from now on nobody is parked.
void avsp_parking_close(struct avsp_server *srv);

// server_watch.c, server_watch_job.c, server_watch_all.c
extern const struct avsp_method avsp_watch_method;
extern const struct avsp_method avsp_watch_all_method;
struct avsp_watching *avsp_watching_new(void);
void avsp_watching_free(struct avsp_watching *watching);
/// Looks at every watched job again; at @p over_job_id (NULL = none), which has come to its end, without delay.
void avsp_watching_wake(struct avsp_server *srv, const char *over_job_id);
struct avsp_mono avsp_watching_tick(struct avsp_server *srv, struct avsp_mono now);
/// Ends all with UNAVAILABLE, also those to come.
void avsp_watching_close(struct avsp_server *srv);

// health.c
extern const struct avsp_method avsp_health_methods[];
extern const size_t avsp_health_n_methods;
struct avsp_health *avsp_health_new(void);
void avsp_health_free(struct avsp_health *health);
/// Says NOT_SERVING from now on.
void avsp_health_stop_serving(struct avsp_server *srv);
/// Says NOT_SERVING while it is not fit.
void avsp_health_set_fit(struct avsp_server *srv, bool is_fit);
/// Ends all watches with UNAVAILABLE, also those to come.
void avsp_health_close(struct avsp_server *srv);

// reflection.c
extern const struct avsp_method avsp_reflection_methods[];
extern const size_t avsp_reflection_n_methods;
/// NULL where memory ran out.
struct avsp_reflection *avsp_reflection_new(void);
void avsp_reflection_free(struct avsp_reflection *reflection);

// server_tick.c
struct avsp_ticker *avsp_ticker_new(struct avsp_server *srv, struct avsp_err *err) AVSP_CHECKED;
void avsp_ticker_free(struct avsp_ticker *ticker);
/// Has the two tick functions called at @p due, or before.
void avsp_ticker_poke(struct avsp_ticker *ticker, struct avsp_mono due);

#endif
