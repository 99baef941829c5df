/// A worker in this process, against a coordinator that does as the test says and notes what it saw.
#ifndef TESTS_WORKER_POOL_KIT_H
#define TESTS_WORKER_POOL_KIT_H

#include "../cmocka_all.h"

#include <stdatomic.h>

#include "rpc/server.h"
#include "util/time.h"
#include "worker/worker.h"

/// The coordinator of a test, and what it saw.
struct coordinator {
    pthread_mutex_t lock;
    struct avsp_server *server;
    char root[64];
    const char *what; ///< input of every task; "encode" and "grow" get the task's number behind it
    unsigned n_tasks;
    unsigned n_waiting; ///< what each claim is told, like the next
    unsigned n_spent;
    unsigned n_claimed;
    unsigned n_finished;
    unsigned n_succeeded;
    unsigned n_released;
    unsigned n_beats;
    unsigned n_beats_seen, n_quiet;    ///< when the test looked last; looks since a beat
    unsigned n_same_claim;             ///< claims that came again with their id
    bool slow_claim;                   ///< the first task is handed out after the worker's signal
    bool was_signaled;                 ///< the worker got it
    bool is_held;                      ///< the task of the slow claim was given and not handed back
    unsigned refuse_claims;            ///< so many are answered with UNAVAILABLE
    unsigned refuse_finishes;          ///< likewise
    enum avsp_code finish_code;        ///< what a finish is answered with; OK
    struct avsp_attempt_status status; ///< what a heartbeat is answered with
    char claim_id[AVSP_ID_BYTES];
    enum avsp_code failure;
    bool may_retry;
    char log_tail[AVSP_LOG_TAIL_MAX_BYTES + 1];
    char message[AVSP_TEXT_MAX_BYTES];
    long pages_early, pages_late; ///< resident, after 50 and 200 tasks
    unsigned fds_early, fds_late;
    int signal_when_claimed; ///< sent to the worker once something runs; 0 = none
    unsigned done_after;     ///< SIGTERM after so many finishes, releases or lost attempts
};

extern struct coordinator co;
extern atomic_bool fsync_hangs; ///< until an attempt has ended

/// What the worker takes for avspl1t-media; once, before the tests.
void pool_uses(const char *program);

/// cmocka's set-up and tear-down.
int pool_setup(void **state);
int pool_teardown(void **state);

/// The test's hand on the worker: what it gets for a signal.
int next_signal(int ms);
/// The first one alone: a second SIGTERM would end the drain.
int one_signal(int ms);
/// Has the test taken too long?
bool pool_is_late(void);

void configure(struct avsp_worker_config *config, char target[32], char work[96]);

/// Runs the worker until the test's signal; nothing may be left in its work folder.
void work(int64_t drain_ms, uint64_t work_bytes, unsigned slots);

/// Is a file of that name in the test's folder?
bool exists(const char *name);

#endif
