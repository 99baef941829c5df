/// One growable buffer of bytes or text, with a ceiling and a sticky error.
///
///     struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
///     avsp_buf_init(&buf, 64 << 10);
///     avsp_buf_printf(&buf, "#EXTINF:%s,\n", text);      // errors are remembered …
///     if (avsp_buf_check(&buf, err) != AVSP_OK) …        // … and asked for once, at the end
///
/// The content always has a NUL behind it (not counted in `len`). One thread at a time.
#ifndef AVSP_UTIL_BUF_H
#define AVSP_UTIL_BUF_H

#include "util/base.h"
#include "util/err.h"

struct avsp_buf {
    char *data;
    size_t len;
    size_t cap_bytes;
    size_t ceiling_bytes;
    enum avsp_code sticky; ///< the first failure: LIMIT or NO_MEMORY; later calls do nothing
    bool is_secret;
};

void avsp_buf_init(struct avsp_buf *buf, size_t ceiling_bytes);
/// For what nobody is to find in memory later: what the buffer gives back is wiped, and all of it where it is cleared.
void avsp_buf_init_secret(struct avsp_buf *buf, size_t ceiling_bytes);
void avsp_buf_deinit(struct avsp_buf *buf);

/// Empty again; keeps its memory and forgets the error.
void avsp_buf_clear(struct avsp_buf *buf);

void avsp_buf_append(struct avsp_buf *buf, const void *bytes, size_t len);
void avsp_buf_puts(struct avsp_buf *buf, const char *text);
void avsp_buf_printf(struct avsp_buf *buf, const char *fmt, ...) AVSP_PRINTF(2, 3);

/// Drops the first @p len bytes.
void avsp_buf_consume(struct avsp_buf *buf, size_t len);

/// The content as a string, never NULL ("" while empty); borrowed until the next change.
const char *avsp_buf_text(const struct avsp_buf *buf);

/// AVSP_OK, or the first failure: LIMIT (over the ceiling) or NO_MEMORY.
enum avsp_code avsp_buf_check(const struct avsp_buf *buf, struct avsp_err *err) AVSP_CHECKED;

#endif
