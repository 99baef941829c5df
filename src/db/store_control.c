/// What people do to a job that is not over, but for cancel (store_submit.c).
#include "db/internal.h"

/// Moves a job by an event. @param ret_changed  false: it was there already.
static enum avsp_code move(struct avsp_tx *tx, const char *job_id, enum avsp_job_event event,
                           enum avsp_job_state goal, const char *verb, bool *ret_changed,
                           struct avsp_err *err)
{
    static const char sql[] = "UPDATE jobs SET state = $3, version = version + 1, change = 0 WHERE "
                              "id = $1 AND state = $2";
    enum avsp_job_state state = 0;
    int64_t changed = 0;
    *ret_changed = false;
    enum avsp_code rc = avsp_job_state(tx, job_id, &state, err);
    if (rc != AVSP_OK || state == goal)
        return rc;
    enum avsp_job_state to = avsp_job_next(state, event);
    if (to == 0)
        return avsp_err_set(err, AVSP_PRECONDITION, "job %s is %s: it cannot be %s", job_id,
                            avsp_job_state_name(state), verb);
    rc = avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(state), avsp_i64(to)),
                      &changed, err);
    if (rc == AVSP_OK && changed == 0)
        rc = avsp_tx_lost_race(err, job_id);
    *ret_changed = changed > 0;
    tx->changed = true;
    return rc;
}

static enum avsp_code pause_once(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    bool changed = false;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = move(&tx, job_id, AVSP_JOB_EVENT_PAUSE, AVSP_JOB_PAUSED, "paused", &changed, err);
    if (rc == AVSP_OK && changed)
        rc = avsp_window_close(&tx, job_id, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_pause(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = pause_once(store, job_id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code resume_once(struct avsp_store *store, const char *job_id,
                                  struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    bool changed = false;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = move(&tx, job_id, AVSP_JOB_EVENT_RESUME, AVSP_JOB_RUNNING, "resumed", &changed, err);
    if (rc == AVSP_OK && changed)
        rc = avsp_window_refill(&tx, job_id, err);
    if (rc == AVSP_OK && changed)
        rc = avsp_job_follow_up(&tx, job_id, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_resume(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = resume_once(store, job_id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

/// What is held takes the job's priority when it is let go: the tasks of a window change, and no more.
static enum avsp_code set_priority_once(struct avsp_store *store, const char *job_id,
                                        int32_t priority, struct avsp_err *err)
{
    static const char job_sql[] =
        "UPDATE jobs SET priority = $2, version = version + 1, change = 0 "
        "WHERE id = $1 AND state IN (1, 5) AND priority <> $2";
    static const char task_sql[] =
        "UPDATE tasks SET priority = $2 WHERE job_id = $1 AND state IN (1, 2) AND kind <> 5";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_job_state state = 0;
    int64_t changed = 0;
    AVSP_ASSERT(priority >= 0 && priority <= AVSP_PRIORITY_MAX);
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_job_state(&tx, job_id, &state, err);
    if (rc == AVSP_OK && avsp_job_is_over(state))
        rc = avsp_err_set(err, AVSP_PRECONDITION, "job %s is %s: its priority means nothing now",
                          job_id, avsp_job_state_name(state));
    const struct avsp_db_value values[] = {avsp_text(job_id), avsp_i64(priority)};
    // Locks are taken tasks first, everywhere; what a split added until the job was locked is seen the second time.
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, task_sql, values, AVSP_ARRAY_LEN(values), &changed, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, job_sql, values, AVSP_ARRAY_LEN(values), &changed, err);
    tx.changed = changed > 0;
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, task_sql, values, AVSP_ARRAY_LEN(values), &changed, err);
    avsp_tx_ready(&tx, 0, 0, priority); // what was ready is so elsewhere
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_set_priority(struct avsp_store *store, const char *job_id,
                                       int32_t priority, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = set_priority_once(store, job_id, priority, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
