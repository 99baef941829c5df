/// How far the clock of a track's samples is from that of its times: a line through all packets, as they go by. Memory: some numbers.
/// Pure; one thread at a time.
///
/// Recorders and converters give times by one clock and take samples by another: what is counted ends sooner or later than the times
/// say, a little more with every minute. Jitter, holes and joined recordings are no drift: they are not near a line.
#ifndef AVSP_MEDIA_DRIFT_H
#define AVSP_MEDIA_DRIFT_H

#include "util/base.h"

#include <libavutil/rational.h>

/// All zeros: nothing was seen yet.
struct avsp_drift {
    bool is_broken; ///< these times are near no line
    uint64_t n;
    int64_t first_pts;
    int64_t n_samples; ///< of all packets so far
    double last_off_s;
    double sum_x, sum_y, sum_xx, sum_xy, sum_yy;
};

/// @param n_samples  of the packet, at @p rate a second; 0 = not known.
void avsp_drift_add(struct avsp_drift *drift, int64_t pts, AVRational time_base, int rate,
                    int n_samples);

/// By how many parts in 10^9 a sample lasts longer than its rate says; 0 where that comes to less than a millisecond in all, or is no drift.
int64_t avsp_drift_ppb(const struct avsp_drift *drift);

#endif
