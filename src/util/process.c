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
