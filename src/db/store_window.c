/// Which of a job's tasks are ready: those within its window, unless it is paused. The rest is held, so that what concerns a
/// whole job (pause, resume, another priority) changes a few hundred rows of a hundred thousand.
#include "db/internal.h"

/// The first encode that a job holds.
struct first {
    bool found;
    int64_t idx;
    int64_t n_segments;
    int64_t key;
    int64_t priority; ///< of the job, now
};

static enum avsp_code find_first(struct avsp_tx *tx, const char *job_id, int64_t from_idx,
                                 struct first *ret_first, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT idx, n_segments, fair_key, (SELECT j.priority FROM jobs j WHERE j.id = $1)"
        " FROM tasks WHERE job_id = $1 AND state = 6 AND kind = 2 AND track = 0 AND idx >= $2"
        " ORDER BY idx LIMIT 1";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    *ret_first = (struct first){0};
    enum avsp_code rc =
        avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(from_idx)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &ret_first->found, err);
    if (rc != AVSP_OK || !ret_first->found)
        return rc;
    ret_first->idx = avsp_db_i64(&rows, 0);
    ret_first->n_segments = avsp_db_i64(&rows, 1);
    ret_first->key = avsp_db_i64(&rows, 2);
    ret_first->priority = avsp_db_i64(&rows, 3);
    return AVSP_OK;
}

/// By how much the keys of what is let go are raised: behind the present, and behind the job's own task before it.
static enum avsp_code key_shift(struct avsp_tx *tx, const char *job_id, const struct first *first,
                                int64_t *ret_shift, struct avsp_err *err)
{
    static const char read_last[] = "SELECT fair_key FROM tasks WHERE job_id = $1 AND kind = 2"
                                    " AND track = 0 AND idx < $2 ORDER BY idx DESC LIMIT 1";
    int64_t virtual_time = 0;
    int64_t last = 0;
    enum avsp_code rc = avsp_virtual_time(tx, &virtual_time, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(tx, read_last, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(first->idx)),
                         &last, err);
    int64_t key = avsp_fair_key(virtual_time, last, first->n_segments);
    *ret_shift = AVSP_MAX(key - first->key, (int64_t)0);
    return rc;
}

/// What was held while its job was bound to a set of encoders goes to that set's pool. In a statement whose $1 is the job.
#define ENCODERS "(SELECT j.encoders FROM jobs j WHERE j.id = $1)"
#define SET_POOL                                                                                   \
    " pool = CASE WHEN pool = 2 AND kind IN (2, 4) AND " ENCODERS " > 0 THEN " ENCODERS            \
    " ELSE pool END,"

/// Lets go the encodes of segments below @p end_idx. @param from_idx  those below are let go already.
static enum avsp_code let_go(struct avsp_tx *tx, const char *job_id, int64_t from_idx,
                             int64_t end_idx, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET state = $4, fair_key = fair_key + $5," SET_POOL " priority = $6"
        " WHERE job_id = $1 AND state = 6 AND kind = 2 AND track = 0 AND idx >= $2 AND idx < $3";
    struct first first;
    int64_t shift = 0;
    int64_t changed = 0;
    enum avsp_code rc = find_first(tx, job_id, from_idx, &first, err);
    if (rc != AVSP_OK || !first.found || first.idx >= end_idx)
        return rc;
    rc = key_shift(tx, job_id, &first, &shift, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, sql,
                          AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(first.idx), avsp_i64(end_idx),
                                       avsp_i64(avsp_task_next(AVSP_TASK_HELD, AVSP_EVENT_LET_GO)),
                                       avsp_i64(shift), avsp_i64(first.priority)),
                          &changed, err);
    if (rc == AVSP_OK && changed > 0)
        avsp_tx_ready(tx, changed, first.key + shift, first.priority);
    return rc;
}

/// The few that are no encodes have no window.
static enum avsp_code let_go_others(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET state = $2, fair_key = CASE WHEN fair_key > $3 THEN fair_key ELSE $3 "
        "END," SET_POOL " priority = (SELECT j.priority FROM jobs j WHERE j.id = $1)"
        " WHERE job_id = $1 AND state = 6 AND kind IN (1, 3, 4)";
    int64_t virtual_time = 0;
    int64_t changed = 0;
    enum avsp_code rc = avsp_virtual_time(tx, &virtual_time, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, sql,
                          AVSP_DB_ARGS(avsp_text(job_id),
                                       avsp_i64(avsp_task_next(AVSP_TASK_HELD, AVSP_EVENT_LET_GO)),
                                       avsp_i64(avsp_fair_key(virtual_time, 0, 1))),
                          &changed, err);
    if (rc == AVSP_OK && changed > 0)
        avsp_tx_ready(tx, changed, virtual_time, -1);
    return rc;
}

enum avsp_code avsp_window_read(struct avsp_tx *tx, const char *job_id, int64_t *ret_released,
                                struct avsp_err *err)
{
    static const char sql[] = "SELECT coalesce(" AVSP_RELEASED("$1") ", 0)";
    return avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), ret_released, err);
}

/// Whoever makes a task holds the lock while he looks where the window ends.
static enum avsp_code write_end(struct avsp_tx *tx, const char *job_id, int64_t end_idx,
                                struct avsp_err *err)
{
    static const char sql[] = "INSERT INTO windows (job_id, released) VALUES ($1, $2)"
                              " ON CONFLICT DO NOTHING";
    struct avsp_job_row job = {0};
    int64_t changed = 0;
    enum avsp_code rc = avsp_job_lock(tx, job_id, &job, err);
    if (rc != AVSP_OK)
        return rc;
    return avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(end_idx)), &changed, err);
}

enum avsp_code avsp_window_advance(struct avsp_tx *tx, const struct avsp_handout *handout,
                                   struct avsp_err *err)
{
    const struct avsp_task_row *row = &handout->row;
    if (row->kind != AVSP_TASK_ENCODE)
        return AVSP_OK;
    const int64_t before = avsp_window_end(handout->released, 0, 0);
    const int64_t end = avsp_window_end(handout->released, row->idx, row->n_segments);
    if (end == before)
        return AVSP_OK;
    // What a split adds until the job is locked lies within the old window's bounds: let go the second time.
    enum avsp_code rc = let_go(tx, row->job_id, before, end, err);
    if (rc == AVSP_OK)
        rc = write_end(tx, row->job_id, end, err);
    return rc == AVSP_OK ? let_go(tx, row->job_id, before, end, err) : rc;
}

enum avsp_code avsp_window_refill(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    // (1, 2) is the condition of the index; so it is in all that looks for what is ready or runs.
    static const char read_ready[] =
        "SELECT 1 FROM tasks WHERE job_id = $1 AND state IN (1, 2) AND state = 1 AND kind = 2"
        " ORDER BY idx DESC LIMIT 1";
    struct first first = {0};
    int64_t end = 0;
    int64_t ready = 0;
    enum avsp_code rc = let_go_others(tx, job_id, err);
    if (rc == AVSP_OK)
        rc = avsp_window_read(tx, job_id, &end, err);
    end = avsp_window_end(end, 0, 0);
    if (rc == AVSP_OK)
        rc = let_go(tx, job_id, 0, end, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(tx, read_ready, AVSP_DB_ARGS(avsp_text(job_id)), &ready, err);
    if (rc == AVSP_OK && ready == 0)
        rc = find_first(tx, job_id, 0, &first, err);
    if (rc != AVSP_OK || !first.found)
        return rc;
    // Nothing within the window will ever move it on.
    end = avsp_window_end(end, first.idx, first.n_segments);
    rc = let_go(tx, job_id, 0, end, err);
    return rc == AVSP_OK ? write_end(tx, job_id, end, err) : rc;
}

enum avsp_code avsp_window_close(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] = "UPDATE tasks SET state = $2 "
                              "WHERE job_id = $1 AND state = 1 AND kind <> 5"
                              " AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = $1 AND j.state = 5)";
    int64_t changed = 0;
    return avsp_tx_exec(
        tx, sql,
        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(avsp_task_next(AVSP_TASK_READY, AVSP_EVENT_HOLD))),
        &changed, err);
}
