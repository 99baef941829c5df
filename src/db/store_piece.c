/// Pieces whose files are gone although somebody is still to take them: a database that was restored, or a standby that lacked the
/// last commits, does not know that they were taken and removed. Their tasks wait, as after a retry from the start, and the split
/// makes them again. What tells them from those that wait after such a retry is what they spent: there all attempts begin anew.

#include "core/lifecycle.h"
#include "db/internal.h"

/// A file that is not there may come yet, on a shared file system: as often a task is tried before its piece is given up.
#define TRIES 3

bool avsp_piece_is_gone(const struct avsp_tx *tx, const struct avsp_task_row *row,
                        const struct avsp_finish *finish)
{
    const bool takes_piece = row->kind == AVSP_TASK_ENCODE || row->kind == AVSP_TASK_AUDIO;
    return !finish->succeeded && finish->input_gone && takes_piece &&
           row->flavour == AVSP_FLAVOUR_OURS &&
           row->spent + 1 >= AVSP_MIN((int64_t)TRIES, tx->store->options.max_attempts);
}

static enum avsp_code lock_split(struct avsp_tx *tx, const char *job_id,
                                 struct avsp_task_row *ret_split, struct avsp_err *err)
{
    static const char sql[] = "SELECT id FROM tasks WHERE job_id = $1 AND kind = 1";
    char id[AVSP_ID_BYTES] = "";
    bool more = false;
    {
        struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
        enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
        if (rc == AVSP_OK)
            rc = avsp_db_next(&rows, &more, err);
        if (rc != AVSP_OK)
            return rc;
        snprintf(id, sizeof id, "%s", more ? avsp_db_text(&rows, 0) : "");
    }
    return avsp_task_lock(tx, id, ret_split, err);
}

/// One that is under way, or waits, learns of it from its claim or at its end (avsp_piece_any_missing).
static enum avsp_code redo_split(struct avsp_tx *tx, const struct avsp_task_row *split,
                                 struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET state = $3, spent = spent + 1, started = 0, claim_id = '',"
        " frames_done = 0, frames_total = 0, milli_fps = 0, not_before_us = 0,"
        " version = version + 1 WHERE id = $1 AND state = $2";
    const enum avsp_task_state to = avsp_task_next(split->state, AVSP_EVENT_REDO);
    int64_t changed = 0;
    if (to == 0)
        return AVSP_OK;
    enum avsp_code rc = avsp_tx_exec(
        tx, sql, AVSP_DB_ARGS(avsp_text(split->id), avsp_i64(split->state), avsp_i64(to)), &changed,
        err);
    if (rc != AVSP_OK || split->job_state != AVSP_JOB_RUNNING)
        return rc;
    return avsp_window_refill(tx, split->job_id, err);
}

enum avsp_code avsp_piece_gone(struct avsp_tx *tx, const struct avsp_task_row *row,
                               const struct avsp_failure *failure, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET state = $4, input = '', spent = spent + 1, started = 0,"
        " frames_done = 0, frames_total = 0, milli_fps = 0,"
        " version = version + 1 WHERE id = $1 AND state = $2 AND attempt = $3";
    const enum avsp_task_state to = avsp_task_next(row->state, AVSP_EVENT_RESET);
    struct avsp_task_row split = {0};
    int64_t changed = 0;
    // Locked before it is looked at: one that ends at this moment would not see what is written here, nor we its end.
    enum avsp_code rc = lock_split(tx, row->job_id, &split, err);
    if (rc == AVSP_OK)
        rc = avsp_attempt_store(tx, row, "failed", failure, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, sql,
                          AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state),
                                       avsp_i64(row->token.attempt), avsp_i64(to)),
                          &changed, err);
    if (rc == AVSP_OK)
        rc = redo_split(tx, &split, err);
    tx->changed = true;
    // Pieces that nobody ever sees do not come by making them again and again.
    if (rc == AVSP_OK && split.spent + 1 >= tx->store->options.max_attempts)
        rc = avsp_job_end(tx, row->job_id, AVSP_JOB_FAILED, failure, NULL, err);
    return rc;
}

enum avsp_code avsp_piece_renew(struct avsp_tx *tx, const char *job_id,
                                const struct avsp_piece *piece, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET input = $5, bytes = $6, spent = 0, version = version + 1"
        " WHERE job_id = $1 AND kind = $2 AND track = $3 AND idx = $4 AND state IN (1, 2, 6)"
        " AND input <> $5";
    const char *input = "";
    int64_t changed = 0;
    enum avsp_code rc = avsp_location_store(&tx->arena, &piece->file, &input, err);
    if (rc != AVSP_OK)
        return rc;
    return avsp_tx_exec(tx, sql,
                        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(piece->kind),
                                     avsp_i64(piece->track), avsp_i64(piece->idx), avsp_text(input),
                                     avsp_i64((int64_t)piece->bytes)),
                        &changed, err);
}

static enum avsp_code has_any(struct avsp_tx *tx, const char *sql, const char *job_id,
                              bool *ret_any, struct avsp_err *err)
{
    int64_t any = 0;
    enum avsp_code rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &any, err);
    *ret_any = any > 0;
    return rc;
}

#define WAITS_FOR_PIECE                                                                            \
    "SELECT 1 FROM tasks WHERE job_id = $1 AND kind IN (2, 4) AND state = 5 AND input = ''"

enum avsp_code avsp_piece_any_gone(struct avsp_tx *tx, const char *job_id, bool *ret_any,
                                   struct avsp_err *err)
{
    return has_any(tx, WAITS_FOR_PIECE " AND spent > 0 LIMIT 1", job_id, ret_any, err);
}

enum avsp_code avsp_piece_any_missing(struct avsp_tx *tx, const char *job_id, bool *ret_any,
                                      struct avsp_err *err)
{
    return has_any(tx, WAITS_FOR_PIECE " LIMIT 1", job_id, ret_any, err);
}
