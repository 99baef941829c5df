/// Is a path a fit place for an SQLite database? Says so in one clear line where it is not. Any thread.
#ifndef AVSP_DB_SQLITE_FILE_H
#define AVSP_DB_SQLITE_FILE_H

#include "util/base.h"
#include "util/err.h"

/// Checks the path and its folder; makes an empty file, readable by its user alone, where there is none.
/// @return OK; INVALID a folder, a special file, a missing folder or a network file system; DENIED; LIMIT; UNAVAILABLE.
enum avsp_code avsp_sqlite_file_prepare(const char *path, struct avsp_err *err) AVSP_CHECKED;

/// Takes a database of ours away from group and others: it holds credentials. SQLite gives its -wal and -shm files the
/// same mode. Only for a file that is known to be ours.
enum avsp_code avsp_sqlite_file_protect(const char *path, struct avsp_err *err) AVSP_CHECKED;

#endif
