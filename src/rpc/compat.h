/// gRPC's headers, whichever version there is, and the few macros that its C surface needs.
///
/// 1.51 (Debian 12) to 1.83: credentials moved to a header of their own. Nothing outside src/rpc includes gRPC.
#ifndef AVSP_RPC_COMPAT_H
#define AVSP_RPC_COMPAT_H

#include "util/base.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#if __has_include(<grpc/credentials.h>)
#include <grpc/credentials.h>
#endif
#include <grpc/slice.h>
#include <grpc/status.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>

/// One integer argument of a channel or server.
#define AVSP_GRPC_INT(name, number)                                                                \
    {                                                                                              \
        .type = GRPC_ARG_INTEGER, .key = (char *)(name), .value.integer = (number)                 \
    }

/// One string argument; gRPC copies it.
#define AVSP_GRPC_STR(name, text)                                                                  \
    {                                                                                              \
        .type = GRPC_ARG_STRING, .key = (char *)(name), .value.string = (char *)(text)             \
    }

/// Neither of ours may send more in one message; gRPC's own default, said aloud.
#define AVSP_RPC_REQUEST_MAX_BYTES (4 << 20)
/// A manifest task of a base worker's job lists its files in one message: about 250 bytes each.
#define AVSP_RPC_ANSWER_MAX_BYTES (32 << 20)

#endif
