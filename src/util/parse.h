/// Numbers and sizes from text that came from outside: whole text or nothing. Any thread.
#ifndef AVSP_UTIL_PARSE_H
#define AVSP_UTIL_PARSE_H

#include "util/base.h"

/// A decimal integer from @p min to @p max, all of @p text; leaves @p ret_value alone where it is not one.
bool avsp_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value) AVSP_CHECKED;

/// A size in bytes: digits and optionally K, M, G or T (powers of 1024, with or without "iB" or "B").
bool avsp_parse_bytes(const char *text, uint64_t *ret_bytes) AVSP_CHECKED;

/// Is @p text well-formed UTF-8 (RFC 3629: no overlong form, no surrogate)?
bool avsp_utf8_is_valid(const char *text) AVSP_CHECKED;

#endif
