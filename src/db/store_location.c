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

static enum avsp_code store_secret(struct avsp_tx *tx, const char *job_id, enum avsp_role role,
                                   const struct avsp_location *loc, struct avsp_err *err)
{
    static const char sql[] = "INSERT INTO secrets (job_id, role, access_key_id, secret_access_key,"
                              " session_token) VALUES ($1, $2, $3, $4, $5)";
    const char *id = text_of(loc->access_key_id);
    const char *secret = text_of(loc->secret_access_key.text);
    int64_t changed = 0;
    if (loc->kind != AVSP_LOCATION_S3 || (id[0] == '\0' && secret[0] == '\0'))
        return AVSP_OK;
    return avsp_tx_exec(tx, sql,
                        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(role), avsp_text(id),
                                     avsp_text(secret),
                                     avsp_text(text_of(loc->session_token.text))),
                        &changed, err);
}

enum avsp_code avsp_secrets_store(struct avsp_tx *tx, const char *job_id,
                                  const struct avsp_job_spec *spec, struct avsp_err *err)
{
    enum avsp_code rc = store_secret(tx, job_id, AVSP_ROLE_INPUT, &spec->input, err);
    if (rc == AVSP_OK)
        rc = store_secret(tx, job_id, AVSP_ROLE_WORK, &spec->work, err);
    if (rc == AVSP_OK)
        rc = store_secret(tx, job_id, AVSP_ROLE_OUTPUT, &spec->output, err);
    return rc;
}

enum avsp_code avsp_secrets_load(struct avsp_tx *tx, const char *job_id, bool with_secret,
                                 struct avsp_arena *arena, struct avsp_places *places,
                                 struct avsp_err *err)
{
    static const char public_sql[] =
        "SELECT role, access_key_id, '', '' FROM secrets WHERE job_id = $1";
    static const char secret_sql[] =
        "SELECT role, access_key_id, secret_access_key, session_token FROM secrets"
        " WHERE job_id = $1";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(tx->db, with_secret ? secret_sql : public_sql,
                                      AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        int64_t role = avsp_db_i64(&rows, 0);
        if (role < AVSP_ROLE_INPUT || role > AVSP_ROLE_OUTPUT)
            continue;
        struct avsp_location *loc = &places->at[role];
        if (!avsp_column(arena, &rows, 1, &loc->access_key_id) ||
            !avsp_column(arena, &rows, 2, &loc->secret_access_key.text) ||
            !avsp_column(arena, &rows, 3, &loc->session_token.text))
            return avsp_arena_failed(arena, err);
    }
    return rc;
}

enum avsp_code avsp_secrets_forget(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] = "UPDATE secrets SET secret_access_key = '', session_token = '' "
                              "WHERE job_id = $1 AND secret_access_key <> ''";
    int64_t changed = 0;
    return avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &changed, err);
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
