#include "util/file.h"

#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum avsp_code avsp_file_read(struct avsp_arena *arena, const char *path, size_t max_bytes,
                              char **ret_text, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%.500s", path);
    char *text = avsp_arena_alloc(arena, max_bytes + 2);
    if (text == NULL)
        return avsp_arena_failed(arena, err);
    size_t len = 0;
    // A pipe has no size to ask for.
    if (avsp_fd_read_all(fd, text, max_bytes + 1, &len, err) != AVSP_OK)
        return avsp_err_wrap(err, "%.500s", path);
    if (len > max_bytes)
        return avsp_err_set(err, AVSP_LIMIT, "%.500s: more than %zu bytes", path, max_bytes);
    text[len] = '\0';
    if (strlen(text) != len)
        return avsp_err_set(err, AVSP_INVALID, "%.500s: not a text", path);
    *ret_text = text;
    return AVSP_OK;
}

struct avsp_file_mark avsp_file_mark(const char *path)
{
    struct stat st;
    if (path == NULL || stat(path, &st) != 0)
        return (struct avsp_file_mark){0};
    int64_t written_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    int64_t inode_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    return (struct avsp_file_mark){.dev = (uint64_t)st.st_dev,
                                   .ino = (uint64_t)st.st_ino,
                                   .size_bytes = (int64_t)st.st_size,
                                   .changed_ns = AVSP_MAX(written_ns, inode_ns)};
}

bool avsp_file_mark_equal(const struct avsp_file_mark *a, const struct avsp_file_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size_bytes == b->size_bytes &&
           a->changed_ns == b->changed_ns;
}
