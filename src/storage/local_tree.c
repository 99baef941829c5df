#include "storage/local_tree.h"

#include "storage/local_path.h"
#include "util/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

/// A stream over the folder of @p fd, which is taken in any case.
static DIR *open_dir(int fd)
{
    if (fd < 0)
        return NULL;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return dir;
}

static DIR *open_below(int folder, const char *name)
{
    return open_dir(openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// The next entry; NULL at the end (errno 0) or after a failure (errno).
static const char *next_name(DIR *dir)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return NULL;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    }
}

struct listing {
    bool (*each)(void *opaque, const char *name, const struct avsp_stat *stat);
    void *opaque;
    const char *top;     ///< for errors
    char name[PATH_MAX]; ///< of the entry at hand, relative to the top
    bool stopped;
};

static enum avsp_code too_deep(const char *top, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_LIMIT, "%s: more than %d folders deep", top,
                        AVSP_LOCAL_DEPTH_MAX);
}

/// @param used  bytes of `name` that name the folder, its slash included; 0 for the top
static enum avsp_code list_dir(struct listing *l, DIR *dir, size_t used, int depth,
                               struct avsp_err *err);

static enum avsp_code list_entry(struct listing *l, DIR *dir, const char *entry, size_t used,
                                 int depth, struct avsp_err *err)
{
    int n = snprintf(l->name + used, sizeof l->name - used, "%s", entry);
    if (n < 0 || used + (size_t)n + 1 >= sizeof l->name)
        return avsp_err_set(err, AVSP_LIMIT, "%s: a path below it is too long", l->top);
    struct stat st;
    if (fstatat(dirfd(dir), entry, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? AVSP_OK : avsp_local_failed(err, errno, l->top);
    if (S_ISREG(st.st_mode)) {
        struct avsp_stat stat = {.bytes = (uint64_t)st.st_size,
                                 .modified_us = (int64_t)st.st_mtim.tv_sec * 1000000 +
                                                st.st_mtim.tv_nsec / 1000};
        l->stopped = !l->each(l->opaque, l->name, &stat);
        return AVSP_OK;
    }
    if (!S_ISDIR(st.st_mode))
        return AVSP_OK;
    if (depth == AVSP_LOCAL_DEPTH_MAX)
        return too_deep(l->top, err);
    DIR *below AVSP_CLEANUP(close_dir) = open_below(dirfd(dir), entry);
    if (below == NULL)
        return errno == ENOENT ? AVSP_OK : avsp_err_set_errno(err, errno, "%s/%s", l->top, l->name);
    size_t end = used + (size_t)n;
    l->name[end++] = '/';
    return list_dir(l, below, end, depth + 1, err);
}

static enum avsp_code list_dir(struct listing *l, DIR *dir, size_t used, int depth,
                               struct avsp_err *err)
{
    struct avsp_err first = {0};
    const char *entry;
    while (!l->stopped && (entry = next_name(dir)) != NULL) {
        struct avsp_err each = {0};
        if (list_entry(l, dir, entry, used, depth, &each) != AVSP_OK && first.code == AVSP_OK)
            first = each;
        errno = 0;
    }
    if (!l->stopped && errno != 0 && first.code == AVSP_OK)
        avsp_local_failed(&first, errno, l->top);
    if (first.code != AVSP_OK)
        *err = first;
    return first.code;
}

enum avsp_code avsp_local_list(struct avsp_storage *store, const struct avsp_location *folder,
                               bool (*each)(void *opaque, const char *name,
                                            const struct avsp_stat *stat),
                               void *opaque, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) at = -1;
    enum avsp_code rc = avsp_local_open_path(store, folder->path, O_DIRECTORY, &at, err);
    if (rc != AVSP_OK)
        return err->native == ENOENT ? AVSP_OK : rc;
    DIR *dir AVSP_CLEANUP(close_dir) = open_dir(avsp_local_reopen(at, O_RDONLY | O_DIRECTORY));
    if (dir == NULL)
        return avsp_local_failed(err, errno, folder->path);
    struct listing l = {.each = each, .opaque = opaque, .top = folder->path};
    return list_dir(&l, dir, 0, 1, err);
}

/// Removes what is in @p dir. Entries that vanish meanwhile are fine: two may clean up at once.
static enum avsp_code remove_content(DIR *dir, const char *top, int depth, struct avsp_err *err);

static enum avsp_code remove_entry(DIR *dir, const char *entry, const char *top, int depth,
                                   struct avsp_err *err)
{
    // unlink of a folder: EISDIR on Linux, EPERM by POSIX.
    if (unlinkat(dirfd(dir), entry, 0) == 0 || errno == ENOENT)
        return AVSP_OK;
    if (errno != EISDIR && errno != EPERM)
        return avsp_local_failed(err, errno, top);
    int cause = errno;
    if (depth == AVSP_LOCAL_DEPTH_MAX)
        return too_deep(top, err);
    DIR *below AVSP_CLEANUP(close_dir) = open_below(dirfd(dir), entry);
    if (below == NULL)
        return errno == ENOENT ? AVSP_OK
                               : avsp_local_failed(err, errno == ENOTDIR ? cause : errno, top);
    enum avsp_code rc = remove_content(below, top, depth + 1, err);
    if (rc != AVSP_OK)
        return rc;
    // NOT EMPTY: somebody puts new files there; they stay.
    if (unlinkat(dirfd(dir), entry, AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY &&
        errno != EEXIST)
        return avsp_local_failed(err, errno, top);
    return AVSP_OK;
}

static enum avsp_code remove_content(DIR *dir, const char *top, int depth, struct avsp_err *err)
{
    const char *entry;
    while ((entry = next_name(dir)) != NULL) {
        enum avsp_code rc = remove_entry(dir, entry, top, depth, err);
        if (rc != AVSP_OK)
            return rc;
    }
    return errno == 0 ? AVSP_OK : avsp_local_failed(err, errno, top);
}

enum avsp_code avsp_local_remove_folder(struct avsp_storage *store,
                                        const struct avsp_location *folder, struct avsp_err *err)
{
    char path[PATH_MAX];
    size_t n = strlen(folder->path);
    while (n > 1 && folder->path[n - 1] == '/')
        n--;
    if (n >= sizeof path)
        return avsp_err_set(err, AVSP_INVALID, "the path of the folder is too long");
    snprintf(path, sizeof path, "%.*s", (int)n, folder->path);
    int AVSP_CLEANUP(avsp_fd_cleanup) parent = -1;
    const char *leaf;
    enum avsp_code rc = avsp_local_open_parent(store, path, false, &parent, &leaf, err);
    if (rc != AVSP_OK)
        return err->native == ENOENT ? AVSP_OK : rc;
    DIR *dir AVSP_CLEANUP(close_dir) = open_below(parent, leaf);
    if (dir == NULL)
        return errno == ENOENT ? AVSP_OK : avsp_local_failed(err, errno, path);
    rc = remove_content(dir, path, 1, err);
    if (rc != AVSP_OK)
        return rc;
    if (unlinkat(parent, leaf, AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY &&
        errno != EEXIST)
        return avsp_local_failed(err, errno, path);
    return AVSP_OK;
}
