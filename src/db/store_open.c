#include "db/internal.h"
#include "db/migrate.h"
#include "db/testing.h"
#include "util/parse.h"
#include "util/time.h"

#include <string.h>

/// Scratch memory of one transaction: a batch at its largest, with room.
#define TX_ARENA_BYTES (64U << 20)

static enum avsp_code open_db(const char *url, struct avsp_db **ret_db, struct avsp_err *err)
{
    static const struct avsp_db_driver *const drivers[] = {&avsp_db_sqlite};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(drivers); i++)
        if (strncmp(url, drivers[i]->prefix, strlen(drivers[i]->prefix)) == 0)
            return drivers[i]->open(url, ret_db, err);
    // The URL is not repeated: it may hold a password.
    return avsp_err_set(err, AVSP_INVALID,
                        "the database's URL must be of the form sqlite:///ABSOLUTE/PATH");
}

static enum avsp_code open_all(struct avsp_store *store, const char *url, struct avsp_err *err)
{
    struct avsp_db **writer = &store->of[AVSP_DB_WRITE].db;
    enum avsp_code rc = open_db(url, writer, err);
    if (rc == AVSP_OK && avsp_migrate(*writer, err) != AVSP_OK)
        return avsp_err_wrap(err, "open the database");
    if (rc == AVSP_OK)
        rc = open_db(url, &store->of[AVSP_DB_READ].db, err);
    if (rc == AVSP_OK)
        rc = (*writer)->driver->now(*writer, &store->epoch_us, err);
    return rc;
}

struct avsp_store *avsp_store_open(const char *url, const struct avsp_store_options *options,
                                   struct avsp_err *err)
{
    AVSP_ASSERT(options->lease_ms > 0 && options->max_attempts > 0);
    struct avsp_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        (void)avsp_err_set(err, AVSP_NO_MEMORY, "open the database: memory ran out");
        return NULL;
    }
    store->options = *options;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(store->of); i++)
        pthread_mutex_init(&store->of[i].mutex, NULL);
    if (open_all(store, url, err) != AVSP_OK) {
        avsp_store_close(store);
        return NULL;
    }
    return store;
}

void avsp_store_close(struct avsp_store *store)
{
    if (store == NULL)
        return;
    // The writer last: SQLite's last connection folds the write-ahead log into the file.
    for (size_t i = 0; i < AVSP_ARRAY_LEN(store->of); i++) {
        if (store->of[i].db != NULL)
            store->of[i].db->driver->close(store->of[i].db);
        pthread_mutex_destroy(&store->of[i].mutex);
    }
    free(store);
}

void avsp_store_advance_clock(struct avsp_store *store, int64_t ms)
{
    store->clock_offset_us += ms * 1000;
}

enum avsp_code avsp_tx_begin(struct avsp_store *store, enum avsp_db_mode mode,
                             struct avsp_tx *ret_tx, struct avsp_err *err)
{
    struct avsp_connection *connection = &store->of[mode];
    struct avsp_db *db = connection->db;
    pthread_mutex_lock(&connection->mutex);
    int64_t now_us = 0;
    enum avsp_code rc = db->driver->begin(db, mode, err);
    if (rc == AVSP_OK && (rc = db->driver->now(db, &now_us, err)) != AVSP_OK)
        db->driver->rollback(db);
    if (rc != AVSP_OK) {
        pthread_mutex_unlock(&connection->mutex);
        return rc;
    }
    *ret_tx = (struct avsp_tx){.store = store, .mode = mode, .db = db};
    ret_tx->now_us = now_us + store->clock_offset_us;
    avsp_arena_init(&ret_tx->arena, TX_ARENA_BYTES);
    return AVSP_OK;
}

enum avsp_code avsp_tx_commit(struct avsp_tx *tx, struct avsp_err *err)
{
    struct avsp_store *store = tx->store;
    const int64_t began_us = avsp_mono_now().us;
    enum avsp_code rc = tx->db->driver->commit(tx->db, err);
    const int64_t took_us = avsp_mono_now().us - began_us;
    if (rc != AVSP_OK)
        return rc; // avsp_tx_end rolls back
    tx->store = NULL;
    const struct avsp_store_options options = store->options;
    pthread_mutex_unlock(&store->of[tx->mode].mutex);
    if (options.committed != NULL && tx->mode == AVSP_DB_WRITE)
        options.committed(options.opaque, took_us);
    if (options.changed != NULL && (tx->changed || tx->n_ready > 0))
        options.changed(options.opaque, tx->n_ready);
    if (options.job_over != NULL && tx->over.job_id[0] != '\0')
        options.job_over(options.opaque, tx->over.job_id, tx->over.state, tx->over.why);
    return AVSP_OK;
}

void avsp_tx_end(struct avsp_tx *tx)
{
    avsp_arena_deinit(&tx->arena);
    if (tx->store == NULL)
        return;
    tx->db->driver->rollback(tx->db);
    pthread_mutex_unlock(&tx->store->of[tx->mode].mutex);
    tx->store = NULL;
}

enum avsp_code avsp_tx_exec(struct avsp_tx *tx, const char *sql, const struct avsp_db_value *values,
                            size_t n_values, int64_t *ret_changed, struct avsp_err *err)
{
    return avsp_db_exec(tx->db, sql, values, n_values, ret_changed, err);
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

bool avsp_column(struct avsp_arena *arena, struct avsp_db_rows *rows, int column,
                 const char **ret_text)
{
    const char *copy = avsp_arena_strdup(arena, avsp_db_text(rows, column));
    if (copy == NULL)
        return false;
    *ret_text = copy;
    return true;
}

bool avsp_page_number(const char *page, int64_t *ret_number, const char **ret_rest)
{
    char digits[24];
    size_t n = strcspn(page, ".");
    if (page[n] != '.' || n >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)n, page);
    *ret_rest = page + n + 1;
    return avsp_parse_i64(digits, -1, INT64_MAX, ret_number);
}
