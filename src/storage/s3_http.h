/// One HTTP exchange with a store, by libcurl, which this file owns; what it means is s3_call's business.
///
/// A lane is a connection's worth of transfer: one curl handle with its connections, used by one thread at a time. Lanes block:
/// transfers that run side by side are threads (s3_parallel.h), so that hashing one part holds up no other (in one loop for all,
/// it did: measured 4.3 s against 3.2 s for 1 GiB). Idle ones are kept, so that connections are used again.
#ifndef AVSP_STORAGE_S3_HTTP_H
#define AVSP_STORAGE_S3_HTTP_H

#include "storage/s3_fields.h"
#include "storage/s3_sign.h"

#include <stdatomic.h>

/// What all exchanges of a storage share.
struct avsp_s3_rules {
    const atomic_bool *is_stopped; ///< ends what is under way
    int64_t silence_ms;            ///< how long nothing may come or go
    int64_t connect_ms;
    const char *ca_file; ///< NULL = the system's
    bool
        is_surroundings; ///< of the credential code alone: the machine's own metadata may be asked, past any proxy
};

struct avsp_s3_lane;

/// @return free with avsp_s3_lane_free; NULL = memory ran out.
struct avsp_s3_lane *avsp_s3_lane_new(void) AVSP_CHECKED;
void avsp_s3_lane_free(struct avsp_s3_lane *lane);

struct avsp_s3_exchange {
    const char *method;
    const char *url;
    const struct avsp_s3_pair *headers;
    size_t n_headers;
    const void *body; ///< NULL = the method has none
    size_t body_len;
    /// Gets the body of a 2xx answer; false ends the exchange, with the error that it has set. NULL: it goes into the answer.
    bool (*sink)(void *opaque, const void *bytes, size_t len, struct avsp_err *err);
    void *opaque;
};

/// @return OK a whole answer, whatever its status; DENIED an address that is never asked; INVALID the address or certificate;
///         UNAVAILABLE, TIMEOUT worth another try; CANCELED stopped; what the sink set. The text names no more than the cause.
enum avsp_code avsp_s3_exchange(struct avsp_s3_lane *lane, const struct avsp_s3_rules *rules,
                                const struct avsp_s3_exchange *exchange,
                                struct avsp_s3_reply *reply, struct avsp_err *err) AVSP_CHECKED;

#endif
