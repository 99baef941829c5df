/// A file that another process reads by range over a socket, because it is not on this machine. The reader asks for a range and
/// gets it, one at a time; it sees nothing else, and cannot write.
///
///     (reader)  n = avsp_ranges_read(fd, bytes, len, offset);           // as pread(2)
///     (server)  rc = avsp_ranges_serve(fd, size, read, opaque, err);    // until the reader has closed its end
///
/// On the wire, in this machine's own byte order: 16 bytes of offset and length go there, 8 bytes of a count (-1 = it cannot be
/// read) and so many bytes come back. Any number of threads may read; one serves.
#ifndef AVSP_UTIL_RANGES_H
#define AVSP_UTIL_RANGES_H

#include "util/base.h"
#include "util/err.h"

#include <sys/types.h>

#define AVSP_RANGES_MAX_BYTES ((size_t)1 << 20) ///< of one range

/// Is the descriptor one that avsp_ranges_read reads from?
bool avsp_ranges_is(int fd);

/// How long the file is. @return OK; UNAVAILABLE the server has gone.
enum avsp_code avsp_ranges_size(int fd, uint64_t *ret_bytes, struct avsp_err *err) AVSP_CHECKED;

/// Reads a range; short at the end of the file, and where it is longer than AVSP_RANGES_MAX_BYTES. @return as pread(2): -1 with errno EIO.
ssize_t avsp_ranges_read(int fd, void *bytes, size_t len, uint64_t offset);

/// Answers until the reader has gone. The reader is not trusted: it can ask for what is not there, and gets nothing.
/// @param read  as avsp_reader_read
/// @return OK the reader closed its end; the first error that @p read gave, which the reader was told of.
enum avsp_code avsp_ranges_serve(int fd, uint64_t bytes,
                                 enum avsp_code (*read)(void *opaque, uint64_t offset,
                                                        void *ret_bytes, size_t len,
                                                        size_t *ret_len, struct avsp_err *err),
                                 void *opaque, struct avsp_err *err) AVSP_CHECKED;

#endif
