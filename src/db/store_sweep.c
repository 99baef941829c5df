#include "db/internal.h"
#include "db/migrate.h"

#include <string.h>

#define LOOKED_AT_MAX 1000 ///< expired leases, and jobs, that one sweep looks at
#define PURGED_MAX                                                                                 \
    10 ///< steps that one sweep removes deleted jobs in, each a transaction of its own
#define ENDED_MAX 100 ///< jobs that one sweep ends, each in a transaction of its own

/// Ids that a query gave, in a transaction's arena.
struct ids {
    const char **of;
    size_t n;
};

static enum avsp_code read_ids(struct avsp_tx *tx, const char *sql,
                               const struct avsp_db_value *values, size_t n_values,
                               struct ids *ret_ids, struct avsp_err *err)
{
    ret_ids->n = 0;
    ret_ids->of = avsp_arena_array(&tx->arena, LOOKED_AT_MAX, sizeof *ret_ids->of);
    if (ret_ids->of == NULL)
        return avsp_arena_failed(&tx->arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(tx->db, sql, values, n_values, &rows, err);
    bool more = false;
    while (rc == AVSP_OK && ret_ids->n < LOOKED_AT_MAX &&
           (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        if (!avsp_column(&tx->arena, &rows, 0, &ret_ids->of[ret_ids->n]))
            return avsp_arena_failed(&tx->arena, err);
        ret_ids->n++;
    }
    return rc;
}

/// A clock that was set back would stretch waits by as much: none is longer than what is usual.
static enum avsp_code shorten_waits(struct avsp_tx *tx, struct avsp_err *err)
{
    static const char leases[] = "UPDATE tasks SET lease_until_us = $1 "
                                 "WHERE state = 2 AND lease_until_us > $1";
    static const char waits[] = "UPDATE tasks SET not_before_us = $1 "
                                "WHERE state = 1 AND not_before_us > 0 AND not_before_us > $1";
    const struct avsp_db_value latest[] = {
        avsp_i64(tx->now_us + tx->store->options.lease_ms * 1000)};
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_exec(tx, leases, latest, 1, &changed, err);
    return rc == AVSP_OK ? avsp_tx_exec(tx, waits, latest, 1, &changed, err) : rc;
}

/// Counts what became claimable since the last sweep.
static enum avsp_code count_ready(struct avsp_tx *tx, int64_t last_us, bool leases_counted,
                                  struct avsp_err *err)
{
    static const char waited[] = "SELECT count(*) FROM tasks WHERE state = 1 AND not_before_us > 0"
                                 " AND not_before_us > $1 AND not_before_us <= $2";
    static const char expired[] = "SELECT count(*) FROM tasks WHERE state = 2"
                                  " AND lease_until_us > $1 AND lease_until_us <= $2";
    int64_t n_waited = 0;
    int64_t n_expired = 0;
    enum avsp_code rc = avsp_tx_i64(
        tx, waited, AVSP_DB_ARGS(avsp_i64(last_us), avsp_i64(tx->now_us)), &n_waited, err);
    if (rc == AVSP_OK && avsp_leases_count(tx))
        rc = avsp_tx_i64(tx, expired,
                         AVSP_DB_ARGS(avsp_i64(leases_counted ? last_us : 0), avsp_i64(tx->now_us)),
                         &n_expired, err);
    tx->n_ready += (unsigned)(n_waited + n_expired);
    return rc;
}

/// Each a probe of one index, however much the job holds.
#define HELD(alias) " WHERE " alias ".job_id = j.id AND " alias ".state = 6"

/// Judges the clock, tells who waits, and makes manifest tasks that a crash left out.
static enum avsp_code look(struct avsp_tx *tx, struct avsp_err *err)
{
    static const char due_sql[] =
        "SELECT j.id FROM jobs j WHERE j.state = 1"
        " AND EXISTS (SELECT 1 FROM tasks s WHERE s.job_id = j.id AND s.kind = 1 AND s.state = 3)"
        " AND NOT EXISTS (SELECT 1 FROM tasks u WHERE u.job_id = j.id AND u.state IN (1, 2))"
        " AND NOT EXISTS (SELECT 1 FROM tasks h WHERE h.job_id = j.id AND h.state = 6) LIMIT $1";
    // Held beyond the window, and nothing within it: places without a frame lie between.
    static const char held_sql[] =
        "SELECT j.id FROM jobs j WHERE j.state = 1 AND (EXISTS (SELECT 1 FROM tasks "
        "o" HELD("o") " AND o.kind IN (1, 3, 4)) OR EXISTS (SELECT 1 FROM tasks w" HELD(
            "w") " AND w.kind = 2 AND w.track = 0 AND w.idx < j.released)"
                 " OR EXISTS (SELECT 1 FROM tasks f" HELD(
                     "f") " AND f.kind = 2 AND f.track = 0 AND f.idx < $1)"
                          " OR (EXISTS (SELECT 1 FROM tasks h" HELD(
                              "h") " AND h.kind = 2)"
                                   " AND NOT EXISTS (SELECT 1 FROM tasks u WHERE u.job_id "
                                   "= j.id AND u.state IN (1, 2)))) "
                                   "LIMIT $2";
    struct avsp_store *store = tx->store;
    const int64_t last_us = store->last_sweep_us; // written after the commit alone
    const int64_t lease_us = store->options.lease_ms * 1000;
    const bool counted = last_us - store->epoch_us >= lease_us;
    struct ids due = {0};
    struct ids held = {0};
    enum avsp_code rc = AVSP_OK;
    if (last_us != 0 && (tx->now_us - last_us > lease_us / 2 || tx->now_us < last_us))
        store->epoch_us = tx->now_us;
    if (tx->now_us < last_us)
        rc = shorten_waits(tx, err);
    if (rc == AVSP_OK)
        rc = count_ready(tx, last_us, counted, err);
    if (rc == AVSP_OK)
        rc = read_ids(tx, due_sql, AVSP_DB_ARGS(avsp_i64(LOOKED_AT_MAX)), &due, err);
    for (size_t i = 0; rc == AVSP_OK && i < due.n; i++)
        rc = avsp_job_follow_up(tx, due.of[i], err);
    if (rc == AVSP_OK)
        rc = read_ids(tx, held_sql,
                      AVSP_DB_ARGS(avsp_i64(avsp_window_end(0, 0, 0)), avsp_i64(LOOKED_AT_MAX)),
                      &held, err);
    for (size_t i = 0; rc == AVSP_OK && i < held.n; i++)
        rc = avsp_window_refill(tx, held.of[i], err);
    return rc;
}

/// Ends one task whose last lease ran out, so that its job fails although nobody asks for work.
/// @param ret_ended  false: there is none.
static enum avsp_code end_expired(struct avsp_tx *tx, bool *ret_ended, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT id FROM tasks WHERE state = 2 AND lease_until_us <= $1 LIMIT $2";
    struct ids expired = {0};
    enum avsp_code rc = AVSP_OK;
    *ret_ended = false;
    if (avsp_leases_count(tx))
        rc = read_ids(tx, sql, AVSP_DB_ARGS(avsp_i64(tx->now_us), avsp_i64(LOOKED_AT_MAX)),
                      &expired, err);
    tx->store->n_expired = (int64_t)expired.n;
    for (size_t i = 0; rc == AVSP_OK && !*ret_ended && i < expired.n; i++) {
        struct avsp_task_row row = {0};
        int64_t spent = 0;
        rc = avsp_task_load(tx, expired.of[i], &row, err);
        if (rc != AVSP_OK)
            return rc;
        if (!avsp_attempt_is_last(tx->store, &row))
            continue;
        // What the query saw may have changed since.
        rc = avsp_task_lock(tx, expired.of[i], &row, err);
        if (rc == AVSP_OK && row.state == AVSP_TASK_RUNNING && row.lease_until_us <= tx->now_us &&
            avsp_attempt_is_last(tx->store, &row))
            rc = avsp_attempt_lost(tx, &row, &spent, ret_ended, err);
    }
    return rc;
}

static enum avsp_code sweep_step(struct avsp_store *store, bool first, bool *ret_again,
                                 struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_code rc = avsp_tx_begin_any(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_schema_check(tx.db, err);
    if (rc == AVSP_OK || rc == AVSP_PRECONDITION)
        store->is_outdated = rc == AVSP_PRECONDITION;
    if (rc == AVSP_OK && first)
        rc = look(&tx, err);
    if (rc == AVSP_OK)
        rc = end_expired(&tx, ret_again, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(&tx, err);
    if (rc == AVSP_OK && first)
        store->last_sweep_us = tx.now_us;
    return rc;
}

static enum avsp_code purge_step(struct avsp_store *store, bool *ret_more, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_purge(&tx, ret_more, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_sweep(struct avsp_store *store, struct avsp_err *err)
{
    bool again = true;
    enum avsp_code rc = AVSP_OK;
    for (int i = 0; rc == AVSP_OK && again && i < ENDED_MAX; i++) {
        unsigned tries = 0;
        do
            rc = sweep_step(store, i == 0, &again, err);
        while (avsp_tx_again(&tries, rc, err));
    }
    again = true;
    for (int i = 0; rc == AVSP_OK && again && i < PURGED_MAX; i++) {
        unsigned tries = 0;
        do
            rc = purge_step(store, &again, err);
        while (avsp_tx_again(&tries, rc, err));
    }
    return rc;
}
