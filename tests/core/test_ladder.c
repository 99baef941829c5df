#include "../cmocka_all.h"

#include "core/ladder.h"
#include "core/picture_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void expect_plan(struct avsp_picture_options options, bool is_hdr, const char *ladder_text,
                        uint32_t width, uint32_t height, const char *wanted)
{
    struct avsp_err err = {0};
    struct avsp_ladder_rung rungs[AVSP_PICTURES_MAX];
    char text[512] = "";
    size_t len = 0;
    assert_int_equal(avsp_ladder_parse(ladder_text, &options.ladder, &err), AVSP_OK);
    size_t n = avsp_ladder_plan(&options, is_hdr, width, height, 30, 8, rungs);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(
            text + len, sizeof text - len,
            "%s%s %" PRIu32 "x%" PRIu32 " %" PRId32 " %" PRId32 "%s%s", i > 0 ? ", " : "",
            rungs[i].name, rungs[i].width_px, rungs[i].height_px, rungs[i].crf, rungs[i].preset,
            rungs[i].sdr ? " SDR" : "", rungs[i].codec == AVSP_CODEC_H264 ? " H.264" : "");
    assert_string_equal(text, wanted);
}

static void expect_of(enum avsp_hdr_choice hdr, bool is_hdr, const char *ladder_text,
                      uint32_t width, uint32_t height, const char *wanted)
{
    expect_plan((struct avsp_picture_options){.hdr = hdr}, is_hdr, ladder_text, width, height,
                wanted);
}

static void expect(const char *ladder_text, uint32_t width, uint32_t height, const char *wanted)
{
    expect_of(AVSP_HDR_KEEP, true, ladder_text, width, height, wanted);
}

static void tones_are_mapped_where_asked(void **state)
{
    (void)state;
    expect_of(AVSP_HDR_SDR, true, "360,180", 640, 360, "v0 640x360 30 8 SDR, v1 320x180 30 8 SDR");
    expect_of(AVSP_HDR_BOTH, true, "360,180", 640, 360,
              "v0 640x360 30 8, v1 320x180 30 8, v2 640x360 30 8 SDR, v3 320x180 30 8 SDR");
    expect_of(AVSP_HDR_BOTH, false, "", 640, 360, "v0 640x360 30 8");
}

static void a_fallback_has_all_sizes_once_more(void **state)
{
    (void)state;
    struct avsp_picture_options options = {.fallback = AVSP_FALLBACK_H264};
    expect_plan(options, false, "", 640, 360, "v0 640x360 30 8, v1 640x360 30 8 H.264");
    expect_plan(options, false, "360:25,180:0:6", 640, 360,
                "v0 640x360 25 8, v1 320x180 30 6, v2 640x360 25 8 H.264, v3 320x180 30 6 H.264");
    expect_plan(options, true, "", 640, 360, "v0 640x360 30 8, v1 640x360 30 8 SDR H.264");
    options.hdr = AVSP_HDR_SDR;
    expect_plan(options, true, "", 640, 360, "v0 640x360 30 8 SDR, v1 640x360 30 8 SDR H.264");
    options.hdr = AVSP_HDR_BOTH;
    expect_plan(options, true, "", 640, 360,
                "v0 640x360 30 8, v1 640x360 30 8 SDR, v2 640x360 30 8 SDR H.264");
}

static void rungs_follow_from_the_source(void **state)
{
    (void)state;
    expect("", 1920, 1080, "v0 1920x1080 30 8");
    expect("720:25:6,360", 1920, 1080, "v0 1280x720 25 6, v1 640x360 30 8");
    expect("360,720:0:6", 1920, 1080, "v0 1280x720 30 6, v1 640x360 30 8");
    // The shorter side counts, whichever way the picture stands.
    expect("720,360", 1080, 1920, "v0 720x1280 30 8, v1 360x640 30 8");
    expect("480", 1920, 800, "v0 1152x480 30 8");
}

static void no_rung_is_larger_than_the_source(void **state)
{
    (void)state;
    expect("1080:28,720:30,360:32", 640, 480, "v0 640x480 28 8, v1 480x360 32 8");
    expect("1080", 320, 180, "v0 320x180 30 8");
    // Of a wide picture the other side would become too small for an encoder; something there always is.
    expect("64", 400, 48, "v0 400x48 30 8");
    expect("100", 66, 2000, "v0 66x2000 30 8");
}

static void automatic_ladders(void **state)
{
    (void)state;
    expect(
        "auto", 1920, 1080,
        "v0 1920x1080 30 8, v1 1280x720 30 8, v2 960x540 30 8, v3 640x360 30 8, v4 426x240 30 8");
    expect("auto", 3840, 2160,
           "v0 3840x2160 30 8, v1 2560x1440 30 8, v2 1920x1080 30 8, v3 1280x720 30 8, v4 960x540 "
           "30 8, v5 640x360 30 8");
    expect("auto", 720, 576, "v0 720x576 30 8, v1 450x360 30 8, v2 300x240 30 8");
    expect("auto", 320, 180, "v0 320x180 30 8");
}

/// The threads of 720, 480 and 240 lines.
static void expect_shares(unsigned threads, unsigned a, unsigned b, unsigned c)
{
    static const struct avsp_ladder_rung rungs[] = {{.width_px = 1280, .height_px = 720},
                                                    {.width_px = 854, .height_px = 480},
                                                    {.width_px = 426, .height_px = 240}};
    unsigned shares[AVSP_PICTURES_MAX];
    avsp_ladder_share(rungs, AVSP_ARRAY_LEN(rungs), threads, shares);
    assert_int_equal(shares[0], a);
    assert_int_equal(shares[1], b);
    assert_int_equal(shares[2], c);
}

static void threads_are_shared_by_size(void **state)
{
    (void)state;
    expect_shares(1, 1, 1, 1);
    expect_shares(2, 1, 1, 1);
    expect_shares(4, 3, 1, 1);
    expect_shares(16, 10, 5, 1);
    const struct avsp_ladder_rung nothing = {0};
    unsigned shares[AVSP_PICTURES_MAX];
    avsp_ladder_share(&nothing, 1, 8, shares);
    assert_int_equal(shares[0], 1);
}

/// One thread would look ahead less than two.
static void av1_of_large_pictures_never_has_one_thread(void **state)
{
    (void)state;
    assert_int_equal(avsp_ladder_av1_threads(UINT64_C(2560) * 1440, 1), 1);
    assert_int_equal(avsp_ladder_av1_threads(UINT64_C(3840) * 2160, 1), 2);
    assert_int_equal(avsp_ladder_av1_threads(UINT64_C(2848) * 1920, 1), 2);
    assert_int_equal(avsp_ladder_av1_threads(UINT64_C(3840) * 2160, 6), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rungs_follow_from_the_source),
        cmocka_unit_test(no_rung_is_larger_than_the_source),
        cmocka_unit_test(automatic_ladders),
        cmocka_unit_test(tones_are_mapped_where_asked),
        cmocka_unit_test(a_fallback_has_all_sizes_once_more),
        cmocka_unit_test(threads_are_shared_by_size),
        cmocka_unit_test(av1_of_large_pictures_never_has_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
