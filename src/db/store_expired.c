/// Leases that ran out. The sweep reads which ones have; claims try these one by one, by their ids: nobody else looks through what
/// runs, among which an old snapshot keeps all that ever ran.
#include "db/claim.h"

#include <string.h>

void avsp_expired_init(struct avsp_expired *expired)
{
    *expired = (struct avsp_expired){0};
    AVSP_ASSERT(pthread_mutex_init(&expired->lock, NULL) == 0);
}

void avsp_expired_deinit(struct avsp_expired *expired)
{
    pthread_mutex_destroy(&expired->lock);
}

/// May a caller of these kinds have it, and does it come before what else is of that priority?
static bool suits(const struct avsp_level *level, const struct avsp_level *asked)
{
    return level->pool == asked->pool && (level->kinds & asked->kinds) != 0 &&
           level->priority >= asked->priority;
}

bool avsp_expired_take(struct avsp_expired *expired, const struct avsp_level *asked,
                       char ret_id[AVSP_ID_BYTES])
{
    pthread_mutex_lock(&expired->lock);
    size_t i = 0;
    while (i < expired->n && !suits(&expired->of[i].level, asked))
        i++;
    const bool found = i < expired->n;
    if (found) {
        memcpy(ret_id, expired->of[i].id, AVSP_ID_BYTES);
        expired->n--;
        memmove(&expired->of[i], &expired->of[i + 1], (expired->n - i) * sizeof *expired->of);
    }
    pthread_mutex_unlock(&expired->lock);
    return found;
}

/// The first ones in the order of claims. A paused job's task stays with whoever fell silent, whose finish still counts.
/// @param ret_n_new  those that ran out since the last time.
static enum avsp_code read_rows(struct avsp_tx *tx, struct avsp_expired_task *tasks, size_t *ret_n,
                                int64_t *ret_n_new, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT t.id, t.pool, t.priority, t.kind, t.lease_until_us FROM tasks t"
        " JOIN jobs j ON j.id = t.job_id WHERE t.state = 2 AND t.lease_until_us <= $1"
        " AND j.state <> 5 ORDER BY t.priority DESC, t.fair_key, t.idx LIMIT $2";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_i64(tx->now_us), avsp_i64(AVSP_EXPIRED_MAX)), &rows, err);
    while (rc == AVSP_OK && *ret_n < AVSP_EXPIRED_MAX &&
           (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_expired_task *task = &tasks[(*ret_n)++];
        snprintf(task->id, sizeof task->id, "%s", avsp_db_text(&rows, 0));
        task->level = (struct avsp_level){avsp_db_i64(&rows, 1), avsp_db_i64(&rows, 2),
                                          1U << avsp_db_i64(&rows, 3)};
        *ret_n_new += avsp_db_i64(&rows, 4) > tx->store->expired.told_us;
    }
    return rc;
}

enum avsp_code avsp_expired_read(struct avsp_tx *tx, struct avsp_err *err)
{
    struct avsp_expired *expired = &tx->store->expired;
    struct avsp_expired_task *tasks = avsp_arena_array(&tx->arena, AVSP_EXPIRED_MAX, sizeof *tasks);
    size_t n = 0;
    int64_t n_new = 0;
    enum avsp_code rc = AVSP_OK;
    if (tasks == NULL)
        return avsp_arena_failed(&tx->arena, err);
    if (!avsp_leases_count(tx))
        expired->told_us = 0;
    else
        rc = read_rows(tx, tasks, &n, &n_new, err);
    if (rc != AVSP_OK)
        return rc;
    if (avsp_leases_count(tx))
        expired->told_us = tx->now_us;
    tx->ready.n += (unsigned)n_new;
    pthread_mutex_lock(&expired->lock);
    expired->n = n;
    for (size_t i = 0; i < n; i++)
        expired->of[i] = tasks[i];
    pthread_mutex_unlock(&expired->lock);
    return AVSP_OK;
}

/// Ends the task if its last lease ran out.
static enum avsp_code end_where_last(struct avsp_tx *tx, const char *id, bool *ret_ended,
                                     struct avsp_err *err)
{
    struct avsp_task_row row = {0};
    int64_t spent = 0;
    enum avsp_code rc = avsp_task_load(tx, id, &row, err);
    if (rc == AVSP_NOT_FOUND) { // its job was deleted since
        *err = (struct avsp_err){0};
        return AVSP_OK;
    }
    if (rc != AVSP_OK || !avsp_attempt_is_last(tx->store, &row))
        return rc;
    // What was read may have changed since.
    rc = avsp_task_lock(tx, id, &row, err);
    if (rc == AVSP_OK && row.state == AVSP_TASK_RUNNING && row.lease_until_us <= tx->now_us &&
        avsp_attempt_is_last(tx->store, &row))
        rc = avsp_attempt_lost(tx, &row, &spent, ret_ended, err);
    return rc;
}

enum avsp_code avsp_expired_end(struct avsp_tx *tx, bool *ret_ended, struct avsp_err *err)
{
    struct avsp_expired *expired = &tx->store->expired;
    enum avsp_code rc = AVSP_OK;
    *ret_ended = false;
    for (size_t i = 0; rc == AVSP_OK && !*ret_ended && avsp_leases_count(tx); i++) {
        char id[AVSP_ID_BYTES] = "";
        pthread_mutex_lock(&expired->lock);
        const bool more = i < expired->n;
        if (more)
            memcpy(id, expired->of[i].id, sizeof id);
        pthread_mutex_unlock(&expired->lock);
        if (!more)
            break;
        rc = end_where_last(tx, id, ret_ended, err);
    }
    return rc;
}
