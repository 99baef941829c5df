#include "../cmocka_all.h"

#include "core/av1.h"

#include <string.h>

/// Configuration records that SVT-AV1 1.4.1 wrote for 640x360 at 30 frames a second.
static const uint8_t untagged[] = {0x81, 0x01, 0x0c, 0x00, 0x0a, 0x0b, 0x00, 0x00, 0x00,
                                   0x0c, 0xc4, 0xff, 0x67, 0x00, 0xbe, 0x00, 0x10};
static const uint8_t hdr10[] = {0x81, 0x01, 0x4c, 0x00, 0x0a, 0x0e, 0x00, 0x00, 0x00, 0x0c,
                                0xc4, 0xff, 0x67, 0x00, 0xbe, 0x14, 0x24, 0x40, 0x24, 0x10};
static const uint8_t bt709[] = {0x81, 0x01, 0x0c, 0x00, 0x0a, 0x0e, 0x00, 0x00, 0x00, 0x0c,
                                0xc4, 0xff, 0x67, 0x00, 0xbe, 0x04, 0x04, 0x04, 0x04, 0x10};

static void expect(const uint8_t *av1c, size_t len, const char *want)
{
    char got[AVSP_AV1_CODECS_BYTES];
    struct avsp_err err = {0};
    assert_int_equal(avsp_av1_codecs(av1c, len, got, &err), AVSP_OK);
    assert_string_equal(got, want);
}

static void strings_follow_the_sequence_header(void **state)
{
    (void)state;
    expect(bt709, sizeof bt709, "av01.0.01M.08");
    expect(untagged, sizeof untagged, "av01.0.01M.08.0.110.02.02.02.0");
    expect(hdr10, sizeof hdr10, "av01.0.01M.10.0.110.09.16.09.0");
}

static void anything_else_is_refused_without_harm(void **state)
{
    (void)state;
    char got[AVSP_AV1_CODECS_BYTES];
    struct avsp_err err = {0};
    for (size_t len = 0; len < 14; len++)
        assert_int_equal(avsp_av1_codecs(hdr10, len, got, &err), AVSP_CORRUPT);
    uint8_t bad[sizeof hdr10];
    for (size_t i = 0; i < sizeof hdr10; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(bad, hdr10, sizeof bad);
            bad[i] ^= (uint8_t)(1u << bit);
            (void)!avsp_av1_codecs(bad, sizeof bad, got, &err);
        }
    memset(bad, 0xff, sizeof bad);
    assert_int_equal(avsp_av1_codecs(bad, sizeof bad, got, &err), AVSP_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_follow_the_sequence_header),
        cmocka_unit_test(anything_else_is_refused_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
