/// Operations that take several items, for a coordinator of a test that takes them one by one, by the functions of these names
/// in the file that includes this.
#ifndef TESTS_RPC_ONE_BY_ONE_H
#define TESTS_RPC_ONE_BY_ONE_H

#include "rpc/server.h"

static enum avsp_code claim(void *opaque, const struct avsp_claim *from, struct avsp_arena *arena,
                            struct avsp_task *ret_task, struct avsp_err *err);
static enum avsp_code heartbeat(void *opaque, const char *worker_id, const char *task_id,
                                struct avsp_token token, const struct avsp_progress *progress,
                                struct avsp_attempt_status *ret_status, struct avsp_err *err);
static enum avsp_code finish(void *opaque, const struct avsp_finish *from, struct avsp_err *err);

static void claim_many(void *opaque, struct avsp_claim_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i].rc = claim(opaque, items[i].claim, items[i].arena, &items[i].task, &items[i].err);
}

static void heartbeat_many(void *opaque, struct avsp_beat_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i].rc = heartbeat(opaque, items[i].worker_id, items[i].task_id, items[i].token,
                                &items[i].progress, &items[i].status, &items[i].err);
}

static void finish_many(void *opaque, struct avsp_finish_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i].rc = finish(opaque, items[i].finish, &items[i].err);
}

#endif
