#include "../cmocka_all.h"

#include "util/buf.h"

#include <string.h>

static void grows_and_keeps_a_nul(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 100000);
    assert_string_equal(avsp_buf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        avsp_buf_printf(&buf, "%03d,", i);
    struct avsp_err err = {0};
    assert_int_equal(avsp_buf_check(&buf, &err), AVSP_OK);
    assert_int_equal(buf.len, 4000);
    assert_int_equal(strlen(avsp_buf_text(&buf)), 4000);
    assert_memory_equal(buf.data + 3996, "999,", 5);
    avsp_buf_consume(&buf, 3996);
    assert_string_equal(avsp_buf_text(&buf), "999,");
    avsp_buf_append(&buf, "a\0b", 3);
    assert_int_equal(buf.len, 7);
}

static void the_first_failure_sticks(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    struct avsp_err err = {0};
    avsp_buf_init(&buf, 10);
    avsp_buf_puts(&buf, "1234567890");
    assert_int_equal(avsp_buf_check(&buf, &err), AVSP_OK);
    avsp_buf_puts(&buf, "x");
    assert_int_equal(avsp_buf_check(&buf, &err), AVSP_LIMIT);
    avsp_buf_consume(&buf, buf.len);
    avsp_buf_puts(&buf, "y");
    assert_int_equal(avsp_buf_check(&buf, &err), AVSP_LIMIT);
    avsp_buf_clear(&buf);
    avsp_buf_puts(&buf, "z");
    assert_int_equal(avsp_buf_check(&buf, &err), AVSP_OK);
    assert_string_equal(avsp_buf_text(&buf), "z");
    avsp_buf_printf(&buf, "%s", "a text that is longer");
    assert_int_equal(avsp_buf_check(&buf, &err), AVSP_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_keeps_a_nul),
        cmocka_unit_test(the_first_failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
