/// The channel of a client, and its successor where the files that it was made from have changed. Calls under way end on the
/// channel that they began on.
#include "rpc/client_private.h"
#include "rpc/grpc_use.h"

#include <string.h>

#define LOOK_MS 1000
#define ARGS_MAX 16

/// Spreads calls over coordinators, and avoids one that says it is going down.
#define SERVICE_CONFIG                                                                             \
    "{\"loadBalancingConfig\":[{\"round_robin\":{}}],\"healthCheckConfig\":{\"serviceName\":\"\"}" \
    "}"

static grpc_channel *open_channel(const struct avsp_client *cli, grpc_channel_credentials *creds)
{
    grpc_arg list[ARGS_MAX] = {
        AVSP_GRPC_STR(GRPC_ARG_SERVICE_CONFIG, SERVICE_CONFIG),
        AVSP_GRPC_INT(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        AVSP_GRPC_INT(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, AVSP_RPC_ANSWER_MAX_BYTES),
        AVSP_GRPC_INT(GRPC_ARG_KEEPALIVE_TIME_MS, 30000),
        AVSP_GRPC_INT(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000),
        // 0 = no limit: with the default of 2, a waiting call never learns that the other side is frozen.
        AVSP_GRPC_INT(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        AVSP_GRPC_INT(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
        AVSP_GRPC_INT(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                      5000), // how long one attempt to connect may take
        AVSP_GRPC_INT(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000),
        AVSP_GRPC_INT(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        AVSP_GRPC_INT(GRPC_ARG_ENABLE_RETRIES, 0), // only the caller knows what may be repeated
        AVSP_GRPC_INT(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
    };
    size_t n = 0;
    while (n < ARGS_MAX && list[n].key != NULL)
        n++;
    const char *authority =
        cli->security.server_name != NULL ? cli->security.server_name : cli->authority;
    if (cli->security.tls && authority[0] != '\0')
        list[n++] = (grpc_arg)AVSP_GRPC_STR(GRPC_ARG_DEFAULT_AUTHORITY, authority);
    grpc_channel_args args = {n, list};
    sigset_t before;
    avsp_signals_block(&before);
    grpc_channel *channel = grpc_channel_create(cli->name, creds, &args);
    avsp_signals_restore(&before);
    return channel;
}

static void free_link(struct avsp_link *link)
{
    explicit_bzero(link->token, sizeof link->token);
    free(link);
}

/// A token that others could read on its way is not shown.
static enum avsp_code check_token(const struct avsp_client *cli, const char *token,
                                  struct avsp_err *err)
{
    if (token[0] == '\0' || cli->security.tls || cli->security.insecure ||
        avsp_target_is_local(cli->target))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID,
                        "the token would go to %.200s in plain text: say --tls or --tls-ca, or "
                        "--insecure if every machine in between is trusted",
                        cli->target);
}

/// A channel by the files as they are now. @param ret_marks  of these.
static enum avsp_code open_link(const struct avsp_client *cli, struct avsp_link **ret_link,
                                struct avsp_file_mark ret_marks[AVSP_CLIENT_FILES],
                                struct avsp_err *err)
{
    // Marked before they are read: what changes in between is read again.
    avsp_client_marks(&cli->security, ret_marks);
    struct avsp_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    grpc_channel_credentials *creds = NULL;
    enum avsp_code rc = avsp_client_token(&cli->security, link->token, err);
    if (rc == AVSP_OK)
        rc = check_token(cli, link->token, err);
    if (rc == AVSP_OK)
        rc = avsp_client_credentials(&cli->security, &creds, err);
    if (rc != AVSP_OK) {
        free_link(link);
        return rc;
    }
    link->channel = open_channel(cli, creds);
    link->n_uses = 1;
    grpc_channel_credentials_release(creds);
    *ret_link = link;
    return AVSP_OK;
}

enum avsp_code avsp_link_begin(struct avsp_client *cli, struct avsp_err *err)
{
    cli->look_again = avsp_mono_in_ms(LOOK_MS);
    return open_link(cli, &cli->link, cli->marks, err);
}

/// Have the files changed since they were read?
static bool has_news(struct avsp_client *cli)
{
    bool has_files = cli->security.tls || cli->security.token_file != NULL;
    if (!has_files || !avsp_mono_passed(cli->look_again))
        return false;
    cli->look_again = avsp_mono_in_ms(LOOK_MS);
    struct avsp_file_mark marks[AVSP_CLIENT_FILES];
    avsp_client_marks(&cli->security, marks);
    for (size_t i = 0; i < AVSP_CLIENT_FILES; i++)
        if (!avsp_file_mark_equal(&marks[i], &cli->marks[i]))
            return true;
    return false;
}

/// Goes over to what the files hold now. What is refused may be so for a moment only, while files are replaced: the former ones
/// serve, and it is read again at each look.
static void follow_files(struct avsp_client *cli)
{
    struct avsp_link *link = NULL;
    struct avsp_file_mark marks[AVSP_CLIENT_FILES];
    struct avsp_err err = {0};
    if (open_link(cli, &link, marks, &err) == AVSP_OK) {
        grpc_channel *former = avsp_link_give(cli->link);
        if (former != NULL)
            grpc_channel_destroy(former);
        cli->link = link;
        memcpy(cli->marks, marks, sizeof marks);
    }
    cli->refused = err;
}

bool avsp_client_refuses_files(struct avsp_client *cli, struct avsp_err *ret_why)
{
    pthread_mutex_lock(&cli->lock);
    *ret_why = cli->refused;
    pthread_mutex_unlock(&cli->lock);
    return ret_why->code != AVSP_OK;
}

struct avsp_link *avsp_link_take(struct avsp_client *cli)
{
    if (has_news(cli))
        follow_files(cli);
    cli->link->n_uses++;
    return cli->link;
}

grpc_channel *avsp_link_give(struct avsp_link *link)
{
    if (--link->n_uses > 0)
        return NULL;
    grpc_channel *channel = link->channel;
    free_link(link);
    return channel;
}
