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

/// @param at  NULL: where the descriptor stands.
static enum avsp_code write_all(int fd, const char *p, size_t len, const uint64_t *at,
                                struct avsp_err *err)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = at == NULL ? write(fd, p + done, len - done)
                               : pwrite(fd, p + done, len - done, (off_t)(*at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return avsp_err_set_errno(err, errno, "write");
        done += (size_t)n;
    }
    return AVSP_OK;
}

/// Likewise.
static enum avsp_code read_all(int fd, char *p, size_t len, const uint64_t *at, size_t *ret_len,
                               struct avsp_err *err)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = at == NULL ? read(fd, p + got, len - got)
                               : pread(fd, p + got, len - got, (off_t)(*at + got));
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

enum avsp_code avsp_fd_write_all(int fd, const void *bytes, size_t len, struct avsp_err *err)
{
    return write_all(fd, bytes, len, NULL, err);
}

enum avsp_code avsp_fd_pwrite_all(int fd, const void *bytes, size_t len, uint64_t offset,
                                  struct avsp_err *err)
{
    return write_all(fd, bytes, len, &offset, err);
}

enum avsp_code avsp_fd_read_all(int fd, void *bytes, size_t len, size_t *ret_len,
                                struct avsp_err *err)
{
    return read_all(fd, bytes, len, NULL, ret_len, err);
}

enum avsp_code avsp_fd_pread_all(int fd, void *bytes, size_t len, uint64_t offset, size_t *ret_len,
                                 struct avsp_err *err)
{
    return read_all(fd, bytes, len, &offset, ret_len, err);
}
