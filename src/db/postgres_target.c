#include "db/postgres_target.h"

#include "util/buf.h"

#include <libpq-fe.h>
#include <string.h>

#define OPTIONS_MAX_BYTES 4096

/// Where the user says nothing, neither in the string nor in the environment.
static const struct {
    const char *keyword;
    const char *value;
    const char *env; ///< libpq's variable; NULL = there is none
} defaults[] = {
    {"connect_timeout", "5", "PGCONNECT_TIMEOUT"},
    {"tcp_user_timeout", "5000", NULL},
    {"keepalives_idle", "5", NULL},
    {"keepalives_interval", "2", NULL},
    {"keepalives_count", "3", NULL},
    {"target_session_attrs", "read-write", "PGTARGETSESSIONATTRS"},
    {"application_name", "avspl1t-coordinator", "PGAPPNAME"},
};

/// In front of what the user gives, so that the user's words win. Every statement of ours goes by an index, whatever the tables
/// hold, and from one table to the next by an index too: so one plan does for all values, and making one at each call would cost as
/// much as the statement. Where several indexes would do, ORDER BY says which, for what the server believes of them may be old.
static const char our_options[] =
    "-c statement_timeout=15000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
    " -c default_transaction_isolation=read\\ committed"
    " -c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off -c enable_material=off"
    " -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"
    " -c plan_cache_mode=force_generic_plan";

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool avsp_pg_owns(const char *url)
{
    if (begins(url, "postgresql://") || begins(url, "postgres://"))
        return true;
    // libpq's other form: words with '=', and no scheme.
    size_t n = strspn(url, " abcdefghijklmnopqrstuvwxyz_");
    return n > 0 && url[n] == '=';
}

static enum avsp_code malformed(const char *what, struct avsp_err *err)
{
    return avsp_err_set(
        err, AVSP_INVALID,
        "the database's URL: %s: it must be of the form "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %%40 for @, %%2F for /, "
        "%%3A for : and %%25 for %% within a name or password",
        what);
}

/// What libpq says, up to the words of the string that it repeats.
static enum avsp_code malformed_as_said(char *text, struct avsp_err *err)
{
    char what[128];
    snprintf(what, sizeof what, "%s", text != NULL ? text : "memory ran out");
    PQfreemem(text);
    what[strcspn(what, "\"\n")] = '\0';
    for (size_t n = strlen(what); n > 0 && strchr(" :", what[n - 1]) != NULL; n--)
        what[n - 1] = '\0';
    return malformed(what, err);
}

/// A password with one of the marks of a URL in it ends early, and its rest becomes a host, port or database, which errors name.
static enum avsp_code check_value(const char *keyword, const char *value, struct avsp_err *err)
{
    if (strcmp(keyword, "port") == 0 && value[strspn(value, "0123456789,")] != '\0')
        return malformed("its port is no number", err);
    if (strncmp(keyword, "host", 4) == 0 && strchr(value, '@') != NULL)
        return malformed("there is an @ in its host", err);
    if (strcmp(keyword, "dbname") == 0 && strchr(value, '@') != NULL)
        return malformed("there is an @ in its database's name", err);
    return AVSP_OK;
}

static void add(struct avsp_pg_target *target, size_t *n, const char *keyword, const char *value)
{
    AVSP_ASSERT(*n < AVSP_PG_KEYWORDS_MAX);
    target->keywords[*n] = keyword;
    target->values[*n] = value;
    ++*n;
}

static bool is_given(const struct avsp_pg_target *target, const char *keyword)
{
    for (size_t i = 0; target->keywords[i] != NULL; i++)
        if (strcmp(target->keywords[i], keyword) == 0)
            return true;
    return false;
}

static enum avsp_code join_options(const char *users, char **ret_options, struct avsp_err *err)
{
    struct avsp_buf buf;
    avsp_buf_init(&buf, OPTIONS_MAX_BYTES);
    avsp_buf_printf(&buf, "%s %s", our_options, users != NULL ? users : "");
    enum avsp_code rc = avsp_buf_check(&buf, err);
    *ret_options = rc == AVSP_OK ? strdup(avsp_buf_text(&buf)) : NULL;
    avsp_buf_deinit(&buf);
    if (rc == AVSP_OK && *ret_options == NULL)
        rc = avsp_err_set(err, AVSP_NO_MEMORY, "the database's URL: memory ran out");
    return rc;
}

enum avsp_code avsp_pg_target_init(struct avsp_pg_target *target, const char *url,
                                   struct avsp_err *err)
{
    *target = (struct avsp_pg_target){0};
    char *text = NULL;
    PQconninfoOption *parsed = PQconninfoParse(url, &text);
    if (parsed == NULL)
        return malformed_as_said(text, err);
    target->parsed = parsed;
    const char *users_options = getenv("PGOPTIONS");
    enum avsp_code rc = AVSP_OK;
    size_t n = 0;
    for (const PQconninfoOption *o = parsed; rc == AVSP_OK && o->keyword != NULL; o++) {
        if (o->val == NULL || o->val[0] == '\0')
            continue;
        rc = check_value(o->keyword, o->val, err);
        if (strcmp(o->keyword, "options") == 0)
            users_options = o->val;
        else if (strcmp(o->keyword, "client_encoding") != 0)
            add(target, &n, o->keyword, o->val);
    }
    for (size_t i = 0; i < AVSP_ARRAY_LEN(defaults); i++)
        if (!is_given(target, defaults[i].keyword) &&
            (defaults[i].env == NULL || getenv(defaults[i].env) == NULL))
            add(target, &n, defaults[i].keyword, defaults[i].value);
    if (rc == AVSP_OK)
        rc = join_options(users_options, &target->options, err);
    add(target, &n, "options", target->options);
    add(target, &n, "client_encoding", "UTF8");
    return rc;
}

void avsp_pg_target_deinit(struct avsp_pg_target *target)
{
    for (PQconninfoOption *o = target->parsed; o != NULL && o->keyword != NULL; o++)
        if (o->val != NULL) // the password among them
            explicit_bzero(o->val, strlen(o->val));
    PQconninfoFree(target->parsed); // NULL is fine
    free(target->options);
    *target = (struct avsp_pg_target){0};
}

static void no_notice(void *opaque, const PGresult *result)
{
    (void)opaque;
    (void)result;
}

PGconn *avsp_pg_connect(const struct avsp_pg_target *target)
{
    PGconn *conn = PQconnectdbParams(target->keywords, target->values, 0);
    PQsetNoticeReceiver(conn, no_notice, NULL);
    return conn;
}
