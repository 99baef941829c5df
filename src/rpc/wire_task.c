#include "rpc/wire.h"

#include <string.h>

#define WAIT_MAX_MS 60000
#define SLOTS_MAX 4096
#define BASE_KINDS (1u << AVSP_TASK_SPLIT | 1u << AVSP_TASK_ENCODE | 1u << AVSP_TASK_MANIFEST)

Com__Avspl1t__GetTaskMessage *avsp_wire_make_claim(struct avsp_arena *arena,
                                                   const struct avsp_claim *claim)
{
    Com__Avspl1t__GetTaskMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__get_task_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->worker_id = (char *)claim->worker.id;
    if (!claim->own)
        return msg;
    msg->claim_id = (char *)claim->claim_id;
    msg->wait_ms = claim->wait_ms;
    msg->worker = avsp_wire_new(arena, &com__avspl1t__worker_info__descriptor);
    Com__Avspl1t__WorkerInfo *worker = msg->worker;
    if (worker == NULL)
        return NULL;
    worker->host = (char *)claim->worker.host;
    worker->version = (char *)claim->worker.version;
    worker->encoders = (char *)(claim->worker.encoders != NULL ? claim->worker.encoders : "");
    worker->slots = claim->worker.slots;
    worker->kinds = avsp_arena_array(arena, AVSP_TASK_CLEANUP, sizeof *worker->kinds);
    if (worker->kinds == NULL)
        return NULL;
    for (int kind = AVSP_TASK_SPLIT; kind <= AVSP_TASK_CLEANUP; kind++)
        if ((claim->worker.kinds & 1u << kind) != 0)
            worker->kinds[worker->n_kinds++] = (Com__Avspl1t__TaskKind)kind;
    return msg;
}

static uint32_t read_kinds(const Com__Avspl1t__WorkerInfo *worker)
{
    uint32_t kinds = 0;
    for (size_t i = 0; i < worker->n_kinds; i++) {
        int kind = (int)worker->kinds[i];
        if (kind >= AVSP_TASK_SPLIT && kind <= AVSP_TASK_CLEANUP) // a newer worker may take more
            kinds |= 1u << kind;
    }
    return kinds;
}

enum avsp_code avsp_wire_read_claim(const Com__Avspl1t__GetTaskMessage *msg,
                                    struct avsp_claim *ret_claim, struct avsp_err *err)
{
    const Com__Avspl1t__WorkerInfo *worker = msg->worker;
    if (worker == NULL) {
        *ret_claim = (struct avsp_claim){
            .worker = {msg->worker_id, "", "", 1, BASE_KINDS, ""},
            .own = false,
            .claim_id = "",
        };
        return AVSP_OK;
    }
    if (msg->worker_id[0] == '\0')
        return avsp_err_set(err, AVSP_INVALID, "worker_id: missing");
    enum avsp_code rc = avsp_wire_range("worker.slots", worker->slots, 0, SLOTS_MAX, err);
    if (rc == AVSP_OK && strlen(worker->encoders) >= AVSP_TEXT_MAX_BYTES)
        rc = avsp_err_set(err, AVSP_INVALID, "worker.encoders: longer than %d bytes",
                          AVSP_TEXT_MAX_BYTES - 1);
    if (rc != AVSP_OK)
        return rc;
    *ret_claim = (struct avsp_claim){
        .worker = {msg->worker_id, worker->host, worker->version, worker->slots, read_kinds(worker),
                   worker->encoders},
        .own = true,
        .claim_id = msg->claim_id,
        .wait_ms = AVSP_MIN(msg->wait_ms, WAIT_MAX_MS),
    };
    return AVSP_OK;
}

static bool fill_split(struct avsp_arena *arena, const struct avsp_task *task,
                       Com__Avspl1t__Task *msg)
{
    Com__Avspl1t__SplitVideoTask *split =
        avsp_wire_new(arena, &com__avspl1t__split_video_task__descriptor);
    if (split == NULL)
        return false;
    msg->task_case = COM__AVSPL1T__TASK__TASK_SPLIT_VIDEO_TASK;
    msg->split_video_task = split;
    split->seconds_per_segment = task->segment_seconds;
    split->resume_index = task->resume_idx;
    split->overwrite = task->overwrite;
    return avsp_wire_make_picture(arena, &task->picture, &split->picture) &&
           avsp_wire_make_choice(arena, &task->choice, &split->tracks, &split->range) &&
           avsp_wire_make_sidecars(arena, task->sidecars, task->n_sidecars, &split->subtitles,
                                   &split->n_subtitles) &&
           avsp_wire_make_file(arena, &task->input, &split->input_file) &&
           avsp_wire_make_folder(arena, &task->work, &split->output_directory) &&
           avsp_wire_make_folder(arena, &task->output, &split->final_directory);
}

static bool fill_encode(struct avsp_arena *arena, const struct avsp_task *task,
                        Com__Avspl1t__Task *msg)
{
    Com__Avspl1t__EncodeVideoTask *encode =
        avsp_wire_new(arena, &com__avspl1t__encode_video_task__descriptor);
    if (encode == NULL)
        return false;
    msg->task_case = COM__AVSPL1T__TASK__TASK_ENCODE_VIDEO_TASK;
    msg->encode_video_task = encode;
    encode->crf = task->crf;
    encode->index = (int32_t)task->idx;
    encode->preset = task->preset;
    encode->seconds_per_segment = task->segment_seconds;
    encode->described = task->described;
    encode->keep_work = task->keep_work;
    return avsp_wire_make_picture(arena, &task->picture, &encode->picture) &&
           avsp_wire_make_file(arena, &task->input, &encode->input_file) &&
           avsp_wire_make_folder(arena, &task->output, &encode->output_directory);
}

static bool fill_manifest(struct avsp_arena *arena, const struct avsp_task *task,
                          Com__Avspl1t__Task *msg)
{
    Com__Avspl1t__GenerateManifestTask *manifest =
        avsp_wire_new(arena, &com__avspl1t__generate_manifest_task__descriptor);
    if (manifest == NULL)
        return false;
    msg->task_case = COM__AVSPL1T__TASK__TASK_GENERATE_MANIFEST_TASK;
    msg->generate_manifest_task = manifest;
    manifest->seconds_per_segment = task->segment_seconds;
    manifest->described = task->described;
    manifest->overwrite = task->overwrite;
    manifest->dash = task->dash;
    manifest->keep_work = task->keep_work;
    manifest->n_files = task->n_files;
    manifest->files = avsp_wire_make_files(arena, task->files, task->n_files);
    return manifest->files != NULL &&
           avsp_wire_make_folder(arena, &task->work, &manifest->work_directory) &&
           avsp_wire_make_folder(arena, &task->output, &manifest->output_directory);
}

static bool fill_audio(struct avsp_arena *arena, const struct avsp_task *task,
                       Com__Avspl1t__Task *msg)
{
    Com__Avspl1t__AudioTask *audio = avsp_wire_new(arena, &com__avspl1t__audio_task__descriptor);
    if (audio == NULL)
        return false;
    msg->task_case = COM__AVSPL1T__TASK__TASK_AUDIO_TASK;
    msg->audio_task = audio;
    audio->seconds_per_segment = task->segment_seconds;
    audio->keep_work = task->keep_work;
    return avsp_wire_make_sound(arena, &task->sound, &audio->sound) &&
           avsp_wire_make_file(arena, &task->input, &audio->input_file) &&
           avsp_wire_make_folder(arena, &task->output, &audio->output_directory);
}

static bool fill_cleanup(struct avsp_arena *arena, const struct avsp_task *task,
                         Com__Avspl1t__Task *msg)
{
    Com__Avspl1t__CleanupTask *cleanup =
        avsp_wire_new(arena, &com__avspl1t__cleanup_task__descriptor);
    if (cleanup == NULL)
        return false;
    msg->task_case = COM__AVSPL1T__TASK__TASK_CLEANUP_TASK;
    msg->cleanup_task = cleanup;
    cleanup->keep_work = task->keep_work;
    return avsp_wire_make_folder(arena, &task->work, &cleanup->work_directory) &&
           avsp_wire_make_folder(arena, &task->output, &cleanup->output_directory);
}

static bool fill_kind(struct avsp_arena *arena, const struct avsp_task *task,
                      Com__Avspl1t__Task *msg)
{
    switch (task->kind) {
    case AVSP_TASK_SPLIT:
        return fill_split(arena, task, msg);
    case AVSP_TASK_ENCODE:
        return fill_encode(arena, task, msg);
    case AVSP_TASK_MANIFEST:
        return fill_manifest(arena, task, msg);
    case AVSP_TASK_AUDIO:
        return fill_audio(arena, task, msg);
    case AVSP_TASK_CLEANUP:
        return fill_cleanup(arena, task, msg);
    case AVSP_TASK_NONE:
        break;
    }
    AVSP_ASSERT(task->kind == AVSP_TASK_NONE); // and that one has no content: see the caller
    return true;
}

Com__Avspl1t__Task *avsp_wire_make_task(struct avsp_arena *arena, const struct avsp_task *task)
{
    Com__Avspl1t__Task *msg = avsp_wire_new(arena, &com__avspl1t__task__descriptor);
    if (msg == NULL)
        return NULL;
    if (task->kind == AVSP_TASK_NONE) {
        msg->drain = task->drain;
        return msg;
    }
    msg->id = (char *)task->id;
    msg->job_id = (char *)task->job_id;
    msg->lease_ms = task->lease_ms;
    msg->waiting = task->n_waiting;
    msg->spent = task->n_spent;
    msg->created_at = avsp_wire_make_time(arena, task->created_us);
    msg->token = avsp_wire_make_token(arena, task->token);
    if (msg->created_at == NULL || msg->token == NULL)
        return NULL;
    return fill_kind(arena, task, msg) ? msg : NULL;
}

static enum avsp_code read_manifest(struct avsp_arena *arena,
                                    const Com__Avspl1t__GenerateManifestTask *manifest,
                                    struct avsp_task *task, struct avsp_err *err)
{
    task->kind = AVSP_TASK_MANIFEST;
    avsp_wire_read_folder(manifest->work_directory, &task->work);
    avsp_wire_read_folder(manifest->output_directory, &task->output);
    task->segment_seconds = manifest->seconds_per_segment;
    task->described = manifest->described;
    task->overwrite = manifest->overwrite;
    task->dash = manifest->dash;
    task->keep_work = manifest->keep_work;
    task->n_files = manifest->n_files;
    return avsp_wire_read_files(arena, "generate_manifest_task.files", manifest->files,
                                manifest->n_files, &task->files, err);
}

static enum avsp_code read_split(struct avsp_arena *arena,
                                 const Com__Avspl1t__SplitVideoTask *split, struct avsp_task *task,
                                 struct avsp_err *err)
{
    task->kind = AVSP_TASK_SPLIT;
    avsp_wire_read_file(split->input_file, &task->input);
    avsp_wire_read_folder(split->output_directory, &task->work);
    avsp_wire_read_folder(split->final_directory, &task->output);
    task->segment_seconds = split->seconds_per_segment;
    task->resume_idx = split->resume_index;
    task->overwrite = split->overwrite;
    task->choice = avsp_wire_read_choice(split->tracks, split->range);
    enum avsp_code rc = avsp_wire_read_sidecars(arena, split->subtitles, split->n_subtitles,
                                                &task->sidecars, &task->n_sidecars, err);
    return rc == AVSP_OK ? avsp_wire_read_picture(split->picture, &task->picture, err) : rc;
}

static enum avsp_code read_encode(const Com__Avspl1t__EncodeVideoTask *encode,
                                  struct avsp_task *task, struct avsp_err *err)
{
    task->kind = AVSP_TASK_ENCODE;
    avsp_wire_read_file(encode->input_file, &task->input);
    avsp_wire_read_folder(encode->output_directory, &task->output);
    // A coordinator that knows the base alone has no preset, and may have no crf.
    task->crf = encode->crf > 0 ? encode->crf : AVSP_CRF_DEFAULT;
    task->preset = encode->preset > 0 ? encode->preset : AVSP_PRESET_DEFAULT;
    task->idx = (uint32_t)encode->index;
    task->segment_seconds = encode->seconds_per_segment;
    task->described = encode->described;
    task->keep_work = encode->keep_work;
    enum avsp_code rc = avsp_wire_read_picture(encode->picture, &task->picture, err);
    if (rc != AVSP_OK)
        return rc;
    return avsp_wire_range("encode_video_task.index", encode->index, 0, AVSP_SEGMENTS_MAX - 1, err);
}

static enum avsp_code read_audio(const Com__Avspl1t__AudioTask *audio, struct avsp_task *task,
                                 struct avsp_err *err)
{
    task->kind = AVSP_TASK_AUDIO;
    avsp_wire_read_file(audio->input_file, &task->input);
    avsp_wire_read_folder(audio->output_directory, &task->output);
    task->segment_seconds = audio->seconds_per_segment;
    task->keep_work = audio->keep_work;
    return avsp_wire_read_sound(audio->sound, &task->sound, err);
}

static void read_cleanup(const Com__Avspl1t__CleanupTask *cleanup, struct avsp_task *task)
{
    task->kind = AVSP_TASK_CLEANUP;
    avsp_wire_read_folder(cleanup->work_directory, &task->work);
    avsp_wire_read_folder(cleanup->output_directory, &task->output);
    task->keep_work = cleanup->keep_work;
}

static enum avsp_code read_kind(struct avsp_arena *arena, const Com__Avspl1t__Task *msg,
                                struct avsp_task *task, struct avsp_err *err)
{
    switch (msg->task_case) {
    case COM__AVSPL1T__TASK__TASK_SPLIT_VIDEO_TASK:
        return read_split(arena, msg->split_video_task, task, err);
    case COM__AVSPL1T__TASK__TASK_ENCODE_VIDEO_TASK:
        return read_encode(msg->encode_video_task, task, err);
    case COM__AVSPL1T__TASK__TASK_GENERATE_MANIFEST_TASK:
        return read_manifest(arena, msg->generate_manifest_task, task, err);
    case COM__AVSPL1T__TASK__TASK_AUDIO_TASK:
        return read_audio(msg->audio_task, task, err);
    case COM__AVSPL1T__TASK__TASK_CLEANUP_TASK:
        read_cleanup(msg->cleanup_task, task);
        return AVSP_OK;
    default:
        return avsp_err_set(err, AVSP_UNSUPPORTED, "task %s is of a kind that is not known here",
                            msg->id);
    }
}

enum avsp_code avsp_wire_read_task(struct avsp_arena *arena, const Com__Avspl1t__Task *msg,
                                   struct avsp_task *ret_task, struct avsp_err *err)
{
    struct avsp_task task = {
        .id = msg->id,
        .job_id = msg->job_id,
        .created_us = avsp_wire_read_time(msg->created_at),
        .lease_ms = msg->lease_ms,
        .n_waiting = AVSP_MIN(msg->waiting, (uint32_t)AVSP_WAITING_MAX),
        .n_spent = msg->spent,
    };
    avsp_wire_read_file(NULL, &task.input);
    avsp_wire_read_folder(NULL, &task.work);
    avsp_wire_read_folder(NULL, &task.output);
    enum avsp_code rc = AVSP_OK;
    if (msg->id[0] != '\0') {
        rc = avsp_wire_read_token(msg->token, &task.token, err);
        if (rc == AVSP_OK)
            rc = read_kind(arena, msg, &task, err);
    } else {
        task.drain = msg->drain;
    }
    if (rc == AVSP_OK)
        *ret_task = task;
    return rc;
}
