/// Is there still room on a disk? Any thread.
///
/// A database on a full disk cannot even store that its job has failed, so whoever waits for that would wait for ever.
#ifndef AVSP_CLIENT_ROOM_H
#define AVSP_CLIENT_ROOM_H

#include "util/base.h"
#include "util/err.h"

/// How often it is worth asking.
#define AVSP_ROOM_EVERY_MS 1000

/// Writes a small file to an open folder and removes it before it reaches the disk: quotas, write protection and a folder
/// that went away show too.
/// @param path  how the folder is called in the error
/// @return OK; NO_SPACE; DENIED; NOT_FOUND; UNAVAILABLE.
enum avsp_code avsp_room_check(int folder, const char *path, struct avsp_err *err) AVSP_CHECKED;

#endif
