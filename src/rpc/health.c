/// grpc.health.v1: what load balancers ask. NOT_SERVING from the start of the lame duck on, and while the coordinator says so.
#include "rpc/serving.h"
#include "rpc/wire.h"

#include "health.pb-c.h"

#include <string.h>

#define HEALTH_REQUEST_MAX_BYTES (4 << 10)

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

/// One Watch. As in server_watch.c: idle in the list, or busy in somebody's hand.
struct health_watch {
    struct avsp_call *call;
    struct health_watch *prev, *next;
    struct health_watch *due_next;
    bool is_busy;
    bool is_gone;
    bool is_known; ///< it asks for a service of ours
    serving_status sent;
};

struct avsp_health {
    pthread_mutex_t lock;
    struct health_watch *head;
    bool is_stopping; ///< NOT_SERVING
    bool is_unfit;    ///< by the coordinator's own word
    bool is_closed;
};

struct avsp_health *avsp_health_new(void)
{
    struct avsp_health *health = calloc(1, sizeof *health);
    if (health != NULL)
        pthread_mutex_init(&health->lock, NULL);
    return health;
}

void avsp_health_free(struct avsp_health *health)
{
    if (health == NULL)
        return;
    AVSP_ASSERT(health->head == NULL);
    pthread_mutex_destroy(&health->lock);
    free(health);
}

/// The empty name stands for the whole server.
static bool is_known(const struct avsp_call *call)
{
    const char *service = ((Grpc__Health__V1__HealthCheckRequest *)call->request)->service;
    return service[0] == '\0' || strcmp(service, "com.avspl1t.CoordinatorService") == 0;
}

/// Called with the lock.
static serving_status status_of(const struct avsp_health *health)
{
    return health->is_stopping || health->is_unfit ? NOT_SERVING : SERVING;
}

static void check(struct avsp_call *call)
{
    if (!is_known(call)) {
        struct avsp_err err = {0};
        avsp_err_set(&err, AVSP_NOT_FOUND, "there is no such service");
        avsp_call_fail(call, &err);
        return;
    }
    pthread_mutex_lock(&call->srv->health->lock);
    Grpc__Health__V1__HealthCheckResponse msg = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    msg.status = status_of(call->srv->health);
    pthread_mutex_unlock(&call->srv->health->lock);
    avsp_call_reply(call, &msg.base);
}

static serving_status status_for(const struct avsp_health *health, const struct health_watch *w)
{
    return w->is_known ? status_of(health) : SERVICE_UNKNOWN;
}

static void on_sent(struct avsp_call *call, bool ok);

/// Ends a watch that the caller has the duty for.
static void end(struct health_watch *w)
{
    struct avsp_health *health = w->call->srv->health;
    pthread_mutex_lock(&health->lock);
    *(w->prev != NULL ? &w->prev->next : &health->head) = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    bool is_gone = w->is_gone;
    pthread_mutex_unlock(&health->lock);
    struct avsp_err err = {0};
    avsp_err_set(&err, AVSP_UNAVAILABLE, "the coordinator is stopping");
    if (is_gone)
        avsp_call_drop(w->call);
    else
        avsp_call_fail(w->call, &err);
}

static void send_status(struct health_watch *w)
{
    Grpc__Health__V1__HealthCheckResponse msg = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    msg.status = w->sent;
    avsp_call_send(w->call, &msg.base, on_sent);
}

/// After a status was sent: the next one, or rest, or the end.
static void on_sent(struct avsp_call *call, bool ok)
{
    struct health_watch *w = call->state;
    struct avsp_health *health = call->srv->health;
    pthread_mutex_lock(&health->lock);
    bool is_over = w->is_gone || health->is_closed;
    bool is_news = ok && status_for(health, w) != w->sent;
    w->sent = status_for(health, w);
    if (!is_over && !is_news)
        w->is_busy = false;
    pthread_mutex_unlock(&health->lock);
    if (is_over)
        end(w);
    else if (is_news)
        send_status(w);
}

static void watch(struct avsp_call *call)
{
    struct avsp_health *health = call->srv->health;
    struct avsp_err err = {0};
    struct health_watch *w = avsp_arena_alloc(&call->arena, sizeof *w);
    if (w == NULL) {
        avsp_arena_failed(&call->arena, &err);
        avsp_call_fail(call, &err);
        return;
    }
    w->call = call;
    w->is_busy = true;
    w->is_known = is_known(call);
    pthread_mutex_lock(&health->lock);
    w->next = health->head;
    if (w->next != NULL)
        w->next->prev = w;
    health->head = w;
    call->state = w;
    w->is_gone = call->is_gone;
    w->sent = status_for(health, w);
    bool is_over = w->is_gone || health->is_closed;
    pthread_mutex_unlock(&health->lock);
    if (is_over)
        end(w);
    else
        send_status(w);
}

static void on_closed(struct avsp_call *call)
{
    struct avsp_health *health = call->srv->health;
    pthread_mutex_lock(&health->lock);
    call->is_gone = true;
    struct health_watch *w = call->state;
    bool is_ours = w != NULL && !w->is_busy;
    if (w != NULL) {
        w->is_gone = true;
        w->is_busy = true;
    }
    pthread_mutex_unlock(&health->lock);
    if (is_ours)
        end(w);
}

/// Takes the duty for all idle watches; linked by `due_next`. Called with the lock.
static struct health_watch *take_idle(struct avsp_health *health)
{
    struct health_watch *idle = NULL;
    for (struct health_watch *w = health->head; w != NULL; w = w->next) {
        if (w->is_busy)
            continue;
        w->is_busy = true;
        w->due_next = idle;
        w->sent = status_for(health, w);
        idle = w;
    }
    return idle;
}

/// Sets a flag, and tells all watches that are idle; the others see it when they have sent what they send.
static void set(struct avsp_server *srv, bool *flag, bool value)
{
    struct health_watch *idle = NULL;
    pthread_mutex_lock(&srv->health->lock);
    const serving_status before = status_of(srv->health);
    *flag = value;
    if (status_of(srv->health) != before)
        idle = take_idle(srv->health);
    pthread_mutex_unlock(&srv->health->lock);
    for (struct health_watch *next; idle != NULL; idle = next) {
        next = idle->due_next;
        send_status(idle);
    }
}

void avsp_health_stop_serving(struct avsp_server *srv)
{
    set(srv, &srv->health->is_stopping, true);
}

void avsp_health_set_fit(struct avsp_server *srv, bool is_fit)
{
    set(srv, &srv->health->is_unfit, !is_fit);
}

void avsp_health_close(struct avsp_server *srv)
{
    pthread_mutex_lock(&srv->health->lock);
    srv->health->is_closed = true;
    struct health_watch *idle = take_idle(srv->health);
    pthread_mutex_unlock(&srv->health->lock);
    for (struct health_watch *next; idle != NULL; idle = next) {
        next = idle->due_next;
        end(idle);
    }
}

const struct avsp_method avsp_health_methods[] = {
    {
        .path = "/grpc.health.v1.Health/Check",
        .request_max_bytes = HEALTH_REQUEST_MAX_BYTES,
        .request = &grpc__health__v1__health_check_request__descriptor,
        .run = check,
    },
    {
        .path = "/grpc.health.v1.Health/Watch",
        .request_max_bytes = HEALTH_REQUEST_MAX_BYTES,
        .request = &grpc__health__v1__health_check_request__descriptor,
        .run = watch,
        .closed = on_closed,
    },
};
const size_t avsp_health_n_methods = AVSP_ARRAY_LEN(avsp_health_methods);
