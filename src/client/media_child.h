/// Conversations with avspl1t-media, in which files from strangers are read: whatever is hostile in them stays in that child.
///
///     struct avsp_media_child AVSP_CLEANUP(avsp_media_child_end) child = {.control = -1, .log = -1};
///     avsp_media_child_start(&child, input_fd, &step, cpu_seconds, err);
///     while ((rc = avsp_media_child_next(&child, &arena, wait_ms, &report, err)) == AVSP_OK &&
///            report.kind != AVSP_REPORT_DONE) …
///
/// The child dies with the thread that started it, and with avsp_media_child_end. One thread at a time.
#ifndef AVSP_CLIENT_MEDIA_CHILD_H
#define AVSP_CLIENT_MEDIA_CHILD_H

#include "core/report_stream.h"
#include "storage/storage.h"
#include "util/arena.h"
#include "util/err.h"

#include <sys/types.h>

#define AVSP_MEDIA_CHILD_MS 120000 ///< of a probe
#define AVSP_MEDIA_CHILD_STREAMS_MAX 1000

struct avsp_media_child {
    pid_t pid; ///< 0 = not started, or reaped
    int control;
    int log; ///< what it writes to standard error
    struct avsp_report_stream in;
};

/// @param input_fd     becomes its descriptor 0; borrowed
/// @param cpu_seconds  of processor time that it may use
/// @return OK; NOT_FOUND avspl1t-media is not installed; what a system call said.
enum avsp_code avsp_media_child_start(struct avsp_media_child *child, int input_fd,
                                      const struct avsp_step *step, uint64_t cpu_seconds,
                                      struct avsp_err *err) AVSP_CHECKED;

/// The next report, of which PROGRESS is passed over. FAILED becomes the error that it tells.
/// @param wait_ms  for this report alone, or for any progress
/// @return OK; TIMEOUT; INTERNAL the child ended without a word, or broke the rules; what the child says.
enum avsp_code avsp_media_child_next(struct avsp_media_child *child, struct avsp_arena *arena,
                                     int64_t wait_ms, struct avsp_report *ret_report,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Acknowledges a report (core/step.h).
enum avsp_code avsp_media_child_ack(struct avsp_media_child *child,
                                    struct avsp_err *err) AVSP_CHECKED;

/// The end of what it wrote to standard error, "" where nothing.
const char *avsp_media_child_log(const struct avsp_media_child *child, struct avsp_arena *arena);

/// Ends the child. Safe on one that was not started, and when called twice.
void avsp_media_child_end(struct avsp_media_child *child);

struct avsp_probed {
    struct avsp_probe_input input;
    struct avsp_probe_stream *streams;
    size_t n_streams;
    const char **warnings;
    size_t n_warnings;
};

/// Asks what is in a file; blocks for at most AVSP_MEDIA_CHILD_MS.
/// @param store     for an input that is not local; else NULL will do
/// @param input     a regular file, or an object in S3, of which only as much is read as it takes
/// @param step      a PROBE or PROBE_TEXT
/// @param ret_log   what the child wrote to standard error, "" where nothing; set on failure too
/// @return OK; NOT_FOUND, DENIED, … the file; INVALID not a regular file; what the child says of the file's content;
///         TIMEOUT; INTERNAL the child ended without a word. The text names the file.
enum avsp_code avsp_media_child_probe(struct avsp_storage *store, const struct avsp_location *input,
                                      const struct avsp_step *step, struct avsp_arena *arena,
                                      struct avsp_probed *ret_probed, const char **ret_log,
                                      struct avsp_err *err) AVSP_CHECKED;

#endif
