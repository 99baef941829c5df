#include "client/report.h"

#include "client/command.h"
#include "client/json.h"
#include "client/progress.h"
#include "core/lifecycle.h"
#include "util/parse.h"
#include "util/time.h"

#include <inttypes.h>
#include <string.h>

#define REPORT_MAX_BYTES (16 << 20)

/// What comes from the coordinator is not ours: control characters in it must not reach a terminal.
static void put_tamed(struct avsp_buf *buf, const char *text, size_t len)
{
    size_t from = buf->len;
    avsp_buf_append(buf, text, len);
    if (buf->len > from)
        avsp_text_tame(buf->data + from, '?', false);
}

static void put_printable(struct avsp_buf *buf, const char *text)
{
    put_tamed(buf, text, strlen(text));
}

static void put_field(struct avsp_buf *buf, const char *name, const char *text)
{
    avsp_buf_printf(buf, "%-10s ", name);
    put_printable(buf, text);
    avsp_buf_puts(buf, "\n");
}

static void put_time(struct avsp_buf *buf, const char *name, int64_t us)
{
    char text[AVSP_WALL_TEXT_BYTES];
    if (us == 0)
        return;
    avsp_wall_format((struct avsp_wall){us}, text);
    put_field(buf, name, text);
}

static void put_running(struct avsp_buf *buf, const struct avsp_running *task)
{
    avsp_buf_printf(buf, "%-10s %s", "running", avsp_task_kind_name(task->kind));
    if (task->kind == AVSP_TASK_ENCODE)
        avsp_buf_printf(buf, " %" PRIu32, task->idx);
    avsp_buf_puts(buf, " on ");
    put_printable(buf, task->worker_id);
    avsp_buf_printf(buf, ", attempt %" PRId64, task->attempt);
    if (task->progress.frames_total > 0)
        avsp_buf_printf(buf, ", %" PRIu64 " of %" PRIu64 " frames", task->progress.frames_done,
                        task->progress.frames_total);
    avsp_buf_puts(buf, "\n");
}

static void put_label(struct avsp_buf *buf, const struct avsp_label *label)
{
    avsp_buf_printf(buf, "%-10s ", "label");
    put_printable(buf, label->name);
    avsp_buf_puts(buf, "=");
    put_printable(buf, label->value);
    avsp_buf_puts(buf, "\n");
}

static void put_job(struct avsp_buf *buf, struct avsp_arena *arena, const struct avsp_job *job)
{
    put_field(buf, "job", job->id);
    put_field(buf, "state", avsp_job_state_name(job->state));
    avsp_buf_printf(buf, "%-10s ", "progress");
    if (!avsp_job_is_over(job->state))
        avsp_progress_plain(job, 0, buf);
    else
        avsp_buf_printf(buf, "%d %%", (int)job->percent_complete);
    avsp_buf_puts(buf, "\n");
    put_field(buf, "input", avsp_location_show(arena, &job->spec.input));
    put_field(buf, "output", avsp_location_show(arena, &job->spec.output));
    avsp_buf_printf(buf, "%-10s %d\n", "priority", (int)job->spec.priority);
    for (size_t i = 0; i < job->spec.n_labels; i++)
        put_label(buf, &job->spec.labels[i]);
    if (job->manifest.kind != AVSP_LOCATION_NONE)
        put_field(buf, "manifest", avsp_location_show(arena, &job->manifest));
    put_time(buf, "created", job->created_us);
    put_time(buf, "ended", job->ended_us);
    if (job->state == AVSP_JOB_FAILED)
        put_field(buf, "error", job->failure.message);
    for (size_t i = 0; i < job->n_warnings; i++)
        put_field(buf, "warning", job->warnings[i]);
    for (size_t i = 0; i < job->n_running; i++)
        put_running(buf, &job->running[i]);
    if (job->encoders[0] != '\0')
        put_field(buf, "encoders", job->encoders);
    if (job->waits_for_encoders)
        put_field(buf, "waits",
                  "for a worker with these encoders: none was heard of within a minute. Start one, "
                  "or begin the encodes anew with others: retry --repin");
}

static enum avsp_code print(const struct avsp_buf *buf, struct avsp_err *err)
{
    enum avsp_code rc = avsp_buf_check(buf, err);
    return rc == AVSP_OK ? avsp_cmd_print(avsp_buf_text(buf), err) : rc;
}

/// A log has lines: each begins with @p margin spaces.
static void put_log(struct avsp_buf *buf, const char *log, int margin)
{
    for (const char *line = log; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        avsp_buf_printf(buf, "%*s", margin, "");
        put_tamed(buf, line, n);
        avsp_buf_puts(buf, "\n");
        line += n + (line[n] == '\n');
    }
}

static void put_attempt(struct avsp_buf *buf, const struct avsp_attempt_record *attempt)
{
    const struct avsp_failure *failure = &attempt->failure;
    char began[AVSP_WALL_TEXT_BYTES];
    avsp_wall_format((struct avsp_wall){attempt->claimed_us}, began);
    int64_t ms = AVSP_MAX(attempt->ended_us - attempt->claimed_us, (int64_t)0) / 1000;
    avsp_buf_printf(buf, "%-10s %s  %s", "attempt", began, avsp_task_kind_name(attempt->kind));
    if (attempt->kind == AVSP_TASK_ENCODE)
        avsp_buf_printf(buf, " %" PRIu32, attempt->idx);
    avsp_buf_printf(buf, ", %" PRId64 ", on ", attempt->attempt);
    put_printable(buf, attempt->worker_id);
    avsp_buf_puts(buf, ": ");
    put_printable(buf, attempt->outcome);
    avsp_buf_printf(buf, " after %" PRId64 ".%" PRId64 " s", ms / 1000, ms % 1000 / 100);
    if (failure->code != AVSP_OK) {
        avsp_buf_puts(buf, ": ");
        put_printable(buf, failure->message);
    }
    avsp_buf_puts(buf, "\n");
    if (failure->code != AVSP_OK)
        put_log(buf, failure->log_tail, 13);
}

enum avsp_code avsp_cmd_report_history(const struct avsp_job *job,
                                       const struct avsp_attempt_record *attempts,
                                       size_t n_attempts, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    avsp_buf_init(&buf, 4 * (size_t)REPORT_MAX_BYTES);
    put_job(&buf, &arena, job);
    for (size_t i = 0; i < n_attempts; i++)
        put_attempt(&buf, &attempts[i]);
    return print(&buf, err);
}

enum avsp_code avsp_cmd_report_job(const struct avsp_job *job, const char *url,
                                   struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    put_job(&buf, &arena, job);
    if (url[0] != '\0')
        put_field(&buf, "url", url);
    return print(&buf, err);
}

static void put_row(struct avsp_buf *buf, struct avsp_arena *arena, const struct avsp_job *job)
{
    char created[AVSP_WALL_TEXT_BYTES];
    avsp_wall_format((struct avsp_wall){job->created_us}, created);
    avsp_buf_printf(buf, "%-26s  %-8s  %3d %%  %.19sZ  ", job->id, avsp_job_state_name(job->state),
                    (int)job->percent_complete, created);
    put_printable(buf, avsp_location_show(arena, &job->spec.input));
    avsp_buf_puts(buf, "\n");
}

enum avsp_code avsp_cmd_report_event(const struct avsp_job *job, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    put_row(&buf, &arena, job);
    return print(&buf, err);
}

enum avsp_code avsp_cmd_report_jobs(const struct avsp_job *jobs, size_t n_jobs,
                                    struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    avsp_buf_printf(&buf, "%-26s  %-8s  %5s  %-20s  %s\n", "JOB", "STATE", "DONE", "CREATED",
                    "INPUT");
    for (size_t i = 0; i < n_jobs; i++)
        put_row(&buf, &arena, &jobs[i]);
    return print(&buf, err);
}

/// "encode 3 of JOB, and 2 more", or "-".
static void put_tasks(struct avsp_buf *buf, const struct avsp_worker_record *worker)
{
    if (worker->n_tasks == 0) {
        avsp_buf_puts(buf, "-");
        return;
    }
    const struct avsp_worker_task *task = &worker->tasks[0];
    avsp_buf_puts(buf, avsp_task_kind_name(task->kind));
    if (task->kind == AVSP_TASK_ENCODE)
        avsp_buf_printf(buf, " %" PRIu32, task->idx);
    avsp_buf_puts(buf, " of ");
    put_printable(buf, task->job_id);
    if (worker->n_tasks > 1)
        avsp_buf_printf(buf, ", and %zu more", worker->n_tasks - 1);
}

/// As a column of @p width.
static void put_column(struct avsp_buf *buf, const char *text, size_t width)
{
    put_printable(buf, text[0] != '\0' ? text : "-");
    size_t n = AVSP_MAX(strlen(text), (size_t)1);
    avsp_buf_printf(buf, "%*s", (int)(n < width ? width - n : 0) + 2, "");
}

enum avsp_code avsp_cmd_report_workers(const struct avsp_worker_record *workers, size_t n_workers,
                                       struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    size_t width = strlen("WORKER");
    for (size_t i = 0; i < n_workers; i++)
        width = AVSP_MAX(width, AVSP_MIN(strlen(workers[i].id), (size_t)60));
    put_column(&buf, "WORKER", width);
    avsp_buf_printf(&buf, "%-8s  %5s  %-8s  %-20s  %-16s  %s\n", "STATE", "SLOTS", "VERSION",
                    "SEEN", "HOST", "NOW");
    for (size_t i = 0; i < n_workers; i++) {
        const struct avsp_worker_record *worker = &workers[i];
        char seen[AVSP_WALL_TEXT_BYTES];
        avsp_wall_format((struct avsp_wall){worker->seen_us}, seen);
        put_column(&buf, worker->id, width);
        avsp_buf_printf(&buf, "%-8s  %5" PRIu32 "  ", avsp_worker_state_name(worker->state),
                        worker->slots);
        put_column(&buf, worker->version, 8);
        avsp_buf_printf(&buf, "%.19sZ  ", seen);
        put_column(&buf, worker->host, 16);
        put_tasks(&buf, worker);
        avsp_buf_puts(&buf, "\n");
    }
    return print(&buf, err);
}

void avsp_cmd_say_warnings(const struct avsp_job *job)
{
    for (size_t i = 0; i < job->n_warnings; i++)
        avsp_cmd_say("warning: %s", job->warnings[i]);
}

static enum avsp_code print_manifest(const struct avsp_job *job, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, 4 * AVSP_PATH_MAX_BYTES);
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    put_printable(&buf, avsp_location_show(&arena, &job->manifest));
    avsp_buf_puts(&buf, "\n");
    return print(&buf, err);
}

static void say_log(const char *log)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    put_log(&buf, log, 0);
    fputs(avsp_buf_text(&buf), stderr);
}

int avsp_cmd_conclude(const struct avsp_job *job, bool json, bool verbose)
{
    struct avsp_err err = {0};
    avsp_cmd_say_warnings(job);
    if (job->state == AVSP_JOB_FAILED)
        avsp_cmd_say("the job failed: %s", job->failure.message);
    else if (job->state == AVSP_JOB_CANCELED)
        avsp_cmd_say("the job was canceled");
    if (verbose && job->state == AVSP_JOB_FAILED)
        say_log(job->failure.log_tail);
    enum avsp_code rc = AVSP_OK;
    if (json)
        rc = avsp_cmd_json_job(job, &err);
    else if (job->manifest.kind != AVSP_LOCATION_NONE)
        rc = print_manifest(job, &err);
    if (rc == AVSP_OK)
        return avsp_cmd_exit_of(job);
    avsp_cmd_say("%s", err.text);
    return AVSP_EXIT_FAILED;
}
