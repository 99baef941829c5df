#include "storage/local_path.h"

#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum avsp_code avsp_local_failed(struct avsp_err *err, int errnum, const char *path)
{
    if (errnum == ENOSPC || errnum == EDQUOT) {
        avsp_err_set(err, AVSP_NO_SPACE, "%s: %s", path,
                     errnum == ENOSPC ? "the disk is full" : "the disk quota is used up");
        err->native = errnum;
        return err->code;
    }
    return avsp_err_set_errno(err, errnum, "%s", path);
}

static enum avsp_code check_path(const char *path, struct avsp_err *err)
{
    if (path[0] != '/')
        return avsp_err_set(err, AVSP_INVALID, "%s: the path is not absolute", path);
    if (strlen(path) >= PATH_MAX)
        return avsp_err_set(err, AVSP_INVALID, "%.64s…: the path is too long", path);
    for (const char *p = path; *p != '\0';) {
        p += strspn(p, "/");
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return avsp_err_set(err, AVSP_INVALID, "%s: \".\" and \"..\" are not allowed", path);
        p += n;
    }
    return AVSP_OK;
}

static bool lies_below(const char *path, const char *root)
{
    size_t n = strlen(root);
    if (n == 1) // "/"
        return true;
    return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/// Is the descriptor's file inside of a root?
static enum avsp_code check_inside(const struct avsp_storage *store, int fd, const char *path,
                                   struct avsp_err *err)
{
    if (store->n_roots == 0)
        return AVSP_OK;
    char link[64], where[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, where, sizeof where - 1);
    if (n < 0)
        return avsp_err_set_errno(err, errno, "%s: find out where it is", path);
    where[n] = '\0';
    for (size_t i = 0; i < store->n_roots; i++)
        if (lies_below(where, store->roots[i]))
            return AVSP_OK;
    return avsp_err_set(err, AVSP_DENIED, "%s: outside of the folders that are allowed here", path);
}

/// The last byte of a path that is not a slash, plus one.
static size_t trimmed_len(const char *path, size_t len)
{
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len;
}

/// Cuts the last part off; false where only "/" is left.
static bool cut_last_part(char *path)
{
    size_t n = trimmed_len(path, strlen(path));
    if (n <= 1)
        return false;
    while (n > 1 && path[n - 1] != '/')
        n--;
    path[trimmed_len(path, n)] = '\0';
    return true;
}

/// What to say of a path that cannot be opened. Outside of the roots the answer must not tell what is there and what is
/// not: it depends on where the nearest folder lies that can be opened.
static enum avsp_code open_failed(const struct avsp_storage *store, const char *path, int errnum,
                                  struct avsp_err *err)
{
    char above[PATH_MAX];
    snprintf(above, sizeof above, "%s", path);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    while (store->n_roots > 0 && fd < 0 && cut_last_part(above))
        fd = open(above, O_PATH | O_CLOEXEC);
    if (fd >= 0 && check_inside(store, fd, path, err) != AVSP_OK)
        return err->code;
    return avsp_local_failed(err, errnum, path);
}

static enum avsp_code root_init(char **ret_root, const char *given, struct avsp_err *err)
{
    enum avsp_code rc = check_path(given, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_root = realpath(given, NULL);
    if (*ret_root == NULL)
        return avsp_err_set_errno(err, errno, "%s", given);
    struct stat st;
    if (stat(*ret_root, &st) != 0)
        return avsp_err_set_errno(err, errno, "%s", given);
    if (!S_ISDIR(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "%s: not a folder", given);
    return AVSP_OK;
}

enum avsp_code avsp_local_roots_init(struct avsp_storage *store,
                                     const struct avsp_storage_options *options,
                                     struct avsp_err *err)
{
    if (options->n_allow_roots == 0)
        return AVSP_OK;
    store->roots = calloc(options->n_allow_roots, sizeof *store->roots);
    if (store->roots == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    for (size_t i = 0; i < options->n_allow_roots; i++) {
        store->n_roots = i + 1;
        if (root_init(&store->roots[i], options->allow_roots[i], err) != AVSP_OK)
            return avsp_err_wrap(err, "allowed folder");
    }
    return AVSP_OK;
}

void avsp_local_roots_deinit(struct avsp_storage *store)
{
    for (size_t i = 0; i < store->n_roots; i++)
        free(store->roots[i]);
    free(store->roots);
}

/// NFS remembers for a while that a name was not there. Opening a folder for reading asks the server again
/// (close-to-open consistency, nfs(5)), so a file that another host has just published is found.
static void refresh_parent(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = (size_t)(slash - path);
    snprintf(folder, sizeof folder, "%.*s", n == 0 ? 1 : (int)n, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
}

enum avsp_code avsp_local_open_path(struct avsp_storage *store, const char *path, int flags,
                                    int *ret_fd, struct avsp_err *err)
{
    enum avsp_code rc = check_path(path, err);
    if (rc != AVSP_OK)
        return rc;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_PATH | O_CLOEXEC | flags);
    if (fd < 0 && errno == ENOENT) {
        refresh_parent(path);
        fd = open(path, O_PATH | O_CLOEXEC | flags);
    }
    if (fd < 0)
        return open_failed(store, path, errno, err);
    rc = check_inside(store, fd, path, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_fd = avsp_fd_take(&fd);
    return AVSP_OK;
}

int avsp_local_reopen(int path_fd, int flags)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", path_fd);
    return open(link, flags | O_CLOEXEC | O_NOCTTY);
}

/// Makes the folders of @p rest, one after another, below @p *fd, which becomes the last one. A link that somebody puts
/// in the way is not followed.
static enum avsp_code make_below(int *fd, char *rest, const char *path, struct avsp_err *err)
{
    char *save = NULL;
    for (char *part = strtok_r(rest, "/", &save); part != NULL; part = strtok_r(NULL, "/", &save)) {
        if (mkdirat(*fd, part, 0777) != 0 && errno != EEXIST)
            return avsp_local_failed(err, errno, path);
        int next = openat(*fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return avsp_local_failed(err, errno, path);
        close(*fd);
        *fd = next;
    }
    return AVSP_OK;
}

enum avsp_code avsp_local_make_folder(struct avsp_storage *store, const char *path, int *ret_fd,
                                      struct avsp_err *err)
{
    enum avsp_code rc = check_path(path, err);
    if (rc != AVSP_OK)
        return rc;
    char there[PATH_MAX];
    snprintf(there, sizeof there, "%s", path);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    // Only what is not there can be made: any other failure is the answer.
    while ((rc = avsp_local_open_path(store, there, O_DIRECTORY, &fd, err)) != AVSP_OK)
        if (err->native != ENOENT || !cut_last_part(there))
            return rc;
    *err = (struct avsp_err){0};
    char rest[PATH_MAX];
    snprintf(rest, sizeof rest, "%s", path + strlen(there));
    rc = make_below(&fd, rest, path, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_fd = avsp_fd_take(&fd);
    return AVSP_OK;
}

enum avsp_code avsp_local_open_parent(struct avsp_storage *store, const char *path, bool make,
                                      int *ret_fd, const char **ret_leaf, struct avsp_err *err)
{
    enum avsp_code rc = check_path(path, err);
    if (rc != AVSP_OK)
        return rc;
    const char *leaf = strrchr(path, '/') + 1;
    if (*leaf == '\0')
        return avsp_err_set(err, AVSP_INVALID, "%s: not the path of a file", path);
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(leaf - path), path);
    rc = make ? avsp_local_make_folder(store, folder, ret_fd, err)
              : avsp_local_open_path(store, folder, O_DIRECTORY, ret_fd, err);
    if (rc == AVSP_OK)
        *ret_leaf = leaf;
    return rc;
}
