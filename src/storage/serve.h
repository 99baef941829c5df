/// Hands a file that has no descriptor of its own to a child process, which reads it by range (util/ranges.h).
///
///     struct avsp_serving AVSP_CLEANUP(avsp_serving_stop) serving = {.fd = -1};
///     avsp_serving_start(&serving, reader, err);
///     … a child with serving.fd as its input …
///     rc = avsp_serving_end(&serving, rc, err);      // after the child has ended
///
/// A thread of its own reads, so the reader is not to be used meanwhile. One thread at a time.
#ifndef AVSP_STORAGE_SERVE_H
#define AVSP_STORAGE_SERVE_H

#include "storage/storage.h"

#include <pthread.h>

struct avsp_serving {
    int fd; ///< for the child; -1 = not started, or ended
    int own_fd;
    struct avsp_reader *reader; ///< borrowed
    pthread_t thread;
    struct avsp_err err; ///< the thread's, once it has ended
};

/// @return OK; LIMIT, NO_MEMORY.
enum avsp_code avsp_serving_start(struct avsp_serving *serving, struct avsp_reader *reader,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Ends it. What went wrong with reading explains what the child says of it.
/// @param rc  the child's result, whose text is in @p err
/// @return @p rc, or why the file could not be read.
enum avsp_code avsp_serving_end(struct avsp_serving *serving, enum avsp_code rc,
                                struct avsp_err *err);

/// Cleanup function: ends it where it was not ended.
void avsp_serving_stop(struct avsp_serving *serving);

#endif
