/// File descriptors: owners, whole reads and writes. Any thread.
#ifndef AVSP_UTIL_FD_H
#define AVSP_UTIL_FD_H

#include "util/base.h"
#include "util/err.h"

/// Closes an owned descriptor at the end of its scope: `int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;`
void avsp_fd_cleanup(int *fd);

/// Gives the descriptor away: returns it and leaves -1 behind.
int avsp_fd_take(int *fd);

/// Writes all of @p len bytes; EINTR is retried. @return OK, or the code of the errno.
enum avsp_code avsp_fd_write_all(int fd, const void *bytes, size_t len,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Writes all of @p len bytes at @p offset, likewise.
enum avsp_code avsp_fd_pwrite_all(int fd, const void *bytes, size_t len, uint64_t offset,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Reads up to @p len bytes of what comes next, short only at the end: of a pipe or a socket, too.
/// @param ret_len how many were read.
enum avsp_code avsp_fd_read_all(int fd, void *bytes, size_t len, size_t *ret_len,
                                struct avsp_err *err) AVSP_CHECKED;

/// Reads up to @p len bytes at @p offset, short only at the end of the file.
/// @param ret_len how many were read.
enum avsp_code avsp_fd_pread_all(int fd, void *bytes, size_t len, uint64_t offset, size_t *ret_len,
                                 struct avsp_err *err) AVSP_CHECKED;

#endif
