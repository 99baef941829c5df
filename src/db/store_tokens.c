/// Tokens that let somebody in, and whose a job is.
#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

static enum avsp_code add_once(struct avsp_store *store, const struct avsp_access_token *token,
                               int64_t lifetime_us, struct avsp_err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM tokens";
    static const char sql[] = "INSERT INTO tokens (id, hash, role, name, created_us, expires_us)"
                              " VALUES ($1, $2, $3, $4, $5, $6)";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    int64_t n = 0;
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(&tx, count_sql, AVSP_DB_NO_ARGS, &n, err);
    if (rc == AVSP_OK && n >= AVSP_ACCESS_TOKENS_MAX)
        rc = avsp_err_set(err, AVSP_LIMIT,
                          "there are %" PRId64 " tokens already: revoke some that nobody uses", n);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, sql,
                          AVSP_DB_ARGS(avsp_text(token->id), avsp_text(token->hash),
                                       avsp_i64(token->role), avsp_text(token->name),
                                       avsp_i64(tx.now_us),
                                       avsp_i64(lifetime_us > 0 ? tx.now_us + lifetime_us : 0)),
                          &changed, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_add_token(struct avsp_store *store, const struct avsp_access_token *token,
                                    int64_t lifetime_us, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = add_once(store, token, lifetime_us, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code revoke_once(struct avsp_store *store, const char *id, struct avsp_err *err)
{
    static const char sql[] = "DELETE FROM tokens WHERE id = $1";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, sql, AVSP_DB_ARGS(avsp_text(id)), &changed, err);
    if (rc == AVSP_OK && changed == 0)
        rc = avsp_err_set(err, AVSP_NOT_FOUND, "there is no token %.64s", id);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_revoke_token(struct avsp_store *store, const char *id,
                                       struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = revoke_once(store, id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code list_once(struct avsp_store *store, bool live_only, struct avsp_arena *arena,
                                struct avsp_access_token **ret_tokens, size_t *ret_n,
                                struct avsp_err *err)
{
    static const char sql[] =
        "SELECT id, hash, role, name, created_us, expires_us FROM tokens"
        " WHERE $1 = 0 OR expires_us = 0 OR expires_us > $1 ORDER BY name, created_us, id LIMIT $2";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_access_token *tokens =
        avsp_arena_array(arena, AVSP_ACCESS_TOKENS_MAX, sizeof *tokens);
    if (tokens == NULL)
        return avsp_arena_failed(arena, err);
    size_t n = 0;
    bool more = false;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(
        tx.db, sql,
        AVSP_DB_ARGS(avsp_i64(live_only ? tx.now_us : 0), avsp_i64(AVSP_ACCESS_TOKENS_MAX)), &rows,
        err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_access_token *token = &tokens[n++];
        token->role = (enum avsp_access)avsp_db_i64(&rows, 2);
        token->created_us = avsp_db_i64(&rows, 4);
        token->expires_us = avsp_db_i64(&rows, 5);
        if (!avsp_column(arena, &rows, 0, &token->id) ||
            !avsp_column(arena, &rows, 1, &token->hash) ||
            !avsp_column(arena, &rows, 3, &token->name))
            return avsp_arena_failed(arena, err);
    }
    *ret_tokens = tokens;
    *ret_n = n;
    return rc;
}

enum avsp_code avsp_store_list_tokens(struct avsp_store *store, bool live_only,
                                      struct avsp_arena *arena,
                                      struct avsp_access_token **ret_tokens, size_t *ret_n,
                                      struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = list_once(store, live_only, arena, ret_tokens, ret_n, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code owner_once(struct avsp_store *store, const char *job_id,
                                 struct avsp_arena *arena, const char **ret_owner,
                                 struct avsp_err *err)
{
    static const char sql[] = "SELECT owner FROM jobs WHERE id = $1 AND state <> 6";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc =
        avsp_tx_begin_single(store, sql, AVSP_DB_ARGS(avsp_text(job_id)), &tx, &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && !more)
        rc = avsp_no_job(job_id, err);
    if (rc == AVSP_OK && !avsp_column(arena, &rows, 0, ret_owner))
        rc = avsp_arena_failed(arena, err);
    return rc;
}

enum avsp_code avsp_store_job_owner(struct avsp_store *store, const char *job_id,
                                    struct avsp_arena *arena, const char **ret_owner,
                                    struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = owner_once(store, job_id, arena, ret_owner, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
