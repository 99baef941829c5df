/// What stands in front of the functions that reach the system.
// Both forms of each function are defined here: libraries call the one or the other.
#undef _FILE_OFFSET_BITS
#include "inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLER __builtin_return_address(0)

/// One that may also be interrupted, or do less than it was asked for. @p len  address of its length, or NULL.
#define SLOW_CALL(type, name, params, args, errnum, len)                                           \
    type name params                                                                               \
    {                                                                                              \
        static type(*next) params;                                                                 \
        if (next == NULL)                                                                          \
            next = (type(*) params)inject_next(#name);                                             \
        if (inject_call(#name, CALLER)) {                                                          \
            errno = (errnum);                                                                      \
            return -1;                                                                             \
        }                                                                                          \
        if (inject_interrupt(CALLER, len)) {                                                       \
            errno = EINTR;                                                                         \
            return -1;                                                                             \
        }                                                                                          \
        return next args;                                                                          \
    }

SLOW_CALL(ssize_t, read, (int fd, void *bytes, size_t n), (fd, bytes, n), EIO, &n)
SLOW_CALL(ssize_t, pread, (int fd, void *bytes, size_t n, off_t at), (fd, bytes, n, at), EIO, &n)
SLOW_CALL(ssize_t, pread64, (int fd, void *bytes, size_t n, off64_t at), (fd, bytes, n, at), EIO,
          &n)
SLOW_CALL(ssize_t, write, (int fd, const void *bytes, size_t n), (fd, bytes, n), ENOSPC, &n)
SLOW_CALL(ssize_t, pwrite, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at),
          ENOSPC, &n)
SLOW_CALL(ssize_t, pwrite64, (int fd, const void *bytes, size_t n, off64_t at), (fd, bytes, n, at),
          ENOSPC, &n)
SLOW_CALL(ssize_t, copy_file_range,
          (int from, off64_t *in, int to, off64_t *out, size_t n, unsigned flags),
          (from, in, to, out, n, flags), ENOSPC, &n)
SLOW_CALL(ssize_t, recv, (int fd, void *bytes, size_t n, int flags), (fd, bytes, n, flags),
          ECONNRESET, &n)
SLOW_CALL(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), ENOMEM, NULL)
SLOW_CALL(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options), EINTR,
          NULL)
INJECT_CALL(ssize_t, send, (int fd, const void *bytes, size_t n, int flags), (fd, bytes, n, flags),
            -1, ENOBUFS)

INJECT_CALL(int, ftruncate, (int fd, off_t n), (fd, n), -1, ENOSPC)
INJECT_CALL(int, ftruncate64, (int fd, off64_t n), (fd, n), -1, ENOSPC)
INJECT_CALL(int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n), -1,
            ENOSPC)
INJECT_CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM)
INJECT_CALL(int, flock, (int fd, int how), (fd, how), -1, ENOLCK)
INJECT_CALL(int, dup2, (int from, int to), (from, to), -1, EMFILE)
INJECT_CALL(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
INJECT_CALL(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE)
INJECT_CALL(int, socketpair, (int domain, int type, int protocol, int fds[2]),
            (domain, type, protocol, fds), -1, EMFILE)
INJECT_CALL(pid_t, fork, (void), (), -1, EAGAIN)
INJECT_CALL(int, setrlimit64, (__rlimit_resource_t what, const struct rlimit64 *limit),
            (what, limit), -1, EPERM)
INJECT_CALL(int, pthread_create,
            (pthread_t *__restrict thread, const pthread_attr_t *__restrict attr,
             void *(*run)(void *), void *__restrict arg),
            (thread, attr, run, arg), EAGAIN, EAGAIN)
INJECT_CALL(void *, mmap64, (void *at, size_t n, int prot, int flags, int fd, off64_t from),
            (at, n, prot, flags, fd, from), MAP_FAILED, ENOMEM)

INJECT_CALL(int, renameat, (int from, const char *old, int to, const char *name),
            (from, old, to, name), -1, EIO)
INJECT_CALL(int, rename, (const char *old, const char *name), (old, name), -1, EIO)
INJECT_CALL(int, symlinkat, (const char *target, int at, const char *name), (target, at, name), -1,
            ENOSPC)
INJECT_CALL(int, symlink, (const char *target, const char *path), (target, path), -1, ENOSPC)
INJECT_CALL(int, unlink, (const char *path), (path), -1, EIO)
INJECT_CALL(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), -1, EIO)
INJECT_CALL(int, rmdir, (const char *path), (path), -1, EIO)
INJECT_CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)
INJECT_CALL(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), -1, ENOSPC)
INJECT_CALL(char *, mkdtemp, (char *path), (path), NULL, ENOSPC)
INJECT_CALL(int, mkostemp64, (char *path, int flags), (path, flags), -1, ENOSPC)
INJECT_CALL(char *, realpath, (const char *__restrict path, char *__restrict real), (path, real),
            NULL, EIO)
INJECT_CALL(ssize_t, readlink, (const char *__restrict path, char *__restrict bytes, size_t n),
            (path, bytes, n), -1, EIO)
INJECT_CALL(ssize_t, readlinkat,
            (int at, const char *__restrict path, char *__restrict bytes, size_t n),
            (at, path, bytes, n), -1, EIO)
INJECT_CALL(int, stat64, (const char *__restrict path, struct stat64 *__restrict st), (path, st),
            -1, EIO)
INJECT_CALL(int, lstat64, (const char *__restrict path, struct stat64 *__restrict st), (path, st),
            -1, EIO)
INJECT_CALL(int, fstat64, (int fd, struct stat64 *st), (fd, st), -1, EIO)
INJECT_CALL(int, fstatat64,
            (int at, const char *__restrict path, struct stat64 *__restrict st, int flags),
            (at, path, st, flags), -1, EIO)
INJECT_CALL(int, statfs64, (const char *path, struct statfs64 *st), (path, st), -1, EIO)
INJECT_CALL(DIR *, opendir, (const char *path), (path), NULL, EMFILE)
INJECT_CALL(DIR *, fdopendir, (int fd), (fd), NULL, ENOMEM)
INJECT_CALL(FILE *, fopen64, (const char *__restrict path, const char *__restrict mode),
            (path, mode), NULL, EMFILE)

/// Nothing here has to outlast a power cut: it only costs time.
#define SYNC(name)                                                                                 \
    int name(int fd)                                                                               \
    {                                                                                              \
        (void)fd;                                                                                  \
        bool fails = inject_call(#name, CALLER);                                                   \
        errno = fails ? EIO : errno;                                                               \
        return fails ? -1 : 0;                                                                     \
    }

SYNC(fsync)
SYNC(fdatasync)

/// The descriptor is gone, whatever close(2) says.
int close(int fd)
{
    static int (*next)(int fd);
    if (next == NULL)
        next = (int (*)(int))inject_next("close");
    bool fails = inject_call("close", CALLER);
    int rc = next(fd);
    if (!fails)
        return rc;
    errno = EIO;
    return -1;
}

/// Says of a failed reading what it says of the end, but for errno.
struct dirent64 *readdir64(DIR *dir)
{
    static struct dirent64 *(*next)(DIR * dir);
    if (next == NULL)
        next = (struct dirent64 * (*)(DIR *)) inject_next("readdir64");
    if (!inject_call("readdir64", CALLER))
        return next(dir);
    errno = EIO;
    return NULL;
}

#define OPEN(name, params, ...)                                                                    \
    int name params                                                                                \
    {                                                                                              \
        static int(*next) params;                                                                  \
        if (next == NULL)                                                                          \
            next = (int(*) params)inject_next(#name);                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;               \
        va_end(ap);                                                                                \
        if (!inject_call(#name, CALLER))                                                           \
            return next(__VA_ARGS__, flags, mode);                                                 \
        errno = EMFILE;                                                                            \
        return -1;                                                                                 \
    }

OPEN(open, (const char *path, int flags, ...), path)
OPEN(open64, (const char *path, int flags, ...), path)
OPEN(openat, (int at, const char *path, int flags, ...), at, path)
OPEN(openat64, (int at, const char *path, int flags, ...), at, path)

/// Locks of SQLite are not made to fail: a database that is busy is a thing of its own.
int fcntl64(int fd, int command, ...)
{
    static int (*next)(int fd, int command, ...);
    if (next == NULL)
        next = (int (*)(int, int, ...))inject_next("fcntl64");
    va_list ap;
    va_start(ap, command);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    bool lock = command == F_SETLK || command == F_GETLK || command == F_SETLKW;
    if (lock || !inject_call("fcntl64", CALLER))
        return next(fd, command, arg);
    errno = EINVAL;
    return -1;
}
