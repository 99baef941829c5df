#include "client/private.h"

#include "client/tree.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"
#define STATE_LINK "state"
#define STATE_PREFIX "avspl1t-encode-"
/// How often the folder may vanish between being made and being locked, before something else is wrong.
#define LOCK_TRIES 10

/// Opens the lock file in the folder and locks it. @return NOT_FOUND where its owner has just removed it: try again.
static enum avsp_code try_lock(int folder, const char *path, int *ret_fd, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%s/%s", path, LOCK_NAME);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return avsp_err_set(err, AVSP_PRECONDITION,
                                "another avspl1t encode is at work there (it holds %s/%s)", path,
                                LOCK_NAME);
        return avsp_err_set_errno(err, errno, "lock %s/%s", path, LOCK_NAME);
    }
    struct stat ours;
    struct stat there;
    if (fstat(fd, &ours) != 0 || fstatat(folder, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
        return avsp_err_set(err, AVSP_NOT_FOUND, "%s/%s was replaced", path, LOCK_NAME);
    *ret_fd = avsp_fd_take(&fd);
    return AVSP_OK;
}

/// Makes OUTPUT/.avspl1t and locks it. @param ret_fd  the open folder.
static enum avsp_code make_and_lock(struct avsp_private *priv, int *ret_fd, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (mkdir(priv->path, 0700) != 0 && errno != EEXIST)
            return avsp_err_set_errno(err, errno, "make the folder %s", priv->path);
        int AVSP_CLEANUP(avsp_fd_cleanup) folder =
            open(priv->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0 && errno == ENOENT)
            continue;
        if (folder < 0)
            return avsp_err_set_errno(err, errno, "open %s", priv->path);
        rc = try_lock(folder, priv->path, &priv->lock_fd, err);
        if (rc == AVSP_OK)
            *ret_fd = avsp_fd_take(&folder);
        if (rc != AVSP_NOT_FOUND)
            return rc;
    }
    return rc;
}

/// Removes the state folder of an encode that was killed, where the link leads to one that is ours.
static void remove_stale_state(int folder)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(folder, STATE_LINK, target, sizeof target - 1);
    if (len <= 0)
        return;
    target[len] = '\0';
    const char *name = strrchr(target, '/');
    struct stat st;
    if (name == NULL || strncmp(name + 1, STATE_PREFIX, strlen(STATE_PREFIX)) != 0 ||
        lstat(target, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return;
    avsp_tree_remove(AT_FDCWD, target);
}

static enum avsp_code make_state(struct avsp_private *priv, struct avsp_arena *arena,
                                 struct avsp_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = avsp_arena_printf(arena, "%s/%sXXXXXX",
                                   tmp != NULL && tmp[0] == '/' ? tmp : "/tmp", STATE_PREFIX);
    if (path == NULL)
        return avsp_arena_failed(arena, err);
    if (mkdtemp(path) == NULL)
        return avsp_err_set_errno(err, errno, "make a temporary folder (TMPDIR) %s", path);
    priv->state_path = path;
    priv->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (priv->state_fd < 0)
        return avsp_err_set_errno(err, errno, "open %s", path);
    return AVSP_OK;
}

enum avsp_code avsp_private_open(struct avsp_private *priv, const char *output,
                                 struct avsp_arena *arena, struct avsp_err *err)
{
    *priv = (struct avsp_private){.lock_fd = -1, .state_fd = -1};
    priv->path = avsp_arena_printf(arena, "%s/%s", output, AVSP_PRIVATE_NAME);
    if (priv->path == NULL)
        return avsp_arena_failed(arena, err);
    int AVSP_CLEANUP(avsp_fd_cleanup) folder = -1;
    enum avsp_code rc = make_and_lock(priv, &folder, err);
    if (rc != AVSP_OK)
        return rc;
    priv->open = true;
    priv->was_stale = !avsp_tree_holds_only(folder, LOCK_NAME);
    remove_stale_state(folder);
    avsp_tree_clear(folder, LOCK_NAME);
    rc = make_state(priv, arena, err);
    if (rc == AVSP_OK && symlinkat(priv->state_path, folder, STATE_LINK) != 0)
        rc = avsp_err_set_errno(err, errno, "make %s/%s", priv->path, STATE_LINK);
    if (rc != AVSP_OK)
        avsp_private_remove(priv);
    return rc;
}

void avsp_private_remove(struct avsp_private *priv)
{
    if (!priv->open)
        return;
    if (priv->state_path != NULL)
        avsp_tree_remove(AT_FDCWD, priv->state_path);
    // The lock goes last: until then nobody else takes the folder.
    int AVSP_CLEANUP(avsp_fd_cleanup) folder =
        open(priv->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0) {
        avsp_tree_clear(folder, LOCK_NAME);
        unlinkat(folder, LOCK_NAME, 0);
    }
    rmdir(priv->path);
    avsp_fd_cleanup(&priv->lock_fd);
    avsp_fd_cleanup(&priv->state_fd);
    priv->open = false;
}
