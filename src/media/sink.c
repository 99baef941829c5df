#include "media/sink.h"

#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <unistd.h>

#define SHA256_BYTES 32

enum avsp_code avsp_sink_open(struct avsp_sink *sink, const char *name, struct avsp_err *err)
{
    struct AVSHA *sha = av_sha_alloc();
    if (sha == NULL || av_sha_init(sha, 8 * SHA256_BYTES) < 0) {
        av_free(sha);
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to write %s", name);
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        av_free(sha);
        return avsp_err_set_errno(err, errno, "create %s", name);
    }
    *sink = (struct avsp_sink){.fd = fd, .sha = sha};
    return AVSP_OK;
}

enum avsp_code avsp_sink_write(struct avsp_sink *sink, const void *bytes, size_t len,
                               struct avsp_err *err)
{
    av_sha_update(sink->sha, bytes, len);
    sink->bytes += len;
    return avsp_fd_write_all(sink->fd, bytes, len, err);
}

enum avsp_code avsp_sink_commit(struct avsp_sink *sink, struct avsp_fmp4_file *ret_file,
                                struct avsp_err *err)
{
    uint8_t digest[SHA256_BYTES];
    av_sha_final(sink->sha, digest);
    struct avsp_fmp4_file file = {.bytes = sink->bytes};
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(file.sha256 + 2 * i, 3, "%02x", digest[i]);
    int rc = close(avsp_fd_take(&sink->fd)); // NFS tells of a full disk here
    avsp_sink_abort(sink);
    if (rc != 0)
        return avsp_err_set_errno(err, errno, "close");
    *ret_file = file;
    return AVSP_OK;
}

void avsp_sink_abort(struct avsp_sink *sink)
{
    avsp_fd_cleanup(&sink->fd);
    sink->fd = -1;
    av_freep(&sink->sha);
    sink->bytes = 0;
}
