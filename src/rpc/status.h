/// One table between our codes and gRPC's; for src/rpc alone.
///
/// Several of our codes share a gRPC status. The exact one travels beside it, in the trailing metadata AVSP_STATUS_KEY, as
/// its wire name; a caller that does not know it still has the right status.
#ifndef AVSP_RPC_STATUS_H
#define AVSP_RPC_STATUS_H

#include "rpc/compat.h"
#include "util/err.h"

#define AVSP_STATUS_KEY "avspl1t-code"

grpc_status_code avsp_status_of(enum avsp_code code);

/// @param name  value of AVSP_STATUS_KEY, or NULL; believed where it fits @p status only.
enum avsp_code avsp_status_read(grpc_status_code status, const char *name);

#endif
