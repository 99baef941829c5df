/// What monitoring asks for.
#include "db/internal.h"

/// Columns of the count over open tasks.
static void take_row(struct avsp_db_rows *rows, int64_t now_us, struct avsp_store_stats *stats)
{
    int64_t kind = avsp_db_i64(rows, 0);
    int64_t state = avsp_db_i64(rows, 1);
    bool is_delayed = avsp_db_i64(rows, 2) != 0;
    int64_t n = avsp_db_i64(rows, 3);
    if (kind <= AVSP_TASK_NONE || kind >= AVSP_TASK_N_KINDS)
        return; // of a program that is newer than this one
    struct avsp_task_stats *tasks = &stats->tasks[kind];
    if (state == AVSP_TASK_HELD) {
        tasks->n_held += n;
    } else if (state == AVSP_TASK_RUNNING) {
        tasks->n_running += n;
    } else if (is_delayed) {
        tasks->n_delayed += n;
    } else {
        tasks->n_ready += n;
        stats->oldest_ready_us = AVSP_MAX(stats->oldest_ready_us, now_us - avsp_db_i64(rows, 4));
    }
}

static enum avsp_code count_tasks(struct avsp_tx *tx, struct avsp_store_stats *stats,
                                  struct avsp_err *err)
{
    static const char sql[] =
        "SELECT kind, state, CASE WHEN not_before_us > $1 THEN 1 ELSE 0 END AS is_delayed,"
        " count(*), min(created_us) FROM tasks WHERE state IN (1, 2, 6) GROUP BY kind, state, "
        "is_delayed";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_i64(tx->now_us)), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more)
        take_row(&rows, tx->now_us, stats);
    return rc;
}

/// Workers that hold no task, by how they stand.
static enum avsp_code count_workers(struct avsp_tx *tx, struct avsp_store_stats *stats,
                                    struct avsp_err *err)
{
    static const char sql[] =
        "SELECT sum(CASE WHEN w.seen_us < $1 THEN 1 ELSE 0 END),"
        " sum(CASE WHEN w.seen_us >= $1 AND w.drain = 1 THEN 1 ELSE 0 END),"
        " sum(CASE WHEN w.seen_us >= $1 AND w.drain = 0 AND b.worker_id IS NULL THEN 1 ELSE 0 END)"
        " FROM workers w LEFT JOIN (SELECT DISTINCT worker_id FROM tasks WHERE state = 2) b"
        " ON b.worker_id = w.id HAVING count(*) > 0";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_i64(tx->now_us - AVSP_WORKER_AWAY_US)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc != AVSP_OK || !more)
        return rc;
    stats->n_away = avsp_db_i64(&rows, 0);
    stats->n_draining = avsp_db_i64(&rows, 1);
    stats->n_idle = avsp_db_i64(&rows, 2);
    return AVSP_OK;
}

static enum avsp_code get_stats_once(struct avsp_store *store, struct avsp_store_stats *ret_stats,
                                     struct avsp_err *err)
{
    static const char jobs[] = "SELECT count(*) FROM jobs WHERE state = 1";
    static const char paused[] = "SELECT count(*) FROM jobs WHERE state = 5";
    static const char working[] = "SELECT count(DISTINCT worker_id) FROM tasks WHERE state = 2";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_store_stats stats = {0};
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(&tx, jobs, AVSP_DB_NO_ARGS, &stats.n_jobs, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(&tx, paused, AVSP_DB_NO_ARGS, &stats.n_paused, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(&tx, working, AVSP_DB_NO_ARGS, &stats.n_working, err);
    if (rc == AVSP_OK)
        rc = count_workers(&tx, &stats, err);
    if (rc == AVSP_OK)
        rc = count_tasks(&tx, &stats, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(&tx, err);
    if (rc == AVSP_OK)
        *ret_stats = stats;
    return rc;
}

enum avsp_code avsp_store_get_stats(struct avsp_store *store, struct avsp_store_stats *ret_stats,
                                    struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = get_stats_once(store, ret_stats, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
