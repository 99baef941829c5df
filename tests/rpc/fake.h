/// A coordinator without a database: it notes what it was asked, and answers what it was told.
#ifndef TESTS_RPC_FAKE_H
#define TESTS_RPC_FAKE_H

#include "rpc/client.h"
#include "rpc/server.h"
#include "util/buf.h"

#include <pthread.h>

struct fake {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct avsp_buf seen; ///< text of the last request
    // What it answers.
    struct avsp_err error; ///< code OK: no error
    const char *token; ///< what a caller must show, who is a client then; NULL = nobody is asked
    struct avsp_job job;
    struct avsp_job_page jobs;
    struct avsp_changes_page changes; ///< given once; then nothing changes until it is set again
    struct avsp_changes_page working; ///< likewise
    struct avsp_attempt_page attempts;
    struct avsp_worker_page workers;
    bool drains; ///< a claim is told so
    struct avsp_task task;
    struct avsp_attempt_status status;
    struct avsp_outputs_page outputs;
    char job_id[AVSP_ID_BYTES];
    // Claims.
    unsigned n_ready;          ///< tasks to be had
    uint32_t only_kinds;       ///< 0 = any; else only to whoever takes one of these
    const char *only_encoders; ///< NULL = any; likewise
    unsigned n_claims;         ///< questions so far
    unsigned n_released;
    char released[128]; ///< text of the last release
    unsigned n_looks;   ///< get_job so far
    int hold;           ///< while > 0, a claim that found a task waits here before it returns
    unsigned n_held;

    struct avsp_server *srv;
    char listen[128];
};

extern const struct avsp_service_ops fake_ops;

/// Starts on a socket in @p dir (NULL: on 127.0.0.1, any port); the target for a client is in `listen`.
void fake_start(struct fake *fake, const char *dir);
void fake_stop(struct fake *fake, int lame_duck_ms, int grace_ms);

/// Makes @p n tasks ready, and wakes.
void fake_ready(struct fake *fake, unsigned n);
/// A new version of the job, and wakes.
void fake_change(struct fake *fake, uint64_t version, enum avsp_job_state state);
unsigned fake_count(struct fake *fake, const unsigned *counter);
/// Waits until a counter has reached @p n; false after 60 s.
bool fake_wait(struct fake *fake, const unsigned *counter, unsigned n);
/// A copy of what was asked last; free it.
char *fake_seen(struct fake *fake);

#endif
