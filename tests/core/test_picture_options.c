#include "../cmocka_all.h"

#include "core/picture_options.h"

static const char *const good[] = {
    "",
    "deinterlace=fields",
    "deinterlace=off;film-grain=50;hdr=both;ladder=auto",
    "film-grain=1;ladder=1080:30:8,720:0:6,480:35,240",
    "ladder=auto;fallback=h264",
};

static void texts_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++) {
        struct avsp_err err = {0};
        struct avsp_picture_options options;
        char text[AVSP_PICTURE_TEXT_BYTES];
        assert_int_equal(avsp_picture_options_parse(good[i], &options, &err), AVSP_OK);
        avsp_picture_options_write(&options, text);
        assert_string_equal(text, good[i]);
    }
}

static void the_longest_has_room(void **state)
{
    (void)state;
    struct avsp_picture_options options = {
        AVSP_DEINTERLACE_FIELDS, 50, AVSP_HDR_BOTH, {0}, AVSP_FALLBACK_H264};
    options.ladder.n_rungs = AVSP_RUNGS_MAX;
    for (int32_t i = 0; i < AVSP_RUNGS_MAX; i++)
        options.ladder.rungs[i] = (struct avsp_rung){AVSP_RUNG_MAX_PX - i, 63, 13};
    struct avsp_err err = {0};
    struct avsp_picture_options back;
    char text[AVSP_PICTURE_TEXT_BYTES];
    avsp_picture_options_write(&options, text);
    assert_int_equal(avsp_picture_options_parse(text, &back, &err), AVSP_OK);
    assert_memory_equal(&back, &options, sizeof back);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "deinterlace",
        "deinterlace=",
        "deinterlace=yes",
        "grain=1",
        "film-grain=51",
        "film-grain=-1",
        "hdr=PQ",
        "fallback=hevc",
        "fallback=",
        "ladder=720,",
        "ladder=,720",
        "ladder=720:",
        "ladder=720:64",
        "ladder=720:30:14",
        "ladder=63",
        "ladder=9999",
        "ladder=720,720",
        "ladder=auto,720",
        "ladder=720:1:2:3",
        "ladder=720p",
        "ladder= 720",
        ";",
        "hdr=sdr;;",
        "ladder=1,2,3,4,5,6,7,8,9",
        "ladder=100,101,102,103,104,105,106,107,108",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        struct avsp_err err = {0};
        struct avsp_picture_options options;
        if (avsp_picture_options_parse(bad[i], &options, &err) != AVSP_INVALID)
            fail_msg("\"%s\" was accepted", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(the_longest_has_room),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
