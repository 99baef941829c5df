/// How many pictures seem to be missing from a video: counts the holes between pictures that come at one distance otherwise. Whether something
/// was lost there, or was never there, other signs must tell.
///
///     struct avsp_gaps gaps;
///     avsp_gaps_init(&gaps, frame_rate, time_base);
///     while (…) avsp_gaps_put(&gaps, pts);
///     n = avsp_gaps_n_missing(&gaps);
///
/// Pure. One thread at a time.
#ifndef AVSP_MEDIA_GAPS_H
#define AVSP_MEDIA_GAPS_H

#include "core/model.h"

/// Pictures come so much out of order at the most (H.264's and HEVC's decoded picture buffer, in fields).
#define AVSP_GAPS_HELD 32

struct avsp_gaps {
    struct avsp_rational per_tick; ///< frames in a tick
    int64_t held[AVSP_GAPS_HELD];  ///< the latest times, in order
    size_t n_held;
    int64_t last; ///< the time before these; INT64_MIN = none
    uint64_t n_regular;
    uint64_t n_holes;
    uint64_t n_missing; ///< in all holes, by their length
};

/// @param time_base  num, den >= 1; of all times.
void avsp_gaps_init(struct avsp_gaps *gaps, struct avsp_rational frame_rate,
                    struct avsp_rational time_base);

/// Takes the next picture's time, in the order of decoding.
void avsp_gaps_put(struct avsp_gaps *gaps, int64_t pts);

/// Some of the latest pictures are put again: each counts once.
void avsp_gaps_rewind(struct avsp_gaps *gaps);

/// @return 0 where pictures come at no regular distance, too: nobody can tell.
uint64_t avsp_gaps_n_missing(const struct avsp_gaps *gaps);

#endif
