/// Condition variables on the monotonic clock, so that no wait becomes longer or shorter when somebody sets the wall clock.
///
///     avsp_cond_init(&changed);
///     while (!ready && avsp_cond_wait_until(&changed, &lock, deadline));
///     pthread_cond_destroy(&changed);
///
/// Everything else is pthread's own, its rules for threads too.
#ifndef AVSP_UTIL_COND_H
#define AVSP_UTIL_COND_H

#include "util/time.h"

#include <pthread.h>

void avsp_cond_init(pthread_cond_t *ret_cond);

/// Waits until somebody signals, which may also happen for nothing, or the deadline. @param lock  held by the caller.
/// @return false: the deadline has passed.
bool avsp_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, struct avsp_mono deadline);

#endif
