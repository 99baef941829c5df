#include "rpc/grpc_use.h"
#include "rpc/compat.h"

#include <pthread.h>
#include <string.h>

static pthread_once_t silenced = PTHREAD_ONCE_INIT;

static void silence(void)
{
    setenv("GRPC_VERBOSITY", "NONE", 0);
}

void avsp_grpc_begin(void)
{
    pthread_once(&silenced, silence);
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
