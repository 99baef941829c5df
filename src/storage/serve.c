#include "storage/serve.h"

#include "util/fd.h"
#include "util/ranges.h"

#include <errno.h>
#include <sys/socket.h>

static enum avsp_code read_range(void *opaque, uint64_t offset, void *ret_bytes, size_t len,
                                 size_t *ret_len, struct avsp_err *err)
{
    return avsp_reader_read(opaque, offset, ret_bytes, len, ret_len, err);
}

static void *serve(void *opaque)
{
    struct avsp_serving *serving = opaque;
    (void)!avsp_ranges_serve(serving->own_fd, avsp_reader_bytes(serving->reader), read_range,
                             serving->reader, &serving->err);
    return NULL;
}

enum avsp_code avsp_serving_start(struct avsp_serving *serving, struct avsp_reader *reader,
                                  struct avsp_err *err)
{
    int pair[2];
    *serving = (struct avsp_serving){.fd = -1, .own_fd = -1, .reader = reader};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return avsp_err_set_errno(err, errno, "socketpair");
    serving->fd = pair[0];
    serving->own_fd = pair[1];
    int errnum = pthread_create(&serving->thread, NULL, serve, serving);
    if (errnum == 0)
        return AVSP_OK;
    avsp_fd_cleanup(&serving->fd);
    avsp_fd_cleanup(&serving->own_fd);
    return avsp_err_set_errno(err, errnum, "start a thread");
}

void avsp_serving_stop(struct avsp_serving *serving)
{
    if (serving->fd < 0)
        return;
    avsp_fd_cleanup(&serving->fd);
    shutdown(serving->own_fd, SHUT_RDWR);
    pthread_join(serving->thread, NULL);
    avsp_fd_cleanup(&serving->own_fd);
}

enum avsp_code avsp_serving_end(struct avsp_serving *serving, enum avsp_code rc,
                                struct avsp_err *err)
{
    avsp_serving_stop(serving);
    if (rc == AVSP_OK || rc == AVSP_CANCELED || serving->err.code == AVSP_OK)
        return rc;
    *err = serving->err;
    return err->code;
}
