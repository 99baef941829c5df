#include "coordinator/config.h"

#include "util/folders.h"
#include "util/parse.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#define LEASE_SECONDS_MAX 3600
#define MAX_ATTEMPTS_MAX 100
#define FD_MAX 1023

static const struct avsp_cli_option options[] = {
    {"listen", "ADDRESS", "AVSPL1T_LISTEN", "127.0.0.1:50051",
     "Where to listen: HOST:PORT (port 0 takes any free one), [::1]:PORT or unix:PATH."},
    AVSP_OPTION_DB,
    {"tls-cert", "FILE", "AVSPL1T_TLS_CERT", NULL,
     "Speak TLS, with this certificate (PEM), which those follow that are between it and a root. "
     "This file and the next two may be replaced at any time."},
    {"tls-key", "FILE", "AVSPL1T_TLS_KEY", NULL, "The key of --tls-cert."},
    {"tls-client-ca", "FILE", "AVSPL1T_TLS_CLIENT_CA", NULL,
     "Callers may show a certificate that one of these authorities signed, and that says by a URI "
     "of "
     "the form avspl1t:ROLE:NAME who they are."},
    {"auth", "WHEN", "AVSPL1T_AUTH", "auto",
     "Whether callers must show a token or a certificate: always, never, or auto, which is where "
     "TLS "
     "is spoken."},
    {"keyring", "FILE", "AVSPL1T_KEYRING_FILE", NULL,
     "The keys that seal the credentials of jobs in the database, a line each: ID KEY, where KEY "
     "is 32 "
     "random bytes in base64. The first one seals, all of them open; the file may be replaced at "
     "any "
     "time. The variable AVSPL1T_KEYRING may hold the lines themselves. Default: of a database in "
     "a "
     "file, one beside it that is made for it; of PostgreSQL none, and jobs with credentials are "
     "refused."},
    {"http", "ADDRESS", "AVSPL1T_HTTP", NULL,
     "Serve /healthz, /readyz and Prometheus /metrics over HTTP at HOST:PORT, to whoever asks: "
     "these tell numbers, and no names. Default: do not."},
    {"lease-seconds", "N", "AVSPL1T_LEASE_SECONDS", "30",
     "How long a worker may be silent before its task is given to another."},
    {"max-attempts", "N", "AVSPL1T_MAX_ATTEMPTS", "4",
     "How often a task is tried before its job fails."},
    {"split-ahead", "BYTES", "AVSPL1T_SPLIT_AHEAD", "8G",
     "So much of a job's pieces may wait for encoders, as in 500M: its split waits meanwhile, and "
     "the work folder stays that small. 0: any number."},
    {"take-over", NULL, NULL, NULL,
     "Nobody else uses the database and no worker of an earlier coordinator lives: hand out at "
     "once "
     "what those had, and try failed jobs again, which keep what is done. For whoever starts all "
     "of "
     "them together, as avspl1t encode does."},
    {"insecure", NULL, "AVSPL1T_INSECURE", NULL,
     "Listen beyond this machine although there is no encryption, or nobody is asked who they are: "
     "for networks where every machine is trusted."},
    {"ready-fd", "N", NULL, NULL,
     "Write the address and a line feed to this descriptor once calls are taken, then close it: "
     "for "
     "supervisors and scripts."},
    AVSP_LOG_OPTIONS,
};

static const struct avsp_cli_option token_options[] = {
    AVSP_OPTION_DB,
    {"role", "ROLE", NULL, NULL,
     "Of add: client (submits jobs, and sees its own), worker (does tasks), or admin (sees and "
     "moves "
     "all jobs and workers)."},
    {"days", "N", NULL, NULL, "Of add: how long it is good. Default: until it is revoked."},
};

static const struct avsp_cli_command commands[] = {
    {
        .name = "", // as a daemon
        .arguments = "",
        .summary = "hand out the work",
        .help = "",
        .options = options,
        .n_options = AVSP_ARRAY_LEN(options),
    },
    {
        .name = "token",
        .arguments = "add NAME | list | revoke ID",
        .min_args = 1,
        .max_args = 2,
        .summary = "make, list and revoke the tokens that clients and workers show",
        .help =
            "token add NAME --role ROLE makes a token for the person or program NAME, and prints "
            "it, "
            "alone on a line. The database keeps a hash of it: it cannot be shown again. Several "
            "tokens "
            "may have one name; jobs belong to the name, so that a token can be replaced: add "
            "another, "
            "hand it out, revoke the first.\n"
            "\n"
            "token list shows which there are, without themselves. token revoke ID takes one back: "
            "within a second no coordinator of the database knows it any more.\n"
            "\n"
            "No coordinator needs to run for it.",
        .options = token_options,
        .n_options = AVSP_ARRAY_LEN(token_options),
    },
};

const struct avsp_cli_program avsp_coordinator_program = {
    .name = "avspl1t-coordinator",
    .summary = "take video jobs and hand their tasks to workers",
    .description = "Takes jobs from avspl1t and other clients, turns each into tasks, and hands "
                   "these to avspl1t-worker "
                   "on any number of machines. All it knows is in its database: it can be stopped "
                   "and started at any time.\n"
                   "\n"
                   "It never touches a video itself, so one small machine is enough. SIGTERM or "
                   "SIGINT ends it "
                   "in good order: what runs on workers goes on and finds it again.",
    .commands = commands,
    .n_commands = AVSP_ARRAY_LEN(commands),
    .notes = "EXIT STATUS\n0 ended by a signal; 1 it could not start or go on; 2 a wrong option.\n"
             "\n"
             "SEE ALSO\navspl1t(1), avspl1t-worker(1)",
};

bool avsp_config_is_loopback(const char *listen)
{
    if (strncmp(listen, "unix:", 5) == 0 || strncmp(listen, "localhost:", 10) == 0 ||
        strncmp(listen, "[::1]:", 6) == 0)
        return true;
    // 127.0.0.0/8 in dotted form: a name that only begins like it is not an address.
    const char *colon = strrchr(listen, ':');
    char host[INET_ADDRSTRLEN];
    struct in_addr address;
    if (colon == NULL || (size_t)(colon - listen) >= sizeof host)
        return false;
    memcpy(host, listen, (size_t)(colon - listen));
    host[colon - listen] = '\0';
    return inet_pton(AF_INET, host, &address) == 1 &&
           ntohl(address.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

enum avsp_code avsp_config_db(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                              const char **ret_url, struct avsp_err *err)
{
    const char *folder = NULL;
    *ret_url = avsp_cli_str(args, "db");
    if (*ret_url != NULL)
        return AVSP_OK;
    enum avsp_code rc = avsp_folder_state(arena, &folder, err);
    if (rc == AVSP_PRECONDITION)
        return avsp_err_set(err, AVSP_INVALID,
                            "no home folder to keep the database in: name one with --db "
                            "sqlite:///PATH");
    if (rc != AVSP_OK)
        return rc;
    *ret_url = avsp_arena_printf(arena, "sqlite://%s/coordinator.db", folder);
    return *ret_url != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

static enum avsp_code read_tls(const struct avsp_cli_parsed *args, struct avsp_server_tls *ret_tls,
                               struct avsp_err *err)
{
    *ret_tls = (struct avsp_server_tls){
        .cert = avsp_cli_str(args, "tls-cert"),
        .key = avsp_cli_str(args, "tls-key"),
        .client_ca = avsp_cli_str(args, "tls-client-ca"),
    };
    if ((ret_tls->cert == NULL) != (ret_tls->key == NULL))
        return avsp_err_set(err, AVSP_INVALID,
                            "--tls-cert and --tls-key belong together: one is missing");
    if (ret_tls->cert == NULL && ret_tls->client_ca != NULL)
        return avsp_err_set(err, AVSP_INVALID,
                            "--tls-client-ca needs --tls-cert and --tls-key: nobody shows a "
                            "certificate without TLS");
    return AVSP_OK;
}

static enum avsp_code read_auth(const struct avsp_cli_parsed *args, struct avsp_config *ret_config,
                                struct avsp_err *err)
{
    const char *when = avsp_cli_str(args, "auth");
    bool is_auto = strcmp(when, "auto") == 0;
    bool is_always = strcmp(when, "always") == 0;
    if (!is_auto && !is_always && strcmp(when, "never") != 0)
        return avsp_err_set(err, AVSP_INVALID, "--auth: \"%.64s\" is not always, never or auto",
                            when);
    ret_config->asks_callers = is_always || (is_auto && ret_config->tls.cert != NULL);
    return AVSP_OK;
}

/// Beyond this machine nobody listens who does not know who calls, and who else hears it.
static enum avsp_code read_listen(const struct avsp_cli_parsed *args,
                                  struct avsp_config *ret_config, struct avsp_err *err)
{
    ret_config->listen = avsp_cli_str(args, "listen");
    bool is_safe = ret_config->tls.cert != NULL && ret_config->asks_callers;
    if (is_safe || avsp_config_is_loopback(ret_config->listen) || avsp_cli_flag(args, "insecure"))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID,
                        "--listen %.200s reaches beyond this machine: that takes TLS (--tls-cert, "
                        "--tls-key) and callers who show a token or a certificate. Say --insecure "
                        "if every machine there is trusted",
                        ret_config->listen);
}

static enum avsp_code read_ready_fd(const struct avsp_cli_parsed *args,
                                    struct avsp_config *ret_config, struct avsp_err *err)
{
    ret_config->ready_fd = -1;
    if (avsp_cli_str(args, "ready-fd") == NULL)
        return AVSP_OK;
    int64_t fd = 0;
    enum avsp_code rc = avsp_cli_i64(args, "ready-fd", 3, FD_MAX, &fd, err);
    if (rc != AVSP_OK)
        return rc;
    if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0)
        return avsp_err_set(err, AVSP_INVALID, "--ready-fd: descriptor %d is not open", (int)fd);
    ret_config->ready_fd = (int)fd;
    return AVSP_OK;
}

static enum avsp_code read_split_ahead(const struct avsp_cli_parsed *args, int64_t *ret_bytes,
                                       struct avsp_err *err)
{
    const char *text = avsp_cli_str(args, "split-ahead");
    uint64_t bytes = 0;
    if (!avsp_parse_bytes(text, &bytes) || bytes > INT64_MAX)
        return avsp_err_set(err, AVSP_INVALID, "--split-ahead: \"%.80s\" is not a size, as in 500M",
                            text);
    *ret_bytes = (int64_t)bytes;
    return AVSP_OK;
}

enum avsp_code avsp_config_read(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                struct avsp_config *ret_config, struct avsp_err *err)
{
    int64_t lease_seconds = 0;
    ret_config->http = avsp_cli_str(args, "http");
    ret_config->keyring = avsp_cli_str(args, "keyring");
    enum avsp_code rc = read_tls(args, &ret_config->tls, err);
    if (rc == AVSP_OK)
        rc = read_auth(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = read_listen(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = read_ready_fd(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = avsp_cli_i64(args, "lease-seconds", 1, LEASE_SECONDS_MAX, &lease_seconds, err);
    if (rc == AVSP_OK)
        rc =
            avsp_cli_i64(args, "max-attempts", 1, MAX_ATTEMPTS_MAX, &ret_config->max_attempts, err);
    if (rc == AVSP_OK)
        rc = read_split_ahead(args, &ret_config->split_ahead_bytes, err);
    if (rc != AVSP_OK)
        return rc;
    ret_config->lease_ms = lease_seconds * 1000;
    ret_config->take_over = avsp_cli_flag(args, "take-over");
    rc = avsp_log_read_options(args, &ret_config->log, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_config_db(args, arena, &ret_config->db_url, err);
    if (rc == AVSP_OK && ret_config->take_over && strncmp(ret_config->db_url, "sqlite:", 7) != 0)
        return avsp_err_set(err, AVSP_INVALID,
                            "--take-over is for a database that nobody else uses, in a file of "
                            "this machine: --db sqlite:///PATH");
    return rc;
}
