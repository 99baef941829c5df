#include "db/claim.h"
#include "db/migrate.h"
#include "util/time.h"

#include <string.h>

#define LOOKED_AT_MAX 1000 ///< jobs that one sweep looks at
#define PURGED_MAX                                                                                 \
    10 ///< steps that one sweep removes deleted jobs in, each a transaction of its own
#define FLOORS_EVERY_US 5000000
#define NOTICED_US 20000 ///< what takes less is done at each sweep
#define ENDED_MAX 100    ///< jobs that one sweep ends, each in a transaction of its own

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

/// Notes whose back-off ended since the last sweep: looks passed over them until now.
static enum avsp_code end_waits(struct avsp_tx *tx, int64_t last_us, struct avsp_err *err)
{
    static const char sql[] = "SELECT count(*), coalesce(min(fair_key), 0) FROM tasks WHERE"
                              " state = 1 AND not_before_us > 0"
                              " AND not_before_us > $1 AND not_before_us <= $2";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_i64(last_us), avsp_i64(tx->now_us)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more && avsp_db_i64(&rows, 0) > 0)
        avsp_tx_ready(tx, avsp_db_i64(&rows, 0), avsp_db_i64(&rows, 1), -1);
    return rc;
}

/// Each a probe of one index, however much the job holds.
#define HELD(t) " " t ".job_id = j.id AND " t ".state = 6"
#define ENCODE(t) " AND " t ".kind = 2 AND " t ".track = 0"

/// Does something unless it was done lately, or took so long that it would be done for more than a twentieth of the time.
static enum avsp_code at_its_pace(struct avsp_tx *tx, struct avsp_pace *pace, int64_t every_us,
                                  enum avsp_code (*work)(struct avsp_tx *tx, struct avsp_err *err),
                                  struct avsp_err *err)
{
    if (tx->now_us < pace->due_us && tx->now_us >= pace->last_us)
        return AVSP_OK;
    const int64_t began_us = avsp_wall_now().us;
    enum avsp_code rc = work(tx, err);
    const int64_t took_us = avsp_wall_now().us - began_us;
    if (rc != AVSP_OK)
        return rc;
    pace->last_us = tx->now_us;
    pace->due_us = tx->now_us + AVSP_MAX(every_us, took_us > NOTICED_US ? 20 * took_us : 0);
    return AVSP_OK;
}

/// Lets go what is held although it should not be.
static enum avsp_code refill(struct avsp_tx *tx, struct avsp_err *err)
{
    // The last: held beyond the window, and nothing within it that a claim could move it on with, for places without a frame lie
    // between. Whatever else of the job is open: a split that is ahead waits until what is held is taken.
    static const char sql[] =
        "SELECT j.id FROM jobs j WHERE j.state = 1 AND"
        " (EXISTS (SELECT 1 FROM tasks o WHERE" HELD(
            "o") " AND o.kind IN (1, 3, 4))"
                 " OR EXISTS (SELECT 1 FROM tasks w WHERE" HELD("w")
                     ENCODE("w") " AND w.idx < " AVSP_RELEASED(
                         "j.id") ")"
                                 " OR EXISTS (SELECT 1 FROM tasks f WHERE" HELD("f") ENCODE(
                                     "f") " AND f.idx < $1)"
                                          " OR (EXISTS (SELECT 1 FROM tasks h WHERE" HELD(
                                              "h") " AND h.kind = 2)"
                                                   " AND (SELECT u.idx FROM tasks u WHERE u.job_id "
                                                   "= j.id AND u.state IN (1, 2)"
                                                   " AND u.state = 1 AND u.kind = 2 ORDER BY "
                                                   "u.kind DESC, u.idx DESC LIMIT 1) IS NULL))"
                                                   " LIMIT $2";
    struct ids held = {0};
    enum avsp_code rc =
        read_ids(tx, sql, AVSP_DB_ARGS(avsp_i64(avsp_window_end(0, 0, 0)), avsp_i64(LOOKED_AT_MAX)),
                 &held, err);
    for (size_t i = 0; rc == AVSP_OK && i < held.n; i++)
        rc = avsp_window_refill(tx, held.of[i], err);
    return rc;
}

/// Judges the clock, tells who waits, and makes manifest tasks that a crash left out.
static enum avsp_code look(struct avsp_tx *tx, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT j.id FROM jobs j WHERE j.state = 1 AND " AVSP_NOTHING_OPEN " LIMIT $1";
    struct avsp_store *store = tx->store;
    const int64_t last_us = store->last_sweep_us; // written after the commit alone
    const int64_t lease_us = store->options.lease_ms * 1000;
    struct ids due = {0};
    enum avsp_code rc = AVSP_OK;
    if (last_us != 0 && (tx->now_us - last_us > lease_us / 2 || tx->now_us < last_us))
        store->epoch_us = tx->now_us;
    if (tx->now_us < last_us)
        rc = shorten_waits(tx, err);
    if (rc == AVSP_OK)
        rc = end_waits(tx, last_us, err);
    if (rc == AVSP_OK)
        rc = read_ids(tx, sql, AVSP_DB_ARGS(avsp_i64(LOOKED_AT_MAX)), &due, err);
    for (size_t i = 0; rc == AVSP_OK && i < due.n; i++)
        rc = avsp_job_follow_up(tx, due.of[i], err);
    if (rc == AVSP_OK)
        rc = at_its_pace(tx, &store->held_pace, 0, refill, err);
    // Where others cannot tell us, they are looked after each time.
    if (rc == AVSP_OK)
        rc = at_its_pace(tx, &store->floors_pace, store->bus != NULL ? FLOORS_EVERY_US : 0,
                         avsp_floors_check, err);
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
    *ret_again = false;
    if (rc == AVSP_OK && first)
        rc = at_its_pace(&tx, &store->expired_pace, 0, avsp_expired_read, err);
    if (rc == AVSP_OK)
        rc = avsp_expired_end(&tx, ret_again, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(&tx, err);
    if (rc == AVSP_OK && first)
        store->last_sweep_us = tx.now_us;
    if (rc != AVSP_OK)
        avsp_expired_forget(&store->expired);
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
