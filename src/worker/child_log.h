/// The end of what a child writes to its standard error, fit to be shown. One thread at a time.
#ifndef AVSP_WORKER_CHILD_LOG_H
#define AVSP_WORKER_CHILD_LOG_H

#include "core/model.h"

struct avsp_child_log {
    char bytes[2 * AVSP_LOG_TAIL_MAX_BYTES];
    size_t len;
};

/// Adds what the child wrote; the oldest bytes make room.
void avsp_child_log_add(struct avsp_child_log *log, const char *bytes, size_t len);

/// The last lines: whole ones where there is more than fits, valid UTF-8, no control characters but line feeds.
void avsp_child_log_tail(const struct avsp_child_log *log,
                         char ret_tail[AVSP_LOG_TAIL_MAX_BYTES + 1]);

#endif
