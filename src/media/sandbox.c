#include "media/sandbox.h"

#include "media/sandbox_filter.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Rights that came after the first version of landlock; headers may be older than the kernel.
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) ///< since version 2
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) ///< since version 3
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) ///< since version 5
#endif

/// Every right of version 1: its numbers are those before the ones above.
#define RIGHTS_1 (LANDLOCK_ACCESS_FS_REFER - 1)
/// What a step does in its working folder: make files, write and read them again, remove them.
#define FOLDER_RIGHTS                                                                              \
    (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |  \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define READ_RIGHTS                                                                                \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE)

/// The version of the kernel's landlock; below 1: it has none, or it is switched off.
static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/// Allows @p rights below @p path. Where that fails, less is allowed than was meant to be: nothing to stop for.
static void allow_below(int ruleset, const char *path, uint64_t rights)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct landlock_path_beneath_attr below = {.allowed_access = rights, .parent_fd = folder};
    (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
}

/// Keeps all work on files by name to the working folder. @return false: this kernel cannot.
static bool keep_to_folder(void)
{
    long version = landlock_version();
    uint64_t handled = RIGHTS_1;
    if (version >= 2)
        handled |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (version >= 5)
        handled |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    if (version < 1)
        return false;
    struct landlock_ruleset_attr attr = {.handled_access_fs = handled};
    int AVSP_CLEANUP(avsp_fd_cleanup) ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return false;
    allow_below(ruleset, ".", FOLDER_RIGHTS & handled);
    if (AVSP_SANITIZED)
        allow_below(ruleset, "/", READ_RIGHTS);
    return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

enum avsp_code avsp_sandbox_enter(struct avsp_err *err)
{
    struct sock_filter code[AVSP_FILTER_MAX];
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return avsp_err_set_errno(err, errno, "give up privileges");
    struct avsp_filter_facts facts = {.pid = getpid(), .may_remove = keep_to_folder()};
    struct sock_fprog prog = {.len = (unsigned short)avsp_filter_build(&facts, code),
                              .filter = code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
        return avsp_err_set(
            err, AVSP_UNSUPPORTED,
            "this system cannot filter system calls (seccomp: %s), and without that "
            "no file of strangers is read",
            strerrordesc_np(errno));
    return AVSP_OK;
}
