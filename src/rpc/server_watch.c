/// The watches that there are, and when each looks again.
#include "rpc/watching.h"

#include <string.h>

#define WATCHES_MAX 1000
#define LOOK_MIN_US                                                                                \
    100000 ///< but for the end of a job that is watched alone, which is told at once
#define LOOK_MAX_US                                                                                \
    500000 ///< a change that nobody told of (another coordinator's) is seen after this
/// For each moment that a look keeps the database busy all watches together rest so many.
#define REST_FACTOR 4
#define REST_MAX_US 5000000

struct avsp_watching {
    pthread_mutex_t lock;
    struct avsp_watch *head;
    unsigned n;
    bool is_closed;
};

struct avsp_watching *avsp_watching_new(void)
{
    struct avsp_watching *watching = calloc(1, sizeof *watching);
    if (watching != NULL)
        pthread_mutex_init(&watching->lock, NULL);
    return watching;
}

void avsp_watching_free(struct avsp_watching *watching)
{
    if (watching == NULL)
        return;
    AVSP_ASSERT(watching->head == NULL);
    pthread_mutex_destroy(&watching->lock);
    free(watching);
}

static void take_out(struct avsp_watching *watching, struct avsp_watch *w)
{
    *(w->prev != NULL ? &w->prev->next : &watching->head) = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    watching->n--;
}

void avsp_watch_end(struct avsp_watch *w, const struct avsp_err *err)
{
    struct avsp_watching *watching = w->call->srv->watching;
    pthread_mutex_lock(&watching->lock);
    take_out(watching, w);
    bool is_gone = w->is_gone;
    pthread_mutex_unlock(&watching->lock);
    if (is_gone)
        avsp_call_drop(w->call);
    else if (err != NULL)
        avsp_call_fail(w->call, err);
    else
        avsp_call_end(w->call);
}

static void end_stopping(struct avsp_watch *w)
{
    struct avsp_err err = {0};
    avsp_err_set(&err, AVSP_UNAVAILABLE, "the coordinator is stopping");
    avsp_watch_end(w, &err);
}

/// Called with the lock.
static int64_t due_us(const struct avsp_watching *watching, const struct avsp_watch *w)
{
    int64_t dear_us = AVSP_MIN(w->asked_us, (int64_t)REST_MAX_US) * REST_FACTOR * watching->n;
    int64_t rest_us = w->is_changed ? LOOK_MIN_US : LOOK_MAX_US;
    rest_us = w->is_over ? 0 : AVSP_MAX(rest_us, AVSP_MIN(dear_us, (int64_t)REST_MAX_US));
    return w->looked_us + rest_us;
}

void avsp_watch_rest(struct avsp_watch *w)
{
    struct avsp_server *srv = w->call->srv;
    pthread_mutex_lock(&srv->watching->lock);
    bool is_over = w->is_gone || srv->watching->is_closed;
    if (!is_over)
        w->is_busy = false;
    struct avsp_mono due = {due_us(srv->watching, w)};
    pthread_mutex_unlock(&srv->watching->lock);
    if (is_over)
        end_stopping(w);
    else
        avsp_ticker_poke(srv->ticker, due);
}

void avsp_watch_look_begins(struct avsp_watch *w)
{
    struct avsp_watching *watching = w->call->srv->watching;
    pthread_mutex_lock(&watching->lock);
    w->is_changed = w->is_over = false;
    w->looked_us = avsp_mono_now().us;
    w->asked_us = 0;
    pthread_mutex_unlock(&watching->lock);
}

void avsp_watch_answered(struct avsp_watch *w, struct avsp_mono asked)
{
    struct avsp_watching *watching = w->call->srv->watching;
    pthread_mutex_lock(&watching->lock);
    w->asked_us += avsp_mono_now().us - asked.us;
    pthread_mutex_unlock(&watching->lock);
}

/// Puts a fresh watch into the list. @return OK; LIMIT; UNAVAILABLE.
static enum avsp_code enlist(struct avsp_watching *watching, struct avsp_watch *w,
                             struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    pthread_mutex_lock(&watching->lock);
    if (watching->is_closed)
        rc = avsp_err_set(err, AVSP_UNAVAILABLE, "the coordinator is stopping");
    else if (watching->n >= WATCHES_MAX)
        rc = avsp_err_set(err, AVSP_LIMIT, "%u clients watch jobs already", watching->n);
    if (rc == AVSP_OK) {
        w->next = watching->head;
        if (w->next != NULL)
            w->next->prev = w;
        watching->head = w;
        watching->n++;
        w->call->state = w;
        w->is_gone = w->call->is_gone;
    }
    pthread_mutex_unlock(&watching->lock);
    return rc;
}

void avsp_watch_begin(struct avsp_call *call, struct avsp_watch *w)
{
    struct avsp_err err = {0};
    w->call = call;
    w->is_busy = true;
    if (enlist(call->srv->watching, w, &err) != AVSP_OK)
        avsp_call_fail(call, &err);
    else
        w->look(&call->work);
}

void avsp_watch_closed(struct avsp_call *call)
{
    struct avsp_watching *watching = call->srv->watching;
    pthread_mutex_lock(&watching->lock);
    call->is_gone = true;
    struct avsp_watch *w = call->state;
    bool is_ours = w != NULL && !w->is_busy;
    if (w != NULL) {
        w->is_gone = true;
        w->is_busy = true;
    }
    pthread_mutex_unlock(&watching->lock);
    if (is_ours)
        avsp_watch_end(w, NULL);
}

void avsp_watching_wake(struct avsp_server *srv, const char *over_job_id)
{
    pthread_mutex_lock(&srv->watching->lock);
    bool is_any = srv->watching->head != NULL;
    for (struct avsp_watch *w = srv->watching->head; w != NULL; w = w->next) {
        w->is_changed = true;
        w->is_over |= over_job_id != NULL && strcmp(w->job_id, over_job_id) == 0;
    }
    pthread_mutex_unlock(&srv->watching->lock);
    if (is_any)
        avsp_ticker_poke(srv->ticker, avsp_mono_now());
}

/// Takes the duty for all idle watches that are due; linked by `due_next`.
static struct avsp_watch *take_due(struct avsp_watching *watching, int64_t now_us,
                                   int64_t *ret_next_us)
{
    struct avsp_watch *due = NULL;
    *ret_next_us = INT64_MAX;
    pthread_mutex_lock(&watching->lock);
    for (struct avsp_watch *w = watching->head; w != NULL; w = w->next) {
        if (w->is_busy)
            continue;
        const int64_t at_us = due_us(watching, w);
        if (at_us > now_us) {
            *ret_next_us = AVSP_MIN(*ret_next_us, at_us);
            continue;
        }
        w->is_busy = true;
        w->due_next = due;
        due = w;
    }
    pthread_mutex_unlock(&watching->lock);
    return due;
}

struct avsp_mono avsp_watching_tick(struct avsp_server *srv, struct avsp_mono now)
{
    struct avsp_mono next_due;
    struct avsp_watch *due = take_due(srv->watching, now.us, &next_due.us);
    for (struct avsp_watch *next; due != NULL; due = next) {
        next = due->due_next;
        avsp_call_push(due->call, due->look);
    }
    return next_due;
}

void avsp_watching_close(struct avsp_server *srv)
{
    pthread_mutex_lock(&srv->watching->lock);
    srv->watching->is_closed = true;
    pthread_mutex_unlock(&srv->watching->lock);
    int64_t never_us;
    struct avsp_watch *idle = take_due(srv->watching, INT64_MAX, &never_us);
    for (struct avsp_watch *next; idle != NULL; idle = next) {
        next = idle->due_next;
        end_stopping(idle);
    }
}
