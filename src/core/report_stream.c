#include "core/report_stream.h"

#include "core/record.h"

#include <string.h>

void avsp_report_stream_init(struct avsp_report_stream *in, uint32_t max_lines)
{
    *in = (struct avsp_report_stream){.max_lines = max_lines};
    avsp_buf_init(&in->buf, AVSP_RECORD_MAX_BYTES + AVSP_REPORT_STREAM_ADD_MAX_BYTES);
}

void avsp_report_stream_deinit(struct avsp_report_stream *in)
{
    avsp_buf_deinit(&in->buf);
}

enum avsp_code avsp_report_stream_add(struct avsp_report_stream *in, const void *bytes, size_t len,
                                      struct avsp_err *err)
{
    avsp_buf_consume(&in->buf, in->taken);
    in->taken = 0;
    avsp_buf_append(&in->buf, bytes, len);
    return avsp_buf_check(&in->buf, err);
}

static enum avsp_code parse(struct avsp_arena *arena, const char *line, size_t len,
                            struct avsp_report *ret_report, struct avsp_err *err)
{
    enum avsp_code rc = strlen(line) == len ? avsp_report_parse(arena, line, ret_report, err)
                                            : avsp_err_set(err, AVSP_INVALID, "a NUL in it");
    if (rc == AVSP_OK || rc == AVSP_NO_MEMORY)
        return rc;
    err->code = AVSP_INTERNAL;
    return avsp_err_wrap(err, "the media step said what is no report");
}

enum avsp_code avsp_report_stream_next(struct avsp_report_stream *in, struct avsp_arena *arena,
                                       struct avsp_report *ret_report, bool *ret_got,
                                       struct avsp_err *err)
{
    size_t left = in->buf.len - in->taken;
    char *line = left > 0 ? in->buf.data + in->taken : NULL;
    char *end = left > 0 ? memchr(line, '\n', left) : NULL;
    *ret_got = end != NULL;
    if (end == NULL)
        return left < AVSP_RECORD_MAX_BYTES
                   ? AVSP_OK
                   : avsp_err_set(err, AVSP_INTERNAL,
                                  "the media step sent a line that is too long");
    if (in->n_lines++ == in->max_lines)
        return avsp_err_set(err, AVSP_INTERNAL, "the media step reports without end");
    *end = '\0';
    in->taken += (size_t)(end - line) + 1;
    struct avsp_report report = {0};
    enum avsp_code rc = parse(arena, line, (size_t)(end - line), &report, err);
    if (rc == AVSP_OK)
        *ret_report = report;
    return rc;
}
