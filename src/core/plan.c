#include "core/plan.h"

#include <stdlib.h>

#define RATE_MAX 240

/// Wide enough for any 64-bit timestamp times any 32-bit time base.
__extension__ typedef __int128 wide;

static wide floor_div(wide a, wide b)
{
    wide q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static int64_t clamp64(wide v)
{
    if (v > INT64_MAX)
        return INT64_MAX;
    if (v < INT64_MIN)
        return INT64_MIN;
    return (int64_t)v;
}

int64_t avsp_plan_boundary(int64_t origin_pts, struct avsp_rational time_base,
                           int32_t segment_seconds, int64_t k)
{
    wide ticks = -floor_div(-(wide)k * segment_seconds * time_base.den, time_base.num);
    return clamp64(origin_pts + ticks);
}

int64_t avsp_plan_place(int64_t origin_pts, struct avsp_rational time_base, int32_t segment_seconds,
                        int64_t pts)
{
    wide since = (wide)pts - origin_pts;
    return clamp64(floor_div(since * time_base.num, (wide)segment_seconds * time_base.den));
}

/// Players and muxers keep fractions of a millisecond apart from this many ticks a second on.
#define TIMESCALE_MIN 10000

uint32_t avsp_plan_timescale(struct avsp_rational time_base)
{
    if (time_base.num < 1 || time_base.den < 1)
        return 0;
    int64_t scale = time_base.den;
    while (scale < TIMESCALE_MIN)
        scale *= 2;
    return (uint32_t)scale;
}

int64_t avsp_plan_ticks(int64_t pts, int64_t origin_pts, struct avsp_rational time_base,
                        uint32_t timescale)
{
    wide since = (wide)pts - origin_pts;
    return clamp64(floor_div(since * time_base.num * timescale, time_base.den));
}

static const struct avsp_rational standard_rates[] = {
    {1, 1},  {2, 1},   {3, 1},         {4, 1},   {5, 1},   {6, 1},   {7, 1},
    {8, 1},  {9, 1},   {10, 1},        {12, 1},  {25, 2},  {15, 1},  {24000, 1001},
    {24, 1}, {25, 1},  {30000, 1001},  {30, 1},  {48, 1},  {50, 1},  {60000, 1001},
    {60, 1}, {100, 1}, {120000, 1001}, {120, 1}, {144, 1}, {240, 1},
};

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/// The mean of the distances around the low percentile, in seconds: a clock that rounds to milliseconds gives 33 and 34
/// for one and the same rate, and only their mean tells it.
static double typical_distance(int64_t *distances, size_t n, struct avsp_rational time_base)
{
    qsort(distances, n, sizeof *distances, compare_i64);
    int64_t low = distances[n / 10];
    // One tick of rounding on each side of a distance.
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (llabs(distances[i] - low) <= AVSP_MAX((int64_t)1, low / 20)) {
            sum += (double)distances[i];
            count++;
        }
    return sum / (double)count * time_base.num / time_base.den;
}

struct avsp_rational avsp_plan_frame_rate(int64_t *distances, size_t n,
                                          struct avsp_rational time_base)
{
    if (n == 0)
        return (struct avsp_rational){25, 1};
    double rate = 1.0 / typical_distance(distances, n, time_base);
    const size_t n_rates = AVSP_ARRAY_LEN(standard_rates);
    size_t nearest = 0;
    double least = 1e9;
    for (size_t i = 0; i < n_rates; i++) {
        double off = standard_rates[i].num / (double)standard_rates[i].den / rate - 1.0;
        if (off < 0)
            off = -off;
        if (off < least) {
            least = off;
            nearest = i;
        }
    }
    if (least <= 0.01)
        return standard_rates[nearest];
    for (size_t i = 0; i < n_rates; i++)
        if (standard_rates[i].num / (double)standard_rates[i].den >= rate)
            return standard_rates[i];
    return standard_rates[n_rates - 1];
}

struct avsp_rational avsp_plan_double_rate(struct avsp_rational rate)
{
    if (rate.num <= RATE_MAX / 2 * (int64_t)rate.den)
        rate.num *= 2;
    return rate;
}
