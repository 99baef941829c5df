#include "rpc/tls.h"

#include <string.h>

/// Three files, each read with room for the largest.
#define ARENA_BYTES (AVSP_TLS_FILES * (AVSP_PEM_MAX_BYTES + 4096))

/// The texts of one side's files; NULL where there is none.
struct pems {
    char *cert;
    char *key;
    char *ca;
};

static enum avsp_code read_pem(struct avsp_arena *arena, const char *option, const char *path,
                               char **ret_text, struct avsp_err *err)
{
    if (path == NULL)
        return AVSP_OK;
    if (avsp_file_read(arena, path, AVSP_PEM_MAX_BYTES, ret_text, err) != AVSP_OK)
        return avsp_err_wrap(err, "--%s", option);
    if (strstr(*ret_text, "-----BEGIN ") == NULL)
        return avsp_err_set(err, AVSP_INVALID, "--%s: %.500s holds no PEM (\"-----BEGIN …\")",
                            option, path);
    return AVSP_OK;
}

static enum avsp_code read_server(struct avsp_arena *arena, const struct avsp_server_tls *tls,
                                  struct pems *ret, struct avsp_err *err)
{
    enum avsp_code rc = read_pem(arena, "tls-cert", tls->cert, &ret->cert, err);
    if (rc == AVSP_OK)
        rc = read_pem(arena, "tls-key", tls->key, &ret->key, err);
    if (rc == AVSP_OK)
        rc = read_pem(arena, "tls-client-ca", tls->client_ca, &ret->ca, err);
    return rc;
}

enum avsp_code avsp_server_tls_check(const struct avsp_server_tls *tls, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct pems pems = {0};
    return read_server(&arena, tls, &pems, err);
}

/// Asked by gRPC before each handshake, one at a time for each port.
static grpc_ssl_certificate_config_reload_status fetch(void *opaque,
                                                       grpc_ssl_server_certificate_config **ret)
{
    struct avsp_tls_port *port = opaque;
    const char *const paths[AVSP_TLS_FILES] = {port->tls.cert, port->tls.key, port->tls.client_ca};
    struct avsp_file_mark marks[AVSP_TLS_FILES];
    bool is_same = true;
    for (size_t i = 0; i < AVSP_TLS_FILES; i++) {
        marks[i] = avsp_file_mark(paths[i]);
        is_same &= avsp_file_mark_equal(&marks[i], &port->marks[i]);
    }
    if (is_same)
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct avsp_err ignored = {0};
    struct pems pems = {0};
    if (read_server(&arena, &port->tls, &pems, &ignored) != AVSP_OK)
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    // Marked before they were read: what changed in between is read again.
    memcpy(port->marks, marks, sizeof marks);
    grpc_ssl_pem_key_cert_pair pair = {.private_key = pems.key, .cert_chain = pems.cert};
    // 1.51 asserts that there are authorities (ssl_security_connector.cc); where nobody is asked for a certificate, nothing
    // comes of them.
    *ret =
        grpc_ssl_server_certificate_config_create(pems.ca != NULL ? pems.ca : pems.cert, &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_server_credentials *avsp_server_credentials(struct avsp_tls_port *port)
{
    if (port->tls.cert == NULL)
        return grpc_insecure_server_credentials_create();
    // A caller without a certificate may have a token; one that is shown must be good.
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            port->tls.client_ca != NULL ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                        : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, port));
}

void avsp_client_marks(const struct avsp_client_security *security,
                       struct avsp_file_mark ret_marks[AVSP_CLIENT_FILES])
{
    const char *const paths[AVSP_CLIENT_FILES] = {security->ca, security->cert, security->key,
                                                  security->token_file};
    for (size_t i = 0; i < AVSP_CLIENT_FILES; i++)
        ret_marks[i] = avsp_file_mark(paths[i]);
}

enum avsp_code avsp_client_credentials(const struct avsp_client_security *security,
                                       grpc_channel_credentials **ret_creds, struct avsp_err *err)
{
    if (!security->tls) {
        *ret_creds = grpc_insecure_credentials_create();
        return AVSP_OK;
    }
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct pems pems = {0};
    enum avsp_code rc = read_pem(&arena, "tls-ca", security->ca, &pems.ca, err);
    if (rc == AVSP_OK)
        rc = read_pem(&arena, "tls-cert", security->cert, &pems.cert, err);
    if (rc == AVSP_OK)
        rc = read_pem(&arena, "tls-key", security->key, &pems.key, err);
    if (rc != AVSP_OK)
        return rc;
    grpc_ssl_pem_key_cert_pair pair = {.private_key = pems.key, .cert_chain = pems.cert};
    *ret_creds =
        grpc_ssl_credentials_create_ex(pems.ca, pems.cert != NULL ? &pair : NULL, NULL, NULL);
    return AVSP_OK;
}

/// Is it what may stand in a header (RFC 6750, 2.1)?
static bool is_token(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~+/=";
    size_t len = strlen(text);
    return len > 0 && len < AVSP_TOKEN_TEXT_BYTES && strspn(text, plain) == len;
}

enum avsp_code avsp_client_token(const struct avsp_client_security *security,
                                 char ret_token[AVSP_TOKEN_TEXT_BYTES], struct avsp_err *err)
{
    if (security->token_file == NULL) {
        memcpy(ret_token, security->token, AVSP_TOKEN_TEXT_BYTES);
        return AVSP_OK;
    }
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 4 * AVSP_TOKEN_TEXT_BYTES);
    char *text = NULL;
    enum avsp_code rc =
        avsp_file_read(&arena, security->token_file, (size_t)2 * AVSP_TOKEN_TEXT_BYTES, &text, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "--token-file");
    text[strcspn(text, "\r\n")] = '\0';
    if (!is_token(text))
        return avsp_err_set(err, AVSP_INVALID, "--token-file: the first line of %.500s is no token",
                            security->token_file);
    memcpy(ret_token, text, strlen(text) + 1);
    return AVSP_OK;
}

/// Moves a token out of the environment: what /proc shows of it is overwritten.
static enum avsp_code take_token(const char *variable, struct avsp_client_security *security,
                                 struct avsp_err *err)
{
    char *text = getenv(variable);
    if (text == NULL || text[0] == '\0')
        return AVSP_OK;
    bool is_good = is_token(text);
    if (is_good)
        memcpy(security->token, text, strlen(text) + 1);
    explicit_bzero(text, strlen(text));
    unsetenv(variable);
    return is_good ? AVSP_OK
                   : avsp_err_set(err, AVSP_INVALID, "%s: what it holds is no token", variable);
}

enum avsp_code avsp_client_security_read(const struct avsp_cli_parsed *args,
                                         struct avsp_client_security *ret_security,
                                         struct avsp_err *err)
{
    struct avsp_client_security security = {
        .ca = avsp_cli_str(args, "tls-ca"),
        .cert = avsp_cli_str(args, "tls-cert"),
        .key = avsp_cli_str(args, "tls-key"),
        .server_name = avsp_cli_str(args, "tls-name"),
    };
    if ((security.cert == NULL) != (security.key == NULL))
        return avsp_err_set(err, AVSP_INVALID,
                            "--tls-cert and --tls-key belong together: one is missing");
    security.tls = avsp_cli_flag(args, "tls") || security.ca != NULL || security.cert != NULL ||
                   security.server_name != NULL;
    security.token_file = avsp_cli_str(args, "token-file");
    security.insecure = avsp_cli_flag(args, "insecure");
    enum avsp_code rc = take_token("AVSPL1T_TOKEN", &security, err);
    *ret_security = security;
    explicit_bzero(security.token, sizeof security.token);
    return rc;
}
