/// When the clock of sound counts as drifting, and by how much.
#include "../cmocka_all.h"

#include "media/drift.h"

#include <math.h>
#include <stdlib.h>

#define RATE 48000
#define SAMPLES 1024

static const AVRational ms = {1, 1000};
static const AVRational us = {1, 1000000};

/// A minute of packets whose times run by @p ppb faster than the samples, and jitter by as much as @p jitter_us.
static int64_t find(int64_t ppb, AVRational time_base, int jitter_us, int n_packets)
{
    struct avsp_drift drift = {0};
    uint32_t noise = 7;
    for (int i = 0; i < n_packets; i++) {
        noise = noise * 1664525 + 1013904223; // Numerical Recipes' generator
        double at_us = i * 1e6 * SAMPLES / RATE * (1 + (double)ppb / 1e9);
        at_us += jitter_us > 0 ? (double)(noise >> 8) / (1 << 24) * 2 * jitter_us - jitter_us : 0;
        avsp_drift_add(&drift, 90000 + llround(at_us / 1e6 / av_q2d(time_base)), time_base, RATE,
                       SAMPLES);
    }
    return avsp_drift_ppb(&drift);
}

static void test_a_drift_is_found(void **state)
{
    (void)state;
    static const int64_t drifts[] = {500000, -500000, 30000, -30000, 4900000};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(drifts); i++) {
        // A microsecond in a minute is 17 parts in 10^9; Matroska's rounding comes to less than a fifth of a millisecond.
        assert_true(llabs(find(drifts[i], us, 0, 2812) - drifts[i]) < 20);
        assert_true(llabs(find(drifts[i], ms, 0, 2812) - drifts[i]) < 3000);
        assert_true(llabs(find(drifts[i], us, 2000, 2812) - drifts[i]) < 3000);
    }
}

static void test_what_is_none(void **state)
{
    (void)state;
    assert_int_equal(find(0, us, 0, 2812), 0);
    assert_int_equal(find(0, ms, 0, 2812), 0);
    assert_int_equal(find(0, us, 2000, 2812), 0);
    assert_int_equal(find(10000, us, 0, 2812), 0);      // 0.6 ms in all
    assert_int_equal(find(500000, us, 0, 99), 0);       // too few
    assert_int_equal(find(5100000, us, 0, 2812), 0);    // another rate
    assert_int_equal(find(500000, us, 19000, 2812), 0); // no line
    struct avsp_drift drift = {0};
    for (int i = 0; i < 1000; i++) // a hole
        avsp_drift_add(&drift, i * 21333 + (i > 500 ? 30000 : 0), us, RATE, SAMPLES);
    assert_int_equal(avsp_drift_ppb(&drift), 0);
    drift = (struct avsp_drift){0};
    for (int i = 0; i < 1000; i++) // of packets of unknown length
        avsp_drift_add(&drift, i * 21400, us, RATE, i == 700 ? 0 : SAMPLES);
    assert_int_equal(avsp_drift_ppb(&drift), 0);
    drift = (struct avsp_drift){0};
    avsp_drift_add(&drift, INT64_MIN, us, RATE, SAMPLES);
    avsp_drift_add(&drift, INT64_MAX, us, RATE, SAMPLES);
    avsp_drift_add(&drift, 0, us, 0, -1);
    assert_int_equal(avsp_drift_ppb(&drift), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_drift_is_found),
        cmocka_unit_test(test_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
