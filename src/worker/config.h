/// What the worker is told on its command line. Strings are borrowed from argv, the environment and static storage.
#ifndef AVSP_WORKER_CONFIG_H
#define AVSP_WORKER_CONFIG_H

#include "rpc/security.h"
#include "util/cli.h"
#include "util/err.h"
#include "util/log.h"

#include <limits.h>

#define AVSP_WORKER_ROOTS_MAX 32

struct avsp_worker_config {
    const char *coordinator;
    struct avsp_client_security security;
    char id[65];
    char host[65];
    unsigned slots;
    unsigned threads;      ///< of one encode, for each slot that it has, at least
    const char *work_dir;  ///< NULL = the default
    uint64_t work_bytes;   ///< 0 = no limit
    uint64_t memory_bytes; ///< resident, of one media step for each slot that it has
    int64_t task_ms;       ///< wall time of one media step
    int64_t stall_ms;      ///< what does not get on for so long is given up
    int64_t drain_ms;
    int64_t idle_ms; ///< end after so long without a task; -1 = never
    bool once;
    const char *roots[AVSP_WORKER_ROOTS_MAX];
    size_t n_roots;
    const char *allow_s3[AVSP_WORKER_ROOTS_MAX];
    size_t n_allow_s3;
    int64_t s3_patience_ms;
    struct avsp_log_options log;
    char media_program[PATH_MAX];
};

extern const struct avsp_cli_program avsp_worker_program;

/// @return OK; INVALID a value that is out of range; NOT_FOUND avspl1t-media.
enum avsp_code avsp_worker_config_read(const struct avsp_cli_parsed *args,
                                       struct avsp_worker_config *ret_config,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
