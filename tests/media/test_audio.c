/// The audio step, judged by ffmpeg: clicks that come out at the very sample they went in, whatever is missing, late or odd.
#include "encode_kit.h"

#include "core/plan.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000
#define PRIMING 1024
#define SECONDS 2

#define OPUS_PRIMING 312
#define OPUS_FRAME 960

static const struct avsp_step audio_step = {
    .kind = AVSP_STEP_AUDIO,
    .segment_seconds = SECONDS,
    .max_pending = 100,
};

/// Writes a sound file of 16 bits with a click (one sample at full scale) at every whole second, and faint noise all along.
static void make_clicks(const char *name, int seconds, int channels, int rate)
{
    FILE *file = fopen("clicks.raw", "wbe");
    if (file == NULL)
        abort();
    uint32_t noise = 1;
    for (int i = 0; i < seconds * rate; i++)
        for (int c = 0; c < channels; c++) {
            noise = noise * 1664525 + 1013904223; // Numerical Recipes' generator
            int16_t sample = (int16_t)(i % rate == 0 && i > 0 ? 32000 : noise >> 26);
            assert_int_equal(fwrite(&sample, sizeof sample, 1, file), 1);
        }
    assert_int_equal(fclose(file), 0);
    kit_tool(NULL, "ffmpeg -v error -y -f s16le -ar %d -ac %d -i clicks.raw %s", rate, channels,
             name);
}

static struct avsp_piece_header audio_header(const struct kit_clip *clip, int64_t origin_ms,
                                             int64_t end_ms)
{
    return (struct avsp_piece_header){
        .kind = AVSP_MEDIA_AUDIO,
        .segment_seconds = SECONDS,
        .time_base = clip->time_base,
        .origin_pts = origin_ms,
        .origin_time_base = {1, 1000},
        .end_pts = end_ms,
        .in_pts = INT64_MIN,
        .out_pts = INT64_MAX,
        .language = "de",
        .title = "Main",
    };
}

static void must_be_done(const struct kit_run *run)
{
    if (run->rc != AVSP_OK)
        fail_msg("the step failed: %s", run->err.text);
}

/// Runs a step on sound.nut.
static void run_step(struct kit_run *run, const struct avsp_step *step, int64_t origin_ms,
                     int64_t end_ms)
{
    struct kit_clip clip;
    kit_clip_load("sound.nut", false, &clip);
    struct avsp_piece_header h = audio_header(&clip, origin_ms, end_ms);
    kit_piece("piece", &h, "sound.nut");
    kit_run(run, step, "piece", "out");
    must_be_done(run);
}

/// Looks at one of the renditions that came out, and joins it.
static void look_at(struct kit_run *run, const char *rendition)
{
    run->only = rendition;
    kit_join(run, "out", "joined.mp4");
}

/// The same with the default options, and joins what the main rendition is.
static void encode(struct kit_run *run, int64_t origin_ms, int64_t end_ms)
{
    run_step(run, &audio_step, origin_ms, end_ms);
    look_at(run, "a0");
}

/// The loudest sample within 100 ms around @p at in the joined file's first channel; its place is told.
static int loudest(int64_t at, int rate, int64_t *ret_at)
{
    size_t len = 0;
    kit_tool(NULL, "ffmpeg -v error -y -copyts -i joined.mp4 -af atrim=start_pts=0,pan=mono|c0=c0 "
                   "-f s16le joined.raw");
    char *bytes = kit_read("joined.raw", &len);
    int best = 0;
    for (int64_t i = AVSP_MAX(at - rate / 10, 0);
         i < at + rate / 10 && i < (int64_t)(len / sizeof(int16_t)); i++) {
        int16_t sample;
        memcpy(&sample, bytes + i * (int64_t)sizeof sample, sizeof sample);
        if (abs(sample) > best) {
            best = abs(sample);
            *ret_at = i;
        }
    }
    free(bytes);
    return best;
}

static void assert_click(int64_t at, int rate)
{
    int64_t found = -1;
    int level = loudest(at, rate, &found);
    if (level < 4000 || found != at)
        fail_msg("the click of sample %" PRId64 " is at sample %" PRId64 " with level %d", at,
                 found, level);
}

static int64_t joined_samples(int channels)
{
    kit_tool(NULL,
             "ffmpeg -v error -y -copyts -i joined.mp4 -af atrim=start_pts=0 -f s16le all.raw");
    size_t len = 0;
    free(kit_read("all.raw", &len));
    return (int64_t)len / (int64_t)sizeof(int16_t) / channels;
}

/// Each segment begins where the one before ended, at the first packet at or after its boundary, as its own boxes say.
static void check_segments(const struct kit_run *run, int rate, int64_t total)
{
    int64_t at = 0, priming = kit_rendition(run)->priming_ticks;
    bool opus = strcmp(kit_rendition(run)->codecs, "Opus") == 0;
    int64_t frame = opus ? OPUS_FRAME : PRIMING;
    assert_int_equal(priming, opus ? OPUS_PRIMING : PRIMING);
    for (size_t i = 0; kit_segment(run, i) != NULL; i++) {
        const struct avsp_segment *seg = kit_segment(run, i);
        assert_int_equal(seg->idx, i);
        assert_int_equal(seg->start_ticks, at);
        if (i > 0) {
            int64_t boundary = (int64_t)i * SECONDS * rate;
            assert_in_range(seg->start_ticks - priming, boundary, boundary + frame - 1);
        }
        char path[64];
        snprintf(path, sizeof path, "out/%s", seg->name);
        struct kit_fragments fragments = kit_fragments_read(path);
        assert_int_equal(fragments.start, seg->start_ticks);
        assert_int_equal(fragments.duration, seg->duration_ticks);
        assert_int_equal(fragments.n_samples, seg->frames);
        assert_int_equal(fragments.n, 1);
        assert_int_equal(fragments.sequence, i + 1);
        at += seg->duration_ticks;
    }
    assert_in_range(at - priming, total, total + frame - 1);
}

static void test_clicks_stay_at_their_sample(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 7, 2, RATE);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    encode(&run, 0, 7000);
    for (int64_t s = 1; s < 7; s++)
        assert_click(s * RATE, RATE);
    check_segments(&run, RATE, 7LL * RATE);
    assert_non_null(kit_segment(&run, 3));
    assert_null(kit_segment(&run, 4));
    assert_null(kit_warning(&run, 0));
    const struct avsp_rendition *r = kit_rendition(&run);
    assert_string_equal(r->name, "a0");
    assert_string_equal(r->codecs, "mp4a.40.2");
    assert_string_equal(r->language, "de");
    assert_string_equal(r->title, "Main");
    assert_int_equal(r->timescale, RATE);
    assert_int_equal(r->priming_ticks, PRIMING);
    assert_int_equal(r->channels, 2);
}

static void test_a_hole_is_exact_silence(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 6, 1, RATE);
    // The sound from 2.5 s to 2.55 s is missing; what follows keeps its timestamps.
    kit_tool(NULL,
             "ffmpeg -v error -y -i clicks.wav -af "
             "asetnsamples=480:p=0,aselect='not(between(n,250,254))' -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    encode(&run, 0, 6000);
    for (int64_t s = 1; s < 6; s++)
        assert_click(s * RATE, RATE);
    assert_int_equal(kit_rendition(&run)->channels, 1);
    assert_non_null(kit_warning(&run, 0));
    assert_non_null(strstr(kit_warning(&run, 0), "1 holes, 50 ms in all"));
}

static void test_sound_begins_late_or_early(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 5, 2, RATE);
    kit_tool(NULL,
             "ffmpeg -v error -y -copyts -itsoffset 10.5 -i clicks.wav -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) late;
    encode(&late, 10000, 16000);
    for (int64_t s = 1; s < 5; s++)
        assert_click(s * RATE + RATE / 2, RATE);
    check_segments(&late, RATE, 6LL * RATE);
    assert_null(kit_warning(&late, 0));

    kit_tool(NULL, "rm -r out");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) early;
    encode(&early, 11250, 15000);
    for (int64_t s = 1; s < 4; s++)
        assert_click(s * RATE + RATE / 4, RATE);
    check_segments(&early, RATE, 3 * RATE + 3LL * RATE / 4);
}

static void test_silence_fills_up_to_the_end(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 2, 2, RATE);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    encode(&run, 0, 9123);
    check_segments(&run, RATE, 9123LL * RATE / 1000);
    assert_in_range(joined_samples(2), 9123LL * RATE / 1000, 9123LL * RATE / 1000 + PRIMING);
    assert_click(RATE, RATE);
}

/// The number of segments of a sound of so many milliseconds.
static size_t segments_of(int64_t end_ms)
{
    struct kit_clip clip;
    kit_clip_load("sound.nut", false, &clip);
    struct avsp_piece_header h = audio_header(&clip, 0, end_ms);
    char piece[32];
    char out[32];
    snprintf(piece, sizeof piece, "piece-%" PRId64, end_ms);
    snprintf(out, sizeof out, "out-%" PRId64, end_ms);
    kit_piece(piece, &h, "sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &audio_step, piece, out);
    must_be_done(&run);
    size_t n = 0;
    while (kit_segment(&run, n) != NULL)
        n++;
    return n;
}

static void test_a_sliver_at_the_end_joins_the_segment_before(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 2, 2, RATE);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le sound.nut");
    assert_int_equal(segments_of(2 * SECONDS * 1000 + 8), 2);
    assert_int_equal(segments_of(2 * SECONDS * 1000 + 449), 2);
    assert_int_equal(segments_of(2 * SECONDS * 1000 + 500), 3);
    assert_int_equal(segments_of(8), 1);
}

static void test_surround_is_what_players_take(void **state)
{
    (void)state;
    kit_tool(NULL,
             "ffmpeg -v error -y -f lavfi -i sine=1000:d=3:r=48000 -af "
             "pan=5.1(side)|FL=0*c0|FR=0*c0|FC=c0|LFE=0*c0|SL=0*c0|SR=0*c0 -c:a ac3 sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    encode(&run, 0, 3000);
    assert_int_equal(kit_rendition(&run)->channels, 6);
    assert_string_equal(kit_stream_value("joined.mp4", "channel_layout"), "5.1");

    kit_tool(NULL, "rm -r out");
    kit_tool(NULL,
             "ffmpeg -v error -y -f lavfi -i anoisesrc=d=1:r=48000 -ac 8 -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) eight;
    encode(&eight, 0, 1000);
    assert_int_equal(kit_rendition(&eight)->channels, 6);
}

static void test_opus_stays_at_its_sample(void **state)
{
    (void)state;
    static const int rates[] = {RATE, 44100, 22050};
    struct avsp_step step = audio_step;
    step.sound.opus = true;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rates); i++) {
        make_clicks("clicks.wav", 5, 2, rates[i]);
        kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le sound.nut");
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        run_step(&run, &step, 0, 5111);
        look_at(&run, "a0-opus");
        assert_string_equal(kit_rendition(&run)->codecs, "Opus");
        assert_int_equal(kit_rendition(&run)->timescale, RATE);
        for (int64_t s = 1; s < 5; s++)
            assert_click(s * RATE, RATE);
        check_segments(&run, RATE, 5111LL * RATE / 1000);
        assert_in_range(joined_samples(2), 5111LL * RATE / 1000, 5111LL * RATE / 1000 + OPUS_FRAME);
        look_at(&run, "a0");
        assert_click(4 * rates[i], rates[i]);
        check_segments(&run, rates[i], 5111LL * rates[i] / 1000);
        kit_tool(NULL, "rm -r out");
    }
}

/// The amplitude of a sine in the joined file's first channel, as a part of full scale; of the second from @p at_s on.
static double joined_level(int at_s)
{
    kit_tool(NULL,
             "ffmpeg -v error -y -copyts -i joined.mp4 -af atrim=%d:%d,pan=mono|c0=c0 "
             "-f f32le level.raw",
             at_s, at_s + 1);
    size_t len = 0;
    char *bytes = kit_read("level.raw", &len);
    double sum = 0;
    for (size_t at = 0; at + sizeof(float) <= len; at += sizeof(float)) {
        float sample;
        memcpy(&sample, bytes + at, sizeof sample);
        sum += (double)sample * (double)sample;
    }
    free(bytes);
    return sqrt(2 * sum * sizeof(float) / (double)AVSP_MAX(len, (size_t)1));
}

/// Centre and surround come in at -3 dB, no bass; what is as loud as can be in all channels does not clip.
static void test_surround_has_stereo_beside_it(void **state)
{
    (void)state;
    static const struct {
        const char *channel;
        double level; ///< of a sine of half of full scale in it alone
    } mixes[] = {{"FL", 0.5}, {"FC", 0.3536}, {"BL", 0.3536}, {"LFE", 0}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(mixes); i++) {
        kit_tool(NULL,
                 "ffmpeg -v error -y -f lavfi -i aevalsrc=0.5*sin(2*PI*1000*t):d=3:s=48000 -af "
                 "pan=5.1|%s=c0 -c:a pcm_f32le sound.nut",
                 mixes[i].channel);
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        encode(&run, 0, 3000);
        assert_int_equal(kit_rendition(&run)->channels, 6);
        look_at(&run, "a0-stereo");
        assert_int_equal(kit_rendition(&run)->channels, 2);
        assert_string_equal(kit_stream_value("joined.mp4", "channel_layout"), "stereo");
        check_segments(&run, RATE, 3LL * RATE);
        double level = joined_level(1);
        if (fabs(level - mixes[i].level) > 0.01)
            fail_msg("%s has a level of %f, not %f", mixes[i].channel, level, mixes[i].level);
        kit_tool(NULL, "rm -r out");
    }
    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i aevalsrc=sin(2*PI*1000*t):d=3:s=48000 -af "
                   "pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0 -c:a pcm_f32le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) loud;
    encode(&loud, 0, 3000);
    look_at(&loud, "a0-stereo");
    double level = joined_level(1);
    if (level < 0.8 || level > 0.9) // -1 dB; AAC itself takes a little off a single loud tone
        fail_msg("all channels together have a level of %f", level);
}

/// What has more channels than 5.1 is that, at its own level: what is at the side and behind becomes one pair.
static void test_seven_channels_become_five(void **state)
{
    (void)state;
    static const struct {
        const char *channel;
        int at; ///< of the channels of 5.1
        double level;
    } mixes[] = {
        {"FL", 0, 0.5}, {"FC", 2, 0.5}, {"LFE", 3, 0.5}, {"SL", 4, 0.3536}, {"BL", 4, 0.5}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(mixes); i++) {
        kit_tool(NULL,
                 "ffmpeg -v error -y -f lavfi -i aevalsrc=0.5*sin(2*PI*100*t):d=3:s=48000 -af "
                 "pan=7.1|%s=c0 -c:a pcm_f32le sound.nut",
                 mixes[i].channel);
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        encode(&run, 0, 3000);
        assert_int_equal(kit_rendition(&run)->channels, 6);
        assert_string_equal(kit_stream_value("joined.mp4", "channel_layout"), "5.1");
        kit_tool(NULL, "ffmpeg -v error -y -i joined.mp4 -af pan=mono|c0=c%d one.wav", mixes[i].at);
        kit_tool(NULL, "mv one.wav joined.mp4");
        double level = joined_level(1);
        if (fabs(level - mixes[i].level) > 0.02)
            fail_msg("%s has a level of %f, not %f", mixes[i].channel, level, mixes[i].level);
        kit_tool(NULL, "rm -r out");
    }
}

/// Integrated loudness of the joined file, in another program's words.
static double joined_lufs(void)
{
    kit_tool("loudness.csv", "ffprobe -v error -f lavfi amovie=joined.mp4,ebur128=metadata=1 "
                             "-show_entries frame_tags=lavfi.r128.I -of csv=p=0");
    size_t len = 0;
    char *text = kit_read("loudness.csv", &len);
    // The last frame is short, and says nothing.
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    char *last = memrchr(text, '\n', len);
    last = last != NULL ? last + 1 : text;
    double lufs = strtod(last, NULL);
    free(text);
    return lufs;
}

/// Each track gets one gain for all of it, in all its forms, and no peak goes over -1 dBTP for that.
static void test_loudness_is_brought_to_the_goal(void **state)
{
    (void)state;
    struct avsp_step step = audio_step;
    step.sound = (struct avsp_sound_options){.opus = true, .loudness_lufs = -21};
    // Quiet, then less so: a gain that followed the sound would make both alike.
    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i "
                   "aevalsrc='if(lt(t,4),0.05,0.2)*sin(2*PI*440*t)':d=8:s=44100 -af "
                   "pan=stereo|c0=c0|c1=0.5*c0 -c:a pcm_f32le sound.nut");
    double lufs = 0;
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    run_step(&run, &step, 0, 9000);
    assert_null(kit_warning(&run, 0));
    static const char *const forms[] = {"a0", "a0-opus"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(forms); i++) {
        look_at(&run, forms[i]);
        lufs = joined_lufs();
        double ratio = joined_level(6) / joined_level(1);
        if (fabs(lufs + 21) > 0.5 || fabs(ratio - 4) > 0.1)
            fail_msg("%s: %.2f LUFS, and the second half is %.2f as loud as the first", forms[i],
                     lufs, ratio);
    }
    kit_tool(NULL, "rm -r out");

    // Clicks in faint noise: what would make them loud enough would lift them over full scale.
    make_clicks("clicks.wav", 6, 2, RATE);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -af volume=0.25 -c:a pcm_f32le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) clicks;
    run_step(&clicks, &step, 0, 6000);
    assert_non_null(kit_warning(&clicks, 0));
    assert_non_null(strstr(kit_warning(&clicks, 0), "not -21"));
    look_at(&clicks, "a0");
    int64_t at = 0;
    int level = loudest(2 * RATE, RATE, &at);
    assert_int_equal(at, 2 * RATE);
    assert_in_range(level, 8001, 32766); // louder than it was
    kit_tool(NULL, "rm -r out");

    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i anullsrc=d=2 -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) silence;
    run_step(&silence, &step, 0, 2000);
    assert_non_null(strstr(kit_warning(&silence, 0), "too quiet"));
}

static void test_other_rates(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 3, 2, 44100);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) same;
    encode(&same, 0, 3000);
    assert_int_equal(kit_rendition(&same)->timescale, 44100);
    assert_click(44100, 44100);
    assert_click(2 * 44100, 44100);

    kit_tool(NULL, "rm -r out");
    make_clicks("clicks.wav", 3, 2, 96000);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) high;
    encode(&high, 0, 3000);
    assert_int_equal(kit_rendition(&high)->timescale, RATE);
    assert_click(RATE, RATE);
    assert_click(2 * RATE, RATE);
    check_segments(&high, RATE, 3LL * RATE);
}

static void test_damaged_packets_do_not_move_what_follows(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 6, 2, RATE);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a flac -frame_size 960 sound.nut");
    struct kit_clip clip;
    kit_clip_load("sound.nut", false, &clip);
    struct avsp_piece_header h = audio_header(&clip, 0, 6000);
    kit_piece("piece", &h, "sound.nut");
    size_t len = 0;
    free(kit_read("piece", &len));
    kit_damage("piece", (long)(AVSP_PIECE_HEADER_BYTES + (len - AVSP_PIECE_HEADER_BYTES) / 12 * 5),
               200);
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &audio_step, "piece", "out");
    must_be_done(&run);
    kit_join(&run, "out", "joined.mp4");
    assert_non_null(kit_warning(&run, 0));
    assert_click(5 * RATE, RATE);
    check_segments(&run, RATE, 6LL * RATE);
}

static void test_a_change_of_channels_is_brought_to_the_first_form(void **state)
{
    (void)state;
    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i sine=1000:d=2.048:r=48000 -ac 1 -c:a ac3 a.ac3");
    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i sine=1000:d=2.048:r=48000 -af "
                   "pan=5.1(side)|FL=c0|FR=c0|FC=c0|LFE=0*c0|SL=0*c0|SR=0*c0 -c:a ac3 b.ac3");
    kit_tool("c.ac3", "cat a.ac3 b.ac3");
    kit_tool(NULL, "ffmpeg -v error -y -i c.ac3 -c copy sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    encode(&run, 0, 4000);
    assert_int_equal(kit_rendition(&run)->channels, 1);
    assert_null(kit_warning(&run, 0));
    check_segments(&run, RATE, 4LL * RATE);
    int64_t at = 0;
    assert_true(loudest(RATE, RATE, &at) > 2000);
    assert_true(loudest(3 * RATE, RATE, &at) > 2000);
}

/// Samples that last longer or shorter than their rate says are where their times are, at the end as at the begin.
static void test_drift_is_taken_out(void **state)
{
    (void)state;
    static const int64_t drifts[] = {499998, -400217}; // parts in 10^9
    for (size_t i = 0; i < AVSP_ARRAY_LEN(drifts); i++) {
        make_clicks("clicks.wav", 30, 2, RATE);
        kit_tool(NULL,
                 "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le -bsf:a "
                 "setts=ts=TS*(1+%" PRId64 "/1000000000) sound.nut",
                 drifts[i]);
        struct kit_clip clip;
        kit_clip_load("sound.nut", false, &clip);
        struct avsp_piece_header h = audio_header(&clip, 0, 30000);
        h.drift_ppb = drifts[i];
        kit_piece("piece", &h, "sound.nut");
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        kit_run(&run, &audio_step, "piece", "out");
        must_be_done(&run);
        look_at(&run, "a0");
        check_segments(&run, RATE, 30LL * RATE);
        assert_non_null(strstr(kit_warning(&run, 0), "its clock drifts by"));
        assert_null(kit_warning(&run, 1));
        for (int64_t s = 1; s < 30; s += 14) {
            int64_t wanted = s * RATE + s * RATE * drifts[i] / 1000000000;
            int64_t found = -1;
            int level = loudest(wanted, RATE, &found);
            if (level < 4000 || llabs(found - wanted) > 2)
                fail_msg("the click of sample %" PRId64 " is at sample %" PRId64 ", level %d",
                         wanted, found, level);
        }
        kit_tool(NULL, "rm -r out");
    }
}

static void test_the_same_sound_gives_the_same_bytes(void **state)
{
    (void)state;
    make_clicks("clicks.wav", 3, 2, RATE);
    kit_tool(NULL, "ffmpeg -v error -y -i clicks.wav -c:a pcm_s16le sound.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) one;
    encode(&one, 0, 3000);
    kit_tool(NULL, "mv joined.mp4 first.mp4");
    kit_tool(NULL, "rm -r out");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) two;
    encode(&two, 0, 3000);
    assert_true(kit_same("joined.mp4", "first.mp4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, kit_enter, kit_leave)
        CASE(test_clicks_stay_at_their_sample),
        CASE(test_a_hole_is_exact_silence),
        CASE(test_sound_begins_late_or_early),
        CASE(test_silence_fills_up_to_the_end),
        CASE(test_a_sliver_at_the_end_joins_the_segment_before),
        CASE(test_surround_is_what_players_take),
        CASE(test_surround_has_stereo_beside_it),
        CASE(test_seven_channels_become_five),
        CASE(test_opus_stays_at_its_sample),
        CASE(test_loudness_is_brought_to_the_goal),
        CASE(test_other_rates),
        CASE(test_damaged_packets_do_not_move_what_follows),
        CASE(test_a_change_of_channels_is_brought_to_the_first_form),
        CASE(test_drift_is_taken_out),
        CASE(test_the_same_sound_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
