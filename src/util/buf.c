#include "util/buf.h"

#include <stdarg.h>
#include <string.h>

void avsp_buf_init(struct avsp_buf *buf, size_t ceiling_bytes)
{
    *buf = (struct avsp_buf){.ceiling_bytes = ceiling_bytes};
}

void avsp_buf_init_secret(struct avsp_buf *buf, size_t ceiling_bytes)
{
    *buf = (struct avsp_buf){.ceiling_bytes = ceiling_bytes, .is_secret = true};
}

static void wipe(struct avsp_buf *buf)
{
    if (buf->is_secret && buf->data != NULL)
        explicit_bzero(buf->data, buf->cap_bytes);
}

void avsp_buf_deinit(struct avsp_buf *buf)
{
    wipe(buf);
    free(buf->data);
    *buf = (struct avsp_buf){0};
}

void avsp_buf_clear(struct avsp_buf *buf)
{
    wipe(buf);
    buf->len = 0;
    buf->sticky = AVSP_OK;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

/// As realloc, which might leave a copy behind.
static char *grow(struct avsp_buf *buf, size_t cap_bytes)
{
    if (!buf->is_secret)
        return realloc(buf->data, cap_bytes);
    char *data = malloc(cap_bytes);
    if (data == NULL || buf->data == NULL)
        return data;
    memcpy(data, buf->data, buf->len + 1);
    wipe(buf);
    free(buf->data);
    return data;
}

/// Makes room for @p more bytes and a NUL; remembers a failure.
static bool reserve(struct avsp_buf *buf, size_t more)
{
    if (buf->sticky != AVSP_OK)
        return false;
    if (more > buf->ceiling_bytes - buf->len) {
        buf->sticky = AVSP_LIMIT;
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->cap_bytes)
        return true;
    size_t cap = AVSP_MAX(need, AVSP_MAX((size_t)128, buf->cap_bytes * 2));
    char *data = grow(buf, cap);
    if (data == NULL) {
        buf->sticky = AVSP_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->cap_bytes = cap;
    return true;
}

void avsp_buf_append(struct avsp_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void avsp_buf_puts(struct avsp_buf *buf, const char *text)
{
    avsp_buf_append(buf, text, strlen(text));
}

void avsp_buf_printf(struct avsp_buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(buf, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf->len += (size_t)n;
}

void avsp_buf_consume(struct avsp_buf *buf, size_t len)
{
    AVSP_ASSERT(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
    buf->data[buf->len] = '\0';
}

const char *avsp_buf_text(const struct avsp_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

enum avsp_code avsp_buf_check(const struct avsp_buf *buf, struct avsp_err *err)
{
    if (buf->sticky == AVSP_OK)
        return AVSP_OK;
    return avsp_err_set(err, buf->sticky,
                        buf->sticky == AVSP_LIMIT ? "more than the allowed %zu bytes"
                                                  : "memory ran out (at most %zu bytes wanted)",
                        buf->ceiling_bytes);
}
