#include "client/media_child.h"

#include "core/record.h"
#include "core/report_stream.h"
#include "storage/serve.h"
#include "util/fd.h"
#include "util/parse.h"
#include "util/programs.h"
#include "util/spawn.h"
#include "util/time.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TAIL_BYTES AVSP_LOG_TAIL_MAX_BYTES
#define LOG_MAX_BYTES (1 << 20)
#define PROBE_CPU_SECONDS 60
#define FILES_MAX 64
/// Decoding the largest picture, and reading any file's tables; encoding is not done here.
#define SPACE_MAX_BYTES ((uint64_t)8 << 30)
/// More than any step has reason to send: a report a segment, and some progress.
#define LINES_MAX (8 * AVSP_SEGMENTS_MAX)
#define KILL_MS 5000

void avsp_media_child_end(struct avsp_media_child *child)
{
    int status = 0;
    if (child->pid > 0) {
        kill(-child->pid, SIGKILL);
        (void)!avsp_spawn_wait(child->pid, avsp_mono_in_ms(KILL_MS), &status);
    }
    child->pid = 0;
    avsp_fd_cleanup(&child->control);
    avsp_fd_cleanup(&child->log);
    avsp_report_stream_deinit(&child->in);
}

/// A folder that has no name any more: nothing can be made in it, and nothing has to be removed.
static enum avsp_code open_nowhere(int *ret_fd, struct avsp_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/avspl1t-media-XXXXXX",
                     tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path)
        return avsp_err_set(err, AVSP_INVALID, "TMPDIR is too long");
    if (mkdtemp(path) == NULL)
        return avsp_err_set_errno(err, errno, "make a temporary folder (TMPDIR) %s", path);
    *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int errnum = errno;
    rmdir(path);
    return *ret_fd >= 0 ? AVSP_OK : avsp_err_set_errno(err, errnum, "open %s", path);
}

static enum avsp_code spawn(struct avsp_media_child *child, int input_fd, uint64_t cpu_seconds,
                            struct avsp_err *err)
{
    char program[PATH_MAX];
    int AVSP_CLEANUP(avsp_fd_cleanup) cwd = -1;
    enum avsp_code rc = avsp_program_find("avspl1t-media", program, sizeof program, err);
    if (rc == AVSP_OK)
        rc = open_nowhere(&cwd, err);
    if (rc != AVSP_OK)
        return rc;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return avsp_err_set_errno(err, errno, "socketpair");
    child->control = pair[0];
    int AVSP_CLEANUP(avsp_fd_cleanup) theirs = pair[1];
    static const char *const argv[] = {"avspl1t-media", NULL};
    static const char *const envp[] = {NULL};
    struct avsp_spawn how = {
        .path = program,
        .argv = argv,
        .envp = envp,
        .fds = {input_fd, -1, child->log, theirs},
        .n_fds = 4,
        .cwd_fd = cwd,
        .limits = {{RLIMIT_CPU, cpu_seconds},
                   {RLIMIT_FSIZE, LOG_MAX_BYTES},
                   {RLIMIT_CORE, 0},
                   {RLIMIT_NOFILE, FILES_MAX},
                   {RLIMIT_AS, SPACE_MAX_BYTES}},
        .n_limits = AVSP_SANITIZED ? 4 : 5, // a sanitizer maps terabytes
        .own_group = true,
        .die_with_parent = true,
    };
    return avsp_spawn(&how, &child->pid, err);
}

static enum avsp_code say(struct avsp_media_child *child, const char *text, size_t len,
                          struct avsp_err *err)
{
    // A child that died before shows when its answer is read.
    if (send(child->control, text, len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        return avsp_err_set_errno(err, errno, "write to avspl1t-media");
    return AVSP_OK;
}

enum avsp_code avsp_media_child_ack(struct avsp_media_child *child, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    avsp_buf_init(&line, AVSP_RECORD_MAX_BYTES);
    avsp_ack_write(&line, 0);
    enum avsp_code rc = avsp_buf_check(&line, err);
    return rc == AVSP_OK ? say(child, line.data, line.len, err) : rc;
}

enum avsp_code avsp_media_child_start(struct avsp_media_child *child, int input_fd,
                                      const struct avsp_step *step, uint64_t cpu_seconds,
                                      struct avsp_err *err)
{
    *child = (struct avsp_media_child){.control = -1, .log = -1};
    avsp_report_stream_init(&child->in, LINES_MAX);
    child->log = memfd_create("avspl1t-media-log", MFD_CLOEXEC);
    if (child->log < 0)
        return avsp_err_set_errno(err, errno, "memfd_create");
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    avsp_buf_init(&line, AVSP_RECORD_MAX_BYTES);
    avsp_step_write(&line, step);
    enum avsp_code rc = avsp_buf_check(&line, err);
    if (rc == AVSP_OK)
        rc = spawn(child, input_fd, cpu_seconds, err);
    return rc == AVSP_OK ? say(child, line.data, line.len, err) : rc;
}

/// Waits for more to read. @return avsp_spawn_died's where the child has gone without a last word.
static enum avsp_code read_more(struct avsp_media_child *child, struct avsp_mono deadline,
                                struct avsp_err *err)
{
    struct pollfd readable = {.fd = child->control, .events = POLLIN};
    int n = poll(&readable, 1, avsp_mono_left_ms(deadline));
    if (n == 0)
        return avsp_err_set(err, AVSP_TIMEOUT, "avspl1t-media takes too long");
    char bytes[4096];
    ssize_t len = n < 0 ? -1 : read(child->control, bytes, sizeof bytes);
    if (len < 0 && errno == EINTR)
        return AVSP_OK;
    if (len > 0)
        return avsp_report_stream_add(&child->in, bytes, (size_t)len, err);
    int status = 0;
    if (!avsp_spawn_wait(child->pid, avsp_mono_in_ms(KILL_MS), &status))
        return avsp_err_set(err, AVSP_INTERNAL,
                            "avspl1t-media closed its channel without an answer");
    child->pid = 0;
    if (avsp_spawn_died(status, err) == AVSP_INTERNAL)
        return avsp_err_wrap(err, "avspl1t-media");
    return err->code;
}

enum avsp_code avsp_media_child_next(struct avsp_media_child *child, struct avsp_arena *arena,
                                     int64_t wait_ms, struct avsp_report *ret_report,
                                     struct avsp_err *err)
{
    struct avsp_mono deadline = avsp_mono_in_ms(wait_ms);
    for (;;) {
        bool got = false;
        enum avsp_code rc = avsp_report_stream_next(&child->in, arena, ret_report, &got, err);
        if (rc == AVSP_OK && !got)
            rc = read_more(child, deadline, err);
        if (rc != AVSP_OK)
            return rc;
        if (!got)
            continue;
        if (ret_report->kind == AVSP_REPORT_FAILED)
            return avsp_err_set(err, ret_report->failure.code, "%s", ret_report->failure.message);
        if (ret_report->kind != AVSP_REPORT_PROGRESS)
            return AVSP_OK;
        deadline = avsp_mono_in_ms(wait_ms);
    }
}

const char *avsp_media_child_log(const struct avsp_media_child *child, struct avsp_arena *arena)
{
    struct stat st;
    char tail[LOG_TAIL_BYTES];
    size_t len = 0;
    struct avsp_err ignored = {0};
    if (fstat(child->log, &st) != 0)
        return "";
    off_t from = st.st_size > LOG_TAIL_BYTES ? st.st_size - LOG_TAIL_BYTES : 0;
    if (avsp_fd_pread_all(child->log, tail, sizeof tail, (uint64_t)from, &len, &ignored) != AVSP_OK)
        return "";
    char *text = avsp_arena_strndup(arena, tail, len);
    if (text == NULL)
        return "";
    avsp_text_tame(text, '?', true);
    return text;
}

static enum avsp_code open_input(const char *path, int *ret_fd, struct avsp_err *err)
{
    // Not blocking: a pipe without a writer would never open.
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return avsp_err_set_errno(err, errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "%s is a folder, not a video file", path);
    if (!S_ISREG(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "%s is not a regular file", path);
    *ret_fd = avsp_fd_take(&fd);
    return AVSP_OK;
}

static enum avsp_code take_report(struct avsp_probed *probed, const struct avsp_report *report,
                                  struct avsp_err *err)
{
    switch (report->kind) {
    case AVSP_REPORT_INPUT:
        probed->input = report->input;
        return AVSP_OK;
    case AVSP_REPORT_STREAM:
        if (probed->n_streams == AVSP_MEDIA_CHILD_STREAMS_MAX)
            return avsp_err_set(err, AVSP_LIMIT, "more than %d streams",
                                AVSP_MEDIA_CHILD_STREAMS_MAX);
        probed->streams[probed->n_streams++] = report->stream;
        return AVSP_OK;
    case AVSP_REPORT_WARNING:
        if (probed->n_warnings < AVSP_WARNINGS_MAX)
            probed->warnings[probed->n_warnings++] = report->warning;
        return AVSP_OK;
    default:
        return avsp_err_set(err, AVSP_INTERNAL, "avspl1t-media reported what a probe does not");
    }
}

static enum avsp_code take_reports(struct avsp_media_child *child, struct avsp_arena *arena,
                                   struct avsp_probed *probed, struct avsp_err *err)
{
    struct avsp_mono deadline = avsp_mono_in_ms(AVSP_MEDIA_CHILD_MS);
    for (;;) {
        struct avsp_report report;
        enum avsp_code rc =
            avsp_media_child_next(child, arena, avsp_mono_left_ms(deadline), &report, err);
        if (rc == AVSP_TIMEOUT)
            return avsp_err_set(err, AVSP_TIMEOUT, "looking into it took longer than %d s",
                                AVSP_MEDIA_CHILD_MS / 1000);
        if (rc != AVSP_OK || report.kind == AVSP_REPORT_DONE)
            return rc;
        rc = take_report(probed, &report, err);
        if (rc != AVSP_OK)
            return rc;
    }
}

/// Probes what a descriptor stands for: a file, or ranges of one.
static enum avsp_code probe(int input, const struct avsp_step *step, struct avsp_arena *arena,
                            struct avsp_probed *probed, const char **ret_log, struct avsp_err *err)
{
    struct avsp_media_child AVSP_CLEANUP(avsp_media_child_end) child = {.control = -1, .log = -1};
    enum avsp_code rc = avsp_media_child_start(&child, input, step, PROBE_CPU_SECONDS, err);
    if (rc != AVSP_OK)
        return rc;
    rc = take_reports(&child, arena, probed, err);
    *ret_log = avsp_media_child_log(&child, arena);
    return rc;
}

/// Only what the demuxer looks at is read.
static enum avsp_code probe_stored(struct avsp_storage *store, const struct avsp_location *input,
                                   const struct avsp_step *step, struct avsp_arena *arena,
                                   struct avsp_probed *probed, const char **ret_log,
                                   struct avsp_err *err)
{
    struct avsp_serving AVSP_CLEANUP(avsp_serving_stop) serving = {.fd = -1};
    struct avsp_reader *reader = avsp_storage_open(store, input, err);
    if (reader == NULL)
        return err->code;
    enum avsp_code rc = avsp_serving_start(&serving, reader, err);
    if (rc == AVSP_OK)
        rc = probe(serving.fd, step, arena, probed, ret_log, err);
    rc = avsp_serving_end(&serving, rc, err);
    avsp_reader_close(reader);
    return rc;
}

enum avsp_code avsp_media_child_probe(struct avsp_storage *store, const struct avsp_location *input,
                                      const struct avsp_step *step, struct avsp_arena *arena,
                                      struct avsp_probed *ret_probed, const char **ret_log,
                                      struct avsp_err *err)
{
    const char *shown = avsp_location_show(arena, input);
    *ret_log = "";
    *ret_probed = (struct avsp_probed){.input = {.format = "?", .libraries = ""}};
    ret_probed->streams =
        avsp_arena_array(arena, AVSP_MEDIA_CHILD_STREAMS_MAX, sizeof ret_probed->streams[0]);
    ret_probed->warnings =
        avsp_arena_array(arena, AVSP_WARNINGS_MAX, sizeof ret_probed->warnings[0]);
    if (ret_probed->streams == NULL || ret_probed->warnings == NULL)
        return avsp_arena_failed(arena, err);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    enum avsp_code rc = AVSP_OK;
    if (input->kind == AVSP_LOCATION_S3)
        rc = probe_stored(store, input, step, arena, ret_probed, ret_log, err);
    else if ((rc = open_input(input->path, &fd, err)) == AVSP_OK)
        rc = probe(fd, step, arena, ret_probed, ret_log, err);
    if (rc != AVSP_OK && strstr(err->text, shown) == NULL)
        return avsp_err_wrap(err, "%s", shown);
    return rc;
}
