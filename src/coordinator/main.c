/// avspl1t-coordinator: reads its configuration, opens the database, serves until a signal comes.
#include "coordinator/cmd_token.h"
#include "coordinator/config.h"
#include "coordinator/pages.h"
#include "coordinator/service.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_FAILED 1
#define EXIT_USAGE 2

#define CONFIG_MAX_BYTES (64 << 10)

/// Clients that watch our health stop coming within this; without it some calls would be lost (notes/grpc 3.6).
#define LAME_DUCK_MS 700
/// Load balancers ask the side port every so often, and hear of the end before clients do: a client behind one would take our
/// word for that of all coordinators.
#define BALANCER_MS 500
#define GRACE_MS 5000

#define DATABASE_WAIT_MIN_MS 500
#define DATABASE_WAIT_MAX_MS 10000

/// Blocks what ends us, in this thread and all that it starts: sigtimedwait takes them.
static void block_signals(sigset_t *ret_ends)
{
    avsp_process_ends(ret_ends);
    pthread_sigmask(SIG_BLOCK, ret_ends, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/// The address with the port that was taken: what was asked for may have been 0.
static void spoken_address(const char *listen, int port, char *ret_text, size_t len)
{
    const char *colon = strrchr(listen, ':');
    if (port > 0 && colon != NULL)
        snprintf(ret_text, len, "%.*s:%d", (int)(colon - listen), listen, port);
    else
        snprintf(ret_text, len, "%s", listen);
}

/// Whoever started us may wait for this line; that nobody reads it any more is no failure.
static void say_ready(int ready_fd, const char *address)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = ready_fd;
    struct avsp_err ignored = {0};
    if (fd >= 0 && avsp_fd_write_all(fd, address, strlen(address), &ignored) == AVSP_OK &&
        avsp_fd_write_all(fd, "\n", 1, &ignored) == AVSP_OK)
        avsp_log(AVSP_LOG_DEBUG, "coordinator.ready", "fd=%d", fd);
}

/// Sweeps until a signal comes; returns it. Once a second, but well within half a lease, for a longer gap would look to the
/// store as if nobody could have reached us.
static int sweep_until_signal(struct avsp_service *service, int64_t lease_ms, const sigset_t *ends)
{
    const int64_t every_ms = AVSP_MIN(lease_ms / 8, (int64_t)1000);
    const struct timespec wait = {.tv_sec = every_ms / 1000, .tv_nsec = every_ms % 1000 * 1000000};
    for (;;) {
        int sig = sigtimedwait(ends, NULL, &wait);
        if (sig > 0)
            return sig;
        avsp_service_sweep(service);
    }
}

static void http_cleanup(struct avsp_http **http)
{
    avsp_http_stop(*http);
}

/// Starts the side port where one is wanted.
static enum avsp_code start_http(const struct avsp_config *config, struct avsp_service *service,
                                 struct avsp_http **ret_http, struct avsp_err *err)
{
    if (config->http == NULL)
        return AVSP_OK;
    *ret_http = avsp_http_start(config->http, avsp_coordinator_pages, avsp_coordinator_n_pages,
                                service, err);
    if (*ret_http == NULL)
        return avsp_err_wrap(err, "--http");
    char address[256];
    spoken_address(config->http, avsp_http_port(*ret_http), address, sizeof address);
    avsp_log(AVSP_LOG_INFO, "coordinator.http", "address=%s", address);
    return AVSP_OK;
}

static enum avsp_code serve(const struct avsp_config *config, struct avsp_service *service,
                            const sigset_t *ends, struct avsp_err *err)
{
    struct avsp_http *AVSP_CLEANUP(http_cleanup) http = NULL;
    if (start_http(config, service, &http, err) != AVSP_OK)
        return err->code;
    struct avsp_server_options options = {.listen = config->listen, .tls = config->tls};
    struct avsp_server *server = avsp_server_start(&options, &avsp_coordinator_ops, service, err);
    if (server == NULL)
        return err->code;
    avsp_service_attach(service, server);
    char address[256];
    int port = avsp_server_port(server);
    spoken_address(config->listen, port, address, sizeof address);
    avsp_log(AVSP_LOG_INFO, "coordinator.listening", "address=%s version=%s", address,
             AVSP_VERSION);
    say_ready(config->ready_fd, address);
    int sig = sweep_until_signal(service, config->lease_ms, ends);
    avsp_log(AVSP_LOG_INFO, "coordinator.stopping", "signal=%s", sigabbrev_np(sig));
    avsp_service_stopping(service);
    if (http != NULL)
        usleep(BALANCER_MS * 1000);
    avsp_service_detach(service);
    avsp_server_stop(server, port > 0 ? LAME_DUCK_MS : 0, GRACE_MS);
    avsp_log(AVSP_LOG_INFO, "coordinator.stopped", "address=%s", address);
    return AVSP_OK;
}

/// Opens the database, and waits for it where that can help. @return false: it failed, with @p err, or a signal came, without.
static bool open_database(struct avsp_service *service, const struct avsp_config *config,
                          const sigset_t *ends, struct avsp_err *err)
{
    for (int64_t wait_ms = DATABASE_WAIT_MIN_MS;; wait_ms *= 2) {
        if (avsp_service_open(service, config, err) == AVSP_OK)
            return true;
        if (err->code != AVSP_UNAVAILABLE)
            return false;
        avsp_log(AVSP_LOG_WARN, "coordinator.waiting", "why=%s", AVSP_LOG_Q(err->text));
        *err = (struct avsp_err){0};
        wait_ms = AVSP_MIN(wait_ms, (int64_t)DATABASE_WAIT_MAX_MS);
        const struct timespec wait = {.tv_sec = wait_ms / 1000,
                                      .tv_nsec = wait_ms % 1000 * 1000000};
        if (sigtimedwait(ends, NULL, &wait) > 0)
            return false;
    }
}

static int complain(const struct avsp_err *err, int status)
{
    fprintf(stderr, "%s: %s\n", avsp_coordinator_program.name, err->text);
    return status;
}

static int run_token(const struct avsp_cli_parsed *args, struct avsp_arena *arena)
{
    struct avsp_err err = {0};
    const char *db_url = NULL;
    enum avsp_code rc = avsp_config_db(args, arena, &db_url, &err);
    if (rc == AVSP_OK)
        rc = avsp_token_run(args, db_url, &err);
    if (rc == AVSP_OK)
        return 0;
    return complain(&err, rc == AVSP_INVALID ? EXIT_USAGE : EXIT_FAILED);
}

int main(int argc, char **argv)
{
    struct avsp_err err = {0};
    struct avsp_cli_parsed args;
    bool is_answered = false;
    avsp_process_hide();
    if (avsp_cli_parse(&avsp_coordinator_program, argc, argv, &args, &is_answered, &err) != AVSP_OK)
        return complain(&err, EXIT_USAGE);
    if (is_answered)
        return 0;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, CONFIG_MAX_BYTES);
    if (args.command->name[0] != '\0')
        return run_token(&args, &arena);
    struct avsp_config config;
    enum avsp_code rc = avsp_config_read(&args, &arena, &config, &err);
    if (rc != AVSP_OK)
        return complain(&err, rc == AVSP_INVALID ? EXIT_USAGE : EXIT_FAILED);
    avsp_log_begin(&config.log);
    sigset_t ends;
    block_signals(&ends);
    struct avsp_service AVSP_CLEANUP(avsp_service_close) service = {0};
    if (open_database(&service, &config, &ends, &err))
        (void)serve(&config, &service, &ends, &err);
    return err.code == AVSP_OK ? 0 : complain(&err, EXIT_FAILED);
}
