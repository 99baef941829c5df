/// Events for people and machines, to stderr. Programs log; libraries return errors.
///
///     avsp_log(AVSP_LOG_INFO, "task.claimed", "job=%s task=%s attempt=%lld", job, task, attempt);
///
/// An event is a dotted name and fields. On a terminal a line is `12:00:01 info task.claimed job=…`; elsewhere it is
/// `time=… level=info event=task.claimed job=…` (logfmt), or the same as an object of JSON. Values with spaces are put in quotes
/// by the caller with AVSP_LOG_Q. Never logged: credentials, connection strings, signed URLs. Any thread; a line
/// is written with one write(2), so lines of several processes do not mix.
#ifndef AVSP_UTIL_LOG_H
#define AVSP_UTIL_LOG_H

#include "util/cli.h"

/// Levels by consequence.
enum avsp_log_level {
    AVSP_LOG_ERROR, ///< an attempt or a request was lost, or a person is needed
    AVSP_LOG_WARN,  ///< degraded and going on
    AVSP_LOG_INFO,  ///< a state changed
    AVSP_LOG_DEBUG, ///< for developers
};

/// What programs that log take on their command line.
#define AVSP_LOG_OPTIONS                                                                           \
    {"log-level", "LEVEL", "AVSPL1T_LOG_LEVEL", "info",                                            \
     "The least important events to write to standard error: error, warn, info or debug."},        \
    {                                                                                              \
        "log-format", "FORMAT", "AVSPL1T_LOG_FORMAT", "auto",                                      \
            "How events are written: text (logfmt), json (an object a line), or auto: text on a "  \
            "terminal, else json."                                                                 \
    }

struct avsp_log_options {
    enum avsp_log_level level;
    bool is_json;
};

/// @return INVALID a word that is none of those.
enum avsp_code avsp_log_read_options(const struct avsp_cli_parsed *args,
                                     struct avsp_log_options *ret_options,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Logs by these from now on (default: INFO, text). Call before threads start.
void avsp_log_begin(const struct avsp_log_options *options);

void avsp_log(enum avsp_log_level level, const char *event, const char *fmt, ...) AVSP_PRINTF(3, 4);

#define AVSP_LOG_Q_BYTES 1024

/// Quotes a value for a log field: `"…"` with `"`, `\` and control characters escaped.
/// @return @p ret_text.
const char *avsp_log_quote(const char *value, char ret_text[AVSP_LOG_Q_BYTES]);

/// A quoted copy of @p value that lives to the end of the enclosing block.
#define AVSP_LOG_Q(value) avsp_log_quote((value), (char[AVSP_LOG_Q_BYTES]){0})

#endif
