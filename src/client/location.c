#include "client/location.h"

#include "util/buf.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/// "BUCKET/KEY", after "s3://".
static enum avsp_code parse_s3(struct avsp_arena *arena, const char *text,
                               struct avsp_location *ret_loc, struct avsp_err *err)
{
    size_t len = strcspn(text, "/");
    if (len == 0)
        return avsp_err_set(err, AVSP_INVALID, "s3://%.200s: the bucket is missing", text);
    *ret_loc = avsp_location_s3(avsp_arena_strndup(arena, text, len),
                                avsp_arena_strdup(arena, text + len + (text[len] == '/')));
    if (ret_loc->bucket == NULL || ret_loc->path == NULL)
        return avsp_arena_failed(arena, err);
    return AVSP_OK;
}

/// Replaces @p path by the parent of the folder that it leads to.
static enum avsp_code go_up(struct avsp_buf *path, struct avsp_err *err)
{
    char real[PATH_MAX];
    if (realpath(path->len > 0 ? path->data : "/", real) == NULL)
        return avsp_err_set_errno(err, errno, "%s", avsp_buf_text(path));
    *strrchr(real, '/') = '\0'; // realpath gives an absolute path
    avsp_buf_clear(path);
    avsp_buf_puts(path, real);
    return AVSP_OK;
}

/// Puts the parts of @p text behind @p path, which has no '/' at its end.
static enum avsp_code add_parts(struct avsp_buf *path, const char *text, struct avsp_err *err)
{
    for (const char *part = text; *part != '\0';) {
        size_t len = strcspn(part, "/");
        enum avsp_code rc = AVSP_OK;
        if (len == 2 && memcmp(part, "..", 2) == 0) {
            rc = go_up(path, err);
        } else if (len > 0 && !(len == 1 && part[0] == '.')) {
            avsp_buf_puts(path, "/");
            avsp_buf_append(path, part, len);
        }
        if (rc != AVSP_OK)
            return rc;
        part += len + (part[len] == '/');
    }
    return AVSP_OK;
}

enum avsp_code avsp_cmd_location(struct avsp_arena *arena, const char *text,
                                 struct avsp_location *ret_loc, struct avsp_err *err)
{
    if (strncmp(text, "s3://", 5) == 0)
        return parse_s3(arena, text + 5, ret_loc, err);
    if (text[0] == '\0')
        return avsp_err_set(err, AVSP_INVALID, "an empty path");
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) path;
    avsp_buf_init(&path, AVSP_PATH_MAX_BYTES);
    if (text[0] != '/') {
        char cwd[PATH_MAX];
        if (getcwd(cwd, sizeof cwd) == NULL)
            return avsp_err_set_errno(err, errno, "find the current folder");
        avsp_buf_puts(&path, strcmp(cwd, "/") == 0 ? "" : cwd);
    }
    enum avsp_code rc = add_parts(&path, text, err);
    if (rc == AVSP_OK)
        rc = avsp_buf_check(&path, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "%.200s", text);
    *ret_loc = avsp_location_fs(avsp_arena_strdup(arena, path.len > 0 ? path.data : "/"));
    return ret_loc->path != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}
