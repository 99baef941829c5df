#include "client/display.h"

#include "client/command.h"
#include "core/lifecycle.h"
#include "util/fd.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAW_DISTANCE_US 200000
#define DISPLAY_MAX_BYTES (64 << 10)
#define LINES_MAX 32
#define WIDTH_DEFAULT 80
#define PLAIN_STEP_PERCENT 10

void avsp_display_begin(struct avsp_display *display)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR"); // https://no-color.org: set and not empty
    display->terminal =
        isatty(STDERR_FILENO) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
    display->color = no_color == NULL || no_color[0] == '\0';
    display->begun = true;
}

static void put(const struct avsp_buf *buf)
{
    // Nothing useful can be done where standard error itself fails.
    struct avsp_err ignored = {0};
    (void)!avsp_fd_write_all(STDERR_FILENO, avsp_buf_text(buf), buf->len, &ignored);
}

/// Moves up over the lines drawn before and clears from there.
static void put_erase(struct avsp_display *display, struct avsp_buf *buf)
{
    if (display->lines_drawn > 0)
        avsp_buf_printf(buf, "\033[%uA\r\033[J", display->lines_drawn);
    display->lines_drawn = 0;
}

static struct avsp_progress_look look_of(const struct avsp_display *display)
{
    struct avsp_progress_look look = {.width = WIDTH_DEFAULT,
                                      .lines = LINES_MAX,
                                      .color = display->color,
                                      .workers = display->workers};
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 1) {
        look.width = size.ws_col;
        look.lines = AVSP_MIN((unsigned)size.ws_row - 1, (unsigned)LINES_MAX);
    }
    return look;
}

static void draw(struct avsp_display *display, const struct avsp_job *job)
{
    struct avsp_mono now = avsp_mono_now();
    if (display->lines_drawn > 0 && now.us - display->drawn_at.us < DRAW_DISTANCE_US)
        return;
    display->drawn_at = now;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, DISPLAY_MAX_BYTES);
    put_erase(display, &buf);
    struct avsp_progress_look look = look_of(display);
    display->lines_drawn =
        avsp_progress_lines(job, avsp_speed_milli_fps(&display->speed), &look, &buf);
    put(&buf);
}

static void say_plain(struct avsp_display *display, const struct avsp_job *job)
{
    int32_t step = job->percent_complete / PLAIN_STEP_PERCENT * PLAIN_STEP_PERCENT;
    bool split_ends = job->split_done && !display->split_said && job->frames_total > 0;
    bool paused = job->state == AVSP_JOB_PAUSED;
    bool turns = paused != display->paused_said;
    if (step <= display->percent_said && !split_ends && !turns)
        return;
    display->paused_said = paused;
    display->split_said = display->split_said || split_ends;
    display->percent_said = AVSP_MAX(step, display->percent_said);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, DISPLAY_MAX_BYTES);
    avsp_progress_plain(job, avsp_speed_milli_fps(&display->speed), &buf);
    avsp_cmd_say("%s", avsp_buf_text(&buf));
}

void avsp_display_show(struct avsp_display *display, const struct avsp_job *job)
{
    if (avsp_job_is_over(job->state))
        return;
    display->percent = job->percent_complete;
    display->tasks_done = job->tasks_done;
    if (display->quiet)
        return;
    avsp_speed_add(&display->speed, avsp_mono_now(), job->frames_done);
    if (display->terminal)
        draw(display, job);
    else
        say_plain(display, job);
}

void avsp_display_end(struct avsp_display *display)
{
    if (!display->begun || display->lines_drawn == 0)
        return;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, DISPLAY_MAX_BYTES);
    put_erase(display, &buf);
    put(&buf);
}
