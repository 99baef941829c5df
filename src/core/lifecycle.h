/// The state machines of jobs and tasks, and what follows from each event: the one place where these rules stand.
///
/// Pure functions; the database layer asks, then acts in one guarded statement each. Any thread.
#ifndef AVSP_CORE_LIFECYCLE_H
#define AVSP_CORE_LIFECYCLE_H

#include "core/model.h"

enum avsp_task_event {
    AVSP_EVENT_CLAIM,   ///< a worker takes it
    AVSP_EVENT_FINISH,  ///< its worker succeeded
    AVSP_EVENT_RETRY,   ///< an attempt failed and another is allowed
    AVSP_EVENT_RELEASE, ///< its worker hands it back
    AVSP_EVENT_EXPIRE,  ///< its lease ran out
    AVSP_EVENT_FAIL,    ///< the last attempt failed
    AVSP_EVENT_CANCEL,  ///< its job is over
    AVSP_EVENT_REVIVE,  ///< its failed job is tried again
};

/// Where an event leads. @return 0 where the state does not allow it.
enum avsp_task_state avsp_task_next(enum avsp_task_state state, enum avsp_task_event event);

bool avsp_task_is_over(enum avsp_task_state state);
bool avsp_job_is_over(enum avsp_job_state state);

/// What an attempt that did not succeed costs.
struct avsp_verdict {
    bool job_fails;     ///< no attempt is left, or none would help
    int64_t backoff_ms; ///< otherwise: not claimable before that
};

/// @param spent         attempts used up, this one included; 1..
/// @param max_attempts  1..
/// @param may_retry     what the worker said
/// @param jitter        0..999, random: spreads the retries
struct avsp_verdict avsp_task_failed(int64_t spent, int64_t max_attempts, bool may_retry,
                                     uint32_t jitter);

/// A claim whose worker never sent a heartbeat costs no attempt, but not without end: is this the last?
bool avsp_task_undelivered_too_often(int64_t claims, int64_t spent);

/// Percentage for a base client: 0 until the split is done, 1..99 by frames (or by tasks where frames are not known),
/// 100 when finished.
int32_t avsp_job_percent(enum avsp_job_state state, bool split_done, uint64_t frames_done,
                         uint64_t frames_total, uint32_t tasks_done, uint32_t n_tasks);

/// The start tag of a new task in start-time fair queuing.
/// @param virtual_time  the highest key handed out so far
/// @param job_last      the key of the job's task before this one; 0 for the first
/// @param cost          of this task: segments it covers; 1..
int64_t avsp_fair_key(int64_t virtual_time, int64_t job_last, int64_t cost);

#endif
