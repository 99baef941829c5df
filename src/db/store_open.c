#include "db/claim.h"
#include "db/migrate.h"
#include "db/testing.h"
#include "util/parse.h"
#include "util/time.h"

#include <string.h>

static const struct avsp_db_driver *find_driver(const char *url, struct avsp_err *err)
{
    static const struct avsp_db_driver *const drivers[] = {&avsp_db_sqlite, &avsp_db_postgres};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(drivers); i++)
        if (drivers[i]->owns(url))
            return drivers[i];
    // The URL is not repeated: it may hold a password.
    (void)avsp_err_set(err, AVSP_INVALID,
                       "the database's URL must be of the form sqlite:///ABSOLUTE/PATH or "
                       "postgresql://USER@HOST/DATABASE");
    return NULL;
}

/// Brings the schema up to date before anything else looks at it.
static enum avsp_code migrate(struct avsp_store *store, int64_t *ret_now_us, struct avsp_err *err)
{
    struct avsp_db *db = NULL;
    struct avsp_connections *writers = &store->connections[AVSP_DB_WRITE];
    enum avsp_code rc = avsp_connections_take(writers, &db, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_migrate(db, ret_now_us, err);
    avsp_connections_give(writers, db);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "open the database");
}

/// Proves that a reader can be opened, too.
static enum avsp_code try_reader(struct avsp_store *store, struct avsp_err *err)
{
    struct avsp_db *db = NULL;
    struct avsp_connections *readers = &store->connections[AVSP_DB_READ];
    enum avsp_code rc = avsp_connections_take(readers, &db, err);
    if (rc == AVSP_OK)
        avsp_connections_give(readers, db);
    return rc;
}

/// Another coordinator's changes; nothing of ours follows from them.
static void on_told(void *opaque, const struct avsp_ready *ready)
{
    struct avsp_store *store = opaque;
    if (ready->priorities != 0)
        avsp_floors_sink(&store->floors, ready->key, ready->priorities);
    if (store->options.changed != NULL)
        store->options.changed(store->options.opaque, ready->n);
}

static enum avsp_code open_all(struct avsp_store *store, const char *url, struct avsp_err *err)
{
    int64_t now_us = 0;
    enum avsp_code rc = AVSP_OK;
    store->driver = find_driver(url, err);
    if (store->driver == NULL)
        return err->code;
    for (size_t i = 0; rc == AVSP_OK && i < AVSP_ARRAY_LEN(store->connections); i++)
        rc = avsp_connections_init(&store->connections[i], store->driver, url,
                                   store->driver->n_connections[i], err);
    if (rc == AVSP_OK)
        rc = migrate(store, &now_us, err);
    if (rc == AVSP_OK)
        rc = try_reader(store, err);
    store->epoch_us = now_us;
    if (rc == AVSP_OK && store->driver->bus_open != NULL)
        rc = store->driver->bus_open(url, on_told, store, &store->bus, err);
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
    avsp_floors_init(&store->floors);
    avsp_expired_init(&store->expired);
    avsp_encoders_cache_init(&store->encoders);
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
    if (store->bus != NULL)
        store->driver->bus_close(store->bus);
    // The writer last: SQLite's last connection folds the write-ahead log into the file.
    for (size_t i = 0; i < AVSP_ARRAY_LEN(store->connections); i++)
        avsp_connections_deinit(&store->connections[i]);
    avsp_expired_deinit(&store->expired);
    avsp_floors_deinit(&store->floors);
    avsp_encoders_cache_deinit(&store->encoders);
    free(store);
}

void avsp_store_advance_clock(struct avsp_store *store, int64_t ms)
{
    store->clock_offset_us += ms * 1000;
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
