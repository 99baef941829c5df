#include "../cmocka_all.h"

#include "util/buf.h"

#include <malloc.h>
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

#define SECRET "s3cr3t-0f-th3-t3st"

static unsigned n_left; ///< pieces of memory that were given back with the secret in them

void __real_free(void *p);
void __wrap_free(void *p);

/// In front of libc's.
void __wrap_free(void *p)
{
    if (p != NULL && memmem(p, malloc_usable_size(p), SECRET, strlen(SECRET)) != NULL)
        n_left++;
    __real_free(p);
}

/// However often it grew.
static void a_secret_stays_nowhere(void **state)
{
    (void)state;
    struct avsp_buf buf;
    avsp_buf_init_secret(&buf, 100000);
    for (int i = 0; i < 1000; i++)
        avsp_buf_puts(&buf, SECRET " ");
    assert_memory_equal(buf.data + buf.len - strlen(SECRET) - 1, SECRET, strlen(SECRET));
    assert_int_equal(buf.len, 1000 * (strlen(SECRET) + 1));
    avsp_buf_clear(&buf);
    assert_null(memmem(buf.data, buf.cap_bytes, SECRET, strlen(SECRET)));
    avsp_buf_puts(&buf, SECRET);
    avsp_buf_deinit(&buf);
    assert_int_equal(n_left, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_keeps_a_nul),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(a_secret_stays_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
