#include "../cmocka_all.h"

#include "core/time_range.h"

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
        const char *written;
    } good[] = {
        {"0", 0, "0"},
        {"12.5", 12500000, "12.5"},
        {"12.000001", 12000001, "12.000001"},
        {"90", 90000000, "0:01:30"},
        {"1:02.25", 62250000, "0:01:02.25"},
        {"90:00", 5400000000, "1:30:00"},
        {"1:02:03.25", 3723250000, "1:02:03.25"},
        {"100:00:00", 360000000000, "100:00:00"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++) {
        int64_t us = -1;
        char text[AVSP_TIME_TEXT_BYTES];
        assert_true(avsp_time_parse(good[i].text, &us));
        assert_int_equal(us, good[i].us);
        assert_string_equal(avsp_time_write(us, text), good[i].written);
        assert_true(avsp_time_parse(text, &us));
        assert_int_equal(us, good[i].us);
    }
    static const char *const bad[] = {"",        ".5",          "5.",       "-1",      "1:60",
                                      "1:2:3:4", "1:",          ":1",       "1:02:60", "1.0000001",
                                      "12s",     " 1",          "1:2:3:",   "1,5",     "0x10",
                                      "1:002",   "99999999999", "1e3",      "1.2.3",   "1 ",
                                      "inf",     "360000001",   "1:02:03:", "٣"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        int64_t us = -1;
        if (avsp_time_parse(bad[i], &us))
            fail_msg("\"%s\" is taken for %lld µs", bad[i], (long long)us);
        assert_int_equal(us, -1);
    }
}

static void ranges_are_judged(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    const struct avsp_time_range good[] = {{0, 0}, {5, 0}, {0, 1}, {5, 6}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++)
        assert_int_equal(avsp_time_range_check(&good[i], &err), AVSP_OK);
    const struct avsp_time_range bad[] = {
        {-1, 0}, {0, -1}, {5, 5}, {6, 5}, {AVSP_TIME_MAX_US + 1, 0}, {0, INT64_MAX}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_int_equal(avsp_time_range_check(&bad[i], &err), AVSP_INVALID);
    assert_int_equal(avsp_time_range_check(&(struct avsp_time_range){20000000, 10000000}, &err),
                     AVSP_INVALID);
    assert_string_equal(err.text, "range: nothing lies between the start, 20, and the end, 10: the "
                                  "end has to come after the start");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(ranges_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
