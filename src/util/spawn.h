/// Starting another program, so that nothing leaks into it and nothing outlives us.
///
///     struct avsp_spawn how = {.path = path, .argv = argv, .cwd_fd = -1, .own_group = true, .die_with_parent = true};
///     how.fds[0] = input_fd; how.fds[1] = how.fds[2] = log_fd; how.n_fds = 3;
///     avsp_spawn(&how, &pid, err);
///     … avsp_spawn_wait(pid, deadline, &status, err) …
///
/// The child has the descriptors that it was given as 0, 1, … (ours, of the first three, where fewer were given) and no
/// others, default signal handlers and an empty signal mask. Any thread; but with die_with_parent the child dies with
/// the *thread* that started it, so start such children from one that lives as long as they shall.
#ifndef AVSP_UTIL_SPAWN_H
#define AVSP_UTIL_SPAWN_H

#include "util/base.h"
#include "util/err.h"
#include "util/time.h"

#include <sys/types.h>

#define AVSP_SPAWN_FDS_MAX 8
#define AVSP_SPAWN_LIMITS_MAX 8

struct avsp_spawn_limit {
    int resource; ///< RLIMIT_…; soft and hard limit become `max`, or stay below it where ours are
    uint64_t max;
};

struct avsp_spawn {
    const char *path;
    const char *const *argv;     ///< ends with NULL
    const char *const *envp;     ///< ends with NULL; NULL = our own environment
    int fds[AVSP_SPAWN_FDS_MAX]; ///< what becomes the child's 0, 1, …; -1 = /dev/null; borrowed
    unsigned n_fds;
    int cwd_fd; ///< an open folder, -1 = ours; borrowed
    struct avsp_spawn_limit limits[AVSP_SPAWN_LIMITS_MAX];
    unsigned n_limits;
    bool
        own_group; ///< it leads a process group: kill(-pid, …) reaches all of it, a terminal's Ctrl-C none
    bool die_with_parent; ///< SIGKILL when the thread that started it ends
};

/// @return OK; NOT_FOUND, DENIED, … as execve says, found before this returns; LIMIT, NO_MEMORY. Reap it with waitpid.
enum avsp_code avsp_spawn(const struct avsp_spawn *how, pid_t *ret_pid,
                          struct avsp_err *err) AVSP_CHECKED;

/// Waits for a child until the deadline. @param ret_status as waitpid's. @return false where it still runs.
bool avsp_spawn_wait(pid_t pid, struct avsp_mono deadline, int *ret_status) AVSP_CHECKED;

#define AVSP_SPAWN_STATUS_BYTES 64

/// "exit status 1", "signal 9 (Killed)". @return @p ret_text.
const char *avsp_spawn_status_text(int status, char ret_text[AVSP_SPAWN_STATUS_BYTES]);

/// What the end of a child means that owed us a last word, and that we did not end: the signal of a limit or of a sandbox (seccomp's SIGSYS) has words.
/// @return TIMEOUT (processor time), CORRUPT (SIGSYS), NO_MEMORY (SIGKILL), INTERNAL.
enum avsp_code avsp_spawn_died(int status, struct avsp_err *err);

#endif
