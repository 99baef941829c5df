/// Numbers and sizes from text that came from outside: whole text or nothing. Any thread.
#ifndef AVSP_UTIL_PARSE_H
#define AVSP_UTIL_PARSE_H

#include "util/base.h"

/// A decimal integer from @p min to @p max, all of @p text; leaves @p ret_value alone where it is not one.
bool avsp_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value) AVSP_CHECKED;

/// A size in bytes: digits and optionally K, M, G or T (powers of 1024, with or without "iB" or "B").
bool avsp_parse_bytes(const char *text, uint64_t *ret_bytes) AVSP_CHECKED;

/// Makes text of strangers fit for a terminal and a log, in place: every byte of a control character (C0, DEL, C1) becomes
/// @p instead, and where the whole is not UTF-8, every byte that is not ASCII too. @param keep_lines  line feeds stay.
void avsp_text_tame(char *text, char instead, bool keep_lines);

/// Is @p text well-formed UTF-8 (RFC 3629: no overlong form, no surrogate)?
bool avsp_utf8_is_valid(const char *text) AVSP_CHECKED;

#endif
