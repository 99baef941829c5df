#include "../cmocka_all.h"

#include "core/mpd.h"
#include "core/xml.h"
#include "util/buf.h"

#include <string.h>

/// The events of a document as one line: "+name[attr=value]", "-name", "text".
static enum avsp_code events(const char *text, size_t len, struct avsp_buf *out,
                             struct avsp_err *err)
{
    struct avsp_xml AVSP_CLEANUP(avsp_xml_deinit) xml;
    avsp_xml_init(&xml, text, len);
    for (;;) {
        struct avsp_xml_event e;
        enum avsp_code rc = avsp_xml_next(&xml, &e, err);
        if (rc != AVSP_OK || e.kind == AVSP_XML_END_OF_FILE)
            return rc;
        static const char *const marks[] = {"+", "-", ""};
        avsp_buf_printf(out, "%s%s", marks[e.kind], e.kind == AVSP_XML_TEXT ? e.text : e.name);
        for (size_t i = 0; i < e.n_attrs; i++)
            avsp_buf_printf(out, "[%s=%s]", e.attrs[i].name, e.attrs[i].value);
    }
}

static void documents_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *events;
    } cases[] = {
        {"<a/>", "+a-a"},
        {"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <b> --><a x='1' y = \"2\">\n <b/> t </a>\n",
         "+a[x=1][y=2]+b-b t -a"},
        {"<a x='&lt;&gt;&amp;&quot;&apos;&#65;&#x20ac;'>&#x1f600;</a>",
         "+a[x=<>&\"'A\u20ac]\U0001f600-a"},
        {"<n:a xmlns:n='u' x='a\nb'/>", "+n:a[xmlns:n=u][x=a b]-n:a"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) out;
        struct avsp_err err = {0};
        avsp_buf_init(&out, 4096);
        if (events(cases[i].text, strlen(cases[i].text), &out, &err) != AVSP_OK)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_string_equal(avsp_buf_text(&out), cases[i].events);
    }
}

static void what_is_not_well_formed_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "a",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>t",
        "<a x></a>",
        "<a x=1/>",
        "<a x='1/>",
        "<a x='1' x='2'/>",
        "<a x='<'/>",
        "<a>&b;</a>",
        "<a>&#0;</a>",
        "<a>&#xd800;</a>",
        "<a>& </a>",
        "<a>&#x110000;</a>",
        "<a>\x01</a>",
        "<a>\xff</a>",
        "<!-- <a/>",
        "<a",
        "< a/>",
        "<a>&#99999999999;</a>",
        "<!ELEMENT a>",
        "<a><![CDATA[x]]></a>",
        "<a x='1'y='2'/>",
        // A bomb needs a document type declaration.
        "<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) out;
        struct avsp_err err = {0};
        avsp_buf_init(&out, 4096);
        if (events(cases[i], strlen(cases[i]), &out, &err) == AVSP_OK)
            fail_msg("taken: %s", cases[i]);
        assert_true(strncmp(err.text, "line ", 5) == 0);
    }
}

/// @p n times @p what between a begin and an end. @return what reading it gives.
static enum avsp_code many(const char *begin, const char *what, size_t n, const char *end)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) out;
    struct avsp_err err = {0};
    avsp_buf_init(&text, 8 << 20);
    avsp_buf_init(&out, 8 << 20);
    avsp_buf_puts(&text, begin);
    for (size_t i = 0; i < n; i++)
        avsp_buf_puts(&text, what);
    avsp_buf_puts(&text, end);
    return events(avsp_buf_text(&text), text.len, &out, &err);
}

static void everything_has_a_ceiling(void **state)
{
    (void)state;
    assert_int_equal(many("<a>", "<a>", AVSP_XML_DEPTH_MAX, ""), AVSP_LIMIT);
    assert_int_equal(many("<", "a", AVSP_XML_NAME_MAX_BYTES, "/>"), AVSP_LIMIT);
    assert_int_equal(many("<a>", "x", AVSP_XML_VALUE_MAX_BYTES + 1, "</a>"), AVSP_LIMIT);
    assert_int_equal(many("<a x='", "x", AVSP_XML_VALUE_MAX_BYTES + 1, "'/>"), AVSP_LIMIT);
    assert_int_equal(many("<a>", "<b/>", 100000, "</a>"), AVSP_OK);
}

#define HEAD "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" mediaPresentationDuration=\"PT1M2.5S\">"
#define SET "<Period><AdaptationSet contentType=\"video\" lang=\"de\">"
#define TAIL "</AdaptationSet></Period></MPD>"

static enum avsp_code parse(struct avsp_arena *arena, const char *text, struct avsp_mpd *mpd)
{
    struct avsp_err err = {0};
    return avsp_mpd_parse(arena, text, strlen(text), mpd, &err);
}

static void an_mpd_tells_of_its_representations(void **state)
{
    (void)state;
    static const char text[] =
        HEAD SET "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>"
                 "<x:Other xmlns:x=\"y\"><Representation id=\"not\"/><S d=\"1\"/></x:Other>"
                 "<Representation id=\"v0\" bandwidth=\"1000\" codecs=\"av01\" width=\"16\" "
                 "height=\"9\" frameRate=\"30000/1001\">"
                 "<SegmentList timescale=\"30000\"><Initialization "
                 "sourceURL=\"i\"/><SegmentTimeline><S t=\"0\" d=\"3\" r=\"1\"/><S d=\"4\"/>"
                 "</SegmentTimeline><SegmentURL media=\"a&amp;b\"/><SegmentURL "
                 "media=\"c\"/></SegmentList></Representation>"
                 "<Representation id=\"s0\"><BaseURL>s0/x.vtt</BaseURL></Representation>" TAIL;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_mpd mpd;
    assert_int_equal(parse(&arena, text, &mpd), AVSP_OK);
    assert_int_equal(mpd.duration_us, 62500000);
    assert_int_equal(mpd.n_representations, 2);
    const struct avsp_mpd_representation *v = &mpd.representations[0];
    assert_string_equal(v->id, "v0");
    assert_string_equal(v->role, "main");
    assert_string_equal(v->language, "de");
    assert_int_equal(v->milli_fps, 29970);
    assert_int_equal(v->timescale, 30000);
    assert_int_equal(v->n_segments, 2);
    assert_string_equal(v->segments[0], "a&b");
    assert_int_equal(v->n_times, 2);
    assert_true(v->times[0].has_start && v->times[0].repeats == 1 && !v->times[1].has_start);
    assert_string_equal(mpd.representations[1].file, "s0/x.vtt");
    assert_string_equal(mpd.representations[1].role, "main");
}

static void other_mpds_are_refused_by_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum avsp_code code;
    } cases[] = {
        {"<a/>", AVSP_CORRUPT},
        {"<MPD/>", AVSP_CORRUPT},
        {HEAD "<Period/><Period/></MPD>", AVSP_UNSUPPORTED},
        {HEAD "<BaseURL>http://x/</BaseURL></MPD>", AVSP_UNSUPPORTED},
        {HEAD SET "<SegmentTemplate/>" TAIL, AVSP_UNSUPPORTED},
        {HEAD SET "<Representation><SegmentBase/></Representation>" TAIL, AVSP_UNSUPPORTED},
        {HEAD SET "<Representation><SegmentList timescale=\"0\"/></Representation>" TAIL,
         AVSP_CORRUPT},
        {HEAD SET "<Representation width=\"-1\"/>" TAIL, AVSP_CORRUPT},
        {HEAD SET "<Representation frameRate=\"1/0\"/>" TAIL, AVSP_CORRUPT},
        {HEAD SET "<Representation><SegmentList><SegmentTimeline><S d=\"1\" "
                  "r=\"-1\"/></SegmentTimeline></SegmentList>"
                  "</Representation>" TAIL,
         AVSP_UNSUPPORTED},
        {HEAD SET "<Representation><SegmentList><SegmentTimeline><S "
                  "d=\"99999999999999999999\"/></SegmentTimeline></SegmentList>"
                  "</Representation>" TAIL,
         AVSP_CORRUPT},
        {"<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" mediaPresentationDuration=\"1 s\"/>",
         AVSP_CORRUPT},
        {"<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"dynamic\"/>", AVSP_UNSUPPORTED},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, 1 << 20);
        struct avsp_mpd mpd;
        enum avsp_code rc = parse(&arena, cases[i].text, &mpd);
        if (rc != cases[i].code)
            fail_msg("%d: %s", rc, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_read),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(everything_has_a_ceiling),
        cmocka_unit_test(an_mpd_tells_of_its_representations),
        cmocka_unit_test(other_mpds_are_refused_by_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
