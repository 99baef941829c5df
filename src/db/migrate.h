/// The schema: numbered migrations, compiled in, applied in order and never undone.
#ifndef AVSP_DB_MIGRATE_H
#define AVSP_DB_MIGRATE_H

#include "db/driver.h"

struct avsp_migration {
    int64_t version;        ///< 1.. without a gap
    int64_t min_compatible; ///< programs that know this version or a newer one can still work
    const char *name;
    const char *sql;
};

/// Made by sql/embed.py from the files in sql/.
extern const struct avsp_migration avsp_migrations[];
extern const int64_t avsp_n_migrations;

/// Brings the schema up to date, in one transaction: all of it or nothing. A schema that is newer but still serves this
/// program is left as it is.
/// @param ret_now_us  the database's clock. @return OK; PRECONDITION a schema that this program is too old for.
enum avsp_code avsp_migrate(struct avsp_db *db, int64_t *ret_now_us,
                            struct avsp_err *err) AVSP_CHECKED;

/// Does the schema, which a newer program may have changed meanwhile, still serve this one? @return OK; PRECONDITION.
enum avsp_code avsp_schema_check(struct avsp_db *db, struct avsp_err *err) AVSP_CHECKED;

#endif
