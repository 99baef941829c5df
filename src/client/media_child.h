/// Asks avspl1t-media what is in a file. The file is read in that child alone: it may be hostile.
///
/// Blocks for at most AVSP_MEDIA_CHILD_MS. Any thread that lives until the call returns.
#ifndef AVSP_CLIENT_MEDIA_CHILD_H
#define AVSP_CLIENT_MEDIA_CHILD_H

#include "core/step.h"
#include "util/arena.h"
#include "util/err.h"

#define AVSP_MEDIA_CHILD_MS 120000
#define AVSP_MEDIA_CHILD_STREAMS_MAX 1000

struct avsp_probed {
    struct avsp_probe_input input;
    struct avsp_probe_stream *streams;
    size_t n_streams;
    const char **warnings;
    size_t n_warnings;
};

/// @param path      of a regular file
/// @param ret_log   what the child wrote to standard error, "" where nothing; set on failure too
/// @return OK; NOT_FOUND, DENIED the file; INVALID not a regular file; what the child says of the file's content;
///         TIMEOUT; INTERNAL the child ended without a word. The text names the file.
enum avsp_code avsp_media_child_probe(const char *path, int32_t segment_seconds,
                                      struct avsp_arena *arena, struct avsp_probed *ret_probed,
                                      const char **ret_log, struct avsp_err *err) AVSP_CHECKED;

#endif
