/// Calls that arrive together and are served together: one transaction, one wait for the disk. Each has its own answer, and what
/// goes wrong for one is no other's concern.
#ifndef AVSP_CORE_TOGETHER_H
#define AVSP_CORE_TOGETHER_H

#include "core/model.h"

/// Calls that are served together, at most.
#define AVSP_TOGETHER_MAX 64

struct avsp_claim_item {
    const struct avsp_claim *claim;
    struct avsp_arena *arena; ///< of the answer
    bool is_answered;         ///< it is to be left as it is
    struct avsp_task task;    ///< out: kind NONE where there is nothing
    enum avsp_code rc;        ///< out, as is the next
    struct avsp_err err;
};

struct avsp_beat_item {
    const char *worker_id;
    const char *task_id;
    struct avsp_token token;
    struct avsp_progress progress;
    struct avsp_attempt_status status; ///< out, as are the next two
    enum avsp_code rc;
    struct avsp_err err;
};

struct avsp_finish_item {
    const struct avsp_finish *finish;
    char job_id[AVSP_ID_BYTES]; ///< out: the task's, for the log; "" = not known
    enum avsp_code rc;          ///< out, as is the next
    struct avsp_err err;
};

#endif
