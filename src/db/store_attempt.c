/// What a worker says about the attempt it holds: that it goes on, that it made something, that it hands it back.

#include "core/lifecycle.h"
#include "db/internal.h"

/// Numbers from a worker are stored and added up; beyond this they are nonsense (a million segments of 2^20 frames).
#define FRAMES_MAX ((uint64_t)1 << 40)

static struct avsp_attempt_status status_of(const struct avsp_task_row *row, bool held)
{
    bool canceled = row->state == AVSP_TASK_CANCELED;
    struct avsp_attempt_status status = {.canceled = canceled, .lease_lost = !held && !canceled};
    snprintf(status.job_id, sizeof status.job_id, "%s", row->job_id);
    return status;
}

/// Pieces of one job that may wait, however small they are: more than any farm can take before the split hears that it may go on.
#define WAITING_MAX 10000

/// Is a split far enough ahead of the encoders? What is encoded at the moment does not count: so however little may wait, once
/// all of it is taken the split goes on.
static enum avsp_code is_ahead(struct avsp_tx *tx, const struct avsp_task_row *row, bool *ret_ahead,
                               struct avsp_err *err)
{
    // Each half by an index of its own, whatever is done of the job.
    static const char sql[] =
        "SELECT count(*), CAST(coalesce(sum(w.bytes), 0) AS BIGINT) FROM (SELECT bytes FROM"
        " (SELECT h.bytes FROM tasks h WHERE h.job_id = $1 AND h.state = 6 AND h.kind = 2"
        " AND h.input <> '' ORDER BY h.kind DESC, h.track DESC, h.idx DESC LIMIT $2) AS held"
        " UNION ALL SELECT bytes FROM"
        " (SELECT u.bytes FROM tasks u WHERE u.job_id = $1 AND u.state IN (1, 2) AND u.state = 1"
        " AND u.kind = 2 AND u.input <> '' ORDER BY u.kind DESC, u.idx DESC LIMIT $2) AS ready)"
        " AS w";
    const int64_t limit = tx->store->options.split_ahead_bytes;
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    *ret_ahead = false;
    if (limit == 0 || row->kind != AVSP_TASK_SPLIT || !row->own)
        return AVSP_OK;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_text(row->job_id), avsp_i64(WAITING_MAX)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more)
        *ret_ahead = avsp_db_i64(&rows, 0) >= WAITING_MAX || avsp_db_i64(&rows, 1) >= limit;
    return rc;
}

/// Tells a split whether it is to wait.
static enum avsp_code tell_split(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 struct avsp_attempt_status *status, struct avsp_err *err)
{
    enum avsp_code rc = is_ahead(tx, row, &status->hold, err);
    status->hand_back = status->hold && row->job_state == AVSP_JOB_PAUSED;
    return rc;
}

/// Extends the lease; the claim counts as an attempt from here on. Not waited for (avsp_tx_flush).
/// @param reported  the task made something.
static enum avsp_code extend(struct avsp_tx *tx, const struct avsp_task_row *row,
                             const struct avsp_progress *progress, bool reported,
                             struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET lease_until_us = $4, started = 1, frames_done = $5, frames_total = $6,"
        " milli_fps = $7, version = version + $8 WHERE id = $1 AND state = $2 AND attempt = $3";
    bool news = reported || !row->started || progress->frames_done != row->progress.frames_done ||
                progress->frames_total != row->progress.frames_total ||
                progress->milli_fps != row->progress.milli_fps;
    tx->changed |= news;
    return avsp_tx_send(
        tx, sql,
        AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state), avsp_i64(row->token.attempt),
                     avsp_i64(tx->now_us + tx->store->options.lease_ms * 1000),
                     avsp_i64((int64_t)AVSP_MIN(progress->frames_done, FRAMES_MAX)),
                     avsp_i64((int64_t)AVSP_MIN(progress->frames_total, FRAMES_MAX)),
                     avsp_i64(progress->milli_fps), avsp_i64(news)),
        1, err);
}

static enum avsp_code beat_once(struct avsp_store *store, struct avsp_beat_item *items, size_t n,
                                struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_task_row *rows = NULL;
    size_t n_rows = 0;
    const char *ids[AVSP_DB_LIST_MAX];
    for (size_t i = 0; i < n; i++)
        ids[i] = items[i].task_id;
    enum avsp_code rc = avsp_tx_begin_tasks(store, ids, n, &tx, &rows, &n_rows, err);
    for (size_t i = 0; rc == AVSP_OK && i < n; i++) {
        struct avsp_beat_item *item = &items[i];
        const struct avsp_task_row *row = avsp_task_find(rows, n_rows, item->task_id);
        item->err = (struct avsp_err){0};
        item->rc = AVSP_OK;
        if (row == NULL) {
            item->rc =
                avsp_err_set(&item->err, AVSP_NOT_FOUND, "there is no task %.64s", item->task_id);
            continue;
        }
        const bool held = avsp_task_is_held(row, item->worker_id, item->token);
        item->status = status_of(row, held);
        if (held)
            rc = extend(&tx, row, &item->progress, false, err);
    }
    if (rc == AVSP_OK)
        rc = avsp_tx_flush(&tx, err);
    for (size_t i = 0; rc == AVSP_OK && i < n; i++) {
        const struct avsp_task_row *row = avsp_task_find(rows, n_rows, items[i].task_id);
        if (row != NULL && avsp_task_is_held(row, items[i].worker_id, items[i].token))
            rc = tell_split(&tx, row, &items[i].status, err);
    }
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

static enum avsp_code beat(struct avsp_store *store, struct avsp_beat_item *items, size_t n,
                           struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = beat_once(store, items, n, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

void avsp_store_heartbeat_many(struct avsp_store *store, struct avsp_beat_item *items, size_t n)
{
    for (size_t first = 0; first < n; first += AVSP_DB_LIST_MAX) {
        const size_t n_now = AVSP_MIN(n - first, (size_t)AVSP_DB_LIST_MAX);
        struct avsp_err unheard = {0};
        if (n_now > 1 && beat(store, items + first, n_now, &unheard) == AVSP_OK)
            continue;
        // What fails for several is tried for each alone.
        for (size_t i = first; i < first + n_now; i++) {
            struct avsp_err err = {0};
            const enum avsp_code rc = beat(store, &items[i], 1, &err);
            if (rc == AVSP_OK)
                continue;
            items[i].rc = rc;
            items[i].err = err;
        }
    }
}

enum avsp_code avsp_store_heartbeat(struct avsp_store *store, const char *worker_id,
                                    const char *task_id, struct avsp_token token,
                                    const struct avsp_progress *progress,
                                    struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    struct avsp_beat_item item = {
        .worker_id = worker_id, .task_id = task_id, .token = token, .progress = *progress};
    avsp_store_heartbeat_many(store, &item, 1);
    if (item.rc == AVSP_OK)
        *ret_status = item.status;
    else
        *err = item.err;
    return item.rc;
}

static enum avsp_code report_once(struct avsp_store *store, const char *worker_id,
                                  const char *task_id, struct avsp_token token,
                                  const struct avsp_outputs *outputs,
                                  struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_task_row row = {0};
    const char *clash = "";
    if (token.attempt == 0)
        return avsp_err_set(err, AVSP_INVALID, "token: a report needs one");
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_task_lock(&tx, task_id, &row, err);
    if (rc != AVSP_OK)
        return rc;
    bool held = avsp_task_is_held(&row, worker_id, token);
    struct avsp_attempt_status status = status_of(&row, held);
    if (held)
        rc = avsp_outputs_store(&tx, &row, outputs, &clash, err);
    if (rc == AVSP_OK && clash[0] != '\0') {
        rc = avsp_outputs_clash(&tx, &row, clash, err);
        status.canceled = true;
    } else if (rc == AVSP_OK && held) {
        rc = extend(&tx, &row, &row.progress, true, err);
        if (rc == AVSP_OK)
            rc = avsp_tx_flush(&tx, err);
        if (rc == AVSP_OK)
            rc = tell_split(&tx, &row, &status, err);
    }
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(&tx, err);
    if (rc == AVSP_OK)
        *ret_status = status;
    return rc;
}

enum avsp_code avsp_store_report(struct avsp_store *store, const char *worker_id,
                                 const char *task_id, struct avsp_token token,
                                 const struct avsp_outputs *outputs,
                                 struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = report_once(store, worker_id, task_id, token, outputs, ret_status, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

/// A split that is handed back because it is ahead queues behind its pieces: whoever takes any task (a worker that does a single
/// one) would get it again at once otherwise. @param key  raised to behind the newest piece's
static enum avsp_code queue_behind(struct avsp_tx *tx, const struct avsp_task_row *row,
                                   int64_t *key, struct avsp_err *err)
{
    static const char sql[] = "SELECT fair_key + 1 FROM tasks WHERE job_id = $1 AND kind = 2"
                              " ORDER BY track DESC, idx DESC LIMIT 1";
    bool ahead = false;
    int64_t behind = 0;
    enum avsp_code rc = is_ahead(tx, row, &ahead, err);
    if (rc == AVSP_OK && ahead)
        rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(row->job_id)), &behind, err);
    *key = AVSP_MAX(*key, behind);
    return rc;
}

static enum avsp_code release_once(struct avsp_store *store, const char *worker_id,
                                   const char *task_id, struct avsp_token token,
                                   char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET state = $4, claims = claims - 1, started = 0, claim_id = '',"
        " frames_done = 0, frames_total = 0, milli_fps = 0, not_before_us = 0,"
        " fair_key = CASE WHEN fair_key > $5 THEN fair_key ELSE $5 END,"
        " version = version + 1 WHERE id = $1 AND state = $2 AND attempt = $3";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_task_row row = {0};
    int64_t virtual_time = 0;
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_task_lock(&tx, task_id, &row, err);
    if (rc == AVSP_OK)
        snprintf(ret_job_id, AVSP_ID_BYTES, "%s", row.job_id);
    if (rc != AVSP_OK || !avsp_task_is_held(&row, worker_id, token))
        return rc;
    enum avsp_task_state to = avsp_task_back(&row, AVSP_EVENT_RELEASE);
    rc = avsp_virtual_time(&tx, &virtual_time, err);
    if (rc == AVSP_OK)
        rc = queue_behind(&tx, &row, &virtual_time, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, sql,
                          AVSP_DB_ARGS(avsp_text(row.id), avsp_i64(row.state),
                                       avsp_i64(row.token.attempt), avsp_i64(to),
                                       avsp_i64(virtual_time)),
                          &changed, err);
    if (rc == AVSP_OK)
        rc = avsp_attempt_store(&tx, &row, "released", NULL, err);
    tx.changed = true;
    if (changed > 0 && to == AVSP_TASK_READY)
        avsp_tx_ready(&tx, 1, virtual_time, -1);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_release(struct avsp_store *store, const char *worker_id,
                                  const char *task_id, struct avsp_token token,
                                  char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = release_once(store, worker_id, task_id, token, ret_job_id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
