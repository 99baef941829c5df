/// From the bytes that a child sends to its reports (core/step.h), however they are cut up on the way.
///
///     struct avsp_report_stream AVSP_CLEANUP(avsp_report_stream_deinit) in;
///     avsp_report_stream_init(&in, max_lines);
///     avsp_report_stream_add(&in, bytes, len, err);                            // what was read
///     while ((rc = avsp_report_stream_next(&in, arena, &report, &got, err)) == AVSP_OK && got) …
///
/// Any bytes are safe: the child works on files from strangers. What is kept is at most a line and what was added last. Pure;
/// one thread at a time.
#ifndef AVSP_CORE_REPORT_STREAM_H
#define AVSP_CORE_REPORT_STREAM_H

#include "core/step.h"
#include "util/arena.h"

#define AVSP_REPORT_STREAM_ADD_MAX_BYTES 16384 ///< in one call

struct avsp_report_stream {
    struct avsp_buf buf;
    size_t taken; ///< bytes at its front that were given out
    uint32_t n_lines;
    uint32_t max_lines;
};

/// @param max_lines  after so many a child that reports on is refused.
void avsp_report_stream_init(struct avsp_report_stream *in, uint32_t max_lines);

/// Safe on a zeroed value and when called twice.
void avsp_report_stream_deinit(struct avsp_report_stream *in);

/// Appends what was read. Every report that was there before has been taken.
/// @param len  at most AVSP_REPORT_STREAM_ADD_MAX_BYTES.
/// @return OK; NO_MEMORY.
enum avsp_code avsp_report_stream_add(struct avsp_report_stream *in, const void *bytes, size_t len,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Takes the next report. @param ret_got  false: no whole line is left.
/// @return OK; INTERNAL what was said is no report, a line is too long, or there is no end of them; NO_MEMORY. Strings are in
/// @p arena.
enum avsp_code avsp_report_stream_next(struct avsp_report_stream *in, struct avsp_arena *arena,
                                       struct avsp_report *ret_report, bool *ret_got,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
