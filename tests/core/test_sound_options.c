#include "../cmocka_all.h"

#include "core/sound_options.h"

static void texts_come_back(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",     "opus",      "loudness=-70",      "opus;loudness=-5",
        "copy", "copy;opus", "copy;loudness=-16", "copy;opus;loudness=-70"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++) {
        struct avsp_err err = {0};
        struct avsp_sound_options options;
        char text[AVSP_SOUND_TEXT_BYTES];
        assert_int_equal(avsp_sound_options_parse(good[i], &options, &err), AVSP_OK);
        avsp_sound_options_write(&options, text);
        assert_string_equal(text, good[i]);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "opus;",
        ";",
        "flac",
        "opus opus",
        "loudness",
        "loudness=",
        "loudness=0",
        "loudness=-4",
        "loudness=-71",
        "loudness=-16.5",
        "opus;opus;opus;opus;opus;opus;opus;opus;opus;opus;opus;opus;opus;opus;opus;opus"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        struct avsp_err err = {0};
        struct avsp_sound_options options;
        if (avsp_sound_options_parse(bad[i], &options, &err) != AVSP_INVALID)
            fail_msg("taken: %s", bad[i]);
    }
}

static void what_comes_from_outside_is_checked(void **state)
{
    (void)state;
    static const int32_t good[] = {0, -5, -16, -70};
    static const int32_t bad[] = {-71, -4, 1, 16, INT32_MIN};
    struct avsp_err err = {0};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++)
        assert_int_equal(
            avsp_sound_options_check(&(struct avsp_sound_options){.loudness_lufs = good[i]}, &err),
            AVSP_OK);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_int_equal(
            avsp_sound_options_check(&(struct avsp_sound_options){.loudness_lufs = bad[i]}, &err),
            AVSP_INVALID);
}

static void names_come_back(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 4096);
    assert_string_equal(avsp_sound_name(&arena, 0, AVSP_SOUND_MAIN), "a0");
    assert_string_equal(avsp_sound_name(&arena, 31, AVSP_SOUND_STEREO), "a31-stereo");
    for (int form = 0; form < AVSP_SOUND_N_FORMS; form++) {
        uint32_t track = 0;
        enum avsp_sound_form back = AVSP_SOUND_MAIN;
        const char *name = avsp_sound_name(&arena, 17, (enum avsp_sound_form)form);
        assert_true(avsp_sound_name_parse(name, &track, &back));
        assert_int_equal(track, 17);
        assert_int_equal(back, form);
    }
    static const char *const bad[] = {"", "a", "v0", "a-opus", "a0-", "a0-opusx", "a0/", "a1234"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        uint32_t track;
        enum avsp_sound_form form;
        assert_false(avsp_sound_name_parse(bad[i], &track, &form));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(what_comes_from_outside_is_checked),
        cmocka_unit_test(names_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
