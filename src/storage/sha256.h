/// SHA-256 of bytes in memory, by libcrypto, which this folder owns. Any thread.
#ifndef AVSP_STORAGE_SHA256_H
#define AVSP_STORAGE_SHA256_H

#include "core/model.h"

/// Writes the hash of @p len bytes as 64 lower-case hex digits and a NUL.
/// @return OK; INTERNAL a libcrypto without SHA-256 (a provider that was configured away).
enum avsp_code avsp_sha256_hex(const void *bytes, size_t len, char ret_hex[AVSP_SHA256_HEX_BYTES],
                               struct avsp_err *err) AVSP_CHECKED;

#endif
