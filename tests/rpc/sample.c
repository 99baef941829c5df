#include "sample.h"

#include <inttypes.h>
#include <string.h>

/// xorshift64*: the same values for the same seed, everywhere.
static uint64_t next(struct sampler *s)
{
    s->state ^= s->state >> 12;
    s->state ^= s->state << 25;
    s->state ^= s->state >> 27;
    return s->state * 2685821657736338717u;
}

uint64_t sample_number(struct sampler *s, uint64_t max)
{
    // Often an end of the range: that is where mistakes are.
    switch (next(s) % 4) {
    case 0:
        return max;
    case 1:
        return 0;
    default:
        return max == UINT64_MAX ? next(s) : next(s) % (max + 1);
    }
}

static bool coin(struct sampler *s)
{
    return next(s) % 2 == 0;
}

static void *must(void *p)
{
    AVSP_ASSERT(p != NULL);
    return p;
}

const char *sample_text(struct sampler *s, size_t max)
{
    static const char *const letters[] = {"a", "Z", "7", " ", "/", "%", "\"", "é", "日", "😀"};
    size_t want = (size_t)sample_number(s, max), len = 0;
    char *text = must(avsp_arena_alloc(s->arena, max + 1));
    while (len < want) {
        const char *letter = letters[next(s) % AVSP_ARRAY_LEN(letters)];
        if (len + strlen(letter) > max)
            break;
        memcpy(text + len, letter, strlen(letter));
        len += strlen(letter);
    }
    return text;
}

/// What may stand in a playlist's attribute.
static const char *sample_word(struct sampler *s)
{
    return must(avsp_arena_printf(s->arena, "w%" PRIu64 ".m-4_s", next(s)));
}

static const char *sample_sha256(struct sampler *s)
{
    return must(avsp_arena_printf(s->arena, "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
                                  next(s), next(s), next(s), next(s)));
}

static const char *sample_path(struct sampler *s)
{
    return must(avsp_arena_printf(s->arena, "/p%s", sample_text(s, 300)));
}

struct avsp_location sample_location(struct sampler *s, bool may_be_none)
{
    if (may_be_none && next(s) % 3 == 0)
        return avsp_location_none();
    if (coin(s))
        return avsp_location_fs(sample_path(s));
    struct avsp_location s3 = avsp_location_s3("bucket", sample_path(s));
    s3.region = coin(s) ? "" : "eu_North-1";
    s3.endpoint = sample_text(s, 50);
    s3.access_key_id = sample_text(s, 40);
    s3.secret_access_key.text = sample_text(s, 40);
    s3.session_token.text = sample_text(s, coin(s) ? 40 : AVSP_PATH_MAX_BYTES - 1);
    s3.style = (enum avsp_s3_style)(next(s) % (AVSP_S3_STYLE_VIRTUAL + 1));
    s3.anonymous = coin(s);
    return s3;
}

struct avsp_label *sample_labels(struct sampler *s, size_t n)
{
    struct avsp_label *labels = must(avsp_arena_array(s->arena, n, sizeof *labels));
    for (size_t i = 0; i < n; i++)
        labels[i] = (struct avsp_label){sample_word(s), sample_text(s, AVSP_LABEL_VALUE_MAX_BYTES)};
    return labels;
}

static struct avsp_picture_options sample_picture(struct sampler *s)
{
    struct avsp_picture_options options = {
        .deinterlace = (enum avsp_deinterlace)sample_number(s, AVSP_DEINTERLACE_OFF),
        .film_grain = (int32_t)sample_number(s, AVSP_FILM_GRAIN_MAX),
        .hdr = (enum avsp_hdr_choice)sample_number(s, AVSP_HDR_BOTH),
        .ladder = {.is_auto = coin(s)},
        .fallback = coin(s) ? AVSP_FALLBACK_H264 : AVSP_FALLBACK_NONE,
    };
    if (!options.ladder.is_auto)
        options.ladder.n_rungs = (uint32_t)sample_number(s, AVSP_RUNGS_MAX);
    for (uint32_t i = 0; i < options.ladder.n_rungs; i++)
        options.ladder.rungs[i] = (struct avsp_rung){
            (int32_t)(1000 * (i + 1) + sample_number(s, 99)),
            (int32_t)sample_number(s, AVSP_CRF_MAX), (int32_t)sample_number(s, AVSP_PRESET_MAX)};
    return options;
}

static struct avsp_sound_options sample_sound(struct sampler *s)
{
    return (struct avsp_sound_options){
        .opus = coin(s),
        .copy = coin(s),
        .loudness_lufs = coin(s) ? AVSP_LOUDNESS_MIN_LUFS + (int32_t)sample_number(s, 65) : 0};
}

static struct avsp_sidecar *sample_sidecars(struct sampler *s, size_t n)
{
    struct avsp_sidecar *sidecars = must(avsp_arena_array(s->arena, n, sizeof *sidecars));
    for (size_t i = 0; i < n; i++)
        sidecars[i] = (struct avsp_sidecar){sample_location(s, false), coin(s) ? "en" : "pt-BR",
                                            sample_text(s, 64)};
    return sidecars;
}

struct avsp_job_spec sample_spec(struct sampler *s)
{
    size_t n_labels = (size_t)sample_number(s, AVSP_LABELS_MAX);
    size_t n_sidecars = (size_t)sample_number(s, 3);
    return (struct avsp_job_spec){
        .n_sidecars = n_sidecars,
        .sidecars = sample_sidecars(s, n_sidecars),
        .input = sample_location(s, false),
        .work = sample_location(s, false),
        .output = sample_location(s, false),
        .segment_seconds = 1 + (int32_t)sample_number(s, AVSP_SEGMENT_SECONDS_MAX - 1),
        .crf = 1 + (int32_t)sample_number(s, AVSP_CRF_MAX - 1),
        .preset = 1 + (int32_t)sample_number(s, AVSP_PRESET_MAX - 1),
        .picture = sample_picture(s),
        .sound = sample_sound(s),
        .choice = {"",
                   coin(s) ? "en,3" : "",
                   "none",
                   {(int64_t)sample_number(s, 1000000), coin(s) ? 2000000 : 0}},
        .overwrite = coin(s),
        .dash = coin(s),
        .keep_work = coin(s),
        .idempotency_key = sample_text(s, AVSP_TEXT_MAX_BYTES),
        .priority = (int32_t)sample_number(s, AVSP_PRIORITY_MAX),
        .n_labels = n_labels,
        .labels = sample_labels(s, n_labels),
    };
}

struct avsp_progress sample_progress(struct sampler *s)
{
    return (struct avsp_progress){sample_number(s, INT64_MAX), sample_number(s, INT64_MAX),
                                  (uint32_t)sample_number(s, UINT32_MAX)};
}

struct avsp_token sample_token(struct sampler *s)
{
    return (struct avsp_token){1 + (int64_t)sample_number(s, INT64_MAX - 1),
                               (int64_t)sample_number(s, INT64_MAX)};
}

static const char **sample_warnings(struct sampler *s, size_t *ret_n)
{
    *ret_n = (size_t)sample_number(s, 5);
    const char **warnings = must(avsp_arena_array(s->arena, *ret_n, sizeof *warnings));
    for (size_t i = 0; i < *ret_n; i++)
        warnings[i] = sample_text(s, AVSP_TEXT_MAX_BYTES);
    return warnings;
}

static struct avsp_failure sample_failure(struct sampler *s, bool with_log)
{
    return (struct avsp_failure){
        .code = (enum avsp_code)(1 + next(s) % (AVSP_N_CODES - 1)),
        .may_retry = coin(s),
        .message = sample_text(s, AVSP_TEXT_MAX_BYTES),
        .log_tail = with_log ? sample_text(s, AVSP_LOG_TAIL_MAX_BYTES) : "",
    };
}

static struct avsp_running sample_running(struct sampler *s)
{
    return (struct avsp_running){
        .task_id = sample_text(s, 40),
        .kind = (enum avsp_task_kind)(1 + next(s) % AVSP_TASK_CLEANUP),
        .idx = (uint32_t)sample_number(s, AVSP_SEGMENTS_MAX - 1),
        .worker_id = sample_text(s, 40),
        .attempt = (int64_t)sample_number(s, INT64_MAX),
        .progress = sample_progress(s),
    };
}

struct avsp_job sample_job(struct sampler *s, bool with_running)
{
    struct avsp_job job = {
        .id = sample_text(s, 26),
        .state = (enum avsp_job_state)(AVSP_JOB_RUNNING + next(s) % 5),
        .spec = sample_spec(s),
        .created_us = (int64_t)sample_number(s, 4000000000000000),
        .ended_us = (int64_t)sample_number(s, 4000000000000000),
        .percent_complete = (int32_t)sample_number(s, 100),
        .manifest = sample_location(s, true),
        .frames_done = sample_number(s, UINT64_MAX),
        .frames_total = sample_number(s, UINT64_MAX),
        .split_done = coin(s),
        .tasks_done = (uint32_t)sample_number(s, UINT32_MAX),
        .n_tasks = (uint32_t)sample_number(s, UINT32_MAX),
        .failure = {AVSP_OK, false, "", ""},
        .version = sample_number(s, UINT64_MAX),
        .encoders = sample_text(s, 200),
        .waits_for_encoders = coin(s),
    };
    if (job.state == AVSP_JOB_FAILED)
        job.failure = sample_failure(s, false);
    job.warnings = sample_warnings(s, &job.n_warnings);
    job.n_running = with_running ? (size_t)sample_number(s, 4) : 0;
    job.running = must(avsp_arena_array(s->arena, job.n_running, sizeof *job.running));
    for (size_t i = 0; i < job.n_running; i++)
        job.running[i] = sample_running(s);
    return job;
}

struct avsp_attempt_record sample_attempt(struct sampler *s)
{
    static const char *const outcomes[] = {"done", "failed", "lost", "released", "canceled"};
    return (struct avsp_attempt_record){
        .task_id = sample_text(s, 40),
        .kind = (enum avsp_task_kind)(1 + next(s) % AVSP_TASK_CLEANUP),
        .idx = (uint32_t)sample_number(s, AVSP_SEGMENTS_MAX - 1),
        .attempt = 1 + (int64_t)sample_number(s, INT64_MAX - 1),
        .worker_id = sample_text(s, 40),
        .claimed_us = (int64_t)sample_number(s, 253402300799000000),
        .ended_us = (int64_t)sample_number(s, 253402300799000000),
        .outcome = outcomes[next(s) % AVSP_ARRAY_LEN(outcomes)],
        .failure =
            coin(s) ? sample_failure(s, true) : (struct avsp_failure){AVSP_OK, false, "", ""},
    };
}

struct avsp_worker_record sample_worker(struct sampler *s)
{
    struct avsp_worker_record worker = {
        .id = sample_text(s, 40),
        .state = (enum avsp_worker_state)(1 + next(s) % AVSP_WORKER_AWAY),
        .host = sample_text(s, 40),
        .version = sample_text(s, 10),
        .slots = (uint32_t)sample_number(s, UINT32_MAX),
        .drains = coin(s),
        .first_us = (int64_t)sample_number(s, 253402300799000000),
        .seen_us = (int64_t)sample_number(s, 253402300799000000),
        .n_tasks = (size_t)sample_number(s, 4),
    };
    worker.tasks = must(avsp_arena_array(s->arena, worker.n_tasks, sizeof *worker.tasks));
    for (size_t i = 0; i < worker.n_tasks; i++)
        worker.tasks[i] = (struct avsp_worker_task){
            sample_text(s, 40), (enum avsp_task_kind)(1 + next(s) % AVSP_TASK_CLEANUP),
            (uint32_t)sample_number(s, AVSP_SEGMENTS_MAX - 1)};
    return worker;
}

struct avsp_claim sample_claim(struct sampler *s)
{
    return (struct avsp_claim){
        .worker = {must(avsp_arena_printf(s->arena, "w%s", sample_text(s, 100))),
                   sample_text(s, 100), sample_text(s, 20), (uint32_t)sample_number(s, 4096),
                   (uint32_t)(next(s) & 0x3e), sample_text(s, 200)},
        .own = true,
        .claim_id = sample_text(s, 40),
        .wait_ms = (uint32_t)sample_number(s, 60000),
    };
}

static void sample_task_places(struct sampler *s, struct avsp_task *task)
{
    struct avsp_location none = avsp_location_none();
    task->input = task->work = none;
    task->output = sample_location(s, true);
    if (task->kind != AVSP_TASK_MANIFEST && task->kind != AVSP_TASK_CLEANUP)
        task->input = sample_location(s, true);
    if (task->kind != AVSP_TASK_ENCODE && task->kind != AVSP_TASK_AUDIO)
        task->work = sample_location(s, true);
}

struct avsp_task sample_task(struct sampler *s, enum avsp_task_kind kind)
{
    struct avsp_task task = {
        .id = must(avsp_arena_printf(s->arena, "t%s", sample_text(s, 40))),
        .job_id = sample_text(s, 40),
        .kind = kind,
        .token = sample_token(s),
        .created_us = (int64_t)sample_number(s, 4000000000000000),
        .lease_ms = (int64_t)sample_number(s, INT64_MAX),
        .n_waiting = (uint32_t)sample_number(s, AVSP_WAITING_MAX),
        .n_spent = (uint32_t)sample_number(s, UINT32_MAX),
    };
    sample_task_places(s, &task);
    if (kind != AVSP_TASK_CLEANUP)
        task.segment_seconds = (int32_t)sample_number(s, INT32_MAX);
    if (kind == AVSP_TASK_SPLIT || kind == AVSP_TASK_MANIFEST)
        task.overwrite = coin(s);
    if (kind == AVSP_TASK_MANIFEST)
        task.dash = coin(s);
    if (kind != AVSP_TASK_SPLIT)
        task.keep_work = coin(s);
    if (kind == AVSP_TASK_SPLIT || kind == AVSP_TASK_ENCODE)
        task.picture = sample_picture(s);
    if (kind == AVSP_TASK_SPLIT)
        task.resume_idx = (uint32_t)sample_number(s, AVSP_SEGMENTS_MAX);
    if (kind == AVSP_TASK_ENCODE) {
        task.idx = (uint32_t)sample_number(s, AVSP_SEGMENTS_MAX - 1);
        task.crf = 1 + (int32_t)sample_number(s, AVSP_CRF_MAX - 1);
        task.preset = 1 + (int32_t)sample_number(s, AVSP_PRESET_MAX - 1);
    }
    if (kind == AVSP_TASK_ENCODE || kind == AVSP_TASK_MANIFEST)
        task.described = coin(s);
    if (kind == AVSP_TASK_MANIFEST) {
        task.n_files = (size_t)sample_number(s, 20);
        task.files = must(avsp_arena_array(s->arena, task.n_files, sizeof *task.files));
        for (size_t i = 0; i < task.n_files; i++)
            task.files[i] = sample_location(s, false);
    }
    return task;
}

static struct avsp_rational sample_rational(struct sampler *s)
{
    return (struct avsp_rational){1 + (int32_t)sample_number(s, INT32_MAX - 1),
                                  1 + (int32_t)sample_number(s, INT32_MAX - 1)};
}

static struct avsp_piece sample_piece(struct sampler *s)
{
    bool is_audio = coin(s);
    return (struct avsp_piece){
        .kind = is_audio ? AVSP_TASK_AUDIO : AVSP_TASK_ENCODE,
        .track = (uint32_t)sample_number(s, 63),
        .idx = is_audio ? 0 : (uint32_t)sample_number(s, AVSP_SEGMENTS_MAX - 10),
        .n_segments = is_audio ? 0 : 1 + (uint32_t)sample_number(s, 9),
        .in_pts = -(int64_t)sample_number(s, INT64_MAX),
        .out_pts = 1 + (int64_t)sample_number(s, INT64_MAX - 1),
        .time_base = sample_rational(s),
        .frames = sample_number(s, INT64_MAX),
        .bytes = sample_number(s, INT64_MAX),
        .file = sample_location(s, false),
    };
}

static struct avsp_rendition sample_rendition(struct sampler *s)
{
    return (struct avsp_rendition){
        .name = sample_word(s),
        .kind = coin(s) ? AVSP_MEDIA_VIDEO : AVSP_MEDIA_AUDIO,
        .init_name = sample_word(s),
        .init_bytes = sample_number(s, INT64_MAX),
        .init_sha256 = sample_sha256(s),
        .codecs = sample_word(s),
        .timescale = 1 + (uint32_t)sample_number(s, 999999999),
        .priming_ticks = (int64_t)sample_number(s, INT64_MAX),
        .width_px = (uint32_t)sample_number(s, 65536),
        .height_px = (uint32_t)sample_number(s, 65536),
        .frame_rate = coin(s) ? sample_rational(s) : (struct avsp_rational){0, 0},
        .video_range = sample_word(s),
        .channels = (uint32_t)sample_number(s, 64),
        .language = sample_word(s),
        .purposes = (uint32_t)sample_number(s, AVSP_PURPOSES_ALL),
        .title = sample_text(s, AVSP_TEXT_MAX_BYTES),
    };
}

static struct avsp_segment sample_segment(struct sampler *s)
{
    struct avsp_segment segment = {
        .rendition = sample_word(s),
        .idx = (uint32_t)sample_number(s, AVSP_SEGMENTS_MAX - 1),
        .name = sample_word(s),
        .start_ticks = (int64_t)sample_number(s, INT64_MAX),
        .duration_ticks = 1 + (int64_t)sample_number(s, INT64_MAX - 1),
        .frames = sample_number(s, INT64_MAX),
        .bytes = sample_number(s, INT64_MAX),
        .sha256 = sample_sha256(s),
    };
    segment.key_bytes = sample_number(s, segment.bytes);
    return segment;
}

struct avsp_outputs sample_outputs(struct sampler *s)
{
    struct avsp_outputs out = {
        .n_pieces = (size_t)sample_number(s, 6),
        .n_renditions = (size_t)sample_number(s, 3),
        .n_segments = (size_t)sample_number(s, 20),
    };
    out.pieces = must(avsp_arena_array(s->arena, out.n_pieces, sizeof *out.pieces));
    out.renditions = must(avsp_arena_array(s->arena, out.n_renditions, sizeof *out.renditions));
    out.segments = must(avsp_arena_array(s->arena, out.n_segments, sizeof *out.segments));
    for (size_t i = 0; i < out.n_pieces; i++)
        out.pieces[i] = sample_piece(s);
    for (size_t i = 0; i < out.n_renditions; i++)
        out.renditions[i] = sample_rendition(s);
    for (size_t i = 0; i < out.n_segments; i++)
        out.segments[i] = sample_segment(s);
    out.warnings = sample_warnings(s, &out.n_warnings);
    return out;
}

struct avsp_finish sample_finish(struct sampler *s)
{
    static const enum avsp_task_kind kinds[] = {AVSP_TASK_NONE, AVSP_TASK_SPLIT, AVSP_TASK_ENCODE,
                                                AVSP_TASK_MANIFEST};
    struct avsp_finish finish = {
        .worker_id = sample_text(s, 40),
        .task_id = sample_text(s, 40),
        .token = coin(s) ? sample_token(s) : (struct avsp_token){0, 0},
        .succeeded = coin(s),
        .outputs = sample_outputs(s),
        .failure = {AVSP_OK, false, "", ""},
    };
    if (!finish.succeeded) {
        finish.failure = sample_failure(s, true);
        finish.input_gone = coin(s);
        return finish;
    }
    finish.files_kind = kinds[next(s) % AVSP_ARRAY_LEN(kinds)];
    if (finish.files_kind != AVSP_TASK_NONE)
        finish.n_files = finish.files_kind == AVSP_TASK_SPLIT ? (size_t)sample_number(s, 9) : 1;
    finish.files = must(avsp_arena_array(s->arena, finish.n_files, sizeof *finish.files));
    for (size_t i = 0; i < finish.n_files; i++)
        finish.files[i] = sample_location(s, false);
    return finish;
}
