/// The allow-list of system calls as a program for seccomp(2). Pure: makes the program, installs nothing.
#ifndef AVSP_MEDIA_SANDBOX_FILTER_H
#define AVSP_MEDIA_SANDBOX_FILTER_H

#include "util/base.h"

#include <linux/filter.h>
#include <sys/types.h>

#define AVSP_FILTER_MAX 1024 ///< instructions; the kernel takes up to 4096

/// What the list depends on.
struct avsp_filter_facts {
    pid_t pid;       ///< this process: it may send signals to itself (abort)
    bool may_remove; ///< unlink(2): only where something else keeps it to one folder
};

/// @param ret_program  room for AVSP_FILTER_MAX. @return how many instructions it has.
size_t avsp_filter_build(const struct avsp_filter_facts *facts, struct sock_filter *ret_program);

#endif
