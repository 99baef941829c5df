#include "core/peak.h"

__extension__ typedef __int128 wide;

int64_t avsp_peak_rate(uint64_t bytes, int64_t us)
{
    if (us <= 0)
        return 0;
    wide rate = ((wide)bytes * 8 * 1000000 + us - 1) / us;
    return (int64_t)AVSP_MIN(rate, (wide)INT64_MAX / 4);
}

/// Bytes in some time.
struct rate {
    uint64_t bytes;
    int64_t us;
};

static struct rate between(const struct avsp_peak *from, const struct avsp_peak *to)
{
    return (struct rate){to->bytes - from->bytes, to->us - from->us};
}

/// How much more there is up to a mark than @p rate would give. What a run has more is the difference between its ends.
static wide excess(const struct avsp_peak *mark, struct rate rate)
{
    return (wide)mark->bytes * rate.us - (wide)mark->us * (wide)rate.bytes;
}

/// Finds the run that has most more than @p rate would give it, and makes it the rate. For every end the best begin is the one with
/// the least excess of those that are near and far enough; the begins that may yet be the best stand in a queue, by excess
/// and by time, which has its places in the marks' scratch.
/// @return false: no run has more.
static bool find_better(struct avsp_peak *marks, size_t n_marks, int64_t target_us,
                        struct rate *rate)
{
    size_t head = 0, tail = 0, begin = 0;
    wide most = 0;
    const struct avsp_peak *best_from = NULL, *best_to = NULL;
    for (size_t end = 0; end < n_marks; end++) {
        const struct avsp_peak *to = &marks[end];
        for (; begin < end && (to->us - marks[begin].us) * (wide)2 >= target_us; begin++) {
            wide here = excess(&marks[begin], *rate);
            while (tail > head && excess(&marks[marks[tail - 1].scratch], *rate) >= here)
                tail--;
            marks[tail++].scratch = begin;
        }
        while (head < tail &&
               (to->us - marks[marks[head].scratch].us) * (wide)2 > (wide)target_us * 3)
            head++;
        if (head == tail)
            continue;
        const struct avsp_peak *from = &marks[marks[head].scratch];
        wide more = excess(to, *rate) - excess(from, *rate);
        if (more <= most)
            continue;
        most = more;
        best_from = from;
        best_to = to;
    }
    if (best_from != NULL)
        *rate = between(best_from, best_to);
    return best_from != NULL;
}

int64_t avsp_peak_bps(struct avsp_peak *marks, size_t n_marks, int64_t target_us)
{
    // Dinkelbach's method: every run that has more than the best rate so far has a better one, and few steps lead to the end.
    struct rate best = {0, 1};
    while (target_us > 0 && find_better(marks, n_marks, target_us, &best))
        ;
    return avsp_peak_rate(best.bytes, best.us);
}
