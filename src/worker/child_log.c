#include "worker/child_log.h"

#include "util/parse.h"

#include <string.h>

void avsp_child_log_add(struct avsp_child_log *log, const char *bytes, size_t len)
{
    if (len > AVSP_LOG_TAIL_MAX_BYTES) {
        bytes += len - AVSP_LOG_TAIL_MAX_BYTES;
        len = AVSP_LOG_TAIL_MAX_BYTES;
    }
    if (log->len + len > sizeof log->bytes) {
        size_t keep = AVSP_MIN(log->len, (size_t)AVSP_LOG_TAIL_MAX_BYTES);
        memmove(log->bytes, log->bytes + log->len - keep, keep);
        log->len = keep;
    }
    memcpy(log->bytes + log->len, bytes, len);
    log->len += len;
}

void avsp_child_log_tail(const struct avsp_child_log *log,
                         char ret_tail[AVSP_LOG_TAIL_MAX_BYTES + 1])
{
    const char *from = log->bytes;
    size_t len = log->len;
    if (len > AVSP_LOG_TAIL_MAX_BYTES) {
        from += len - AVSP_LOG_TAIL_MAX_BYTES;
        len = AVSP_LOG_TAIL_MAX_BYTES;
        const char *line = memchr(from, '\n', len);
        if (line != NULL) {
            len -= (size_t)(line + 1 - from);
            from = line + 1;
        }
    }
    memcpy(ret_tail, from, len);
    ret_tail[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (ret_tail[i] == '\0')
            ret_tail[i] = '?';
    avsp_text_tame(ret_tail, '?', true);
}
