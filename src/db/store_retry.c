#include "core/lifecycle.h"
#include "db/internal.h"

/// What was made before is gone: nothing counts as done, and pieces wait until a split reports them again under the same
/// identity. Attempts stay, as history.
static enum avsp_code reset(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char *const forget[] = {
        "DELETE FROM segments WHERE job_id = $1",
        "DELETE FROM renditions WHERE job_id = $1",
        "DELETE FROM windows WHERE job_id = $1",
        "UPDATE jobs SET encoders = 0 WHERE id = $1",
    };
    static const char sql[] =
        "UPDATE tasks SET state = $2, input = '', result = '', spent = 0, frames_done = 0,"
        " pool = CASE WHEN pool > $3 THEN $3 ELSE pool END"
        " WHERE job_id = $1 AND state IN (3, 4, 5)";
    const enum avsp_task_state to = avsp_task_next(AVSP_TASK_DONE, AVSP_EVENT_RESET);
    int64_t changed = 0;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < AVSP_ARRAY_LEN(forget); i++)
        rc = avsp_tx_exec(tx, forget[i], AVSP_DB_ARGS(avsp_text(job_id)), &changed, err);
    return rc == AVSP_OK ? avsp_tx_exec(tx, sql,
                                        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(to),
                                                     avsp_i64(AVSP_POOL_OURS)),
                                        &changed, err)
                         : rc;
}

static enum avsp_code revive_tasks(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    // These two are made again when it is their turn, as is what takes a piece that is gone.
    static const char last[] =
        "UPDATE tasks SET state = $2, claimed_us = 0 WHERE job_id = $1 AND kind IN (3, 5)";
    static const char others[] =
        "UPDATE tasks SET state = $2, spent = 0, claims = 0, started = 0, claim_id = '',"
        " frames_done = 0, frames_total = 0, milli_fps = 0, not_before_us = 0 WHERE job_id = $1"
        " AND state IN (4, 5) AND (kind = 1 OR (kind IN (2, 4) AND input <> ''))";
    int64_t changed = 0;
    enum avsp_code rc =
        avsp_tx_exec(tx, last,
                     AVSP_DB_ARGS(avsp_text(job_id),
                                  avsp_i64(avsp_task_next(AVSP_TASK_READY, AVSP_EVENT_CANCEL))),
                     &changed, err);
    return rc == AVSP_OK
               ? avsp_tx_exec(
                     tx, others,
                     AVSP_DB_ARGS(avsp_text(job_id),
                                  avsp_i64(avsp_task_next(AVSP_TASK_FAILED, AVSP_EVENT_REVIVE))),
                     &changed, err)
               : rc;
}

enum avsp_code avsp_job_revive(struct avsp_tx *tx, const char *job_id, bool from_start,
                               bool *ret_changed, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE jobs SET state = $2, ended_us = 0, version = version + 1, change = 0, fail_code = "
        "'',"
        " fail_may_retry = 0, fail_message = '', fail_log = '' WHERE id = $1 AND state IN (3, 4)"
        " AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.output_key = jobs.output_key"
        " AND o.state IN (1, 5))";
    const enum avsp_job_state to = avsp_job_next(AVSP_JOB_FAILED, AVSP_JOB_EVENT_RETRY);
    int64_t changed = 0;
    enum avsp_code rc =
        avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(to)), &changed, err);
    *ret_changed = changed > 0;
    if (rc != AVSP_OK || changed == 0)
        return rc;
    tx->changed = true;
    if (from_start)
        rc = reset(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = revive_tasks(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = avsp_window_refill(tx, job_id, err);
    // Where it failed between its last encode and its manifest.
    return rc == AVSP_OK ? avsp_job_follow_up(tx, job_id, err) : rc;
}

/// Refuses where the output belongs to others by now.
static enum avsp_code check_output(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char read_key[] = "SELECT output_key FROM jobs WHERE id = $1";
    static const char find[] = "SELECT id FROM jobs WHERE output_key = $1 AND state IN (1, 5)";
    const char *key = "";
    bool more = false;
    {
        struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
        enum avsp_code rc =
            avsp_db_query(tx->db, read_key, AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
        if (rc == AVSP_OK)
            rc = avsp_db_next(&rows, &more, err);
        if (rc != AVSP_OK)
            return rc;
        if (more && !avsp_column(&tx->arena, &rows, 0, &key))
            return avsp_arena_failed(&tx->arena, err);
    }
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(tx->db, find, AVSP_DB_ARGS(avsp_text(key)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more)
        rc = avsp_err_set(err, AVSP_EXISTS,
                          "job %s writes to the output of job %s, and is not over yet",
                          avsp_db_text(&rows, 0), job_id);
    return rc == AVSP_OK ? avsp_output_check(tx, key, err) : rc;
}

/// Secrets are forgotten once nothing can need them.
static enum avsp_code check_secrets(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] = "SELECT count(*) FROM secrets WHERE job_id = $1"
                              " AND access_key_id <> '' AND secret_access_key = ''";
    int64_t n = 0;
    enum avsp_code rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &n, err);
    if (rc == AVSP_OK && n > 0)
        rc = avsp_err_set(
            err, AVSP_PRECONDITION,
            "the credentials of job %s were forgotten when what it left was removed, or "
            "given up: submit it again",
            job_id);
    return rc;
}

/// Has a worker begun to remove what the job made?
static enum avsp_code is_cleaned(struct avsp_tx *tx, const char *job_id, bool *ret_cleaned,
                                 struct avsp_err *err)
{
    static const char sql[] = "SELECT count(*) FROM tasks WHERE job_id = $1 AND kind = 5"
                              " AND (state IN (2, 3, 4) OR claimed_us > 0)";
    int64_t n = 0;
    enum avsp_code rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &n, err);
    *ret_cleaned = n > 0;
    return rc;
}

/// @param repin  what it made does not count any more, there or not.
static enum avsp_code retry(struct avsp_tx *tx, const char *job_id, bool repin,
                            struct avsp_err *err)
{
    bool from_start = false;
    bool changed = false;
    enum avsp_code rc = check_output(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = check_secrets(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = is_cleaned(tx, job_id, &from_start, err);
    if (rc == AVSP_OK)
        rc = avsp_job_revive(tx, job_id, from_start || repin, &changed, err);
    if (rc == AVSP_OK && !changed)
        rc = avsp_tx_lost_race(err, job_id);
    return rc;
}

/// Begins a job that is not over anew. Its segments are done with; what is in the work folder, too, for pieces go when they are
/// encoded. What they leave is removed with the manifest.
static enum avsp_code begin_anew(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    // What waits for a new piece is not among a job's tasks, and what its version was would be missing from the job's.
    static const char sql[] = "UPDATE jobs SET version = version + 1 + (SELECT "
                              "CAST(coalesce(sum(t.version), 0) AS BIGINT)"
                              " FROM tasks t WHERE t.job_id = $1) WHERE id = $1";
    enum avsp_job_state state = 0;
    int64_t changed = 0;
    enum avsp_code rc = avsp_tasks_cancel(tx, job_id, &state, err);
    if (rc == AVSP_OK && avsp_job_is_over(state))
        return avsp_tx_lost_race(err, job_id);
    tx->changed = true;
    if (rc == AVSP_OK)
        rc = reset(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = revive_tasks(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &changed, err);
    return rc == AVSP_OK && state == AVSP_JOB_RUNNING ? avsp_window_refill(tx, job_id, err) : rc;
}

/// Is a job bound to encoders? One that is not has nothing that other ones could not go on with.
static enum avsp_code is_bound(struct avsp_tx *tx, const char *job_id, bool *ret_bound,
                               struct avsp_err *err)
{
    static const char sql[] = "SELECT encoders FROM jobs WHERE id = $1";
    int64_t id = 0;
    enum avsp_code rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &id, err);
    *ret_bound = id != 0;
    return rc;
}

static enum avsp_code retry_once(struct avsp_store *store, const char *job_id, bool repin,
                                 struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_job_state state = 0;
    bool bound = false;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_job_state(&tx, job_id, &state, err);
    if (rc == AVSP_OK)
        rc = is_bound(&tx, job_id, &bound, err);
    repin = repin && bound;
    if (rc != AVSP_OK || (!avsp_job_is_over(state) && !repin))
        return rc;
    if (avsp_job_is_over(state) && avsp_job_next(state, AVSP_JOB_EVENT_RETRY) == 0)
        return avsp_err_set(err, AVSP_PRECONDITION, "job %s is %s: there is nothing to try again",
                            job_id, avsp_job_state_name(state));
    rc = avsp_job_is_over(state) ? retry(&tx, job_id, repin, err) : begin_anew(&tx, job_id, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_retry(struct avsp_store *store, const char *job_id, bool repin,
                                struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = retry_once(store, job_id, repin, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
