#include "db/claim.h"

#include <unistd.h>

/// Scratch memory of one transaction: a batch at its largest, with room.
#define TX_ARENA_BYTES (64U << 20)

/// Together a second or less.
#define TRIES_MAX 9

/// What a transaction begins with.
struct first {
    const char *sql; ///< NULL = nothing
    const struct avsp_db_value *values;
    size_t n_values;
    struct avsp_db_rows *ret_rows;
};

static enum avsp_code begin_on(struct avsp_tx *tx, const struct first *first, struct avsp_err *err)
{
    const struct avsp_db_driver *driver = tx->db->driver;
    if (tx->is_single)
        return driver->query(tx->db, first->sql, first->values, first->n_values, first->ret_rows,
                             err);
    if (first->sql == NULL)
        return driver->begin(tx->db, tx->mode, &tx->now_us, err);
    return driver->begin_query(tx->db, tx->mode, first->sql, first->values, first->n_values,
                               &tx->now_us, first->ret_rows, err);
}

/// Begins on a connection that works. One that lay idle may have broken since: nothing that it was asked has come about, so the
/// next one is tried, and in the end a new one.
static enum avsp_code begin(struct avsp_tx *tx, const struct first *first, struct avsp_err *err)
{
    struct avsp_connections *all = &tx->store->connections[tx->mode];
    for (unsigned i = 0;; i++) {
        enum avsp_code rc = avsp_connections_take(all, &tx->db, err);
        if (rc != AVSP_OK)
            return rc;
        rc = begin_on(tx, first, err);
        if (rc == AVSP_OK)
            return rc;
        if (first->ret_rows != NULL)
            avsp_db_rows_end(first->ret_rows);
        bool broken = all->driver->is_broken(tx->db);
        if (!broken) // it may have begun
            all->driver->rollback(tx->db);
        avsp_connections_give(all, tx->db);
        if (!broken || i == AVSP_DB_CONNECTIONS_MAX)
            return rc;
    }
}

static enum avsp_code begin_with(struct avsp_tx tx, const struct first *first,
                                 struct avsp_tx *ret_tx, struct avsp_err *err)
{
    struct avsp_store *store = tx.store;
    enum avsp_code rc = begin(&tx, first, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_tx = tx;
    ret_tx->now_us += store->clock_offset_us;
    avsp_arena_init(&ret_tx->arena, TX_ARENA_BYTES);
    return AVSP_OK;
}

enum avsp_code avsp_tx_begin_any(struct avsp_store *store, enum avsp_db_mode mode,
                                 struct avsp_tx *ret_tx, struct avsp_err *err)
{
    const struct first nothing = {0};
    return begin_with((struct avsp_tx){.store = store, .mode = mode}, &nothing, ret_tx, err);
}

static enum avsp_code check_not_outdated(const struct avsp_store *store, struct avsp_err *err)
{
    if (!store->is_outdated)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_UNAVAILABLE,
                        "this coordinator (" AVSP_VERSION ") is too old for its database, which "
                        "a newer one has changed: upgrade it");
}

enum avsp_code avsp_tx_begin(struct avsp_store *store, enum avsp_db_mode mode,
                             struct avsp_tx *ret_tx, struct avsp_err *err)
{
    enum avsp_code rc = check_not_outdated(store, err);
    return rc == AVSP_OK ? avsp_tx_begin_any(store, mode, ret_tx, err) : rc;
}

enum avsp_code avsp_tx_begin_query(struct avsp_store *store, enum avsp_db_mode mode,
                                   const char *sql, const struct avsp_db_value *values,
                                   size_t n_values, struct avsp_tx *ret_tx,
                                   struct avsp_db_rows *ret_rows, struct avsp_err *err)
{
    const struct first first = {sql, values, n_values, ret_rows};
    enum avsp_code rc = check_not_outdated(store, err);
    return rc == AVSP_OK
               ? begin_with((struct avsp_tx){.store = store, .mode = mode}, &first, ret_tx, err)
               : rc;
}

enum avsp_code avsp_tx_begin_single(struct avsp_store *store, const char *sql,
                                    const struct avsp_db_value *values, size_t n_values,
                                    struct avsp_tx *ret_tx, struct avsp_db_rows *ret_rows,
                                    struct avsp_err *err)
{
    const struct first first = {sql, values, n_values, ret_rows};
    const struct avsp_tx tx = {.store = store, .mode = AVSP_DB_READ, .is_single = true};
    enum avsp_code rc = check_not_outdated(store, err);
    return rc == AVSP_OK ? begin_with(tx, &first, ret_tx, err) : rc;
}

/// The connection goes back first: who is told may come at once.
static void tell(const struct avsp_tx *tx, int64_t took_us)
{
    struct avsp_store *store = tx->store;
    const struct avsp_store_options *options = &store->options;
    if (options->committed != NULL && tx->mode == AVSP_DB_WRITE)
        options->committed(options->opaque, took_us);
    if (tx->ready.priorities != 0)
        avsp_floors_sink(&store->floors, tx->ready.key, tx->ready.priorities);
    if (tx->changed || tx->ready.n > 0 || tx->ready.priorities != 0) {
        if (options->changed != NULL)
            options->changed(options->opaque, tx->ready.n);
        if (store->bus != NULL)
            store->driver->bus_tell(store->bus, &tx->ready);
    }
    if (options->job_over != NULL && tx->over.job_id[0] != '\0')
        options->job_over(options->opaque, tx->over.job_id, tx->over.state, tx->over.why);
}

enum avsp_code avsp_tx_commit(struct avsp_tx *tx, struct avsp_err *err)
{
    const int64_t began_us = avsp_mono_now().us;
    enum avsp_code rc = tx->db->driver->commit(tx->db, err);
    const int64_t took_us = avsp_mono_now().us - began_us;
    if (rc != AVSP_OK)
        return rc; // avsp_tx_end rolls back
    avsp_connections_give(&tx->store->connections[tx->mode], tx->db);
    tx->db = NULL;
    tell(tx, took_us);
    return AVSP_OK;
}

void avsp_tx_end(struct avsp_tx *tx)
{
    avsp_arena_deinit(&tx->arena);
    if (tx->db == NULL)
        return;
    if (!tx->is_single)
        tx->db->driver->rollback(tx->db);
    avsp_connections_give(&tx->store->connections[tx->mode], tx->db);
    tx->db = NULL;
}

void avsp_tx_ready(struct avsp_tx *tx, int64_t n, int64_t key, int64_t priority)
{
    const struct avsp_ready more = {
        .n = (unsigned)AVSP_MIN(n, (int64_t)UINT32_MAX),
        .key = key,
        .priorities = priority < 0 ? AVSP_PRIORITIES_ALL : 1U << priority,
    };
    avsp_ready_add(&tx->ready, &more);
}

enum avsp_code avsp_tx_lost_race(struct avsp_err *err, const char *what)
{
    (void)avsp_err_set(err, AVSP_UNAVAILABLE, "%.200s: lost a race; try again", what);
    err->native = AVSP_DB_AGAIN;
    return AVSP_UNAVAILABLE;
}

bool avsp_tx_again(unsigned *tries, enum avsp_code rc, struct avsp_err *err)
{
    if (rc != AVSP_UNAVAILABLE || err->native != AVSP_DB_AGAIN || ++*tries >= TRIES_MAX)
        return false;
    *err = (struct avsp_err){0};
    usleep((useconds_t)(avsp_nonce_new() % (1000 << *tries)));
    return true;
}

enum avsp_code avsp_tx_exec(struct avsp_tx *tx, const char *sql, const struct avsp_db_value *values,
                            size_t n_values, int64_t *ret_changed, struct avsp_err *err)
{
    return avsp_db_exec(tx->db, sql, values, n_values, ret_changed, err);
}

/// What lost a race within a transaction is run again with all of it.
static enum avsp_code again_where_lost(enum avsp_code rc, struct avsp_err *err)
{
    return rc == AVSP_CONFLICT ? avsp_tx_lost_race(err, "statement") : rc;
}

enum avsp_code avsp_tx_send(struct avsp_tx *tx, const char *sql, const struct avsp_db_value *values,
                            size_t n_values, int64_t want, struct avsp_err *err)
{
    return again_where_lost(avsp_db_send(tx->db, sql, values, n_values, want, err), err);
}

enum avsp_code avsp_tx_flush(struct avsp_tx *tx, struct avsp_err *err)
{
    return again_where_lost(avsp_db_flush(tx->db, err), err);
}

enum avsp_code avsp_tx_i64(struct avsp_tx *tx, const char *sql, const struct avsp_db_value *values,
                           size_t n_values, int64_t *ret_value, struct avsp_err *err)
{
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, values, n_values, &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more)
        *ret_value = avsp_db_i64(&rows, 0);
    return rc;
}
