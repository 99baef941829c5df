/// Where a PostgreSQL database is, as libpq wants to be told: what the user's string says, and our defaults for the rest.
///
/// A host that died sends nothing any more, and libpq would wait for it for a quarter of an hour: so there are bounds for
/// connecting, for unanswered bytes, for silence and for statements. Only a server that takes writes will do, whichever of
/// several hosts it is. Plans follow the indexes that the statements were written for, whatever the statistics of a table
/// that has just been made say. Any thread; one value belongs to one thread.
#ifndef AVSP_DB_POSTGRES_TARGET_H
#define AVSP_DB_POSTGRES_TARGET_H

#include "util/base.h"
#include "util/err.h"

#define AVSP_PG_KEYWORDS_MAX 64

struct avsp_pg_target {
    const char *keywords[AVSP_PG_KEYWORDS_MAX + 1]; ///< for PQconnectdbParams; ends with NULL
    const char *values[AVSP_PG_KEYWORDS_MAX + 1];
    char *options; ///< the value of `options`
    void *parsed;  ///< libpq's, which the other strings lie in
};

/// "postgresql://…", "postgres://…", or libpq's "host=… dbname=…".
bool avsp_pg_owns(const char *url);

/// Errors repeat nothing of the URL, which may hold a password. @return call deinit after any answer; OK; INVALID; NO_MEMORY.
enum avsp_code avsp_pg_target_init(struct avsp_pg_target *target, const char *url,
                                   struct avsp_err *err) AVSP_CHECKED;
void avsp_pg_target_deinit(struct avsp_pg_target *target);

/// Connects, and keeps libpq from writing to standard error. @return libpq's connection, to be asked how it went.
struct pg_conn *avsp_pg_connect(const struct avsp_pg_target *target);

#endif
