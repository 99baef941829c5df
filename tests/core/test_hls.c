#include "../cmocka_all.h"

#include "core/hls.h"
#include "core/hls_attr.h"
#include "core/uri.h"

#include <string.h>

struct parsed {
    struct avsp_arena arena;
    struct avsp_findings found;
    struct avsp_hls_playlist p;
};

static void parsed_deinit(struct parsed *parsed)
{
    avsp_arena_deinit(&parsed->arena);
    avsp_findings_deinit(&parsed->found);
}

static void parse_bytes(struct parsed *parsed, const char *bytes, size_t len)
{
    struct avsp_err err = {0};
    avsp_arena_init(&parsed->arena, 16 << 20);
    avsp_findings_init(&parsed->found);
    assert_int_equal(
        avsp_hls_parse(&parsed->arena, bytes, len, "p.m3u8", &parsed->found, &parsed->p, &err),
        AVSP_OK);
}

static void parse(struct parsed *parsed, const char *text)
{
    parse_bytes(parsed, text, strlen(text));
}

/// Exactly the one finding, or none where @p rule is AVSP_N_RULES.
static void expect_only(const char *text, enum avsp_rule rule, uint32_t line)
{
    struct parsed AVSP_CLEANUP(parsed_deinit) got = {0};
    parse(&got, text);
    if (rule == AVSP_N_RULES) {
        if (got.found.n > 0)
            fail_msg("%s: %s", avsp_rule_info(got.found.items[0].rule)->id,
                     got.found.items[0].text);
        return;
    }
    if (got.found.n != 1)
        fail_msg("%zu findings instead of one, %s, in:\n%s", got.found.n, avsp_rule_info(rule)->id,
                 text);
    assert_string_equal(avsp_rule_info(got.found.items[0].rule)->id, avsp_rule_info(rule)->id);
    assert_int_equal(got.found.items[0].line, line);
}

#define HEAD "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n"
#define END "#EXT-X-ENDLIST\n"

static void a_media_playlist_is_read(void **state)
{
    (void)state;
    struct parsed AVSP_CLEANUP(parsed_deinit) got = {0};
    parse(&got,
          HEAD "#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"700@10\"\n"
               "#EXTINF:4.004,a title, with commas\r\n#EXT-X-BYTERANGE:100@700\nall.mp4\n"
               "#EXTINF:3.9999996,\n#EXT-X-BYTERANGE:50\nall.mp4\n"
               "#EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:4\nx.mp4\n" END);
    assert_int_equal(got.found.n, 0);
    assert_false(got.p.is_multivariant);
    assert_int_equal(got.p.n_segments, 3);
    assert_int_equal(got.p.n_maps, 1);
    assert_int_equal(got.p.maps[0].range.offset, 10);
    const struct avsp_hls_segment *s = got.p.segments;
    assert_int_equal(s[0].duration_us, 4004000);
    assert_int_equal(s[1].duration_us, 4000000);
    assert_int_equal(s[1].range.offset, 800);
    assert_int_equal(s[1].range.bytes, 50);
    assert_int_equal(s[1].map, 1);
    assert_true(s[2].discontinuity && s[2].encrypted && !s[0].encrypted);
    assert_int_equal(s[2].line, 14);
}

static void a_multivariant_playlist_is_read(void **state)
{
    (void)state;
    struct parsed AVSP_CLEANUP(parsed_deinit) got = {0};
    parse(&got,
          "#EXTM3U\n"
          "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x,y\",CHANNELS=\"6/JOC\",URI=\"a.m3u8\"\n"
          "#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"a,b\",RESOLUTION=1280x720,FRAME-RATE=29.970,"
          "AUDIO=\"a\",CLOSED-CAPTIONS=NONE\nv.m3u8\n"
          "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI=\"i.m3u8\"\n");
    assert_int_equal(got.found.n, 0);
    assert_true(got.p.is_multivariant);
    assert_int_equal(got.p.n_variants, 2);
    assert_string_equal(got.p.variants[0].uri, "v.m3u8");
    assert_int_equal(got.p.variants[0].milli_fps, 29970);
    assert_int_equal(got.p.variants[0].height_px, 720);
    assert_string_equal(got.p.variants[0].closed_captions, "");
    assert_true(got.p.variants[1].iframes_only);
    assert_string_equal(got.p.media[0].name, "x,y");
    assert_int_equal(got.p.media[0].channels, 6);
}

static void each_fault_is_one_finding(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum avsp_rule rule;
        uint32_t line;
    } cases[] = {
        {HEAD "#EXTINF:4.0,\na\n" END, AVSP_N_RULES, 0},
        {HEAD "#EXTINF:4.0,\na\n#EXT-X-SOMETHING-NEW:1\n# words\n" END, AVSP_N_RULES, 0},
        {HEAD "#EXTINF:4.5,\na\n" END, AVSP_RULE_TARGETDURATION, 5},
        {HEAD "#EXTINF:4.4999,\na\n" END, AVSP_N_RULES, 0},
        {HEAD "#EXTINF:-4,\na\n" END, AVSP_RULE_TAG, 4},
        {HEAD "#EXTINF:1e3,\na\n" END, AVSP_RULE_TAG, 4},
        {HEAD "a\n" END, AVSP_RULE_EXTINF_MISSING, 4},
        {HEAD END, AVSP_RULE_EMPTY, 0},
        {HEAD "#EXTINF:4,\na\n#EXTINF:4,\n" END, AVSP_RULE_EXTINF, 7},
        {HEAD "#EXTINF:4,\na\n", AVSP_RULE_ENDLIST, 0},
        {HEAD "#EXTINF:4,\n#EXT-X-BYTERANGE:10\na\n" END, AVSP_RULE_BYTERANGE, 5},
        {HEAD "#EXTINF:4,\n#EXT-X-BYTERANGE:-1@0\na\n" END, AVSP_RULE_TAG, 5},
        {HEAD "#EXT-X-PLAYLIST-TYPE:LIVE\n#EXTINF:4,\na\n" END, AVSP_RULE_TAG, 4},
        {HEAD "#EXT-X-MAP:URI=i\n#EXTINF:4,\na\n" END, AVSP_RULE_ATTRIBUTES, 4},
        {HEAD "#EXTINF:4,\n#EXT-X-GAP:1\na\n" END, AVSP_RULE_TAG, 5},
        {"#EXTM3U\n#EXT-X-VERSION:2\n#EXT-X-TARGETDURATION:4\n#EXTINF:4.0,\na\n" END,
         AVSP_RULE_VERSION, 4},
        {"#EXTM3U\n#EXT-X-VERSION:x\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na\n" END,
         AVSP_RULE_VERSION, 2},
        {"#EXTM3U\n#EXTINF:4,\na\n" END, AVSP_RULE_TARGETDURATION_MISSING, 0},
        {HEAD "#EXTINF:4,\na\xff\n" END, AVSP_RULE_TEXT, 5},
        {"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", AVSP_RULE_STREAM_INF, 2},
        {"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x\nv\n", AVSP_RULE_STREAM_INF, 2},
        {"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,BANDWIDTH=1\nv\n", AVSP_RULE_ATTRIBUTES, 2},
        {"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"n\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n",
         AVSP_RULE_MEDIA_ATTRIBUTES, 2},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++)
        expect_only(cases[i].text, cases[i].rule, cases[i].line);
}

static void anything_else_is_harmless(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "#EXT-X-MAP:URI=\"i\"\n#EXTINF:4.004,t\n#EXT-X-BYTERANGE:1@2\na\n"
             "#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a\"\nv\n" END;
    char bad[sizeof text];
    for (size_t i = 0; i < sizeof text - 1; i++)
        for (unsigned change = 0; change < 4; change++) {
            static const char changes[] = {'\0', '\n', '"', (char)0xff};
            struct parsed AVSP_CLEANUP(parsed_deinit) got = {0};
            memcpy(bad, text, sizeof text);
            bad[i] = changes[change];
            parse_bytes(&got, bad, sizeof text - 1);
        }
    for (size_t len = 0; len < sizeof text; len++) {
        struct parsed AVSP_CLEANUP(parsed_deinit) got = {0};
        parse_bytes(&got, text, len);
    }
}

static void many_findings_of_a_rule_are_counted(void **state)
{
    (void)state;
    struct parsed AVSP_CLEANUP(parsed_deinit) got = {0};
    char text[40000] = HEAD;
    size_t len = strlen(text);
    for (unsigned i = 0; i < 1000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "s%u.ts\n", i);
    parse_bytes(&got, text, len);
    assert_int_equal(got.found.counts[AVSP_RULE_EXTINF_MISSING], 1000);
    assert_true(got.found.n <= AVSP_FINDINGS_EACH + 5);
    assert_int_equal(got.p.n_segments, 1000);
}

static void resolve(const char *base, const char *uri, enum avsp_code code, const char *want)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 65536);
    const char *path = NULL;
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_uri_resolve(&arena, base, uri, &path, &err);
    if (rc != code || (rc == AVSP_OK && strcmp(path, want) != 0))
        fail_msg("\"%s\" from %s: %s, %s", uri, base, avsp_code_name(rc), path ? path : err.text);
}

static void uris_stay_inside(void **state)
{
    (void)state;
    resolve("p.m3u8", "a.m4s", AVSP_OK, "a.m4s");
    resolve("v0/p.m3u8", "a.m4s", AVSP_OK, "v0/a.m4s");
    resolve("v0/p.m3u8", "../a0/./x//y.m4s?q=1#f", AVSP_OK, "a0/x/y.m4s");
    resolve("v0/p.m3u8", "a%20b%2Fc", AVSP_OK, "v0/a b/c");
    resolve("v0/p.m3u8", "100%.ts", AVSP_OK, "v0/100%.ts");
    resolve("v0/p.m3u8", "../../x", AVSP_DENIED, "");
    resolve("v0/p.m3u8", "%2e%2e/%2e%2e/x", AVSP_DENIED, "");
    resolve("v0/p.m3u8", "../..%2fx", AVSP_DENIED, "");
    resolve("v0/p.m3u8", "/etc/passwd", AVSP_DENIED, "");
    resolve("v0/p.m3u8", "%2fetc/passwd", AVSP_DENIED, "");
    resolve("v0/p.m3u8", "//host/x", AVSP_UNSUPPORTED, "");
    resolve("v0/p.m3u8", "HTTP://host/x", AVSP_UNSUPPORTED, "");
    resolve("v0/p.m3u8", "data:,x", AVSP_UNSUPPORTED, "");
    resolve("v0/p.m3u8", "a%00b", AVSP_INVALID, "");
    resolve("v0/p.m3u8", "", AVSP_INVALID, "");
    resolve("v0/p.m3u8", "..", AVSP_INVALID, "");
    resolve("v0/p.m3u8", "a/", AVSP_INVALID, "");
}

static void decimals_are_exact(void **state)
{
    (void)state;
    int64_t v = 0;
    const char *rest;
    assert_true(avsp_hls_decimal("999999999.999999999,", 1000000, &v, &rest));
    assert_int_equal(v, INT64_C(1000000000000000));
    assert_string_equal(rest, ",");
    assert_true(avsp_hls_decimal("0000000000001.5", 1000, &v, &rest));
    assert_int_equal(v, 1500);
    assert_false(avsp_hls_decimal("1000000000", 1, &v, &rest));
    assert_false(avsp_hls_decimal(".5", 1, &v, &rest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_media_playlist_is_read),
        cmocka_unit_test(a_multivariant_playlist_is_read),
        cmocka_unit_test(each_fault_is_one_finding),
        cmocka_unit_test(anything_else_is_harmless),
        cmocka_unit_test(many_findings_of_a_rule_are_counted),
        cmocka_unit_test(uris_stay_inside),
        cmocka_unit_test(decimals_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
