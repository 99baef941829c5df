#include "rpc/server.h"
#include "rpc/access.h"
#include "rpc/grpc_use.h"
#include "rpc/server_gather.h"
#include "rpc/serving.h"

#include <unistd.h>

/// Calls that may arrive at once on one queue before one has to wait for a slot.
#define SLOTS 8
#define POOL_THREADS_MIN 8
#define POOL_THREADS_MAX 32
#define CONNECTION_AGE_MS (60 * 60 * 1000)

static void *serve(void *opaque)
{
    struct avsp_queue *queue = opaque;
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        struct avsp_tag *tag = event.tag;
        tag->done(tag->call, event.success != 0);
    }
}

static long n_processors(void)
{
    return AVSP_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
}

static grpc_server *create(void)
{
    grpc_arg list[] = {
        AVSP_GRPC_INT(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, AVSP_RPC_REQUEST_MAX_BYTES),
        AVSP_GRPC_INT(GRPC_ARG_KEEPALIVE_TIME_MS, 60000),
        AVSP_GRPC_INT(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000),
        AVSP_GRPC_INT(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        // At most what a client of ours keeps between two pings, or it is told to go away.
        AVSP_GRPC_INT(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000),
        // A second coordinator must not share the port silently.
        AVSP_GRPC_INT(GRPC_ARG_ALLOW_REUSEPORT, 0),
        // Whoever keeps a connection must show now and then that its certificate is still good: calls under way go on.
        AVSP_GRPC_INT(GRPC_ARG_MAX_CONNECTION_AGE_MS, CONNECTION_AGE_MS),
    };
    grpc_channel_args args = {AVSP_ARRAY_LEN(list), list};
    return grpc_server_create(&args, NULL);
}

static void create_queues(struct avsp_server *srv)
{
    srv->n_queues = (unsigned)AVSP_MIN(n_processors(), AVSP_QUEUES_MAX);
    for (unsigned i = 0; i < srv->n_queues; i++) {
        srv->queues[i].srv = srv;
        srv->queues[i].cq = grpc_completion_queue_create_for_next(NULL);
        grpc_server_register_completion_queue(srv->grpc, srv->queues[i].cq, NULL);
    }
    srv->stop_cq = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(srv->grpc, srv->stop_cq, NULL);
}

/// A list of methods that one file serves, and what gRPC calls them.
struct method_list {
    const struct avsp_method *methods;
    size_t n;
};

#define METHODS_MAX 32

static void start_methods(struct avsp_server *srv)
{
    const struct method_list lists[] = {
        {avsp_ops_methods, avsp_ops_n_methods},
        {&avsp_park_method, 1},
        {&avsp_watch_method, 1},
        {&avsp_watch_all_method, 1},
        {avsp_health_methods, avsp_health_n_methods},
        {avsp_reflection_methods, avsp_reflection_n_methods},
    };
    struct {
        const struct avsp_method *method;
        void *registered;
    } all[METHODS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(lists); i++) {
        for (size_t k = 0; k < lists[i].n; k++) {
            AVSP_ASSERT(n < METHODS_MAX);
            const struct avsp_method *method = &lists[i].methods[k];
            (void)avsp_access_to(method->path); // there is a rule
            all[n].method = method;
            all[n++].registered =
                method->path == NULL
                    ? NULL
                    : grpc_server_register_method(srv->grpc, method->path, NULL,
                                                  method->is_stream
                                                      ? GRPC_SRM_PAYLOAD_NONE
                                                      : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
                                                  0);
        }
    }
    grpc_server_start(srv->grpc);
    srv->is_started = true;
    for (unsigned q = 0; q < srv->n_queues; q++)
        for (size_t i = 0; i < n; i++)
            for (unsigned slot = 0; slot < SLOTS; slot++)
                avsp_call_listen(srv, all[i].method, all[i].registered, &srv->queues[q]);
}

static enum avsp_code start_threads(struct avsp_server *srv, unsigned n_pool, struct avsp_err *err)
{
    if (n_pool == 0)
        n_pool =
            (unsigned)AVSP_MIN(AVSP_MAX(2 * n_processors(), POOL_THREADS_MIN), POOL_THREADS_MAX);
    srv->pool = avsp_pool_new(n_pool, err);
    if (srv->pool == NULL)
        return err->code;
    srv->ticker = avsp_ticker_new(srv, err);
    if (srv->ticker == NULL)
        return err->code;
    for (unsigned i = 0; i < srv->n_queues; i++) {
        struct avsp_queue *queue = &srv->queues[i];
        if (pthread_create(&queue->thread, NULL, serve, queue) != 0)
            return avsp_err_set(err, AVSP_LIMIT, "start a thread: no more threads are allowed");
        queue->has_thread = true;
    }
    return AVSP_OK;
}

static enum avsp_code start(struct avsp_server *srv, const struct avsp_server_options *options,
                            struct avsp_err *err)
{
    srv->parking = avsp_parking_new();
    srv->claims = avsp_gather_new(srv, avsp_parking_ask);
    srv->beats = avsp_gather_new(srv, avsp_ops_heartbeats);
    srv->finishes = avsp_gather_new(srv, avsp_ops_finishes);
    srv->watching = avsp_watching_new();
    srv->health = avsp_health_new();
    srv->reflection = avsp_reflection_new();
    if (srv->claims == NULL || srv->beats == NULL || srv->finishes == NULL ||
        srv->parking == NULL || srv->watching == NULL || srv->health == NULL ||
        srv->reflection == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    srv->grpc = create();
    create_queues(srv);
    enum avsp_code rc = avsp_listen(srv, options, err);
    if (rc != AVSP_OK)
        return rc;
    rc = start_threads(srv, options->n_threads, err);
    if (rc == AVSP_OK)
        start_methods(srv);
    return rc;
}

/// Waits for gRPC's notice that the server is shut down. @return false: not within @p ms.
static bool wait_for_shutdown(struct avsp_server *srv, int ms)
{
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
    return grpc_completion_queue_next(srv->stop_cq, deadline, NULL).type == GRPC_OP_COMPLETE;
}

/// Waits until no call is left: an operation that still runs uses our memory, and must return first.
static void wait_until_empty(struct avsp_server *srv)
{
    pthread_mutex_lock(&srv->lock);
    while (srv->n_objects > 0)
        pthread_cond_wait(&srv->is_empty, &srv->lock);
    pthread_mutex_unlock(&srv->lock);
}

static void drain(struct avsp_server *srv, int grace_ms)
{
    grpc_server_shutdown_and_notify(srv->grpc, srv->stop_cq, NULL);
    if (srv->is_started) {
        avsp_parking_close(srv);
        avsp_watching_close(srv);
        avsp_health_close(srv);
    }
    if (!wait_for_shutdown(srv, grace_ms)) {
        grpc_server_cancel_all_calls(srv->grpc);
        while (!wait_for_shutdown(srv, 1000))
            ;
    }
    wait_until_empty(srv);
}

/// Empties a queue that is shut down and has no thread.
static void empty_queue(grpc_completion_queue *cq)
{
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return;
        struct avsp_tag *tag = event.tag;
        if (event.type == GRPC_OP_COMPLETE && tag != NULL)
            tag->done(tag->call, event.success != 0);
    }
}

static void free_queues(struct avsp_server *srv)
{
    for (unsigned i = 0; i < srv->n_queues; i++) {
        struct avsp_queue *queue = &srv->queues[i];
        grpc_completion_queue_shutdown(queue->cq);
        if (queue->has_thread)
            pthread_join(queue->thread, NULL);
        else
            empty_queue(queue->cq);
    }
    grpc_completion_queue_shutdown(srv->stop_cq);
    empty_queue(srv->stop_cq);
}

/// Frees whatever a server has, also where its start failed in the middle.
static void destroy(struct avsp_server *srv, int grace_ms)
{
    if (srv->grpc != NULL) {
        drain(srv, grace_ms);
        free_queues(srv);
        grpc_server_destroy(srv->grpc);
        for (unsigned i = 0; i < srv->n_queues; i++)
            grpc_completion_queue_destroy(srv->queues[i].cq);
        grpc_completion_queue_destroy(srv->stop_cq);
    }
    // Work that is still on its way out pokes the ticker; without calls the ticker has none for the pool.
    avsp_pool_free(srv->pool);
    avsp_ticker_free(srv->ticker);
    avsp_gather_free(srv->claims);
    avsp_gather_free(srv->beats);
    avsp_gather_free(srv->finishes);
    avsp_parking_free(srv->parking);
    avsp_watching_free(srv->watching);
    avsp_health_free(srv->health);
    avsp_reflection_free(srv->reflection);
    pthread_cond_destroy(&srv->is_empty);
    pthread_mutex_destroy(&srv->lock);
    free(srv);
    avsp_grpc_end();
}

struct avsp_server *avsp_server_start(const struct avsp_server_options *options,
                                      const struct avsp_service_ops *ops, void *opaque,
                                      struct avsp_err *err)
{
    struct avsp_server *srv = calloc(1, sizeof *srv);
    if (srv == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    srv->ops = *ops;
    srv->opaque = opaque;
    atomic_init(&srv->n_calls, 0);
    atomic_init(&srv->n_public_calls, 0);
    pthread_mutex_init(&srv->lock, NULL);
    pthread_cond_init(&srv->is_empty, NULL);
    avsp_grpc_begin();
    sigset_t before;
    avsp_signals_block(&before);
    enum avsp_code rc = start(srv, options, err);
    avsp_signals_restore(&before);
    if (rc == AVSP_OK)
        return srv;
    destroy(srv, 0);
    return NULL;
}

int avsp_server_port(const struct avsp_server *srv)
{
    return srv->port;
}

void avsp_server_wake(struct avsp_server *srv, unsigned n_ready)
{
    avsp_parking_wake(srv, n_ready);
    avsp_watching_wake(srv, NULL);
}

void avsp_server_job_over(struct avsp_server *srv, const char *job_id)
{
    avsp_watching_wake(srv, job_id);
}

static void sleep_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (ms > 0 && nanosleep(&left, &left) != 0)
        ;
}

void avsp_server_set_fit(struct avsp_server *srv, bool is_fit)
{
    avsp_health_set_fit(srv, is_fit);
    avsp_parking_wake(srv, UINT32_MAX);
}

void avsp_server_stop(struct avsp_server *srv, int lame_duck_ms, int grace_ms)
{
    if (srv == NULL)
        return;
    avsp_health_stop_serving(srv);
    sleep_ms(lame_duck_ms);
    destroy(srv, grace_ms);
}
