/// What a worker says about the attempt it holds: that it goes on, that it made something, that it hands it back.

#include "core/lifecycle.h"
#include "db/internal.h"

/// Numbers from a worker are stored and added up; beyond this they are nonsense (a million segments of 2^20 frames).
#define FRAMES_MAX ((uint64_t)1 << 40)

static struct avsp_attempt_status status_of(const struct avsp_task_row *row, bool held)
{
    bool canceled = row->state == AVSP_TASK_CANCELED;
    return (struct avsp_attempt_status){.canceled = canceled, .lease_lost = !held && !canceled};
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
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_task_lock_many(&tx, ids, n, &rows, &n_rows, err);
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

static enum avsp_code release_once(struct avsp_store *store, const char *worker_id,
                                   const char *task_id, struct avsp_token token,
                                   struct avsp_err *err)
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
    if (rc != AVSP_OK || !avsp_task_is_held(&row, worker_id, token))
        return rc;
    enum avsp_task_state to = avsp_task_back(&row, AVSP_EVENT_RELEASE);
    rc = avsp_virtual_time(&tx, &virtual_time, err);
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
                                  struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = release_once(store, worker_id, task_id, token, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
