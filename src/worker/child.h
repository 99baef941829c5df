/// One media step in a child process (avspl1t-media; core/step.h says how the two talk), with limits and no way to
/// outlive us. What the child says is not trusted: it works on files from strangers.
///
///     struct avsp_child child = {.program = path, .input_fd = fd, .folder_fd = cwd, .step = &step, …};
///     rc = avsp_child_run(&child, log_tail, err);
///
/// The call lasts as long as the child, which is dead and reaped, with its process group, when it returns. The child dies
/// with the calling thread. Any thread, several children at once.
#ifndef AVSP_WORKER_CHILD_H
#define AVSP_WORKER_CHILD_H

#include "core/step.h"

struct avsp_child_limits {
    int64_t wall_ms;       ///< how long it may run, without what `report` and `room` take
    int64_t silence_ms;    ///< how long it may go without a report
    int64_t idle_ms;       ///< how long it may do nothing at all; 0 = for ever
    int64_t end_ms;        ///< from its last report to its end
    uint64_t memory_bytes; ///< resident
    uint64_t file_bytes;   ///< of one file that it writes
};

struct avsp_child {
    const char *program;
    int input_fd;  ///< becomes its descriptor 0; borrowed
    int folder_fd; ///< its working folder; borrowed
    const struct avsp_step *step;
    struct avsp_child_limits limits;
    /// Asked a few times a second; true: kill it and return CANCELED.
    bool (*should_stop)(void *opaque);
    /// Gets every report but DONE and FAILED, which is valid during the call only. PIECE and SEGMENT are acknowledged
    /// when it returns; an error kills the child and is the result.
    enum avsp_code (*report)(void *opaque, const struct avsp_report *report, struct avsp_err *err);
    /// How many threads the step is to have from here on; asked whenever a file is acknowledged. NULL = as many as the request says.
    uint32_t (*threads)(void *opaque);
    /// NULL = its working folder may grow. Else it is told a few times a second how much of the disk the folder takes: with
    /// @p ret_wait the child stands still until the next time; an error ends it. The child stands still while it is asked and while `report` runs.
    enum avsp_code (*room)(void *opaque, uint64_t used_bytes, bool *ret_wait, struct avsp_err *err);
    void *opaque;
};

/// @param ret_log_tail  the end of what it wrote to standard error: printable UTF-8 and line feeds; always set
/// @return OK it said DONE and ended with 0; its own code where it said FAILED; CANCELED; TIMEOUT, LIMIT a limit was
///         reached; NO_MEMORY killed by the system; CORRUPT it tried what its sandbox
///         forbids; INTERNAL it crashed or broke the rules of the conversation.
enum avsp_code avsp_child_run(const struct avsp_child *child,
                              char ret_log_tail[AVSP_LOG_TAIL_MAX_BYTES + 1],
                              struct avsp_err *err) AVSP_CHECKED;

#endif
