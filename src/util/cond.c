#include "util/cond.h"

#include <errno.h>
#include <time.h>

void avsp_cond_init(pthread_cond_t *ret_cond)
{
    pthread_condattr_t attr;
    AVSP_ASSERT(pthread_condattr_init(&attr) == 0);
    AVSP_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    AVSP_ASSERT(pthread_cond_init(ret_cond, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

bool avsp_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, struct avsp_mono deadline)
{
    const struct timespec at = {.tv_sec = deadline.us / 1000000,
                                .tv_nsec = deadline.us % 1000000 * 1000};
    return pthread_cond_timedwait(cond, lock, &at) != ETIMEDOUT;
}
