/// SHA-256 of bytes in memory (FIPS 180-4). Any thread.
#ifndef AVSP_UTIL_SHA256_H
#define AVSP_UTIL_SHA256_H

#include "util/base.h"

#define AVSP_SHA256_TEXT_BYTES 65

/// Writes the hash of @p len bytes as 64 lower-case hex digits and a NUL.
void avsp_sha256_hex(const void *bytes, size_t len, char ret_hex[AVSP_SHA256_TEXT_BYTES]);

#endif
