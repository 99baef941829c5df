#include "client/progress.h"

#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define SAMPLE_DISTANCE_US 250000
#define LINE_BYTES 512

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define NORMAL "\033[0m"

void avsp_speed_add(struct avsp_speed *speed, struct avsp_mono now, uint64_t frames)
{
    unsigned n = speed->n_samples;
    if (n > 0 && now.us - speed->samples[n - 1].when.us < SAMPLE_DISTANCE_US)
        return;
    if (n == AVSP_PROGRESS_SAMPLES) {
        memmove(&speed->samples[0], &speed->samples[1], (n - 1) * sizeof speed->samples[0]);
        n--;
    }
    speed->samples[n].when = now;
    speed->samples[n].frames = frames;
    speed->n_samples = n + 1;
}

uint64_t avsp_speed_milli_fps(const struct avsp_speed *speed)
{
    if (speed->n_samples < 2)
        return 0;
    unsigned last = speed->n_samples - 1;
    int64_t us = speed->samples[last].when.us - speed->samples[0].when.us;
    // A lost attempt takes its frames back.
    if (us <= 0 || speed->samples[last].frames <= speed->samples[0].frames)
        return 0;
    uint64_t frames = speed->samples[last].frames - speed->samples[0].frames;
    return frames > UINT64_MAX / 1000000000 ? 0 : frames * 1000000000 / (uint64_t)us;
}

const char *avsp_duration_text(uint64_t seconds, char ret_text[AVSP_DURATION_BYTES])
{
    uint64_t hours = seconds / 3600 % 1000000;
    unsigned minutes = (unsigned)(seconds / 60 % 60);
    unsigned rest = (unsigned)(seconds % 60);
    if (hours > 0)
        snprintf(ret_text, AVSP_DURATION_BYTES, "%" PRIu64 ":%02u:%02u", hours, minutes, rest);
    else
        snprintf(ret_text, AVSP_DURATION_BYTES, "%u:%02u", minutes, rest);
    return ret_text;
}

const char *avsp_fps_text(uint64_t milli_fps, char ret_text[AVSP_DURATION_BYTES])
{
    snprintf(ret_text, AVSP_DURATION_BYTES, "%" PRIu64 ".%u fps", milli_fps / 1000 % 1000000000,
             (unsigned)(milli_fps % 1000 / 100));
    return ret_text;
}

/// The number of frames is final with the split, the time left not known before.
static bool time_left(const struct avsp_job *job, uint64_t milli_fps, char *ret_text)
{
    if (!job->split_done || milli_fps == 0 || job->frames_total < job->frames_done)
        return false;
    uint64_t frames = job->frames_total - job->frames_done;
    if (frames > UINT64_MAX / 1000)
        return false;
    avsp_duration_text((frames * 1000 + milli_fps - 1) / milli_fps, ret_text);
    return true;
}

/// "116 of 290 frames, 38.2 fps, 1:10 left", as far as it is known.
static void put_numbers(const struct avsp_job *job, uint64_t milli_fps, const char *separator,
                        struct avsp_buf *buf)
{
    char text[AVSP_DURATION_BYTES];
    const bool paused = job->state == AVSP_JOB_PAUSED;
    if (paused)
        avsp_buf_printf(buf, "paused%s", separator);
    if (job->frames_total > 0)
        avsp_buf_printf(buf, "%" PRIu64 " of %" PRIu64 "%s frames", job->frames_done,
                        job->frames_total, job->split_done ? "" : "+");
    else
        avsp_buf_puts(buf, job->n_running > 0 ? "reading the source"
                           : paused           ? "not begun"
                                              : "waiting for a worker");
    if (milli_fps > 0)
        avsp_buf_printf(buf, "%s%s", separator, avsp_fps_text(milli_fps, text));
    if (time_left(job, milli_fps, text))
        avsp_buf_printf(buf, "%s%s left", separator, text);
}

void avsp_progress_plain(const struct avsp_job *job, uint64_t milli_fps, struct avsp_buf *buf)
{
    avsp_buf_printf(buf, "%d %%: ", (int)job->percent_complete);
    put_numbers(job, milli_fps, ", ", buf);
}

static void put_running(const struct avsp_running *task, bool name_worker, struct avsp_buf *buf)
{
    char text[AVSP_DURATION_BYTES];
    avsp_buf_printf(buf, "  %s", avsp_task_kind_name(task->kind));
    if (task->kind == AVSP_TASK_ENCODE)
        avsp_buf_printf(buf, " %" PRIu32, task->idx);
    // A split counts packets, a manifest nothing: only frames against frames tell people something.
    const struct avsp_progress *progress = &task->progress;
    if (progress->frames_total > 0)
        avsp_buf_printf(buf, "  %" PRIu64 " of %" PRIu64, progress->frames_done,
                        progress->frames_total);
    if (progress->frames_total > 0 && progress->milli_fps > 0)
        avsp_buf_printf(buf, "  %s", avsp_fps_text(progress->milli_fps, text));
    if (task->attempt > 1)
        avsp_buf_printf(buf, "  attempt %" PRId64, task->attempt);
    if (name_worker)
        avsp_buf_printf(buf, "  on %s", task->worker_id);
}

/// Copies a line to the display: cut to the width, control characters of foreign names made harmless.
static void put_line(struct avsp_buf *line, const char *style,
                     const struct avsp_progress_look *look, struct avsp_buf *buf)
{
    if (line->len > 0)
        avsp_text_tame(line->data, '?', false);
    avsp_buf_puts(buf, look->color ? style : "");
    unsigned column = 1; // the last one stays empty: some terminals would wrap
    for (const char *c = avsp_buf_text(line); *c != '\0'; c++) {
        bool continues = ((unsigned char)*c & 0xc0) == 0x80;
        if (!continues && ++column > look->width)
            break;
        avsp_buf_append(buf, c, 1);
    }
    avsp_buf_puts(buf, look->color ? NORMAL : "");
    avsp_buf_puts(buf, "\n");
}

unsigned avsp_progress_lines(const struct avsp_job *job, uint64_t milli_fps,
                             const struct avsp_progress_look *look, struct avsp_buf *buf)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    avsp_buf_init(&line, LINE_BYTES);
    avsp_buf_printf(&line, "%3d %%  ", (int)job->percent_complete);
    put_numbers(job, milli_fps, "  ", &line);
    put_line(&line, BOLD, look, buf);
    unsigned n = 1;
    for (size_t i = 0; i < job->n_running && n < look->lines; i++, n++) {
        avsp_buf_clear(&line);
        put_running(&job->running[i], look->workers, &line);
        put_line(&line, DIM, look, buf);
    }
    return n;
}
