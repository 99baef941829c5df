/// WatchJob: the job at once, and again whenever its version changed, until it is over.
#include "core/lifecycle.h"
#include "rpc/access.h"
#include "rpc/watching.h"
#include "rpc/wire.h"

#define JOB_ARENA_BYTES (16u << 20)
#define WATCH_REQUEST_MAX_BYTES (4 << 10)

struct job_watch {
    struct avsp_watch base; ///< first: the call's state is either
    bool has_sent;
    uint64_t version; ///< of the job that was sent last
    enum avsp_job_state state;
    struct avsp_arena answer;
};

static void on_sent(struct avsp_call *call, bool ok)
{
    struct job_watch *w = call->state;
    if (ok && avsp_job_is_over(w->state))
        avsp_watch_end(&w->base, NULL);
    else
        avsp_watch_rest(
            &w->base); // where !ok the client is gone, which `closed` says before or after
}

static void look(struct avsp_work *work)
{
    struct avsp_call *call = avsp_call_of_work(work);
    struct job_watch *w = call->state;
    struct avsp_server *srv = call->srv;
    avsp_watch_look_begins(&w->base);
    avsp_arena_clear(&w->answer);
    struct avsp_err err = {0};
    struct avsp_job job;
    const struct avsp_mono asked = avsp_mono_now();
    if (avsp_call_admit(call, &err) != AVSP_OK ||
        srv->ops.get_job(srv->opaque, &call->caller, w->base.job_id, &w->answer, &job, &err) !=
            AVSP_OK) {
        avsp_watch_end(&w->base, &err);
        return;
    }
    avsp_watch_answered(&w->base, asked);
    if (w->has_sent && job.version == w->version && job.state == w->state) {
        avsp_watch_rest(&w->base);
        return;
    }
    w->has_sent = true;
    w->version = job.version;
    w->state = job.state;
    Com__Avspl1t__Job *msg = avsp_wire_make_job(&w->answer, &job);
    if (msg == NULL) {
        avsp_arena_failed(&w->answer, &err);
        avsp_watch_end(&w->base, &err);
        return;
    }
    avsp_call_send(call, &msg->base, on_sent);
}

static void run(struct avsp_call *call)
{
    struct avsp_err err = {0};
    struct job_watch *w = avsp_arena_alloc(&call->arena, sizeof *w);
    if (w == NULL) {
        avsp_arena_failed(&call->arena, &err);
        avsp_call_fail(call, &err);
        return;
    }
    avsp_arena_init(&w->answer, JOB_ARENA_BYTES);
    w->base.look = look;
    w->base.job_id = ((Com__Avspl1t__JobId *)call->request)->id;
    avsp_watch_begin(call, &w->base);
}

static void on_freed(struct avsp_call *call)
{
    struct job_watch *w = call->state;
    if (w != NULL)
        avsp_arena_deinit(&w->answer);
}

const struct avsp_method avsp_watch_method = {
    .path = "/com.avspl1t.CoordinatorService/WatchJob",
    .on_pool = true,
    .request_max_bytes = WATCH_REQUEST_MAX_BYTES,
    .request = &com__avspl1t__job_id__descriptor,
    .run = run,
    .closed = avsp_watch_closed,
    .freed = on_freed,
};
