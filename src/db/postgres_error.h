/// What PostgreSQL's errors mean, in one line for people and one code for us.
#ifndef AVSP_DB_POSTGRES_ERROR_H
#define AVSP_DB_POSTGRES_ERROR_H

#include "util/base.h"
#include "util/err.h"

#include <libpq-fe.h>

/// A connection that could not be made. @return UNAVAILABLE where waiting may help; NOT_FOUND, DENIED, INVALID otherwise.
enum avsp_code avsp_pg_connect_error(const PGconn *conn, struct avsp_err *err);

/// A statement, begin or commit that failed. Its `native` is AVSP_DB_AGAIN where the transaction may be run again.
/// @param result      NULL where none came. @param committing  a broken connection leaves open what happened.
/// @param ret_broken  true: the connection is of no more use.
enum avsp_code avsp_pg_error(const PGconn *conn, const PGresult *result, const char *what,
                             bool committing, bool *ret_broken, struct avsp_err *err);

#endif
