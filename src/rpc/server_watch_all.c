/// WatchJobs: every job that is not over, then each whose state changed, for as long as the client wants.
///
/// A look reads pages of changes and sends them one by one, the next when gRPC took the one before: for a client that reads
/// slowly nothing piles up but in the database, where of several changes of a job only the last is left. Where the client wants
/// progress, a look now and then goes on with the jobs that workers work at.
#include "rpc/access.h"
#include "rpc/watching.h"
#include "rpc/wire.h"

#include <string.h>

#define PAGE_JOBS 100
#define PAGE_ARENA_BYTES (64u << 20)
#define WATCH_REQUEST_MAX_BYTES (16 << 10)
/// A cursor has two numbers, a job's id is shorter.
#define AFTER_BYTES 64

struct all_watch {
    struct avsp_watch base; ///< first: the call's state is either
    struct avsp_watch_query query;
    char after[AFTER_BYTES];   ///< of the changes
    char working[AFTER_BYTES]; ///< of the jobs at work, in this look
    bool has_caught_up;        ///< which was told
    bool wants_working;        ///< this look goes on with the jobs at work
    int64_t progress_us;       ///< when it did so last
    struct avsp_changes_page page;
    bool is_page_of_working;
    size_t n_sent; ///< of the page
    struct avsp_arena answer;
};

static void look_for_page(struct avsp_work *work);

/// Keeps what the next page begins behind, which may be @p to itself. @return false: it is too long to be ours.
static bool keep(char to[AFTER_BYTES], const char *from)
{
    size_t len = strlen(from);
    if (len >= AFTER_BYTES)
        return false;
    memmove(to, from, len + 1);
    return true;
}

static void send(struct all_watch *w, const struct avsp_job *job, const char *cursor);

/// Sends what is left of the page, then goes on to the next one, or rests.
static void go_on(struct all_watch *w)
{
    if (w->n_sent < w->page.n_jobs) {
        const size_t i = w->n_sent++;
        send(w, &w->page.jobs[i], w->is_page_of_working ? w->after : w->page.cursors[i]);
        return;
    }
    if (w->page.more) {
        avsp_call_push(w->base.call, look_for_page);
    } else if (!w->has_caught_up) {
        w->has_caught_up = true;
        send(w, NULL, w->after);
    } else if (w->wants_working && !w->is_page_of_working) {
        w->is_page_of_working = true;
        w->working[0] = '\0';
        avsp_call_push(w->base.call, look_for_page);
    } else {
        avsp_watch_rest(&w->base);
    }
}

static void on_sent(struct avsp_call *call, bool ok)
{
    struct all_watch *w = call->state;
    if (ok)
        go_on(w);
    else
        avsp_watch_rest(&w->base); // the client is gone, which `closed` says before or after
}

/// @param job  NULL: all that was to be told so far is told.
static void send(struct all_watch *w, const struct avsp_job *job, const char *cursor)
{
    struct avsp_err err = {0};
    Com__Avspl1t__JobEvent event = COM__AVSPL1T__JOB_EVENT__INIT;
    event.cursor = (char *)cursor;
    event.job = job != NULL ? avsp_wire_make_job(&w->answer, job) : NULL;
    if (job == NULL || event.job != NULL) {
        avsp_call_send(w->base.call, &event.base, on_sent);
        return;
    }
    avsp_arena_failed(&w->answer, &err);
    avsp_watch_end(&w->base, &err);
}

static void look_for_page(struct avsp_work *work)
{
    struct avsp_call *call = avsp_call_of_work(work);
    struct all_watch *w = call->state;
    struct avsp_server *srv = call->srv;
    struct avsp_err err = {0};
    avsp_arena_clear(&w->answer);
    char *at = w->is_page_of_working ? w->working : w->after;
    const struct avsp_changes_query query = {
        .after = at,
        .working = w->is_page_of_working,
        .labels = w->query.labels,
        .n_labels = w->query.n_labels,
        .limit = PAGE_JOBS,
    };
    const struct avsp_mono asked = avsp_mono_now();
    w->n_sent = 0;
    enum avsp_code rc = avsp_call_admit(call, &err);
    if (rc == AVSP_OK)
        rc = srv->ops.list_changes(srv->opaque, &call->caller, &query, &w->answer, &w->page, &err);
    avsp_watch_answered(&w->base, asked);
    if (rc == AVSP_OK && !keep(at, w->page.next))
        rc = avsp_err_set(&err, AVSP_INTERNAL, "a cursor that is too long");
    if (rc == AVSP_OK)
        go_on(w);
    else
        avsp_watch_end(&w->base, &err);
}

static void look(struct avsp_work *work)
{
    struct all_watch *w = avsp_call_of_work(work)->state;
    avsp_watch_look_begins(&w->base);
    const int64_t now_us = avsp_mono_now().us;
    w->is_page_of_working = false;
    w->wants_working = w->query.progress_ms > 0 && w->has_caught_up &&
                       now_us - w->progress_us >= (int64_t)w->query.progress_ms * 1000;
    if (w->wants_working)
        w->progress_us = now_us;
    look_for_page(work);
}

static void run(struct avsp_call *call)
{
    struct avsp_err err = {0};
    struct all_watch *w = avsp_arena_alloc(&call->arena, sizeof *w);
    enum avsp_code rc = w != NULL ? AVSP_OK : avsp_arena_failed(&call->arena, &err);
    if (rc == AVSP_OK)
        rc = avsp_wire_read_watch(&call->arena, (Com__Avspl1t__WatchJobsMessage *)call->request,
                                  &w->query, &err);
    if (rc == AVSP_OK && !keep(w->after, w->query.after))
        rc = avsp_err_set(&err, AVSP_INVALID, "after: not a cursor that this service gave");
    if (rc != AVSP_OK) {
        avsp_call_fail(call, &err);
        return;
    }
    avsp_arena_init(&w->answer, PAGE_ARENA_BYTES);
    w->base.look = look;
    w->base.job_id = "";
    avsp_watch_begin(call, &w->base);
}

static void on_freed(struct avsp_call *call)
{
    struct all_watch *w = call->state;
    if (w != NULL)
        avsp_arena_deinit(&w->answer);
}

const struct avsp_method avsp_watch_all_method = {
    .path = "/com.avspl1t.CoordinatorService/WatchJobs",
    .on_pool = true,
    .request_max_bytes = WATCH_REQUEST_MAX_BYTES,
    .request = &com__avspl1t__watch_jobs_message__descriptor,
    .run = run,
    .closed = avsp_watch_closed,
    .freed = on_freed,
};
