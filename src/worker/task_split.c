#include "core/naming.h"
#include "util/log.h"
#include "util/parse.h"
#include "worker/piece_batch.h"
#include "worker/publish.h"

#include <string.h>

/// Pieces that may be finished and not yet taken.
#define MAX_PENDING 8
/// Room for those, where temporary storage is limited: the input divided by this, and a little.
#define INPUT_SHARE 4
#define ROOM_MIN_BYTES ((uint64_t)64 << 20)

/// Another presentation in the output folder is not replaced unasked.
static enum avsp_code check_output(struct avsp_run *run, struct avsp_err *err)
{
    const struct avsp_task *task = run->task;
    struct avsp_location manifest;
    enum avsp_code rc =
        avsp_location_join(run->arena, &task->output, AVSP_MANIFEST_NAME, &manifest, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_stat st;
    struct avsp_err none = {0};
    if (!task->overwrite &&
        avsp_storage_stat(run->worker->storage, &manifest, &st, &none) == AVSP_OK)
        return avsp_err_set(err, AVSP_EXISTS,
                            "%s already holds a presentation: choose another folder or --overwrite",
                            avsp_location_show(run->arena, &task->output));
    if (avsp_storage_probe_folder(run->worker->storage, &task->output, err) != AVSP_OK)
        return avsp_err_wrap(err, "the output folder cannot be written");
    return AVSP_OK;
}

/// Text is little: the split makes its renditions whole.
static enum avsp_code keep_text(struct avsp_run *run, const struct avsp_rendition *reported,
                                struct avsp_err *err)
{
    const char *name = reported->name;
    if (reported->kind != AVSP_MEDIA_TEXT || name[0] != 's' || strlen(name) < 2 ||
        strspn(name + 1, "0123456789") != strlen(name + 1))
        return avsp_err_set(err, AVSP_INTERNAL, "the split reports a rendition \"%s\"", name);
    return avsp_run_keep_rendition(run, reported, err);
}

/// Each has one file, and each file belongs to one.
static enum avsp_code check_texts(const struct avsp_run *run, struct avsp_err *err)
{
    const struct avsp_outputs *made = &run->made;
    for (size_t i = 0; i < AVSP_MAX(made->n_segments, made->n_renditions); i++)
        if (made->n_segments != made->n_renditions || made->segments[i].idx != 0 ||
            strcmp(made->segments[i].rendition, made->renditions[i].name) != 0)
            return avsp_err_set(err, AVSP_INTERNAL, "the split reports other text than it made");
    return AVSP_OK;
}

/// How often a split that waits looks whether it may go on.
#define HOLD_TICK_MS 50

/// Would waiting be in vain? A worker that ends, or does this single task, keeps those away who do the encodes; and an encode
/// may need the temporary storage that this one's files take.
static bool is_to_be_handed_back(struct avsp_run *run)
{
    struct avsp_slots *slots = &run->worker->slots;
    return atomic_load(&run->beat.hand_back) || run->worker->config->once ||
           avsp_slots_phase(slots) != AVSP_PHASE_RUN || avsp_slots_is_crowded(slots);
}

/// Gives the temporary storage back that is not used yet. Where it is limited, the child stands still meanwhile.
static enum avsp_code keep_used(struct avsp_run *run, struct avsp_err *err)
{
    uint64_t bytes = 0;
    if (run->worker->config->work_bytes == 0)
        return AVSP_OK;
    enum avsp_code rc = avsp_attempt_used(run->attempt.step_fd, &bytes, err);
    if (rc == AVSP_OK)
        avsp_slots_keep(&run->worker->slots, bytes, &run->reserved_bytes);
    return rc;
}

/// Waits while enough pieces wait for encoders. The child waits for our answer meanwhile, the heartbeats go on, others may use
/// this one's turn, and the temporary storage that it does not use yet: an encode may be in need of it. A copy of the source stays
/// there, so where storage is limited such a split goes on instead.
static enum avsp_code await_encoders(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_slots *slots = &run->worker->slots;
    const bool once = run->worker->config->once; // a single runner, which takes no turns
    if (!atomic_load(&run->beat.hold) ||
        (run->copied_bytes > 0 && run->worker->config->work_bytes > 0))
        return AVSP_OK;
    // What is not stored yet, nobody can encode.
    run->batch->is_single = true;
    enum avsp_code rc = avsp_piece_batch_flush(run->batch, run, err);
    if (rc != AVSP_OK || !atomic_load(&run->beat.hold))
        return rc;
    rc = keep_used(run, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_run_log(run, AVSP_LOG_DEBUG, "task.held", "%s", "");
    avsp_beat_soon(&run->worker->beats, &run->beat);
    if (!once)
        avsp_slots_light_give(slots);
    while (rc == AVSP_OK && atomic_load(&run->beat.hold)) {
        run->is_handed_back = is_to_be_handed_back(run);
        if (run->is_handed_back || avsp_run_should_stop(run))
            rc = avsp_err_set(err, AVSP_CANCELED, "its pieces wait for encoders");
        else
            avsp_slots_sleep(slots, HOLD_TICK_MS, AVSP_PHASE_DRAIN);
    }
    if (!once)
        avsp_slots_light_again(slots);
    avsp_slots_go_on(slots, run->reserved_bytes);
    return rc;
}

static enum avsp_code take_report(void *opaque, const struct avsp_report *report,
                                  struct avsp_err *err)
{
    struct avsp_run *run = opaque;
    enum avsp_code rc = AVSP_OK;
    switch (report->kind) {
    case AVSP_REPORT_PROGRESS:
        avsp_run_progress(run, &report->progress);
        rc = avsp_piece_batch_tick(run->batch, run, err);
        return rc == AVSP_OK ? await_encoders(run, err) : rc;
    case AVSP_REPORT_PIECE:
        rc = avsp_piece_batch_add(run->batch, run, &report->piece, err);
        return rc == AVSP_OK ? await_encoders(run, err) : rc;
    case AVSP_REPORT_RENDITION:
        return keep_text(run, &report->rendition, err);
    case AVSP_REPORT_SEGMENT:
        return avsp_run_keep_segment(run, &report->segment, err);
    case AVSP_REPORT_EXTENT:
        run->extent = report->extent;
        return AVSP_OK;
    case AVSP_REPORT_WARNING:
        return avsp_run_warn(run, report->warning, err);
    default:
        return avsp_err_set(err, AVSP_INTERNAL, "the split reports what it should not");
    }
}

static enum avsp_code take_text_report(void *opaque, const struct avsp_report *report,
                                       struct avsp_err *err)
{
    struct avsp_run *run = opaque;
    switch (report->kind) {
    case AVSP_REPORT_RENDITION:
        return keep_text(run, &report->rendition, err);
    case AVSP_REPORT_SEGMENT:
        return avsp_run_keep_segment(run, &report->segment, err);
    case AVSP_REPORT_WARNING:
        return avsp_run_warn(run, report->warning, err);
    default:
        return avsp_err_set(err, AVSP_INTERNAL, "a step for text reports what it should not");
    }
}

/// The first number behind those of the renditions so far.
static uint32_t next_number(const struct avsp_outputs *made)
{
    uint32_t next = 0;
    for (size_t i = 0; i < made->n_renditions; i++) {
        int64_t number = 0;
        if (avsp_parse_i64(made->renditions[i].name + 1, 0, AVSP_RUN_RENDITIONS_MAX, &number))
            next = AVSP_MAX(next, (uint32_t)number + 1);
    }
    return next;
}

/// The input before this one, the source or another file, is closed.
static enum avsp_code make_sidecar(struct avsp_run *run, const struct avsp_sidecar *sidecar,
                                   uint32_t number, struct avsp_err *err)
{
    avsp_run_release(run);
    struct avsp_input AVSP_CLEANUP(avsp_input_close) input = {.serving = {.fd = -1}, .own_fd = -1};
    const struct avsp_step step = {
        .kind = AVSP_STEP_TEXT,
        .idx = number,
        .choice = {.range = run->extent},
        .language = sidecar->language,
        .title = sidecar->title,
        .max_pending = 1,
        .threads = 1,
    };
    // The text that was made so far lies there until it is published.
    uint64_t made_bytes = 0;
    enum avsp_code rc = avsp_attempt_used(run->attempt.step_fd, &made_bytes, err);
    if (rc == AVSP_OK)
        rc = avsp_input_open(run, &sidecar->file, &input, err);
    if (rc == AVSP_OK)
        rc = avsp_input_fetch(run, &input, made_bytes, err);
    return rc == AVSP_OK ? avsp_run_step(run, &step, input.fd, take_text_report, err) : rc;
}

/// Says which file it is about, unless the error does already.
static enum avsp_code name_sidecar(struct avsp_run *run, const struct avsp_sidecar *sidecar,
                                   struct avsp_err *err)
{
    const char *shown = avsp_location_show(run->arena, &sidecar->file);
    return strstr(err->text, shown) != NULL ? avsp_err_wrap(err, "subtitles")
                                            : avsp_err_wrap(err, "subtitles %s", shown);
}

/// Files of subtitles beside the source, behind its own. They were asked for by name: without one the job fails.
static enum avsp_code make_sidecars(struct avsp_run *run, struct avsp_err *err)
{
    const struct avsp_task *task = run->task;
    uint32_t number = next_number(&run->made);
    for (size_t i = 0; i < task->n_sidecars; i++) {
        enum avsp_code rc = make_sidecar(run, &task->sidecars[i], number + (uint32_t)i, err);
        if (rc != AVSP_OK)
            return name_sidecar(run, &task->sidecars[i], err);
    }
    return AVSP_OK;
}

/// A file that is not there need not be waited for.
static enum avsp_code look_for_sidecars(struct avsp_run *run, struct avsp_err *err)
{
    const struct avsp_task *task = run->task;
    struct avsp_stat st;
    for (size_t i = 0; i < task->n_sidecars; i++)
        if (avsp_storage_stat(run->worker->storage, &task->sidecars[i].file, &st, err) != AVSP_OK)
            return name_sidecar(run, &task->sidecars[i], err);
    return AVSP_OK;
}

static enum avsp_code split(struct avsp_run *run, struct avsp_input *input,
                            const struct avsp_location *work, struct avsp_err *err)
{
    struct avsp_step step = {
        .kind = AVSP_STEP_SPLIT,
        .segment_seconds = run->task->segment_seconds,
        .picture = run->task->picture,
        .choice = run->task->choice,
        .resume_idx = run->task->resume_idx,
        .max_pending = MAX_PENDING,
        .threads = 1,
    };
    struct avsp_piece_batch AVSP_CLEANUP(avsp_piece_batch_deinit) batch;
    avsp_piece_batch_init(&batch, work);
    run->batch = &batch;
    enum avsp_code rc = avsp_run_step(run, &step, input->fd, take_report, err);
    rc = avsp_serving_end(&input->serving, rc, err);
    if (rc == AVSP_OK)
        rc = avsp_piece_batch_flush(&batch, run, err);
    run->batch = NULL;
    avsp_input_close(input);
    if (rc == AVSP_OK)
        rc = make_sidecars(run, err);
    if (rc == AVSP_OK)
        rc = check_texts(run, err);
    return rc == AVSP_OK ? avsp_publish_made(run, err) : rc;
}

/// Never so much that no encode fits beside it, for it lasts long.
static uint64_t room(const struct avsp_run *run, uint64_t input_bytes)
{
    uint64_t bytes = AVSP_MIN(input_bytes, input_bytes / INPUT_SHARE + ROOM_MIN_BYTES);
    uint64_t limit = run->worker->config->work_bytes;
    return limit > 0 ? AVSP_MIN(bytes, limit / 2) : bytes;
}

/// A coordinator that knows the base alone has no task for sound, and could not keep a piece's window. The source is its own
/// only piece: one encode takes it whole.
static enum avsp_code pass_on(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_input AVSP_CLEANUP(avsp_input_close) input = {.serving = {.fd = -1}, .own_fd = -1};
    if (avsp_input_open(run, &run->task->input, &input, err) != AVSP_OK)
        return avsp_err_wrap(err, "read the input");
    run->files = avsp_arena_array(run->arena, 1, sizeof *run->files);
    if (run->files == NULL)
        return avsp_arena_failed(run->arena, err);
    run->files[0] = run->task->input;
    run->n_files = 1;
    run->files_kind = AVSP_TASK_SPLIT;
    return AVSP_OK;
}

enum avsp_code avsp_task_split(struct avsp_run *run, struct avsp_err *err)
{
    if (run->task->token.attempt == 0)
        return pass_on(run, err);
    struct avsp_location work;
    enum avsp_code rc = check_output(run, err);
    if (rc == AVSP_OK)
        rc = avsp_run_work_folder(run, &work, err);
    if (rc == AVSP_OK && avsp_storage_probe_folder(run->worker->storage, &work, err) != AVSP_OK)
        rc = avsp_err_wrap(err, "the work folder cannot be written");
    if (rc == AVSP_OK)
        rc = look_for_sidecars(run, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_input AVSP_CLEANUP(avsp_input_close) input = {.serving = {.fd = -1}, .own_fd = -1};
    rc = avsp_input_open(run, &run->task->input, &input, err);
    if (rc == AVSP_OK)
        rc = avsp_input_stream(run, &input, room(run, input.bytes), err);
    if (rc == AVSP_CANCELED)
        return rc;
    return rc == AVSP_OK ? split(run, &input, &work, err) : avsp_err_wrap(err, "read the input");
}
