#include "db/migrate.h"

#include <inttypes.h>

struct schema {
    int64_t version;
    int64_t min_compatible;
};

static enum avsp_code read_schema(struct avsp_db *db, struct schema *ret_schema,
                                  struct avsp_err *err)
{
    static const char sql[] = "SELECT version, min_compatible FROM schema_version";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(db, sql, AVSP_DB_NO_ARGS, &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more)
        *ret_schema = (struct schema){avsp_db_i64(&rows, 0), avsp_db_i64(&rows, 1)};
    return rc;
}

static enum avsp_code check_schema(const struct schema *schema, struct avsp_err *err)
{
    if (schema->min_compatible <= avsp_n_migrations)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_PRECONDITION,
                        "its schema is number %" PRId64 " and serves programs from number %" PRId64
                        " on, but this one (" AVSP_VERSION ") knows number %" PRId64
                        ": install a newer avspl1t, or name another database",
                        schema->version, schema->min_compatible, avsp_n_migrations);
}

enum avsp_code avsp_schema_check(struct avsp_db *db, struct avsp_err *err)
{
    struct schema schema = {0};
    enum avsp_code rc = read_schema(db, &schema, err);
    return rc == AVSP_OK ? check_schema(&schema, err) : rc;
}

static enum avsp_code write_schema(struct avsp_db *db, const struct avsp_migration *migration,
                                   struct avsp_err *err)
{
    static const char insert[] = "INSERT INTO schema_version (one, version, min_compatible) "
                                 "VALUES (1, $1, $2) ON CONFLICT (one) DO UPDATE SET "
                                 "version = excluded.version, "
                                 "min_compatible = excluded.min_compatible";
    int64_t changed = 0;
    return avsp_db_exec(
        db, insert, AVSP_DB_ARGS(avsp_i64(migration->version), avsp_i64(migration->min_compatible)),
        &changed, err);
}

static enum avsp_code apply_missing(struct avsp_db *db, struct avsp_err *err)
{
    enum avsp_code rc = db->driver->script(db,
                                           "CREATE TABLE IF NOT EXISTS schema_version ("
                                           "one BIGINT NOT NULL PRIMARY KEY, "
                                           "version BIGINT NOT NULL, "
                                           "min_compatible BIGINT NOT NULL)",
                                           err);
    struct schema schema = {0};
    if (rc == AVSP_OK)
        rc = read_schema(db, &schema, err);
    if (rc == AVSP_OK)
        rc = check_schema(&schema, err);
    for (int64_t i = schema.version; rc == AVSP_OK && i < avsp_n_migrations; i++) {
        rc = db->driver->script(db, avsp_migrations[i].sql, err);
        if (rc == AVSP_OK)
            rc = write_schema(db, &avsp_migrations[i], err);
        if (rc != AVSP_OK)
            return avsp_err_wrap(err, "migration %s", avsp_migrations[i].name);
    }
    return rc;
}

enum avsp_code avsp_migrate(struct avsp_db *db, int64_t *ret_now_us, struct avsp_err *err)
{
    enum avsp_code rc = db->driver->begin_migration(db, ret_now_us, err);
    if (rc != AVSP_OK)
        return rc;
    rc = apply_missing(db, err);
    if (rc == AVSP_OK)
        rc = db->driver->commit(db, err);
    if (rc != AVSP_OK)
        db->driver->rollback(db);
    return rc;
}
