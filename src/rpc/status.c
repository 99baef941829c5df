#include "rpc/status.h"

static const grpc_status_code status_table[AVSP_N_CODES] = {
    [AVSP_OK] = GRPC_STATUS_OK,
    [AVSP_INVALID] = GRPC_STATUS_INVALID_ARGUMENT,
    [AVSP_NOT_FOUND] = GRPC_STATUS_NOT_FOUND,
    [AVSP_EXISTS] = GRPC_STATUS_ALREADY_EXISTS,
    [AVSP_PRECONDITION] = GRPC_STATUS_FAILED_PRECONDITION,
    [AVSP_CONFLICT] = GRPC_STATUS_ABORTED,
    [AVSP_DENIED] = GRPC_STATUS_PERMISSION_DENIED,
    [AVSP_UNAUTHENTICATED] = GRPC_STATUS_UNAUTHENTICATED,
    [AVSP_LIMIT] = GRPC_STATUS_RESOURCE_EXHAUSTED,
    [AVSP_NO_SPACE] = GRPC_STATUS_RESOURCE_EXHAUSTED,
    [AVSP_UNAVAILABLE] = GRPC_STATUS_UNAVAILABLE,
    [AVSP_TIMEOUT] = GRPC_STATUS_DEADLINE_EXCEEDED,
    [AVSP_CANCELED] = GRPC_STATUS_CANCELLED,
    [AVSP_CORRUPT] = GRPC_STATUS_DATA_LOSS,
    // UNIMPLEMENTED would say that the method is missing.
    [AVSP_UNSUPPORTED] = GRPC_STATUS_FAILED_PRECONDITION,
    [AVSP_NO_MEMORY] = GRPC_STATUS_RESOURCE_EXHAUSTED,
    [AVSP_INTERNAL] = GRPC_STATUS_INTERNAL,
};

grpc_status_code avsp_status_of(enum avsp_code code)
{
    return (unsigned)code < AVSP_N_CODES ? status_table[code] : GRPC_STATUS_INTERNAL;
}

/// The nearest code where the other side says no more: the first row that has the status, and what has no row.
static enum avsp_code nearest(grpc_status_code status)
{
    for (unsigned code = 0; code < AVSP_N_CODES; code++)
        if (status_table[code] == status)
            return (enum avsp_code)code;
    if (status == GRPC_STATUS_UNIMPLEMENTED)
        return AVSP_UNSUPPORTED;
    return status == GRPC_STATUS_OUT_OF_RANGE ? AVSP_INVALID : AVSP_INTERNAL;
}

enum avsp_code avsp_status_read(grpc_status_code status, const char *name)
{
    enum avsp_code exact = name != NULL ? avsp_code_from_name(name) : nearest(status);
    return avsp_status_of(exact) == status ? exact : nearest(status);
}
