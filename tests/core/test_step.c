#include "../cmocka_all.h"

#include "core/step.h"

#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_request_comes_back(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, 1 << 16);
    avsp_buf_init(&buf, 4096);
    const struct avsp_step step = {
        .kind = AVSP_STEP_ENCODE,
        .segment_seconds = 4,
        .resume_idx = 9,
        .max_pending = 3,
        .crf = 30,
        .preset = 8,
        .picture = {.deinterlace = AVSP_DEINTERLACE_FIELDS,
                    .film_grain = 8,
                    .hdr = AVSP_HDR_SDR,
                    .ladder = {.n_rungs = 2, .rungs = {{720, 25, 6}, {360}}},
                    .fallback = AVSP_FALLBACK_H264},
        .sound = {.opus = true, .loudness_lufs = -16, .copy = true},
        .threads = 2,
        .described = true,
        .idx = 17,
    };
    avsp_step_write(&buf, &step);
    struct avsp_step back;
    memset(&back, 0, sizeof back);
    struct avsp_err err = {0};
    assert_int_equal(avsp_step_parse(&arena, buf.data, &back, &err), AVSP_OK);
    assert_int_equal(back.kind, step.kind);
    assert_int_equal(back.segment_seconds, 4);
    assert_int_equal(back.resume_idx, 9);
    assert_int_equal(back.max_pending, 3);
    assert_int_equal(back.crf, 30);
    assert_int_equal(back.preset, 8);
    assert_memory_equal(&back.picture, &step.picture, sizeof back.picture);
    assert_memory_equal(&back.sound, &step.sound, sizeof back.sound);
    assert_int_equal(back.threads, 2);
    assert_true(back.described);
    assert_int_equal(back.idx, 17);
}

static void an_acknowledgement_comes_back(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, 1 << 16);
    avsp_buf_init(&buf, 4096);
    struct avsp_err err = {0};
    uint32_t threads = 9;
    avsp_ack_write(&buf, 0);
    assert_int_equal(avsp_ack_parse(&arena, buf.data, &threads, &err), AVSP_OK);
    assert_int_equal(threads, 0);
    avsp_buf_clear(&buf);
    avsp_ack_write(&buf, 3);
    assert_int_equal(avsp_ack_parse(&arena, buf.data, &threads, &err), AVSP_OK);
    assert_int_equal(threads, 3);
    assert_int_equal(avsp_ack_parse(&arena, "ack threads=0\n", &threads, &err), AVSP_INVALID);
    assert_int_equal(avsp_ack_parse(&arena, "nack\n", &threads, &err), AVSP_INVALID);
}

static const struct avsp_report reports[] = {
    {.kind = AVSP_REPORT_PROGRESS, .progress = {5, 100, 23976}},
    {.kind = AVSP_REPORT_PIECE,
     .piece = {AVSP_TASK_ENCODE,
               1,
               2,
               3,
               -4,
               5,
               {1, 90000},
               6,
               7,
               {AVSP_LOCATION_FS, "v0-00002.piece"}}},
    {.kind = AVSP_REPORT_RENDITION,
     .rendition = {"v0",
                   AVSP_MEDIA_VIDEO,
                   "init.mp4",
                   700,
                   SHA,
                   "av01.0.04M.08",
                   30000,
                   0,
                   1280,
                   720,
                   {30000, 1001},
                   "SDR",
                   0,
                   "und",
                   ""}},
    {.kind = AVSP_REPORT_SEGMENT, .segment = {"a0", 9, "00009.m4s", 48000, 96000, 94, 4000, SHA}},
    {.kind = AVSP_REPORT_WARNING, .warning = "3 damaged pictures were concealed"},
    {.kind = AVSP_REPORT_EXTENT, .extent = {2500000, 3723250000}},
    {.kind = AVSP_REPORT_INPUT,
     .input = {"mov,mp4", 25000000, 123456, 7, {2500000, 0}, "libavcodec 59.37.100"}},
    {.kind = AVSP_REPORT_STREAM, .stream = {0, "video", "h264", "1280x720, 25 fps", "und", "AV1"}},
    {.kind = AVSP_REPORT_CHECKED,
     .checked =
         {5, "", {"av1", 1280, 720, 60, 59, 1, true, -40000}, {"aac", 0, 0, 94, 94, 0, true, 7}}},
    {.kind = AVSP_REPORT_DONE},
    {.kind = AVSP_REPORT_FAILED, .failure = {AVSP_CORRUPT, false, "not a media file", ""}},
};

static void reports_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(reports); i++) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
        struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) again;
        avsp_arena_init(&arena, 1 << 16);
        avsp_buf_init(&buf, 4096);
        avsp_buf_init(&again, 4096);
        avsp_report_write(&buf, &reports[i]);
        struct avsp_report back;
        struct avsp_err err = {0};
        assert_int_equal(avsp_report_parse(&arena, buf.data, &back, &err), AVSP_OK);
        avsp_report_write(&again, &back);
        assert_string_equal(buf.data, again.data);
    }
}

/// What a child that an attacker took over might say.
static void hostile_reports_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "nonsense",
        "piece",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=1/25 frames=1 bytes=1 file=../../etc/passwd",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=1/25 frames=1 bytes=1 file=%2Fetc%2Fpasswd",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=1/25 frames=1 bytes=1 file=.hidden",
        "piece task=3 track=0 idx=0 n=1 in=0 out=1 tb=1/25 frames=1 bytes=1 file=x",
        "piece task=2 track=0 idx=99999999 n=1 in=0 out=1 tb=1/25 frames=1 bytes=1 file=x",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=1/25 frames=-1 bytes=1 file=x",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=1/25 frames=9000000000000000000 bytes=1 "
        "file=x",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=1/25 frames=1 bytes=9000000000000000000 "
        "file=x",
        "piece task=2 track=0 idx=0 n=1 in=-9223372036854775808 out=1 tb=1/25 frames=1 bytes=1 "
        "file=x",
        "piece task=2 track=0 idx=0 n=1 in=0 out=9223372036854775807 tb=1/25 frames=1 bytes=1 "
        "file=x",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=0/0 frames=1 bytes=1 file=x",
        "piece task=2 track=0 idx=0 n=1 in=0 out=1 tb=-1/25 frames=1 bytes=1 file=x",
        "segment rendition=v0 idx=0 name=x start=-1 duration=1 frames=1 bytes=1 sha256=" SHA,
        "segment rendition=v0 idx=0 name=x start=0 duration=0 frames=1 bytes=1 sha256=" SHA,
        "segment rendition=v0 idx=0 name=x start=0 duration=1 frames=1 bytes=1 sha256=abc",
        "segment rendition=.. idx=0 name=x start=0 duration=1 frames=1 bytes=1 sha256=" SHA,
        "progress done=x total=1 millifps=1",
        "failed code=corrupt retry=2 text=x",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(lines); i++) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, 1 << 16);
        struct avsp_report back;
        struct avsp_err err = {0};
        if (avsp_report_parse(&arena, lines[i], &back, &err) != AVSP_INVALID)
            fail_msg("accepted: %s", lines[i]);
    }
}

static enum avsp_code failure_code(struct avsp_arena *arena, const char *name)
{
    char line[100];
    snprintf(line, sizeof line, "failed code=%s retry=0 text=x", name);
    struct avsp_report back;
    struct avsp_err err = {0};
    assert_int_equal(avsp_report_parse(arena, line, &back, &err), AVSP_OK);
    return back.failure.code;
}

/// "Canceled" would give the task back for another try at no cost, for ever.
static void a_failure_is_never_ok_nor_acts_as_something_else(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    static const char *const others[] = {"ok",        "canceled",     "conflict",
                                         "not-found", "exists",       "denied",
                                         "internal",  "precondition", "no-such-code"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(others); i++)
        assert_int_equal(failure_code(&arena, others[i]), AVSP_INTERNAL);
    assert_int_equal(failure_code(&arena, "corrupt"), AVSP_CORRUPT);
    assert_int_equal(failure_code(&arena, "unsupported"), AVSP_UNSUPPORTED);
    assert_int_equal(failure_code(&arena, "no-memory"), AVSP_NO_MEMORY);
    assert_int_equal(failure_code(&arena, "no-space"), AVSP_NO_SPACE);
}

static void text_cannot_command_a_terminal(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_report back;
    struct avsp_err err = {0};
    assert_int_equal(avsp_report_parse(&arena,
                                       "warning text=a%1B[31mb%0Ac%0D%7Fd\xc2\x9b"
                                       "e%20\xc3\xa9",
                                       &back, &err),
                     AVSP_OK);
    assert_string_equal(back.warning, "a [31mb c  d  e \xc3\xa9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_back),
        cmocka_unit_test(an_acknowledgement_comes_back),
        cmocka_unit_test(reports_come_back),
        cmocka_unit_test(hostile_reports_are_refused),
        cmocka_unit_test(a_failure_is_never_ok_nor_acts_as_something_else),
        cmocka_unit_test(text_cannot_command_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
