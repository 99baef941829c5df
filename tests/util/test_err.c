#include "../cmocka_all.h"

#include "util/err.h"

#include <errno.h>
#include <string.h>

static void set_and_wrap_read_outermost_first(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    assert_int_equal(avsp_err_set(&err, AVSP_LIMIT, "disk %d full", 3), AVSP_LIMIT);
    assert_int_equal(avsp_err_wrap(&err, "upload segment %d", 12), AVSP_LIMIT);
    assert_int_equal(avsp_err_wrap(&err, "encode task 7f"), AVSP_LIMIT);
    assert_string_equal(err.text, "encode task 7f: upload segment 12: disk 3 full");
    assert_int_equal(err.code, AVSP_LIMIT);
}

static void errno_decides_the_code(void **state)
{
    (void)state;
    static const struct {
        int errnum;
        enum avsp_code code;
    } rows[] = {
        {ENOENT, AVSP_NOT_FOUND}, {EACCES, AVSP_DENIED},          {ENOSPC, AVSP_NO_SPACE},
        {EEXIST, AVSP_EXISTS},    {ENOMEM, AVSP_NO_MEMORY},       {ETIMEDOUT, AVSP_TIMEOUT},
        {EINVAL, AVSP_INVALID},   {ECONNRESET, AVSP_UNAVAILABLE},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rows); i++) {
        struct avsp_err err = {0};
        assert_int_equal(avsp_err_set_errno(&err, rows[i].errnum, "open %s", "/x"), rows[i].code);
        assert_int_equal(err.native, rows[i].errnum);
        char wanted[200];
        snprintf(wanted, sizeof wanted, "open /x: %s", strerror(rows[i].errnum));
        assert_string_equal(err.text, wanted);
    }
}

static void a_long_text_is_cut_and_keeps_its_code(void **state)
{
    (void)state;
    char big[2 * AVSP_ERR_TEXT_BYTES];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    struct avsp_err err = {0};
    assert_int_equal(avsp_err_set(&err, AVSP_CORRUPT, "%s", big), AVSP_CORRUPT);
    for (int i = 0; i < 100; i++)
        assert_int_equal(avsp_err_wrap(&err, "%s", big), AVSP_CORRUPT);
    assert_non_null(memchr(err.text, '\0', sizeof err.text));
    assert_int_equal(err.text[0], 'x');
}

static void names_go_both_ways(void **state)
{
    (void)state;
    for (int code = AVSP_OK; code < AVSP_N_CODES; code++)
        assert_int_equal(avsp_code_from_name(avsp_code_name((enum avsp_code)code)), code);
    assert_string_equal(avsp_code_name(AVSP_NOT_FOUND), "not-found");
    assert_int_equal(avsp_code_from_name("nonsense"), AVSP_INTERNAL);
}

static void a_retry_helps_with_what_may_pass(void **state)
{
    (void)state;
    assert_true(avsp_code_may_retry(AVSP_UNAVAILABLE));
    assert_true(avsp_code_may_retry(AVSP_TIMEOUT));
    assert_false(avsp_code_may_retry(AVSP_INVALID));
    assert_false(avsp_code_may_retry(AVSP_CORRUPT));
    assert_false(avsp_code_may_retry(AVSP_CONFLICT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_wrap_read_outermost_first),
        cmocka_unit_test(errno_decides_the_code),
        cmocka_unit_test(a_long_text_is_cut_and_keeps_its_code),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(a_retry_helps_with_what_may_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
