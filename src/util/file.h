/// Small files that people write, as a whole: certificates, tokens, keys. Any thread.
#ifndef AVSP_UTIL_FILE_H
#define AVSP_UTIL_FILE_H

#include "util/arena.h"
#include "util/err.h"

/// Reads a whole file.
/// @param max_bytes  more is refused. @param ret_text  in @p arena, which wipes it; a NUL stands behind it.
/// @return OK; LIMIT it is larger; INVALID it holds a NUL; NO_MEMORY; as its errno says: NOT_FOUND, DENIED, …
enum avsp_code avsp_file_read(struct avsp_arena *arena, const char *path, size_t max_bytes,
                              char **ret_text, struct avsp_err *err) AVSP_CHECKED;

/// What is different once a file was written or replaced. All zeros: there is none.
struct avsp_file_mark {
    uint64_t dev;
    uint64_t ino;
    int64_t size_bytes;
    int64_t changed_ns; ///< of its bytes or its inode, whichever was later
};

/// The mark of a file, through links: a link that leads elsewhere is a change. @param path  NULL gives zeros.
struct avsp_file_mark avsp_file_mark(const char *path);

bool avsp_file_mark_equal(const struct avsp_file_mark *a, const struct avsp_file_mark *b);

#endif
