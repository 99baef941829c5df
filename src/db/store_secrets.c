/// Credentials at rest: sealed by the keyring that the store was opened with.
#include "db/internal.h"

#include <string.h>

#define REKEYED_MAX 50  ///< rows in one transaction
#define ABOUT_BYTES 128 ///< of what is authenticated with a secret

/// The two halves that nobody may read.
enum { SECRET_KEY, SESSION_TOKEN, N_SECRETS };
static const char *const fields[N_SECRETS] = {"secret_access_key", "session_token"};

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

/// What a secret is: in another row or column it does not open.
static void about(char ret_about[ABOUT_BYTES], const char *job_id, int64_t role, int field)
{
    snprintf(ret_about, ABOUT_BYTES, "%s/%d/%s", job_id, (int)role, fields[field]);
}

/// Seals both by the key @p id. "" stays "".
static enum avsp_code seal(struct avsp_tx *tx, const char *id, const char *job_id, int64_t role,
                           const char *secrets[N_SECRETS], struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    char what[ABOUT_BYTES];
    for (int i = 0; rc == AVSP_OK && i < N_SECRETS; i++) {
        about(what, job_id, role, i);
        if (secrets[i][0] != '\0')
            rc = avsp_keyring_seal(tx->store->options.keyring, id, what, secrets[i], &tx->arena,
                                   &secrets[i], err);
    }
    return rc;
}

static enum avsp_code unseal(struct avsp_tx *tx, struct avsp_arena *arena, const char *id,
                             const char *job_id, int64_t role, const char *secrets[N_SECRETS],
                             struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    char what[ABOUT_BYTES];
    if (tx->store->options.keyring == NULL)
        return avsp_err_set(err, AVSP_UNAVAILABLE,
                            "the key %.32s is not there: there is no keyring", id);
    for (int i = 0; rc == AVSP_OK && i < N_SECRETS; i++) {
        about(what, job_id, role, i);
        if (secrets[i][0] != '\0')
            rc = avsp_keyring_open(tx->store->options.keyring, id, what, secrets[i], arena,
                                   &secrets[i], err);
    }
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "the credentials of job %.64s", job_id);
}

/// The key that seals. @param ret_id  "" where the store has no keyring at all.
static enum avsp_code sealing_key(const struct avsp_store *store, char ret_id[AVSP_KEY_ID_BYTES],
                                  struct avsp_err *err)
{
    ret_id[0] = '\0';
    if (store->options.keyring == NULL || avsp_keyring_first(store->options.keyring, ret_id))
        return AVSP_OK;
    return avsp_err_set(
        err, AVSP_PRECONDITION,
        "this coordinator keeps no credentials, for it has no key to seal them with "
        "(--keyring): leave them out, so that workers use their own, or give it one");
}

static enum avsp_code store_secret(struct avsp_tx *tx, const char *job_id, enum avsp_role role,
                                   const struct avsp_location *loc, struct avsp_err *err)
{
    static const char sql[] = "INSERT INTO secrets (job_id, role, access_key_id, secret_access_key,"
                              " session_token, key_id) VALUES ($1, $2, $3, $4, $5, $6)";
    const char *id = text_of(loc->access_key_id);
    const char *secrets[N_SECRETS] = {text_of(loc->secret_access_key.text),
                                      text_of(loc->session_token.text)};
    const bool is_secret = secrets[SECRET_KEY][0] != '\0' || secrets[SESSION_TOKEN][0] != '\0';
    char key_id[AVSP_KEY_ID_BYTES] = "";
    int64_t changed = 0;
    if (loc->kind != AVSP_LOCATION_S3 || (id[0] == '\0' && !is_secret))
        return AVSP_OK;
    enum avsp_code rc = is_secret ? sealing_key(tx->store, key_id, err) : AVSP_OK;
    if (rc == AVSP_OK && key_id[0] != '\0')
        rc = seal(tx, key_id, job_id, role, secrets, err);
    if (rc != AVSP_OK)
        return rc;
    return avsp_tx_exec(tx, sql,
                        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(role), avsp_text(id),
                                     avsp_text(secrets[SECRET_KEY]),
                                     avsp_text(secrets[SESSION_TOKEN]), avsp_text(key_id)),
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
    for (size_t i = 0; rc == AVSP_OK && i < spec->n_sidecars; i++)
        rc = store_secret(tx, job_id, (enum avsp_role)(AVSP_ROLE_SIDECAR + i),
                          &spec->sidecars[i].file, err);
    return rc;
}

/// Reads one row into a place.
static enum avsp_code load_secret(struct avsp_tx *tx, const char *job_id, struct avsp_db_rows *rows,
                                  struct avsp_arena *arena, struct avsp_location *loc,
                                  struct avsp_err *err)
{
    const char *key_id = "";
    const char *secrets[N_SECRETS] = {"", ""};
    if (!avsp_column(arena, rows, 1, &loc->access_key_id) ||
        !avsp_column(arena, rows, 2, &secrets[SECRET_KEY]) ||
        !avsp_column(arena, rows, 3, &secrets[SESSION_TOKEN]) ||
        !avsp_column(arena, rows, 4, &key_id))
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = AVSP_OK;
    if (key_id[0] != '\0')
        rc = unseal(tx, arena, key_id, job_id, avsp_db_i64(rows, 0), secrets, err);
    loc->secret_access_key.text = secrets[SECRET_KEY];
    loc->session_token.text = secrets[SESSION_TOKEN];
    return rc;
}

enum avsp_code avsp_secrets_load(struct avsp_tx *tx, const char *job_id, bool with_secret,
                                 struct avsp_arena *arena, struct avsp_places *places,
                                 struct avsp_err *err)
{
    static const char public_sql[] =
        "SELECT role, access_key_id, '', '', '' FROM secrets WHERE job_id = $1";
    static const char secret_sql[] =
        "SELECT role, access_key_id, secret_access_key, session_token, key_id FROM secrets"
        " WHERE job_id = $1";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(tx->db, with_secret ? secret_sql : public_sql,
                                      AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        int64_t role = avsp_db_i64(&rows, 0);
        if (role >= AVSP_ROLE_INPUT && role <= AVSP_ROLE_OUTPUT)
            rc = load_secret(tx, job_id, &rows, arena, &places->at[role], err);
        else if (role >= AVSP_ROLE_SIDECAR &&
                 (uint64_t)role - AVSP_ROLE_SIDECAR < places->n_sidecars)
            rc = load_secret(tx, job_id, &rows, arena,
                             &places->sidecars[role - AVSP_ROLE_SIDECAR].file, err);
    }
    return rc;
}

enum avsp_code avsp_secrets_forget(struct avsp_tx *tx, const char *job_id, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE secrets SET secret_access_key = '', session_token = '', key_id = ''"
        " WHERE job_id = $1 AND (secret_access_key <> '' OR session_token <> '')";
    int64_t changed = 0;
    return avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(job_id)), &changed, err);
}

/// A row that another key than the first sealed.
struct sealed_row {
    const char *job_id;
    int64_t role;
    const char *secrets[N_SECRETS];
};

static enum avsp_code read_sealed(struct avsp_tx *tx, const char *key_id, struct sealed_row *ret,
                                  size_t *ret_n, struct avsp_err *err)
{
    static const char sql[] = "SELECT job_id, role, secret_access_key, session_token FROM secrets"
                              " WHERE key_id <> '' AND key_id = $1"
                              " ORDER BY job_id, role LIMIT $2" AVSP_DB_LOCK_SKIP("secrets");
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    *ret_n = 0;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_text(key_id), avsp_i64(REKEYED_MAX)), &rows, err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct sealed_row *row = &ret[(*ret_n)++];
        row->role = avsp_db_i64(&rows, 1);
        if (!avsp_column(&tx->arena, &rows, 0, &row->job_id) ||
            !avsp_column(&tx->arena, &rows, 2, &row->secrets[SECRET_KEY]) ||
            !avsp_column(&tx->arena, &rows, 3, &row->secrets[SESSION_TOKEN]))
            return avsp_arena_failed(&tx->arena, err);
    }
    return rc;
}

/// Seals some of what an old key sealed by the first one. @param ret_n  how many; 0 = there are none.
static enum avsp_code rekey_once(struct avsp_store *store, const char *old_id, const char *id,
                                 size_t *ret_n, struct avsp_err *err)
{
    static const char sql[] = "UPDATE secrets SET secret_access_key = $3, session_token = $4,"
                              " key_id = $5 WHERE job_id = $1 AND role = $2 AND key_id = $6";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct sealed_row found[REKEYED_MAX];
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = read_sealed(&tx, old_id, found, ret_n, err);
    for (size_t i = 0; rc == AVSP_OK && i < *ret_n; i++) {
        struct sealed_row *row = &found[i];
        rc = unseal(&tx, &tx.arena, old_id, row->job_id, row->role, row->secrets, err);
        if (rc == AVSP_OK)
            rc = seal(&tx, id, row->job_id, row->role, row->secrets, err);
        if (rc == AVSP_OK)
            rc = avsp_tx_exec(&tx, sql,
                              AVSP_DB_ARGS(avsp_text(row->job_id), avsp_i64(row->role),
                                           avsp_text(row->secrets[SECRET_KEY]),
                                           avsp_text(row->secrets[SESSION_TOKEN]), avsp_text(id),
                                           avsp_text(old_id)),
                              &changed, err);
    }
    return rc == AVSP_OK && *ret_n > 0 ? avsp_tx_commit(&tx, err) : rc;
}

/// The next key, by id, that live credentials are sealed by. @param ret_id  "" = there is no more.
static enum avsp_code next_key(struct avsp_store *store, const char *after,
                               char ret_id[AVSP_KEY_ID_BYTES], struct avsp_err *err)
{
    static const char sql[] = "SELECT key_id FROM secrets WHERE key_id <> '' AND key_id > $1"
                              " ORDER BY key_id LIMIT 1";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    char id[AVSP_KEY_ID_BYTES] = "";
    bool more = false;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(tx.db, sql, AVSP_DB_ARGS(avsp_text(after)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && more)
        snprintf(id, sizeof id, "%s", avsp_db_text(&rows, 0));
    memcpy(ret_id, id, sizeof id);
    return rc;
}

enum avsp_code avsp_store_rekey(struct avsp_store *store, char ret_missing[AVSP_KEY_ID_BYTES],
                                struct avsp_err *err)
{
    struct avsp_keyring *ring = store->options.keyring;
    char first[AVSP_KEY_ID_BYTES] = "";
    char id[AVSP_KEY_ID_BYTES] = "";
    ret_missing[0] = '\0';
    if (ring == NULL)
        return AVSP_OK;
    const bool can_seal = avsp_keyring_first(ring, first);
    for (;;) {
        enum avsp_code rc = next_key(store, id, id, err);
        if (rc != AVSP_OK || id[0] == '\0')
            return rc;
        if (!avsp_keyring_has(ring, id)) {
            memcpy(ret_missing, id, AVSP_KEY_ID_BYTES);
            continue;
        }
        size_t n = REKEYED_MAX;
        while (rc == AVSP_OK && n == REKEYED_MAX && can_seal && strcmp(id, first) != 0) {
            unsigned tries = 0;
            do
                rc = rekey_once(store, id, first, &n, err);
            while (avsp_tx_again(&tries, rc, err));
        }
        if (rc != AVSP_OK)
            return rc;
    }
}
