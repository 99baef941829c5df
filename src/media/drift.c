#include "media/drift.h"

#include "core/piece.h"

#include <math.h>

#define PACKETS_MIN 100 ///< fewer say little
#define JUMP_S                                                                                     \
    0.02 ///< from one packet to the next: a hole, as of decoded sound (media/audio_timeline.h)
#define SCATTER_MAX_S                                                                              \
    0.003 ///< around the line, on average: Matroska's milliseconds come to a tenth of that
#define DRIFT_MIN_S 0.001

void avsp_drift_add(struct avsp_drift *drift, int64_t pts, AVRational time_base, int rate,
                    int n_samples)
{
    int64_t since = 0;
    if (drift->n == 0)
        drift->first_pts = pts;
    drift->is_broken |=
        rate < 1 || n_samples < 1 || __builtin_sub_overflow(pts, drift->first_pts, &since) ||
        __builtin_add_overflow(drift->n_samples, (int64_t)n_samples, &drift->n_samples);
    if (drift->is_broken)
        return;
    double x = (double)(drift->n_samples - n_samples) / rate;
    double y = (double)since * av_q2d(time_base) - x;
    drift->is_broken |= fabs(y - drift->last_off_s) >= JUMP_S;
    drift->last_off_s = y;
    drift->n++;
    drift->sum_x += x;
    drift->sum_y += y;
    drift->sum_xx += x * x;
    drift->sum_xy += x * y;
    drift->sum_yy += y * y;
}

int64_t avsp_drift_ppb(const struct avsp_drift *drift)
{
    double n = (double)drift->n;
    if (drift->is_broken || drift->n < PACKETS_MIN)
        return 0;
    double xx = drift->sum_xx - drift->sum_x * drift->sum_x / n;
    double xy = drift->sum_xy - drift->sum_x * drift->sum_y / n;
    double yy = drift->sum_yy - drift->sum_y * drift->sum_y / n;
    if (!(xx > 0))
        return 0;
    double slope = xy / xx;
    double scatter = sqrt(fmax(yy - slope * xy, 0) / n);
    double length_s = sqrt(12 * xx / n); // of packets at even distances
    bool is_drift = fabs(slope) * 1e9 <= AVSP_PIECE_DRIFT_MAX_PPB && scatter <= SCATTER_MAX_S &&
                    fabs(slope) * length_s >= DRIFT_MIN_S;
    return is_drift ? (int64_t)llround(slope * 1e9) : 0;
}
