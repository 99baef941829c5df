/// WatchJob: the job at once, and again whenever its version changed, until it is over.
///
/// A watch is IDLE (the list has it) or BUSY (a pool thread or gRPC has it); who turns it BUSY, under the lock, has the duty.
#include "core/lifecycle.h"
#include "rpc/serving.h"
#include "rpc/wire.h"

#include <string.h>

#define WATCHES_MAX 1000
#define LOOK_MIN_US                                                                                \
    100000 ///< at most ten looks a second, but for the end of a job, which is told at once
#define LOOK_MAX_US                                                                                \
    500000 ///< a change that nobody told of (another coordinator's) is seen after this
#define JOB_ARENA_BYTES (16u << 20)
#define WATCH_REQUEST_MAX_BYTES (4 << 10)

struct watch {
    struct avsp_call *call;
    struct watch *prev, *next; ///< in the list from its start to its end
    bool is_busy;
    bool is_changed; ///< something happened since the last look began
    bool is_over;    ///< what happened was the job's end
    bool is_gone;
    bool has_sent;
    uint64_t version; ///< of the job that was sent last
    enum avsp_job_state state;
    int64_t looked_us;
    struct watch *due_next;
    const char *job_id;
    struct avsp_arena answer;
};

struct avsp_watching {
    pthread_mutex_t lock;
    struct watch *head;
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

static void take_out(struct avsp_watching *watching, struct watch *w)
{
    *(w->prev != NULL ? &w->prev->next : &watching->head) = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    watching->n--;
}

/// Ends the watch that the caller has the duty for. @p err NULL: well.
static void end(struct watch *w, const struct avsp_err *err)
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

static void end_stopping(struct watch *w)
{
    struct avsp_err err = {0};
    avsp_err_set(&err, AVSP_UNAVAILABLE, "the coordinator is stopping");
    end(w, &err);
}

static int64_t due_us(const struct watch *w)
{
    int64_t rest_us = w->is_over ? 0 : w->is_changed ? LOOK_MIN_US : LOOK_MAX_US;
    return w->looked_us + rest_us;
}

/// Waits for the next look; the duty goes to whoever makes it.
static void rest(struct watch *w)
{
    struct avsp_server *srv = w->call->srv;
    pthread_mutex_lock(&srv->watching->lock);
    bool is_over = w->is_gone || srv->watching->is_closed;
    if (!is_over)
        w->is_busy = false;
    struct avsp_mono due = {due_us(w)};
    pthread_mutex_unlock(&srv->watching->lock);
    if (is_over)
        end_stopping(w);
    else
        avsp_ticker_poke(srv->ticker, due);
}

static void on_sent(struct avsp_call *call, bool ok)
{
    struct watch *w = call->state;
    if (ok && avsp_job_is_over(w->state))
        end(w, NULL);
    else
        rest(w); // where !ok the client is gone, which `closed` says before or after
}

static void look(struct avsp_work *work)
{
    struct watch *w = avsp_call_of_work(work)->state;
    struct avsp_server *srv = w->call->srv;
    pthread_mutex_lock(&srv->watching->lock);
    w->is_changed = w->is_over = false;
    w->looked_us = avsp_mono_now().us;
    pthread_mutex_unlock(&srv->watching->lock);
    avsp_arena_clear(&w->answer);
    struct avsp_err err = {0};
    struct avsp_job job;
    if (srv->ops.get_job(srv->opaque, w->job_id, &w->answer, &job, &err) != AVSP_OK) {
        end(w, &err);
        return;
    }
    if (w->has_sent && job.version == w->version && job.state == w->state) {
        rest(w);
        return;
    }
    w->has_sent = true;
    w->version = job.version;
    w->state = job.state;
    Com__Avspl1t__Job *msg = avsp_wire_make_job(&w->answer, &job);
    if (msg == NULL) {
        avsp_arena_failed(&w->answer, &err);
        end(w, &err);
        return;
    }
    avsp_call_send(w->call, &msg->base, on_sent);
}

/// Puts a fresh watch into the list. @return OK; LIMIT; UNAVAILABLE.
static enum avsp_code enlist(struct avsp_watching *watching, struct watch *w, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    pthread_mutex_lock(&watching->lock);
    if (watching->is_closed)
        rc = avsp_err_set(err, AVSP_UNAVAILABLE, "the coordinator is stopping");
    else if (watching->n >= WATCHES_MAX)
        rc = avsp_err_set(err, AVSP_LIMIT, "%u jobs are watched already", watching->n);
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

static void run_watch_job(struct avsp_call *call)
{
    struct avsp_err err = {0};
    struct watch *w = avsp_arena_alloc(&call->arena, sizeof *w);
    enum avsp_code rc = w != NULL ? AVSP_OK : avsp_arena_failed(&call->arena, &err);
    if (rc == AVSP_OK) {
        w->call = call;
        w->is_busy = true;
        w->job_id = ((Com__Avspl1t__JobId *)call->request)->id;
        avsp_arena_init(&w->answer, JOB_ARENA_BYTES);
        rc = enlist(call->srv->watching, w, &err);
    }
    if (rc != AVSP_OK)
        avsp_call_fail(call, &err);
    else
        look(&call->work);
}

static void on_closed(struct avsp_call *call)
{
    struct avsp_watching *watching = call->srv->watching;
    pthread_mutex_lock(&watching->lock);
    call->is_gone = true;
    struct watch *w = call->state;
    bool is_ours = w != NULL && !w->is_busy;
    if (w != NULL) {
        w->is_gone = true;
        w->is_busy = true;
    }
    pthread_mutex_unlock(&watching->lock);
    if (is_ours)
        end(w, NULL);
}

static void on_freed(struct avsp_call *call)
{
    struct watch *w = call->state;
    if (w != NULL)
        avsp_arena_deinit(&w->answer);
}

void avsp_watching_wake(struct avsp_server *srv, const char *over_job_id)
{
    pthread_mutex_lock(&srv->watching->lock);
    bool is_any = srv->watching->head != NULL;
    for (struct watch *w = srv->watching->head; w != NULL; w = w->next) {
        w->is_changed = true;
        w->is_over |= over_job_id != NULL && strcmp(w->job_id, over_job_id) == 0;
    }
    pthread_mutex_unlock(&srv->watching->lock);
    if (is_any)
        avsp_ticker_poke(srv->ticker, avsp_mono_now());
}

/// Takes the duty for all idle watches that are due; linked by `due_next`.
static struct watch *take_due(struct avsp_watching *watching, int64_t now_us, int64_t *ret_next_us)
{
    struct watch *due = NULL;
    *ret_next_us = INT64_MAX;
    pthread_mutex_lock(&watching->lock);
    for (struct watch *w = watching->head; w != NULL; w = w->next) {
        if (w->is_busy)
            continue;
        if (due_us(w) > now_us) {
            *ret_next_us = AVSP_MIN(*ret_next_us, due_us(w));
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
    struct watch *due = take_due(srv->watching, now.us, &next_due.us);
    for (struct watch *next; due != NULL; due = next) {
        next = due->due_next;
        avsp_call_push(due->call, look);
    }
    return next_due;
}

void avsp_watching_close(struct avsp_server *srv)
{
    pthread_mutex_lock(&srv->watching->lock);
    srv->watching->is_closed = true;
    pthread_mutex_unlock(&srv->watching->lock);
    int64_t never_us;
    struct watch *idle = take_due(srv->watching, INT64_MAX, &never_us);
    for (struct watch *next; idle != NULL; idle = next) {
        next = idle->due_next;
        end_stopping(idle);
    }
}

const struct avsp_method avsp_watch_method = {
    .path = "/com.avspl1t.CoordinatorService/WatchJob",
    .on_pool = true,
    .request_max_bytes = WATCH_REQUEST_MAX_BYTES,
    .request = &com__avspl1t__job_id__descriptor,
    .run = run_watch_job,
    .closed = on_closed,
    .freed = on_freed,
};
