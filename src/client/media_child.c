#include "client/media_child.h"

#include "core/record.h"
#include "core/report_stream.h"
#include "util/fd.h"
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
#define CPU_SECONDS_MAX 60
/// More than a probe has reason to send: its streams, warnings and some progress.
#define LINES_MAX 10000
#define KILL_MS 5000

/// A probe in progress. The child is killed and reaped with it.
struct probing {
    pid_t pid; ///< 0 = not started, or reaped
    int control;
    struct avsp_report_stream in;
    struct avsp_mono deadline;
    struct avsp_arena *arena;
    struct avsp_probed *probed;
    bool done;
};

static void probing_end(struct probing *probing)
{
    int status = 0;
    if (probing->pid > 0) {
        kill(-probing->pid, SIGKILL);
        (void)!avsp_spawn_wait(probing->pid, avsp_mono_in_ms(KILL_MS), &status);
    }
    probing->pid = 0;
    avsp_fd_cleanup(&probing->control);
    avsp_report_stream_deinit(&probing->in);
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

/// A folder that has no name any more: nothing can be made in it, and nothing has to be removed.
static enum avsp_code open_nowhere(int *ret_fd, struct avsp_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/avspl1t-probe-XXXXXX",
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

static enum avsp_code start(struct probing *probing, int input, int log, struct avsp_err *err)
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
    probing->control = pair[0];
    int AVSP_CLEANUP(avsp_fd_cleanup) theirs = pair[1];
    static const char *const argv[] = {"avspl1t-media", NULL};
    static const char *const envp[] = {NULL};
    struct avsp_spawn how = {
        .path = program,
        .argv = argv,
        .envp = envp,
        .fds = {input, -1, log, theirs},
        .n_fds = 4,
        .cwd_fd = cwd,
        .limits = {{RLIMIT_CPU, CPU_SECONDS_MAX}, {RLIMIT_FSIZE, LOG_MAX_BYTES}, {RLIMIT_CORE, 0}},
        .n_limits = 3,
        .own_group = true,
        .die_with_parent = true,
    };
    return avsp_spawn(&how, &probing->pid, err);
}

static enum avsp_code send_request(struct probing *probing, int32_t segment_seconds,
                                   struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    avsp_buf_init(&line, AVSP_RECORD_MAX_BYTES);
    struct avsp_step step = {
        .kind = AVSP_STEP_PROBE, .segment_seconds = segment_seconds, .max_pending = 1};
    avsp_step_write(&line, &step);
    enum avsp_code rc = avsp_buf_check(&line, err);
    if (rc != AVSP_OK)
        return rc;
    // A child that died before shows when its answer is read.
    if (send(probing->control, line.data, line.len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return avsp_err_set_errno(err, errno, "write to avspl1t-media");
    return AVSP_OK;
}

static enum avsp_code take_stream(struct probing *probing, const struct avsp_probe_stream *stream,
                                  struct avsp_err *err)
{
    struct avsp_probed *probed = probing->probed;
    if (probed->n_streams == AVSP_MEDIA_CHILD_STREAMS_MAX)
        return avsp_err_set(err, AVSP_LIMIT, "more than %d streams", AVSP_MEDIA_CHILD_STREAMS_MAX);
    probed->streams[probed->n_streams++] = *stream;
    return AVSP_OK;
}

static enum avsp_code take_report(struct probing *probing, const struct avsp_report *report,
                                  struct avsp_err *err)
{
    struct avsp_probed *probed = probing->probed;
    switch (report->kind) {
    case AVSP_REPORT_INPUT:
        probed->input = report->input;
        return AVSP_OK;
    case AVSP_REPORT_STREAM:
        return take_stream(probing, &report->stream, err);
    case AVSP_REPORT_WARNING:
        if (probed->n_warnings < AVSP_WARNINGS_MAX)
            probed->warnings[probed->n_warnings++] = report->warning;
        return AVSP_OK;
    case AVSP_REPORT_PROGRESS:
        return AVSP_OK;
    case AVSP_REPORT_DONE:
        probing->done = true;
        return AVSP_OK;
    case AVSP_REPORT_FAILED:
        return avsp_err_set(err, report->failure.code, "%s", report->failure.message);
    case AVSP_REPORT_PIECE:
    case AVSP_REPORT_RENDITION:
    case AVSP_REPORT_SEGMENT:
        break;
    }
    return avsp_err_set(err, AVSP_INTERNAL, "avspl1t-media reported what a probe does not");
}

/// Waits for more to read. @return INTERNAL where the child has gone without a last word.
static enum avsp_code read_more(struct probing *probing, struct avsp_err *err)
{
    struct pollfd readable = {.fd = probing->control, .events = POLLIN};
    int n = poll(&readable, 1, avsp_mono_left_ms(probing->deadline));
    if (n == 0)
        return avsp_err_set(err, AVSP_TIMEOUT, "looking into it took longer than %d s",
                            AVSP_MEDIA_CHILD_MS / 1000);
    char bytes[4096];
    ssize_t len = n < 0 ? -1 : read(probing->control, bytes, sizeof bytes);
    if (len < 0 && errno == EINTR)
        return AVSP_OK;
    if (len > 0)
        return avsp_report_stream_add(&probing->in, bytes, (size_t)len, err);
    int status = 0;
    char text[AVSP_SPAWN_STATUS_BYTES] = "still running";
    if (avsp_spawn_wait(probing->pid, avsp_mono_in_ms(KILL_MS), &status)) {
        probing->pid = 0;
        avsp_spawn_status_text(status, text);
    }
    return avsp_err_set(err, AVSP_INTERNAL, "avspl1t-media ended without an answer: %s", text);
}

static enum avsp_code take_reports(struct probing *probing, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK && !probing->done) {
        struct avsp_report report;
        bool got = false;
        rc = avsp_report_stream_next(&probing->in, probing->arena, &report, &got, err);
        if (rc == AVSP_OK)
            rc = got ? take_report(probing, &report, err) : read_more(probing, err);
    }
    return rc;
}

static const char *log_tail(struct avsp_arena *arena, int log)
{
    struct stat st;
    char tail[LOG_TAIL_BYTES];
    size_t len = 0;
    struct avsp_err ignored = {0};
    if (fstat(log, &st) != 0)
        return "";
    off_t from = st.st_size > LOG_TAIL_BYTES ? st.st_size - LOG_TAIL_BYTES : 0;
    if (avsp_fd_pread_all(log, tail, sizeof tail, (uint64_t)from, &len, &ignored) != AVSP_OK)
        return "";
    const char *text = avsp_arena_strndup(arena, tail, len);
    return text != NULL ? text : "";
}

enum avsp_code avsp_media_child_probe(const char *path, int32_t segment_seconds,
                                      struct avsp_arena *arena, struct avsp_probed *ret_probed,
                                      const char **ret_log, struct avsp_err *err)
{
    *ret_log = "";
    *ret_probed = (struct avsp_probed){.input = {.format = "?"}};
    ret_probed->streams =
        avsp_arena_array(arena, AVSP_MEDIA_CHILD_STREAMS_MAX, sizeof ret_probed->streams[0]);
    ret_probed->warnings =
        avsp_arena_array(arena, AVSP_WARNINGS_MAX, sizeof ret_probed->warnings[0]);
    if (ret_probed->streams == NULL || ret_probed->warnings == NULL)
        return avsp_arena_failed(arena, err);
    int AVSP_CLEANUP(avsp_fd_cleanup) input = -1;
    enum avsp_code rc = open_input(path, &input, err);
    if (rc != AVSP_OK)
        return rc;
    int AVSP_CLEANUP(avsp_fd_cleanup) log = memfd_create("avspl1t-media-log", MFD_CLOEXEC);
    if (log < 0)
        return avsp_err_set_errno(err, errno, "memfd_create");
    struct probing AVSP_CLEANUP(probing_end)
        probing = {.control = -1,
                   .deadline = avsp_mono_in_ms(AVSP_MEDIA_CHILD_MS),
                   .arena = arena,
                   .probed = ret_probed};
    avsp_report_stream_init(&probing.in, LINES_MAX);
    rc = start(&probing, input, log, err);
    if (rc != AVSP_OK)
        return rc;
    rc = send_request(&probing, segment_seconds, err);
    if (rc == AVSP_OK)
        rc = take_reports(&probing, err);
    *ret_log = log_tail(arena, log);
    if (rc != AVSP_OK && strstr(err->text, path) == NULL)
        return avsp_err_wrap(err, "%s", path);
    return rc;
}
