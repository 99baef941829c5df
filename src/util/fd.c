#include "util/fd.h"

#include <errno.h>
#include <unistd.h>

void avsp_fd_cleanup(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int avsp_fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

enum avsp_code avsp_fd_write_all(int fd, const void *bytes, size_t len, struct avsp_err *err)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return avsp_err_set_errno(err, errno, "write");
        p += n;
        len -= (size_t)n;
    }
    return AVSP_OK;
}

enum avsp_code avsp_fd_pwrite_all(int fd, const void *bytes, size_t len, uint64_t offset,
                                  struct avsp_err *err)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return avsp_err_set_errno(err, errno, "write");
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return AVSP_OK;
}

enum avsp_code avsp_fd_read_all(int fd, void *bytes, size_t len, size_t *ret_len,
                                struct avsp_err *err)
{
    char *p = bytes;
    size_t got = 0;
    while (got < len) {
        ssize_t n = read(fd, p + got, len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return avsp_err_set_errno(err, errno, "read");
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret_len = got;
    return AVSP_OK;
}

enum avsp_code avsp_fd_pread_all(int fd, void *bytes, size_t len, uint64_t offset, size_t *ret_len,
                                 struct avsp_err *err)
{
    char *p = bytes;
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, p + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return avsp_err_set_errno(err, errno, "read");
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret_len = got;
    return AVSP_OK;
}
