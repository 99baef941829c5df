#include "worker/child.h"

#include "core/ladder.h"
#include "core/record.h"
#include "core/report_stream.h"
#include "util/fd.h"
#include "util/spawn.h"
#include "util/time.h"
#include "worker/attempt.h"
#include "worker/child_log.h"
#include "worker/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 200
#define REPORT_ARENA_BYTES (256 << 10)
#define FILES_MAX 64
/// More lines than any step has reason to send: a segment, its progress and some warnings each.
#define LINES_MAX (8 * AVSP_SEGMENTS_MAX)
#define READ_BYTES AVSP_REPORT_STREAM_ADD_MAX_BYTES
/// SVT-AV1 starts some dozens, and some more for each processor. RLIMIT_NPROC would count this user's other processes too.
#define THREADS_MAX 2048
/// Address space is up to five times what is resident (measured with libav and SVT-AV1), so this only stops what is absurd.
#define SPACE_FACTOR 6
#define SPACE_MIN_BYTES ((uint64_t)16 << 30)
/// Writable memory is up to 2.2 times what is resident: six renditions of 2160p in 10 bit with two threads each take 3.0 GB and 6.8 GB,
/// of which 1.4 GB are stacks of 650 threads. Too little would not fail but hang: see media/main.c.
#define DATA_FACTOR 3
#define DATA_MORE_BYTES ((uint64_t)512 << 20)
/// Threads that only look now and then whether there is something to do take less of a processor than this part.
#define IDLE_SHARE 1000

struct running {
    const struct avsp_child *child;
    pid_t pid;
    int control; ///< -1 once the child closed it
    int log;     ///< likewise
    struct avsp_report_stream in;
    struct avsp_arena arena; ///< of one report
    struct avsp_child_log tail;
    struct avsp_mono wall;   ///< deadline
    struct avsp_mono silent; ///< deadline, moved on by each report
    struct avsp_mono idle;   ///< when it is looked at next whether it did anything
    int64_t cpu_ms;          ///< processor time that it had used when that was looked at last
    bool is_over;            ///< DONE or FAILED came
    bool lacks_room;         ///< it stands still until there is some
    struct avsp_mono still;  ///< from then on its time is not its own; us = 0: it is
    struct avsp_err failed;
};

/// Everything of the child's group dies; its leader is reaped. The group is killed before the leader's number is free.
static void end_child(struct running *run, int *ret_status)
{
    kill(-run->pid, SIGKILL);
    // Not yet its own group's leader, or no longer: it alone.
    kill(run->pid, SIGKILL);
    while (waitpid(run->pid, ret_status, 0) < 0 && errno == EINTR)
        ;
}

static void running_deinit(struct running *run)
{
    avsp_fd_cleanup(&run->control);
    avsp_fd_cleanup(&run->log);
    avsp_report_stream_deinit(&run->in);
    avsp_arena_deinit(&run->arena);
}

static unsigned set_limits(const struct avsp_child *child, struct avsp_spawn_limit *limits)
{
    unsigned n = 0;
    // Each encoder of a ladder has a thread at least, whatever the step was given.
    uint64_t n_threads = child->step->threads + AVSP_PICTURES_MAX;
    uint64_t cpu_s = (uint64_t)child->limits.wall_ms / 1000 * n_threads + 60;
    limits[n++] = (struct avsp_spawn_limit){RLIMIT_CPU, cpu_s};
    limits[n++] = (struct avsp_spawn_limit){RLIMIT_FSIZE, child->limits.file_bytes};
    limits[n++] = (struct avsp_spawn_limit){RLIMIT_NOFILE, FILES_MAX};
    limits[n++] = (struct avsp_spawn_limit){RLIMIT_CORE, 0};
    uint64_t space = AVSP_MAX(child->limits.memory_bytes * SPACE_FACTOR, SPACE_MIN_BYTES);
    if (!AVSP_SANITIZED) {
        limits[n++] = (struct avsp_spawn_limit){RLIMIT_AS, space};
        // What is resident is looked at now and then; this holds in between. Stacks count too.
        limits[n++] = (struct avsp_spawn_limit){
            RLIMIT_DATA, child->limits.memory_bytes * DATA_FACTOR + DATA_MORE_BYTES};
    }
    return n;
}

/// Stops the child, or lets it go on. What it does not do meanwhile it is not blamed for: a split may wait for its encoders for days.
static void stand_still(struct running *run, bool still)
{
    const struct avsp_mono now = avsp_mono_now();
    if (run->still.us != 0) {
        run->wall.us += now.us - run->still.us;
        run->silent.us += now.us - run->still.us;
        run->idle.us += now.us - run->still.us;
    }
    run->still = still ? now : (struct avsp_mono){0};
    if (run->child->room != NULL)
        kill(-run->pid, still ? SIGSTOP : SIGCONT);
}

/// What it does from now on counts.
static void note_life(struct running *run)
{
    run->silent = avsp_mono_in_ms(run->child->limits.silence_ms);
    run->idle = avsp_mono_in_ms(run->child->limits.idle_ms);
}

/// Starts the child with its ends of the two channels, which are closed here afterwards.
static enum avsp_code start(struct running *run, struct avsp_err *err)
{
    int control[2], log[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0)
        return avsp_err_set_errno(err, errno, "socketpair");
    run->control = control[0];
    int AVSP_CLEANUP(avsp_fd_cleanup) control_end = control[1];
    if (pipe2(log, O_CLOEXEC) != 0)
        return avsp_err_set_errno(err, errno, "pipe");
    run->log = log[0];
    int AVSP_CLEANUP(avsp_fd_cleanup) log_end = log[1];
    if (fcntl(run->log, F_SETFL, O_NONBLOCK) != 0)
        return avsp_err_set_errno(err, errno, "fcntl");
    static const char *const no_environment[] = {NULL};
    const char *argv[] = {"avspl1t-media", NULL};
    struct avsp_spawn how = {
        .path = run->child->program,
        .argv = argv,
        .envp = no_environment,
        .fds = {run->child->input_fd, -1, log_end, control_end},
        .n_fds = 4,
        .cwd_fd = run->child->folder_fd,
        .own_group = true,
        .die_with_parent = true,
    };
    how.n_limits = set_limits(run->child, how.limits);
    enum avsp_code rc = avsp_spawn(&how, &run->pid, err);
    // That it is not there says nothing about the task: another worker may have it.
    if (rc == AVSP_NOT_FOUND || rc == AVSP_DENIED)
        rc = err->code = AVSP_INTERNAL;
    return rc;
}

/// Says one line to the child. One that does not listen must not stop us: what it has not read by then it never will.
static enum avsp_code say(struct running *run, const char *text, size_t len, struct avsp_err *err)
{
    ssize_t n = send(run->control, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    // A child that is gone shows in how it ended.
    if (n == (ssize_t)len || (n < 0 && (errno == EPIPE || errno == ECONNRESET)))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INTERNAL, "the media step does not listen");
}

static enum avsp_code request(struct running *run, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
    avsp_step_write(&buf, run->child->step);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK ? say(run, buf.data, buf.len, err) : rc;
}

static enum avsp_code acknowledge(struct running *run, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
    const struct avsp_child *child = run->child;
    avsp_ack_write(&buf, child->threads != NULL ? child->threads(child->opaque) : 0);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK ? say(run, buf.data, buf.len, err) : rc;
}

static enum avsp_code take_report(struct running *run, const struct avsp_report *report,
                                  struct avsp_err *err)
{
    if (run->is_over)
        return avsp_err_set(err, AVSP_INTERNAL, "the media step went on after its end");
    if (report->kind == AVSP_REPORT_DONE || report->kind == AVSP_REPORT_FAILED) {
        run->is_over = true;
        run->silent = avsp_mono_in_ms(run->child->limits.end_ms);
        if (report->kind == AVSP_REPORT_FAILED)
            avsp_err_set(&run->failed, report->failure.code, "%s", report->failure.message);
        return AVSP_OK;
    }
    stand_still(run, true);
    enum avsp_code rc = run->child->report(run->child->opaque, report, err);
    stand_still(run, run->lacks_room);
    note_life(run);
    if (rc == AVSP_OK && (report->kind == AVSP_REPORT_PIECE || report->kind == AVSP_REPORT_SEGMENT))
        rc = acknowledge(run, err);
    return rc;
}

static enum avsp_code take_reports(struct running *run, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (bool got = true; rc == AVSP_OK && got;) {
        struct avsp_report report;
        rc = avsp_report_stream_next(&run->in, &run->arena, &report, &got, err);
        if (rc == AVSP_OK && got)
            rc = take_report(run, &report, err);
        avsp_arena_clear(&run->arena);
    }
    return rc;
}

/// Reads what is there now. @param ret_more  there may be more.
static enum avsp_code read_control(struct running *run, bool *ret_more, struct avsp_err *err)
{
    char bytes[READ_BYTES];
    *ret_more = false;
    ssize_t n = recv(run->control, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return AVSP_OK;
    if (n <= 0) {
        avsp_fd_cleanup(&run->control);
        return AVSP_OK;
    }
    *ret_more = true;
    enum avsp_code rc = avsp_report_stream_add(&run->in, bytes, (size_t)n, err);
    return rc == AVSP_OK ? take_reports(run, err) : rc;
}

/// Reads what is there now. @return there may be more.
static bool read_log(struct running *run)
{
    char bytes[READ_BYTES];
    ssize_t n = read(run->log, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        avsp_fd_cleanup(&run->log);
        return false;
    }
    avsp_child_log_add(&run->tail, bytes, (size_t)n);
    return true;
}

/// What the child left in the channels when it ended; a grandchild that still writes is not waited for.
static enum avsp_code read_rest(struct running *run, struct avsp_err *err)
{
    for (unsigned i = 0; run->log >= 0 && i < 64 && read_log(run); i++)
        ;
    bool more = true;
    while (run->control >= 0 && more) {
        enum avsp_code rc = read_control(run, &more, err);
        if (rc != AVSP_OK)
            return rc;
    }
    return AVSP_OK;
}

/// Has it done nothing at all, for no reason that we know, since we looked last?
static bool is_idle(struct running *run, const struct avsp_usage *usage)
{
    int64_t idle_ms = run->child->limits.idle_ms;
    if (idle_ms == 0 || run->is_over || !avsp_mono_passed(run->idle))
        return false;
    int64_t used_ms = usage->cpu_ms - run->cpu_ms;
    run->cpu_ms = usage->cpu_ms;
    run->idle = avsp_mono_in_ms(idle_ms);
    return used_ms <= idle_ms / IDLE_SHARE && avsp_usage_sleeps(run->pid);
}

static enum avsp_code check_limits(struct running *run, struct avsp_err *err)
{
    const struct avsp_child *child = run->child;
    if (child->should_stop(child->opaque))
        return avsp_err_set(err, AVSP_CANCELED, "stopped");
    if (avsp_mono_passed(run->wall))
        return avsp_err_set(err, AVSP_TIMEOUT, "not done within %" PRId64 " seconds",
                            child->limits.wall_ms / 1000);
    if (avsp_mono_passed(run->silent))
        return run->is_over ? avsp_err_set(err, AVSP_INTERNAL, "the media step does not end")
                            : avsp_err_set(err, AVSP_TIMEOUT, "no progress for %" PRId64 " seconds",
                                           child->limits.silence_ms / 1000);
    struct avsp_usage usage;
    avsp_usage_look(run->pid, &usage);
    if (is_idle(run, &usage))
        return avsp_err_set(err, AVSP_TIMEOUT,
                            "it hangs: it did nothing at all for %" PRId64 " seconds",
                            child->limits.idle_ms / 1000);
    if (usage.n_threads > THREADS_MAX)
        return avsp_err_set(err, AVSP_INTERNAL, "the media step started more than %d threads",
                            THREADS_MAX);
    if (usage.resident_bytes > child->limits.memory_bytes)
        return avsp_err_set(err, AVSP_LIMIT,
                            "it needs more than the %" PRIu64 " MiB of memory that it may use",
                            child->limits.memory_bytes >> 20);
    return AVSP_OK;
}

static enum avsp_code check_room(struct running *run, struct avsp_err *err)
{
    const struct avsp_child *child = run->child;
    if (child->room == NULL)
        return AVSP_OK;
    uint64_t used_bytes = 0;
    stand_still(run, true);
    enum avsp_code rc = avsp_attempt_used(child->folder_fd, &used_bytes, err);
    if (rc == AVSP_OK)
        rc = child->room(child->opaque, used_bytes, &run->lacks_room, err);
    stand_still(run, run->lacks_room);
    return rc;
}

/// Has the child ended? It stays a zombie, so that its number is not another's.
static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/// Talks with the child until it has ended. @return an error where it must be ended.
static enum avsp_code converse(struct running *run, struct avsp_err *err)
{
    enum avsp_code rc = request(run, err);
    for (struct avsp_mono next_check = {0}; rc == AVSP_OK;) {
        // An end of file on the control socket comes at the very end: soon there is a status.
        int timeout_ms = run->control < 0 ? 5 : TICK_MS;
        struct pollfd fds[] = {{.fd = run->control, .events = POLLIN},
                               {.fd = run->log, .events = POLLIN}};
        if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
            return avsp_err_set_errno(err, errno, "poll");
        if (has_ended(run->pid))
            return read_rest(run, err);
        bool more;
        if (run->control >= 0 && fds[0].revents != 0)
            rc = read_control(run, &more, err);
        if (run->log >= 0 && fds[1].revents != 0)
            read_log(run);
        if (rc == AVSP_OK && avsp_mono_passed(next_check)) {
            rc = check_room(run, err);
            if (rc == AVSP_OK)
                rc = check_limits(run, err);
            next_check = avsp_mono_in_ms(TICK_MS);
        }
    }
    return rc;
}

/// What the end of a child means that we did not end ourselves.
static enum avsp_code judge(const struct running *run, int status, struct avsp_err *err)
{
    if (run->is_over && run->failed.code != AVSP_OK) {
        *err = run->failed;
        return err->code;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && run->is_over)
        return AVSP_OK;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
        return avsp_err_set(err, AVSP_LIMIT, "it wrote a file of more than %" PRIu64 " MiB",
                            run->child->limits.file_bytes >> 20);
    return avsp_spawn_died(status, err);
}

enum avsp_code avsp_child_run(const struct avsp_child *child,
                              char ret_log_tail[AVSP_LOG_TAIL_MAX_BYTES + 1], struct avsp_err *err)
{
    ret_log_tail[0] = '\0';
    struct running AVSP_CLEANUP(running_deinit) run = {
        .child = child,
        .control = -1,
        .log = -1,
        .wall = avsp_mono_in_ms(child->limits.wall_ms),
    };
    note_life(&run);
    avsp_report_stream_init(&run.in, LINES_MAX);
    avsp_arena_init(&run.arena, REPORT_ARENA_BYTES);
    enum avsp_code rc = start(&run, err);
    if (rc != AVSP_OK)
        return rc;
    rc = converse(&run, err);
    int status = 0;
    end_child(&run, &status);
    avsp_child_log_tail(&run.tail, ret_log_tail);
    return rc == AVSP_OK ? judge(&run, status, err) : rc;
}
