#include "storage/local_path.h"
#include "storage/local_tree.h"

#include "util/fd.h"
#include "util/id.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1 << 20)

static void fill_stat(const struct stat *st, struct avsp_stat *ret_stat)
{
    ret_stat->bytes = (uint64_t)st->st_size;
    ret_stat->modified_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

/// Opens a regular file for reading. What is not one (a pipe, a device) is never opened, only looked at.
static enum avsp_code open_file(struct avsp_storage *store, const char *path, int *ret_fd,
                                struct stat *ret_stat, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) at = -1;
    enum avsp_code rc = avsp_local_open_path(store, path, 0, &at, err);
    if (rc != AVSP_OK)
        return rc;
    struct stat st;
    if (fstat(at, &st) != 0)
        return avsp_local_failed(err, errno, path);
    if (!S_ISREG(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "%s: %s", path,
                            S_ISDIR(st.st_mode) ? "this is a folder, not a file"
                                                : "not a regular file");
    // A real open, not only a look: over NFS this is what asks the server for the present size.
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = avsp_local_reopen(at, O_RDONLY);
    if (fd < 0 || fstat(fd, ret_stat) != 0)
        return avsp_local_failed(err, errno, path);
    *ret_fd = avsp_fd_take(&fd);
    return AVSP_OK;
}

static enum avsp_code local_stat(struct avsp_storage *store, const struct avsp_location *file,
                                 struct avsp_stat *ret_stat, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    struct stat st;
    enum avsp_code rc = open_file(store, file->path, &fd, &st, err);
    if (rc == AVSP_OK)
        fill_stat(&st, ret_stat);
    return rc;
}

static void local_close(struct avsp_reader *reader)
{
    avsp_fd_cleanup(&reader->fd);
    free(reader->name);
    free(reader);
}

static struct avsp_reader *local_open(struct avsp_storage *store, const struct avsp_location *file,
                                      struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    struct stat st;
    if (open_file(store, file->path, &fd, &st, err) != AVSP_OK)
        return NULL;
    struct avsp_reader *reader = calloc(1, sizeof *reader);
    char *name = strdup(file->path);
    if (reader == NULL || name == NULL) {
        free(reader);
        free(name);
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    *reader = (struct avsp_reader){.backend = &avsp_local_backend,
                                   .bytes = (uint64_t)st.st_size,
                                   .fd = avsp_fd_take(&fd),
                                   .name = name};
    return reader;
}

static enum avsp_code local_read(struct avsp_reader *reader, uint64_t offset, void *ret_bytes,
                                 size_t len, size_t *ret_len, struct avsp_err *err)
{
    if (offset > INT64_MAX - len)
        return avsp_err_set(err, AVSP_INVALID, "%s: a range beyond any file", reader->name);
    if (avsp_fd_pread_all(reader->fd, ret_bytes, len, offset, ret_len, err) != AVSP_OK)
        return avsp_err_wrap(err, "%s", reader->name);
    return AVSP_OK;
}

/// A file that is not published yet: in the final folder, under a name of ours, gone with the scope unless published.
struct temporary {
    int folder;                                                ///< O_PATH; owned
    const char *leaf;                                          ///< final name, borrowed
    const char *shown;                                         ///< final path, borrowed
    char name[sizeof AVSP_STORAGE_TMP_PREFIX + AVSP_ID_BYTES]; ///< "" = there is none now
};

static void temporary_drop(struct temporary *tmp)
{
    if (tmp->name[0] != '\0')
        unlinkat(tmp->folder, tmp->name, 0);
    tmp->name[0] = '\0';
    avsp_fd_cleanup(&tmp->folder);
}

static void temporary_name(struct temporary *tmp)
{
    char id[AVSP_ID_BYTES];
    avsp_id_new(id);
    snprintf(tmp->name, sizeof tmp->name, "%s%s", AVSP_STORAGE_TMP_PREFIX, id);
}

static enum avsp_code temporary_create(struct avsp_storage *store, struct temporary *tmp,
                                       int *ret_fd, struct avsp_err *err)
{
    temporary_name(tmp);
    int fd = openat(tmp->folder, tmp->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    store->file_mode);
    if (fd < 0) {
        tmp->name[0] = '\0';
        return avsp_local_failed(err, errno, tmp->shown);
    }
    *ret_fd = fd;
    return AVSP_OK;
}

/// Makes a folder's entries durable. A folder that its user may not read, or a file system that knows no such thing,
/// is no failure: nothing better can be done there.
static enum avsp_code sync_folder(int folder, const char *shown, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? AVSP_OK : avsp_local_failed(err, errno, shown);
    if (fsync(fd) != 0 && errno != EINVAL && errno != EOPNOTSUPP)
        return avsp_local_failed(err, errno, shown);
    return AVSP_OK;
}

/// The one step that makes a file visible. Its content is durable already.
static enum avsp_code temporary_publish(struct temporary *tmp, struct avsp_err *err)
{
    if (renameat(tmp->folder, tmp->name, tmp->folder, tmp->leaf) != 0)
        return avsp_local_failed(err, errno, tmp->shown);
    tmp->name[0] = '\0';
    return sync_folder(tmp->folder, tmp->shown, err);
}

static enum avsp_code sync_file(int fd, const char *shown, struct avsp_err *err)
{
    return fsync(fd) == 0 ? AVSP_OK : avsp_local_failed(err, errno, shown);
}

/// close(2) reports what a network file system could not write.
static enum avsp_code close_written(int *fd, const char *shown, struct avsp_err *err)
{
    return close(avsp_fd_take(fd)) == 0 ? AVSP_OK : avsp_local_failed(err, errno, shown);
}

static enum avsp_code copy_by_hand(int from, int to, const char *shown, struct avsp_err *err)
{
    void *block AVSP_CLEANUP(avsp_free_ptr) = malloc(COPY_BYTES);
    if (block == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "%s: memory ran out", shown);
    for (uint64_t offset = 0;;) {
        size_t n;
        enum avsp_code rc = avsp_fd_pread_all(from, block, COPY_BYTES, offset, &n, err);
        if (rc == AVSP_OK && n > 0)
            rc = avsp_fd_write_all(to, block, n, err);
        if (rc != AVSP_OK)
            return avsp_local_failed(err, err->native, shown);
        if (n == 0)
            return AVSP_OK;
        offset += n;
    }
}

static enum avsp_code copy_content(int from, int to, const char *shown, struct avsp_err *err)
{
    off_t in = 0;
    for (;;) {
        ssize_t n = copy_file_range(from, &in, to, NULL, COPY_BYTES * 64, 0);
        if (n == 0 && in > 0)
            return AVSP_OK;
        // Across some pairs of file systems it does nothing, or is not there.
        if (in == 0 && (n == 0 || errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP ||
                        errno == ENOSYS || errno == EPERM))
            return copy_by_hand(from, to, shown, err);
        if (n < 0 && errno != EINTR)
            return avsp_local_failed(err, errno, shown);
    }
}

static enum avsp_code put_by_copy(struct avsp_storage *store, int from, struct temporary *tmp,
                                  struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) to = -1;
    enum avsp_code rc = temporary_create(store, tmp, &to, err);
    if (rc == AVSP_OK)
        rc = copy_content(from, to, tmp->shown, err);
    if (rc == AVSP_OK)
        rc = sync_file(to, tmp->shown, err);
    if (rc == AVSP_OK)
        rc = close_written(&to, tmp->shown, err);
    return rc == AVSP_OK ? temporary_publish(tmp, err) : rc;
}

/// Is what stands under the temporary name the file that was opened and synced? The child that wrote it is not trusted:
/// it may have put a link in its place.
static bool is_same_file(const struct temporary *tmp, const struct stat *opened)
{
    struct stat now;
    return fstatat(tmp->folder, tmp->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           now.st_dev == opened->st_dev && now.st_ino == opened->st_ino;
}

/// Moves @p path to the temporary name and on. @return OK, or a failure with @p path where it was; native EXDEV: another
/// file system, copy instead.
static enum avsp_code put_by_rename(struct avsp_storage *store, const char *path, int from,
                                    const struct stat *opened, struct temporary *tmp,
                                    struct avsp_err *err)
{
    if (fchmod(from, store->file_mode) != 0)
        return avsp_local_failed(err, errno, path);
    enum avsp_code rc = sync_file(from, path, err);
    if (rc != AVSP_OK)
        return rc;
    temporary_name(tmp);
    if (renameat(AT_FDCWD, path, tmp->folder, tmp->name) != 0) {
        tmp->name[0] = '\0';
        return avsp_local_failed(err, errno, tmp->shown);
    }
    if (!is_same_file(tmp, opened))
        return avsp_err_set(err, AVSP_CORRUPT, "%s: was exchanged while it was published", path);
    rc = temporary_publish(tmp, err);
    if (rc != AVSP_OK && tmp->name[0] != '\0' &&
        renameat(tmp->folder, tmp->name, AT_FDCWD, path) == 0)
        tmp->name[0] = '\0';
    return rc;
}

static enum avsp_code local_put(struct avsp_storage *store, const char *path,
                                const struct avsp_location *file, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) from =
        open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (from < 0 || fstat(from, &st) != 0)
        return avsp_local_failed(err, errno, path);
    if (!S_ISREG(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "%s: not a regular file", path);
    struct temporary AVSP_CLEANUP(temporary_drop) tmp = {.folder = -1, .shown = file->path};
    enum avsp_code rc =
        avsp_local_open_parent(store, file->path, true, &tmp.folder, &tmp.leaf, err);
    if (rc != AVSP_OK)
        return rc;
    rc = put_by_rename(store, path, from, &st, &tmp, err);
    if (rc == AVSP_OK || err->native != EXDEV)
        return rc;
    rc = put_by_copy(store, from, &tmp, err);
    if (rc == AVSP_OK && unlink(path) != 0)
        return avsp_local_failed(err, errno, path);
    return rc;
}

static enum avsp_code local_put_bytes(struct avsp_storage *store, const void *bytes, size_t len,
                                      const struct avsp_location *file, struct avsp_err *err)
{
    struct temporary AVSP_CLEANUP(temporary_drop) tmp = {.folder = -1, .shown = file->path};
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    enum avsp_code rc =
        avsp_local_open_parent(store, file->path, true, &tmp.folder, &tmp.leaf, err);
    if (rc == AVSP_OK)
        rc = temporary_create(store, &tmp, &fd, err);
    if (rc != AVSP_OK)
        return rc;
    if (avsp_fd_write_all(fd, bytes, len, err) != AVSP_OK)
        return avsp_local_failed(err, err->native, file->path);
    rc = sync_file(fd, file->path, err);
    if (rc == AVSP_OK)
        rc = close_written(&fd, file->path, err);
    return rc == AVSP_OK ? temporary_publish(&tmp, err) : rc;
}

static enum avsp_code local_delete(struct avsp_storage *store, const struct avsp_location *file,
                                   struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) folder = -1;
    const char *leaf;
    enum avsp_code rc = avsp_local_open_parent(store, file->path, false, &folder, &leaf, err);
    if (rc != AVSP_OK)
        return err->native == ENOENT ? AVSP_OK : rc;
    if (unlinkat(folder, leaf, 0) != 0 && errno != ENOENT)
        return avsp_local_failed(err, errno, file->path);
    return AVSP_OK;
}

static enum avsp_code local_probe_folder(struct avsp_storage *store,
                                         const struct avsp_location *folder, struct avsp_err *err)
{
    static const char block[4096];
    struct temporary AVSP_CLEANUP(temporary_drop) tmp = {.folder = -1, .shown = folder->path};
    enum avsp_code rc = avsp_local_make_folder(store, folder->path, &tmp.folder, err);
    if (rc != AVSP_OK)
        return rc;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    rc = temporary_create(store, &tmp, &fd, err);
    if (rc != AVSP_OK)
        return rc;
    if (avsp_fd_write_all(fd, block, sizeof block, err) != AVSP_OK)
        return avsp_local_failed(err, err->native, folder->path);
    return close_written(&fd, folder->path, err);
}

const struct avsp_backend avsp_local_backend = {
    .stat = local_stat,
    .open = local_open,
    .close = local_close,
    .read = local_read,
    .put = local_put,
    .put_bytes = local_put_bytes,
    .remove = local_delete,
    .list = avsp_local_list,
    .remove_folder = avsp_local_remove_folder,
    .probe_folder = local_probe_folder,
};
