#include "../cmocka_all.h"

#include "core/peak.h"

#include <stdlib.h>
#include <time.h>

#define SEGMENTS_MAX 120

/// As the definition has it: every run there is.
static int64_t of_all_runs(const struct avsp_peak *marks, size_t n_marks, int64_t target_us)
{
    int64_t peak = 0;
    for (size_t i = 0; i < n_marks; i++)
        for (size_t j = i + 1; j < n_marks; j++) {
            int64_t us = marks[j].us - marks[i].us;
            if (us * 2 >= target_us && us * 2 <= target_us * 3)
                peak = AVSP_MAX(peak, avsp_peak_rate(marks[j].bytes - marks[i].bytes, us));
        }
    return peak;
}

/// xorshift64: the same numbers in every run.
static uint64_t number(uint64_t *state, uint64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % below;
}

static void it_is_that_of_the_best_run(void **unused)
{
    (void)unused;
    uint64_t state = 20221125;
    for (unsigned round = 0; round < 2000; round++) {
        struct avsp_peak marks[SEGMENTS_MAX + 1] = {0};
        size_t n = number(&state, SEGMENTS_MAX);
        int64_t longest_us = 1;
        uint64_t usual_us = 1 + number(&state, 5000000);
        marks[0].us = (int64_t)number(&state, 1000);
        for (size_t i = 0; i < n; i++) {
            bool odd = number(&state, 8) == 0; // short, long or nothing at all
            uint64_t us = odd ? number(&state, usual_us * 40) * number(&state, 2) : usual_us;
            longest_us = AVSP_MAX(longest_us, (int64_t)us);
            marks[i + 1].us = marks[i].us + (int64_t)us;
            marks[i + 1].bytes = marks[i].bytes + number(&state, odd ? 1000000000 : 3000);
        }
        int64_t wanted = of_all_runs(marks, n + 1, longest_us);
        int64_t peak = avsp_peak_bps(marks, n + 1, longest_us);
        if (peak != wanted)
            fail_msg("round %u: %lld is the rate, not %lld", round, (long long)wanted,
                     (long long)peak);
    }
}

static void extremes(void **unused)
{
    (void)unused;
    struct avsp_peak marks[] = {{.us = 0}, {.us = 0}, {.us = 0, .bytes = 7}};
    assert_int_equal(avsp_peak_bps(marks, 1, 1000000), 0);
    assert_int_equal(avsp_peak_bps(marks, 3, 1000000), 0); // takes no time
    assert_int_equal(avsp_peak_bps(marks, 3, 0), 0);
    struct avsp_peak huge[] = {
        {.us = 0}, {.us = 1, .bytes = 1}, {.us = (int64_t)1 << 62, .bytes = (uint64_t)1 << 62}};
    assert_int_equal(avsp_peak_bps(huge, 3, (int64_t)1 << 62), 8000000);
    struct avsp_peak dense[] = {{.us = 0}, {.us = 1, .bytes = (uint64_t)1 << 62}};
    assert_int_equal(avsp_peak_bps(dense, 2, 1), INT64_MAX / 4);
}

/// A picture of six and a half hours among a million segments of a second: some 10^10 runs.
static void a_long_segment_costs_no_time(void **unused)
{
    (void)unused;
    size_t n = 1000000;
    uint64_t state = 1;
    struct avsp_peak *marks = calloc(n + 1, sizeof *marks);
    assert_non_null(marks);
    for (size_t i = 0; i < n; i++) {
        marks[i + 1].us = marks[i].us + (i == n / 2 ? (int64_t)23400 * 1000000 : 1000000);
        marks[i + 1].bytes = marks[i].bytes + number(&state, 1000000);
    }
    clock_t began = clock();
    assert_in_range(avsp_peak_bps(marks, n + 1, (int64_t)23400 * 1000000), 4000000, 4200000);
    // A second is a hundred times what it takes, and a hundredth of what all runs would.
    assert_in_range(clock() - began, 0, 3 * CLOCKS_PER_SEC);
    free(marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_that_of_the_best_run),
        cmocka_unit_test(extremes),
        cmocka_unit_test(a_long_segment_costs_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
