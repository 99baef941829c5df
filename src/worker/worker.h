/// The worker: a pool of threads, each of which claims a task, does it, and reports it.
///
/// Two kinds of thread: those for tasks that need a slot (encode, audio), one more than there are slots, so that a task is
/// fetched while others encode; and a few for the rest (split, manifest, cleanup), which wait for storage rather than for a
/// processor and must not be kept waiting by encodes, nor keep them waiting.
#ifndef AVSP_WORKER_WORKER_H
#define AVSP_WORKER_WORKER_H

#include "rpc/client.h"
#include "storage/storage.h"
#include "worker/attempt.h"
#include "worker/config.h"
#include "worker/encoders.h"
#include "worker/heartbeat.h"
#include "worker/slots.h"

struct avsp_worker {
    const struct avsp_worker_config *config;
    struct avsp_client
        *claims; ///< fails at once where the coordinator is away; ended when no more is claimed
    struct avsp_client *reports; ///< waits for the coordinator
    struct avsp_storage *storage;
    struct avsp_workdir workdir;
    struct avsp_slots slots;
    struct avsp_beats beats;
    struct avsp_encoders encoders;
    pthread_mutex_t lock;
    struct avsp_mono away_since; ///< since when claims do not get through; us = 0: they do
    struct avsp_mono away_logged;
    atomic_uint n_waiting;  ///< encodes that wait, as the last answer to a claim said
    unsigned n_runners;     ///< threads that go on
    bool is_light_claiming; ///< one of those that take no slot asks for a task
    pthread_cond_t light_claimed;
};

/// Runs until @p next_signal says to stop, or the configuration's own ends come.
/// @param next_signal  waits up to @p ms for a signal: 0 none, SIGTERM, SIGINT
/// @param ret_status   exit status: 0, or 3 the coordinator was out of reach
/// @return OK; an error where it could not start.
enum avsp_code avsp_worker_run(const struct avsp_worker_config *config, int (*next_signal)(int ms),
                               int *ret_status, struct avsp_err *err) AVSP_CHECKED;

#endif
