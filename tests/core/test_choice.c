#include "../cmocka_all.h"

#include "core/choice.h"

#include <string.h>

static void refused(struct avsp_choice choice, const char *why)
{
    struct avsp_err err = {0};
    assert_int_equal(avsp_choice_check(&choice, &err), AVSP_INVALID);
    if (strstr(err.text, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void what_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    const struct avsp_choice good[] = {
        {0},
        {"", "", ""},
        {"0", "all", "none"},
        {"none", "en", "pt-BR,deu,7"},
        {"und", "2,1", "zh-Hant-TW"},
        {"", "", "cc1,en,CC4,service1,Service63"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++)
        assert_int_equal(avsp_choice_check(&good[i], &err), AVSP_OK);
    refused((struct avsp_choice){"none", "none", ""}, "nothing left to play");
    refused((struct avsp_choice){"1,2", "", ""}, "name one track");
    refused((struct avsp_choice){"all", "", ""}, "video_track: \"all\" is neither");
    refused((struct avsp_choice){"", "en,all", ""}, "contradicts itself");
    refused((struct avsp_choice){"", "none,en", ""}, "contradicts itself");
    refused((struct avsp_choice){"", "en,", ""}, "ends with a comma");
    refused((struct avsp_choice){"", ",en", ""}, "\"\" is neither");
    refused((struct avsp_choice){"", "", "english"}, "subtitle_tracks: \"english\" is neither");
    refused((struct avsp_choice){"", "", "e n"}, "is neither");
    refused((struct avsp_choice){"", "", "cc5"}, "nor captions like cc1");
    refused((struct avsp_choice){"", "cc1", ""}, "audio_tracks: \"cc1\" is neither");
    refused((struct avsp_choice){"cc1", "", ""}, "video_track: \"cc1\" is neither");
    refused((struct avsp_choice){"", "65536", ""}, "is neither");
    refused((struct avsp_choice){"", "99999999999999999999", ""}, "is neither");
}

static void expect_means(const char *word, int64_t number, const char *language, bool means)
{
    struct avsp_choice_word w;
    assert_true(avsp_choice_next(&word, &w));
    assert_int_equal(avsp_choice_means(&w, number, language), means);
}

static void expect_caption(const char *word, int caption)
{
    struct avsp_choice_word w;
    assert_true(avsp_choice_next(&word, &w));
    assert_int_equal(avsp_choice_caption(&w), caption);
}

static void words_mean_captions(void **state)
{
    (void)state;
    expect_caption("cc1", 0);
    expect_caption("Cc4,en", 3);
    expect_caption("cc0", -1);
    expect_caption("cc12", -1);
    expect_caption("cc", -1);
    expect_caption("service1", 4);
    expect_caption("Service63", 66);
    expect_caption("service0", -1);
    expect_caption("service01", -1);
    expect_caption("service64", -1);
    expect_caption("service6x", -1);
    expect_caption("1", -1);
}

static void words_mean_tracks(void **state)
{
    (void)state;
    expect_means("2", 2, "en", true);
    expect_means("2,3", 3, "en", false);
    expect_means("en", 0, "en", true);
    expect_means("EN", 0, "en-GB", true);
    expect_means("en", 0, "eng", false);
    expect_means("en-GB", 0, "en", false);
    expect_means("pt-br", 0, "pt-BR", true);
    expect_means("und", 0, "und", true);
}

static void a_record_keeps_it(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 65536);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 4096);
    struct avsp_choice choice = {"1", "en,3", "none", {2500000, 3723250000}};
    struct avsp_record rec;
    struct avsp_err err = {0};
    avsp_record_begin(&buf, "x");
    avsp_choice_put(&buf, &choice);
    avsp_record_end(&buf);
    assert_int_equal(avsp_record_parse(&arena, avsp_buf_text(&buf), &rec, &err), AVSP_OK);
    struct avsp_choice back = avsp_choice_take(&rec);
    assert_int_equal(avsp_record_check(&rec, &err), AVSP_OK);
    assert_true(avsp_choice_equal(&choice, &back));
    assert_false(avsp_choice_equal(&choice, &(struct avsp_choice){0}));
    choice.range.end_us++;
    assert_false(avsp_choice_equal(&choice, &back));
    assert_int_equal(avsp_record_parse(&arena, "x audio_tracks=all,none", &rec, &err), AVSP_OK);
    (void)avsp_choice_take(&rec);
    assert_int_equal(avsp_record_check(&rec, &err), AVSP_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_meant_is_refused),
        cmocka_unit_test(words_mean_tracks),
        cmocka_unit_test(words_mean_captions),
        cmocka_unit_test(a_record_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
