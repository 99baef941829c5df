#include "client/private.h"

#include "client/tree.h"
#include "util/fd.h"
#include "util/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LOCK_NAME "lock"
#define BEFORE_NAME "before"
#define STATE_PREFIX "encode-"
#define OWNER_BYTES 320
#define BLOCK_BYTES 16384
/// How often the folder may vanish between being made and being locked, before something else is wrong.
#define LOCK_TRIES 10

/// Says who holds the lock, where that can be read.
static enum avsp_code refuse_second(int fd, const char *path, struct avsp_err *err)
{
    char owner[OWNER_BYTES] = "";
    size_t len = 0;
    struct avsp_err ignored = {0};
    if (avsp_fd_pread_all(fd, owner, sizeof owner - 1, 0, &len, &ignored) != AVSP_OK)
        len = 0;
    owner[len] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    return avsp_err_set(err, AVSP_PRECONDITION,
                        "another avspl1t encode is at work there%s%s (it holds %s/%s)",
                        owner[0] != '\0' ? ": " : "", owner, path, LOCK_NAME);
}

/// Only for the message above: that it cannot be written is no reason not to encode.
static void sign_lock(int fd)
{
    char host[HOST_NAME_MAX + 1] = "";
    char owner[OWNER_BYTES];
    struct avsp_err ignored = {0};
    (void)gethostname(host, sizeof host - 1);
    int n = snprintf(owner, sizeof owner, "process %jd on %s\n", (intmax_t)getpid(), host);
    if (ftruncate(fd, 0) == 0)
        (void)!avsp_fd_write_all(fd, owner, (size_t)n, &ignored);
}

/// Opens the lock file in the folder and locks it. @return NOT_FOUND where its owner has just removed it: try again.
static enum avsp_code try_lock(int folder, const char *path, int *ret_fd, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%s/%s", path, LOCK_NAME);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? refuse_second(fd, path, err)
                                    : avsp_err_set_errno(err, errno, "lock %s/%s", path, LOCK_NAME);
    struct stat ours;
    struct stat there;
    if (fstat(fd, &ours) != 0 || fstatat(folder, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
        return avsp_err_set(err, AVSP_NOT_FOUND, "%s/%s was replaced", path, LOCK_NAME);
    sign_lock(fd);
    *ret_fd = avsp_fd_take(&fd);
    return AVSP_OK;
}

/// What another user put there is neither opened nor removed.
static enum avsp_code check_owner(int folder, const char *path, struct avsp_err *err)
{
    struct stat st;
    if (fstat(folder, &st) != 0)
        return avsp_err_set_errno(err, errno, "%s", path);
    if (st.st_uid != geteuid())
        return avsp_err_set(err, AVSP_DENIED, "%s belongs to another user", path);
    return AVSP_OK;
}

static void undo_making(const char *path, int folder)
{
    unlinkat(folder, LOCK_NAME, 0);
    rmdir(path);
}

/// Makes OUTPUT/.avspl1t and locks it.
static enum avsp_code make_and_lock(struct avsp_private *priv, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (int i = 0; i < LOCK_TRIES; i++) {
        bool made = mkdir(priv->path, 0700) == 0;
        if (!made && errno != EEXIST)
            return avsp_err_set_errno(err, errno, "make the folder %s", priv->path);
        int AVSP_CLEANUP(avsp_fd_cleanup) folder =
            open(priv->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0 && errno == ENOENT)
            continue;
        if (folder < 0) {
            avsp_err_set_errno(err, errno, "open %s", priv->path);
            if (made)
                rmdir(priv->path);
            return err->code;
        }
        rc = made ? AVSP_OK : check_owner(folder, priv->path, err);
        if (rc == AVSP_OK)
            rc = try_lock(folder, priv->path, &priv->lock_fd, err);
        if (rc == AVSP_OK)
            priv->fd = avsp_fd_take(&folder);
        else if (made && rc != AVSP_PRECONDITION)
            undo_making(priv->path, folder);
        if (rc != AVSP_NOT_FOUND)
            return rc;
    }
    return rc;
}

enum avsp_code avsp_private_open(struct avsp_private *priv, const char *output,
                                 struct avsp_arena *arena, struct avsp_err *err)
{
    *priv = (struct avsp_private){.fd = -1, .lock_fd = -1, .state_fd = -1};
    priv->path = avsp_arena_printf(arena, "%s/%s", output, AVSP_PRIVATE_NAME);
    if (priv->path == NULL)
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = make_and_lock(priv, err);
    if (rc != AVSP_OK)
        return rc;
    priv->is_open = true;
    rc = avsp_identity_read(priv->fd, arena, &priv->identity, err);
    priv->is_kept = rc == AVSP_OK;
    priv->is_damaged =
        rc == AVSP_CORRUPT || (rc == AVSP_NOT_FOUND && !avsp_tree_holds_only(priv->fd, LOCK_NAME));
    if (rc == AVSP_OK || rc == AVSP_NOT_FOUND || rc == AVSP_CORRUPT)
        return AVSP_OK;
    if (avsp_tree_holds_only(priv->fd, LOCK_NAME))
        undo_making(priv->path, priv->fd);
    avsp_private_close(priv);
    return rc;
}

/// Is a folder one that holds the state of an encode of ours, and nothing else?
static bool is_state_folder(const char *path)
{
    const char *name = strrchr(path, '/');
    struct stat st;
    return path[0] == '/' && strncmp(name + 1, STATE_PREFIX, strlen(STATE_PREFIX)) == 0 &&
           lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static void remove_kept(struct avsp_private *priv)
{
    // First of all: nobody goes on with what is half removed.
    avsp_identity_remove(priv->fd);
    if (priv->is_kept && priv->identity.state[0] != '\0' && is_state_folder(priv->identity.state))
        avsp_tree_remove(AT_FDCWD, priv->identity.state);
    avsp_tree_clear(priv->fd, LOCK_NAME);
    priv->is_kept = priv->is_damaged = false;
}

/// Can the file system of a folder hold a database and a socket?
static bool is_fit(int folder)
{
    struct statfs fs;
    if (fstatfs(folder, &fs) != 0 ||
        avsp_folder_network_fs((unsigned long)fs.f_type & 0xffffffffUL) != NULL)
        return false;
    static const char name[] = "socket-try";
    unlinkat(folder, name, 0);
    bool made = mknodat(folder, name, S_IFSOCK | 0600, 0) == 0;
    unlinkat(folder, name, 0);
    return made;
}

/// Makes a folder for the state below @p base, where that is fit. @return false: it is not.
static bool make_state_below(struct avsp_private *priv, const char *base, struct avsp_arena *arena)
{
    char *path = avsp_arena_printf(arena, "%s/%sXXXXXX", base, STATE_PREFIX);
    if (path == NULL || mkdtemp(path) == NULL)
        return false;
    priv->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    priv->state_path = path;
    if (priv->state_fd >= 0 && is_fit(priv->state_fd))
        return true;
    avsp_fd_cleanup(&priv->state_fd);
    priv->state_path = NULL;
    rmdir(path);
    return false;
}

static enum avsp_code stay_inside(struct avsp_private *priv, struct avsp_err *err)
{
    priv->state_path = priv->path;
    priv->state_fd = fcntl(priv->fd, F_DUPFD_CLOEXEC, 0);
    return priv->state_fd >= 0 ? AVSP_OK : avsp_err_set_errno(err, errno, "open %s", priv->path);
}

static enum avsp_code make_state(struct avsp_private *priv, struct avsp_arena *arena,
                                 struct avsp_err *err)
{
    if (is_fit(priv->fd))
        return stay_inside(priv, err);
    const char *tmp = getenv("TMPDIR");
    const char *home = NULL;
    struct avsp_err ignored = {0};
    if (avsp_folder_state(arena, &home, &ignored) == AVSP_OK && make_state_below(priv, home, arena))
        return AVSP_OK;
    if (make_state_below(priv, tmp != NULL && tmp[0] == '/' ? tmp : "/tmp", arena))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_UNSUPPORTED,
                        "no place for the database: %s is on a network file system or on one that "
                        "knows no sockets, and so are the user's state folder and TMPDIR: name a "
                        "folder on a local disk in XDG_STATE_HOME",
                        priv->path);
}

static enum avsp_code write_before(struct avsp_private *priv, const struct avsp_buf *before,
                                   struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(priv->fd, BEFORE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%s/%s", priv->path, BEFORE_NAME);
    if (avsp_fd_write_all(fd, before->data, before->len, err) != AVSP_OK)
        return avsp_err_wrap(err, "%s/%s", priv->path, BEFORE_NAME);
    return fsync(fd) == 0 ? AVSP_OK
                          : avsp_err_set_errno(err, errno, "%s/%s", priv->path, BEFORE_NAME);
}

enum avsp_code avsp_private_begin(struct avsp_private *priv, const struct avsp_identity *identity,
                                  const struct avsp_buf *before, struct avsp_arena *arena,
                                  struct avsp_err *err)
{
    remove_kept(priv);
    enum avsp_code rc = make_state(priv, arena, err);
    if (rc == AVSP_OK && before != NULL && before->len > 0)
        rc = write_before(priv, before, err);
    if (rc != AVSP_OK)
        return rc;
    priv->identity = *identity;
    priv->identity.state = priv->state_path != priv->path ? priv->state_path : "";
    priv->is_kept = true;
    if (avsp_identity_write(&priv->identity, priv->fd, err) != AVSP_OK)
        return avsp_err_wrap(err, "%s", priv->path);
    return AVSP_OK;
}

enum avsp_code avsp_private_resume(struct avsp_private *priv, struct avsp_err *err)
{
    const struct avsp_identity *identity = &priv->identity;
    if (identity->state[0] == '\0')
        return stay_inside(priv, err);
    priv->state_path = identity->state;
    if (is_state_folder(identity->state))
        priv->state_fd = open(identity->state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (priv->state_fd >= 0)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_NOT_FOUND,
                        "what is known of it was in %.300s on %.100s, and is not there any more",
                        identity->state, identity->host);
}

enum avsp_code avsp_private_before(struct avsp_private *priv, struct avsp_buf *ret_before,
                                   struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(priv->fd, BEFORE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return AVSP_OK;
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%s/%s", priv->path, BEFORE_NAME);
    char block[BLOCK_BYTES];
    uint64_t offset = 0;
    for (size_t n = sizeof block; n == sizeof block; offset += n) {
        if (avsp_fd_pread_all(fd, block, sizeof block, offset, &n, err) != AVSP_OK)
            return avsp_err_wrap(err, "%s/%s", priv->path, BEFORE_NAME);
        avsp_buf_append(ret_before, block, n);
    }
    return avsp_buf_check(ret_before, err);
}

void avsp_private_close(struct avsp_private *priv)
{
    if (!priv->is_open)
        return;
    avsp_fd_cleanup(&priv->state_fd);
    avsp_fd_cleanup(&priv->fd);
    avsp_fd_cleanup(&priv->lock_fd);
    priv->is_open = false;
}

void avsp_private_remove(struct avsp_private *priv)
{
    if (!priv->is_open)
        return;
    remove_kept(priv);
    // A state that no identity names yet.
    if (priv->state_path != NULL && priv->state_path != priv->path)
        avsp_tree_remove(AT_FDCWD, priv->state_path);
    // The lock goes last: until then nobody else takes the folder.
    unlinkat(priv->fd, LOCK_NAME, 0);
    rmdir(priv->path);
    avsp_private_close(priv);
}
