#include "worker/run.h"

#include "util/fd.h"
#include "util/folders.h"
#include "worker/piece_batch.h"
#include "worker/sizing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/// A smaller input is copied: it is there at once, and checked.
#define STREAM_MIN_BYTES ((uint64_t)32 << 20)
/// Storage that is slower than this does not answer.
#define WRITE_BYTES_PER_MS 1000
/// A step that said its last word has only memory to give back; a machine that does too much at once takes its time for that.
#define END_MS 60000
/// An encode whose input is a file of this machine has nobody to wait for. SVT-AV1 1.4.1 waits for itself for ever where it gets no memory or no thread, and with
/// two threads or more, rarely, where a picture is used again before it was looked at for the last time (mended in 1.6.0, FIX_DEADLOCK).
#define IDLE_MS 20000
/// Without a limit on temporary storage: larger than any sane piece or segment.
#define FILE_MAX_BYTES ((uint64_t)64 << 30)
/// Of a limit on temporary storage, what a task has in hand. Steps are looked at five times a second.
#define AHEAD_SHARE 16
#define AHEAD_MAX_BYTES ((uint64_t)32 << 20)
/// How often who waits for room for a copy asks again.
#define ROOM_TICK_MS 50

void avsp_run_log(const struct avsp_run *run, enum avsp_log_level level, const char *event,
                  const char *fmt, ...)
{
    const struct avsp_task *task = run->task;
    char more[2 * AVSP_LOG_Q_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(more, sizeof more, fmt, ap);
    va_end(ap);
    avsp_log(level, event, "task=%s kind=%s job=%s idx=%" PRIu32 " attempt=%" PRId64 "%s", task->id,
             avsp_task_kind_name(task->kind), task->job_id, task->idx, task->token.attempt, more);
}

bool avsp_run_should_stop(void *opaque)
{
    struct avsp_run *run = opaque;
    avsp_beat_alive(&run->beat, 0);
    return avsp_beat_verdict(&run->beat) != AVSP_BEAT_GO_ON ||
           avsp_slots_phase(&run->worker->slots) == AVSP_PHASE_STOP;
}

void avsp_run_will_write(struct avsp_run *run, uint64_t bytes)
{
    avsp_beat_alive(&run->beat, (int64_t)(bytes / WRITE_BYTES_PER_MS));
}

enum avsp_code avsp_run_stopped(const struct avsp_run *run, struct avsp_err *err)
{
    switch (avsp_beat_verdict(&run->beat)) {
    case AVSP_BEAT_CANCELED:
        return avsp_err_set(err, AVSP_CANCELED, "the job is over");
    case AVSP_BEAT_LOST:
        return avsp_err_set(err, AVSP_CANCELED, "another worker has the task");
    case AVSP_BEAT_STALLED:
        return avsp_err_set(err, AVSP_CANCELED, "it did not get on, and was given up");
    case AVSP_BEAT_GO_ON:
        break;
    }
    return avsp_err_set(err, AVSP_CANCELED, "the worker stops");
}

void avsp_run_unload(struct avsp_run *run, unsigned n)
{
    avsp_slots_unload(&run->worker->slots, n);
    run->n_loads -= n;
}

/// There are so many for all encodes together.
static uint32_t all_threads(const struct avsp_run *run)
{
    return run->worker->config->threads * run->worker->config->slots;
}

uint32_t avsp_run_most_threads(const struct avsp_run *run)
{
    // What went wrong before may have been an encoder that waited for itself, which with one thread it does not (IDLE_MS).
    return run->task->n_spent > 0 ? 1
                                  : AVSP_MIN(all_threads(run), (uint32_t)AVSP_MACHINE_THREADS_MAX);
}

uint32_t avsp_run_threads(void *opaque)
{
    const struct avsp_run *run = opaque;
    struct avsp_worker *worker = run->worker;
    unsigned n_here = 0;
    unsigned n_taken = avsp_slots_taken(&worker->slots, &n_here);
    unsigned share =
        avsp_machine_threads(all_threads(run), atomic_load(&worker->n_waiting) + n_here, n_taken);
    return AVSP_MIN(run->n_slots * AVSP_MAX(share, worker->config->threads),
                    avsp_run_most_threads(run));
}

/// What a step may write before we look again, so that it is stopped below the limit. Nothing where there is none.
static uint64_t ahead(uint64_t limit)
{
    return AVSP_MIN(limit / AHEAD_SHARE, AHEAD_MAX_BYTES);
}

/// Takes the temporary storage that a task is expected to need.
static enum avsp_code reserve(struct avsp_run *run, uint64_t bytes, struct avsp_err *err)
{
    AVSP_ASSERT(run->reserved_bytes == 0);
    bytes += ahead(run->worker->config->work_bytes);
    return avsp_slots_reserve(&run->worker->slots, bytes,
                              (struct avsp_slots_waiter){avsp_run_should_stop, run},
                              &run->reserved_bytes)
               ? AVSP_OK
               : avsp_run_stopped(run, err);
}

/// As struct avsp_child has it: a step that takes more than was expected gets more, or waits for it.
static enum avsp_code take_room(void *opaque, uint64_t step_bytes, bool *ret_wait,
                                struct avsp_err *err)
{
    struct avsp_run *run = opaque;
    uint64_t limit = run->worker->config->work_bytes;
    uint64_t wanted = run->copied_bytes + step_bytes + ahead(limit);
    *ret_wait = false;
    if (wanted <= run->reserved_bytes)
        return AVSP_OK;
    // What waits to be stored goes away first.
    if (run->batch != NULL && run->batch->n > 0) {
        *ret_wait = true;
        return avsp_piece_batch_flush(run->batch, run, err);
    }
    if (wanted > limit)
        return avsp_err_set(err, AVSP_LIMIT,
                            "it needs more temporary storage than the %" PRIu64
                            " MiB of --work-limit: give the worker more, or make segments shorter",
                            limit >> 20);
    switch (avsp_slots_grow(&run->worker->slots, run, wanted, &run->reserved_bytes)) {
    case AVSP_GROWTH_DONE:
        return AVSP_OK;
    case AVSP_GROWTH_WAIT:
        *ret_wait = true;
        return AVSP_OK;
    case AVSP_GROWTH_GIVE_WAY:
        break;
    }
    run->is_handed_back = true;
    return avsp_err_set(err, AVSP_CANCELED, "another task needs the temporary storage");
}

/// Waits until a copy of so many bytes has room: what was reserved may be less, while others keep some (avsp_slots_reserve).
static enum avsp_code await_room(struct avsp_run *run, uint64_t bytes, struct avsp_err *err)
{
    bool wait = run->worker->config->work_bytes > 0;
    while (wait) {
        enum avsp_code rc = take_room(run, bytes, &wait, err);
        if (rc != AVSP_OK)
            return rc;
        if (wait)
            avsp_slots_sleep(&run->worker->slots, ROOM_TICK_MS, AVSP_PHASE_STOP);
        if (avsp_run_should_stop(run))
            return avsp_run_stopped(run, err);
    }
    return AVSP_OK;
}

/// Copies the input to the attempt's folder.
static enum avsp_code fetch(struct avsp_run *run, struct avsp_input *input, struct avsp_err *err)
{
    enum avsp_code rc = await_room(run, input->bytes, err);
    if (rc != AVSP_OK)
        return rc;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/input", run->attempt.path);
    input->own_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (input->own_fd < 0)
        return avsp_err_set_errno(err, errno, "%s", path);
    const struct avsp_watch watch = {.should_stop = avsp_run_should_stop, .opaque = run};
    rc = avsp_reader_fetch(input->reader, input->own_fd, &watch, err);
    if (rc != AVSP_OK)
        return rc == AVSP_CANCELED ? avsp_run_stopped(run, err) : rc;
    // For reading: the child has no business with changing it.
    avsp_fd_cleanup(&input->own_fd);
    input->own_fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (input->own_fd < 0)
        return avsp_err_set_errno(err, errno, "%s", path);
    // It goes when it is closed: a task may have one input after another.
    unlink(path);
    input->fd = input->own_fd;
    run->copied_bytes = input->bytes;
    return AVSP_OK;
}

enum avsp_code avsp_input_open(struct avsp_run *run, const struct avsp_location *file,
                               struct avsp_input *ret_input, struct avsp_err *err)
{
    struct avsp_reader *reader = avsp_storage_open(run->worker->storage, file, err);
    if (reader == NULL)
        return err->code;
    *ret_input = (struct avsp_input){.reader = reader,
                                     .serving = {.fd = -1},
                                     .own_fd = -1,
                                     .fd = -1,
                                     .bytes = avsp_reader_bytes(reader)};
    return AVSP_OK;
}

enum avsp_code avsp_input_fetch(struct avsp_run *run, struct avsp_input *input, uint64_t more_bytes,
                                struct avsp_err *err)
{
    input->fd = avsp_reader_fd(input->reader);
    uint64_t bytes = more_bytes + (input->fd < 0 ? input->bytes : 0);
    enum avsp_code rc = reserve(run, bytes, err);
    return rc == AVSP_OK && input->fd < 0 ? fetch(run, input, err) : rc;
}

enum avsp_code avsp_input_stream(struct avsp_run *run, struct avsp_input *input,
                                 uint64_t more_bytes, struct avsp_err *err)
{
    uint64_t limit = run->worker->config->work_bytes;
    bool has_room = limit == 0 || input->bytes <= limit - AVSP_MIN(more_bytes, limit);
    if (avsp_reader_fd(input->reader) >= 0 || (input->bytes < STREAM_MIN_BYTES && has_room) ||
        (!avsp_reader_is_sure(input->reader) && has_room))
        return avsp_input_fetch(run, input, more_bytes, err);
    enum avsp_code rc = reserve(run, more_bytes, err);
    if (rc == AVSP_OK)
        rc = avsp_serving_start(&input->serving, input->reader, err);
    input->fd = input->serving.fd;
    return rc;
}

void avsp_run_release(struct avsp_run *run)
{
    avsp_slots_release(&run->worker->slots, run, run->reserved_bytes);
    run->reserved_bytes = 0;
    run->copied_bytes = 0;
}

void avsp_input_close(struct avsp_input *input)
{
    avsp_serving_stop(&input->serving);
    avsp_reader_close(input->reader);
    avsp_fd_cleanup(&input->own_fd);
    input->reader = NULL;
}

static bool waits_for_nobody(const struct avsp_step *step, int input_fd)
{
    struct statfs fs;
    return step->kind == AVSP_STEP_ENCODE && fstatfs(input_fd, &fs) == 0 &&
           avsp_folder_network_fs((unsigned long)fs.f_type) == NULL;
}

enum avsp_code avsp_run_step(struct avsp_run *run, const struct avsp_step *step, int input_fd,
                             enum avsp_code (*report)(void *opaque,
                                                      const struct avsp_report *report,
                                                      struct avsp_err *err),
                             struct avsp_err *err)
{
    const struct avsp_worker_config *config = run->worker->config;
    struct avsp_child child = {
        .program = config->media_program,
        .input_fd = input_fd,
        .folder_fd = run->attempt.step_fd,
        .step = step,
        .limits = {.wall_ms = config->task_ms,
                   .silence_ms = config->stall_ms,
                   .idle_ms = waits_for_nobody(step, input_fd) ? IDLE_MS : 0,
                   .end_ms = END_MS,
                   .memory_bytes = config->memory_bytes * AVSP_MAX(run->n_slots, 1u),
                   .file_bytes = config->work_bytes > 0 ? config->work_bytes : FILE_MAX_BYTES},
        .should_stop = avsp_run_should_stop,
        .report = report,
        .threads = step->kind == AVSP_STEP_ENCODE ? avsp_run_threads : NULL,
        .room = config->work_bytes > 0 ? take_room : NULL,
        .opaque = run,
    };
    enum avsp_code rc = avsp_child_run(&child, run->log_tail, err);
    // What the step says of itself when it is stopped does not matter.
    return rc != AVSP_OK && avsp_run_should_stop(run) ? avsp_run_stopped(run, err) : rc;
}

void avsp_run_progress(struct avsp_run *run, const struct avsp_progress *progress)
{
    avsp_beat_progress(&run->worker->beats, &run->beat, progress->frames_done,
                       progress->frames_total);
    // Three quarters: early enough to claim and fetch the next piece, late enough not to keep it from an idle worker. It is one piece,
    // however many loads this one is, for that may be as large.
    if (progress->frames_total > 0 && progress->frames_done / 3 >= progress->frames_total / 4 &&
        run->n_loads > 0 && run->n_loads == run->n_slots)
        avsp_run_unload(run, 1);
}

enum avsp_code avsp_run_warn(struct avsp_run *run, const char *text, struct avsp_err *err)
{
    struct avsp_outputs *made = &run->made;
    if (made->warnings == NULL) {
        made->warnings = avsp_arena_array(run->arena, AVSP_WARNINGS_MAX, sizeof *made->warnings);
        if (made->warnings == NULL)
            return avsp_arena_failed(run->arena, err);
    }
    if (made->n_warnings == AVSP_WARNINGS_MAX)
        return AVSP_OK;
    const char *copy = avsp_arena_strdup(run->arena, text);
    if (copy == NULL)
        return avsp_arena_failed(run->arena, err);
    made->warnings[made->n_warnings++] = copy;
    return AVSP_OK;
}

/// Makes room for one more; what was there before stays in the arena until it goes (at most as much again).
static enum avsp_code grow_segments(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_outputs *made = &run->made;
    if (made->n_segments < run->segments_cap)
        return AVSP_OK;
    if (made->n_segments >= AVSP_SEGMENTS_MAX)
        return avsp_err_set(err, AVSP_LIMIT, "more than %d segments", AVSP_SEGMENTS_MAX);
    size_t cap = AVSP_MAX(run->segments_cap * 2, (size_t)16);
    struct avsp_segment *grown = avsp_arena_array(run->arena, cap, sizeof *grown);
    if (grown == NULL)
        return avsp_arena_failed(run->arena, err);
    if (made->n_segments > 0)
        memcpy(grown, made->segments, made->n_segments * sizeof *grown);
    made->segments = grown;
    run->segments_cap = cap;
    return AVSP_OK;
}

enum avsp_code avsp_run_keep_rendition(struct avsp_run *run, const struct avsp_rendition *rendition,
                                       struct avsp_err *err)
{
    struct avsp_outputs *made = &run->made;
    if (made->renditions == NULL)
        made->renditions =
            avsp_arena_array(run->arena, AVSP_RUN_RENDITIONS_MAX, sizeof *made->renditions);
    if (made->renditions == NULL)
        return avsp_arena_failed(run->arena, err);
    if (made->n_renditions == AVSP_RUN_RENDITIONS_MAX)
        return avsp_err_set(err, AVSP_LIMIT, "more than %d renditions", AVSP_RUN_RENDITIONS_MAX);
    struct avsp_rendition *copy = &made->renditions[made->n_renditions];
    enum avsp_code rc = avsp_rendition_copy(run->arena, rendition, copy, err);
    made->n_renditions += rc == AVSP_OK;
    return rc;
}

enum avsp_code avsp_run_keep_segment(struct avsp_run *run, const struct avsp_segment *segment,
                                     struct avsp_err *err)
{
    enum avsp_code rc = grow_segments(run, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_segment copy = *segment;
    copy.rendition = avsp_arena_strdup(run->arena, segment->rendition);
    copy.name = avsp_arena_strdup(run->arena, segment->name);
    copy.sha256 = avsp_arena_strdup(run->arena, segment->sha256);
    if (copy.rendition == NULL || copy.name == NULL || copy.sha256 == NULL)
        return avsp_arena_failed(run->arena, err);
    run->made.segments[run->made.n_segments++] = copy;
    return AVSP_OK;
}

enum avsp_code avsp_run_work_folder(const struct avsp_run *run, struct avsp_location *ret_folder,
                                    struct avsp_err *err)
{
    if (!avsp_id_is_valid(run->task->job_id))
        return avsp_err_set(err, AVSP_INVALID, "the job's id is no name for a folder");
    return avsp_location_join(run->arena, &run->task->work, run->task->job_id, ret_folder, err);
}
