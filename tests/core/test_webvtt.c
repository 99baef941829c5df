#include "../cmocka_all.h"

#include "core/ass_text.h"
#include "core/webvtt.h"

#include <string.h>

static void expect_text(const char *ass, const char *expected, unsigned expected_place)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) event;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&event, 4096);
    avsp_buf_init(&text, 4096);
    avsp_buf_printf(&event, "0,0,Default,,0,0,0,,%s", ass);
    unsigned place = AVSP_CUE_PLACE_DEFAULT;
    avsp_ass_text_convert(event.data, event.len, &text, &place);
    assert_string_equal(avsp_buf_text(&text), expected);
    assert_int_equal(place, expected_place);
}

static void styles_are_reduced(void **state)
{
    (void)state;
    expect_text("Hello, world", "Hello, world", 2);
    expect_text("{\\i1}one{\\i0} two", "<i>one</i> two", 2);
    expect_text("{\\b1}a{\\i1}b{\\b0}c", "<b>a</b><b><i>b</i></b><i>c</i>", 2);
    expect_text("{\\u1\\b700}x{\\r}y", "<b><u>x</u></b>y", 2);
    expect_text("{\\an8}up", "up", 8);
    expect_text("{\\fs20\\c&H00FF00&\\iclip(0,0,1,1)\\blur2}plain", "plain", 2);
    expect_text("{\\p1}m 0 0 l 10 10{\\p0}text", "text", 2);
    expect_text("{comment}text", "text", 2);
    expect_text("{\\k20}ka{\\k30}ra", "kara", 2);
}

static void texts_stay_texts(void **state)
{
    (void)state;
    expect_text("a<b & c>d", "a&lt;b &amp; c&gt;d", 2);
    expect_text("1 --> 2", "1 --&gt; 2", 2);
    expect_text("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;", 2);
    // No empty line, which would end the cue, at the start, in between or at the end.
    expect_text("\\N\\Nfirst\\N \\N\\Nsecond\\N", "first\nsecond", 2);
    expect_text("a\r\n\r\n00:00.000 b", "a\n00:00.000 b", 2);
    expect_text("a\\hb",
                "a\xc2\xa0"
                "b",
                2);
    expect_text("bad \xff\xc3( \xed\xa0\x80",
                "bad \xef\xbf\xbd\xef\xbf\xbd( \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 2);
    expect_text("bell\a \x1b[31m \xc2\x9b", "bell [31m ", 2);
    expect_text("open \\{ brace \\} \\q", "open { brace } \\q", 2);
    expect_text("", "", 2);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, 64);
    unsigned place = 2;
    avsp_ass_text_convert("0,0,too few", 11, &text, &place);
    avsp_ass_text_convert(NULL, 0, &text, &place);
    assert_int_equal(text.len, 0);
}

static void a_file_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 4096);
    avsp_webvtt_begin(&buf);
    avsp_webvtt_put(&buf, &(struct avsp_cue){1500, 2750, 2, "one", NULL});
    avsp_webvtt_put(&buf, &(struct avsp_cue){3661001, 363599999, 9, "two\nlines", ""});
    assert_string_equal(avsp_buf_text(&buf), "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n"
                                             "\n00:00:01.500 --> 00:00:02.750\none\n"
                                             "\n01:01:01.001 --> 100:59:59.999 line:0 align:end\n"
                                             "two\nlines\n");
    struct avsp_webvtt_facts f;
    avsp_webvtt_read(buf.data, buf.len, &f);
    assert_true(f.is_webvtt && f.has_map && !f.map_is_bad);
    assert_int_equal(f.map_ms, 0);
    assert_int_equal(f.n_cues, 2);
    assert_int_equal(f.first_ms, 1500);
    assert_int_equal(f.last_ms, 363599999);
    assert_int_equal(f.bad_line + f.empty_line + f.order_line, 0);
}

static struct avsp_webvtt_facts read_text(const char *text)
{
    struct avsp_webvtt_facts f;
    avsp_webvtt_read(text, strlen(text), &f);
    return f;
}

static void expect_settings(const char *given, const char *expected)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 4096);
    avsp_webvtt_settings(given, strlen(given), &buf);
    assert_string_equal(avsp_buf_text(&buf), expected);
}

static void settings_that_are_valid_stay(void **state)
{
    (void)state;
    const char *good = "vertical:rl line:-1,end position:12.5%,line-left size:100.0% align:start";
    expect_settings(good, good);
    expect_settings("\tline:0  align:right ", "line:0 align:right");
    expect_settings("region:fred line:50%", "line:50%");
    expect_settings("", "");
    expect_settings("line: position:5 size:101% size:100.5% align:middle align: vertical:up "
                    "size:5%,end line:1%,",
                    "");
    expect_settings("line:-5% line:--1 line:1. size:.5% line:99999 align:start|end :start align",
                    "");
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 4096);
    avsp_webvtt_settings("align:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 33, &buf);
    assert_int_equal(buf.len, 0);
    expect_settings("line:1\nalign:start line:1-->2 xline:1", "");
}

static void faults_are_found(void **state)
{
    (void)state;
    assert_false(read_text("").is_webvtt);
    assert_false(read_text("1\n00:00:00,000 --> 00:00:01,000\nx\n").is_webvtt);
    assert_false(read_text("WEBVTTX\n").is_webvtt);
    assert_true(read_text("\xef\xbb\xbfWEBVTT - title\r\n\r\n").is_webvtt);
    assert_int_equal(read_text("WEBVTT\n\n00:00:01,000 --> 00:00:02.000\nx\n").bad_line, 3);
    assert_int_equal(read_text("WEBVTT\n\n00:01.000 --> 00:61.000\nx\n").bad_line, 3);
    assert_int_equal(read_text("WEBVTT\n\n00:01.0000 --> 00:02.000\nx\n").bad_line, 3);
    assert_int_equal(read_text("WEBVTT\n\nid\n00:02.000 --> 00:01.000\nx\n").empty_line, 4);
    assert_int_equal(
        read_text("WEBVTT\r\r00:02.000 --> 00:03.000\rx\r\r00:01.000 --> 00:02.000\ry\r")
            .order_line,
        6);
    // In a cue's text an arrow is a fault of another kind: it begins nothing.
    assert_int_equal(read_text("WEBVTT\n\n00:01.000 --> 00:02.000\na --> b\n").bad_line, 0);
    struct avsp_webvtt_facts f =
        read_text("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:01.000\n\n"
                  "00:01.000 --> 00:02.000\nx\n");
    assert_true(f.has_map && !f.map_is_bad);
    assert_int_equal(f.map_ms, 9000);
    assert_true(read_text("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000\n").map_is_bad);
    assert_true(read_text("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:0,MPEGTS:0\n").map_is_bad);
    assert_false(read_text("WEBVTT\n\nX-TIMESTAMP-MAP=LOCAL:00:00.000,MPEGTS:0\n").has_map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles_are_reduced),
        cmocka_unit_test(texts_stay_texts),
        cmocka_unit_test(a_file_is_read_as_it_was_written),
        cmocka_unit_test(settings_that_are_valid_stay),
        cmocka_unit_test(faults_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
