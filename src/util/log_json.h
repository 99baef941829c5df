/// An event's fields as JSON, from their form in logfmt. Pure.
#ifndef AVSP_UTIL_LOG_JSON_H
#define AVSP_UTIL_LOG_JSON_H

#include "util/base.h"

/// Writes `,"key":value` for each `key=value` of @p fields: a whole number bare, all else as a string; a key alone is true. What is
/// quoted is as avsp_log_quote has it; it may have been cut off anywhere.
/// @param fields  UTF-8 without control characters
/// @param len     room in @p out, at least 1; fields that do not fit are left out.
/// @return bytes written, without the NUL behind them.
size_t avsp_log_json(const char *fields, char *out, size_t len);

#endif
