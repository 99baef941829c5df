#include "../cmocka_all.h"

#include "core/playlist.h"

#include <string.h>

static const struct avsp_rendition picture = {"v0",
                                              AVSP_MEDIA_VIDEO,
                                              "init-1.mp4",
                                              700,
                                              "",
                                              "av01.0.04M.08",
                                              30000,
                                              0,
                                              1280,
                                              720,
                                              {30000, 1001},
                                              "SDR",
                                              0,
                                              "und",
                                              ""};
static const struct avsp_rendition sound = {"a0",
                                            AVSP_MEDIA_AUDIO,
                                            "init-2.mp4",
                                            600,
                                            "",
                                            "mp4a.40.2",
                                            48000,
                                            1024,
                                            0,
                                            0,
                                            {0, 0},
                                            "SDR",
                                            2,
                                            "eng",
                                            "Say \"hi\"\n#EXT-X-EVIL"};

static struct avsp_segment video_segments[] = {
    {"v0", 0, "s0.m4s", 0, 120120, 120, 1000000, "", 100000},
    {"v0", 1, "s1.m4s", 120120, 120120, 120, 500000, "", 50000},
    {"v0", 2, "s2.m4s", 240240, 1001, 1, 200000, "", 200000},
};

static struct avsp_segment audio_segments[] = {
    {"a0", 0, "t0.m4s", 0, 193536, 189, 64000, ""},
    {"a0", 1, "t1.m4s", 193536, 193536, 189, 64000, ""},
};

static struct avsp_playlist_rendition renditions[] = {
    {&picture, video_segments, AVSP_ARRAY_LEN(video_segments)},
    {&sound, audio_segments, AVSP_ARRAY_LEN(audio_segments)},
};

static const struct avsp_playlist_set set = {renditions, AVSP_ARRAY_LEN(renditions)};

static void media_playlists(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_playlist_media(&set, 0, &buf);
    assert_string_equal(avsp_buf_text(&buf), "#EXTM3U\n"
                                             "#EXT-X-VERSION:7\n"
                                             "#EXT-X-INDEPENDENT-SEGMENTS\n"
                                             "#EXT-X-TARGETDURATION:4\n"
                                             "#EXT-X-MEDIA-SEQUENCE:0\n"
                                             "#EXT-X-PLAYLIST-TYPE:VOD\n"
                                             "#EXT-X-MAP:URI=\"init-1.mp4\"\n"
                                             "#EXTINF:4.004000,\ns0.m4s\n"
                                             "#EXTINF:4.004000,\ns1.m4s\n"
                                             "#EXTINF:0.033367,\ns2.m4s\n"
                                             "#EXT-X-ENDLIST\n");
    avsp_buf_clear(&buf);
    avsp_playlist_media(&set, 1, &buf);
    // The first segment is shorter by the priming: 193536 - 1024 samples.
    assert_non_null(strstr(avsp_buf_text(&buf), "#EXTINF:4.010667,\nt0.m4s\n"));
    assert_non_null(strstr(avsp_buf_text(&buf), "#EXTINF:4.032000,\nt1.m4s\n"));
}

static void a_playlist_of_keyframes(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    assert_true(avsp_playlist_has_iframes(&set, 0));
    assert_false(avsp_playlist_has_iframes(&set, 1));
    avsp_playlist_iframes(&set, 0, &buf);
    assert_string_equal(avsp_buf_text(&buf),
                        "#EXTM3U\n"
                        "#EXT-X-VERSION:7\n"
                        "#EXT-X-INDEPENDENT-SEGMENTS\n"
                        "#EXT-X-TARGETDURATION:4\n"
                        "#EXT-X-MEDIA-SEQUENCE:0\n"
                        "#EXT-X-PLAYLIST-TYPE:VOD\n"
                        "#EXT-X-I-FRAMES-ONLY\n"
                        "#EXT-X-MAP:URI=\"init-1.mp4\"\n"
                        "#EXTINF:4.004000,\n#EXT-X-BYTERANGE:100000@0\ns0.m4s\n"
                        "#EXTINF:4.004000,\n#EXT-X-BYTERANGE:50000@0\ns1.m4s\n"
                        "#EXTINF:0.033367,\n#EXT-X-BYTERANGE:200000@0\ns2.m4s\n"
                        "#EXT-X-ENDLIST\n");
    // A worker of an older version did not tell where the first frame ends.
    struct avsp_segment some[] = {video_segments[0], video_segments[1]};
    some[1].key_bytes = 0;
    struct avsp_playlist_rendition r = {&picture, some, AVSP_ARRAY_LEN(some)};
    assert_false(avsp_playlist_has_iframes(&(struct avsp_playlist_set){&r, 1}, 0));
}

static void multivariant_playlist(void **state)
{
    (void)state;
    static const struct avsp_playlist_uris uris[] = {{"v0/p.m3u8", "v0/i.m3u8"},
                                                     {"a0/p.m3u8", NULL}};
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_playlist_multivariant(&set, uris, &buf);
    const char *text = avsp_buf_text(&buf);
    // The title cannot leave its quotes, nor its line.
    assert_non_null(strstr(text, "NAME=\"Say ”hi” #EXT-X-EVIL\""));
    assert_null(strstr(text, "\n#EXT-X-EVIL"));
    // Peak: the first video segment, 8 Mbit in 4.004 s; the one frame at the end does not count alone.
    assert_non_null(strstr(text, "BANDWIDTH=2125662,")); // 1998002 + 127660 (audio, first segment)
    assert_non_null(strstr(text, "CODECS=\"av01.0.04M.08,mp4a.40.2\""));
    assert_non_null(strstr(text, "RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR"));
    assert_non_null(strstr(text, ",AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\nv0/p.m3u8\n"));
    // Of the keyframes alone: the last two, in 4.037 s.
    assert_non_null(
        strstr(text, "\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=495373,AVERAGE-BANDWIDTH="));
    assert_non_null(strstr(text, "RESOLUTION=1280x720,VIDEO-RANGE=SDR,URI=\"v0/i.m3u8\"\n"));
}

static void sound_alone_is_a_variant(void **state)
{
    (void)state;
    struct avsp_playlist_set alone = {&renditions[1], 1};
    static const struct avsp_playlist_uris uris[] = {{"a0/p.m3u8", NULL}};
    struct avsp_err err = {0};
    assert_int_equal(avsp_playlist_check(&alone, &err), AVSP_OK);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_playlist_multivariant(&alone, uris, &buf);
    assert_string_equal(
        avsp_buf_text(&buf),
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Say ”hi” #EXT-X-EVIL\",LANGUAGE=\"eng\","
        "DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=127660,AVERAGE-BANDWIDTH=127321,CODECS=\"mp4a.40.2\","
        "AUDIO=\"audio\"\n"
        "a0/p.m3u8\n");
}

/// A sound like the one above, with another name, title, language and purposes.
static struct avsp_rendition other_sound(const char *name, const char *title, const char *language,
                                         uint32_t purposes)
{
    struct avsp_rendition r = sound;
    r.name = name;
    r.title = title;
    r.language = language;
    r.purposes = purposes;
    return r;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        n++;
    return n;
}

/// Each form of the sound is a group of its own with all tracks in it, and each picture stands once for each group.
static void each_form_is_a_group(void **state)
{
    (void)state;
    struct avsp_rendition forms[] = {sound, sound, sound, sound, sound};
    forms[0].channels = 6;
    forms[1].name = "a0-opus";
    forms[1].codecs = "Opus";
    forms[1].channels = 6;
    forms[2].name = "a0-stereo";
    forms[3].name = "a1";
    forms[3].language = "deu";
    forms[3].channels = 1;
    forms[4].name = "a1-opus";
    forms[4].codecs = "Opus";
    forms[4].language = "deu";
    forms[4].channels = 1;
    struct avsp_playlist_rendition tracks[] = {
        {&picture, video_segments, AVSP_ARRAY_LEN(video_segments)},
        {&forms[0], audio_segments, AVSP_ARRAY_LEN(audio_segments)},
        {&forms[1], audio_segments, AVSP_ARRAY_LEN(audio_segments)},
        {&forms[2], audio_segments, AVSP_ARRAY_LEN(audio_segments)},
        {&forms[3], audio_segments, AVSP_ARRAY_LEN(audio_segments)},
        {&forms[4], audio_segments, AVSP_ARRAY_LEN(audio_segments)},
    };
    struct avsp_playlist_uris uris[] = {{"v0/p", NULL},        {"a0/p", NULL}, {"a0-opus/p", NULL},
                                        {"a0-stereo/p", NULL}, {"a1/p", NULL}, {"a1-opus/p", NULL}};
    struct avsp_playlist_set with = {tracks, AVSP_ARRAY_LEN(tracks)};
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_playlist_multivariant(&with, uris, &buf);
    const char *text = avsp_buf_text(&buf);
    static const struct {
        const char *word;
        size_t n;
    } lines[] = {
        {"GROUP-ID=\"audio-stereo\"", 2},
        {"GROUP-ID=\"audio\"", 2},
        {"GROUP-ID=\"audio-opus\"", 2},
        {"CHANNELS=\"6\",URI=\"a0/p\"", 1},
        {"CHANNELS=\"2\",URI=\"a0-stereo/p\"", 1},
        {"CHANNELS=\"6\",URI=\"a0-opus/p\"", 1},
        {"CHANNELS=\"1\",URI=\"a1/p\"", 2}, // in its own group, and beside the stereo
        {"CHANNELS=\"1\",URI=\"a1-opus/p\"", 1},
        {",NAME=\"Say \u201dhi\u201d #EXT-X-EVIL\",LANGUAGE=\"eng\",DEFAULT=YES,AUTOSELECT=YES", 3},
        {",NAME=\"Say \u201dhi\u201d #EXT-X-EVIL (a1)\",LANGUAGE=\"deu\",DEFAULT=NO", 3},
        {"mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO=\"audio-stereo\"",
         1},
        {"mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO=\"audio\"", 1},
        {",Opus\",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO=\"audio-opus\"", 1},
        {"\nv0/p\n", 3},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(lines); i++) {
        size_t n = count(text, lines[i].word);
        if (n != lines[i].n)
            fail_msg("%s: %zu times, not %zu, in\n%s", lines[i].word, n, lines[i].n, text);
    }
    // Whoever takes the first that it can play takes stereo.
    assert_true(strstr(text, "AUDIO=\"audio-stereo\"") < strstr(text, "AUDIO=\"audio\""));

    avsp_buf_clear(&buf);
    with = (struct avsp_playlist_set){tracks + 1, AVSP_ARRAY_LEN(tracks) - 1};
    avsp_playlist_multivariant(&with, uris + 1, &buf);
    text = avsp_buf_text(&buf);
    assert_non_null(strstr(text, "CODECS=\"mp4a.40.2\",AUDIO=\"audio-stereo\"\na0-stereo/p\n"));
    assert_non_null(strstr(text, "CODECS=\"mp4a.40.2\",AUDIO=\"audio\"\na0/p\n"));
    assert_non_null(strstr(text, "CODECS=\"Opus\",AUDIO=\"audio-opus\"\na0-opus/p\n"));
    assert_null(strstr(text, "URI=\"a0"));
}

static void sounds_can_be_told_apart(void **state)
{
    (void)state;
    const struct avsp_rendition sounds[] = {
        other_sound("a0", "Main", "en", 0),
        other_sound("a1", "Main", "en", 0),
        other_sound("a2", "Main (a1)", "en", AVSP_PURPOSE_DESCRIPTION),
        other_sound("a3", "", "de", AVSP_PURPOSE_COMMENTARY),
        other_sound("a4", "", "und", AVSP_PURPOSE_HEARING),
        other_sound("a5", "it's", "fr", 0),
        other_sound("a6", "it\u2019s", "nl", 0),
    };
    struct avsp_playlist_rendition members[1 + AVSP_ARRAY_LEN(sounds)] = {renditions[0]};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(sounds); i++)
        members[1 + i] = (struct avsp_playlist_rendition){&sounds[i], audio_segments, 2};
    struct avsp_playlist_set several = {members, AVSP_ARRAY_LEN(members)};
    static const struct avsp_playlist_uris uris[] = {
        {"v0/p.m3u8", NULL}, {"a0/p.m3u8", NULL}, {"a1/p.m3u8", NULL}, {"a2/p.m3u8", NULL},
        {"a3/p.m3u8", NULL}, {"a4/p.m3u8", NULL}, {"a5/p.m3u8", NULL}, {"a6/p.m3u8", NULL}};
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_playlist_multivariant(&several, uris, &buf);
#define TAG "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME="
    static const char expected[] = TAG
        "\"Main\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a0/p.m3u8\"\n" TAG
        "\"Main "
        "(a1)\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=NO,CHANNELS=\"2\",URI=\"a1/p.m3u8\"\n" TAG
        "\"Main (a1) (a2)\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,CHARACTERISTICS=\""
        "public.accessibility.describes-video\",CHANNELS=\"2\",URI=\"a2/p.m3u8\"\n" TAG
        "\"de\",LANGUAGE=\"de\",DEFAULT=NO,AUTOSELECT=NO,CHANNELS=\"2\",URI=\"a3/p.m3u8\"\n" TAG
        "\"a4\",LANGUAGE=\"und\",DEFAULT=NO,AUTOSELECT=YES,CHARACTERISTICS=\"public.accessibility."
        "enhances-speech-intelligibility\",CHANNELS=\"2\",URI=\"a4/p.m3u8\"\n" TAG
        "\"it\u2019s\",LANGUAGE=\"fr\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a5/"
        "p.m3u8\"\n" TAG "\"it\u2019s "
        "(a6)\",LANGUAGE=\"nl\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a6/p.m3u8\"\n"
        "#EXT-X-STREAM-INF:";
#undef TAG
    const char *media = strstr(avsp_buf_text(&buf), "#EXT-X-MEDIA");
    assert_non_null(media);
    if (strncmp(media, expected, strlen(expected)) != 0)
        assert_string_equal(media, expected);
}

static void a_track_shorter_than_a_segment_has_a_bandwidth(void **state)
{
    (void)state;
    struct avsp_segment one = {"v0", 0, "s.m4s", 0, 1001, 1, 5000, ""};
    struct avsp_playlist_rendition r = {&picture, &one, 1};
    struct avsp_playlist_set short_set = {&r, 1};
    static const struct avsp_playlist_uris uris[] = {{"v0/p.m3u8", NULL}};
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_playlist_multivariant(&short_set, uris, &buf);
    assert_non_null(strstr(avsp_buf_text(&buf), "BANDWIDTH=1198790,AVERAGE-BANDWIDTH=1198790,"));
    assert_null(strstr(avsp_buf_text(&buf), "AUDIO"));
}

static void expect_corrupt(const struct avsp_playlist_set *bad, const char *word)
{
    struct avsp_err err = {0};
    assert_int_equal(avsp_playlist_check(bad, &err), AVSP_CORRUPT);
    if (strstr(err.text, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

static void broken_timelines_are_found(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    assert_int_equal(avsp_playlist_check(&set, &err), AVSP_OK);

    struct avsp_segment bad[3];
    struct avsp_playlist_rendition r = {&picture, bad, 3};
    struct avsp_playlist_set bad_set = {&r, 1};
    memcpy(bad, video_segments, sizeof bad);
    bad[1].start_ticks += 1;
    expect_corrupt(&bad_set, "segment 1 begins at");
    memcpy(bad, video_segments, sizeof bad);
    bad[0].start_ticks = 5;
    bad[0].duration_ticks -= 5;
    expect_corrupt(&bad_set, "segment 0 begins at 5");
    memcpy(bad, video_segments, sizeof bad);
    bad[2].duration_ticks = INT64_MAX;
    expect_corrupt(&bad_set, "never ends");
    memcpy(bad, video_segments, sizeof bad);
    bad[2].name = "../x";
    expect_corrupt(&bad_set, "bad name");
    r.n_segments = 0;
    expect_corrupt(&bad_set, "no segments");
    bad_set.n_renditions = 0;
    expect_corrupt(&bad_set, "nothing to play");

    struct avsp_playlist_rendition uneven[] = {renditions[0], renditions[1]};
    uneven[0].n_segments = 1;
    uneven[1].n_segments = 2;
    struct avsp_playlist_set uneven_set = {uneven, 2};
    expect_corrupt(&uneven_set, "apart");
}

static void parts_are_joined_with_discontinuities(void **state)
{
    (void)state;
    static const struct avsp_playlist_part parts[] = {{"0.mp4", 2000000, 700, 9000},
                                                      {"1.ts", 1500000, 0, 8000}};
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_playlist_parts(parts, 2, &buf);
    assert_string_equal(strstr(avsp_buf_text(&buf), "#EXT-X-MAP"),
                        "#EXT-X-MAP:URI=\"0.mp4\",BYTERANGE=\"700@0\"\n"
                        "#EXTINF:2.000000,\n"
                        "#EXT-X-BYTERANGE:8300@700\n"
                        "0.mp4\n"
                        "#EXT-X-DISCONTINUITY\n"
                        "#EXTINF:1.500000,\n"
                        "1.ts\n"
                        "#EXT-X-ENDLIST\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_playlists),
        cmocka_unit_test(a_playlist_of_keyframes),
        cmocka_unit_test(multivariant_playlist),
        cmocka_unit_test(sound_alone_is_a_variant),
        cmocka_unit_test(each_form_is_a_group),
        cmocka_unit_test(sounds_can_be_told_apart),
        cmocka_unit_test(a_track_shorter_than_a_segment_has_a_bandwidth),
        cmocka_unit_test(broken_timelines_are_found),
        cmocka_unit_test(parts_are_joined_with_discontinuities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
