/// Where a store is, and what a bucket's address there looks like. Pure; any thread.
#ifndef AVSP_STORAGE_S3_ENDPOINT_H
#define AVSP_STORAGE_S3_ENDPOINT_H

#include "core/model.h"
#include "util/buf.h"

#define AVSP_S3_HOST_BYTES 256
#define AVSP_S3_REGION_BYTES 64
#define AVSP_S3_AMAZON                                                                             \
    "https://s3.amazonaws.com" ///< stands for Amazon's endpoint of whatever region

struct avsp_s3_endpoint {
    bool tls;
    char host[AVSP_S3_HOST_BYTES]; ///< lower case; IPv6 in brackets
    unsigned port;
};

/// Reads "https://HOST:PORT", "HOST" (then https) and the like; a '/' at the end counts for nothing.
/// @return OK; INVALID what is no such thing: another scheme, a user, a path.
enum avsp_code avsp_s3_endpoint_parse(const char *text, struct avsp_s3_endpoint *ret_endpoint,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Amazon's own endpoint of a region. @param region  avsp_s3_region_is_valid
void avsp_s3_endpoint_amazon(const char *region, struct avsp_s3_endpoint *ret_endpoint);

/// Is it one of Amazon's S3? Other names below amazonaws.com are its customers' machines.
bool avsp_s3_endpoint_is_amazon(const struct avsp_s3_endpoint *endpoint) AVSP_CHECKED;

bool avsp_s3_endpoint_equal(const struct avsp_s3_endpoint *a,
                            const struct avsp_s3_endpoint *b) AVSP_CHECKED;

/// May a store at @p from send its callers to @p to? Only on itself: the same host, or within Amazon, and never out of TLS.
bool avsp_s3_endpoint_may_lead(const struct avsp_s3_endpoint *from,
                               const struct avsp_s3_endpoint *to) AVSP_CHECKED;

/// "https://host:port", the port where it is not the scheme's own.
void avsp_s3_endpoint_show(const struct avsp_s3_endpoint *endpoint, struct avsp_buf *buf);

/// Appends what the Host header says, and the path: of a key, or of the bucket itself where @p key is "".
/// @return OK; INVALID a bucket that cannot be named so; LIMIT, NO_MEMORY of the buffers: nothing of them is to be used.
enum avsp_code avsp_s3_endpoint_address(const struct avsp_s3_endpoint *endpoint,
                                        enum avsp_s3_style style, const char *bucket,
                                        const char *key, struct avsp_buf *host,
                                        struct avsp_buf *path, struct avsp_err *err) AVSP_CHECKED;

/// One entry of a list of what may be used.
struct avsp_s3_allowed {
    struct avsp_s3_endpoint endpoint;
    char bucket[256]; ///< "" = all of them
};

/// Reads "ENDPOINT" or "ENDPOINT/BUCKET"; s3.amazonaws.com stands for all of Amazon. @return OK; INVALID.
enum avsp_code avsp_s3_allowed_parse(const char *text, struct avsp_s3_allowed *ret_allowed,
                                     struct avsp_err *err) AVSP_CHECKED;

/// @param bucket  NULL: is any bucket there allowed?
bool avsp_s3_allowed_covers(const struct avsp_s3_allowed *allowed,
                            const struct avsp_s3_endpoint *endpoint,
                            const char *bucket) AVSP_CHECKED;

#endif
