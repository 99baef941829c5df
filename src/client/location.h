/// Paths and s3:// addresses as people type them, made into locations that mean the same on any machine.
///
/// Reads the current folder and, for "..", the file system. Any thread.
#ifndef AVSP_CLIENT_LOCATION_H
#define AVSP_CLIENT_LOCATION_H

#include "core/model.h"

/// A local path becomes absolute, without "." and empty parts; links stay links, except before a "..", which stands for
/// the parent of where they lead. "s3://BUCKET/KEY" becomes an S3 location without credentials.
/// @return OK; INVALID an empty path or bucket; NOT_FOUND, DENIED a folder before ".." that cannot be resolved; NO_MEMORY.
enum avsp_code avsp_cmd_location(struct avsp_arena *arena, const char *text,
                                 struct avsp_location *ret_loc, struct avsp_err *err) AVSP_CHECKED;

#endif
