#include "db/internal.h"

#define PURGED_ROWS 2000 ///< of one table in one transaction
/// The job's own row stays for so long, for those who follow all jobs to see that it is deleted.
#define KEPT_US 60000000

/// Nobody is shown the job any more. Its secrets are needed only where something is still to be removed.
static enum avsp_code hide(struct avsp_tx *tx, const char *job_id, enum avsp_job_state state,
                           struct avsp_err *err)
{
    static const char sql[] = "UPDATE jobs SET state = $3, ended_us = $4, idempotency_key = '',"
                              " version = version + 1, change = 0 WHERE id = $1 AND state = $2";
    static const char read_open[] =
        "SELECT count(*) FROM tasks WHERE job_id = $1 AND state IN (1, 2)";
    int64_t changed = 0;
    int64_t n_open = 0;
    enum avsp_code rc = avsp_tx_exec(
        tx, sql,
        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(state),
                     avsp_i64(avsp_job_next(state, AVSP_JOB_EVENT_DELETE)), avsp_i64(tx->now_us)),
        &changed, err);
    if (rc == AVSP_OK && changed == 0)
        rc = avsp_tx_lost_race(err, job_id);
    tx->changed = true;
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(tx, read_open, AVSP_DB_ARGS(avsp_text(job_id)), &n_open, err);
    return rc == AVSP_OK && n_open == 0 ? avsp_secrets_forget(tx, job_id, err) : rc;
}

static enum avsp_code delete_once(struct avsp_store *store, const char *job_id, bool force,
                                  struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_job_state state = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_job_state(&tx, job_id, &state, err);
    if (rc == AVSP_OK && !avsp_job_is_over(state) && !force)
        rc = avsp_err_set(err, AVSP_PRECONDITION,
                          "job %s is %s: cancel it before it is deleted, or force it", job_id,
                          avsp_job_state_name(state));
    if (rc == AVSP_OK && !avsp_job_is_over(state)) {
        rc = avsp_job_end(&tx, job_id, AVSP_JOB_CANCELED, NULL, NULL, err);
        state = AVSP_JOB_CANCELED;
    }
    if (rc == AVSP_OK)
        rc = hide(&tx, job_id, state, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_delete(struct avsp_store *store, const char *job_id, bool force,
                                 struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = delete_once(store, job_id, force, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

/// A deleted job that no worker has anything to do for, and that has rows to remove: others, or after a while its own.
static enum avsp_code find_deleted(struct avsp_tx *tx, const char **ret_id, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT id FROM jobs j WHERE j.state = 6 AND NOT EXISTS (SELECT 1 FROM tasks t"
        " WHERE t.job_id = j.id AND t.state IN (1, 2)) AND (j.ended_us <= $1 OR EXISTS (SELECT 1"
        " FROM tasks o WHERE o.job_id = j.id)) LIMIT 1" AVSP_DB_LOCK_SKIP("j");
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    *ret_id = NULL;
    enum avsp_code rc =
        avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_i64(tx->now_us - KEPT_US)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more && !avsp_column(&tx->arena, &rows, 0, ret_id))
        return avsp_arena_failed(&tx->arena, err);
    return rc;
}

enum avsp_code avsp_purge(struct avsp_tx *tx, bool *ret_more, struct avsp_err *err)
{
    // What refers to others goes before them.
    static const char *const steps[] = {
        "DELETE FROM attempts WHERE (task_id, attempt) IN"
        " (SELECT task_id, attempt FROM attempts WHERE job_id = $1 LIMIT $2)",
        "DELETE FROM segments WHERE (job_id, rendition, idx) IN"
        " (SELECT job_id, rendition, idx FROM segments WHERE job_id = $1 LIMIT $2)",
        "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE job_id = $1 LIMIT $2)",
    };
    static const char *const last[] = {
        "DELETE FROM renditions WHERE job_id = $1", "DELETE FROM warnings WHERE job_id = $1",
        "DELETE FROM secrets WHERE job_id = $1",    "DELETE FROM labels WHERE job_id = $1",
        "DELETE FROM windows WHERE job_id = $1",    "DELETE FROM jobs WHERE id = $1",
    };
    const char *id = NULL;
    int64_t changed = 0;
    enum avsp_code rc = find_deleted(tx, &id, err);
    *ret_more = id != NULL;
    for (size_t i = 0; rc == AVSP_OK && id != NULL && i < AVSP_ARRAY_LEN(steps); i++) {
        rc = avsp_tx_exec(tx, steps[i], AVSP_DB_ARGS(avsp_text(id), avsp_i64(PURGED_ROWS)),
                          &changed, err);
        if (changed > 0)
            return rc;
    }
    for (size_t i = 0; rc == AVSP_OK && id != NULL && i < AVSP_ARRAY_LEN(last); i++)
        rc = avsp_tx_exec(tx, last[i], AVSP_DB_ARGS(avsp_text(id)), &changed, err);
    return rc;
}
