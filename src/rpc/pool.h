/// A fixed number of threads for work that blocks; for src/rpc alone.
///
/// Work is a link embedded in what it is about, so that handing over never fails. How much can wait is bounded by whoever
/// hands over. Any thread.
#ifndef AVSP_RPC_POOL_H
#define AVSP_RPC_POOL_H

#include "util/base.h"
#include "util/err.h"

struct avsp_work {
    struct avsp_work *next;
    void (*run)(struct avsp_work *work);
};

struct avsp_pool;

/// @return free with avsp_pool_free; NULL with @p err: LIMIT, NO_MEMORY.
struct avsp_pool *avsp_pool_new(unsigned n_threads, struct avsp_err *err) AVSP_CHECKED;

/// Does what was handed over, then ends the threads.
void avsp_pool_free(struct avsp_pool *pool);

/// Has @p work run by one of the threads, in order of arrival. @p work is borrowed until its `run` is called.
void avsp_pool_push(struct avsp_pool *pool, struct avsp_work *work);

#endif
