/// Two clocks that cannot be mistaken for each other, and deadlines on one of them.
///
/// Monotonic time measures waits and deadlines within this machine; wall time is for people. Leases use
/// neither: they live on the database's clock. Any thread.
#ifndef AVSP_UTIL_TIME_H
#define AVSP_UTIL_TIME_H

#include "util/base.h"

/// An instant on CLOCK_MONOTONIC, in microseconds.
struct avsp_mono {
    int64_t us;
};

/// An instant since 1970-01-01 UTC, in microseconds.
struct avsp_wall {
    int64_t us;
};

struct avsp_mono avsp_mono_now(void);
struct avsp_wall avsp_wall_now(void);

/// The deadline @p ms milliseconds from now; @p ms may be 0.
struct avsp_mono avsp_mono_in_ms(int64_t ms);

/// Milliseconds until @p deadline, at least 0, rounded up, at most INT32_MAX: fits poll().
int avsp_mono_left_ms(struct avsp_mono deadline);

bool avsp_mono_passed(struct avsp_mono deadline);

#define AVSP_WALL_TEXT_BYTES 32

/// Writes "2026-11-21T22:37:31.123Z"; at least AVSP_WALL_TEXT_BYTES bytes.
void avsp_wall_format(struct avsp_wall wall, char ret_text[AVSP_WALL_TEXT_BYTES]);

#endif
