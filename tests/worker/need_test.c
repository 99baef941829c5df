/// What an encode takes is known before, and what it takes decides how many run at once.
#include "worker/need.h"

#include "../cmocka_all.h"

#define MIB ((uint64_t)1 << 20)

/// What avspl1t-media had resident at most, with SVT-AV1 1.4.1: 60 to 100 pictures of film, or of a test picture at 2160 lines.
static const struct {
    uint32_t width_px, height_px, bit_depth;
    int32_t height; ///< of the one rendition; 0 = 720, 480 and 240
    int32_t preset;
    unsigned threads;
    uint64_t mib;
} measured[] = {
    {1280, 720, 8, 720, 8, 1, 295},     {1280, 720, 8, 480, 8, 1, 192},
    {1280, 720, 8, 240, 8, 1, 101},     {1280, 720, 8, 720, 8, 2, 380},
    {1280, 720, 8, 480, 8, 2, 235},     {1280, 720, 8, 240, 8, 2, 114},
    {1280, 720, 8, 0, 8, 1, 485},       {1280, 720, 8, 0, 10, 1, 470},
    {1920, 1080, 8, 1080, 9, 2, 502},   {1920, 1080, 10, 1080, 9, 2, 692},
    {3840, 2160, 8, 2160, 12, 1, 1413}, {3840, 2160, 10, 2160, 12, 2, 2010},
    {3840, 2160, 8, 2160, 8, 2, 1956},  {3840, 2160, 10, 2160, 8, 2, 3149},
    {3840, 2160, 8, 360, 4, 2, 210},    {3840, 2160, 8, 360, 2, 2, 255},
};

static void what_was_measured_is_expected_and_not_much_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(measured); i++) {
        const struct avsp_piece_header piece = {.width_px = measured[i].width_px,
                                                .height_px = measured[i].height_px,
                                                .bit_depth = measured[i].bit_depth};
        struct avsp_picture_options picture = {
            .ladder = {.n_rungs = 1, .rungs = {{.height_px = measured[i].height}}}};
        if (measured[i].height == 0)
            picture.ladder = (struct avsp_ladder){
                .n_rungs = 3,
                .rungs = {{.height_px = 720}, {.height_px = 480}, {.height_px = 240}}};
        uint64_t mib =
            avsp_need_bytes(&piece, &picture, measured[i].preset, measured[i].threads) / MIB;
        if (mib < measured[i].mib || mib > 2 * measured[i].mib + 128)
            fail_msg("line %zu: %ju MiB expected, %ju measured", i, (uintmax_t)mib,
                     (uintmax_t)measured[i].mib);
    }
}

static void every_rendition_counts(void **state)
{
    (void)state;
    const struct avsp_piece_header hdr = {
        .width_px = 3840, .height_px = 2160, .bit_depth = 10, .color_transfer = 16};
    struct avsp_picture_options picture = {0};
    uint64_t one = avsp_need_bytes(&hdr, &picture, 8, 1);
    picture.fallback = AVSP_FALLBACK_H264;
    uint64_t with_h264 = avsp_need_bytes(&hdr, &picture, 8, 1);
    picture.hdr = AVSP_HDR_BOTH;
    uint64_t in_both = avsp_need_bytes(&hdr, &picture, 8, 1);
    picture.ladder.is_auto = true;
    uint64_t all = avsp_need_bytes(&hdr, &picture, 8, 1);
    assert_true(with_h264 > one + 1000 * MIB);
    assert_true(in_both > with_h264 + 1800 * MIB);
    assert_true(all > in_both + 3000 * MIB);
}

static void what_needs_more_than_a_slot_s_memory_takes_several(void **state)
{
    (void)state;
    assert_int_equal(avsp_need_slots(0, 2000 * MIB, 8), 1);
    assert_int_equal(avsp_need_slots(2000 * MIB, 2000 * MIB, 8), 1);
    assert_int_equal(avsp_need_slots(2001 * MIB, 2000 * MIB, 8), 2);
    assert_int_equal(avsp_need_slots(99000 * MIB, 2000 * MIB, 8), 8);
    assert_int_equal(avsp_need_slots(UINT64_MAX, 1, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_measured_is_expected_and_not_much_more),
        cmocka_unit_test(every_rendition_counts),
        cmocka_unit_test(what_needs_more_than_a_slot_s_memory_takes_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
