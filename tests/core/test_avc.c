#include "../cmocka_all.h"

#include "core/avc.h"

#include <string.h>

/// Of x264: High profile, level 3.0, one sequence parameter set.
static const uint8_t avcc[] = {1,    0x64, 0,    30,   0xff, 0xe1, 0, 10, 0x67, 0x64, 0,   30,
                               0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 1, 0,  4,    0x68, 0xeb};

static void codecs_follow_from_the_record(void **state)
{
    (void)state;
    char codecs[AVSP_AVC_CODECS_BYTES];
    struct avsp_err err = {0};
    assert_int_equal(avsp_avc_codecs("avc1", avcc, sizeof avcc, codecs, &err), AVSP_OK);
    assert_string_equal(codecs, "avc1.64001e");
    // Parameter sets may stand in the samples.
    const uint8_t bare[] = {1, 0x42, 0xc0, 31, 0xff, 0xe0};
    assert_int_equal(avsp_avc_codecs("avc3", bare, sizeof bare, codecs, &err), AVSP_OK);
    assert_string_equal(codecs, "avc3.42c01f");
}

static void a_record_that_contradicts_itself_is_none(void **state)
{
    (void)state;
    // Version, profile, level; the parameter set's type; profile and level within.
    static const size_t at[] = {0, 1, 3, 8, 9, 11};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(at); i++) {
        char codecs[AVSP_AVC_CODECS_BYTES];
        struct avsp_err err = {0};
        uint8_t bad[sizeof avcc];
        memcpy(bad, avcc, sizeof bad);
        bad[at[i]] = at[i] == 3 ? 13 : 0x7f;
        if (avsp_avc_codecs("avc1", bad, sizeof bad, codecs, &err) != AVSP_CORRUPT)
            fail_msg("byte %zu may be anything", at[i]);
    }
    for (size_t len = 0; len < 12; len++) {
        char codecs[AVSP_AVC_CODECS_BYTES];
        struct avsp_err err = {0};
        uint8_t AVSP_CLEANUP(avsp_free_ptr) *cut = malloc(len + 1);
        assert_non_null(cut);
        memcpy(cut, avcc, len);
        assert_int_equal(avsp_avc_codecs("avc1", cut, len, codecs, &err), AVSP_CORRUPT);
    }
}

/// What x264 wrote, of all chroma formats, whole frames and fields, cropped and not.
static void sizes_are_those_of_the_pictures(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        bool may_have_fields;
        const char *avcc;
    } table[] = {
        {64, 64, false, "0164000affe100186764000aacd94426c044000003000400000300c83c489658"},
        {1920, 1080, false,
         "01640028ffe1001b67640028acd940780227e5c044000003000400000300c83c60c658"},
        {1920, 1080, true, "01640028ffe1001a67640028acd94078044fde0220000003002000000643e2c5b2c0"},
        {854, 482, false, "017a001fffe1001b677a001fbcd940d83fe68fc044000003000400000300c83c60c658"},
        {854, 482, true, "017a001fffe1001a677a001fbcd940d820f34218088000000300800000190f8b16cb"},
        {322, 242, false, "01f4000dffe1001a67f4000d919b282a10f1f1f808800000030080000019078a14cb"},
        {66, 66, false, "0164000affe100196764000af36514be3e3f016c800000030080000019078912cb"},
        {130, 98, false, "016e000bffe1001b676e000ba6cd9424fe2223011000000300100000030320f1429960"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(table); i++) {
        size_t len = strlen(table[i].avcc) / 2;
        uint8_t AVSP_CLEANUP(avsp_free_ptr) *bytes = malloc(len);
        assert_non_null(bytes);
        for (size_t k = 0; k < len; k++) {
            const char digits[] = {table[i].avcc[2 * k], table[i].avcc[2 * k + 1], '\0'};
            bytes[k] = (uint8_t)strtoul(digits, NULL, 16);
        }
        uint32_t width = 0, height = 0;
        assert_true(avsp_avc_size(bytes, len, &width, &height));
        assert_int_equal(width, table[i].width);
        assert_int_equal(height, table[i].height);
        assert_int_equal(avsp_avc_may_have_fields(bytes + 8, len - 8), table[i].may_have_fields);
        for (size_t cut = 0; cut < 14; cut++) {
            assert_false(avsp_avc_size(bytes, cut, &width, &height));
            assert_false(avsp_avc_may_have_fields(bytes + 8, cut > 8 ? cut - 8 : 0));
        }
    }
}

/// Table A-1 of ITU-T H.264.
static void levels_follow_from_size_and_rate(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        struct avsp_rational rate;
        int32_t idc;
    } table[] = {
        {320, 180, {30, 1}, 30},      {720, 576, {25, 1}, 30},        {720, 576, {50, 1}, 31},
        {1280, 720, {30, 1}, 31},     {1280, 720, {60000, 1001}, 32}, {1920, 1080, {30, 1}, 40},
        {1080, 1920, {30, 1}, 40},    {1920, 1080, {60, 1}, 42},      {1920, 1080, {120, 1}, 51},
        {3840, 2160, {30, 1}, 51},    {3840, 2160, {60, 1}, 52},      {7680, 4320, {60, 1}, 61},
        {1920, 64, {25, 1}, 31}, // longer than level 3.0 has a side
        {16384, 16384, {240, 1}, 62},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(table); i++) {
        struct avsp_avc_level level =
            avsp_avc_level_for(table[i].width, table[i].height, table[i].rate);
        if (level.idc != table[i].idc)
            fail_msg("%ux%u has level %d", table[i].width, table[i].height, level.idc);
        assert_true(level.max_kbps >= 12500 && level.max_buffer_kbits >= level.max_kbps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_follow_from_the_record),
        cmocka_unit_test(a_record_that_contradicts_itself_is_none),
        cmocka_unit_test(sizes_are_those_of_the_pictures),
        cmocka_unit_test(levels_follow_from_size_and_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
