#include "client/presentation.h"

#include "client/location.h"
#include "client/stores.h"
#include "client/tree.h"
#include "core/naming.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_BYTES ((size_t)64 << 10)
#define PEEK_BYTES 65536 ///< of a playlist, to find out what it is
#define ENDING ".m3u8"

static const char *const usual_names[] = {AVSP_MANIFEST_NAME, "master.m3u8"};

/// The playlists that lie in a folder.
struct choice {
    struct avsp_arena *arena;
    char *only; ///< the one whose name counts
    unsigned n_multivariant;
    unsigned n;
};

/// Is it a multivariant playlist? Reads the beginning of a regular file; anything else is none.
static bool is_multivariant(int folder, const char *name)
{
    char text[PEEK_BYTES + 1];
    size_t len = 0;
    struct avsp_err ignored = {0};
    struct stat st;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        avsp_fd_pread_all(fd, text, PEEK_BYTES, 0, &len, &ignored) != AVSP_OK)
        return false;
    text[len] = '\0';
    return strstr(text, "#EXT-X-STREAM-INF") != NULL;
}

static bool consider(void *opaque, int folder, const char *name)
{
    struct choice *choice = opaque;
    size_t n = strlen(name);
    if (n <= strlen(ENDING) || strcmp(name + n - strlen(ENDING), ENDING) != 0)
        return true;
    bool multivariant = is_multivariant(folder, name);
    choice->n++;
    choice->n_multivariant += multivariant;
    if (choice->only == NULL || multivariant)
        choice->only = avsp_arena_strdup(choice->arena, name);
    return choice->only != NULL;
}

static enum avsp_code choose(struct avsp_arena *arena, const char *path, const char **ret_name,
                             struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return avsp_err_set_errno(err, errno, "%s", path);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(usual_names); i++)
        if (faccessat(folder, usual_names[i], F_OK, 0) == 0) {
            *ret_name = usual_names[i];
            return AVSP_OK;
        }
    struct choice choice = {.arena = arena};
    if (!avsp_tree_each(folder, consider, &choice))
        return avsp_err_set(err, AVSP_UNAVAILABLE, "%s: it cannot be read", path);
    if (choice.n == 0)
        return avsp_err_set(err, AVSP_NOT_FOUND, "%s holds no playlist (*" ENDING ")", path);
    if (choice.n_multivariant > 1 || (choice.n > 1 && choice.n_multivariant == 0))
        return avsp_err_set(err, AVSP_INVALID, "%s holds several playlists: name the one to check",
                            path);
    *ret_name = choice.only;
    return AVSP_OK;
}

/// Splits the path of a playlist into its folder and its name.
static enum avsp_code split(struct avsp_arena *arena, const char *path, struct avsp_presentation *p,
                            struct avsp_err *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = (size_t)(slash - path);
    p->folder.path = avsp_arena_strndup(arena, path, AVSP_MAX(n, (size_t)1));
    p->playlist = slash + 1;
    return p->folder.path != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

/// One in S3 is named by its folder, with a playlist of one of the usual names, or by its playlist.
static enum avsp_code open_stored(struct avsp_arena *arena, struct avsp_presentation *p,
                                  struct avsp_err *err)
{
    size_t n = strlen(p->folder.path), m = strlen(ENDING);
    p->store = avsp_stores_open(err);
    if (p->store == NULL || avsp_storage_lend(p->store, &p->folder, true, arena, err) != AVSP_OK)
        return err->code;
    if (n > m && strcmp(p->folder.path + n - m, ENDING) == 0) {
        const char *slash = strrchr(p->folder.path, '/');
        p->playlist = slash != NULL ? slash + 1 : p->folder.path;
        p->folder.path =
            avsp_arena_strndup(arena, p->folder.path, (size_t)(p->playlist - p->folder.path));
        return p->folder.path != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
    }
    enum avsp_code rc = AVSP_NOT_FOUND;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(usual_names) && rc == AVSP_NOT_FOUND; i++) {
        struct avsp_location file;
        struct avsp_stat st;
        p->playlist = usual_names[i];
        rc = avsp_location_join(arena, &p->folder, usual_names[i], &file, err);
        if (rc == AVSP_OK)
            rc = avsp_storage_stat(p->store, &file, &st, err);
    }
    return rc;
}

enum avsp_code avsp_presentation_open(struct avsp_arena *arena, const char *text,
                                      struct avsp_presentation *ret_presentation,
                                      struct avsp_err *err)
{
    struct avsp_presentation *p = ret_presentation;
    *p = (struct avsp_presentation){0};
    struct stat st;
    enum avsp_code rc = avsp_cmd_location(arena, text, &p->folder, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_arena_init(&p->names, NAMES_BYTES);
    if (p->folder.kind == AVSP_LOCATION_S3)
        return open_stored(arena, p, err);
    if (stat(p->folder.path, &st) != 0)
        return avsp_err_set_errno(err, errno, "%s", p->folder.path);
    if (S_ISREG(st.st_mode))
        rc = split(arena, p->folder.path, p, err);
    else if (S_ISDIR(st.st_mode))
        rc = choose(arena, p->folder.path, &p->playlist, err);
    else
        rc = avsp_err_set(err, AVSP_INVALID, "%s is neither a folder nor a playlist",
                          p->folder.path);
    if (rc != AVSP_OK)
        return rc;
    const char *const roots[] = {p->folder.path};
    p->store = avsp_storage_new(
        &(struct avsp_storage_options){.allow_roots = roots, .n_allow_roots = 1}, err);
    return p->store != NULL ? AVSP_OK : err->code;
}

static void forget(struct avsp_presentation *p)
{
    if (p->reader != NULL)
        avsp_reader_close(p->reader);
    p->reader = NULL;
    free(p->path);
    p->path = NULL;
}

void avsp_presentation_close(struct avsp_presentation *presentation)
{
    forget(presentation);
    if (presentation->store != NULL)
        avsp_storage_free(presentation->store);
    presentation->store = NULL;
    avsp_arena_deinit(&presentation->names);
}

static enum avsp_code open_file(struct avsp_presentation *p, const char *path, struct avsp_err *err)
{
    struct avsp_location file;
    forget(p);
    avsp_arena_clear(&p->names);
    enum avsp_code rc = avsp_location_join(&p->names, &p->folder, path, &file, err);
    if (rc != AVSP_OK)
        return rc;
    p->reader = avsp_storage_open(p->store, &file, err);
    if (p->reader == NULL)
        return err->code;
    p->path = strdup(path);
    return p->path != NULL ? AVSP_OK : avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
}

enum avsp_code avsp_presentation_read(void *opaque, const char *path, uint64_t offset,
                                      void *ret_bytes, size_t len, size_t *ret_len,
                                      uint64_t *ret_file_bytes, struct avsp_err *err)
{
    struct avsp_presentation *p = opaque;
    if (p->path == NULL || strcmp(p->path, path) != 0) {
        enum avsp_code rc = open_file(p, path, err);
        if (rc != AVSP_OK)
            return rc;
    }
    *ret_file_bytes = avsp_reader_bytes(p->reader);
    return avsp_reader_read(p->reader, offset, ret_bytes, len, ret_len, err);
}
