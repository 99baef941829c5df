#include "db/sqlite_file.h"

#include "core/model.h"
#include "util/fd.h"
#include "util/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static enum avsp_code check_folder(const char *path, struct avsp_err *err)
{
    char folder[AVSP_PATH_MAX_BYTES];
    size_t n = (size_t)(strrchr(path, '/') - path);
    snprintf(folder, sizeof folder, "%.*s", n == 0 ? 1 : (int)n, path);
    struct stat st;
    if (stat(folder, &st) != 0 && errno == ENOENT)
        return avsp_err_set(err, AVSP_INVALID, "database %s: there is no folder %s: make it first",
                            path, folder);
    if (access(folder, R_OK | W_OK | X_OK) != 0)
        return avsp_err_set_errno(err, errno, "database %s: the folder %s must be writable", path,
                                  folder);
    struct statfs fs;
    if (statfs(folder, &fs) != 0)
        return avsp_err_set_errno(err, errno, "database %s: file system of %s", path, folder);
    const char *network = avsp_folder_network_fs((unsigned long)fs.f_type & 0xffffffffUL);
    if (network != NULL)
        return avsp_err_set(err, AVSP_INVALID,
                            "database %s: SQLite does not work on a network file system (%s): "
                            "use a local disk",
                            path, network);
    return AVSP_OK;
}

/// The file is never opened here where it exists: closing it again would drop the locks that another connection of this
/// process holds (fcntl(2), sqlite.org/howtocorrupt.html 2.2).
static enum avsp_code make_file(const char *path, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno != EEXIST)
        return avsp_err_set_errno(err, errno, "database %s: create", path);
    return AVSP_OK;
}

enum avsp_code avsp_sqlite_file_prepare(const char *path, struct avsp_err *err)
{
    if (path[0] != '/' || strlen(path) >= AVSP_PATH_MAX_BYTES)
        return avsp_err_set(err, AVSP_INVALID,
                            "database \"%.200s\": expected sqlite:///ABSOLUTE/PATH", path);
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (!there && errno != ENOENT)
        return avsp_err_set_errno(err, errno, "database %s", path);
    if (there && S_ISDIR(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "database %s is a folder: name a file inside it",
                            path);
    if (there && !S_ISREG(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "database %s is not a regular file", path);
    enum avsp_code rc = check_folder(path, err);
    if (rc != AVSP_OK)
        return rc;
    if (!there)
        return make_file(path, err);
    if (access(path, R_OK | W_OK) != 0)
        return avsp_err_set_errno(err, errno, "database %s must be readable and writable", path);
    return AVSP_OK;
}

enum avsp_code avsp_sqlite_file_protect(const char *path, struct avsp_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return avsp_err_set_errno(err, errno, "database %s", path);
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && st.st_uid == geteuid() &&
        chmod(path, S_IRUSR | S_IWUSR) != 0)
        return avsp_err_set_errno(err, errno, "database %s: make it private", path);
    return AVSP_OK;
}
