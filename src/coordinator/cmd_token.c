#include "coordinator/cmd_token.h"

#include "coordinator/config.h"
#include "crypto/bearer.h"
#include "db/store.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/time.h"

#include <string.h>
#include <unistd.h>

#define DAYS_MAX 36500
#define DAY_US (INT64_C(86400) * 1000000)
#define LIST_ARENA_BYTES (16u << 20)
#define LIST_MAX_BYTES ((size_t)4 << 20)

static enum avsp_code print(const char *text, size_t len, struct avsp_err *err)
{
    enum avsp_code rc = avsp_fd_write_all(STDOUT_FILENO, text, len, err);
    return rc == AVSP_OK ? AVSP_OK : avsp_err_wrap(err, "write to standard output");
}

/// Makes a token and prints it, once it is kept.
static enum avsp_code add(struct avsp_store *store, struct avsp_access_token *token,
                          int64_t lifetime_us, struct avsp_err *err)
{
    char text[AVSP_BEARER_TEXT_BYTES + 1];
    struct avsp_bearer kept;
    enum avsp_code rc = avsp_bearer_make(text, &kept, err);
    if (rc == AVSP_OK) {
        token->id = kept.id;
        token->hash = kept.hash;
        rc = avsp_store_add_token(store, token, lifetime_us, err);
    }
    if (rc == AVSP_OK) {
        size_t len = strlen(text);
        text[len] = '\n';
        rc = print(text, len + 1, err);
    }
    explicit_bzero(text, sizeof text);
    return rc;
}

static enum avsp_code run_add(const struct avsp_cli_parsed *args, struct avsp_store *store,
                              struct avsp_err *err)
{
    struct avsp_access_token token = {.name = args->n_args > 1 ? args->args[1] : ""};
    const char *role = avsp_cli_str(args, "role");
    int64_t days = 0;
    if (!avsp_id_is_valid(token.name))
        return avsp_err_set(err, AVSP_INVALID,
                            "token add: \"%.80s\" is no NAME: 1 to 64 letters, digits, '-', '_' or "
                            "'.'",
                            token.name);
    if (role == NULL || !avsp_access_parse(role, strlen(role), &token.role))
        return avsp_err_set(err, AVSP_INVALID, "token add: --role client, worker or admin?");
    if (avsp_cli_str(args, "days") != NULL &&
        avsp_cli_i64(args, "days", 1, DAYS_MAX, &days, err) != AVSP_OK)
        return err->code;
    return add(store, &token, days * DAY_US, err);
}

static void put_time(struct avsp_buf *buf, int64_t us, const char *none)
{
    char text[AVSP_WALL_TEXT_BYTES];
    avsp_wall_format((struct avsp_wall){us}, text);
    avsp_buf_printf(buf, "  %-24s", us > 0 ? text : none);
}

static enum avsp_code run_list(struct avsp_store *store, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, LIST_ARENA_BYTES);
    avsp_buf_init(&buf, LIST_MAX_BYTES);
    struct avsp_access_token *tokens = NULL;
    size_t n = 0;
    enum avsp_code rc = avsp_store_list_tokens(store, false, &arena, &tokens, &n, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_buf_printf(&buf, "%-16s  %-6s  %-24s  %-24s  %s\n", "ID", "ROLE", "CREATED", "EXPIRES",
                    "NAME");
    for (size_t i = 0; i < n; i++) {
        avsp_buf_printf(&buf, "%-16s  %-6s", tokens[i].id, avsp_access_name(tokens[i].role));
        put_time(&buf, tokens[i].created_us, "");
        put_time(&buf, tokens[i].expires_us, "never");
        avsp_buf_printf(&buf, "  %s\n", tokens[i].name);
    }
    rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK ? print(buf.data, buf.len, err) : rc;
}

static enum avsp_code dispatch(const struct avsp_cli_parsed *args, struct avsp_store *store,
                               struct avsp_err *err)
{
    const char *action = args->args[0];
    if (strcmp(action, "add") == 0)
        return run_add(args, store, err);
    if (strcmp(action, "list") == 0 && args->n_args == 1)
        return run_list(store, err);
    if (strcmp(action, "revoke") == 0 && args->n_args == 2)
        return avsp_store_revoke_token(store, args->args[1], err);
    return avsp_err_set(err, AVSP_INVALID,
                        "token: add NAME, list, or revoke ID (see \"avspl1t-coordinator token "
                        "--help\")");
}

enum avsp_code avsp_token_run(const struct avsp_cli_parsed *args, const char *db_url,
                              struct avsp_err *err)
{
    // What concerns leases means nothing to tokens.
    const struct avsp_store_options store_options = {.lease_ms = 1000, .max_attempts = 1};
    struct avsp_store *store = avsp_store_open(db_url, &store_options, err);
    if (store == NULL)
        return err->code;
    enum avsp_code rc = dispatch(args, store, err);
    avsp_store_close(store);
    return rc;
}
