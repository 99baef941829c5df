/// What a child process uses, and whether it does anything at all, as the kernel tells (proc(5)). Any thread.
#ifndef AVSP_WORKER_USAGE_H
#define AVSP_WORKER_USAGE_H

#include "util/base.h"

#include <sys/types.h>

struct avsp_usage {
    int64_t cpu_ms; ///< of all its threads so far
    uint64_t resident_bytes;
    uint64_t n_threads;
};

/// @param ret_usage  all zeros where nothing is known
void avsp_usage_look(pid_t pid, struct avsp_usage *ret_usage);

/// Does each of its threads wait for something that may never come? One that waits for a disk or a processor does not, nor one that was
/// stopped. @return false also where nothing is known.
bool avsp_usage_sleeps(pid_t pid);

#endif
