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
    {"db", "URL", "AVSPL1T_DB", NULL,
     "The database: sqlite:///ABSOLUTE/PATH, made where it does not exist, or an existing one on "
     "PostgreSQL that any number of coordinators may share: postgresql://USER@HOST/DATABASE, and "
     "whatever else libpq knows. Others can see a command line: give passwords in the environment "
     "or in ~/.pgpass. Default: avspl1t/coordinator.db in $XDG_STATE_HOME or ~/.local/state."},
    {"tls-cert", "FILE", "AVSPL1T_TLS_CERT", NULL,
     "Speak TLS, with this certificate (PEM), which those follow that are between it and a root. "
     "This file and the next two may be replaced at any time."},
    {"tls-key", "FILE", "AVSPL1T_TLS_KEY", NULL, "The key of --tls-cert."},
    {"tls-client-ca", "FILE", "AVSPL1T_TLS_CLIENT_CA", NULL,
     "Callers may show a certificate that one of these authorities signed."},
    {"http", "ADDRESS", "AVSPL1T_HTTP", NULL,
     "Serve /healthz, /readyz and Prometheus /metrics over HTTP at HOST:PORT. Default: do not."},
    {"lease-seconds", "N", "AVSPL1T_LEASE_SECONDS", "30",
     "How long a worker may be silent before its task is given to another."},
    {"max-attempts", "N", "AVSPL1T_MAX_ATTEMPTS", "4",
     "How often a task is tried before its job fails."},
    {"take-over", NULL, NULL, NULL,
     "Nobody else uses the database and no worker of an earlier coordinator lives: hand out at "
     "once "
     "what those had, and try failed jobs again, which keep what is done. For whoever starts all "
     "of "
     "them together, as avspl1t encode does."},
    {"insecure", NULL, "AVSPL1T_INSECURE", NULL,
     "Listen beyond this machine although there is no encryption and nobody is asked who they are: "
     "for networks "
     "where every machine is trusted."},
    {"ready-fd", "N", NULL, NULL,
     "Write the address and a line feed to this descriptor once calls are taken, then close it: "
     "for "
     "supervisors and scripts."},
    {"log-level", "LEVEL", "AVSPL1T_LOG_LEVEL", "info",
     "The least important events to write to standard error: error, warn, info or debug."},
};

static const struct avsp_cli_command whole = {
    .name = "",
    .arguments = "",
    .summary = "hand out the work",
    .help = "",
    .options = options,
    .n_options = AVSP_ARRAY_LEN(options),
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
    .commands = &whole,
    .n_commands = 1,
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

static enum avsp_code default_db(struct avsp_arena *arena, const char **ret_url,
                                 struct avsp_err *err)
{
    const char *folder = NULL;
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

/// An address to listen at; NULL where the option was not given.
static enum avsp_code read_address(const struct avsp_cli_parsed *args, const char *option,
                                   const char **ret_address, struct avsp_err *err)
{
    *ret_address = avsp_cli_str(args, option);
    if (*ret_address == NULL || avsp_config_is_loopback(*ret_address) ||
        avsp_cli_flag(args, "insecure"))
        return AVSP_OK;
    return avsp_err_set(
        err, AVSP_INVALID,
        "--%s %.200s reaches beyond this machine, and there is no encryption or password yet: "
        "anyone on the network could use it. Say --insecure if every machine there is trusted",
        option, *ret_address);
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

enum avsp_code avsp_config_read(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                struct avsp_config *ret_config, struct avsp_err *err)
{
    int64_t lease_seconds = 0;
    enum avsp_code rc = read_address(args, "listen", &ret_config->listen, err);
    if (rc == AVSP_OK)
        rc = read_address(args, "http", &ret_config->http, err);
    if (rc == AVSP_OK)
        rc = read_tls(args, &ret_config->tls, err);
    if (rc == AVSP_OK)
        rc = read_ready_fd(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = avsp_cli_i64(args, "lease-seconds", 1, LEASE_SECONDS_MAX, &lease_seconds, err);
    if (rc == AVSP_OK)
        rc =
            avsp_cli_i64(args, "max-attempts", 1, MAX_ATTEMPTS_MAX, &ret_config->max_attempts, err);
    if (rc != AVSP_OK)
        return rc;
    ret_config->lease_ms = lease_seconds * 1000;
    ret_config->take_over = avsp_cli_flag(args, "take-over");
    const char *level = avsp_cli_str(args, "log-level");
    if (!avsp_log_level_parse(level, &ret_config->log_level))
        return avsp_err_set(err, AVSP_INVALID,
                            "--log-level: \"%.64s\" is not error, warn, info or debug", level);
    ret_config->db_url = avsp_cli_str(args, "db");
    if (ret_config->take_over && ret_config->db_url != NULL &&
        strncmp(ret_config->db_url, "sqlite:", 7) != 0)
        return avsp_err_set(err, AVSP_INVALID,
                            "--take-over is for a database that nobody else uses, in a file of "
                            "this machine: --db sqlite:///PATH");
    return ret_config->db_url != NULL ? AVSP_OK : default_db(arena, &ret_config->db_url, err);
}
