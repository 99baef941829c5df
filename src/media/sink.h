/// A file in the working folder that is counted and hashed while it is written.
///
///     struct avsp_sink AVSP_CLEANUP(avsp_sink_abort) sink = {.fd = -1};
///     avsp_sink_open(&sink, "00012.m4s", err); avsp_sink_write(&sink, …); avsp_sink_commit(&sink, &file, err);
///
/// Nothing is promised about a file whose sink was aborted: the working folder is removed as a whole. One thread.
#ifndef AVSP_MEDIA_SINK_H
#define AVSP_MEDIA_SINK_H

#include "media/fmp4.h"

#include <libavformat/version_major.h>

/// What a write callback of libavformat is handed; newer versions promise not to change it.
#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t avsp_io_byte;
#else
typedef uint8_t avsp_io_byte;
#endif

struct AVSHA;

struct avsp_sink {
    int fd; ///< -1 = not open
    struct AVSHA *sha;
    uint64_t bytes;
};

enum avsp_code avsp_sink_open(struct avsp_sink *sink, const char *name,
                              struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_sink_write(struct avsp_sink *sink, const void *bytes, size_t len,
                               struct avsp_err *err) AVSP_CHECKED;

/// Closes the file and tells its facts; the sink is then as it was before open.
enum avsp_code avsp_sink_commit(struct avsp_sink *sink, struct avsp_fmp4_file *ret_file,
                                struct avsp_err *err) AVSP_CHECKED;

/// Closes without looking; safe on one that is not open.
void avsp_sink_abort(struct avsp_sink *sink);

#endif
