/// Temporary folders: one for the worker, below it one for each attempt, below that one for the child.
///
///     WORK_DIR/lock                     taken while folders are made or swept
///     WORK_DIR/w-<id>/lock              held as long as the worker lives
///     WORK_DIR/w-<id>/<attempt>/        input (where it had to be fetched)
///     WORK_DIR/w-<id>/<attempt>/step/   the child's working folder
///
/// A worker that was killed leaves its folder; the next one to start with the same work folder finds its lock free and
/// removes it. A worker's folder: any thread. An attempt: one thread at a time.
#ifndef AVSP_WORKER_ATTEMPT_H
#define AVSP_WORKER_ATTEMPT_H

#include "storage/storage.h"

#include <limits.h>

struct avsp_workdir {
    char path[PATH_MAX / 2];
    int lock_fd;
    struct avsp_storage *storage; ///< without allow-roots: the folder is ours
};

/// Makes the worker's folder and removes those of dead ones.
/// @param path     NULL = ${TMPDIR:-/tmp}/avspl1t-<uid>, refused where it is another user's
/// @return OK; DENIED; LIMIT; INVALID; NO_MEMORY.
enum avsp_code avsp_workdir_open(const char *path, struct avsp_workdir *ret_dir,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Removes the worker's folder. Safe on a zeroed value with lock_fd -1.
void avsp_workdir_close(struct avsp_workdir *dir);

struct avsp_attempt {
    char path[PATH_MAX - 64];
    int step_fd; ///< the child's working folder
};

/// Makes an attempt's folders.
enum avsp_code avsp_attempt_open(const struct avsp_workdir *dir, struct avsp_attempt *ret_attempt,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Removes them with all that is in them. Safe on one that is closed.
void avsp_attempt_close(const struct avsp_workdir *dir, struct avsp_attempt *attempt);

/// How much of the disk the files of a step's working folder take. @return OK; UNAVAILABLE and others: the folder cannot be read.
enum avsp_code avsp_attempt_used(int step_fd, uint64_t *ret_bytes,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Checks a file that the child says it made: a regular file of so many bytes.
/// @param ret_path  where it is, PATH_MAX bytes
/// @return OK; INTERNAL it is not.
enum avsp_code avsp_attempt_check(const struct avsp_attempt *attempt, const char *name,
                                  uint64_t bytes, char *ret_path,
                                  struct avsp_err *err) AVSP_CHECKED;

#endif
