/// Paths of the local file system: which are refused, and how one becomes a descriptor that is known to lie inside
/// the allowed roots. Private to src/storage.
///
/// A path is opened first and judged afterwards, by where the descriptor really is (/proc/self/fd): there is no moment
/// between a check and its use in which a link could be exchanged, and a link that leads from one allowed place to
/// another is fine. Opening is with O_PATH, which does nothing to what it opens. Any thread.
#ifndef AVSP_STORAGE_LOCAL_PATH_H
#define AVSP_STORAGE_LOCAL_PATH_H

#include "storage/backend.h"

#define AVSP_LOCAL_TRIES 4      ///< of an operation that ESTALE interrupted
#define AVSP_LOCAL_DEPTH_MAX 64 ///< folders below one that is listed or removed

/// @p err from an errno, in words that say what to do: "PATH: the disk is full".
enum avsp_code avsp_local_failed(struct avsp_err *err, int errnum, const char *path);

/// Fills `roots` from the options. @return OK; NOT_FOUND a root that does not exist; INVALID; NO_MEMORY.
enum avsp_code avsp_local_roots_init(struct avsp_storage *store,
                                     const struct avsp_storage_options *options,
                                     struct avsp_err *err) AVSP_CHECKED;
void avsp_local_roots_deinit(struct avsp_storage *store);

/// Opens a path for looking only (O_PATH), links followed.
/// @param flags    O_DIRECTORY or 0
/// @param ret_fd   close it
/// @return OK; INVALID a refused path; DENIED outside the roots, or permission; NOT_FOUND; …
enum avsp_code avsp_local_open_path(struct avsp_storage *store, const char *path, int flags,
                                    int *ret_fd, struct avsp_err *err) AVSP_CHECKED;

/// Opens the folder that holds @p path for looking only, and says what the last part of the path is.
/// @param make     missing folders are made
/// @param ret_leaf borrowed from @p path
enum avsp_code avsp_local_open_parent(struct avsp_storage *store, const char *path, bool make,
                                      int *ret_fd, const char **ret_leaf,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Opens a folder for looking only, made where missing.
enum avsp_code avsp_local_make_folder(struct avsp_storage *store, const char *path, int *ret_fd,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Opens what an O_PATH descriptor stands for. @return the descriptor, or -1 with errno.
int avsp_local_reopen(int path_fd, int flags);

#endif
