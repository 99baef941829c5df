#include "util/ranges.h"

#include "util/fd.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/// An offset that asks how long the file is.
#define SIZE_OFFSET UINT64_MAX

struct question {
    uint64_t offset;
    uint64_t len;
};

bool avsp_ranges_is(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/// With read(2) and write(2) alone: a sandbox lets nothing else through.
static bool write_whole(int fd, const void *bytes, size_t len)
{
    struct avsp_err ignored = {0};
    return avsp_fd_write_all(fd, bytes, len, &ignored) == AVSP_OK;
}

static bool read_whole(int fd, void *bytes, size_t len)
{
    struct avsp_err ignored = {0};
    size_t n = 0;
    return avsp_fd_read_all(fd, bytes, len, &n, &ignored) == AVSP_OK && n == len;
}

/// One question and its answer. @return the count that came; -1 = none.
static int64_t ask(int fd, const struct question *question, void *bytes)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int64_t n = -1;
    pthread_mutex_lock(&lock);
    bool ok = write_whole(fd, question, sizeof *question) && read_whole(fd, &n, sizeof n);
    if (ok && bytes != NULL)
        ok = n <= (int64_t)question->len && (n <= 0 || read_whole(fd, bytes, (size_t)n));
    pthread_mutex_unlock(&lock);
    return ok ? n : -1;
}

enum avsp_code avsp_ranges_size(int fd, uint64_t *ret_bytes, struct avsp_err *err)
{
    const struct question question = {SIZE_OFFSET, 0};
    int64_t n = ask(fd, &question, NULL);
    if (n < 0)
        return avsp_err_set(err, AVSP_UNAVAILABLE, "the input cannot be read any more");
    *ret_bytes = (uint64_t)n;
    return AVSP_OK;
}

ssize_t avsp_ranges_read(int fd, void *bytes, size_t len, uint64_t offset)
{
    const struct question question = {offset, AVSP_MIN(len, AVSP_RANGES_MAX_BYTES)};
    int64_t n = ask(fd, &question, bytes);
    if (n < 0)
        errno = EIO;
    return (ssize_t)n;
}

/// @return false: the reader has gone.
static bool send_whole(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

enum avsp_code avsp_ranges_serve(int fd, uint64_t bytes,
                                 enum avsp_code (*read)(void *opaque, uint64_t offset,
                                                        void *ret_bytes, size_t len,
                                                        size_t *ret_len, struct avsp_err *err),
                                 void *opaque, struct avsp_err *err)
{
    char *block AVSP_CLEANUP(avsp_free_ptr) = malloc(AVSP_RANGES_MAX_BYTES);
    enum avsp_code rc = AVSP_OK;
    if (block == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    for (struct question question; read_whole(fd, &question, sizeof question);) {
        size_t n = 0, len = (size_t)AVSP_MIN(question.len, (uint64_t)AVSP_RANGES_MAX_BYTES);
        int64_t count;
        if (question.offset == SIZE_OFFSET) {
            count = (int64_t)bytes;
        } else if (rc == AVSP_OK && question.offset < bytes) {
            rc = read(opaque, question.offset, block, len, &n, err);
            count = rc == AVSP_OK ? (int64_t)n : -1;
        } else {
            count = rc == AVSP_OK ? 0 : -1;
        }
        if (!send_whole(fd, &count, sizeof count) ||
            (question.offset != SIZE_OFFSET && count > 0 && !send_whole(fd, block, (size_t)count)))
            break;
    }
    return rc;
}
