/// The coordinator and the worker that `encode` starts for itself, kept alive and ended with it.
///
///     avsp_stack_open(&stack, &options, err);          // starts the coordinator
///     … poll stack.ready_fd: readable → avsp_stack_ready(&stack, err) starts the worker …
///     … SIGCHLD → avsp_stack_reap(&stack, err); every avsp_stack_left_ms() → avsp_stack_tick(&stack, err) …
///     avsp_stack_close(&stack);
///
/// One that dies is started again, a few times: the job goes on, since all it knows is in the database. They die with us
/// however we end. Opening makes this process the one that reaps whatever its children leave behind. The caller blocks
/// SIGCHLD. Main thread only.
#ifndef AVSP_CLIENT_STACK_H
#define AVSP_CLIENT_STACK_H

#include "util/arena.h"
#include "util/err.h"
#include "util/time.h"

#include <sys/types.h>

/// The coordinator's socket within the state folder.
#define AVSP_STACK_SOCKET "sock"

struct avsp_stack_options {
    const char *state_path; ///< for the database, the socket and the log; borrowed like all here
    int state_fd;           ///< the same folder
    const char *work_dir;   ///< the worker's temporary folder; exists
    const char *slots;      ///< NULL = as the worker thinks best
    const char *log_path;   ///< NULL = in the state folder
    bool uploads;           ///< the worker may have parts in a store to take back when it is ended
};

struct avsp_stack_child {
    const char *name;  ///< of the program
    pid_t pid;         ///< 0 = not running
    unsigned n_starts; ///< in a row: one that lived for a while is forgiven
    bool wanted;
    struct avsp_mono forgiven_at;
    struct avsp_mono start_at; ///< where it is wanted and does not run
};

struct avsp_stack {
    struct avsp_stack_options options;
    struct avsp_arena *arena;
    const char **
        env; ///< of both: what tunes them, and nothing that is meant for programs that serve others
    struct avsp_stack_child coordinator;
    struct avsp_stack_child worker;
    int ready_fd; ///< readable once the coordinator takes calls, or has ended; -1 = was ready
    struct avsp_mono ready_by;
    bool
        is_ours; ///< what is claimed from now on is our worker's; before, what a run that was interrupted had claimed
    int log_fd;
};

/// @param arena  lives until close
/// @return OK; NOT_FOUND a program is missing; others as avsp_spawn says. After a failure nothing runs.
enum avsp_code avsp_stack_open(struct avsp_stack *stack, const struct avsp_stack_options *options,
                               struct avsp_arena *arena, struct avsp_err *err) AVSP_CHECKED;

/// Takes the coordinator's word, and starts the worker. Where it has none (it died), waits for the next start.
enum avsp_code avsp_stack_ready(struct avsp_stack *stack, bool *ret_ready,
                                struct avsp_err *err) AVSP_CHECKED;

/// Takes note of children that ended.
/// @return OK; UNAVAILABLE one ended too often: the text has its last words.
enum avsp_code avsp_stack_reap(struct avsp_stack *stack, struct avsp_err *err) AVSP_CHECKED;

/// Starts what is due. @return as avsp_spawn; TIMEOUT the coordinator is not ready after a long time.
enum avsp_code avsp_stack_tick(struct avsp_stack *stack, struct avsp_err *err) AVSP_CHECKED;

/// Milliseconds until avsp_stack_tick has something to do; -1 = nothing.
int avsp_stack_left_ms(const struct avsp_stack *stack);

/// The end of the log: of @p bytes at most, whole lines; in the arena, "" where there is none.
const char *avsp_stack_log_tail(const struct avsp_stack *stack, size_t bytes);

/// Ends both, and waits until nothing of them is left, within about 1.5 s; where the worker uploads, within 7 s of a store that does not
/// answer. Safe on a zeroed value.
void avsp_stack_close(struct avsp_stack *stack);

#endif
