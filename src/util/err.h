/// Errors as values: a code that decides, and a text that explains.
///
///     struct avsp_err err = {0};
///     enum avsp_code rc = avsp_storage_stat(store, &loc, &st, &err);
///     if (rc != AVSP_OK)
///         return avsp_err_wrap(&err, "read the input");
///
/// The text reads outermost first: `encode task 7f…: upload segment 12: open /x: permission denied`.
/// It is set once where the failure happens (avsp_err_set), and each caller that adds meaning wraps it.
/// An error holds no pointer, so that it survives a pipe and needs no memory. Any thread; one value
/// belongs to one thread at a time. A NULL `err` is never allowed.
#ifndef AVSP_UTIL_ERR_H
#define AVSP_UTIL_ERR_H

#include "util/base.h"

/// What a caller should do about a failure. The names are wire-stable (see avsp_code_name).
enum avsp_code {
    AVSP_OK = 0,
    AVSP_INVALID,         ///< the request or its value is wrong: correct it
    AVSP_NOT_FOUND,       ///< the thing named does not exist
    AVSP_EXISTS,          ///< something is there already
    AVSP_PRECONDITION,    ///< the state does not allow it now
    AVSP_CONFLICT,        ///< a race was lost, or an attempt token is stale: drop the work
    AVSP_DENIED,          ///< permission
    AVSP_UNAUTHENTICATED, ///< no or bad credentials
    AVSP_LIMIT,           ///< a ceiling of ours or of this machine: ask for less
    AVSP_NO_SPACE,        ///< a disk is full or a quota used up: make room
    AVSP_UNAVAILABLE,     ///< the other side is away: retry
    AVSP_TIMEOUT,         ///< a deadline passed: retry may help
    AVSP_CANCELED,        ///< somebody asked for it to stop
    AVSP_CORRUPT,         ///< the data is damaged
    AVSP_UNSUPPORTED,     ///< well-formed, but not something we do
    AVSP_NO_MEMORY,       ///< memory ran out
    AVSP_INTERNAL,        ///< a mistake of ours
    AVSP_N_CODES
};

#define AVSP_ERR_TEXT_BYTES 768

/// A failure. All zeros means "none".
struct avsp_err {
    enum avsp_code code;
    int native;                     ///< errno, AVERROR, SQLite or gRPC code; 0 where there is none
    char text[AVSP_ERR_TEXT_BYTES]; ///< for people; UTF-8, no trailing line feed
};

/// Sets @p err and returns @p code, so that `return avsp_err_set(err, AVSP_INVALID, "…")` reads well.
enum avsp_code avsp_err_set(struct avsp_err *err, enum avsp_code code, const char *fmt, ...)
    AVSP_PRINTF(3, 4);

/// Like avsp_err_set for a failed system call: the code follows from @p errnum (ENOENT → NOT_FOUND,
/// EACCES → DENIED, ENOSPC → NO_SPACE, …; the rest → UNAVAILABLE) and ": strerror" is appended.
enum avsp_code avsp_err_set_errno(struct avsp_err *err, int errnum, const char *fmt, ...)
    AVSP_PRINTF(3, 4);

/// Puts "context: " before the text and returns the code that is in @p err.
enum avsp_code avsp_err_wrap(struct avsp_err *err, const char *fmt, ...) AVSP_PRINTF(2, 3);

/// The wire name of a code, "not-found" for AVSP_NOT_FOUND; static storage.
const char *avsp_code_name(enum avsp_code code);

/// The code of a wire name; AVSP_INTERNAL for a name that is not one.
enum avsp_code avsp_code_from_name(const char *name);

/// May the same operation succeed when it is tried again later?
bool avsp_code_may_retry(enum avsp_code code);

#endif
