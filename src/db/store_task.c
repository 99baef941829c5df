#include "core/lifecycle.h"
#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

/// A job that failed or was canceled is cleaned up only after workers have had time to notice (see store_end.c); a cleanup
/// that fails gives up after as many attempts as any task, and the job gets a warning.
static bool matters_to_job(enum avsp_task_kind kind)
{
    return kind != AVSP_TASK_CLEANUP;
}

enum avsp_code avsp_task_row_read(struct avsp_tx *tx, struct avsp_db_rows *rows,
                                  struct avsp_task_row *row, struct avsp_err *err)
{
    *row = (struct avsp_task_row){
        .kind = (enum avsp_task_kind)avsp_db_i64(rows, 2),
        .track = (uint32_t)avsp_db_i64(rows, 3),
        .idx = (uint32_t)avsp_db_i64(rows, 4),
        .n_segments = (uint32_t)avsp_db_i64(rows, 5),
        .state = (enum avsp_task_state)avsp_db_i64(rows, 6),
        .token = {avsp_db_i64(rows, 7), avsp_db_i64(rows, 8)},
        .spent = avsp_db_i64(rows, 9),
        .claims = avsp_db_i64(rows, 10),
        .started = avsp_db_i64(rows, 11) != 0,
        .own = avsp_db_i64(rows, 12) != 0,
        .claimed_us = avsp_db_i64(rows, 14),
        .frames = (uint64_t)avsp_db_i64(rows, 15),
        .progress = {(uint64_t)avsp_db_i64(rows, 16), (uint64_t)avsp_db_i64(rows, 17),
                     (uint32_t)avsp_db_i64(rows, 18)},
        .flavour = (enum avsp_flavour)avsp_db_i64(rows, 19),
        .job_state = (enum avsp_job_state)avsp_db_i64(rows, 20),
        .lease_until_us = avsp_db_i64(rows, 21),
        .encoders = avsp_db_i64(rows, 22),
    };
    if (!avsp_column(&tx->arena, rows, 0, &row->id) ||
        !avsp_column(&tx->arena, rows, 1, &row->job_id) ||
        !avsp_column(&tx->arena, rows, 13, &row->worker_id))
        return avsp_arena_failed(&tx->arena, err);
    return AVSP_OK;
}

#define SELECT_ROW                                                                                 \
    "SELECT " AVSP_TASK_ROW_COLUMNS " FROM tasks t JOIN jobs j ON j.id = t.job_id WHERE t.id = $1"

static enum avsp_code load(struct avsp_tx *tx, const char *sql, const char *task_id,
                           struct avsp_task_row *ret_row, struct avsp_err *err)
{
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(task_id)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc != AVSP_OK)
        return rc;
    if (!more)
        return avsp_err_set(err, AVSP_NOT_FOUND, "there is no task %.64s", task_id);
    return avsp_task_row_read(tx, &rows, ret_row, err);
}

enum avsp_code avsp_task_load(struct avsp_tx *tx, const char *task_id,
                              struct avsp_task_row *ret_row, struct avsp_err *err)
{
    static const char sql[] = SELECT_ROW;
    return load(tx, sql, task_id, ret_row, err);
}

enum avsp_code avsp_task_lock(struct avsp_tx *tx, const char *task_id,
                              struct avsp_task_row *ret_row, struct avsp_err *err)
{
    static const char sql[] = SELECT_ROW AVSP_DB_LOCK("t");
    return load(tx, sql, task_id, ret_row, err);
}

enum avsp_code avsp_tx_begin_tasks(struct avsp_store *store, const char *const *ids, size_t n,
                                   struct avsp_tx *tx, struct avsp_task_row **ret_rows,
                                   size_t *ret_n, struct avsp_err *err)
{
    // In one order everywhere, or two that lock the same tasks would wait for each other.
    static const char sql[] = "SELECT " AVSP_TASK_ROW_COLUMNS " FROM tasks t"
                              " JOIN jobs j ON j.id = t.job_id WHERE t.id IN (" AVSP_DB_LIST
                              ") ORDER BY t.id" AVSP_DB_LOCK("t");
    struct avsp_db_value values[AVSP_DB_LIST_MAX];
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    AVSP_ASSERT(n > 0 && n <= AVSP_DB_LIST_MAX);
    for (size_t i = 0; i < AVSP_DB_LIST_MAX; i++)
        values[i] = avsp_text(ids[AVSP_MIN(i, n - 1)]);
    *ret_n = 0;
    enum avsp_code rc = avsp_tx_begin_query(store, AVSP_DB_WRITE, sql, values,
                                            AVSP_ARRAY_LEN(values), tx, &rows, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_rows = avsp_arena_array(&tx->arena, n, sizeof **ret_rows);
    if (*ret_rows == NULL)
        return avsp_arena_failed(&tx->arena, err);
    while (rc == AVSP_OK && *ret_n < n && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more)
        rc = avsp_task_row_read(tx, &rows, &(*ret_rows)[(*ret_n)++], err);
    return rc;
}

const struct avsp_task_row *avsp_task_find(const struct avsp_task_row *rows, size_t n,
                                           const char *task_id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].id, task_id) == 0)
            return &rows[i];
    return NULL;
}

bool avsp_task_is_held(const struct avsp_task_row *row, const char *worker_id,
                       struct avsp_token token)
{
    if (row->state != AVSP_TASK_RUNNING)
        return false;
    if (token.attempt == 0)
        return !row->own && strcmp(row->worker_id, worker_id) == 0;
    return row->own && row->token.attempt == token.attempt && row->token.nonce == token.nonce;
}

enum avsp_task_state avsp_task_back(const struct avsp_task_row *row, enum avsp_task_event event)
{
    enum avsp_task_state to = avsp_task_next(row->state, event);
    bool held = row->job_state == AVSP_JOB_PAUSED && matters_to_job(row->kind);
    return held ? avsp_task_next(to, AVSP_EVENT_HOLD) : to;
}

enum avsp_code avsp_virtual_time(struct avsp_tx *tx, int64_t *ret_key, struct avsp_err *err)
{
    static const char sql[] = "SELECT fair_key FROM tasks WHERE attempt > 0"
                              " ORDER BY fair_key DESC LIMIT 1";
    return avsp_tx_i64(tx, sql, AVSP_DB_NO_ARGS, ret_key, err);
}

/// The fair key of a new task. A job's last key is that of its newest piece, or of its split. A track of sound is encoded by one
/// task from end to end, and comes to light last, with the end
/// of the split: it is not put behind the job's other tasks, or the whole job would wait for it alone.
static enum avsp_code next_key(struct avsp_tx *tx, const struct avsp_new_task *task, int64_t cost,
                               int64_t *ret_key, struct avsp_err *err)
{
    static const char read_last[] = "SELECT fair_key FROM tasks WHERE job_id = $1 AND kind <= 2"
                                    " ORDER BY kind DESC, track DESC, idx DESC LIMIT 1";
    int64_t virtual_time = 0;
    int64_t last = 0;
    enum avsp_code rc = avsp_virtual_time(tx, &virtual_time, err);
    if (rc == AVSP_OK && task->kind != AVSP_TASK_AUDIO)
        rc = avsp_tx_i64(tx, read_last, AVSP_DB_ARGS(avsp_text(task->job_id)), &last, err);
    *ret_key = avsp_fair_key(virtual_time, last, cost);
    return rc;
}

/// The pool of a new task of job j: an encode of a job that is bound to a set of encoders stands in that set's.
#define ITS_POOL(kind, pool)                                                                       \
    " CASE WHEN j.encoders > 0 AND " pool " = 2 AND " kind " IN (2, 4) THEN j.encoders ELSE " pool \
    " END"

/// Makes it anew from one of the same identity whose result is gone (AVSP_EVENT_RESET).
static enum avsp_code make_again(struct avsp_tx *tx, const struct avsp_new_task *task,
                                 const struct avsp_piece *piece, const char *input, int64_t key,
                                 enum avsp_task_state state, int64_t *ret_changed,
                                 struct avsp_err *err)
{
    static const char sql[] = "UPDATE tasks SET pool = (SELECT" ITS_POOL(
        "$2", "$11") " FROM jobs j WHERE j.id = $1),"
                     " priority = (SELECT j.priority FROM jobs j WHERE j.id = $1), state = $5, "
                     "fair_key = $6, not_before_us = $7, input = $8, bytes = $9,"
                     " frames = $10, version = version + 1, spent = 0, claims = 0, started = 0, "
                     "claim_id = '', "
                     "claimed_us = 0,"
                     " frames_done = 0, frames_total = 0, milli_fps = 0 WHERE job_id = $1 AND kind "
                     "= $2 AND "
                     "track = $3 AND idx = $4 AND state = 5";
    return avsp_tx_exec(tx, sql,
                        AVSP_DB_ARGS(avsp_text(task->job_id), avsp_i64(task->kind),
                                     avsp_i64(piece->track), avsp_i64(piece->idx), avsp_i64(state),
                                     avsp_i64(key), avsp_i64(task->not_before_us), avsp_text(input),
                                     avsp_i64((int64_t)piece->bytes),
                                     avsp_i64((int64_t)piece->frames), avsp_i64(task->pool)),
                        ret_changed, err);
}

enum avsp_code avsp_task_make(struct avsp_tx *tx, const struct avsp_new_task *task, bool *ret_made,
                              struct avsp_err *err)
{
    static const char sql[] =
        "INSERT INTO tasks (id, job_id, kind, track, idx, n_segments, pool, state, priority,"
        " fair_key, created_us, not_before_us, attempt, nonce, spent, claims, started, own,"
        " claim_id, worker_id, claimed_us, lease_until_us, frames_done, frames_total, milli_fps,"
        " in_pts, out_pts, tb_num, tb_den, frames, bytes, input, result) "
        "SELECT $1, j.id, $3, $4, $5, $6," ITS_POOL(
            "$3", "$7") ", $8, j.priority, $9, $10, $11, 0, 0, 0, 0, 0, 0, '',"
                        " '', 0, 0, 0, 0, 0, $12, $13, $14, $15, $16, $17, $18, '' "
                        "FROM jobs j WHERE j.id = $2 ON CONFLICT DO NOTHING";
    static const struct avsp_piece no_piece = {0};
    const struct avsp_piece *piece = task->piece != NULL ? task->piece : &no_piece;
    const char *input = "";
    char id[AVSP_ID_BYTES];
    avsp_id_new(id);
    int64_t key = 0;
    int64_t changed = 0;
    int64_t released = 0;
    struct avsp_job_row job = {0};
    *ret_made = false;
    enum avsp_code rc = avsp_job_lock(tx, task->job_id, &job, err);
    if (rc != AVSP_OK || (avsp_job_is_over(job.state) && task->kind != AVSP_TASK_CLEANUP))
        return rc;
    if (task->kind == AVSP_TASK_ENCODE)
        rc = avsp_window_read(tx, task->job_id, &released, err);
    const enum avsp_task_state state = avsp_task_waits(job.state, task->kind, piece->idx, released);
    if (rc == AVSP_OK && task->piece != NULL)
        rc = avsp_location_store(&tx->arena, &piece->file, &input, err);
    if (rc == AVSP_OK)
        rc = next_key(tx, task, AVSP_MAX((int64_t)piece->n_segments, 1), &key, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(
            tx, sql,
            AVSP_DB_ARGS(avsp_text(id), avsp_text(task->job_id), avsp_i64(task->kind),
                         avsp_i64(piece->track), avsp_i64(piece->idx), avsp_i64(piece->n_segments),
                         avsp_i64(task->pool), avsp_i64(state), avsp_i64(key), avsp_i64(tx->now_us),
                         avsp_i64(task->not_before_us), avsp_i64(piece->in_pts),
                         avsp_i64(piece->out_pts), avsp_i64(piece->time_base.num),
                         avsp_i64(piece->time_base.den), avsp_i64((int64_t)piece->frames),
                         avsp_i64((int64_t)piece->bytes), avsp_text(input)),
            &changed, err);
    if (rc == AVSP_OK && changed == 0)
        rc = make_again(tx, task, piece, input, key, state, &changed, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_made = changed > 0;
    tx->changed |= changed > 0;
    if (changed > 0 && task->not_before_us == 0 && state == AVSP_TASK_READY)
        avsp_tx_ready(tx, 1, key, job.priority);
    return AVSP_OK;
}

static const char store_attempt_sql[] =
    "INSERT INTO attempts (task_id, attempt, job_id, worker_id, claimed_us, ended_us, outcome,"
    " code, message, log_tail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
    "ON CONFLICT DO NOTHING";

enum avsp_code avsp_attempt_send(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 const char *outcome, struct avsp_err *err)
{
    return avsp_tx_send(
        tx, store_attempt_sql,
        AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->token.attempt), avsp_text(row->job_id),
                     avsp_text(row->worker_id), avsp_i64(row->claimed_us), avsp_i64(tx->now_us),
                     avsp_text(outcome), avsp_text(""), avsp_text(""), avsp_text("")),
        AVSP_DB_ANY, err);
}

enum avsp_code avsp_attempt_store(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const char *outcome, const struct avsp_failure *failure,
                                  struct avsp_err *err)
{
    int64_t changed = 0;
    return avsp_tx_exec(
        tx, store_attempt_sql,
        AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->token.attempt), avsp_text(row->job_id),
                     avsp_text(row->worker_id), avsp_i64(row->claimed_us), avsp_i64(tx->now_us),
                     avsp_text(outcome),
                     avsp_text(failure != NULL ? avsp_code_name(failure->code) : ""),
                     avsp_text(failure != NULL ? failure->message : ""),
                     avsp_text(failure != NULL ? failure->log_tail : "")),
        &changed, err);
}

/// Nobody is going to remove what is left: people are told what that is, and the credentials are of no use any more.
static enum avsp_code give_up_cleanup(struct avsp_tx *tx, const struct avsp_task_row *row,
                                      const struct avsp_failure *failure, struct avsp_err *err)
{
    const char *text = avsp_arena_printf(
        &tx->arena, "not all that the job left could be removed: %s", failure->message);
    if (text == NULL)
        return avsp_arena_failed(&tx->arena, err);
    enum avsp_code rc = avsp_warning_store(tx, row->job_id, text, err);
    return rc == AVSP_OK ? avsp_secrets_forget(tx, row->job_id, err) : rc;
}

/// Ends a task that has no attempt left, and its job with it.
static enum avsp_code give_up(struct avsp_tx *tx, const struct avsp_task_row *row,
                              const struct avsp_failure *failure, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET state = $4, spent = spent + 1,"
        " version = version + 1 WHERE id = $1 AND state = $2 AND attempt = $3";
    enum avsp_task_state to = avsp_task_next(row->state, AVSP_EVENT_FAIL);
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_exec(tx, sql,
                                     AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state),
                                                  avsp_i64(row->token.attempt), avsp_i64(to)),
                                     &changed, err);
    if (rc != AVSP_OK || changed == 0)
        return rc;
    if (!matters_to_job(row->kind))
        return give_up_cleanup(tx, row, failure, err);
    return avsp_job_end(tx, row->job_id, AVSP_JOB_FAILED, failure, NULL, err);
}

enum avsp_code avsp_attempt_fail(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 const struct avsp_failure *failure, struct avsp_err *err)
{
    static const char retry[] =
        "UPDATE tasks SET state = $4, spent = spent + 1, not_before_us = $5,"
        " fair_key = CASE WHEN fair_key > $6 THEN fair_key ELSE $6 END, started = 0, frames_done = "
        "0, frames_total = 0, milli_fps = 0, version = version + 1 "
        "WHERE id = $1 AND state = $2 AND attempt = $3";
    enum avsp_code rc = avsp_attempt_store(tx, row, "failed", failure, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_verdict verdict =
        avsp_task_failed(row->spent + 1, tx->store->options.max_attempts, failure->may_retry,
                         (uint32_t)(avsp_nonce_new() % 1000));
    if (verdict.job_fails)
        return give_up(tx, row, failure, err);
    enum avsp_task_state to = avsp_task_back(row, AVSP_EVENT_RETRY);
    int64_t virtual_time = 0;
    int64_t changed = 0;
    tx->changed = true;
    rc = avsp_virtual_time(tx, &virtual_time, err);
    if (rc != AVSP_OK)
        return rc;
    return avsp_tx_exec(tx, retry,
                        AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state),
                                     avsp_i64(row->token.attempt), avsp_i64(to),
                                     avsp_i64(tx->now_us + verdict.backoff_ms * 1000),
                                     avsp_i64(virtual_time)),
                        &changed, err);
}

bool avsp_leases_count(const struct avsp_tx *tx)
{
    const int64_t lease_us = tx->store->options.lease_ms * 1000;
    return tx->now_us - tx->store->epoch_us >= lease_us &&
           tx->now_us - tx->store->last_sweep_us <= lease_us / 2;
}

bool avsp_attempt_is_last(const struct avsp_store *store, const struct avsp_task_row *row)
{
    if (!row->started)
        return avsp_task_undelivered_too_often(row->claims, row->spent);
    return avsp_task_failed(row->spent + 1, store->options.max_attempts, true, 0).job_fails;
}

enum avsp_code avsp_attempt_lost(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 int64_t *ret_spent, bool *ret_over, struct avsp_err *err)
{
    const char *message =
        row->started ? avsp_arena_printf(
                           &tx->arena,
                           "%s %" PRIu32 ": the worker that had it fell silent (attempt %" PRId64
                           " that failed or fell silent; the last worker was \"%.100s\")",
                           avsp_task_kind_name(row->kind), row->idx, row->spent + 1, row->worker_id)
                     : avsp_arena_printf(&tx->arena,
                                         "%s %" PRIu32 ": handed out %" PRId64
                                         " times, and no worker ever said that it had begun",
                                         avsp_task_kind_name(row->kind), row->idx, row->claims);
    if (message == NULL)
        return avsp_arena_failed(&tx->arena, err);
    const struct avsp_failure failure = {AVSP_TIMEOUT, true, message, ""};
    enum avsp_code rc = avsp_attempt_store(tx, row, "lost", &failure, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_over = avsp_attempt_is_last(tx->store, row);
    *ret_spent = row->spent + (row->started ? 1 : 0);
    return *ret_over ? give_up(tx, row, &failure, err) : AVSP_OK;
}
