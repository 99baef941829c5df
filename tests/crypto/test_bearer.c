#include "../cmocka_all.h"

#include "crypto/bearer.h"

#include <string.h>

static void a_token_is_known_again_by_what_is_kept(void **state)
{
    (void)state;
    char text[AVSP_BEARER_TEXT_BYTES], other[AVSP_BEARER_TEXT_BYTES];
    struct avsp_bearer kept, shown;
    struct avsp_err err = {0};
    assert_int_equal(avsp_bearer_make(text, &kept, &err), AVSP_OK);
    assert_int_equal(avsp_bearer_make(other, &shown, &err), AVSP_OK);
    assert_string_not_equal(text, other);
    assert_false(avsp_bearer_equal(&kept, &shown));
    assert_true(avsp_bearer_read(text, strlen(text), &shown));
    assert_true(avsp_bearer_equal(&kept, &shown));
    // Neither the secret nor a part of it is kept.
    const char *secret = strrchr(text, '_') + 1;
    assert_int_equal(strlen(secret), 64);
    assert_null(strstr(kept.hash, (char[]){secret[0], secret[1], secret[2], secret[3], secret[4],
                                           secret[5], secret[6], secret[7], 0}));
    // One digit of the secret is another token, though its id is the same.
    char *last = text + strlen(text) - 1;
    *last = *last == '0' ? '1' : '0';
    assert_true(avsp_bearer_read(text, strlen(text), &shown));
    assert_string_equal(shown.id, kept.id);
    assert_false(avsp_bearer_equal(&kept, &shown));
}

static void what_has_another_form_is_none(void **state)
{
    (void)state;
    char text[AVSP_BEARER_TEXT_BYTES + 1] = "";
    struct avsp_bearer kept;
    struct avsp_err err = {0};
    assert_int_equal(avsp_bearer_make(text, &kept, &err), AVSP_OK);
    size_t len = strlen(text);
    for (size_t n = 0; n < len; n++)
        assert_false(avsp_bearer_read(text, n, &kept));
    assert_false(avsp_bearer_read(text, len + 1, &kept));
    for (size_t i = 0; i < len; i++) {
        char good = text[i];
        text[i] = 'G';
        assert_false(avsp_bearer_read(text, len, &kept));
        text[i] = '\0';
        assert_false(avsp_bearer_read(text, len, &kept));
        text[i] = good;
    }
    assert_true(avsp_bearer_read(text, len, &kept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_known_again_by_what_is_kept),
        cmocka_unit_test(what_has_another_form_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
