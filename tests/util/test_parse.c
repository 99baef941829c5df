#include "../cmocka_all.h"

#include "util/parse.h"

static void whole_numbers_or_nothing(void **state)
{
    (void)state;
    int64_t value = 77;
    static const char *const bad[] = {
        "", " 1", "1 ", "1x", "0x10", "1.0", "--1", "-", "99999999999999999999"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        assert_false(avsp_parse_i64(bad[i], INT64_MIN, INT64_MAX, &value));
        assert_int_equal(value, 77);
    }
    assert_false(avsp_parse_i64("64", 1, 63, &value));
    assert_false(avsp_parse_i64("0", 1, 63, &value));
    assert_true(avsp_parse_i64("63", 1, 63, &value));
    assert_int_equal(value, 63);
    assert_true(avsp_parse_i64("-5", -5, 5, &value));
    assert_int_equal(value, -5);
    assert_true(avsp_parse_i64("9223372036854775807", 0, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
}

static void sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},        {"123", 123},     {"1K", 1024},       {"1KiB", 1024},
        {"2M", 2 << 20}, {"2MB", 2 << 20}, {"3G", 3ULL << 30}, {"16777215T", 16777215ULL << 40},
    };
    uint64_t bytes = 0;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++) {
        assert_true(avsp_parse_bytes(good[i].text, &bytes));
        assert_true(bytes == good[i].bytes);
    }
    static const char *const bad[] = {
        "", "K", "-1", "1X", "1 K", "1KK", "1.5G", "16777216T", "18446744073709551616"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_false(avsp_parse_bytes(bad[i], &bytes));
}

static void utf8_is_checked_as_rfc_3629_says(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",         "\xc3",         "\xc0\xaf",         "\xe0\x80\xaf",
        "\xed\xa0\x80", "\xf5\x80\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\xaf",
        "a\xffz",       "\xe2\x82"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++)
        assert_true(avsp_utf8_is_valid(good[i]));
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_false(avsp_utf8_is_valid(bad[i]));
}

static void tames(const char *from, const char *to)
{
    char text[64];
    snprintf(text, sizeof text, "%s", from);
    avsp_text_tame(text, '?', true);
    assert_string_equal(text, to);
    // Once more changes nothing.
    avsp_text_tame(text, '?', true);
    assert_string_equal(text, to);
}

static void text_of_strangers_is_tamed(void **state)
{
    (void)state;
    tames("", "");
    tames("plain, and \xc3\xa9\n", "plain, and \xc3\xa9\n");
    tames("a\x1b[31mb\rc\x7f", "a?[31mb?c?");
    tames("a\xc2\x9b"
          "31mb",
          "a??31mb");
    tames("not \xff UTF-8 \xc3\xa9", "not ? UTF-8 ??");
    tames("cut off \xc2", "cut off ?");
    char lines[] = "a\nb";
    avsp_text_tame(lines, ' ', false);
    assert_string_equal(lines, "a b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_or_nothing),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(utf8_is_checked_as_rfc_3629_says),
        cmocka_unit_test(text_of_strangers_is_tamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
