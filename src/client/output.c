#include "client/output.h"

#include "client/private.h"
#include "client/tree.h"
#include "core/naming.h"
#include "storage/sha256.h"
#include "storage/storage.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// A presentation has a few thousand files; a folder with more names of ours than this is no presentation.
#define NAMES_MAX 4000000
/// A manifest has a few lines for each rendition; of a longer one the beginning tells enough.
#define MANIFEST_MAX_BYTES ((size_t)1 << 20)

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static bool was_before(const struct avsp_output *output, const char *name)
{
    return output->n_before > 0 && bsearch(&name, output->before, output->n_before,
                                           sizeof output->before[0], compare_names) != NULL;
}

struct visit {
    struct avsp_output *output;
    const char *rendition;
    bool (*each)(struct avsp_output *output, int folder, const char *leaf, const char *name);
};

static bool visit_file(void *opaque, int folder, const char *leaf)
{
    const struct visit *visit = opaque;
    char name[2 * NAME_MAX];
    snprintf(name, sizeof name, "%s/%s", visit->rendition, leaf);
    bool is_unfinished =
        strncmp(leaf, AVSP_STORAGE_TMP_PREFIX, strlen(AVSP_STORAGE_TMP_PREFIX)) == 0;
    return (!is_unfinished && !avsp_name_is_ours(name)) ||
           visit->each(visit->output, folder, leaf, name);
}

static bool visit_entry(void *opaque, int folder, const char *name)
{
    const struct visit *outer = opaque;
    if (!avsp_name_is_folder(name, strlen(name)))
        return true;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    // No folder, or one that is not to be read: nothing in there will be removed either.
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP || errno == ENOENT || errno == EACCES;
    struct visit visit = {.output = outer->output, .rendition = name, .each = outer->each};
    return avsp_tree_each(fd, visit_file, &visit);
}

/// Calls @p each for every file of ours in the folders of renditions. @return false where it stopped.
static bool each_file(struct avsp_output *output,
                      bool (*each)(struct avsp_output *output, int folder, const char *leaf,
                                   const char *name))
{
    struct visit visit = {.output = output, .each = each};
    return avsp_tree_each(output->fd, visit_entry, &visit);
}

static bool add_before(struct avsp_output *output, const char *name, size_t len)
{
    if (output->n_before == output->cap_before) {
        size_t cap = AVSP_MAX((size_t)64, 2 * output->cap_before);
        char **grown = cap <= NAMES_MAX ? reallocarray(output->before, cap, sizeof grown[0]) : NULL;
        if (grown == NULL)
            return false;
        output->before = grown;
        output->cap_before = cap;
    }
    char *copy = strndup(name, len);
    if (copy == NULL)
        return false;
    output->before[output->n_before++] = copy;
    return true;
}

static bool remember(struct avsp_output *output, int folder, const char *leaf, const char *name)
{
    (void)folder;
    (void)leaf;
    return add_before(output, name, strlen(name));
}

/// Makes the folder and those above it that are missing; notes the first that it made.
static enum avsp_code make_folders(struct avsp_output *output, struct avsp_err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", output->path) >= (int)sizeof path)
        return avsp_err_set(err, AVSP_INVALID, "%.200s…: the path is too long", output->path);
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        bool made = mkdir(path, 0777) == 0;
        int errnum = errno;
        if (made && output->made_len == 0)
            output->made_len = strlen(path);
        // Some file systems say EACCES or EROFS of a folder that is there.
        struct stat st;
        if (!made && errnum != EEXIST && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
            return avsp_err_set_errno(err, errnum, "make the folder %s", output->path);
        if (slash == NULL)
            return AVSP_OK;
        *slash = '/';
    }
}

/// SHA-256 of OUTPUT/manifest.m3u8: "" where there is none, "?" where it cannot be read.
static void hash_manifest(const struct avsp_output *output, char ret_hash[AVSP_SHA256_HEX_BYTES])
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(output->fd, AVSP_MANIFEST_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool is_none = fd < 0 && errno == ENOENT;
    size_t len = 0;
    struct avsp_err ignored = {0};
    snprintf(ret_hash, AVSP_SHA256_HEX_BYTES, "%s", is_none ? "" : "?");
    char *AVSP_CLEANUP(avsp_free_ptr) text = fd >= 0 ? malloc(MANIFEST_MAX_BYTES) : NULL;
    if (text == NULL ||
        avsp_fd_pread_all(fd, text, MANIFEST_MAX_BYTES, 0, &len, &ignored) != AVSP_OK ||
        avsp_sha256_hex(text, len, ret_hash, &ignored) != AVSP_OK)
        return;
}

enum avsp_code avsp_output_taken(const char *path, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_EXISTS,
                        "%s holds a presentation already: say --overwrite to replace it, or "
                        "choose another folder",
                        path);
}

/// A finished presentation is refused before anything is touched; beside an interrupted encode it is not judged yet.
static enum avsp_code first_look(struct avsp_output *output, bool overwrite, struct avsp_err *err)
{
    output->fd = open(output->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (output->fd < 0)
        return avsp_err_set_errno(err, errno, "%s", output->path);
    hash_manifest(output, output->found_hash);
    if (output->found_hash[0] != '\0' && !overwrite &&
        faccessat(output->fd, AVSP_PRIVATE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return avsp_output_taken(output->path, err);
    if (faccessat(output->fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return avsp_err_set_errno(err, errno, "write to %s", output->path);
    return AVSP_OK;
}

enum avsp_code avsp_output_open(struct avsp_output *output, const char *path, bool overwrite,
                                struct avsp_err *err)
{
    *output = (struct avsp_output){.path = path, .fd = -1};
    enum avsp_code rc = make_folders(output, err);
    if (rc == AVSP_OK)
        rc = first_look(output, overwrite, err);
    if (rc != AVSP_OK)
        avsp_output_close(output);
    return rc;
}

static void sort_before(struct avsp_output *output)
{
    if (output->n_before > 0)
        qsort(output->before, output->n_before, sizeof output->before[0], compare_names);
}

enum avsp_code avsp_output_look(struct avsp_output *output, bool overwrite, struct avsp_err *err)
{
    avsp_output_disown(output);
    hash_manifest(output, output->found_hash);
    memcpy(output->before_hash, output->found_hash, sizeof output->before_hash);
    if (output->found_hash[0] != '\0' && !overwrite)
        return avsp_output_taken(output->path, err);
    if (!each_file(output, remember))
        return avsp_err_set(err, AVSP_LIMIT, "%s: its content cannot be listed", output->path);
    sort_before(output);
    return AVSP_OK;
}

void avsp_output_put_before(const struct avsp_output *output, struct avsp_buf *buf)
{
    for (size_t i = 0; i < output->n_before; i++)
        avsp_buf_printf(buf, "%s\n", output->before[i]);
}

enum avsp_code avsp_output_recall(struct avsp_output *output, const char *before,
                                  const char *manifest, size_t made_len, struct avsp_err *err)
{
    avsp_output_disown(output);
    snprintf(output->before_hash, sizeof output->before_hash, "%s", manifest);
    output->made_len = made_len <= strlen(output->path) ? made_len : 0;
    while (*before != '\0') {
        size_t len = strcspn(before, "\n");
        if (!add_before(output, before, len))
            return avsp_err_set(err, AVSP_LIMIT, "%s: its content cannot be listed", output->path);
        before += len + (before[len] == '\n');
    }
    sort_before(output);
    return AVSP_OK;
}

void avsp_output_disown(struct avsp_output *output)
{
    for (size_t i = 0; i < output->n_before; i++)
        free(output->before[i]);
    output->n_before = 0;
}

static bool remove_new(struct avsp_output *output, int folder, const char *leaf, const char *name)
{
    if (!was_before(output, name))
        unlinkat(folder, leaf, 0);
    return true;
}

static bool remove_unfinished(void *opaque, int folder, const char *name)
{
    (void)opaque;
    if (strncmp(name, AVSP_STORAGE_TMP_PREFIX, strlen(AVSP_STORAGE_TMP_PREFIX)) == 0)
        unlinkat(folder, name, 0);
    return true;
}

static bool remove_if_empty(void *opaque, int folder, const char *name)
{
    (void)opaque;
    if (avsp_name_is_folder(name, strlen(name)))
        unlinkat(folder, name, AT_REMOVEDIR);
    return true;
}

void avsp_output_undo(struct avsp_output *output)
{
    char now[AVSP_SHA256_HEX_BYTES];
    hash_manifest(output, now);
    bool is_new = now[0] != '\0' && strcmp(now, output->before_hash) != 0;
    bool is_ours = output->before_hash[0] == '\0' && strcmp(now, output->found_hash) != 0;
    if (is_new && !is_ours)
        return;
    if (is_new)
        unlinkat(output->fd, AVSP_MANIFEST_NAME, 0);
    (void)each_file(output, remove_new);
    (void)avsp_tree_each(output->fd, remove_unfinished, NULL);
    (void)avsp_tree_each(output->fd, remove_if_empty, NULL);
}

void avsp_output_close(struct avsp_output *output)
{
    if (output->path == NULL)
        return;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", output->path);
    // From the deepest up to the first that was made; one that is not empty keeps those above it.
    for (char *end = path + strlen(path);
         output->made_len > 0 && (size_t)(end - path) >= output->made_len;) {
        *end = '\0';
        rmdir(path);
        end = strrchr(path, '/');
    }
    avsp_output_disown(output);
    free(output->before);
    if (output->fd >= 0)
        close(output->fd);
    *output = (struct avsp_output){.fd = -1};
}
