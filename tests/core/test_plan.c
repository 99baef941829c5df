#include "../cmocka_all.h"

#include "core/plan.h"

#include <string.h>

/// A frame belongs to place k exactly when boundary(k) <= pts < boundary(k + 1), for any time base.
static void places_and_boundaries_agree(void **state)
{
    (void)state;
    static const struct avsp_rational bases[] = {{1, 30000}, {1001, 30000}, {1, 1000},   {1, 90000},
                                                 {1, 12800}, {1, 1000000},  {125, 2997}, {1, 25}};
    for (size_t b = 0; b < AVSP_ARRAY_LEN(bases); b++)
        for (int32_t seconds = 1; seconds <= 7; seconds += 3)
            for (int64_t origin = -5000; origin <= 5000; origin += 1250)
                for (int64_t k = -2; k < 50; k++) {
                    int64_t edge = avsp_plan_boundary(origin, bases[b], seconds, k);
                    assert_int_equal(avsp_plan_place(origin, bases[b], seconds, edge), k);
                    assert_int_equal(avsp_plan_place(origin, bases[b], seconds, edge - 1), k - 1);
                }
}

static void boundaries_do_not_drift(void **state)
{
    (void)state;
    struct avsp_rational tb = {1001, 30000};
    // 2 s = 59.94 frames: 60 frames almost always, 59 now and then, never another number.
    for (int64_t k = 0; k < 1000; k++) {
        int64_t n = avsp_plan_boundary(0, tb, 2, k + 1) - avsp_plan_boundary(0, tb, 2, k);
        assert_in_range(n, 59, 60);
    }
    assert_int_equal(avsp_plan_boundary(0, tb, 2, 1001 * 15), 30000 * 30);
}

static void extremes_do_not_overflow(void **state)
{
    (void)state;
    struct avsp_rational tb = {1, INT32_MAX};
    assert_true(avsp_plan_boundary(INT64_MAX, tb, 60, 1000000) == INT64_MAX);
    (void)avsp_plan_place(INT64_MIN, tb, 1, INT64_MAX);
    (void)avsp_plan_ticks(INT64_MAX, INT64_MIN, (struct avsp_rational){INT32_MAX, 1}, UINT32_MAX);
}

static void timescales_keep_ticks_exact(void **state)
{
    (void)state;
    assert_int_equal(avsp_plan_timescale((struct avsp_rational){1, 30000}), 30000);
    assert_int_equal(avsp_plan_timescale((struct avsp_rational){1, 1000}), 16000);
    assert_int_equal(avsp_plan_timescale((struct avsp_rational){1, 25}), 12800);
    assert_int_equal(avsp_plan_ticks(33, 0, (struct avsp_rational){1, 1000}, 16000), 528);
    assert_int_equal(avsp_plan_ticks(107, 7, (struct avsp_rational){1001, 30000}, 30000), 100100);
}

/// Distances as a clock of `den` ticks a second rounds them.
static struct avsp_rational rate_of(double fps, int32_t den, size_t n)
{
    int64_t d[512];
    assert_true(n <= AVSP_ARRAY_LEN(d));
    for (size_t i = 0; i < n; i++) {
        int64_t a = (int64_t)((double)i / fps * den + 0.5);
        int64_t b = (int64_t)((double)(i + 1) / fps * den + 0.5);
        d[i] = b - a;
    }
    return avsp_plan_frame_rate(d, n, (struct avsp_rational){1, den});
}

static void frame_rates_are_standard(void **state)
{
    (void)state;
    static const struct {
        double fps;
        int32_t den;
        struct avsp_rational want;
    } rows[] = {
        {24000.0 / 1001, 1000, {24000, 1001}},
        {24, 1000, {24, 1}},
        {25, 1000, {25, 1}},
        {30000.0 / 1001, 1000, {30000, 1001}},
        {30, 1000, {30, 1}},
        {50, 90000, {50, 1}},
        {60000.0 / 1001, 1000, {60000, 1001}},
        {60, 1000, {60, 1}},
        {15, 600, {15, 1}},
        {29.98, 30000, {30000, 1001}},
        {10, 12800, {10, 1}},
        {1, 1000, {1, 1}},
        {17.5, 90000, {24000, 1001}},
        {0.5, 1000, {1, 1}},
        {1000, 90000, {240, 1}},
        {28, 14336, {30000, 1001}},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rows); i++) {
        struct avsp_rational got = rate_of(rows[i].fps, rows[i].den, 200);
        if (got.num != rows[i].want.num || got.den != rows[i].want.den)
            fail_msg("%f fps: %d/%d, not %d/%d", rows[i].fps, got.num, got.den, rows[i].want.num,
                     rows[i].want.den);
    }
    assert_int_equal(avsp_plan_frame_rate(NULL, 0, (struct avsp_rational){1, 1000}).num, 25);
}

/// Dropped frames make distances longer, not the rate lower.
static void dropped_frames_do_not_lower_the_rate(void **state)
{
    (void)state;
    int64_t d[100];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(d); i++)
        d[i] = i % 3 == 0 ? 1001 : 2002;
    struct avsp_rational got =
        avsp_plan_frame_rate(d, AVSP_ARRAY_LEN(d), (struct avsp_rational){1, 30000});
    assert_int_equal(got.num, 30000);
    assert_int_equal(got.den, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_boundaries_agree),
        cmocka_unit_test(boundaries_do_not_drift),
        cmocka_unit_test(extremes_do_not_overflow),
        cmocka_unit_test(timescales_keep_ticks_exact),
        cmocka_unit_test(frame_rates_are_standard),
        cmocka_unit_test(dropped_frames_do_not_lower_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
