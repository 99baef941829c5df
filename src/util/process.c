#include "util/process.h"

#include "util/base.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void avsp_process_hide(void)
{
    const struct rlimit none = {0, 0};
    if (AVSP_SANITIZED)
        return;
    // Neither fails for one's own process; the limit also holds where dumps go to a pipe only together with the first.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
}

void avsp_process_ends(sigset_t *ret_ends)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
    sigemptyset(ret_ends);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ends); i++) {
        struct sigaction now;
        AVSP_ASSERT(sigaction(ends[i], NULL, &now) == 0);
        if (now.sa_handler != SIG_IGN)
            sigaddset(ret_ends, ends[i]);
    }
}
