/// The encode step, judged by ffprobe and ffmpeg: every frame of the piece at its own time, segments that join without a seam, one
/// init segment, the picture as it should be.
#include "encode_kit.h"

#include "core/plan.h"
#include "media/picture.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS 1
#define TEST_PRESET 12

static const struct avsp_step encode_step = {
    .kind = AVSP_STEP_ENCODE,
    .max_pending = 100,
    .crf = 20,
    .preset = TEST_PRESET,
    .threads = 1,
    .described = true,
};

/// H.264 with B-frames and one keyframe at the start: every piece but the first needs preroll.
static void make_clip(const char *source, const char *options, struct kit_clip *ret_clip)
{
    kit_tool(
        NULL,
        "ffmpeg -v error -y -f lavfi -i %s -c:v libx264 -preset ultrafast -bf 2 -g 250 %s clip.nut",
        source, options);
    kit_clip_load("clip.nut", true, ret_clip);
}

static void must_be_done(const struct kit_run *run)
{
    if (run->rc != AVSP_OK)
        fail_msg("the step failed: %s", run->err.text);
}

/// One segment holds the clip's frames from @p *first on, as many as it says, and ends where the next one begins.
static void check_segment(const char *folder, const struct avsp_segment *seg,
                          const struct kit_clip *clip, const struct avsp_piece_header *h,
                          size_t *first)
{
    size_t last = *first + seg->frames - 1;
    int64_t next = h->next_pts;
    if (last + 1 < clip->n_frames)
        next = clip->pts[last + 1];
    int64_t start = avsp_plan_ticks(clip->pts[*first], h->origin_pts, h->time_base, h->timescale);
    int64_t end = avsp_plan_ticks(next, h->origin_pts, h->time_base, h->timescale);
    assert_int_equal(seg->start_ticks, start);
    assert_int_equal(seg->start_ticks + seg->duration_ticks, end);
    for (size_t i = *first; i <= last; i++)
        assert_int_equal(seg->idx, avsp_plan_place(h->origin_pts, h->time_base, h->segment_seconds,
                                                   clip->pts[i]));
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, seg->name);
    struct kit_fragments fragments = kit_fragments_read(path);
    assert_int_equal(fragments.n, AVSP_MIN(seg->frames, (uint64_t)2)); // the keyframe, and the rest
    assert_int_equal(fragments.first_bytes, seg->key_bytes);
    assert_int_equal(fragments.sequence, 2 * seg->idx + 1);
    assert_int_equal(fragments.start, start);
    assert_int_equal(fragments.duration, end - start);
    assert_int_equal(fragments.n_samples, seg->frames);
    *first = last + 1;
}

/// The segments hold exactly the frames of the window, each at its own time, and join without a seam; each begins with its only
/// keyframe.
static void check_times(const char *folder, const struct kit_clip *clip,
                        const struct avsp_piece_header *h, const struct kit_run *run)
{
    kit_join(run, folder, "joined.mp4");
    static struct kit_packet packets[KIT_FRAMES_MAX];
    size_t n = kit_probe("joined.mp4", packets, KIT_FRAMES_MAX);
    assert_int_equal(n, h->frames);
    size_t first = 0;
    while (clip->pts[first] < h->in_pts)
        first++;
    size_t begin = first;
    for (size_t i = 0; kit_segment(run, i) != NULL; i++) {
        assert_true(packets[first - begin].key);
        packets[first - begin].key = false;
        check_segment(folder, kit_segment(run, i), clip, h, &first);
    }
    assert_int_equal(first - begin, n);
    for (size_t i = 0; i < n; i++) {
        assert_false(packets[i].key);
        assert_int_equal(packets[i].pts, avsp_plan_ticks(clip->pts[begin + i], h->origin_pts,
                                                         h->time_base, h->timescale));
    }
}

static void test_a_run_has_every_frame_at_its_time(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=30000/1001:d=3.5", "-pix_fmt yuv420p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 4, 320, 180);
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "out");
    must_be_done(&run);
    assert_null(kit_warning(&run, 0));
    assert_non_null(kit_segment(&run, 3));
    check_times("out", &clip, &h, &run);
    assert_true(kit_min_psnr("joined.mp4", "clip.nut", "null") > 25);
    const struct avsp_rendition *r = kit_rendition(&run);
    assert_string_equal(r->name, "v0");
    assert_memory_equal(r->codecs, "av01.0.", 7);
    assert_string_equal(r->video_range, "SDR");
    assert_int_equal(r->width_px, 320);
    assert_int_equal(r->height_px, 180);
    assert_int_equal(r->timescale, h.timescale);
}

static void test_a_segment_alone_has_the_bytes_it_has_in_a_run(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=3", "-pix_fmt yuv420p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 3, 320, 180);
    kit_piece("run", &h, "clip.nut");
    h = kit_header(&clip, SECONDS, 1, 1, 320, 180);
    kit_piece("alone", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    struct avsp_step two_threads = encode_step;
    two_threads.threads = 2;
    kit_run(&run, &two_threads, "run", "out");
    must_be_done(&run);
    struct kit_run AVSP_CLEANUP(kit_run_deinit) alone;
    kit_run(&alone, &encode_step, "alone", "out_alone");
    must_be_done(&alone);
    assert_true(kit_same("out/v0-init.mp4", "out_alone/v0-init.mp4"));
    assert_true(kit_same("out/v0-00001.m4s", "out_alone/v0-00001.m4s"));
    assert_false(kit_same("out/v0-00000.m4s", "out/v0-00001.m4s"));
}

/// SVT-AV1 looks ahead less in pictures of this size when it has one thread.
static void test_large_pictures_have_the_same_bytes_with_any_threads(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=2848x1920:r=25:d=0.72", "-pix_fmt yuv420p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 1, 2848, 1920);
    kit_piece("piece", &h, "clip.nut");
    struct avsp_step step = encode_step;
    step.preset = AVSP_PRESET_MAX;
    struct kit_run AVSP_CLEANUP(kit_run_deinit) one;
    kit_run(&one, &step, "piece", "out_one");
    must_be_done(&one);
    struct kit_run AVSP_CLEANUP(kit_run_deinit) two;
    step.threads = 2;
    kit_run(&two, &step, "piece", "out_two");
    must_be_done(&two);
    assert_true(kit_same("out_one/v0-00000.m4s", "out_two/v0-00000.m4s"));
}

static void test_variable_rate_and_empty_places(void **state)
{
    (void)state;
    struct kit_clip clip;
    // Frames from 1.2 s to 3.4 s are missing, and what is there is at uneven distances.
    make_clip("testsrc2=s=320x180:r=50:d=5,select='not(between(t,1.2,3.4))*(mod(n,3)+mod(n,7))',"
              "setpts=PTS",
              "-pix_fmt yuv420p -fps_mode passthrough -enc_time_base 1/1000", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 5, 320, 180);
    h.frame_rate = (struct avsp_rational){50, 1};
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "out");
    must_be_done(&run);
    check_times("out", &clip, &h, &run);
    assert_int_equal(kit_segment(&run, 1)->idx, 1);
    assert_int_equal(kit_segment(&run, 2)->idx, 3);
    assert_int_equal(kit_segment(&run, 1)->start_ticks + kit_segment(&run, 1)->duration_ticks,
                     kit_segment(&run, 2)->start_ticks);
}

static void test_ten_bits_and_hdr_colours_stay(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=1", "-pix_fmt yuv420p10le", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 1, 320, 180);
    h.bit_depth = 10;
    h.color_primaries = 9;
    h.color_transfer = 16;
    h.color_matrix = 9;
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "out");
    must_be_done(&run);
    kit_join(&run, "out", "joined.mp4");
    assert_string_equal(kit_stream_value("joined.mp4", "pix_fmt"), "yuv420p10le");
    assert_string_equal(kit_stream_value("joined.mp4", "color_primaries"), "bt2020");
    assert_string_equal(kit_stream_value("joined.mp4", "color_transfer"), "smpte2084");
    assert_string_equal(kit_stream_value("joined.mp4", "color_space"), "bt2020nc");
    assert_string_equal(kit_rendition(&run)->video_range, "PQ");
    assert_non_null(strstr(kit_rendition(&run)->codecs, ".10.0.11"));
    assert_true(kit_min_psnr("joined.mp4", "clip.nut", "null") > 25);
}

static void test_unsaid_colours_are_said_by_size(void **state)
{
    (void)state;
    static const struct {
        const char *size;
        uint32_t width, height;
        const char *matrix;
    } cases[] = {
        {"320x180", 320, 180, "smpte170m"},
        {"256x576", 256, 576, "bt470bg"},
        {"1280x96", 1280, 96, "bt709"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        char source[64];
        char folder[16];
        snprintf(source, sizeof source, "testsrc2=s=%s:r=25:d=0.2", cases[i].size);
        snprintf(folder, sizeof folder, "out%zu", i);
        struct kit_clip clip;
        make_clip(source, "-pix_fmt yuv420p", &clip);
        struct avsp_piece_header h =
            kit_header(&clip, SECONDS, 0, 1, cases[i].width, cases[i].height);
        kit_piece("piece", &h, "clip.nut");
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        kit_run(&run, &encode_step, "piece", folder);
        must_be_done(&run);
        kit_join(&run, folder, "joined.mp4");
        assert_string_equal(kit_stream_value("joined.mp4", "color_space"), cases[i].matrix);
        assert_string_equal(kit_stream_value("joined.mp4", "color_range"), "tv");
    }
}

static void test_rotation_turns_the_pixels(void **state)
{
    (void)state;
    static const struct {
        int32_t degrees;
        bool hflip;
        const char *filter;
    } cases[] = {
        {90, false, "transpose=clock"},      {180, false, "hflip,vflip"},
        {270, false, "transpose=cclock"},    {0, true, "hflip"},
        {90, true, "transpose=clock,hflip"},
    };
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=0.2", "-pix_fmt yuv420p", &clip);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 1, 320, 180);
        h.rotation = cases[i].degrees;
        h.hflip = cases[i].hflip;
        h.sample_aspect = (struct avsp_rational){4, 3};
        kit_piece("piece", &h, "clip.nut");
        char folder[16];
        snprintf(folder, sizeof folder, "out%zu", i);
        struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
        kit_run(&run, &encode_step, "piece", folder);
        must_be_done(&run);
        kit_join(&run, folder, "joined.mp4");
        assert_true(kit_min_psnr("joined.mp4", "clip.nut", cases[i].filter) > 25);
        bool sideways = cases[i].degrees % 180 != 0;
        assert_int_equal(kit_rendition(&run)->width_px, sideways ? 180 : 320);
        assert_string_equal(kit_stream_value("joined.mp4", "sample_aspect_ratio"),
                            sideways ? "3:4" : "4:3");
    }
}

static void test_odd_and_small_sizes(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=161x121:r=25:d=0.2", "-pix_fmt yuv444p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 1, 161, 121);
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) odd;
    kit_run(&odd, &encode_step, "piece", "odd");
    must_be_done(&odd);
    assert_int_equal(kit_rendition(&odd)->width_px, 160);
    assert_int_equal(kit_rendition(&odd)->height_px, 120);
    kit_join(&odd, "odd", "joined.mp4");
    assert_true(kit_min_psnr("joined.mp4", "clip.nut", "crop=160:120:0:0,format=yuv420p") > 25);

    make_clip("testsrc2=s=48x32:r=25:d=0.2", "-pix_fmt yuv420p", &clip);
    h = kit_header(&clip, SECONDS, 0, 1, 48, 32);
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) small;
    kit_run(&small, &encode_step, "piece", "small");
    must_be_done(&small);
    kit_join(&small, "small", "joined.mp4");
    assert_true(kit_min_psnr("joined.mp4", "clip.nut", "pad=64:64:8:16") > 25);
}

/// What lies behind a picture's memory is none of it, be it one pixel high or wide.
static void test_a_side_of_one_pixel(void **state)
{
    (void)state;
    for (int high = 0; high < 2; high++) {
        AVFrame *AVSP_CLEANUP(av_frame_free) in = av_frame_alloc();
        AVFrame *AVSP_CLEANUP(av_frame_free) out = av_frame_alloc();
        in->width = high ? 1 : 64;
        in->height = high ? 64 : 1;
        in->format = AV_PIX_FMT_GRAY8;
        in->color_range = AVCOL_RANGE_JPEG;
        assert_int_equal(av_frame_get_buffer(in, 0), 0);
        memset(in->buf[0]->data, 255, in->buf[0]->size);
        for (int y = 0; y < in->height; y++)
            memset(in->data[0] + (ptrdiff_t)y * in->linesize[0], 0, (size_t)in->width);
        struct avsp_piece_header h = {.width_px = (uint32_t)in->width,
                                      .height_px = (uint32_t)in->height,
                                      .bit_depth = 8,
                                      .full_range = true};
        struct avsp_err err = {0};
        struct avsp_picture *AVSP_CLEANUP(avsp_picture_free) pic = NULL;
        assert_int_equal(avsp_picture_new(&h, NULL, AVSP_PICTURE_AS_IS, &pic, &err), AVSP_OK);
        assert_int_equal(avsp_picture_make(pic, in, out, &err), AVSP_OK);
        for (int y = 0; y < out->height; y++)
            for (int x = 0; x < out->width; x++)
                assert_in_range(out->data[0][(ptrdiff_t)y * out->linesize[0] + x], 0, 1);
    }
}

static void test_full_range_stays_full_range(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=0.2,scale=out_range=full,format=yuvj420p", "-bf 2", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 1, 320, 180);
    h.full_range = true;
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "out");
    must_be_done(&run);
    kit_join(&run, "out", "joined.mp4");
    assert_string_equal(kit_stream_value("joined.mp4", "color_range"), "pc");
    size_t len = strlen(kit_rendition(&run)->codecs);
    assert_int_equal(kit_rendition(&run)->codecs[len - 1], '1');
}

static void test_missing_frames_are_told_and_leave_no_hole(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=2", "-pix_fmt yuv420p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 2, 320, 180);
    // The piece promises one frame more than there is.
    h.frames++;
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "out");
    must_be_done(&run);
    assert_non_null(kit_warning(&run, 0));
    assert_non_null(strstr(kit_warning(&run, 0), "1 of 51 frames are missing"));
}

static void test_a_damaged_stream_is_encoded_with_a_warning(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=2", "-pix_fmt yuv420p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 2, 320, 180);
    kit_piece("piece", &h, "clip.nut");
    kit_damage("piece", AVSP_PIECE_HEADER_BYTES + 60000, 600);
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "out");
    must_be_done(&run);
    assert_non_null(kit_warning(&run, 0));
    const struct avsp_segment *first = kit_segment(&run, 0);
    const struct avsp_segment *second = kit_segment(&run, 1);
    assert_int_equal(first->start_ticks, 0);
    assert_int_equal(first->start_ticks + first->duration_ticks, second->start_ticks);
    assert_int_equal(second->start_ticks + second->duration_ticks, 2 * h.timescale);
}

/// Makes @p n frames of an MJPEG piece undecodable, without touching what NUT says about them.
static void spoil_frames(const struct kit_clip *clip, size_t first, size_t n)
{
    // A packet's header is shorter than 24 bytes here; without its beginning a JPEG picture is none.
    for (size_t i = first; i < first + n; i++)
        kit_damage("piece", AVSP_PIECE_HEADER_BYTES + (long)clip->pos[i] + 24, 600);
}

static void test_undecodable_frames_leave_no_hole(void **state)
{
    (void)state;
    struct kit_clip clip;
    kit_tool(NULL, "ffmpeg -v error -y -f lavfi -i testsrc2=s=320x180:r=25:d=3 -c:v mjpeg -pix_fmt "
                   "yuvj420p -q:v 3 clip.nut");
    kit_clip_load("clip.nut", true, &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 1, 1, 320, 180);
    h.full_range = true;
    kit_piece("piece", &h, "clip.nut");
    spoil_frames(&clip, 20, 1); // before the window: another piece's business
    spoil_frames(&clip, 25, 3); // its first frames
    spoil_frames(&clip, 40, 1);
    spoil_frames(&clip, 49, 1); // its last frame
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "out");
    must_be_done(&run);
    const struct avsp_segment *seg = kit_segment(&run, 0);
    assert_non_null(seg);
    assert_int_equal(seg->frames, 21); // the one before the window stands for the first ones
    assert_int_equal(seg->start_ticks, h.timescale);
    assert_int_equal(seg->duration_ticks, h.timescale);
    assert_non_null(kit_warning(&run, 0));
    assert_non_null(strstr(kit_warning(&run, 0), "from 1 s"));
    assert_non_null(strstr(kit_warning(&run, 0),
                           " 5 errors, 5 of 25 frames are missing (the first of "
                           "them at the start: the one before"));
}

/// As where a decoder does not notice damage.
static void test_a_frame_too_many_is_left_out_and_told(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=1", "-pix_fmt yuv420p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 1, 320, 180);
    h.frames--;
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &encode_step, "piece", "more");
    must_be_done(&run);
    assert_int_equal(kit_segment(&run, 0)->frames, 24);
    assert_non_null(kit_warning(&run, 0));
    assert_non_null(strstr(kit_warning(&run, 0), "0 errors, 0 of 24 frames are missing, 1 out of"));
}

static void test_a_piece_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    struct kit_clip clip;
    make_clip("testsrc2=s=320x180:r=25:d=1", "-pix_fmt yuv420p", &clip);
    struct avsp_piece_header h = kit_header(&clip, SECONDS, 0, 1, 320, 180);
    h.idx = 1; // its frames belong to segment 0
    kit_piece("piece", &h, "clip.nut");
    struct kit_run AVSP_CLEANUP(kit_run_deinit) other;
    kit_run(&other, &encode_step, "piece", "other");
    assert_int_equal(other.rc, AVSP_CORRUPT);
    assert_null(kit_segment(&other, 0));
}

static void test_a_file_without_description_becomes_one_file(void **state)
{
    (void)state;
    // Sound that begins late and is shorter than the picture, a start that is not 0, and more than one group of pictures.
    kit_tool(
        NULL,
        "ffmpeg -v error -y -f lavfi -i testsrc2=s=320x180:r=30000/1001:d=6 "
        "-f lavfi -i sine=440:d=4:r=44100 -filter_complex [1:a]adelay=500:all=1[a] -map 0:v -map "
        "[a] -c:v libx264 -preset ultrafast -bf 2 -c:a aac -output_ts_offset 100 source.ts");
    struct avsp_step step = encode_step;
    step.described = false;
    step.idx = 7;
    struct kit_run AVSP_CLEANUP(kit_run_deinit) run;
    kit_run(&run, &step, "source.ts", "out");
    must_be_done(&run);
    const struct avsp_segment *seg = kit_segment(&run, 0);
    assert_non_null(seg);
    assert_null(kit_segment(&run, 1));
    assert_int_equal(seg->idx, 7);
    assert_int_equal(seg->frames, 180);
    assert_in_range(seg->duration_ticks, 6005000, 6007000);
    assert_true(kit_min_psnr("out/whole.mp4", "source.ts", "null") > 25);
    kit_tool("times.csv", "ffprobe -v error -select_streams v -show_entries packet=pts -of csv=p=0 "
                          "out/whole.mp4");
    size_t len = 0;
    char *times = kit_read("times.csv", &len);
    int64_t i = 0;
    for (char *at = times; *at != 0; at = strchr(at, '\n') + 1, i++)
        assert_int_equal(strtoll(at, NULL, 10), i * 3003);
    assert_int_equal(i, 180);
    free(times);
    kit_tool("sound.csv", "ffprobe -v error -select_streams a -show_entries "
                          "stream=codec_name,duration_ts,channels -of csv=p=0 out/whole.mp4");
    char *sound = kit_read("sound.csv", &len);
    assert_memory_equal(sound, "aac,1,", 6);
    free(sound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, kit_enter, kit_leave)
        CASE(test_a_run_has_every_frame_at_its_time),
        CASE(test_a_segment_alone_has_the_bytes_it_has_in_a_run),
        CASE(test_large_pictures_have_the_same_bytes_with_any_threads),
        CASE(test_variable_rate_and_empty_places),
        CASE(test_ten_bits_and_hdr_colours_stay),
        CASE(test_unsaid_colours_are_said_by_size),
        CASE(test_rotation_turns_the_pixels),
        CASE(test_odd_and_small_sizes),
        CASE(test_a_side_of_one_pixel),
        CASE(test_full_range_stays_full_range),
        CASE(test_missing_frames_are_told_and_leave_no_hole),
        CASE(test_a_damaged_stream_is_encoded_with_a_warning),
        CASE(test_undecodable_frames_leave_no_hole),
        CASE(test_a_frame_too_many_is_left_out_and_told),
        CASE(test_a_piece_that_contradicts_itself_is_refused),
        CASE(test_a_file_without_description_becomes_one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
