/// The segment timeline in exact integers: which segment place a timestamp falls in, where places begin, which
/// frame rate and timescale a job gets.
///
/// Pure functions; any thread. Rounding: a boundary is the first tick at or after k * seconds, so that a frame
/// belongs to place k exactly when boundary(k) <= pts < boundary(k + 1), without drift.
#ifndef AVSP_CORE_PLAN_H
#define AVSP_CORE_PLAN_H

#include "core/model.h"

/// The first tick of place @p k: origin + ceil(k * seconds / time_base).
/// @param time_base num, den >= 1.
int64_t avsp_plan_boundary(int64_t origin_pts, struct avsp_rational time_base,
                           int32_t segment_seconds, int64_t k);

/// The place of @p pts: floor((pts - origin) * time_base / seconds); negative before the origin.
int64_t avsp_plan_place(int64_t origin_pts, struct avsp_rational time_base, int32_t segment_seconds,
                        int64_t pts);

/// Ticks a second for segments of a track: the time base's denominator, doubled until it is at least 10,000.
/// @return 0 where that does not fit in 32 bits.
uint32_t avsp_plan_timescale(struct avsp_rational time_base);

/// A timestamp on the presentation's own timeline, in ticks of @p timescale (from avsp_plan_timescale of the same
/// time base, so that the result is exact).
int64_t avsp_plan_ticks(int64_t pts, int64_t origin_pts, struct avsp_rational time_base,
                        uint32_t timescale);

/// The standard frame rate nearest to the distances between consecutive shown frames.
/// @param distances   in time_base, each > 0; sorted by this call.
/// @param n           0 gives 25/1.
/// @return one of 10, 12, 12.5, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 100, 119.88, 120, 144, 240 and
///         1..9: the nearest to a low percentile of the distances within 1 %, or else the smallest that is not slower.
struct avsp_rational avsp_plan_frame_rate(int64_t *distances, size_t n,
                                          struct avsp_rational time_base);

/// The rate where two pictures come from each frame; the same where it would be over 240, which encoders do not take.
struct avsp_rational avsp_plan_double_rate(struct avsp_rational rate);

#endif
