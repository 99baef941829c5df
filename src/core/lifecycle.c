#include "core/lifecycle.h"

/// What each event does in each state; 0 = it cannot happen there. A running task may be claimed again: the claim is what
/// supersedes an attempt whose lease ran out (EXPIRE alone changes nothing, so that a late finish still counts).
static const enum avsp_task_state task_table[AVSP_TASK_HELD + 1][AVSP_TASK_N_EVENTS] = {
    [AVSP_TASK_READY] =
        {
            [AVSP_EVENT_CLAIM] = AVSP_TASK_RUNNING,
            [AVSP_EVENT_FAIL] = AVSP_TASK_FAILED,
            [AVSP_EVENT_CANCEL] = AVSP_TASK_CANCELED,
            [AVSP_EVENT_HOLD] = AVSP_TASK_HELD,
        },
    [AVSP_TASK_RUNNING] =
        {
            [AVSP_EVENT_CLAIM] = AVSP_TASK_RUNNING,
            [AVSP_EVENT_FINISH] = AVSP_TASK_DONE,
            [AVSP_EVENT_RETRY] = AVSP_TASK_READY,
            [AVSP_EVENT_RELEASE] = AVSP_TASK_READY,
            [AVSP_EVENT_EXPIRE] = AVSP_TASK_RUNNING,
            [AVSP_EVENT_FAIL] = AVSP_TASK_FAILED,
            [AVSP_EVENT_CANCEL] = AVSP_TASK_CANCELED,
            [AVSP_EVENT_RESET] = AVSP_TASK_CANCELED,
        },
    [AVSP_TASK_HELD] =
        {
            [AVSP_EVENT_LET_GO] = AVSP_TASK_READY,
            [AVSP_EVENT_CANCEL] = AVSP_TASK_CANCELED,
        },
    [AVSP_TASK_DONE] =
        {
            [AVSP_EVENT_RESET] = AVSP_TASK_CANCELED,
            [AVSP_EVENT_REDO] = AVSP_TASK_HELD,
        },
    [AVSP_TASK_FAILED] =
        {
            [AVSP_EVENT_REVIVE] = AVSP_TASK_HELD,
            [AVSP_EVENT_RESET] = AVSP_TASK_CANCELED,
        },
    [AVSP_TASK_CANCELED] =
        {
            [AVSP_EVENT_REVIVE] = AVSP_TASK_HELD,
            [AVSP_EVENT_RESET] = AVSP_TASK_CANCELED,
        },
};

/// The same for jobs. A paused job can finish or fail, for what runs goes on.
static const enum avsp_job_state job_table[AVSP_JOB_DELETED + 1][AVSP_JOB_N_EVENTS] = {
    [AVSP_JOB_RUNNING] =
        {
            [AVSP_JOB_EVENT_FINISH] = AVSP_JOB_FINISHED,
            [AVSP_JOB_EVENT_FAIL] = AVSP_JOB_FAILED,
            [AVSP_JOB_EVENT_CANCEL] = AVSP_JOB_CANCELED,
            [AVSP_JOB_EVENT_PAUSE] = AVSP_JOB_PAUSED,
        },
    [AVSP_JOB_PAUSED] =
        {
            [AVSP_JOB_EVENT_FINISH] = AVSP_JOB_FINISHED,
            [AVSP_JOB_EVENT_FAIL] = AVSP_JOB_FAILED,
            [AVSP_JOB_EVENT_CANCEL] = AVSP_JOB_CANCELED,
            [AVSP_JOB_EVENT_RESUME] = AVSP_JOB_RUNNING,
        },
    [AVSP_JOB_FINISHED] = {[AVSP_JOB_EVENT_DELETE] = AVSP_JOB_DELETED},
    [AVSP_JOB_FAILED] =
        {
            [AVSP_JOB_EVENT_RETRY] = AVSP_JOB_RUNNING,
            [AVSP_JOB_EVENT_DELETE] = AVSP_JOB_DELETED,
        },
    [AVSP_JOB_CANCELED] =
        {
            [AVSP_JOB_EVENT_RETRY] = AVSP_JOB_RUNNING,
            [AVSP_JOB_EVENT_DELETE] = AVSP_JOB_DELETED,
        },
};

enum avsp_task_state avsp_task_next(enum avsp_task_state state, enum avsp_task_event event)
{
    if ((unsigned)state > AVSP_TASK_HELD || (unsigned)event >= AVSP_TASK_N_EVENTS)
        return 0;
    return task_table[state][event];
}

enum avsp_job_state avsp_job_next(enum avsp_job_state state, enum avsp_job_event event)
{
    if ((unsigned)state > AVSP_JOB_DELETED || (unsigned)event >= AVSP_JOB_N_EVENTS)
        return 0;
    return job_table[state][event];
}

bool avsp_task_is_over(enum avsp_task_state state)
{
    return state != AVSP_TASK_READY && state != AVSP_TASK_RUNNING && state != AVSP_TASK_HELD;
}

bool avsp_job_is_over(enum avsp_job_state state)
{
    return state != AVSP_JOB_RUNNING && state != AVSP_JOB_PAUSED;
}

/// Segments of one job that are ready at once, and how many of them are used up before more are let go. What is ready serves
/// whoever asks until the next claim is committed, which takes milliseconds; so this is enough for thousands of slots.
#define WINDOW 256
#define WINDOW_STEP 64

enum avsp_task_state avsp_task_waits(enum avsp_job_state job, enum avsp_task_kind kind, int64_t idx,
                                     int64_t released)
{
    if (kind == AVSP_TASK_CLEANUP)
        return AVSP_TASK_READY;
    bool beyond = kind == AVSP_TASK_ENCODE && idx >= AVSP_MAX(released, (int64_t)WINDOW);
    return job == AVSP_JOB_PAUSED || beyond ? AVSP_TASK_HELD : AVSP_TASK_READY;
}

int64_t avsp_window_end(int64_t released, int64_t idx, int64_t n)
{
    released = AVSP_MAX(released, (int64_t)WINDOW);
    int64_t end = idx + n + WINDOW;
    return end >= released + WINDOW_STEP ? end : released;
}

enum avsp_worker_state avsp_worker_state(bool drains, size_t n_tasks, int64_t silent_us)
{
    if (silent_us > AVSP_WORKER_AWAY_US)
        return AVSP_WORKER_AWAY;
    if (drains)
        return AVSP_WORKER_DRAINING;
    return n_tasks > 0 ? AVSP_WORKER_WORKING : AVSP_WORKER_IDLE;
}

/// The first wait, doubled with each further attempt up to the last; both far below a person's patience, and above what a
/// restart of a coordinator or a file server takes.
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000

struct avsp_verdict avsp_task_failed(int64_t spent, int64_t max_attempts, bool may_retry,
                                     uint32_t jitter)
{
    if (!may_retry || spent >= max_attempts)
        return (struct avsp_verdict){.job_fails = true};
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    for (int64_t i = 1; i < spent && backoff_ms < BACKOFF_LAST_MS; i++)
        backoff_ms *= 2;
    backoff_ms = AVSP_MIN(backoff_ms, (int64_t)BACKOFF_LAST_MS);
    return (struct avsp_verdict){.backoff_ms =
                                     backoff_ms / 2 + backoff_ms * (jitter % 1000) / 2000};
}

bool avsp_task_undelivered_too_often(int64_t claims, int64_t spent)
{
    return claims - spent > AVSP_UNDELIVERED_MAX;
}

int32_t avsp_job_percent(enum avsp_job_state state, bool split_done, uint64_t frames_done,
                         uint64_t frames_total, uint32_t tasks_done, uint32_t n_tasks)
{
    if (state == AVSP_JOB_FINISHED)
        return 100;
    if (!split_done)
        return 0;
    double share = frames_total > 0 ? (double)frames_done / (double)frames_total
                   : n_tasks > 0    ? (double)tasks_done / n_tasks
                                    : 0.0;
    int32_t percent = (int32_t)(share * 100.0);
    return AVSP_MAX(1, AVSP_MIN(percent, 99));
}

int64_t avsp_fair_key(int64_t virtual_time, int64_t job_last, int64_t cost)
{
    return AVSP_MAX(virtual_time, job_last) + AVSP_MAX(cost, (int64_t)1);
}
