#include "media/control.h"

#include "core/record.h"
#include "util/fd.h"
#include "util/time.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_INTERVAL_US 200000
#define REQUEST_ARENA_BYTES 65536
#define ACK_ARENA_BYTES 65536

struct avsp_control {
    int fd;                  ///< borrowed
    struct avsp_arena arena; ///< of the request's texts
    struct avsp_buf in;
    struct avsp_buf out;
    unsigned n_pending; ///< reported files that are not acknowledged
    unsigned max_pending;
    unsigned threads; ///< that the step is to have
    unsigned n_warnings;
    struct avsp_mono progress_sent;
    enum avsp_code
        broken; ///< a progress report could not be sent: told at the next call that can fail
};

static enum avsp_code parent_gone(struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_CANCELED, "whoever started this step has gone away");
}

/// Reads more of what the parent says.
static enum avsp_code read_more(struct avsp_control *ctl, struct avsp_err *err)
{
    char bytes[4096];
    ssize_t n = -1;
    do {
        n = read(ctl->fd, bytes, sizeof bytes);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != ECONNRESET)
        return avsp_err_set_errno(err, errno, "read from whoever started this step");
    if (n <= 0)
        return parent_gone(err);
    avsp_buf_append(&ctl->in, bytes, (size_t)n);
    return avsp_buf_check(&ctl->in, err);
}

/// Waits for a whole line. @p ret_len its length with the line feed; it stands at the front of ctl->in.
static enum avsp_code await_line(struct avsp_control *ctl, size_t *ret_len, struct avsp_err *err)
{
    for (;;) {
        const char *end = ctl->in.len > 0 ? memchr(ctl->in.data, '\n', ctl->in.len) : NULL;
        if (end != NULL) {
            *ret_len = (size_t)(end - ctl->in.data) + 1;
            return AVSP_OK;
        }
        enum avsp_code rc = read_more(ctl, err);
        if (rc != AVSP_OK)
            return rc;
    }
}

static enum avsp_code read_request(struct avsp_control *ctl, struct avsp_step *ret_step,
                                   struct avsp_err *err)
{
    size_t len = 0;
    enum avsp_code rc = await_line(ctl, &len, err);
    if (rc != AVSP_OK)
        return rc;
    const char *line = avsp_arena_strndup(&ctl->arena, ctl->in.data, len);
    if (line == NULL)
        return avsp_arena_failed(&ctl->arena, err);
    avsp_buf_consume(&ctl->in, len);
    return avsp_step_parse(&ctl->arena, line, ret_step, err);
}

struct avsp_control *avsp_control_open(int fd, struct avsp_step *ret_step, struct avsp_err *err)
{
    struct avsp_control *ctl = calloc(1, sizeof *ctl);
    if (ctl == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "no memory for the control socket");
        return NULL;
    }
    ctl->fd = fd;
    avsp_arena_init(&ctl->arena, REQUEST_ARENA_BYTES);
    avsp_buf_init(&ctl->in, AVSP_RECORD_MAX_BYTES + 4096);
    avsp_buf_init(&ctl->out, AVSP_RECORD_MAX_BYTES);
    struct avsp_step step = {0};
    if (read_request(ctl, &step, err) != AVSP_OK) {
        avsp_err_wrap(err, "read the request");
        avsp_control_close(ctl);
        return NULL;
    }
    ctl->max_pending = AVSP_MAX(step.max_pending, 1u);
    ctl->threads = step.threads;
    *ret_step = step;
    return ctl;
}

void avsp_control_close(struct avsp_control *ctl)
{
    if (ctl == NULL)
        return;
    avsp_buf_deinit(&ctl->in);
    avsp_buf_deinit(&ctl->out);
    avsp_arena_deinit(&ctl->arena);
    free(ctl);
}

/// Takes the answer at the front of ctl->in, of @p len bytes.
static enum avsp_code take_ack(struct avsp_control *ctl, size_t len, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ACK_ARENA_BYTES);
    const char *line = avsp_arena_strndup(&arena, ctl->in.data, len);
    if (line == NULL)
        return avsp_arena_failed(&arena, err);
    avsp_buf_consume(&ctl->in, len);
    uint32_t threads = 0;
    enum avsp_code rc = avsp_ack_parse(&arena, line, &threads, err);
    if (rc == AVSP_OK && threads > 0)
        ctl->threads = threads;
    return rc;
}

/// Waits until at most @p n_allowed reported files are not acknowledged.
static enum avsp_code await_acks(struct avsp_control *ctl, unsigned n_allowed, struct avsp_err *err)
{
    while (ctl->n_pending > n_allowed) {
        size_t len = 0;
        enum avsp_code rc = await_line(ctl, &len, err);
        if (rc == AVSP_OK)
            rc = take_ack(ctl, len, err);
        if (rc != AVSP_OK)
            return rc;
        ctl->n_pending--;
    }
    return AVSP_OK;
}

static enum avsp_code send_report(struct avsp_control *ctl, const struct avsp_report *report,
                                  struct avsp_err *err)
{
    avsp_buf_clear(&ctl->out);
    avsp_report_write(&ctl->out, report);
    enum avsp_code rc = avsp_buf_check(&ctl->out, err);
    if (rc == AVSP_LIMIT)
        return avsp_err_set(err, AVSP_INVALID, "a report is longer than %d bytes",
                            AVSP_RECORD_MAX_BYTES);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_fd_write_all(ctl->fd, ctl->out.data, ctl->out.len, err);
    if (rc != AVSP_OK && (err->native == EPIPE || err->native == ECONNRESET))
        return parent_gone(err);
    return rc;
}

enum avsp_code avsp_control_report(struct avsp_control *ctl, const struct avsp_report *report,
                                   struct avsp_err *err)
{
    if (ctl->broken != AVSP_OK)
        return parent_gone(err);
    bool is_file = report->kind == AVSP_REPORT_PIECE || report->kind == AVSP_REPORT_SEGMENT ||
                   report->kind == AVSP_REPORT_CHECKED;
    if (is_file) {
        enum avsp_code rc = await_acks(ctl, ctl->max_pending - 1, err);
        if (rc != AVSP_OK)
            return rc;
    }
    enum avsp_code rc = send_report(ctl, report, err);
    if (rc == AVSP_OK && is_file)
        ctl->n_pending++;
    return rc;
}

void avsp_control_progress(struct avsp_control *ctl, uint64_t frames_done, uint64_t frames_total)
{
    struct avsp_mono now = avsp_mono_now();
    if (ctl->broken != AVSP_OK || now.us - ctl->progress_sent.us < PROGRESS_INTERVAL_US)
        return;
    struct avsp_report report = {
        .kind = AVSP_REPORT_PROGRESS,
        .progress = {.frames_done = frames_done, .frames_total = frames_total},
    };
    struct avsp_err err = {0};
    ctl->broken = send_report(ctl, &report, &err);
    ctl->progress_sent = now;
}

enum avsp_code avsp_control_warn(struct avsp_control *ctl, struct avsp_err *err, const char *fmt,
                                 ...)
{
    if (ctl->n_warnings >= AVSP_WARNINGS_MAX)
        return AVSP_OK;
    ctl->n_warnings++;
    char text[AVSP_TEXT_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct avsp_report report = {.kind = AVSP_REPORT_WARNING, .warning = text};
    return avsp_control_report(ctl, &report, err);
}

enum avsp_code avsp_control_drain(struct avsp_control *ctl, struct avsp_err *err)
{
    return await_acks(ctl, 0, err);
}

unsigned avsp_control_threads(const struct avsp_control *ctl)
{
    return ctl->threads;
}
