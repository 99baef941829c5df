/// One thread of the pool: claims a task, does it, reports it, until no more is claimed.
#ifndef AVSP_WORKER_RUNNER_H
#define AVSP_WORKER_RUNNER_H

#include "worker/worker.h"

#define AVSP_KIND_BIT(kind) (1u << (kind))
/// Kinds that need a slot, and the others.
#define AVSP_KINDS_SLOT (AVSP_KIND_BIT(AVSP_TASK_ENCODE) | AVSP_KIND_BIT(AVSP_TASK_AUDIO))
#define AVSP_KINDS_LIGHT                                                                           \
    (AVSP_KIND_BIT(AVSP_TASK_SPLIT) | AVSP_KIND_BIT(AVSP_TASK_MANIFEST) |                          \
     AVSP_KIND_BIT(AVSP_TASK_CLEANUP))

struct avsp_runner {
    struct avsp_worker *worker;
    uint32_t kinds;
    int64_t encoders; ///< that the newest claim told of, as avsp_step_encoders says
    pthread_t thread;
};

/// The thread; @p runner is borrowed until it ends.
void *avsp_runner_main(void *runner);

#endif
