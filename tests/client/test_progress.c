#include "../cmocka_all.h"

#include "client/progress.h"

#include <string.h>

static struct avsp_buf buf;

static const char *plain(const struct avsp_job *job, uint64_t milli_fps)
{
    avsp_buf_clear(&buf);
    avsp_progress_plain(job, milli_fps, &buf);
    return avsp_buf_text(&buf);
}

static void durations_and_rates_read_well(void **state)
{
    (void)state;
    char text[AVSP_DURATION_BYTES];
    assert_string_equal(avsp_duration_text(0, text), "0:00");
    assert_string_equal(avsp_duration_text(43, text), "0:43");
    assert_string_equal(avsp_duration_text(3599, text), "59:59");
    assert_string_equal(avsp_duration_text(3723, text), "1:02:03");
    (void)avsp_duration_text(UINT64_MAX, text);
    assert_string_equal(avsp_fps_text(38249, text), "38.2 fps");
    (void)avsp_fps_text(UINT64_MAX, text);
}

static void speed_is_over_the_last_samples(void **state)
{
    (void)state;
    struct avsp_speed speed = {0};
    assert_int_equal(avsp_speed_milli_fps(&speed), 0);
    for (int64_t i = 0; i < 3 * AVSP_PROGRESS_SAMPLES; i++) // 30 frames a second, then 60
        avsp_speed_add(&speed, (struct avsp_mono){i * 1000000},
                       (uint64_t)(i < 50 ? i * 30 : 1500 + (i - 50) * 60));
    assert_int_equal(avsp_speed_milli_fps(&speed), 60000);
    // Samples that come too close are left out.
    unsigned n = speed.n_samples;
    avsp_speed_add(&speed, (struct avsp_mono){speed.samples[n - 1].when.us + 1000}, 1);
    assert_int_equal(speed.n_samples, n);
    // A lost attempt takes its frames back: no speed rather than a wrong one.
    avsp_speed_add(&speed, (struct avsp_mono){speed.samples[n - 1].when.us + 1000000}, 1);
    assert_int_equal(avsp_speed_milli_fps(&speed), 0);
}

static void a_plain_line_says_what_is_known(void **state)
{
    (void)state;
    struct avsp_job job = {.id = "j", .state = AVSP_JOB_RUNNING};
    assert_string_equal(plain(&job, 0), "0 %: waiting for a worker");
    job.n_running = 1;
    assert_string_equal(plain(&job, 0), "0 %: reading the source");
    job.frames_total = 290;
    job.frames_done = 29;
    assert_string_equal(plain(&job, 10000), "0 %: 29 of 290+ frames, 10.0 fps");
    job.split_done = true;
    job.percent_complete = 10;
    assert_string_equal(plain(&job, 10000), "10 %: 29 of 290 frames, 10.0 fps, 0:27 left");
    job.frames_done = UINT64_MAX;
    (void)plain(&job, 1);
    job.frames_done = 0;
    job.frames_total = UINT64_MAX;
    (void)plain(&job, 1);
}

static void lines_fit_the_terminal(void **state)
{
    (void)state;
    struct avsp_running running[40];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(running); i++)
        running[i] =
            (struct avsp_running){.task_id = "t",
                                  .kind = i == 0 ? AVSP_TASK_SPLIT : AVSP_TASK_ENCODE,
                                  .idx = (uint32_t)i,
                                  .worker_id = "\xc3\xa9\x1b[31m\xc2\x9b"
                                               "1mevil-host-with-a-very-long-name-1234567890",
                                  .attempt = 1,
                                  .progress = {10, 100, 9800}};
    struct avsp_job job = {.id = "j",
                           .state = AVSP_JOB_RUNNING,
                           .percent_complete = 42,
                           .frames_done = 5,
                           .frames_total = 10,
                           .split_done = true,
                           .running = running,
                           .n_running = AVSP_ARRAY_LEN(running)};
    for (unsigned width = 1; width < 90; width += 7) {
        struct avsp_progress_look look = {.width = width, .lines = 5, .workers = true};
        avsp_buf_clear(&buf);
        unsigned n = avsp_progress_lines(&job, 1000, &look, &buf);
        assert_int_equal(n, 5);
        unsigned lines = 0;
        for (const char *line = avsp_buf_text(&buf); *line != '\0'; lines++) {
            size_t len = strcspn(line, "\n");
            size_t columns = 0;
            for (size_t i = 0; i < len; i++)
                columns += ((unsigned char)line[i] & 0xc0) != 0x80;
            assert_in_range(columns, 0, width - 1);
            line += len + 1;
        }
        assert_int_equal(lines, n);
        assert_null(strchr(avsp_buf_text(&buf), '\033'));
        assert_null(strstr(avsp_buf_text(&buf), "\xc2\x9b"));
    }
    struct avsp_progress_look look = {.width = 80, .lines = 3, .color = true};
    avsp_buf_clear(&buf);
    avsp_progress_lines(&job, 1000, &look, &buf);
    assert_string_equal(avsp_buf_text(&buf),
                        "\033[1m 42 %  5 of 10 frames  1.0 fps  0:05 left\033[0m\n"
                        "\033[2m  split  10 of 100  9.8 fps\033[0m\n"
                        "\033[2m  encode 1  10 of 100  9.8 fps\033[0m\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_and_rates_read_well),
        cmocka_unit_test(speed_is_over_the_last_samples),
        cmocka_unit_test(a_plain_line_says_what_is_known),
        cmocka_unit_test(lines_fit_the_terminal),
    };
    avsp_buf_init(&buf, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    avsp_buf_deinit(&buf);
    return failed;
}
