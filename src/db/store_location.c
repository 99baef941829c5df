#include "core/record.h"
#include "db/internal.h"

#include <string.h>

/// Prefix of a location's fields in a column of its own.
#define AT "at"

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

enum avsp_code avsp_location_store(struct avsp_arena *arena, const struct avsp_location *loc,
                                   const char **ret_text, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
    avsp_record_begin(&buf, "location");
    avsp_record_put_location(&buf, AT, loc);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_LIMIT)
        return avsp_err_set(err, AVSP_INVALID, "a location is too long");
    if (rc != AVSP_OK)
        return rc;
    *ret_text = avsp_arena_strdup(arena, avsp_buf_text(&buf));
    return *ret_text != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

enum avsp_code avsp_location_load(struct avsp_arena *arena, const char *text,
                                  struct avsp_location *ret_loc, struct avsp_err *err)
{
    if (text[0] == '\0') {
        *ret_loc = avsp_location_none();
        return AVSP_OK;
    }
    struct avsp_record rec;
    enum avsp_code rc = avsp_record_parse(arena, text, &rec, err);
    if (rc == AVSP_OK) {
        *ret_loc = avsp_record_location(&rec, AT);
        rc = avsp_record_check(&rec, err);
    }
    if (rc == AVSP_OK || rc == AVSP_NO_MEMORY)
        return rc;
    err->code = AVSP_CORRUPT;
    return avsp_err_wrap(err, "a location in the database");
}

/// "/a//b/./c/" → "/a/b/c".
static void squeeze_path(char *path)
{
    char *to = path;
    for (const char *part = path; *part != '\0';) {
        size_t slashes = strspn(part, "/");
        size_t n = strcspn(part + slashes, "/");
        const char *from = part + slashes;
        part = from + n;
        if (n == 0 || (n == 1 && from[0] == '.'))
            continue;
        *to++ = '/';
        memmove(to, from, n);
        to += n;
    }
    *to = '\0';
}

static char *without_slashes_at_end(struct avsp_arena *arena, const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '/')
        n--;
    return avsp_arena_strndup(arena, text, n);
}

const char *avsp_output_key(struct avsp_arena *arena, const struct avsp_location *output)
{
    if (output->kind == AVSP_LOCATION_FS) {
        // squeeze_path never makes a path longer, for it begins with '/'.
        char *path = avsp_arena_printf(arena, "/%s", text_of(output->path));
        if (path == NULL)
            return NULL;
        squeeze_path(path);
        return avsp_arena_printf(arena, "fs:%s", path);
    }
    char *endpoint = without_slashes_at_end(arena, text_of(output->endpoint));
    char *path = without_slashes_at_end(arena, text_of(output->path));
    if (endpoint == NULL || path == NULL)
        return NULL;
    return avsp_arena_printf(arena, "s3:%s/%s/%s", endpoint, text_of(output->bucket), path);
}

void avsp_location_inherit(struct avsp_location *loc, const struct avsp_location *folder)
{
    if (loc->kind != AVSP_LOCATION_S3 || folder->kind != AVSP_LOCATION_S3)
        return;
    if (loc->region[0] == '\0')
        loc->region = folder->region;
    if (loc->endpoint[0] == '\0')
        loc->endpoint = folder->endpoint;
    // A worker names the file, the submitter gave the credentials: they go to the submitter's endpoint and no other.
    if (strcmp(loc->endpoint, folder->endpoint) != 0)
        return;
    loc->access_key_id = folder->access_key_id;
    loc->secret_access_key = folder->secret_access_key;
    loc->session_token = folder->session_token;
    loc->style = folder->style;
    loc->anonymous = folder->anonymous;
}
