/// Which call is open to whom; for src/rpc alone. The one place where that is decided.
#ifndef AVSP_RPC_ACCESS_H
#define AVSP_RPC_ACCESS_H

#include "rpc/call.h"

/// The callers that a method is open to (a set of enum avsp_access), AVSP_RPC_PUBLIC for one that nobody is asked at. A method
/// without a row in the table is a mistake of ours that ends the program.
unsigned avsp_access_to(const char *path);
#define AVSP_RPC_PUBLIC UINT32_MAX

/// Finds out who makes the call, and whether it is open to him; fills in call->caller. On the pool: may block. May be asked
/// again later, for a right may be taken away. @return OK; UNAUTHENTICATED; DENIED; as the service's `authenticate`.
enum avsp_code avsp_call_admit(struct avsp_call *call, struct avsp_err *err) AVSP_CHECKED;

#endif
