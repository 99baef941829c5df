/// Serves calls of one kind together: what arrives while others of its kind are served gathers, and goes as one group. Alone, a call
/// waits for nobody. Any thread.
#ifndef AVSP_RPC_SERVER_GATHER_H
#define AVSP_RPC_SERVER_GATHER_H

#include "core/together.h"
#include "rpc/call.h"

struct avsp_gather;

/// @param serve  gets the duty to end the calls, 1..AVSP_TOGETHER_MAX; on a thread of the pool, one group at a time.
/// @return NULL where memory ran out.
struct avsp_gather *avsp_gather_new(struct avsp_server *srv,
                                    void (*serve)(struct avsp_server *srv, struct avsp_call **calls,
                                                  size_t n));
/// NULL is fine. No call is in it any more, and the pool is gone.
void avsp_gather_free(struct avsp_gather *gather);

/// The duty to end the call goes along.
void avsp_gather_push(struct avsp_gather *gather, struct avsp_call *call);

#endif
