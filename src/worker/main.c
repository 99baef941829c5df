/// avspl1t-worker: reads its configuration, works until a signal comes or there is nothing more to do.
#include "util/process.h"
#include "worker/config.h"
#include "worker/worker.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define EXIT_FAILED 1
#define EXIT_USAGE 2

static sigset_t ends;

static int next_signal(int ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    int sig = sigtimedwait(&ends, NULL, &wait);
    return sig < 0 ? 0 : sig;
}

/// Blocks what ends us, in this thread and all that it starts.
static void block_signals(void)
{
    avsp_process_ends(&ends);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    // A file larger than a limit is an error of write(2), not our end.
    signal(SIGXFSZ, SIG_IGN);
}

static int complain(const struct avsp_err *err, int status)
{
    fprintf(stderr, "%s: %s\n", avsp_worker_program.name, err->text);
    return status;
}

int main(int argc, char **argv)
{
    struct avsp_err err = {0};
    struct avsp_cli_parsed args;
    bool is_answered = false;
    avsp_process_hide();
    if (avsp_cli_parse(&avsp_worker_program, argc, argv, &args, &is_answered, &err) != AVSP_OK)
        return complain(&err, EXIT_USAGE);
    if (is_answered)
        return 0;
    struct avsp_worker_config config;
    enum avsp_code rc = avsp_worker_config_read(&args, &config, &err);
    if (rc != AVSP_OK)
        return complain(&err, rc == AVSP_INVALID ? EXIT_USAGE : EXIT_FAILED);
    avsp_log_begin(&config.log);
    block_signals();
    int status = 0;
    rc = avsp_worker_run(&config, next_signal, &status, &err);
    if (rc != AVSP_OK)
        return complain(&err, rc == AVSP_INVALID ? EXIT_USAGE : EXIT_FAILED);
    return status;
}
