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
    AVSP_EVENT_REVIVE,  ///< its job is tried again: it is let go when its turn comes
    AVSP_EVENT_HOLD,    ///< its job pauses
    AVSP_EVENT_LET_GO,  ///< its job goes on, or its window has come to it
    AVSP_EVENT_RESET, ///< what the task made, or was to take, is gone: it waits for a split to report its piece again
    AVSP_EVENT_REDO, ///< a split's piece is gone: it is let go to make that again
    AVSP_TASK_N_EVENTS,
};

enum avsp_job_event {
    AVSP_JOB_EVENT_FINISH,
    AVSP_JOB_EVENT_FAIL,
    AVSP_JOB_EVENT_CANCEL,
    AVSP_JOB_EVENT_PAUSE,
    AVSP_JOB_EVENT_RESUME,
    AVSP_JOB_EVENT_RETRY,
    AVSP_JOB_EVENT_DELETE,
    AVSP_JOB_N_EVENTS,
};

/// Where an event leads. @return 0 where the state does not allow it.
enum avsp_task_state avsp_task_next(enum avsp_task_state state, enum avsp_task_event event);

/// The same for jobs.
enum avsp_job_state avsp_job_next(enum avsp_job_state state, enum avsp_job_event event);

bool avsp_task_is_over(enum avsp_task_state state);
bool avsp_job_is_over(enum avsp_job_state state);

/// The state of a task that waits for a worker: READY, or HELD where its job is paused or it lies beyond the window.
/// @param idx       first segment of an encode
/// @param released  end of the job's window
enum avsp_task_state avsp_task_waits(enum avsp_job_state job, enum avsp_task_kind kind, int64_t idx,
                                     int64_t released);

/// The end of a job's window once an encode of segments idx to idx + n was handed out: it stays where it is until a good part
/// of it is used up, so that a job's own row changes once in many claims.
int64_t avsp_window_end(int64_t released, int64_t idx, int64_t n);

/// A waiting worker of ours asks again every 40 s, and is written down some seconds late: after this it is gone.
#define AVSP_WORKER_AWAY_US 60000000

/// How a worker stands. @param silent_us  since it was last heard of.
enum avsp_worker_state avsp_worker_state(bool drains, size_t n_tasks, int64_t silent_us);

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

/// A claim whose worker never sent a heartbeat costs no attempt, but not without end: is this the last? Lost answers are rare; more
/// than so many for one task mean that something eats them.
#define AVSP_UNDELIVERED_MAX 50
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
