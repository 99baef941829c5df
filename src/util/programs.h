/// Where our own programs are: installed, or in the build folder. Any thread.
#ifndef AVSP_UTIL_PROGRAMS_H
#define AVSP_UTIL_PROGRAMS_H

#include "util/base.h"
#include "util/err.h"

/// Finds the program @p name ("avspl1t-media"). Looks in the folder that AVSPL1T_LIBEXEC names, then beside the running
/// program, in the build folder's place for it, and in the installed libexec folder.
/// @return OK; NOT_FOUND; LIMIT a path longer than @p len.
enum avsp_code avsp_program_find(const char *name, char *ret_path, size_t len,
                                 struct avsp_err *err) AVSP_CHECKED;

#endif
