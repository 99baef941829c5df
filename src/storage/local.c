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
                                   .is_sure = true,
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

static enum avsp_code local_fetch(struct avsp_reader *reader, int fd,
                                  const struct avsp_watch *watch, struct avsp_err *err)
{
    void *block AVSP_CLEANUP(avsp_free_ptr) = malloc(COPY_BYTES);
    if (block == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "%s: memory ran out", reader->name);
    for (uint64_t offset = 0; offset < reader->bytes;) {
        size_t n = 0;
        if (watch != NULL && watch->should_stop != NULL && watch->should_stop(watch->opaque))
            return avsp_err_set(err, AVSP_CANCELED, "stopped");
        enum avsp_code rc = local_read(reader, offset, block, COPY_BYTES, &n, err);
        if (rc == AVSP_OK && n == 0)
            rc = avsp_err_set(err, AVSP_UNAVAILABLE, "%s: became shorter", reader->name);
        if (rc == AVSP_OK)
            rc = avsp_fd_pwrite_all(fd, block, n, offset, err);
        if (rc != AVSP_OK)
            return rc;
        if (watch != NULL && watch->moved != NULL)
            watch->moved(watch->opaque, n);
        offset += n;
    }
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

/// The one step that makes a file visible. Its content is durable already; its name is with sync_folder.
static enum avsp_code temporary_show(struct temporary *tmp, struct avsp_err *err)
{
    if (renameat(tmp->folder, tmp->name, tmp->folder, tmp->leaf) != 0)
        return avsp_local_failed(err, errno, tmp->shown);
    tmp->name[0] = '\0';
    return AVSP_OK;
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

/// A local file on its way into a folder.
struct putting {
    struct avsp_put *put; ///< borrowed
    struct temporary tmp;
    int content; ///< what becomes durable: the file itself, or its copy
    bool copied; ///< `put->path` is still there
};

static void putting_drop(struct putting *p)
{
    // What was moved and not shown goes back.
    if (!p->copied && p->tmp.name[0] != '\0' &&
        renameat(p->tmp.folder, p->tmp.name, AT_FDCWD, p->put->path) == 0)
        p->tmp.name[0] = '\0';
    avsp_fd_cleanup(&p->content);
    temporary_drop(&p->tmp);
}

/// Is what stands under the temporary name the file that was opened? The child that wrote it is not trusted: it may have put a
/// link in its place.
static enum avsp_code check_same_file(const struct temporary *tmp, const struct stat *opened,
                                      const char *path, struct avsp_err *err)
{
    struct stat now;
    if (fstatat(tmp->folder, tmp->name, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return avsp_local_failed(err, errno, path);
    if (now.st_dev != opened->st_dev || now.st_ino != opened->st_ino)
        return avsp_err_set(err, AVSP_CORRUPT, "%s: was exchanged while it was published", path);
    return AVSP_OK;
}

static enum avsp_code stage_copy(struct avsp_storage *store, int from, struct putting *p,
                                 struct avsp_err *err)
{
    p->copied = true;
    enum avsp_code rc = temporary_create(store, &p->tmp, &p->content, err);
    return rc == AVSP_OK ? copy_content(from, p->content, p->tmp.shown, err) : rc;
}

/// Moves the file next to its final place, or copies it there from another file system.
static enum avsp_code stage(struct avsp_storage *store, struct putting *p, struct avsp_err *err)
{
    const char *path = p->put->path;
    const bool keep = p->put->keep;
    int AVSP_CLEANUP(avsp_fd_cleanup) from =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (keep ? 0 : O_NOFOLLOW));
    struct stat st;
    if (from < 0 || fstat(from, &st) != 0)
        return avsp_local_failed(err, errno, path);
    if (!S_ISREG(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "%s: not a regular file", path);
    // Its other name is somebody else's file, whose mode would change and whose content would be published.
    if (!keep && st.st_nlink != 1)
        return avsp_err_set(err, AVSP_INVALID, "%s: has another name too", path);
    enum avsp_code rc =
        avsp_local_open_parent(store, p->tmp.shown, true, &p->tmp.folder, &p->tmp.leaf, err);
    if (rc != AVSP_OK)
        return rc;
    if (keep)
        return stage_copy(store, from, p, err);
    if (fchmod(from, store->file_mode) != 0)
        return avsp_local_failed(err, errno, path);
    temporary_name(&p->tmp);
    if (renameat(AT_FDCWD, path, p->tmp.folder, p->tmp.name) == 0) {
        rc = check_same_file(&p->tmp, &st, path, err);
        if (rc == AVSP_OK)
            p->content = avsp_fd_take(&from);
        return rc;
    }
    p->tmp.name[0] = '\0';
    return errno == EXDEV ? stage_copy(store, from, p, err)
                          : avsp_local_failed(err, errno, p->tmp.shown);
}

/// Shows the file under its name, once its content is durable.
static enum avsp_code settle(struct putting *p, struct avsp_err *err)
{
    enum avsp_code rc = sync_file(p->content, p->tmp.shown, err);
    if (rc == AVSP_OK)
        rc = close_written(&p->content, p->tmp.shown, err);
    return rc == AVSP_OK ? temporary_show(&p->tmp, err) : rc;
}

static bool is_same_folder(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/// Makes the names durable: each folder once, where its files stand together.
static enum avsp_code sync_folders(struct putting *all, size_t n, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < n && rc == AVSP_OK; i++)
        if (i + 1 == n || !is_same_folder(all[i].tmp.folder, all[i + 1].tmp.folder))
            rc = sync_folder(all[i].tmp.folder, all[i].tmp.shown, err);
    for (size_t i = 0; i < n && rc == AVSP_OK; i++) {
        all[i].put->done = true;
        if (all[i].copied && !all[i].put->keep && unlink(all[i].put->path) != 0)
            rc = avsp_local_failed(err, errno, all[i].put->path);
    }
    return rc;
}

/// The files' data are on their way to the disk while the next ones are moved: waiting for all of them takes hardly longer than for one.
static enum avsp_code put_all(struct avsp_storage *store, struct putting *all, size_t n,
                              struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < n && rc == AVSP_OK; i++) {
        rc = stage(store, &all[i], err);
        // Only a hint: fsync is what counts.
        if (rc == AVSP_OK && n > 1)
            (void)sync_file_range(all[i].content, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    for (size_t i = 0; i < n && rc == AVSP_OK; i++)
        rc = settle(&all[i], err);
    return rc == AVSP_OK ? sync_folders(all, n, err) : rc;
}

static enum avsp_code local_put(struct avsp_storage *store, struct avsp_put *puts, size_t n_puts,
                                struct avsp_err *err)
{
    struct putting *all AVSP_CLEANUP(avsp_free_ptr) = calloc(n_puts, sizeof *all);
    if (all == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    size_t n = 0;
    for (size_t i = 0; i < n_puts; i++)
        if (!puts[i].done)
            all[n++] = (struct putting){
                .put = &puts[i], .content = -1, .tmp = {.folder = -1, .shown = puts[i].file.path}};
    enum avsp_code rc = put_all(store, all, n, err);
    for (size_t i = 0; i < n; i++)
        putting_drop(&all[i]);
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
    if (rc == AVSP_OK)
        rc = temporary_show(&tmp, err);
    return rc == AVSP_OK ? sync_folder(tmp.folder, tmp.shown, err) : rc;
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
    rc = close_written(&fd, folder->path, err);
    // Whoever cannot remove a file here can neither replace nor tidy up.
    if (rc == AVSP_OK && unlinkat(tmp.folder, tmp.name, 0) != 0)
        rc = avsp_local_failed(err, errno, folder->path);
    else if (rc == AVSP_OK)
        tmp.name[0] = '\0';
    return rc;
}

/// What is half done bears a name of its own in the folder, and is listed.
static enum avsp_code local_drop_unfinished(struct avsp_storage *store,
                                            const struct avsp_location *folder,
                                            bool (*goes)(const char *name), struct avsp_err *err)
{
    (void)store, (void)folder, (void)goes, (void)err;
    return AVSP_OK;
}

static enum avsp_code local_url(struct avsp_storage *store, const struct avsp_location *file,
                                int64_t seconds, struct avsp_arena *arena, const char **ret_url,
                                struct avsp_err *err)
{
    (void)store, (void)seconds, (void)arena, (void)ret_url;
    return avsp_err_set(err, AVSP_UNSUPPORTED, "%s: a local file has no URL", file->path);
}

const struct avsp_backend avsp_local_backend = {
    .stat = local_stat,
    .open = local_open,
    .close = local_close,
    .read = local_read,
    .fetch = local_fetch,
    .put = local_put,
    .put_bytes = local_put_bytes,
    .remove = local_delete,
    .list = avsp_local_list,
    .remove_folder = avsp_local_remove_folder,
    .drop_unfinished = local_drop_unfinished,
    .url = local_url,
    .probe_folder = local_probe_folder,
};
