#include "../cmocka_all.h"

#include "crypto/keyring.h"

#include <string.h>

#define KEY_1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_2 "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

static struct avsp_keyring ring;
static struct avsp_arena arena;
static struct avsp_err err;

static int setup(void **state)
{
    (void)state;
    avsp_keyring_init(&ring);
    avsp_arena_init(&arena, 1 << 20);
    err = (struct avsp_err){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    avsp_keyring_deinit(&ring);
    avsp_arena_deinit(&arena);
    return 0;
}

static const char *seal(const char *id, const char *about, const char *text)
{
    const char *sealed = NULL;
    assert_int_equal(avsp_keyring_seal(&ring, id, about, text, &arena, &sealed, &err), AVSP_OK);
    return sealed;
}

static enum avsp_code open_it(const char *id, const char *about, const char *sealed,
                              const char **ret_text)
{
    return avsp_keyring_open(&ring, id, about, sealed, &arena, ret_text, &err);
}

static void what_is_sealed_opens_as_the_same_thing_alone(void **state)
{
    (void)state;
    char id[AVSP_KEY_ID_BYTES];
    const char *text = NULL;
    assert_false(avsp_keyring_first(&ring, id));
    assert_int_equal(avsp_keyring_set(&ring, "# ours\n k2 " KEY_2 " \r\n\nk1\t" KEY_1, &err),
                     AVSP_OK);
    assert_true(avsp_keyring_first(&ring, id));
    assert_string_equal(id, "k2");
    const char *sealed = seal("k2", "job 1", "s3cr3t");
    assert_null(strstr(sealed, "s3cr3t"));
    assert_string_not_equal(sealed, seal("k2", "job 1", "s3cr3t")); // another nonce
    assert_int_equal(open_it("k2", "job 1", sealed, &text), AVSP_OK);
    assert_string_equal(text, "s3cr3t");
    assert_int_equal(open_it("k2", "job 2", sealed, &text), AVSP_CORRUPT);
    assert_int_equal(open_it("k1", "job 1", sealed, &text), AVSP_CORRUPT);
    assert_int_equal(open_it("k3", "job 1", sealed, &text), AVSP_UNAVAILABLE);
    assert_non_null(strstr(err.text, "k3"));
    for (size_t n = 0; n < 70; n++) { // every padding
        char longer[71] = "";
        memset(longer, 'x', n);
        assert_int_equal(open_it("k1", "a", seal("k1", "a", longer), &text), AVSP_OK);
        assert_string_equal(text, longer);
    }
}

static void what_was_changed_does_not_open(void **state)
{
    (void)state;
    const char *text = NULL;
    assert_int_equal(avsp_keyring_set(&ring, "k " KEY_1, &err), AVSP_OK);
    char *sealed = avsp_arena_strdup(&arena, seal("k", "a", "s3cr3t"));
    size_t len = strlen(sealed);
    for (size_t i = 0; i < len; i++) {
        char good = sealed[i];
        sealed[i] = good == 'A' ? 'B' : 'A';
        // The last digit before the padding has bits that mean nothing.
        if (sealed[i + 1] != '=' && sealed[i + 1] != '\0')
            assert_int_equal(open_it("k", "a", sealed, &text), AVSP_CORRUPT);
        sealed[i] = good;
    }
    for (size_t n = 0; n < len; n++) {
        char *part = avsp_arena_strndup(&arena, sealed, n);
        assert_int_equal(open_it("k", "a", part, &text), AVSP_CORRUPT);
    }
    assert_int_equal(open_it("k", "a", "no base64 at all!", &text), AVSP_CORRUPT);
    assert_int_equal(open_it("k", "a", sealed, &text), AVSP_OK);
}

static void a_keyring_that_is_none_leaves_the_former(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "# nothing\n",
                                      "k",
                                      "k short",
                                      "k " KEY_1 "x",
                                      KEY_1,
                                      "a b " KEY_1,
                                      "k " KEY_1 "\nk " KEY_2,
                                      "a/b " KEY_1,
                                      "0123456789012345678901234567890123 " KEY_1};
    assert_int_equal(avsp_keyring_set(&ring, "k " KEY_1, &err), AVSP_OK);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        if (avsp_keyring_set(&ring, bad[i], &err) == AVSP_OK)
            fail_msg("%s", bad[i]);
        assert_null(strstr(err.text, "AAECAw"));
        assert_true(avsp_keyring_has(&ring, "k"));
    }
    char *made = NULL;
    assert_int_equal(avsp_keyring_make("new", &arena, &made, &err), AVSP_OK);
    assert_int_equal(avsp_keyring_set(&ring, made, &err), AVSP_OK);
    assert_true(avsp_keyring_has(&ring, "new"));
    assert_false(avsp_keyring_has(&ring, "k"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_sealed_opens_as_the_same_thing_alone),
        TEST(what_was_changed_does_not_open),
        TEST(a_keyring_that_is_none_leaves_the_former),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
