/// What scenarios of all kinds of storage ask of an object: whatever fails, what is given is all of it, and the object's own.
#ifndef AVSP_TORTURE_STORED_H
#define AVSP_TORTURE_STORED_H

#include "storage/storage.h"

/// Looks at a file, opens it and reads it at once; asserts that what was read is @p text.
enum avsp_code stored_read(struct avsp_storage *store, const struct avsp_location *file,
                           const char *text, struct avsp_err *err);

/// Lists a folder; asserts that it holds @p text as @p name, and nothing else: a list that leaves out what is there is worse than none.
enum avsp_code stored_list(struct avsp_storage *store, const struct avsp_location *folder,
                           const char *name, const char *text, struct avsp_err *err);

#endif
