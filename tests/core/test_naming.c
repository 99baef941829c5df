#include "../cmocka_all.h"

#include "core/naming.h"

#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void what_we_make_is_ours(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    char *names[] = {avsp_name_init(&arena, SHA), avsp_name_segment(&arena, 7, SHA),
                     avsp_name_segment(&arena, 123456, SHA), avsp_name_playlist(&arena, SHA),
                     avsp_name_iframes(&arena, SHA)};
    assert_string_equal(names[1], "00007-0123456789abcdef.m4s");
    for (size_t i = 0; i < AVSP_ARRAY_LEN(names); i++) {
        assert_true(avsp_name_is_safe(names[i]));
        char *full = avsp_arena_printf(&arena, "v0/%s", names[i]);
        assert_true(avsp_name_is_ours(full));
        assert_true(avsp_name_is_ours(avsp_arena_printf(&arena, "a12/%s", names[i])));
        assert_true(avsp_name_is_ours(avsp_arena_printf(&arena, "a3-stereo/%s", names[i])));
        assert_false(avsp_name_is_ours(avsp_arena_printf(&arena, "v0-stereo/%s", names[i])));
        assert_false(avsp_name_is_ours(avsp_arena_printf(&arena, "a3-my/%s", names[i])));
        assert_false(avsp_name_is_ours(names[i]));
        assert_false(avsp_name_is_ours(avsp_arena_printf(&arena, "%s.bak", full)));
        assert_false(avsp_name_is_ours(avsp_arena_printf(&arena, "x/%s", full)));
    }
}

static void what_others_made_is_not(void **state)
{
    (void)state;
    static const char *const names[] = {
        "manifest.m3u8",
        "v0/index.m3u8",
        "v0/00001.m4s",
        "v/init-0123456789abcdef.mp4",
        "v0/init-0123456789ABCDEF.mp4",
        "v0/",
        "v0",
        "",
        "v0/0001-0123456789abcdef.m4s",
        "b0/init-0123456789abcdef.mp4",
        "v0/../init-0123456789abcdef.mp4",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(names); i++)
        if (avsp_name_is_ours(names[i]))
            fail_msg("taken for ours: %s", names[i]);
    assert_false(avsp_name_is_safe(""));
    assert_false(avsp_name_is_safe("a/b"));
    assert_false(avsp_name_is_safe(".."));
    assert_false(avsp_name_is_safe("a b"));
    assert_true(avsp_sha256_is_valid(SHA));
    assert_false(avsp_sha256_is_valid("0123"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_make_is_ours),
        cmocka_unit_test(what_others_made_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
