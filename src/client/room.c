#include "client/room.h"

#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_NAME "room"
/// What a database of a job needs for its next few transactions.
#define BLOCK_BYTES ((size_t)64 << 10)
#define N_BLOCKS 8

enum avsp_code avsp_room_check(int folder, const char *path, struct avsp_err *err)
{
    static const char block[BLOCK_BYTES];
    unlinkat(folder, FILE_NAME, 0);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, FILE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "write to %s", path);
    unlinkat(folder, FILE_NAME, 0);
    for (int i = 0; i < N_BLOCKS; i++)
        if (avsp_fd_write_all(fd, block, sizeof block, err) != AVSP_OK)
            return avsp_err_set_errno(err, err->native, "write to %s", path);
    return AVSP_OK;
}
