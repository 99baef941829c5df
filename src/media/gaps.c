#include "media/gaps.h"

#include <libavutil/mathematics.h>
#include <string.h>

/// There is one hole at the most to so many pictures where these come at one distance.
#define REGULAR_PER_HOLE 8

void avsp_gaps_init(struct avsp_gaps *gaps, struct avsp_rational frame_rate,
                    struct avsp_rational time_base)
{
    *gaps = (struct avsp_gaps){.last = INT64_MIN};
    AVRational per_tick = av_mul_q((AVRational){frame_rate.num, frame_rate.den},
                                   (AVRational){time_base.num, time_base.den});
    gaps->per_tick = (struct avsp_rational){per_tick.num, per_tick.den};
}

/// Takes note of the picture at @p pts, behind the one at `last`.
static void follow(struct avsp_gaps *gaps, int64_t pts)
{
    int64_t ticks = 0;
    if (gaps->last != INT64_MIN && !__builtin_sub_overflow(pts, gaps->last, &ticks)) {
        int64_t n = av_rescale(ticks, gaps->per_tick.num, gaps->per_tick.den);
        gaps->n_regular += n == 1;
        gaps->n_holes += n > 1;
        gaps->n_missing += n > 1 ? (uint64_t)n - 1 : 0;
    }
    gaps->last = pts;
}

void avsp_gaps_put(struct avsp_gaps *gaps, int64_t pts)
{
    if (pts <= gaps->last)
        return;
    if (gaps->n_held == AVSP_GAPS_HELD) {
        follow(gaps, AVSP_MIN(pts, gaps->held[0]));
        if (pts <= gaps->held[0])
            return;
        gaps->n_held--;
        memmove(gaps->held, gaps->held + 1, gaps->n_held * sizeof gaps->held[0]);
    }
    size_t at = gaps->n_held++;
    for (; at > 0 && gaps->held[at - 1] > pts; at--)
        gaps->held[at] = gaps->held[at - 1];
    gaps->held[at] = pts;
}

void avsp_gaps_rewind(struct avsp_gaps *gaps)
{
    gaps->n_held = 0;
}

uint64_t avsp_gaps_n_missing(const struct avsp_gaps *gaps)
{
    struct avsp_gaps all = *gaps;
    for (size_t i = 0; i < gaps->n_held; i++)
        follow(&all, gaps->held[i]);
    return all.n_holes * REGULAR_PER_HOLE <= all.n_regular ? all.n_missing : 0;
}
