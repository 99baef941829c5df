/// The parts of the split and of the child's conversation that can be shown without a media file.
#include "../cmocka_all.h"

#include "core/record.h"
#include "media/control.h"
#include "media/fit.h"
#include "media/gaps.h"
#include "media/joins.h"
#include "media/keyframe.h"
#include "media/language.h"
#include "media/retime.h"
#include "media/source.h"
#include "media/spool.h"
#include "util/fd.h"

#include <libavcodec/packet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/avspl1t-split-XXXXXX";

/// The spool's temporary file goes where the process works.
static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void push(struct avsp_spool *spool, int64_t pts, bool key, bool gradual, int size)
{
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    assert_non_null(packet);
    assert_int_equal(av_new_packet(packet, size), 0);
    memset(packet->data, (int)(pts & 0xff), (size_t)size);
    struct avsp_spool_entry facts = {.pts = pts, .shown = true, .key = key, .gradual = gradual};
    struct avsp_err err = {0};
    assert_int_equal(avsp_spool_push(spool, packet, &facts, &err), AVSP_OK);
}

static void expect_data(struct avsp_spool *spool, uint64_t number, int64_t pts, int size)
{
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    struct avsp_err err = {0};
    assert_int_equal(avsp_spool_load(spool, number, packet, &err), AVSP_OK);
    assert_int_equal(packet->size, size);
    for (int i = 0; i < size; i++)
        assert_int_equal(packet->data[i], pts & 0xff);
}

/// Far more than the ceiling: the rest is in the file, all of it comes back, and memory is free again at the end.
static void spool_spills(void **state)
{
    (void)state;
    const int size = 1000;
    const int n = 5000;
    struct avsp_spool AVSP_CLEANUP(avsp_spool_deinit) spool;
    avsp_spool_init(&spool, 100000);
    for (int i = 0; i < n; i++)
        push(&spool, i, i == 0, false, size);
    assert_true(spool.memory_bytes <= 100000);
    assert_true(spool.n_in_file > 0);
    for (int i = 0; i < n; i += 7)
        expect_data(&spool, (uint64_t)i, i, size);
    avsp_spool_drop_before(&spool, 4000);
    assert_int_equal(spool.memory_bytes, 0);
    expect_data(&spool, 4000, 4000, size);
    push(&spool, n, true, false, size);
    expect_data(&spool, (uint64_t)n, n, size);
    avsp_spool_drop_before(&spool, spool.end);
    assert_int_equal(spool.n_in_file, 0);
    assert_int_equal(spool.file_end, 0);
}

/// Open GOP, in decode order: key 0, 3 1 2, key 6, 4 5 (which lean on the frames before the key), 9 7 8.
static void start_is_the_last_key_that_serves(void **state)
{
    (void)state;
    struct avsp_spool AVSP_CLEANUP(avsp_spool_deinit) spool;
    avsp_spool_init(&spool, AVSP_SPOOL_MEMORY_BYTES);
    const int64_t order[] = {0, 3, 1, 2, 6, 4, 5, 9, 7, 8};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(order); i++)
        push(&spool, order[i], order[i] % 6 == 0, false, 10);
    assert_int_equal(avsp_spool_start_for(&spool, 3), 0);
    assert_int_equal(avsp_spool_start_for(&spool, 4), 0);
    assert_int_equal(avsp_spool_start_for(&spool, 5), 0);
    assert_int_equal(avsp_spool_start_for(&spool, 6), 4);
    assert_int_equal(avsp_spool_start_for(&spool, 9), 4);
    avsp_spool_drop_before(&spool, 2);
    assert_int_equal(avsp_spool_start_for(&spool, 3), 2);
}

static void gradual_keys_start_earlier(void **state)
{
    (void)state;
    struct avsp_spool AVSP_CLEANUP(avsp_spool_deinit) spool;
    avsp_spool_init(&spool, AVSP_SPOOL_MEMORY_BYTES);
    for (int i = 0; i < 50; i++)
        push(&spool, i, i % 10 == 0, i > 0, 10);
    assert_int_equal(avsp_spool_start_for(&spool, 45), 20);
    assert_int_equal(avsp_spool_start_for(&spool, 15), 0);
    assert_int_equal(avsp_spool_start_for(&spool, 5), 0);
}

static AVCodecParameters h264(uint8_t *extradata, int size)
{
    return (AVCodecParameters){
        .codec_id = AV_CODEC_ID_H264, .extradata = extradata, .extradata_size = size};
}

/// NAL units: an access unit delimiter, user data (SEI 5), a recovery point (SEI 6), a slice.
static void recovery_points(void **state)
{
    (void)state;
    const uint8_t annexb_whole[] = {0, 0, 0,    1,    9, 0xf0, 0, 0,    1,    6,
                                    6, 1, 0xc4, 0x80, 0, 0,    1, 0x41, 0x9a, 0};
    const uint8_t annexb_gradual[] = {0, 0, 0, 1, 9,    0xf0, 0, 0, 1, 6,    5,    2,
                                      1, 2, 6, 1, 0x28, 0x80, 0, 0, 1, 0x41, 0x9a, 0};
    const uint8_t behind_slice[] = {0, 0, 1, 0x41, 0x9a, 0, 0, 0, 1, 6, 6, 1, 0x28, 0x80};
    AVCodecParameters plain = h264(NULL, 0);
    assert_false(avsp_keyframe_is_gradual(&plain, annexb_whole, sizeof annexb_whole));
    assert_true(avsp_keyframe_is_gradual(&plain, annexb_gradual, sizeof annexb_gradual));
    assert_false(avsp_keyframe_is_gradual(&plain, behind_slice, sizeof behind_slice));

    uint8_t avcc[8] = {1, 100, 0, 31, 0xff, 0xe1, 0, 0};
    AVCodecParameters sized = h264(avcc, sizeof avcc);
    const uint8_t sized_gradual[] = {0, 0, 0,    2,    9, 0xf0, 0, 0, 0,    5,   6,
                                     6, 1, 0x28, 0x80, 0, 0,    0, 2, 0x41, 0x9a};
    assert_true(avsp_keyframe_is_gradual(&sized, sized_gradual, sizeof sized_gradual));
    AVCodecParameters other = {.codec_id = AV_CODEC_ID_HEVC};
    assert_false(avsp_keyframe_is_gradual(&other, annexb_gradual, sizeof annexb_gradual));
    // Every cut of it, and lengths that lie, must be safe.
    for (size_t len = 0; len <= sizeof annexb_gradual; len++)
        (void)avsp_keyframe_is_gradual(&plain, annexb_gradual, len);
    for (size_t len = 0; len <= sizeof sized_gradual; len++)
        (void)avsp_keyframe_is_gradual(&sized, sized_gradual, len);
    const uint8_t lies[] = {0xff, 0xff, 0xff, 0xff, 6, 6, 1, 0x28};
    assert_false(avsp_keyframe_is_gradual(&sized, lies, sizeof lies));
}

static void hidden_frames_of_vp8(void **state)
{
    (void)state;
    AVCodecParameters vp8 = {.codec_id = AV_CODEC_ID_VP8};
    AVCodecParameters vp9 = {.codec_id = AV_CODEC_ID_VP9};
    const uint8_t shown[] = {0x10};
    const uint8_t hidden[] = {0x01};
    assert_false(avsp_keyframe_is_hidden(&vp8, shown, 1));
    assert_true(avsp_keyframe_is_hidden(&vp8, hidden, 1));
    assert_false(avsp_keyframe_is_hidden(&vp8, hidden, 0));
    assert_false(avsp_keyframe_is_hidden(&vp9, hidden, 1));
}

/// XviD in AVI: two pictures in a packet, then one that is not coded; and a plain picture.
static void packed_pictures(void **state)
{
    (void)state;
    AVCodecParameters mpeg4 = {.codec_id = AV_CODEC_ID_MPEG4};
    AVCodecParameters other = {.codec_id = AV_CODEC_ID_MPEG2VIDEO};
    const uint8_t plain[20] = {0, 0, 1, 0xb6, 0x50, 1, 2, 3};
    const uint8_t two[40] = {0, 0, 1, 0xb6, 0x50, 1, 2, 3, 0, 0, 1, 0xb6, 0x90};
    const uint8_t not_coded[] = {0, 0, 1, 0xb6, 0x50, 0x7f};
    assert_false(avsp_keyframe_is_packed(&mpeg4, plain, sizeof plain));
    assert_true(avsp_keyframe_is_packed(&mpeg4, two, sizeof two));
    assert_true(avsp_keyframe_is_packed(&mpeg4, not_coded, sizeof not_coded));
    assert_false(avsp_keyframe_is_packed(&other, two, sizeof two));
    for (size_t len = 0; len <= sizeof not_coded; len++)
        (void)avsp_keyframe_is_packed(&mpeg4, not_coded, len);
}

static AVPacket timed(int64_t ms, bool key)
{
    return (AVPacket){.pts = ms, .dts = ms, .duration = 40, .flags = key ? AV_PKT_FLAG_KEY : 0};
}

static int64_t picture_at(struct avsp_joins *joins, int64_t ms)
{
    AVPacket packet = timed(ms, true);
    assert_true(avsp_joins_video(joins, &packet));
    return packet.pts;
}

/// @return -1: it has to wait.
static int64_t sound_at(struct avsp_joins *joins, int64_t ms)
{
    AVPacket packet = timed(ms, true);
    return avsp_joins_audio(joins, 0, &packet) ? packet.pts : -1;
}

/// Puts these times, and expects those.
static void expect_times(size_t n, const int64_t times[], const int64_t wanted[])
{
    struct avsp_retime r;
    avsp_retime_init(&r, 10);
    size_t n_taken = 0;
    for (size_t i = 0; i <= n; i++) {
        int64_t pts = 0;
        bool believed = false;
        for (; avsp_retime_take(&r, i == n, &pts, &believed); n_taken++) {
            assert_int_equal(pts, wanted[n_taken]);
            assert_int_equal(believed, pts == times[n_taken]);
        }
        if (i < n)
            avsp_retime_put(&r, times[i]);
    }
    assert_int_equal(n_taken, n);
}

static void damaged_times_are_repaired(void **state)
{
    (void)state;
    int64_t times[100], wanted[100];
    for (int64_t i = 0; i < 100; i++)
        times[i] = wanted[i] = 10 * i + (i > 50 ? 100000 : 0); // a hole is none of them
    expect_times(100, times, wanted);
    times[0] = INT64_C(1) << 40;
    times[20] = INT64_C(1) << 40;
    times[21] = times[22] = -5;
    times[40] = times[39];
    times[99] = INT64_MIN;
    wanted[20] = 190 + 40 / 4;
    wanted[21] = 200 + 30 / 3;
    wanted[22] = 210 + 20 / 2;
    expect_times(100, times, wanted);
    // None is left that could be believed, or there never was one.
    for (int64_t i = 0; i < 100; i++) {
        times[i] = i < 60 ? 10 * i : 5;
        wanted[i] = 10 * i;
    }
    expect_times(100, times, wanted);
    for (int64_t i = 0; i < 100; i++)
        times[i] = INT64_MIN;
    expect_times(100, times, wanted);
    // The widest that there are.
    expect_times(3, (int64_t[]){INT64_MIN + 1, 7, INT64_MAX - 1},
                 (int64_t[]){INT64_MIN + 1, 7, INT64_MAX - 1});
}

/// Zeros, and NAL units that do not fit, are no pictures; where nothing is compressed, zeros are.
static void pictures_that_are_none(void **state)
{
    (void)state;
    const uint8_t zeros[64] = {0};
    const uint8_t late[64] = {[63] = 1};
    const uint8_t annexb[] = {0, 0, 1, 0x65, 0x88, 0, 0, 0};
    const uint8_t sized[] = {0, 0, 0, 2, 0x65, 0x88};
    const uint8_t lies[] = {0x7f, 3, 9, 2, 0x65, 0x88, 5, 5};
    uint8_t avcc[8] = {1, 100, 0, 31, 0xff, 0xe1, 0, 0};
    AVCodecParameters h264_annexb = h264(NULL, 0);
    AVCodecParameters h264_sized = h264(avcc, sizeof avcc);
    AVCodecParameters mpeg4 = {.codec_id = AV_CODEC_ID_MPEG4};
    AVCodecParameters raw = {.codec_id = AV_CODEC_ID_RAWVIDEO};
    assert_true(avsp_keyframe_is_void(&mpeg4, zeros, sizeof zeros));
    assert_false(avsp_keyframe_is_void(&mpeg4, late, sizeof late));
    assert_false(avsp_keyframe_is_void(&mpeg4, zeros, 1));
    assert_false(avsp_keyframe_is_void(&raw, zeros, sizeof zeros));
    assert_true(avsp_keyframe_is_void(&h264_annexb, zeros, sizeof zeros));
    assert_true(avsp_keyframe_is_void(&h264_sized, zeros, sizeof zeros));
    assert_true(avsp_keyframe_is_void(&h264_sized, lies, sizeof lies));
    assert_false(avsp_keyframe_is_void(&h264_sized, sized, sizeof sized));
    assert_false(avsp_keyframe_is_void(&h264_annexb, annexb, sizeof annexb));
    // A wrong muxer; decoders take it.
    assert_false(avsp_keyframe_is_void(&h264_sized, annexb, sizeof annexb));
}

/// Times in the order of decoding, at 25 a second in milliseconds: some are not there.
static void missing_pictures_are_counted(void **state)
{
    (void)state;
    struct avsp_gaps gaps;
    avsp_gaps_init(&gaps, (struct avsp_rational){25, 1}, (struct avsp_rational){1, 1000});
    for (int64_t i = 0; i < 300; i++) {
        int64_t shown =
            i % 3 == 0 ? i + 2 : i - 1; // each third one is decoded before the two in front of it
        if (shown < 100 || (shown > 105 && shown != 200))
            avsp_gaps_put(&gaps, 40 * shown + shown % 2);
    }
    assert_int_equal(avsp_gaps_n_missing(&gaps), 7);
    avsp_gaps_rewind(&gaps);
    for (int64_t i = 260; i < 310; i++)
        avsp_gaps_put(&gaps, 40 * i);
    assert_int_equal(avsp_gaps_n_missing(&gaps), 7);
    // A webcam has no distance that could tell.
    avsp_gaps_init(&gaps, (struct avsp_rational){25, 1}, (struct avsp_rational){1, 1000});
    for (int64_t i = 0; i < 300; i++)
        avsp_gaps_put(&gaps, 40 * i + 40 * (i / 4));
    assert_int_equal(avsp_gaps_n_missing(&gaps), 0);
}

/// Two recordings: the sound's clock jumps first, and waits for the picture, which rules; then the other way round.
static void sound_follows_the_picture(void **state)
{
    (void)state;
    const AVRational ms = {1, 1000};
    struct avsp_joins joins;
    avsp_joins_init(&joins, true, ms);
    avsp_joins_add_audio(&joins, ms);
    for (int64_t t = 0; t < 1000; t += 40) {
        assert_int_equal(picture_at(&joins, t), t);
        assert_int_equal(sound_at(&joins, t), t);
    }
    assert_int_equal(sound_at(&joins, 5000100), -1);
    assert_true(joins.audio_waits);
    assert_int_equal(picture_at(&joins, 5000000), 1000);
    assert_false(joins.audio_waits);
    assert_int_equal(sound_at(&joins, 5000100), 1100);
    // Back by half a second, the picture first: the sound has some of its old times yet.
    assert_int_equal(picture_at(&joins, 4999500), 1040);
    assert_int_equal(sound_at(&joins, 5000140), 1140);
    assert_int_equal(sound_at(&joins, 4999520), 1060);
    assert_int_equal(joins.n_jumps, 2);
}

/// What is away for long in one track alone keeps its time; without sound, or in another kind of container, other rules hold.
static void holes_are_no_jumps(void **state)
{
    (void)state;
    const AVRational ms = {1, 1000};
    struct avsp_joins joins;
    avsp_joins_init(&joins, true, ms);
    avsp_joins_add_audio(&joins, ms);
    assert_int_equal(picture_at(&joins, 0), 0);
    for (int64_t t = 0; t <= 60000; t += 40)
        assert_int_equal(sound_at(&joins, t), t);
    assert_int_equal(picture_at(&joins, 60000), 60000);
    assert_int_equal(joins.n_jumps, 0);

    avsp_joins_init(&joins, true, ms);
    assert_int_equal(picture_at(&joins, 0), 0);
    assert_int_equal(picture_at(&joins, 9000), 9000);
    assert_int_equal(picture_at(&joins, 60000), 9040);

    avsp_joins_init(&joins, false, ms);
    assert_int_equal(picture_at(&joins, 0), 0);
    assert_int_equal(picture_at(&joins, 60000), 60000);
    assert_int_equal(picture_at(&joins, 1000), 60040);
    assert_int_equal(joins.n_jumps, 1);
    // So long no picture can be shown, unless there is sound.
    avsp_joins_init(&joins, false, ms);
    assert_int_equal(picture_at(&joins, 0), 0);
    assert_int_equal(picture_at(&joins, 10000000), 10000000);
    assert_int_equal(picture_at(&joins, 30000000), 10000040);
    assert_int_equal(joins.n_jumps, 1);
}

/// Sound that jumps while the picture never does: it goes on by itself.
static void sound_waits_no_longer(void **state)
{
    (void)state;
    const AVRational ms = {1, 1000};
    struct avsp_joins joins;
    avsp_joins_init(&joins, true, ms);
    avsp_joins_add_audio(&joins, ms);
    assert_int_equal(picture_at(&joins, 0), 0);
    assert_int_equal(sound_at(&joins, 0), 0);
    assert_int_equal(sound_at(&joins, 900000), -1);
    AVPacket first = timed(900000, true);
    avsp_joins_wait_no_longer(&joins, 0, &first);
    assert_int_equal(sound_at(&joins, 900000), 40);
    assert_int_equal(sound_at(&joins, 900040), 80);
}

/// Behind a join, frames before the key in order of presentation are not shown; and pictures never overlap.
static void leading_frames_behind_a_join(void **state)
{
    (void)state;
    const AVRational ms = {1, 1000};
    struct avsp_joins joins;
    avsp_joins_init(&joins, true, ms);
    AVPacket early = {.pts = 120, .dts = 0, .duration = 40, .flags = AV_PKT_FLAG_KEY};
    assert_true(avsp_joins_video(&joins, &early));
    AVPacket key = {.pts = 50080, .dts = 50000, .duration = 40, .flags = AV_PKT_FLAG_KEY};
    assert_true(avsp_joins_video(&joins, &key));
    assert_int_equal(key.pts, 160);
    AVPacket leading = {.pts = 50040, .dts = 50040, .duration = 40};
    assert_false(avsp_joins_video(&joins, &leading));
    AVPacket next = {.pts = 50120, .dts = 50080, .duration = 40};
    assert_true(avsp_joins_video(&joins, &next));
    assert_int_equal(next.pts, 200);
}

static uint8_t luma_of(const AVFrame *frame, int x, int y)
{
    return frame->data[0][y * frame->linesize[0] + x];
}

/// A white picture of another shape, in the middle of a black frame that keeps its aspect.
static void pictures_are_fitted(void **state)
{
    (void)state;
    const struct {
        int width, height;
        AVRational aspect;
        int x, y; ///< the first white pixel
    } cases[] = {
        {160, 80, {0, 1}, 0, 12},  // wider: black above and below (96 - 72 = 24)
        {64, 96, {0, 1}, 40, 0},   // narrower: black at the sides (144 - 64 = 80)
        {64, 96, {9, 4}, 0, 0},    // its pixels are wide: it fills the frame
        {720, 480, {1, 1}, 0, 0},  // the same shape
        {3000, 84, {1, 1}, 0, 46}, // four rows are left of it
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        struct avsp_fit AVSP_CLEANUP(avsp_fit_deinit) fit = {.to = {.width_px = 144,
                                                                    .height_px = 96,
                                                                    .pix_fmt = AV_PIX_FMT_YUV420P,
                                                                    .matrix = AVCOL_SPC_BT709}};
        AVFrame *AVSP_CLEANUP(av_frame_free) in = av_frame_alloc();
        AVFrame *AVSP_CLEANUP(av_frame_free) out = av_frame_alloc();
        in->width = cases[i].width;
        in->height = cases[i].height;
        in->format = AV_PIX_FMT_YUV420P;
        in->sample_aspect_ratio = cases[i].aspect;
        in->pts = 7;
        assert_int_equal(av_frame_get_buffer(in, 0), 0);
        memset(in->data[0], 235, (size_t)(in->linesize[0] * in->height));
        memset(in->data[1], 128, (size_t)(in->linesize[1] * ((in->height + 1) / 2)));
        memset(in->data[2], 128, (size_t)(in->linesize[2] * ((in->height + 1) / 2)));
        struct avsp_err err = {0};
        assert_int_equal(avsp_fit_make(&fit, in, out, &err), AVSP_OK);
        assert_int_equal(out->width, 144);
        assert_int_equal(out->height, 96);
        assert_int_equal(out->pts, 7);
        int x = cases[i].x;
        int y = cases[i].y;
        assert_int_equal(luma_of(out, x, y), 235);
        assert_int_equal(luma_of(out, 143 - x, 95 - y), 235);
        assert_int_equal(luma_of(out, 0, 0), x + y > 0 ? 16 : 235);
        assert_int_equal(luma_of(out, 143, 95), x + y > 0 ? 16 : 235);
        if (y > 0)
            assert_int_equal(luma_of(out, x, y - 1), 16);
        if (x > 0)
            assert_int_equal(luma_of(out, x - 1, y), 16);
    }
}

static void languages(void **state)
{
    (void)state;
    const char *cases[][2] = {
        {"eng", "en"},   {"ger", "de"},           {"deu", "de"},       {"fre", "fr"},
        {"zho", "zh"},   {"chi", "zh"},           {"und", "und"},      {"", "und"},
        {"gsw", "gsw"},  {"pt-BR", "pt-BR"},      {"e", "und"},        {"en-", "und"},
        {"a\"b", "und"}, {"en\n", "und"},         {"mandarin", "und"}, {"zh--x", "und"},
        {"en", "en"},    {"\xff\xff\xff", "und"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++)
        assert_string_equal(avsp_language_bcp47(cases[i][0]), cases[i][1]);
}

struct pair {
    int ours;
    int theirs;
};

static struct pair connect_pair(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    return (struct pair){fds[0], fds[1]};
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static struct avsp_control *open_control(struct pair pair, unsigned max_pending)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    avsp_buf_init(&line, 4096);
    struct avsp_step step = {
        .kind = AVSP_STEP_SPLIT, .segment_seconds = 4, .max_pending = max_pending, .threads = 1};
    avsp_step_write(&line, &step);
    say(pair.theirs, avsp_buf_text(&line));
    struct avsp_err err = {0};
    struct avsp_step got = {0};
    struct avsp_control *ctl = avsp_control_open(pair.ours, &got, &err);
    assert_non_null(ctl);
    assert_int_equal(got.kind, AVSP_STEP_SPLIT);
    assert_int_equal(got.segment_seconds, 4);
    return ctl;
}

static const struct avsp_report a_piece = {
    .kind = AVSP_REPORT_PIECE,
    .piece = {.kind = AVSP_TASK_ENCODE,
              .n_segments = 1,
              .out_pts = 1,
              .time_base = {1, 25},
              .frames = 1,
              .bytes = 1,
              .file = {.kind = AVSP_LOCATION_FS, .path = "v0-00000.piece"}},
};

static void acknowledgements_are_counted(void **state)
{
    (void)state;
    struct pair pair = connect_pair();
    struct avsp_control *ctl = open_control(pair, 2);
    struct avsp_err err = {0};
    assert_int_equal(avsp_control_report(ctl, &a_piece, &err), AVSP_OK);
    assert_int_equal(avsp_control_report(ctl, &a_piece, &err), AVSP_OK);
    say(pair.theirs, "ack\n"); // without it the third would wait for ever
    assert_int_equal(avsp_control_report(ctl, &a_piece, &err), AVSP_OK);
    assert_int_equal(avsp_control_threads(ctl), 1);
    say(pair.theirs, "ac");
    say(pair.theirs, "k\nack threads=3\n");
    assert_int_equal(avsp_control_drain(ctl, &err), AVSP_OK);
    assert_int_equal(avsp_control_threads(ctl), 3);
    avsp_control_close(ctl);
    close(pair.ours);
    close(pair.theirs);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct pair pair = connect_pair();
    struct avsp_control *ctl = open_control(pair, 1);
    struct avsp_err err = {0};
    assert_int_equal(avsp_control_report(ctl, &a_piece, &err), AVSP_OK);
    say(pair.theirs, "nack\n");
    assert_int_equal(avsp_control_drain(ctl, &err), AVSP_INVALID);
    avsp_control_close(ctl);
    close(pair.ours);
    close(pair.theirs);

    pair = connect_pair();
    say(pair.theirs, "destroy everything=1\n");
    struct avsp_step step;
    assert_null(avsp_control_open(pair.ours, &step, &err));
    close(pair.ours);
    close(pair.theirs);
}

static void parent_gone_is_canceled(void **state)
{
    (void)state;
    struct pair pair = connect_pair();
    struct avsp_control *ctl = open_control(pair, 1);
    struct avsp_err err = {0};
    assert_int_equal(avsp_control_report(ctl, &a_piece, &err), AVSP_OK);
    close(pair.theirs);
    assert_int_equal(avsp_control_drain(ctl, &err), AVSP_CANCELED);
    avsp_control_progress(ctl, 1, 2);
    assert_int_equal(avsp_control_warn(ctl, &err, "to nobody"), AVSP_CANCELED);
    avsp_control_close(ctl);
    close(pair.ours);
}

static void warnings_have_a_ceiling(void **state)
{
    (void)state;
    struct pair pair = connect_pair();
    struct avsp_control *ctl = open_control(pair, 1);
    struct avsp_err err = {0};
    for (int i = 0; i < AVSP_WARNINGS_MAX + 50; i++)
        assert_int_equal(avsp_control_warn(ctl, &err, "w%d", i), AVSP_OK);
    avsp_control_close(ctl);
    close(pair.ours);
    char bytes[65536];
    size_t n_lines = 0;
    ssize_t n = 0;
    while ((n = read(pair.theirs, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            n_lines += bytes[i] == '\n';
    assert_int_equal(n_lines, AVSP_WARNINGS_MAX);
    close(pair.theirs);
}

static int file_with(const char *text)
{
    char name[] = "input-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    say(fd, text);
    return fd;
}

static void sources_that_are_none(void **state)
{
    (void)state;
    const struct {
        const char *content;
        enum avsp_code code;
    } cases[] = {
        {"", AVSP_CORRUPT},
        {"a text\n", AVSP_CORRUPT},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n", AVSP_UNSUPPORTED},
        {"ffconcat version 1.0\nfile /etc/passwd\n", AVSP_UNSUPPORTED},
        {"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
         AVSP_UNSUPPORTED},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        int AVSP_CLEANUP(avsp_fd_cleanup) fd = file_with(cases[i].content);
        struct avsp_source source;
        struct avsp_err err = {0};
        assert_int_equal(avsp_source_open(fd, &source, &err), cases[i].code);
        assert_null(source.ctx);
        assert_true(strlen(err.text) > 0);
    }
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = file_with("not a piece");
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_piece_header header;
    struct avsp_source source;
    struct avsp_err err = {0};
    assert_int_equal(avsp_source_open_piece(fd, &arena, &header, &source, &err), AVSP_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spool_spills),
        cmocka_unit_test(start_is_the_last_key_that_serves),
        cmocka_unit_test(gradual_keys_start_earlier),
        cmocka_unit_test(recovery_points),
        cmocka_unit_test(hidden_frames_of_vp8),
        cmocka_unit_test(packed_pictures),
        cmocka_unit_test(pictures_that_are_none),
        cmocka_unit_test(missing_pictures_are_counted),
        cmocka_unit_test(damaged_times_are_repaired),
        cmocka_unit_test(sound_follows_the_picture),
        cmocka_unit_test(holes_are_no_jumps),
        cmocka_unit_test(sound_waits_no_longer),
        cmocka_unit_test(leading_frames_behind_a_join),
        cmocka_unit_test(pictures_are_fitted),
        cmocka_unit_test(languages),
        cmocka_unit_test(acknowledgements_are_counted),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(parent_gone_is_canceled),
        cmocka_unit_test(warnings_have_a_ceiling),
        cmocka_unit_test(sources_that_are_none),
    };
    // As in the child's main: a parent that is gone is an error of write(2).
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
