#include "coordinator/keys.h"

#include "util/fd.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLE "AVSPL1T_KEYRING"
#define SQLITE "sqlite://"
#define ENDING ".keyring"
#define FIRST_ID "first"
#define KEYRING_MAX_BYTES ((size_t)64 << 10)
#define ARENA_BYTES (2 * KEYRING_MAX_BYTES)

static enum avsp_code read_file(struct avsp_keys *keys, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    char *text = NULL;
    // Marked before it is read: what changes in between is read again.
    keys->mark = avsp_file_mark(keys->path);
    enum avsp_code rc = avsp_file_read(&arena, keys->path, KEYRING_MAX_BYTES, &text, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "--keyring");
    rc = avsp_keyring_set(&keys->ring, text, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "--keyring %.300s", keys->path);
}

/// Others who could read it could open what it seals.
static void warn_of_readers(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXO)) != 0)
        avsp_log(AVSP_LOG_WARN, "keyring.readable", "file=%s why=\"others may read it: chmod o=\"",
                 AVSP_LOG_Q(path));
}

/// Takes a keyring out of the environment: what /proc shows of it is overwritten.
static enum avsp_code take_variable(struct avsp_keys *keys, bool *ret_found, struct avsp_err *err)
{
    char *text = getenv(VARIABLE);
    *ret_found = text != NULL && text[0] != '\0';
    if (!*ret_found)
        return AVSP_OK;
    enum avsp_code rc = avsp_keyring_set(&keys->ring, text, err);
    explicit_bzero(text, strlen(text));
    unsetenv(VARIABLE);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, VARIABLE);
}

/// A power cut must not take the name of a keyring that something was sealed with.
static enum avsp_code sync_folder_of(const char *path, struct avsp_err *err)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path) + 1, path);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? AVSP_OK : avsp_err_set_errno(err, errno, "%.300s", folder);
}

/// Writes a new keyring under a name of its own, so that nobody sees half of it; whoever comes second finds the first one's.
static enum avsp_code write_new(const char *path, const char *text, struct avsp_err *err)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return avsp_err_set(err, AVSP_INVALID, "%.300s: too long", path);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%.300s", temporary);
    enum avsp_code rc = avsp_fd_write_all(fd, text, strlen(text), err);
    if (rc == AVSP_OK && (fsync(fd) != 0 || (link(temporary, path) != 0 && errno != EEXIST)))
        rc = avsp_err_set_errno(err, errno, "%.300s", path);
    unlink(temporary);
    return rc == AVSP_OK ? sync_folder_of(path, err) : rc;
}

static enum avsp_code make_file(const char *path, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    char *text = NULL;
    if (access(path, F_OK) == 0)
        return AVSP_OK;
    enum avsp_code rc = avsp_keyring_make(FIRST_ID, &arena, &text, err);
    return rc == AVSP_OK ? write_new(path, text, err) : rc;
}

/// The keyring beside a database in a file.
static enum avsp_code open_beside(struct avsp_keys *keys, const char *database,
                                  struct avsp_err *err)
{
    if (asprintf(&keys->path, "%s" ENDING, database) < 0) {
        keys->path = NULL;
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    }
    enum avsp_code rc = make_file(keys->path, err);
    return rc == AVSP_OK ? read_file(keys, err) : avsp_err_wrap(err, "make a keyring");
}

void avsp_keys_init(struct avsp_keys *keys)
{
    *keys = (struct avsp_keys){.is_inited = true};
    avsp_keyring_init(&keys->ring);
}

enum avsp_code avsp_keys_open(struct avsp_keys *keys, const struct avsp_config *config,
                              struct avsp_err *err)
{
    bool found = false;
    free(keys->path);
    keys->path = NULL;
    if (config->keyring != NULL) {
        keys->path = strdup(config->keyring);
        if (keys->path == NULL)
            return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        warn_of_readers(keys->path);
        return read_file(keys, err);
    }
    enum avsp_code rc = take_variable(keys, &found, err);
    if (rc == AVSP_OK && !found && strncmp(config->db_url, SQLITE, strlen(SQLITE)) == 0)
        rc = open_beside(keys, config->db_url + strlen(SQLITE), err);
    return rc;
}

void avsp_keys_close(struct avsp_keys *keys)
{
    if (!keys->is_inited)
        return;
    avsp_keyring_deinit(&keys->ring);
    free(keys->path);
    *keys = (struct avsp_keys){0};
}

void avsp_keys_look(struct avsp_keys *keys)
{
    struct avsp_err err = {0};
    struct avsp_file_mark mark = avsp_file_mark(keys->path);
    bool was_refused = keys->refused.code != AVSP_OK;
    if (keys->path == NULL || (avsp_file_mark_equal(&mark, &keys->mark) && !was_refused))
        return;
    // What is refused may be so for a moment only: it is read again at each look, and told of once.
    if (read_file(keys, &err) == AVSP_OK)
        avsp_log(AVSP_LOG_INFO, "keyring.read", "file=%s keys=%zu", AVSP_LOG_Q(keys->path),
                 keys->ring.n_keys);
    else if (strcmp(err.text, keys->refused.text) != 0)
        avsp_log(AVSP_LOG_WARN, "keyring.refused", "why=%s", AVSP_LOG_Q(err.text));
    keys->refused = err;
}
