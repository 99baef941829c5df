/// Folders of this machine: where what a program must remember belongs, and which file systems are of this machine alone.
/// Any thread.
#ifndef AVSP_UTIL_FOLDERS_H
#define AVSP_UTIL_FOLDERS_H

#include "util/arena.h"
#include "util/base.h"
#include "util/err.h"

/// The user's folder for what must outlive a restart: avspl1t in $XDG_STATE_HOME or in ~/.local/state. It and those above
/// it are made where missing, for this user alone (XDG base directory specification).
/// @param ret_path  in @p arena
/// @return OK; PRECONDITION there is no home folder; DENIED, LIMIT, …: it cannot be made.
enum avsp_code avsp_folder_state(struct avsp_arena *arena, const char **ret_path,
                                 struct avsp_err *err) AVSP_CHECKED;

/// The name of a file system on which locks and shared memory do not work across hosts, so that SQLite cannot live there;
/// NULL for any other.
/// @param magic  f_type of statfs(2).
const char *avsp_folder_network_fs(unsigned long magic);

#endif
