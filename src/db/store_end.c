#include "db/internal.h"

#include <string.h>

/// Cleaning up waits until workers have heard that the job is over: they send a heartbeat every second.
#define CLEANUP_DELAY_US 5000000

enum avsp_code avsp_no_job(const char *job_id, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_NOT_FOUND, "there is no job %.64s", job_id);
}

enum avsp_code avsp_job_lock(struct avsp_tx *tx, const char *job_id, struct avsp_job_row *ret_row,
                             struct avsp_err *err)
{
    static const char sql[] = "SELECT state, priority FROM jobs WHERE id = $1" AVSP_DB_LOCK("jobs");
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && !more)
        rc = avsp_no_job(job_id, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_row =
        (struct avsp_job_row){(enum avsp_job_state)avsp_db_i64(&rows, 0), avsp_db_i64(&rows, 1)};
    return AVSP_OK;
}

enum avsp_code avsp_job_state(struct avsp_tx *tx, const char *job_id,
                              enum avsp_job_state *ret_state, struct avsp_err *err)
{
    static const char sql[] = "SELECT state FROM jobs WHERE id = $1 AND state <> 6";
    int64_t state = 0;
    enum avsp_code rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &state, err);
    if (rc == AVSP_OK && state == 0)
        rc = avsp_no_job(job_id, err);
    *ret_state = (enum avsp_job_state)state;
    return rc;
}

enum avsp_code avsp_job_add_up(struct avsp_tx *tx, const char *job_id,
                               struct avsp_job_sums *ret_sums, struct avsp_err *err)
{
    // What was canceled keeps the frames it had. The casts are for PostgreSQL, whose sums are numeric.
    static const char sql[] =
        "SELECT CAST(coalesce(sum(CASE WHEN state = 3 THEN frames"
        " WHEN state IN (2, 5) AND frames_done < frames THEN frames_done"
        " WHEN state IN (2, 5) THEN frames ELSE 0 END), 0) AS BIGINT),"
        " CAST(coalesce(sum(frames), 0) AS BIGINT),"
        " CAST(coalesce(sum(CASE WHEN state = 3 THEN 1 ELSE 0 END), 0) AS BIGINT),"
        " count(*), CAST(coalesce(sum(version), 0) AS BIGINT)"
        " FROM tasks WHERE job_id = $1 AND kind <> 5"
        " AND (state <> 5 OR kind NOT IN (2, 4) OR input <> '')"; // not what waits for a new piece
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more)
        *ret_sums = (struct avsp_job_sums){avsp_db_i64(&rows, 0), avsp_db_i64(&rows, 1),
                                           avsp_db_i64(&rows, 2), avsp_db_i64(&rows, 3),
                                           avsp_db_i64(&rows, 4)};
    return rc;
}

static enum avsp_code cancel_open(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] = "UPDATE tasks SET state = 5 "
                              "WHERE job_id = $1 AND state IN (1, 2, 6) AND kind <> 5";
    int64_t changed = 0;
    return avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &changed, err);
}

// Locks are taken tasks first, everywhere; what a split added until the job was locked is seen the second time.
enum avsp_code avsp_tasks_cancel(struct avsp_tx *tx, const char *job_id,
                                 enum avsp_job_state *ret_state, struct avsp_err *err)
{
    // Attempts that had ended before stand there already.
    static const char keep[] =
        "INSERT INTO attempts (task_id, attempt, job_id, worker_id, claimed_us, ended_us, outcome,"
        " code, message, log_tail) "
        "SELECT id, attempt, job_id, worker_id, claimed_us, $2, 'canceled', '', '', '' FROM tasks "
        "WHERE job_id = $1 AND state = 5 AND attempt > 0 AND kind <> 5 ON CONFLICT DO NOTHING";
    struct avsp_job_row job = {0};
    int64_t changed = 0;
    enum avsp_code rc = cancel_open(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = avsp_job_lock(tx, job_id, &job, err);
    *ret_state = job.state;
    if (rc == AVSP_OK)
        rc = cancel_open(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, keep, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(tx->now_us)), &changed,
                          err);
    return rc;
}

/// Only what workers of ours made can be told from what is not ours.
static enum avsp_code clean_up(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] = "SELECT flavour FROM jobs WHERE id = $1";
    int64_t flavour = AVSP_FLAVOUR_UNKNOWN;
    bool made = false;
    enum avsp_code rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &flavour, err);
    if (rc != AVSP_OK)
        return rc;
    if (flavour == AVSP_FLAVOUR_BASE)
        return avsp_secrets_forget(tx, job_id, err);
    const struct avsp_new_task task = {
        .job_id = job_id,
        .kind = AVSP_TASK_CLEANUP,
        .pool = AVSP_POOL_OURS,
        .not_before_us = tx->now_us + CLEANUP_DELAY_US,
    };
    return avsp_task_make(tx, &task, &made, err);
}

static enum avsp_code write_end(struct avsp_tx *tx, const char *job_id, enum avsp_job_state state,
                                const struct avsp_failure *failure, const char *manifest,
                                int64_t *ret_changed, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE jobs SET state = $2, ended_us = $3, version = version + 1 + $13, change = 0, "
        "manifest = $4,"
        " fail_code = $5, fail_may_retry = $6, fail_message = $7, fail_log = $8, frames_done = $9,"
        " frames_total = $10, tasks_done = $11, n_tasks = $12 WHERE id = $1 AND state IN (1, 5)";
    static const struct avsp_failure none = {.message = "", .log_tail = ""};
    struct avsp_job_sums sums = {0};
    enum avsp_code rc = avsp_job_add_up(tx, job_id, &sums, err);
    if (rc != AVSP_OK)
        return rc;
    const char *code = failure != NULL ? avsp_code_name(failure->code) : "";
    if (failure == NULL)
        failure = &none;
    return avsp_tx_exec(tx, sql,
                        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(state), avsp_i64(tx->now_us),
                                     avsp_text(manifest), avsp_text(code),
                                     avsp_i64(failure->may_retry), avsp_text(failure->message),
                                     avsp_text(failure->log_tail), avsp_i64(sums.frames_done),
                                     avsp_i64(sums.frames_total), avsp_i64(sums.tasks_done),
                                     avsp_i64(sums.n_tasks), avsp_i64(sums.version)),
                        ret_changed, err);
}

/// What earlier jobs left in the output may be removed now: claims passed over it until here.
static enum avsp_code let_cleanups_go(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT t.fair_key, t.priority FROM tasks t WHERE t.kind = 5 AND t.state IN (1, 2)"
        " AND t.state = 1 AND (SELECT j.output_key FROM jobs j WHERE j.id = t.job_id)"
        " = (SELECT m.output_key FROM jobs m WHERE m.id = $1) ORDER BY t.job_id";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more)
        avsp_tx_ready(tx, 1, avsp_db_i64(&rows, 0), avsp_db_i64(&rows, 1));
    return rc;
}

enum avsp_code avsp_job_end(struct avsp_tx *tx, const char *job_id, enum avsp_job_state state,
                            const struct avsp_failure *failure,
                            const struct avsp_location *manifest, struct avsp_err *err)
{
    const char *manifest_text = "";
    enum avsp_job_state before = 0;
    int64_t changed = 0;
    enum avsp_code rc = AVSP_OK;
    if (manifest != NULL)
        rc = avsp_location_store(&tx->arena, manifest, &manifest_text, err);
    if (rc == AVSP_OK && state != AVSP_JOB_FINISHED)
        rc = avsp_tasks_cancel(tx, job_id, &before, err);
    if (rc == AVSP_OK)
        rc = write_end(tx, job_id, state, failure, manifest_text, &changed, err);
    if (rc != AVSP_OK || changed == 0)
        return rc;
    tx->changed = true;
    tx->over.state = state;
    snprintf(tx->over.job_id, sizeof tx->over.job_id, "%s", job_id);
    snprintf(tx->over.why, sizeof tx->over.why, "%s", failure != NULL ? failure->message : "");
    rc = let_cleanups_go(tx, job_id, err);
    if (rc != AVSP_OK)
        return rc;
    if (state == AVSP_JOB_FINISHED)
        return avsp_secrets_forget(tx, job_id, err);
    return clean_up(tx, job_id, err);
}

enum avsp_code avsp_job_follow_up(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char due[] =
        "SELECT j.flavour FROM jobs j WHERE j.id = $1 AND j.state = 1 AND " AVSP_NOTHING_OPEN;
    struct avsp_job_row job = {0};
    int64_t flavour = -1;
    bool made = false;
    enum avsp_code rc = avsp_tx_i64(tx, due, AVSP_DB_ARGS(avsp_text(job_id)), &flavour, err);
    if (rc != AVSP_OK || flavour < 0)
        return rc;
    // While we waited for the lock the job may have been begun anew.
    flavour = -1;
    rc = avsp_job_lock(tx, job_id, &job, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(tx, due, AVSP_DB_ARGS(avsp_text(job_id)), &flavour, err);
    if (rc != AVSP_OK || flavour < 0)
        return rc;
    const struct avsp_new_task task = {
        .job_id = job_id,
        .kind = AVSP_TASK_MANIFEST,
        .pool = flavour == AVSP_FLAVOUR_BASE ? AVSP_POOL_ANY : AVSP_POOL_OURS,
    };
    return avsp_task_make(tx, &task, &made, err);
}
