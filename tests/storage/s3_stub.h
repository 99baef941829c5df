/// A store of a test's own on loopback, in this process: what an S3 client asks for, in memory, with no signature looked at, and
/// answers that no real store gives where the test wants them.
///
///     struct s3_stub *stub = s3_stub_start(odd, opaque);
///     … s3_stub_location(stub, "key") …
///     s3_stub_stop(stub);
///
/// Any thread. One bucket, "b".
#ifndef TESTS_STORAGE_S3_STUB_H
#define TESTS_STORAGE_S3_STUB_H

#include "core/model.h"

struct s3_stub;

/// @param odd  NULL, or is asked for each request first: an answer with its header, static storage; NULL = the usual one.
/// @param target  path and query. @return free with s3_stub_stop.
struct s3_stub *s3_stub_start(const char *(*odd)(void *opaque, const char *method,
                                                 const char *target),
                              void *opaque);
void s3_stub_stop(struct s3_stub *stub);

/// Its strings are the stub's.
struct avsp_location s3_stub_location(const struct s3_stub *stub, const char *key);

/// Is that all that the object holds? @param bytes  NULL: is there none of that key?
bool s3_stub_holds(struct s3_stub *stub, const char *key, const void *bytes, size_t len);

/// Uploads that were begun and are neither completed nor aborted.
unsigned s3_stub_n_unfinished(struct s3_stub *stub);

#endif
