#include "../cmocka_all.h"

#include "util/id.h"

#include <string.h>

static void ids_are_valid_and_differ(void **state)
{
    (void)state;
    char ids[100][AVSP_ID_BYTES];
    for (int i = 0; i < 100; i++) {
        avsp_id_new(ids[i]);
        assert_int_equal(strlen(ids[i]), AVSP_ID_BYTES - 1);
        assert_int_equal(strspn(ids[i], "abcdefghijklmnopqrstuvwxyz234567"), AVSP_ID_BYTES - 1);
        assert_true(avsp_id_is_valid(ids[i]));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

static void only_plain_names_are_ids(void **state)
{
    (void)state;
    char longest[66];
    memset(longest, 'a', sizeof longest);
    longest[64] = '\0';
    assert_true(avsp_id_is_valid(longest));
    assert_true(avsp_id_is_valid("Host-1_a.b"));
    longest[64] = 'a';
    longest[65] = '\0';
    static const char *const bad[] = {"", ".", "..", ".a", "a/b", "a b", "a\n", "é", "a'b"};
    assert_false(avsp_id_is_valid(longest));
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_false(avsp_id_is_valid(bad[i]));
}

static void a_nonce_is_never_nothing(void **state)
{
    (void)state;
    int64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t nonce = avsp_nonce_new();
        assert_true(nonce >= 1);
        assert_true(nonce != before);
        before = nonce;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_valid_and_differ),
        cmocka_unit_test(only_plain_names_are_ids),
        cmocka_unit_test(a_nonce_is_never_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
