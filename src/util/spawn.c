#include "util/spawn.h"

#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// How often a child is asked for while its end is waited for.
#define WAIT_STEP_NS 5000000

// From fork to execve the child may call async-signal-safe functions only: another thread may have held a lock.

/// Moves the given descriptors to 0, 1, …: first out of the way of all targets, then into place. What is open beyond them
/// (by whoever started us, perhaps) ends with execve.
static bool child_fds(const struct avsp_spawn *how, int null_fd)
{
    int high[AVSP_SPAWN_FDS_MAX];
    for (unsigned i = 0; i < how->n_fds; i++) {
        int from = how->fds[i] >= 0 ? how->fds[i] : null_fd;
        high[i] = fcntl(from, F_DUPFD_CLOEXEC, AVSP_SPAWN_FDS_MAX);
        if (high[i] < 0)
            return false;
    }
    for (unsigned i = 0; i < how->n_fds; i++)
        if (dup2(high[i], (int)i) < 0)
            return false;
    return close_range(AVSP_MAX(how->n_fds, STDERR_FILENO + 1U), ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool child_signals(void)
{
    for (int sig = 1; sig < NSIG; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            (void)signal(
                sig, SIG_DFL); // some real-time signals belong to libc: refused, and default anyway
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool child_limit(const struct avsp_spawn_limit *limit)
{
    struct rlimit now;
    if (getrlimit(limit->resource, &now) != 0)
        return false;
    // Where we are under a tighter limit ourselves, nobody but root could lift it.
    rlim_t max = AVSP_MIN((rlim_t)limit->max, now.rlim_max);
    return setrlimit(limit->resource, &(struct rlimit){.rlim_cur = max, .rlim_max = max}) == 0;
}

static bool child_setup(const struct avsp_spawn *how, int null_fd, pid_t parent)
{
    if (how->own_group && setpgid(0, 0) != 0)
        return false;
    // The parent may be gone before the request to die with it was made.
    if (how->die_with_parent &&
        (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent))
        return false;
    if (how->cwd_fd >= 0 && fchdir(how->cwd_fd) != 0)
        return false;
    for (unsigned i = 0; i < how->n_limits; i++)
        if (!child_limit(&how->limits[i]))
            return false;
    return child_fds(how, null_fd) && child_signals();
}

/// @param report_fd  close-on-exec: the parent reads the error of what failed, or the end of file after execve.
static _Noreturn void child(const struct avsp_spawn *how, int null_fd, int report_fd, pid_t parent)
{
    int report = fcntl(report_fd, F_DUPFD_CLOEXEC, AVSP_SPAWN_FDS_MAX);
    if (report >= 0 && child_setup(how, null_fd, parent))
        execve(how->path, (char *const *)how->argv,
               how->envp != NULL ? (char *const *)how->envp : environ);
    int errnum = errno;
    // Without a reader nobody is left to be told.
    ssize_t ignored = write(report >= 0 ? report : report_fd, &errnum, sizeof errnum);
    (void)ignored;
    _exit(127);
}

/// The errno that the child met before or in execve, 0 where it runs.
static int child_errno(int report_fd)
{
    int errnum = 0;
    ssize_t n;
    do
        n = read(report_fd, &errnum, sizeof errnum);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof errnum ? errnum : 0;
}

enum avsp_code avsp_spawn(const struct avsp_spawn *how, pid_t *ret_pid, struct avsp_err *err)
{
    AVSP_ASSERT(how->n_fds <= AVSP_SPAWN_FDS_MAX && how->n_limits <= AVSP_SPAWN_LIMITS_MAX);
    int AVSP_CLEANUP(avsp_fd_cleanup) null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return avsp_err_set_errno(err, errno, "open /dev/null");
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return avsp_err_set_errno(err, errno, "pipe");
    int AVSP_CLEANUP(avsp_fd_cleanup) report_in = report[0];
    int AVSP_CLEANUP(avsp_fd_cleanup) report_out = report[1];
    // A signal handler of ours must not run in the child.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child(how, null_fd, report_out, parent);
    int fork_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return avsp_err_set_errno(err, fork_errno, "fork");
    avsp_fd_cleanup(&report_out);
    int errnum = child_errno(report_in);
    if (errnum != 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return avsp_err_set_errno(err, errnum, "start %s", how->path);
    }
    *ret_pid = pid;
    return AVSP_OK;
}

bool avsp_spawn_wait(pid_t pid, struct avsp_mono deadline, int *ret_status)
{
    for (;;) {
        int status = 0;
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid) {
            *ret_status = status;
            return true;
        }
        AVSP_ASSERT(got == 0 || errno == EINTR); // a child is reaped by its owner, once
        if (avsp_mono_passed(deadline))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_STEP_NS}, NULL);
    }
}

const char *avsp_spawn_status_text(int status, char ret_text[AVSP_SPAWN_STATUS_BYTES])
{
    if (WIFSIGNALED(status))
        snprintf(ret_text, AVSP_SPAWN_STATUS_BYTES, "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(ret_text, AVSP_SPAWN_STATUS_BYTES, "exit status %d", WEXITSTATUS(status));
    return ret_text;
}

enum avsp_code avsp_spawn_died(int status, struct avsp_err *err)
{
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (sig == SIGXCPU)
        return avsp_err_set(err, AVSP_TIMEOUT, "it used more processor time than it may");
    // Not to be tried again: what made it do so is in the file, or in the libraries here (the kernel's log names the call).
    if (sig == SIGSYS)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "it tried what it must not (a system call outside its sandbox) and was "
                            "ended: the file may be made to do harm");
    if (sig == SIGKILL)
        return avsp_err_set(err, AVSP_NO_MEMORY,
                            "it was killed from outside: the machine may have run out of memory");
    char text[AVSP_SPAWN_STATUS_BYTES];
    return avsp_err_set(err, AVSP_INTERNAL, "it ended with %s",
                        avsp_spawn_status_text(status, text));
}
