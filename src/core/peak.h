/// The peak segment bit rate: the largest one over contiguous runs of segments that last half to one and a half target durations
/// (8216bis 4.4.6.2). Exact, in time that grows with the number of segments alone: one that lasts for hours makes the target
/// duration so long that every run has thousands of segments.
///
///     struct avsp_peak *marks = …n_segments + 1 of them, zeroed…;
///     marks[0].us = start; …
///     marks[i + 1].us = end of segment i; marks[i + 1].bytes = of the segments 0 to i, together; …
///     peak = avsp_peak_bps(marks, n_segments + 1, target_us);
///
/// A pure function. One thread at a time.
#ifndef AVSP_CORE_PEAK_H
#define AVSP_CORE_PEAK_H

#include "util/base.h"

/// A boundary between segments.
struct avsp_peak {
    int64_t us;     ///< 0..2^62; never less than that of the one before
    uint64_t bytes; ///< up to here, 0..2^62; likewise
    size_t scratch;
};

/// Bits in so many microseconds, as a rate in seconds, rounded up; 0 where there is no time. At most INT64_MAX / 4.
int64_t avsp_peak_rate(uint64_t bytes, int64_t us);

/// @param marks  their `scratch` is changed
/// @return bits a second, rounded up; 0 where no run lasts as long as it must
int64_t avsp_peak_bps(struct avsp_peak *marks, size_t n_marks, int64_t target_us);

#endif
