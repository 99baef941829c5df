#include "../cmocka_all.h"

#include "core/sidecar.h"

#include <string.h>

static void languages_are_tags(void **state)
{
    (void)state;
    static const char *const good[] = {"en", "DE", "ger", "pt-BR", "zh-Hant-TW", "sl-rozaj-1994"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++)
        assert_true(avsp_language_is_tag(good[i], strlen(good[i])));
    static const char *const bad[] = {"",
                                      "e",
                                      "english",
                                      "en-",
                                      "-en",
                                      "en--US",
                                      "e1",
                                      "en_US",
                                      "en-123456789",
                                      "d\xc3\xa9",
                                      "en-US-aaaaaaaa-bbbbbbbb-cccccccc-dddd"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_false(avsp_language_is_tag(bad[i], strlen(bad[i])));
}

static void words_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *file, *language, *title;
    } cases[] = {
        {"film.srt:en", "film.srt", "en", ""},
        {"/a/film.ass:pt-BR:Português (Brasil)", "/a/film.ass", "pt-BR", "Português (Brasil)"},
        {"s3://bucket/key.vtt:de", "s3://bucket/key.vtt", "de", ""},
        {"film.srt:en:SDH", "film.srt", "en", "SDH"},
        {"film.srt:en:a:b", "film.srt", "en", "a:b"},
        {"12:30:00.srt:en", "12:30:00.srt", "en", ""},
    };
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 65536);
    struct avsp_err err = {0};
    const char *file, *language, *title;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        assert_int_equal(avsp_sidecar_parse(&arena, cases[i].text, &file, &language, &title, &err),
                         AVSP_OK);
        assert_string_equal(file, cases[i].file);
        assert_string_equal(language, cases[i].language);
        assert_string_equal(title, cases[i].title);
    }
    static const char *const bad[] = {"", "film.srt", ":en", "film.srt:", "film.srt:english"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_int_equal(avsp_sidecar_parse(&arena, bad[i], &file, &language, &title, &err),
                         AVSP_INVALID);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_sidecar sidecar = {avsp_location_fs("/a.srt"), "en", "x"};
    assert_int_equal(avsp_sidecar_check(&sidecar, &err), AVSP_OK);
    sidecar.title = "a\nb";
    assert_int_equal(avsp_sidecar_check(&sidecar, &err), AVSP_INVALID);
    sidecar.title = "\xff";
    assert_int_equal(avsp_sidecar_check(&sidecar, &err), AVSP_INVALID);
    sidecar.title = "";
    sidecar.language = "klingon";
    assert_int_equal(avsp_sidecar_check(&sidecar, &err), AVSP_INVALID);
}

/// The text has places and names, and no credentials.
static void a_text_keeps_them(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_err err = {0};
    struct avsp_sidecar sidecars[2] = {{avsp_location_fs("/a b\xc3\xa9.srt"), "en", "An = %"},
                                       {avsp_location_s3("bucket", "key"), "de", ""}};
    sidecars[1].file.access_key_id = "AKIA";
    sidecars[1].file.secret_access_key.text = "s3cret";
    const char *text = NULL;
    struct avsp_sidecar *back = NULL;
    size_t n = 0;
    assert_int_equal(avsp_sidecars_store(&arena, sidecars, 0, &text, &err), AVSP_OK);
    assert_string_equal(text, "");
    assert_int_equal(avsp_sidecars_store(&arena, sidecars, 2, &text, &err), AVSP_OK);
    assert_null(strstr(text, "s3cret"));
    assert_int_equal(avsp_sidecars_load(&arena, text, &back, &n, &err), AVSP_OK);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++) {
        assert_true(avsp_location_equal(&back[i].file, &sidecars[i].file));
        assert_string_equal(back[i].language, sidecars[i].language);
        assert_string_equal(back[i].title, sidecars[i].title);
    }
    assert_int_equal(avsp_sidecars_load(&arena, "sidecar title=x\n", &back, &n, &err),
                     AVSP_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(languages_are_tags),
        cmocka_unit_test(words_are_taken_apart),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_text_keeps_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
