#include "../cmocka_all.h"

#include "core/record.h"

#include <string.h>

static struct avsp_arena arena;

static int setup(void **state)
{
    (void)state;
    avsp_arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    avsp_arena_deinit(&arena);
    return 0;
}

static void round_trip(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 4096);
    avsp_record_begin(&buf, "piece");
    avsp_record_put_str(&buf, "title", "Rock & roll = 100%\n\"ü\"");
    avsp_record_put_i64(&buf, "low", INT64_MIN);
    avsp_record_put_rational(&buf, "tb", (struct avsp_rational){1001, 30000});
    avsp_record_put_str(&buf, "none", "");
    avsp_record_end(&buf);
    assert_ptr_equal(strchr(avsp_buf_text(&buf), '\n'), buf.data + buf.len - 1);

    struct avsp_record rec;
    struct avsp_err err = {0};
    assert_int_equal(avsp_record_parse(&arena, buf.data, &rec, &err), AVSP_OK);
    assert_string_equal(rec.verb, "piece");
    assert_string_equal(avsp_record_str(&rec, "title"), "Rock & roll = 100%\n\"ü\"");
    assert_true(avsp_record_i64(&rec, "low", INT64_MIN, 0) == INT64_MIN);
    assert_int_equal(avsp_record_rational(&rec, "tb").num, 1001);
    assert_int_equal(avsp_record_rational(&rec, "tb").den, 30000);
    assert_string_equal(avsp_record_str(&rec, "none"), "");
    assert_int_equal(avsp_record_check(&rec, &err), AVSP_OK);
}

static void locations_come_back_without_secrets(void **state)
{
    (void)state;
    struct avsp_location s3 = avsp_location_s3("bucket", "a b/ü%");
    s3.region = "eu-1";
    s3.endpoint = "http://h:1";
    s3.access_key_id = "AKID";
    s3.secret_access_key.text = "top secret text";
    s3.session_token.text = "another secret text";
    s3.cache_control = "max-age=60, public";
    s3.style = AVSP_S3_STYLE_VIRTUAL;
    s3.anonymous = true;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 4096);
    avsp_record_begin(&buf, "x");
    avsp_record_put_location(&buf, "in", &s3);
    avsp_record_end(&buf);
    assert_null(strstr(buf.data, "secret"));
    assert_null(strstr(buf.data, "AKID"));
    struct avsp_record rec;
    struct avsp_err err = {0};
    assert_int_equal(avsp_record_parse(&arena, buf.data, &rec, &err), AVSP_OK);
    struct avsp_location back = avsp_record_location(&rec, "in");
    assert_int_equal(avsp_record_check(&rec, &err), AVSP_OK);
    assert_true(avsp_location_equal(&s3, &back));
    assert_string_equal(back.region, "eu-1");
    assert_string_equal(back.secret_access_key.text, "");
    assert_string_equal(back.session_token.text, "");
    assert_string_equal(back.cache_control, s3.cache_control);
    assert_int_equal(back.style, AVSP_S3_STYLE_VIRTUAL);
    assert_true(back.anonymous);
}

static void malformed_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",        " x=1", "UPPER a=1", "v a",    "v a=1 a=2", "v a=%",    "v a=%0",  "v a=%00",
        "v a=%gg", "v =1", "v  a=1",    "v a=1 ", "v a=b=c",   "v a=\xff", "v a=%C3", "v a=%c3%a9",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(lines); i++) {
        struct avsp_record rec;
        struct avsp_err err = {0};
        if (avsp_record_parse(&arena, lines[i], &rec, &err) != AVSP_INVALID)
            fail_msg("accepted: \"%s\"", lines[i]);
    }
}

static void too_many_fields_are_refused(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_record_begin(&buf, "v");
    for (int i = 0; i <= AVSP_RECORD_FIELDS_MAX; i++)
        avsp_buf_printf(&buf, " k%d=1", i);
    struct avsp_record rec;
    struct avsp_err err = {0};
    assert_int_equal(avsp_record_parse(&arena, buf.data, &rec, &err), AVSP_INVALID);
}

static void getters_collect_the_first_problem(void **state)
{
    (void)state;
    struct avsp_record rec;
    struct avsp_err err = {0};
    assert_int_equal(avsp_record_parse(&arena, "v a=12x b=7 c=1/0 d=9", &rec, &err), AVSP_OK);
    assert_int_equal(avsp_record_i64(&rec, "b", 0, 9), 7);
    assert_int_equal(avsp_record_check(&rec, &err), AVSP_OK);
    assert_int_equal(avsp_record_i64(&rec, "a", 5, 20), 5);
    (void)avsp_record_rational(&rec, "c");
    assert_int_equal(avsp_record_i64(&rec, "d", 0, 8), 0);
    assert_int_equal(avsp_record_check(&rec, &err), AVSP_INVALID);
    assert_non_null(strstr(err.text, ": a "));
    assert_int_equal(avsp_record_i64_or(&rec, "zz", 0, 1, -7), -7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(locations_come_back_without_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_lines_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_fields_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(getters_collect_the_first_problem, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
