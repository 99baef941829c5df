#include "core/lifecycle.h"
#include "db/internal.h"

/// What is claimed: nobody is there to finish it.
static enum avsp_code release_claimed(struct avsp_tx *tx, struct avsp_err *err)
{
    static const char keep[] =
        "INSERT INTO attempts (task_id, attempt, job_id, worker_id, claimed_us, ended_us, outcome,"
        " code, message, log_tail) "
        "SELECT id, attempt, job_id, worker_id, claimed_us, $1, 'released', '', '', '' "
        "FROM tasks WHERE state = 2 ON CONFLICT DO NOTHING";
    static const char release[] =
        "UPDATE tasks SET state = $1, claims = claims - 1, started = 0, claim_id = '',"
        " frames_done = 0, frames_total = 0, milli_fps = 0, not_before_us = 0,"
        " version = version + 1 WHERE state = 2";
    const enum avsp_task_state to = avsp_task_next(AVSP_TASK_RUNNING, AVSP_EVENT_RELEASE);
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_exec(tx, keep, AVSP_DB_ARGS(avsp_i64(tx->now_us)), &changed, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, release, AVSP_DB_ARGS(avsp_i64(to)), &changed, err);
    avsp_tx_ready(tx, changed, 0, -1);
    return rc;
}

/// A back-off that was set by another clock than today's, or that has no reason any more.
static enum avsp_code end_waits(struct avsp_tx *tx, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET not_before_us = 0 WHERE state = 1 AND not_before_us > 0 AND kind <> 5";
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_exec(tx, sql, AVSP_DB_NO_ARGS, &changed, err);
    avsp_tx_ready(tx, changed, 0, -1);
    return rc;
}

/// A failed job whose cleanup has not begun has all that it made. One whose output another job uses now stays failed.
static enum avsp_code revive_job(struct avsp_tx *tx, bool *ret_again, struct avsp_err *err)
{
    static const char find[] =
        "SELECT id FROM jobs f WHERE state = 3 AND NOT EXISTS (SELECT 1 FROM tasks c"
        " WHERE c.job_id = f.id AND c.kind = 5 AND (c.state IN (2, 3, 4) OR c.claimed_us > 0))"
        " AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.output_key = f.output_key"
        " AND o.state IN (1, 5)) LIMIT 1";
    const char *id = NULL;
    {
        struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
        enum avsp_code rc = avsp_db_query(tx->db, find, AVSP_DB_NO_ARGS, &rows, err);
        if (rc == AVSP_OK)
            rc = avsp_db_next(&rows, ret_again, err);
        if (rc != AVSP_OK || !*ret_again)
            return rc;
        if (!avsp_column(&tx->arena, &rows, 0, &id))
            return avsp_arena_failed(&tx->arena, err);
    }
    return avsp_job_revive(tx, id, false, ret_again, err);
}

static enum avsp_code take_over_once(struct avsp_store *store, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    bool again = true;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = release_claimed(&tx, err);
    if (rc == AVSP_OK)
        rc = end_waits(&tx, err);
    while (rc == AVSP_OK && again)
        rc = revive_job(&tx, &again, err);
    tx.changed = true;
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_take_over(struct avsp_store *store, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = take_over_once(store, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
