#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

#define FORGET_US ((int64_t)24 * 3600 * 1000000)
/// A worker's row is written again when it is older than this; whoever calls looks at the time before (coordinator/fleet.h),
/// this is for when several do.
#define NOTE_US 4000000
#define DRAINING_MAX 10000 ///< workers that may be asked to drain at once
#define TASKS_MAX 20000    ///< running tasks that one page of workers shows

/// @param encoders  numbers of their sets; 0 = not known.
static enum avsp_code note_once(struct avsp_store *store, const struct avsp_worker_info *workers,
                                const int64_t *encoders, size_t n, struct avsp_err *err)
{
    // A heartbeat knows the id alone, and of the claims some are for no encodes.
    static const char sql[] =
        "INSERT INTO workers (id, host, version, slots, first_us, seen_us, drain, encoders)"
        " VALUES ($1, $2, $3, $4, $5, $5, 0, $7) ON CONFLICT (id) DO UPDATE SET"
        " encoders = CASE WHEN excluded.encoders > 0 THEN excluded.encoders ELSE workers.encoders"
        " END,"
        " host = CASE WHEN excluded.slots > 0 THEN excluded.host ELSE workers.host END,"
        " version = CASE WHEN excluded.slots > 0 THEN excluded.version ELSE workers.version END,"
        " slots = CASE WHEN excluded.slots > 0 THEN excluded.slots ELSE workers.slots END,"
        " seen_us = excluded.seen_us WHERE workers.seen_us < excluded.seen_us - $6"
        " OR workers.seen_us > excluded.seen_us"
        " OR (excluded.encoders > 0 AND workers.encoders <> excluded.encoders)"
        " OR (excluded.slots > 0 AND (workers.version <> excluded.version"
        " OR workers.slots <> excluded.slots OR workers.host <> excluded.host))";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    for (size_t i = 0; rc == AVSP_OK && i < n; i++)
        rc = avsp_tx_send(&tx, sql,
                          AVSP_DB_ARGS(avsp_text(workers[i].id), avsp_text(workers[i].host),
                                       avsp_text(workers[i].version), avsp_i64(workers[i].slots),
                                       avsp_i64(tx.now_us), avsp_i64(NOTE_US),
                                       avsp_i64(encoders[i])),
                          AVSP_DB_ANY, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_flush(&tx, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_note_workers(struct avsp_store *store,
                                       const struct avsp_worker_info *workers, size_t n,
                                       struct avsp_err *err)
{
    unsigned tries = 0;
    int64_t encoders[AVSP_TOGETHER_MAX] = {0};
    enum avsp_code rc = AVSP_OK;
    AVSP_ASSERT(n <= AVSP_TOGETHER_MAX);
    for (size_t i = 0; rc == AVSP_OK && i < n; i++)
        if (workers[i].encoders != NULL)
            rc = avsp_encoders_id(store, workers[i].encoders, &encoders[i], err);
    if (rc != AVSP_OK)
        return rc;
    do
        rc = note_once(store, workers, encoders, n, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code drain_once(struct avsp_store *store, const char *worker_id, bool drain,
                                 struct avsp_err *err)
{
    static const char sql[] = "UPDATE workers SET drain = $2 WHERE id = $1";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, sql, AVSP_DB_ARGS(avsp_text(worker_id), avsp_i64(drain)), &changed,
                          err);
    if (rc == AVSP_OK && changed == 0)
        rc = avsp_err_set(err, AVSP_NOT_FOUND, "there is no worker \"%.100s\"", worker_id);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_drain(struct avsp_store *store, const char *worker_id, bool drain,
                                struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = drain_once(store, worker_id, drain, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code list_draining_once(struct avsp_store *store, struct avsp_arena *arena,
                                         const char ***ret_ids, size_t *ret_n, struct avsp_err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM workers WHERE drain = 1";
    static const char sql[] = "SELECT id FROM workers WHERE drain = 1 LIMIT $1";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    int64_t n = 0;
    bool more = false;
    *ret_n = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(&tx, count_sql, AVSP_DB_NO_ARGS, &n, err);
    if (rc != AVSP_OK)
        return rc;
    n = AVSP_MIN(n, (int64_t)DRAINING_MAX);
    *ret_ids = avsp_arena_array(arena, (size_t)n, sizeof **ret_ids);
    if (*ret_ids == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(tx.db, sql, AVSP_DB_ARGS(avsp_i64(n)), &rows, err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        if (!avsp_column(arena, &rows, 0, &(*ret_ids)[*ret_n]))
            return avsp_arena_failed(arena, err);
        ++*ret_n;
    }
    return rc;
}

enum avsp_code avsp_store_list_draining(struct avsp_store *store, struct avsp_arena *arena,
                                        const char ***ret_ids, size_t *ret_n, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = list_draining_once(store, arena, ret_ids, ret_n, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code forget_workers_once(struct avsp_store *store, struct avsp_err *err)
{
    static const char sql[] = "DELETE FROM workers WHERE seen_us < $1";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, sql, AVSP_DB_ARGS(avsp_i64(tx.now_us - FORGET_US)), &changed, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_forget_workers(struct avsp_store *store, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = forget_workers_once(store, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

// --- the list

static enum avsp_code read_workers(struct avsp_tx *tx, const struct avsp_workers_query *query,
                                   struct avsp_arena *arena, struct avsp_worker_page *page,
                                   struct avsp_err *err)
{
    static const char sql[] = "SELECT id, host, version, slots, first_us, seen_us, drain"
                              " FROM workers WHERE id > $1 ORDER BY id LIMIT $2";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_text(query->page), avsp_i64(query->limit)), &rows, err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_worker_record *worker = &page->workers[page->n_workers++];
        worker->slots = (uint32_t)avsp_db_i64(&rows, 3);
        worker->first_us = avsp_db_i64(&rows, 4);
        worker->seen_us = avsp_db_i64(&rows, 5);
        worker->drains = avsp_db_i64(&rows, 6) != 0;
        if (!avsp_column(arena, &rows, 0, &worker->id) ||
            !avsp_column(arena, &rows, 1, &worker->host) ||
            !avsp_column(arena, &rows, 2, &worker->version))
            return avsp_arena_failed(arena, err);
    }
    return rc;
}

static enum avsp_code count_tasks(struct avsp_tx *tx, const struct avsp_worker_page *page,
                                  int64_t *ret_n, struct avsp_err *err)
{
    static const char sql[] = "SELECT count(*) FROM tasks WHERE state = 2"
                              " AND worker_id >= $1 AND worker_id <= $2";
    return avsp_tx_i64(tx, sql,
                       AVSP_DB_ARGS(avsp_text(page->workers[0].id),
                                    avsp_text(page->workers[page->n_workers - 1].id)),
                       ret_n, err);
}

/// Hands each worker of a page the tasks that it holds. Both come in the order of ids.
static enum avsp_code read_tasks(struct avsp_tx *tx, struct avsp_arena *arena,
                                 struct avsp_worker_page *page, struct avsp_err *err)
{
    static const char sql[] = "SELECT worker_id, job_id, kind, idx FROM tasks WHERE state = 2"
                              " AND worker_id >= $1 AND worker_id <= $2"
                              " ORDER BY worker_id, job_id, kind, idx LIMIT $3";
    int64_t n = 0;
    enum avsp_code rc = count_tasks(tx, page, &n, err);
    n = AVSP_MIN(n, (int64_t)TASKS_MAX);
    struct avsp_worker_task *tasks = avsp_arena_array(arena, (size_t)n, sizeof *tasks);
    if (rc == AVSP_OK && tasks == NULL)
        rc = avsp_arena_failed(arena, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(tx->db, sql,
                       AVSP_DB_ARGS(avsp_text(page->workers[0].id),
                                    avsp_text(page->workers[page->n_workers - 1].id), avsp_i64(n)),
                       &rows, err);
    bool more = false;
    size_t at = 0;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        const char *id = avsp_db_text(&rows, 0);
        while (at < page->n_workers && strcmp(page->workers[at].id, id) < 0)
            at++;
        if (at == page->n_workers || strcmp(page->workers[at].id, id) != 0)
            continue; // one that was not noted yet
        struct avsp_worker_record *worker = &page->workers[at];
        if (worker->n_tasks == 0)
            worker->tasks = tasks;
        worker->n_tasks++;
        tasks->kind = (enum avsp_task_kind)avsp_db_i64(&rows, 2);
        tasks->idx = (uint32_t)avsp_db_i64(&rows, 3);
        if (!avsp_column(arena, &rows, 1, &tasks->job_id))
            return avsp_arena_failed(arena, err);
        tasks++;
    }
    return rc;
}

/// A page that is full is followed by another, which may be empty.
static enum avsp_code read_page(struct avsp_tx *tx, const struct avsp_workers_query *query,
                                struct avsp_arena *arena, struct avsp_worker_page *page,
                                struct avsp_err *err)
{
    enum avsp_code rc = read_workers(tx, query, arena, page, err);
    if (rc == AVSP_OK && page->n_workers > 0)
        rc = read_tasks(tx, arena, page, err);
    for (size_t i = 0; i < page->n_workers; i++) {
        struct avsp_worker_record *worker = &page->workers[i];
        worker->state =
            avsp_worker_state(worker->drains, worker->n_tasks, tx->now_us - worker->seen_us);
    }
    if (page->n_workers == query->limit)
        page->next_page = page->workers[page->n_workers - 1].id;
    return rc;
}

static enum avsp_code list_workers_once(struct avsp_store *store,
                                        const struct avsp_workers_query *query,
                                        struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                        struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_worker_page page = {.next_page = ""};
    if (query->limit < 1 || query->limit > AVSP_BATCH_MAX)
        return avsp_err_set(err, AVSP_INVALID, "limit: %" PRIu32 " is not in 1 to %d", query->limit,
                            AVSP_BATCH_MAX);
    page.workers = avsp_arena_array(arena, query->limit, sizeof *page.workers);
    if (page.workers == NULL)
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc == AVSP_OK)
        rc = read_page(&tx, query, arena, &page, err);
    if (rc == AVSP_OK)
        *ret_page = page;
    return rc;
}

enum avsp_code avsp_store_list_workers(struct avsp_store *store,
                                       const struct avsp_workers_query *query,
                                       struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                       struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = list_workers_once(store, query, arena, ret_page, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
