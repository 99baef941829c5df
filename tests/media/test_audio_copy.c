/// Sound that is copied: the very packets of the source at their very times, and silence of the same kind where there are none.
#include "encode_kit.h"

#include "core/plan.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000
#define SECONDS 2
#define PACKETS_MAX 1024
#define HASH_BYTES 33

static const struct avsp_step copy_step = {
    .kind = AVSP_STEP_AUDIO,
    .segment_seconds = SECONDS,
    .max_pending = 100,
    .sound = {.copy = true},
};

static const char *made_with = "";

/// Noise in every channel, so that no two packets are alike, encoded as @p options say: sound.nut.
static void make_sound(const char *layout, int rate, const char *seconds, const char *options)
{
    made_with = options;
    kit_tool(NULL,
             "ffmpeg -v error -y -f lavfi -i anoisesrc=r=%d:d=%s:seed=5:a=0.3 -af "
             "aformat=channel_layouts=%s %s sound.nut",
             rate, seconds, layout, options);
}

/// Runs the step on sound.nut for a presentation that lasts from @p origin_ms to @p end_ms of its clock.
static void run_copy(struct kit_run *run, const struct avsp_step *step, int64_t origin_ms,
                     int64_t end_ms)
{
    struct kit_clip clip;
    kit_clip_load("sound.nut", false, &clip);
    const struct avsp_piece_header header = {
        .kind = AVSP_MEDIA_AUDIO,
        .segment_seconds = SECONDS,
        .time_base = clip.time_base,
        .origin_pts = origin_ms,
        .origin_time_base = {1, 1000},
        .end_pts = end_ms,
        .in_pts = INT64_MIN,
        .out_pts = INT64_MAX,
        .language = "de",
        .title = "Main",
        // NUT has one tag for both.
        .codec = {.name = strstr(made_with, "eac3") != NULL ? "eac3" : ""},
    };
    kit_tool(NULL, "rm -rf out");
    kit_piece("piece", &header, "sound.nut");
    kit_run(run, step, "piece", "out");
    if (run->rc != AVSP_OK)
        fail_msg("the step failed: %s", run->err.text);
}

/// The packets of a file of one track of sound, each as its hash.
struct packets {
    size_t n;
    int64_t pts[PACKETS_MAX];
    char hash[PACKETS_MAX][HASH_BYTES];
};

static void read_packets(const char *file, struct packets *ret_packets)
{
    kit_tool("packets.txt", "ffmpeg -v error -copyts -i %s -map 0:a -c copy -f framemd5 -", file);
    size_t len = 0;
    char *text = kit_read("packets.txt", &len);
    char *rest = text;
    ret_packets->n = 0;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (line[0] == '#' || line[0] == '\0')
            continue;
        assert_in_range(ret_packets->n, 0, PACKETS_MAX - 1);
        // Stream, dts, pts, duration, size, hash; side data may follow.
        char *field[6] = {strsep(&line, ",")};
        for (size_t i = 1; i < AVSP_ARRAY_LEN(field); i++)
            field[i] = strsep(&line, ",");
        assert_non_null(field[5]);
        ret_packets->pts[ret_packets->n] = strtoll(field[2], NULL, 10);
        snprintf(ret_packets->hash[ret_packets->n++], HASH_BYTES, "%s", field[5] + 1);
    }
    free(text);
}

static bool is_there(const struct kit_run *run, const char *rendition)
{
    for (size_t i = 0; i < run->n_reports; i++)
        if (run->reports[i].kind == AVSP_REPORT_RENDITION &&
            strcmp(run->reports[i].rendition.name, rendition) == 0)
            return true;
    return false;
}

/// Looks at the rendition that was copied and joins it: segments follow each other, cut where they should be.
static void look_at(struct kit_run *run, const char *rendition, const char *codecs, int64_t frame)
{
    run->only = rendition;
    assert_true(is_there(run, rendition));
    const struct avsp_rendition *r = kit_rendition(run);
    assert_string_equal(r->codecs, codecs);
    assert_string_equal(r->language, "de");
    assert_in_range(r->priming_ticks, 0, 2 * frame);
    int64_t at = 0;
    for (size_t i = 0; kit_segment(run, i) != NULL; i++) {
        const struct avsp_segment *seg = kit_segment(run, i);
        char path[64];
        snprintf(path, sizeof path, "out/%s", seg->name);
        struct kit_fragments fragments = kit_fragments_read(path);
        assert_int_equal(seg->idx, i);
        assert_int_equal(seg->start_ticks, at);
        assert_int_equal(fragments.start, at);
        assert_int_equal(fragments.duration, seg->duration_ticks);
        assert_int_equal(fragments.n_samples, seg->frames);
        int64_t boundary = (int64_t)i * SECONDS * r->timescale;
        if (i > 0)
            assert_in_range(at - r->priming_ticks, boundary, boundary + frame - 1);
        at += seg->duration_ticks;
    }
    kit_join(run, "out", "joined.mp4");
}

static int64_t end_of(const struct kit_run *run)
{
    int64_t end = -kit_rendition(run)->priming_ticks;
    for (size_t i = 0; kit_segment(run, i) != NULL; i++)
        end += kit_segment(run, i)->duration_ticks;
    return end;
}

/// All packets of the source that are heard between presentation time 0 and @p end_ms are in joined.mp4, at their times.
static void assert_copied(const struct kit_run *run, int64_t origin_ms, int64_t end_ms,
                          int64_t frame)
{
    static struct packets source, copy;
    struct kit_clip clip;
    kit_clip_load("sound.nut", false, &clip);
    read_packets("sound.nut", &source);
    read_packets("joined.mp4", &copy);
    assert_int_equal(clip.n_frames, source.n);
    int64_t rate = kit_rendition(run)->timescale;
    size_t n_found = 0;
    for (size_t i = 0, k = 0; i < source.n; i++) {
        int64_t pts =
            clip.pts[i] * clip.time_base.num * rate / clip.time_base.den - origin_ms * rate / 1000;
        if (pts <= -frame || pts >= end_ms * rate / 1000 - origin_ms * rate / 1000)
            continue;
        while (k < copy.n && strcmp(copy.hash[k], source.hash[i]) != 0)
            k++;
        if (k == copy.n)
            fail_msg("packet %zu of the source is missing", i);
        assert_in_range(copy.pts[k] - pts + 1, 0, 2);
        n_found++;
    }
    assert_true(n_found > 20);
}

static const struct {
    const char *layout;
    int rate;
    const char *options;
    const char *rendition;
    const char *codecs;
    uint32_t channels;
    int64_t frame;
} kinds[] = {
    {"5.1(side)", RATE, "-c:a ac3 -b:a 384k", "a0-ac3", "ac-3", 6, 1536},
    {"mono", 44100, "-c:a ac3 -b:a 96k", "a0-ac3", "ac-3", 1, 1536},
    {"stereo", 32000, "-c:a ac3", "a0-ac3", "ac-3", 2, 1536},
    {"5.1(side)", RATE, "-c:a eac3 -b:a 256k", "a0-ec3", "ec-3", 6, 1536},
    {"4.0", RATE, "-c:a eac3", "a0-ec3", "ec-3", 4, 1536},
    {"stereo", RATE, "-c:a aac", "a0", "mp4a.40.2", 2, 1024},
    {"5.1", 44100, "-c:a aac", "a0", "mp4a.40.2", 6, 1024},
};

static void test_packets_stay_as_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(kinds); i++) {
        make_sound(kinds[i].layout, kinds[i].rate, "5.3", kinds[i].options);
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        run_copy(&run, &copy_step, 100, 5100);
        look_at(&run, kinds[i].rendition, kinds[i].codecs, kinds[i].frame);
        assert_null(kit_warning(&run, 0));
        assert_int_equal(kit_rendition(&run)->channels, kinds[i].channels);
        assert_int_equal(end_of(&run), 5 * kinds[i].rate);
        assert_copied(&run, 100, 5100, kinds[i].frame);
        // AAC for all is there whatever was copied, and once.
        assert_true(is_there(&run, "a0"));
        assert_int_equal(is_there(&run, "a0-stereo"), kinds[i].channels > 2);
    }
}

/// What plays is what the source's decoder gives, sample for sample.
static void test_decoded_samples_are_the_source_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(kinds); i++) {
        make_sound(kinds[i].layout, kinds[i].rate, "3", kinds[i].options);
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        run_copy(&run, &copy_step, 0, 2500);
        look_at(&run, kinds[i].rendition, kinds[i].codecs, kinds[i].frame);
        kit_tool("source.raw", "ffmpeg -v error -copyts -i sound.nut -af atrim=0.1:2.4 -f f32le -");
        kit_tool("copy.raw", "ffmpeg -v error -copyts -i joined.mp4 -af atrim=0.1:2.4 -f f32le -");
        assert_true(kit_same("source.raw", "copy.raw"));
    }
}

static void test_silence_where_there_is_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(kinds); i++) {
        make_sound(kinds[i].layout, kinds[i].rate, "2", kinds[i].options);
        kit_tool(NULL, "ffmpeg -v error -y -copyts -itsoffset 10.5 -i sound.nut -c copy late.nut");
        kit_tool(NULL, "mv late.nut sound.nut");
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        run_copy(&run, &copy_step, 10000, 16000);
        look_at(&run, kinds[i].rendition, kinds[i].codecs, kinds[i].frame);
        assert_int_equal(end_of(&run), 6 * kinds[i].rate);
        assert_copied(&run, 10000, 16000, kinds[i].frame);
        assert_null(kit_warning(&run, 0));
        // A decoder takes all of it, and there is nothing to hear beside the sound.
        kit_tool("levels.txt",
                 "ffmpeg -v error -copyts -i joined.mp4 -af "
                 "aselect='between(t,0.1,0.4)+gte(t,12.7)',astats=measure_perchannel=none,"
                 "ametadata=print:key=lavfi.astats.Overall.Peak_level:file=- -f null -");
        size_t len = 0;
        char *text = kit_read("levels.txt", &len);
        assert_null(strstr(text, "Peak_level=0"));
        assert_null(strstr(text, "Peak_level=-1"));
        free(text);
    }
}

/// Lost packets leave a hole that packets of silence fill; anything else cannot be copied, and AAC is encoded as ever.
static void test_holes(void **state)
{
    (void)state;
    make_sound("5.1(side)", RATE, "4", "-c:a ac3 -bsf:a noise=drop='between(n,30,32)'");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) lost;
    run_copy(&lost, &copy_step, 0, 4000);
    look_at(&lost, "a0-ac3", "ac-3", 1536);
    assert_copied(&lost, 0, 4000, 1536);
    assert_non_null(
        strstr(kit_warning(&lost, 0), "packets of silence fill its holes, 96 ms in all"));

    static const char *const odd[] = {"gte(N,60)*1200", "0-gte(N,60)*1200", "N*50"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(odd); i++) {
        char options[128];
        snprintf(options, sizeof options, "-c:a ac3 -bsf:a setts=ts='TS+%s'", odd[i]);
        make_sound("stereo", RATE, "4", options);
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        run_copy(&run, &copy_step, 0, 4000);
        assert_false(is_there(&run, "a0-ac3"));
        assert_true(is_there(&run, "a0"));
        assert_non_null(strstr(kit_warning(&run, 0), "sound a0 is not copied: at "));
    }
}

static void assert_refused(const struct avsp_step *step, const char *why)
{
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    run_copy(&run, step, 0, 2000);
    assert_true(is_there(&run, "a0"));
    assert_false(is_there(&run, "a0-ac3") || is_there(&run, "a0-ec3"));
    if (kit_warning(&run, 0) == NULL || strstr(kit_warning(&run, 0), why) == NULL)
        fail_msg("\"%s\" is not \"%s\"",
                 kit_warning(&run, 0) != NULL ? kit_warning(&run, 0) : "no warning", why);
}

static void test_what_cannot_be_copied_is_said(void **state)
{
    (void)state;
    make_sound("stereo", RATE, "2", "-c:a flac");
    assert_refused(&copy_step, "sound a0 is not copied: it is flac, which HLS does not take");
    make_sound("quad", RATE, "2", "-c:a aac");
    assert_refused(&copy_step, "players take AAC in mono, stereo and 5.1");
    make_sound("stereo", RATE, "2", "-c:a aac");
    struct avsp_step louder = copy_step;
    louder.sound.loudness_lufs = -16;
    assert_refused(&louder, "--loudness changes it");
    make_sound("stereo", RATE, "2", "-c:a ac3");
    for (long at = 4000; at < 40000; at += 1500)
        kit_damage("sound.nut", at, 40);
    assert_refused(&copy_step, "a0 is not copied: it");
    // Its channels change in the middle.
    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i sine=1000:d=1.024:r=48000 -ac 1 -c:a ac3 a.ac3");
    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i sine=1000:d=1.024:r=48000 -ac 2 -c:a ac3 b.ac3");
    kit_tool("c.ac3", "cat a.ac3 b.ac3");
    kit_tool(NULL, "ffmpeg -v error -y -i c.ac3 -c copy sound.nut");
    assert_refused(&copy_step, "its bit rate or its channels change");
}

/// One damaged packet, and a last one that is cut off, as in a recording that ends somewhere.
static void test_silence_stands_for_damage(void **state)
{
    (void)state;
    static struct packets copy, source;
    make_sound("stereo", RATE, "4", "-c:a ac3");
    read_packets("sound.nut", &source);
    kit_damage("sound.nut", 40000, 40);
    kit_tool(NULL, "truncate -s -300 sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    run_copy(&run, &copy_step, 0, 4000);
    look_at(&run, "a0-ac3", "ac-3", 1536);
    assert_non_null(strstr(kit_warning(&run, 0), "packets of silence stand for"));
    read_packets("joined.mp4", &copy);
    size_t n_same = 0;
    for (size_t i = 0; i < copy.n; i++)
        n_same += strcmp(copy.hash[i], source.hash[i]) == 0;
    assert_in_range(n_same, copy.n - 2, copy.n - 1);
    kit_tool("decoded.txt",
             "ffmpeg -v warning -xerror -err_detect explode -i joined.mp4 -f null -");
}

static void test_loudness_does_not_change_what_is_copied(void **state)
{
    (void)state;
    make_sound("stereo", RATE, "4", "-c:a ac3");
    struct avsp_step louder = copy_step;
    louder.sound.loudness_lufs = -30;
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    run_copy(&run, &louder, 0, 4000);
    look_at(&run, "a0-ac3", "ac-3", 1536);
    assert_copied(&run, 0, 4000, 1536);
    assert_non_null(strstr(kit_warning(&run, 0), "--loudness does not change it"));
}

static void test_adts_becomes_mp4(void **state)
{
    (void)state;
    make_sound("stereo", RATE, "4", "-c:a aac -f adts");
    kit_tool(NULL, "mv sound.nut sound.aac");
    kit_tool(NULL, "ffmpeg -v error -y -i sound.aac -c copy sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    run_copy(&run, &copy_step, 0, 5000);
    look_at(&run, "a0", "mp4a.40.2", 1024);
    assert_int_equal(end_of(&run), 5 * RATE);
    assert_null(kit_warning(&run, 0));
    kit_tool("source.raw", "ffmpeg -v error -copyts -i sound.nut -af atrim=0.1:3.5 -f f32le -");
    kit_tool("copy.raw", "ffmpeg -v error -copyts -i joined.mp4 -af atrim=0.1:3.5 -f f32le -");
    assert_true(kit_same("source.raw", "copy.raw"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, kit_enter, kit_leave)
        CASE(test_packets_stay_as_they_are),
        CASE(test_decoded_samples_are_the_source_s),
        CASE(test_silence_where_there_is_nothing),
        CASE(test_holes),
        CASE(test_silence_stands_for_damage),
        CASE(test_what_cannot_be_copied_is_said),
        CASE(test_loudness_does_not_change_what_is_copied),
        CASE(test_adts_becomes_mp4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
