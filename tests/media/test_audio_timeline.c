/// Where sound belongs: every rule with numbers that show it.
#include "media/audio_timeline.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RATE 48000
#define N 1024
#define END 480000
#define MS (RATE / 1000)

static void assert_place(struct avsp_audio_place got, int64_t silence, int64_t skip, int64_t take)
{
    assert_int_equal(got.silence, silence);
    assert_int_equal(got.skip, skip);
    assert_int_equal(got.take, take);
}

static struct avsp_audio_place add(struct avsp_audio_timeline *tl, int64_t pos)
{
    return avsp_audio_timeline_add(tl, pos, N, END, RATE);
}

static void test_jitter_is_not_believed(void **state)
{
    (void)state;
    struct avsp_audio_timeline tl = {0};
    assert_place(add(&tl, 0), 0, 0, N);
    assert_place(add(&tl, N + 19 * MS), 0, 0, N);
    assert_place(add(&tl, 2 * N - 19 * MS), 0, 0, N);
    assert_place(add(&tl, AVSP_AUDIO_NO_POSITION), 0, 0, N);
    assert_int_equal(tl.next, 4 * N);
}

static void test_a_hole_is_filled_to_the_sample(void **state)
{
    (void)state;
    struct avsp_audio_timeline tl = {0};
    assert_place(add(&tl, 0), 0, 0, N);
    struct avsp_audio_place place = add(&tl, N + 20 * MS);
    assert_place(place, 20 * MS, 0, N);
    assert_int_equal(place.hole, 20 * MS);
    assert_int_equal(tl.next, 2 * N + 20 * MS);
}

static void test_an_overlap_is_left_out_to_the_sample(void **state)
{
    (void)state;
    struct avsp_audio_timeline tl = {0};
    for (int64_t i = 0; i < 10; i++)
        assert_place(add(&tl, i * N), 0, 0, N);
    // 50 ms of overlap are two whole frames and a part of the third.
    int64_t back = 50 * MS;
    for (int64_t i = 0; i < 2; i++)
        assert_place(add(&tl, 10 * N - back + i * N), 0, N, 0);
    assert_place(add(&tl, 12 * N - back), 0, back - 2 * N, 3 * N - back);
    assert_place(add(&tl, 13 * N - back), 0, 0, N);
    assert_int_equal(tl.next, 14 * N - back);
}

static void test_after_a_loss_the_timestamp_is_believed(void **state)
{
    (void)state;
    struct avsp_audio_timeline tl = {0};
    assert_place(add(&tl, 0), 0, 0, N);
    avsp_audio_timeline_lost(&tl);
    assert_place(add(&tl, N + 10 * MS), 10 * MS, 0, N);
    assert_place(add(&tl, 2 * N + 20 * MS), 0, 0, N);
}

static void test_a_late_start_is_silence_and_no_hole(void **state)
{
    (void)state;
    struct avsp_audio_timeline tl = {0};
    struct avsp_audio_place place = add(&tl, 7);
    assert_place(place, 7, 0, N);
    assert_int_equal(place.hole, 0);
}

static void test_sound_before_zero_is_left_out(void **state)
{
    (void)state;
    struct avsp_audio_timeline tl = {0};
    assert_place(add(&tl, -1500), 0, N, 0);
    struct avsp_audio_place place = add(&tl, -1500 + N + 1); // counted, not read from the timestamp
    assert_place(place, 0, 1500 - N, 2 * N - 1500);
    assert_int_equal(place.overlap, 0);
}

static void test_nothing_is_placed_behind_the_end(void **state)
{
    (void)state;
    struct avsp_audio_timeline tl = {0};
    assert_place(add(&tl, END + 5 * N), 0, N, 0);
    assert_place(add(&tl, 0), 0, 0, N);
    assert_place(add(&tl, INT64_MAX), 0, N, 0);
    assert_place(add(&tl, N), 0, 0, N);
    assert_place(add(&tl, END - 24), END - 24 - 2 * N, 0, 24);
    assert_place(add(&tl, END + N - 24), 0, N, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jitter_is_not_believed),
        cmocka_unit_test(test_a_hole_is_filled_to_the_sample),
        cmocka_unit_test(test_an_overlap_is_left_out_to_the_sample),
        cmocka_unit_test(test_after_a_loss_the_timestamp_is_believed),
        cmocka_unit_test(test_a_late_start_is_silence_and_no_hole),
        cmocka_unit_test(test_sound_before_zero_is_left_out),
        cmocka_unit_test(test_nothing_is_placed_behind_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
