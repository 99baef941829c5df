/// Turning gRPC on and off for one server or client; for src/rpc alone.
#ifndef AVSP_RPC_GRPC_USE_H
#define AVSP_RPC_GRPC_USE_H

#include "util/buf.h"

#include <signal.h>

/// Begins a use; each needs an end. gRPC's own log is silenced unless GRPC_VERBOSITY says otherwise: what matters comes as an error.
void avsp_grpc_begin(void);
void avsp_grpc_end(void);

/// Writes gRPC's name of a socket, "unix:" and the path in the form that a URI has.
void avsp_unix_name(struct avsp_buf *name, const char *path);

/// Blocks all signals in this thread while gRPC starts threads, so that theirs never take one.
void avsp_signals_block(sigset_t *ret_before);
void avsp_signals_restore(const sigset_t *before);

#endif
