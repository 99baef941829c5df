#include "worker/attempt.h"

#include "util/fd.h"
#include "util/id.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 512 ///< what st_blocks counts: inode(7)

static struct avsp_location folder_at(const char *path)
{
    return avsp_location_fs(path);
}

static void remove_tree(const struct avsp_workdir *dir, const char *path)
{
    struct avsp_location folder = folder_at(path);
    struct avsp_err err = {0};
    if (avsp_storage_remove_folder(dir->storage, &folder, &err) != AVSP_OK)
        avsp_log(AVSP_LOG_WARN, "workdir.remove", "error=%s", AVSP_LOG_Q(err.text));
}

/// The folder all workers of this user share. In /tmp another user may have made it first, or have put a link there.
static enum avsp_code default_path(char *ret_path, size_t len, struct avsp_err *err)
{
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL || tmp[0] != '/')
        tmp = "/tmp";
    if (snprintf(ret_path, len, "%s/avspl1t-%ju", tmp, (uintmax_t)geteuid()) >= (int)len)
        return avsp_err_set(err, AVSP_INVALID, "TMPDIR is too long");
    if (mkdir(ret_path, 0700) != 0 && errno != EEXIST)
        return avsp_err_set_errno(err, errno, "make the work folder %s", ret_path);
    struct stat st;
    if (lstat(ret_path, &st) != 0)
        return avsp_err_set_errno(err, errno, "work folder %s", ret_path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return avsp_err_set(err, AVSP_DENIED,
                            "the work folder %s is not a private folder of this user: name "
                            "another one with --work-dir",
                            ret_path);
    return AVSP_OK;
}

/// Makes @p path and what is missing above it.
static enum avsp_code make_path(const struct avsp_workdir *dir, const char *path,
                                struct avsp_err *err)
{
    struct avsp_location folder = folder_at(path);
    if (avsp_storage_probe_folder(dir->storage, &folder, err) != AVSP_OK)
        return avsp_err_wrap(err, "work folder");
    return AVSP_OK;
}

static int open_lock(const char *folder)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/lock", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/// Removes the folder of a worker if that is dead.
static void sweep_one(const struct avsp_workdir *dir, const char *base, const char *name)
{
    char path[PATH_MAX];
    if (strncmp(name, "w-", 2) != 0 || !avsp_id_is_valid(name) ||
        snprintf(path, sizeof path, "%s/%s", base, name) >= (int)sizeof path)
        return;
    int AVSP_CLEANUP(avsp_fd_cleanup) lock = open_lock(path);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
        return;
    avsp_log(AVSP_LOG_INFO, "workdir.swept", "folder=%s", AVSP_LOG_Q(path));
    remove_tree(dir, path);
}

static void sweep(const struct avsp_workdir *dir, const char *base)
{
    DIR *entries = opendir(base);
    if (entries == NULL)
        return;
    for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
        sweep_one(dir, base, e->d_name);
    closedir(entries);
}

/// Makes the worker's own folder, under the lock of the shared one.
static enum avsp_code make_own(struct avsp_workdir *dir, const char *base, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) shared_lock = open_lock(base);
    if (shared_lock < 0 || flock(shared_lock, LOCK_EX) != 0)
        return avsp_err_set_errno(err, errno, "lock the work folder %s", base);
    sweep(dir, base);
    char id[AVSP_ID_BYTES];
    avsp_id_new(id);
    if (snprintf(dir->path, sizeof dir->path, "%s/w-%s", base, id) >= (int)sizeof dir->path)
        return avsp_err_set(err, AVSP_INVALID, "the path of the work folder is too long");
    if (mkdir(dir->path, 0700) != 0)
        return avsp_err_set_errno(err, errno, "make the folder %s", dir->path);
    dir->lock_fd = open_lock(dir->path);
    if (dir->lock_fd < 0 || flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return avsp_err_set_errno(err, errno, "lock the folder %s", dir->path);
    return AVSP_OK;
}

enum avsp_code avsp_workdir_open(const char *path, struct avsp_workdir *ret_dir,
                                 struct avsp_err *err)
{
    *ret_dir = (struct avsp_workdir){.lock_fd = -1};
    struct avsp_storage_options everything = {0};
    ret_dir->storage = avsp_storage_new(&everything, err);
    if (ret_dir->storage == NULL)
        return err->code;
    char base[PATH_MAX / 4];
    enum avsp_code rc = AVSP_OK;
    if (path == NULL)
        rc = default_path(base, sizeof base, err);
    else if (snprintf(base, sizeof base, "%s", path) >= (int)sizeof base)
        rc = avsp_err_set(err, AVSP_INVALID, "the path of the work folder is too long");
    if (rc == AVSP_OK)
        rc = make_path(ret_dir, base, err);
    if (rc == AVSP_OK)
        rc = make_own(ret_dir, base, err);
    if (rc != AVSP_OK)
        avsp_workdir_close(ret_dir);
    return rc;
}

void avsp_workdir_close(struct avsp_workdir *dir)
{
    if (dir->lock_fd >= 0)
        remove_tree(dir, dir->path);
    avsp_fd_cleanup(&dir->lock_fd);
    avsp_storage_free(dir->storage);
    dir->storage = NULL;
}

enum avsp_code avsp_attempt_open(const struct avsp_workdir *dir, struct avsp_attempt *ret_attempt,
                                 struct avsp_err *err)
{
    struct avsp_attempt attempt = {.step_fd = -1};
    char id[AVSP_ID_BYTES], step[PATH_MAX];
    avsp_id_new(id);
    int n = snprintf(attempt.path, sizeof attempt.path, "%s/%s", dir->path, id);
    AVSP_ASSERT(n > 0 && n < (int)sizeof attempt.path);
    snprintf(step, sizeof step, "%s/step", attempt.path);
    if (mkdir(attempt.path, 0700) == 0 && mkdir(step, 0700) == 0)
        attempt.step_fd = open(step, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (attempt.step_fd < 0) {
        avsp_err_set_errno(err, errno, "make the folder %s", step);
        remove_tree(dir, attempt.path);
        return err->code;
    }
    *ret_attempt = attempt;
    return AVSP_OK;
}

void avsp_attempt_close(const struct avsp_workdir *dir, struct avsp_attempt *attempt)
{
    if (attempt->step_fd < 0)
        return;
    avsp_fd_cleanup(&attempt->step_fd);
    remove_tree(dir, attempt->path);
}

enum avsp_code avsp_attempt_used(int step_fd, uint64_t *ret_bytes, struct avsp_err *err)
{
    // A descriptor of its own, whose place in the folder nobody else has moved.
    int fd = openat(step_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        avsp_err_set_errno(err, errno, "look into a step's working folder");
        avsp_fd_cleanup(&fd);
        return err->code;
    }
    *ret_bytes = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (fstatat(step_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            *ret_bytes += (uint64_t)st.st_blocks * BLOCK_BYTES;
    }
    closedir(dir);
    return AVSP_OK;
}

enum avsp_code avsp_attempt_check(const struct avsp_attempt *attempt, const char *name,
                                  uint64_t bytes, char *ret_path, struct avsp_err *err)
{
    struct stat st;
    if (fstatat(attempt->step_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return avsp_err_set(err, AVSP_INTERNAL, "the media step did not make %s: %s", name,
                            strerrordesc_np(errno));
    // Under another name too, it would be somebody else's file.
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return avsp_err_set(err, AVSP_INTERNAL, "the media step made %s, which is not a plain file",
                            name);
    if ((uint64_t)st.st_size != bytes)
        return avsp_err_set(err, AVSP_INTERNAL,
                            "the media step made %s with %jd bytes, not %" PRIu64, name,
                            (intmax_t)st.st_size, bytes);
    snprintf(ret_path, PATH_MAX, "%s/step/%s", attempt->path, name);
    return AVSP_OK;
}
