#include "worker/upstream.h"

#include "util/log.h"

#include <poll.h>

#define CALL_MS 10000
#define RELEASE_MS 800 ///< while all ends
#define PATIENCE_MS (10 * 60 * 1000)
/// When the worker is asked to stop, a result is worth this much waiting.
#define STOPPING_PATIENCE_MS 1000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000

struct patience {
    struct avsp_mono ends;
    struct avsp_mono ends_stopping; ///< set when the worker was first seen to stop
    int64_t backoff_ms;
};

static struct patience patience_begin(void)
{
    return (struct patience){.ends = avsp_mono_in_ms(PATIENCE_MS), .backoff_ms = BACKOFF_FIRST_MS};
}

/// The disk that is full is the database's: a result is kept until there is room.
static bool may_come_back(enum avsp_code rc)
{
    return rc == AVSP_UNAVAILABLE || rc == AVSP_TIMEOUT || rc == AVSP_NO_SPACE;
}

/// Waits before the next try. @return false: no more tries.
static bool wait_again(struct avsp_run *run, struct patience *patience, enum avsp_code rc)
{
    if (!may_come_back(rc) || avsp_mono_passed(patience->ends) ||
        avsp_beat_verdict(&run->beat) != AVSP_BEAT_GO_ON)
        return false;
    struct avsp_slots *slots = &run->worker->slots;
    // A stop shortens the nap, and the patience.
    if (avsp_slots_sleep(slots, patience->backoff_ms, AVSP_PHASE_STOP)) {
        patience->backoff_ms = AVSP_MIN(patience->backoff_ms * 2, BACKOFF_MAX_MS);
        return true;
    }
    if (patience->ends_stopping.us == 0)
        patience->ends_stopping = avsp_mono_in_ms(STOPPING_PATIENCE_MS);
    poll(NULL, 0, BACKOFF_FIRST_MS);
    return !avsp_mono_passed(patience->ends_stopping);
}

/// Each call is bounded, so whoever makes one gets on.
static struct avsp_mono call_deadline(struct avsp_run *run)
{
    avsp_beat_alive(&run->beat, 0);
    bool stopping = avsp_slots_phase(&run->worker->slots) == AVSP_PHASE_STOP;
    return avsp_mono_in_ms(stopping ? STOPPING_PATIENCE_MS : CALL_MS);
}

/// What a stale token means for the attempt.
static enum avsp_code lost(struct avsp_run *run, enum avsp_code rc, struct avsp_err *err)
{
    if (rc == AVSP_CONFLICT || rc == AVSP_NOT_FOUND)
        atomic_store(&run->beat.verdict, AVSP_BEAT_LOST);
    return avsp_beat_verdict(&run->beat) != AVSP_BEAT_GO_ON ? avsp_run_stopped(run, err) : rc;
}

enum avsp_code avsp_upstream_report(struct avsp_run *run, const struct avsp_outputs *outputs,
                                    struct avsp_err *err)
{
    struct patience patience = patience_begin();
    enum avsp_code rc;
    struct avsp_attempt_status status;
    do {
        status = (struct avsp_attempt_status){0};
        rc = avsp_client_report(run->worker->reports, run->worker->config->id, run->task->id,
                                run->task->token, outputs, &status, call_deadline(run), err);
    } while (rc != AVSP_OK && !avsp_run_should_stop(run) && wait_again(run, &patience, rc));
    if (rc == AVSP_OK)
        avsp_beat_judge(&run->beat, &status);
    rc = lost(run, rc, err);
    return rc == AVSP_OK || rc == AVSP_CANCELED ? rc
                                                : avsp_err_wrap(err, "report to the coordinator");
}

enum avsp_code avsp_upstream_finish(struct avsp_run *run, const struct avsp_finish *finish,
                                    struct avsp_err *err)
{
    struct patience patience = patience_begin();
    enum avsp_code rc;
    do
        rc = avsp_client_finish(run->worker->reports, finish, call_deadline(run), err);
    while (rc != AVSP_OK && wait_again(run, &patience, rc));
    return rc;
}

void avsp_upstream_release(struct avsp_run *run)
{
    const bool is_stopping = avsp_slots_phase(&run->worker->slots) == AVSP_PHASE_STOP;
    struct avsp_err err = {0};
    if (avsp_client_release(run->worker->reports, run->worker->config->id, run->task->id,
                            run->task->token, avsp_mono_in_ms(is_stopping ? RELEASE_MS : CALL_MS),
                            &err) != AVSP_OK)
        avsp_run_log(run, AVSP_LOG_WARN, "task.release", " error=%s", AVSP_LOG_Q(err.text));
}

enum avsp_code avsp_upstream_outputs(struct avsp_run *run, const char *page,
                                     struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                     struct avsp_err *err)
{
    struct avsp_outputs_query query = {
        .task_id = run->task->id, .token = run->task->token, .page = page};
    struct patience patience = patience_begin();
    enum avsp_code rc;
    do
        rc = avsp_client_list_outputs(run->worker->reports, &query, arena, ret_page,
                                      call_deadline(run), err);
    while (rc != AVSP_OK && !avsp_run_should_stop(run) && wait_again(run, &patience, rc));
    rc = lost(run, rc, err);
    return rc == AVSP_OK || rc == AVSP_CANCELED ? rc : avsp_err_wrap(err, "list what the job made");
}
