#include "../cmocka_all.h"

#include "core/dash.h"

#include <string.h>

static const struct avsp_rendition large = {.name = "v0",
                                            .kind = AVSP_MEDIA_VIDEO,
                                            .init_name = "init-1.mp4",
                                            .codecs = "av01.0.05M.10",
                                            .timescale = 30000,
                                            .width_px = 1920,
                                            .height_px = 1080,
                                            .frame_rate = {30000, 1001},
                                            .video_range = "PQ",
                                            .language = "und",
                                            .title = ""};
static const struct avsp_rendition tone_mapped = {.name = "v1",
                                                  .kind = AVSP_MEDIA_VIDEO,
                                                  .init_name = "init-2.mp4",
                                                  .codecs = "av01.0.04M.10",
                                                  .timescale = 30000,
                                                  .width_px = 1280,
                                                  .height_px = 720,
                                                  .frame_rate = {30000, 1001},
                                                  .video_range = "SDR",
                                                  .language = "und",
                                                  .title = ""};
static const struct avsp_rendition fallback = {.name = "v2",
                                               .kind = AVSP_MEDIA_VIDEO,
                                               .init_name = "init-4.mp4",
                                               .codecs = "avc1.64001f",
                                               .timescale = 30000,
                                               .width_px = 1280,
                                               .height_px = 720,
                                               .frame_rate = {30000, 1001},
                                               .video_range = "SDR",
                                               .language = "und",
                                               .title = ""};
static const struct avsp_rendition sound = {.name = "a0",
                                            .kind = AVSP_MEDIA_AUDIO,
                                            .init_name = "init-3.mp4",
                                            .codecs = "mp4a.40.2",
                                            .timescale = 48000,
                                            .priming_ticks = 1024,
                                            .video_range = "SDR",
                                            .channels = 6,
                                            .language = "de",
                                            .title = "Ton & <Musik> \"1\"\n"};
static const struct avsp_rendition words = {.name = "t0",
                                            .kind = AVSP_MEDIA_TEXT,
                                            .init_name = "",
                                            .codecs = "wvtt",
                                            .timescale = AVSP_TEXT_TIMESCALE,
                                            .video_range = "SDR",
                                            .language = "fr",
                                            .title = "",
                                            .purposes = AVSP_PURPOSE_HEARING};

static const struct avsp_segment pictures[] = {
    {.rendition = "v0", .idx = 0, .name = "s0.m4s", .duration_ticks = 120120, .bytes = 1000000},
    {.rendition = "v0",
     .idx = 1,
     .name = "s1.m4s",
     .start_ticks = 120120,
     .duration_ticks = 120120,
     .bytes = 500000},
    {.rendition = "v0",
     .idx = 2,
     .name = "s2.m4s",
     .start_ticks = 240240,
     .duration_ticks = 1001,
     .bytes = 200000},
};
static const struct avsp_segment sounds[] = {
    {.rendition = "a0", .idx = 0, .name = "a.m4s", .duration_ticks = 193536, .bytes = 64000},
    {.rendition = "a0",
     .idx = 1,
     .name = "b.m4s",
     .start_ticks = 193536,
     .duration_ticks = 192512,
     .bytes = 64000},
};
static const struct avsp_segment file[] = {
    {.rendition = "t0", .idx = 0, .name = "words.vtt", .duration_ticks = 8041, .bytes = 900},
};

static const struct avsp_playlist_rendition renditions[] = {
    {&large, pictures, AVSP_ARRAY_LEN(pictures)},
    {&tone_mapped, pictures, AVSP_ARRAY_LEN(pictures)},
    {&large, pictures, AVSP_ARRAY_LEN(pictures)},
    {&fallback, pictures, AVSP_ARRAY_LEN(pictures)},
    {&sound, sounds, AVSP_ARRAY_LEN(sounds)},
    {&words, file, AVSP_ARRAY_LEN(file)},
};

/// How often a text stands in another.
static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void says(const char *text, const char *what)
{
    if (strstr(text, what) == NULL)
        fail_msg("%s\nis not in\n%s", what, text);
}

static void one_mpd(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 65536);
    avsp_dash_mpd(&(struct avsp_playlist_set){renditions, AVSP_ARRAY_LEN(renditions)}, &buf);
    const char *text = avsp_buf_text(&buf);
    says(text, " mediaPresentationDuration=\"PT8.041367S\"");
    // Pictures of one range and codec are one set, whatever stands between them.
    assert_int_equal(count(text, "contentType=\"video\""), 3);
    assert_int_equal(count(text, "cicp:TransferCharacteristics\" value=\"16\""), 1);
    says(text, "<Representation id=\"v0\" bandwidth=\"1998002\" codecs=\"av01.0.05M.10\" "
               "width=\"1920\" height=\"1080\" "
               "frameRate=\"30000/1001\">");
    // Segments of one length are one entry; the sound's first is shorter by what the edit list hides.
    says(text, "<S t=\"0\" d=\"120120\" r=\"1\"/>\n            <S d=\"1001\"/>\n");
    says(text, "<SegmentList timescale=\"48000\">\n          <Initialization "
               "sourceURL=\"a0/init-3.mp4\"/>\n"
               "          <SegmentTimeline>\n            <S t=\"0\" d=\"192512\" r=\"1\"/>\n");
    says(text, "<SegmentURL media=\"a0/b.m4s\"/>");
    says(text, "cicp:ChannelConfiguration\" value=\"6\"");
    // A title cannot leave its element, and stands where the schema wants it.
    says(text, "<Label>Ton &amp; &lt;Musik&gt; &quot;1&quot; </Label>\n"
               "      <Role schemeIdUri");
    says(text,
         " lang=\"fr\">\n      <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"caption\"/>");
    says(text, "<BaseURL>t0/words.vtt</BaseURL>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_mpd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
