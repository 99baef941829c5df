#include "media/retime.h"

#include <string.h>

void avsp_retime_init(struct avsp_retime *r, int64_t usual_ticks)
{
    *r = (struct avsp_retime){.usual_ticks = usual_ticks, .last = INT64_MIN};
}

void avsp_retime_put(struct avsp_retime *r, int64_t pts)
{
    AVSP_ASSERT(r->n < AVSP_RETIME_AHEAD);
    r->ahead[r->n++] = pts;
}

/// The first picture that waits and is in the longest series that grows from `last` on. @return r->n: there is none.
static size_t first_believed(const struct avsp_retime *r)
{
    size_t length[AVSP_RETIME_AHEAD]; // of the longest series that begins here
    size_t best = r->n;
    for (size_t i = r->n; i-- > 0;) {
        length[i] = 1;
        for (size_t k = i + 1; k < r->n; k++)
            if (r->ahead[k] > r->ahead[i])
                length[i] = AVSP_MAX(length[i], length[k] + 1);
        if (r->ahead[i] > r->last && (best == r->n || length[i] >= length[best]))
            best = i;
    }
    return best;
}

static int64_t distance(int64_t from, int64_t to)
{
    int64_t ticks = 0;
    return __builtin_sub_overflow(to, from, &ticks) ? INT64_MAX / 2 : ticks;
}

bool avsp_retime_take(struct avsp_retime *r, bool now, int64_t *ret_pts, bool *ret_believed)
{
    if (r->n == 0 || (r->n < AVSP_RETIME_AHEAD && !now))
        return false;
    size_t next = first_believed(r);
    int64_t pts = r->ahead[0];
    if (next > 0) {
        int64_t steps = (int64_t)next + 1;
        bool is_first = r->last == INT64_MIN;
        if (next == r->n)
            pts = is_first ? 0 : r->last + r->usual_ticks;
        else if (is_first)
            pts = r->ahead[next] - (int64_t)next * r->usual_ticks;
        else
            pts = r->last + AVSP_MAX(distance(r->last, r->ahead[next]) / steps, (int64_t)1);
    }
    r->n--;
    memmove(r->ahead, r->ahead + 1, r->n * sizeof r->ahead[0]);
    *ret_pts = r->last = pts;
    *ret_believed = next == 0;
    return true;
}
