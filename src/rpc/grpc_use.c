#include "rpc/grpc_use.h"
#include "rpc/compat.h"

#include <pthread.h>
#include <string.h>

/// While nobody waits in a call, a connection in the making goes on at these intervals alone. gRPC's own, 5 s, is also how long
/// one may take: a handshake of TLS, which is several steps, would never come to its end.
#define IDLE_POLL_MS "100"

static pthread_once_t configured = PTHREAD_ONCE_INIT;

static void configure(void)
{
    setenv("GRPC_VERBOSITY", "NONE", 0);
    setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", IDLE_POLL_MS, 0);
}

void avsp_grpc_begin(void)
{
    pthread_once(&configured, configure);
    sigset_t before;
    avsp_signals_block(&before);
    grpc_init();
    avsp_signals_restore(&before);
}

void avsp_grpc_end(void)
{
    grpc_shutdown();
}

void avsp_unix_name(struct avsp_buf *name, const char *path)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-~";
    avsp_buf_puts(name, "unix:");
    for (const char *c = path; *c != '\0'; c++) {
        if (strchr(plain, *c) != NULL)
            avsp_buf_append(name, c, 1);
        else
            avsp_buf_printf(name, "%%%02X", (unsigned char)*c);
    }
}

void avsp_signals_block(sigset_t *ret_before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

void avsp_signals_restore(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}
