/// Whole trees of the local file system: listing and removal, without ever following a link below the top. Private to
/// src/storage; as in storage/storage.h.
#ifndef AVSP_STORAGE_LOCAL_TREE_H
#define AVSP_STORAGE_LOCAL_TREE_H

#include "storage/backend.h"

enum avsp_code avsp_local_list(struct avsp_storage *store, const struct avsp_location *folder,
                               bool (*each)(void *opaque, const char *name,
                                            const struct avsp_stat *stat),
                               void *opaque, struct avsp_err *err) AVSP_CHECKED;

enum avsp_code avsp_local_remove_folder(struct avsp_storage *store,
                                        const struct avsp_location *folder,
                                        struct avsp_err *err) AVSP_CHECKED;

#endif
