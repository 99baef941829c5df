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

/// May a caller of these kinds have it, and does it come before what else is of that priority? @param asked  NULL: is it only to be ended?
static bool suits(const struct avsp_expired_task *task, const struct avsp_level *asked)
{
    const struct avsp_level *level = &task->level;
    return asked == NULL ? task->is_last
                         : level->pool == asked->pool && (level->kinds & asked->kinds) != 0 &&
                               level->priority >= asked->priority;
}

bool avsp_expired_take(struct avsp_expired *expired, const struct avsp_level *asked,
                       char ret_id[AVSP_ID_BYTES])
{
    pthread_mutex_lock(&expired->lock);
    size_t i = 0;
    while (i < expired->n && !suits(&expired->of[i], asked))
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

/// What avsp_attempt_is_last says. Of tasks t, $2 undelivered claims, and $3 attempts.
#define IS_LAST                                                                                    \
    " CASE WHEN t.started = 0 AND t.claims - t.spent > $2 THEN 1"                                  \
    " WHEN t.started <> 0 AND t.spent + 1 >= $3 THEN 1 ELSE 0 END"

/// Some of each sort, in the order of claims. What one worker can take, another cannot (a set of encoders that nobody has any more
/// keeps its tasks for ever), so each pool and kind has its place, and so has what is only to be ended; those that somebody was seen
/// for come first. A paused job's task stays with whoever fell silent, whose finish still counts.
static enum avsp_code read_rows(struct avsp_tx *tx, struct avsp_expired_task *tasks, size_t *ret_n,
                                struct avsp_err *err)
{
    static const char sql[] =
        "SELECT id, pool, priority, kind, is_last FROM (SELECT t.id, t.pool, t.priority, t.kind,"
        " t.fair_key, t.idx," IS_LAST " AS is_last, CASE WHEN t.pool <= $4 OR t.pool IN"
        " (SELECT w.encoders FROM workers w WHERE w.seen_us > $5) THEN 0 ELSE 1 END AS orphaned,"
        " row_number() OVER (PARTITION BY t.pool, t.kind," IS_LAST
        " ORDER BY t.priority DESC, t.fair_key, t.idx) AS place FROM tasks t"
        " WHERE" AVSP_NOT_IN_THE_WAY(
            "t.") " AND t.state = 2 AND t.lease_until_us <= $1"
                  " AND (SELECT j.state FROM jobs j WHERE j.id = t.job_id) <> 5) AS e"
                  " ORDER BY orphaned, place, priority DESC, fair_key, idx LIMIT $6";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql,
        AVSP_DB_ARGS(avsp_i64(tx->now_us), avsp_i64(AVSP_UNDELIVERED_MAX),
                     avsp_i64(tx->store->options.max_attempts), avsp_i64(AVSP_POOL_OURS),
                     avsp_i64(tx->now_us - AVSP_WORKER_AWAY_US), avsp_i64(AVSP_EXPIRED_MAX)),
        &rows, err);
    while (rc == AVSP_OK && *ret_n < AVSP_EXPIRED_MAX &&
           (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_expired_task *task = &tasks[(*ret_n)++];
        snprintf(task->id, sizeof task->id, "%s", avsp_db_text(&rows, 0));
        task->level = (struct avsp_level){avsp_db_i64(&rows, 1), avsp_db_i64(&rows, 2),
                                          1U << avsp_db_i64(&rows, 3)};
        task->is_last = avsp_db_i64(&rows, 4) != 0;
    }
    return rc;
}

/// Called with the lock.
static bool is_listed(const struct avsp_expired *expired, const char *id)
{
    size_t i = 0;
    while (i < expired->n && strcmp(expired->of[i].id, id) != 0)
        i++;
    return i < expired->n;
}

enum avsp_code avsp_expired_read(struct avsp_tx *tx, struct avsp_err *err)
{
    struct avsp_expired *expired = &tx->store->expired;
    struct avsp_expired_task *tasks = avsp_arena_array(&tx->arena, AVSP_EXPIRED_MAX, sizeof *tasks);
    size_t n = 0;
    enum avsp_code rc = AVSP_OK;
    if (tasks == NULL)
        return avsp_arena_failed(&tx->arena, err);
    if (avsp_leases_count(tx))
        rc = read_rows(tx, tasks, &n, err);
    if (rc != AVSP_OK)
        return rc;
    pthread_mutex_lock(&expired->lock);
    for (size_t i = 0; i < n; i++)
        tx->ready.n += !tasks[i].is_last && !is_listed(expired, tasks[i].id);
    expired->n = n;
    for (size_t i = 0; i < n; i++)
        expired->of[i] = tasks[i];
    pthread_mutex_unlock(&expired->lock);
    return AVSP_OK;
}

void avsp_expired_forget(struct avsp_expired *expired)
{
    pthread_mutex_lock(&expired->lock);
    expired->n = 0;
    pthread_mutex_unlock(&expired->lock);
}

/// Ends the task if its last lease ran out.
static enum avsp_code end_where_last(struct avsp_tx *tx, const char *id, bool *ret_ended,
                                     struct avsp_err *err)
{
    struct avsp_task_row row = {0};
    int64_t spent = 0;
    enum avsp_code rc = avsp_task_lock(tx, id, &row, err);
    if (rc == AVSP_NOT_FOUND) { // its job was deleted since
        *err = (struct avsp_err){0};
        return AVSP_OK;
    }
    // What was read may have changed since.
    if (rc == AVSP_OK && row.state == AVSP_TASK_RUNNING && row.lease_until_us <= tx->now_us &&
        avsp_attempt_is_last(tx->store, &row))
        rc = avsp_attempt_lost(tx, &row, &spent, ret_ended, err);
    return rc;
}

enum avsp_code avsp_expired_end(struct avsp_tx *tx, bool *ret_ended, struct avsp_err *err)
{
    char id[AVSP_ID_BYTES];
    enum avsp_code rc = AVSP_OK;
    *ret_ended = false;
    while (rc == AVSP_OK && !*ret_ended && avsp_leases_count(tx) &&
           avsp_expired_take(&tx->store->expired, NULL, id))
        rc = end_where_last(tx, id, ret_ended, err);
    return rc;
}
