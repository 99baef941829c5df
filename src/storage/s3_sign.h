/// Signature Version 4 of Amazon's web services, for S3: who asks, and that nothing was changed on the way.
///
/// Pure but for libcrypto's arithmetic; the time is given. Paths are encoded once and not normalised, queries are sorted by
/// their encoded names, and only headers that no proxy touches are signed: host, x-amz-*, content-type, content-md5, range, ….
/// Source: "Authenticating Requests (AWS Signature Version 4)" in Amazon's S3 API reference, whose examples are the test.
/// Any thread.
#ifndef AVSP_STORAGE_S3_SIGN_H
#define AVSP_STORAGE_S3_SIGN_H

#include "util/arena.h"
#include "util/buf.h"

#define AVSP_S3_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define AVSP_S3_UNSIGNED "UNSIGNED-PAYLOAD"

#define AVSP_S3_PAIRS_MAX 16 ///< parameters or headers of one request

/// A parameter of a query, or a header.
struct avsp_s3_pair {
    const char *name; ///< headers: lower case
    const char *value;
};

/// What a request is signed with. An empty `access_key_id` signs nothing.
struct avsp_s3_keys {
    const char *access_key_id;
    const char *secret;
    const char *token; ///< "" = none
};

struct avsp_s3_request {
    const char *method;
    const char *host; ///< as it is sent: with its port where that is not the scheme's own
    const char *path; ///< encoded
    struct avsp_s3_pair params[AVSP_S3_PAIRS_MAX]; ///< not encoded
    size_t n_params;
    struct avsp_s3_pair
        headers[AVSP_S3_PAIRS_MAX]; ///< those to be sent and signed beside what signing adds
    size_t n_headers;
    const char *payload_sha256; ///< of the body, in hex; or AVSP_S3_UNSIGNED
    const char *region;
    const char *service; ///< "s3"
    int64_t time_s;      ///< since 1970
};

/// Appends the query, encoded and sorted, without '?'.
void avsp_s3_query(struct avsp_buf *buf, const struct avsp_s3_pair *params, size_t n,
                   struct avsp_arena *arena);

/// Adds to `headers` what makes the request a signed one: x-amz-date, x-amz-content-sha256, the token, authorization.
/// @return OK; NO_MEMORY; INTERNAL libcrypto fails.
enum avsp_code avsp_s3_sign(struct avsp_s3_request *request, const struct avsp_s3_keys *keys,
                            struct avsp_arena *arena, struct avsp_err *err) AVSP_CHECKED;

/// The query that lets whoever has it send the request, for @p seconds (at most 604800, a week). Only the host is signed.
/// @return OK: `*ret_query` is the whole query, in @p arena.
enum avsp_code avsp_s3_presign(struct avsp_s3_request *request, const struct avsp_s3_keys *keys,
                               int64_t seconds, struct avsp_arena *arena, const char **ret_query,
                               struct avsp_err *err) AVSP_CHECKED;

#endif
