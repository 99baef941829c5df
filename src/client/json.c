#include "client/json.h"

#include "client/command.h"
#include "client/verify_report.h"
#include "util/time.h"

#include <jansson.h>
#include <string.h>

// jansson's _new setters take a value and tell of memory that ran out; one check at the end is enough, since a text that
// lacks a field would be worse than none.
struct object {
    json_t *json;
    bool failed;
};

static void put(struct object *object, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new(object->json, key, value) != 0)
        object->failed = true;
}

/// Bytes that are not UTF-8 are no JSON; "" stands for "absent".
static json_t *text_or_null(const char *text)
{
    if (text[0] == '\0')
        return json_null();
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("(not UTF-8)");
}

static json_t *time_or_null(int64_t us)
{
    if (us == 0)
        return json_null();
    char text[AVSP_WALL_TEXT_BYTES];
    avsp_wall_format((struct avsp_wall){us}, text);
    return json_string(text);
}

static json_t *location_or_null(const struct avsp_location *loc)
{
    if (loc->kind == AVSP_LOCATION_NONE)
        return json_null();
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 4 * AVSP_PATH_MAX_BYTES);
    return text_or_null(avsp_location_show(&arena, loc));
}

static json_t *texts(const char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < n; i++)
        if (json_array_append_new(array, text_or_null(list[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/// @return the object, or NULL where something of it is missing.
static json_t *whole(struct object *object)
{
    if (object->json == NULL || !object->failed)
        return object->json;
    json_decref(object->json);
    return NULL;
}

static json_t *labels_object(const struct avsp_job *job)
{
    struct object object = {.json = json_object()};
    for (size_t i = 0; i < job->spec.n_labels; i++) {
        json_t *value = json_string(job->spec.labels[i].value);
        put(&object, job->spec.labels[i].name, value != NULL ? value : json_string("(not UTF-8)"));
    }
    return whole(&object);
}

static json_t *job_object(const struct avsp_job *job)
{
    struct object object = {.json = json_object()};
    bool failed = job->state == AVSP_JOB_FAILED;
    put(&object, "id", json_string(job->id));
    put(&object, "state", json_string(avsp_job_state_name(job->state)));
    put(&object, "percent_complete", json_integer(job->percent_complete));
    put(&object, "manifest", location_or_null(&job->manifest));
    put(&object, "error", failed ? text_or_null(job->failure.message) : json_null());
    put(&object, "error_code",
        failed ? text_or_null(avsp_code_name(job->failure.code)) : json_null());
    put(&object, "warnings", texts(job->warnings, job->n_warnings));
    put(&object, "priority", json_integer(job->spec.priority));
    put(&object, "labels", labels_object(job));
    put(&object, "input", location_or_null(&job->spec.input));
    put(&object, "output", location_or_null(&job->spec.output));
    put(&object, "created_at", time_or_null(job->created_us));
    put(&object, "ended_at", time_or_null(job->ended_us));
    put(&object, "frames_done", json_integer((json_int_t)job->frames_done));
    put(&object, "frames_total", json_integer((json_int_t)job->frames_total));
    put(&object, "split_done", json_boolean(job->split_done));
    put(&object, "encoders", text_or_null(job->encoders));
    put(&object, "waits_for_encoders", json_boolean(job->waits_for_encoders));
    return whole(&object);
}

/// @param value  taken.
static enum avsp_code print(json_t *value, struct avsp_err *err)
{
    char *AVSP_CLEANUP(avsp_free_ptr) text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (text == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "out of memory");
    enum avsp_code rc = avsp_cmd_print(text, err);
    return rc == AVSP_OK ? avsp_cmd_print("\n", err) : rc;
}

enum avsp_code avsp_cmd_json_job(const struct avsp_job *job, struct avsp_err *err)
{
    return print(job_object(job), err);
}

enum avsp_code avsp_cmd_json_status(const struct avsp_job *job, const char *url,
                                    struct avsp_err *err)
{
    struct object object = {.json = job_object(job)};
    put(&object, "url", url[0] != '\0' ? text_or_null(url) : json_null());
    return print(whole(&object), err);
}

enum avsp_code avsp_cmd_json_event(const struct avsp_job *job, const char *cursor,
                                   struct avsp_err *err)
{
    struct object object = {.json = job_object(job)};
    put(&object, "cursor", text_or_null(cursor));
    return print(whole(&object), err);
}

static json_t *attempt_object(const struct avsp_attempt_record *attempt)
{
    struct object object = {.json = json_object()};
    const struct avsp_failure *failure = &attempt->failure;
    bool failed = failure->code != AVSP_OK;
    put(&object, "task", text_or_null(attempt->task_id));
    put(&object, "kind", json_string(avsp_task_kind_name(attempt->kind)));
    put(&object, "index", json_integer(attempt->idx));
    put(&object, "attempt", json_integer(attempt->attempt));
    put(&object, "worker", text_or_null(attempt->worker_id));
    put(&object, "started_at", time_or_null(attempt->claimed_us));
    put(&object, "ended_at", time_or_null(attempt->ended_us));
    put(&object, "outcome", text_or_null(attempt->outcome));
    put(&object, "error", failed ? text_or_null(failure->message) : json_null());
    put(&object, "error_code", failed ? json_string(avsp_code_name(failure->code)) : json_null());
    put(&object, "log", failed ? text_or_null(failure->log_tail) : json_null());
    return whole(&object);
}

enum avsp_code avsp_cmd_json_history(const struct avsp_job *job,
                                     const struct avsp_attempt_record *attempts, size_t n_attempts,
                                     struct avsp_err *err)
{
    struct object object = {.json = job_object(job)};
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < n_attempts; i++)
        if (json_array_append_new(array, attempt_object(&attempts[i])) != 0)
            object.failed = true;
    put(&object, "attempts", array);
    return print(whole(&object), err);
}

enum avsp_code avsp_cmd_json_deleted(const char *job_id, struct avsp_err *err)
{
    struct object object = {.json = json_object()};
    put(&object, "id", text_or_null(job_id));
    put(&object, "state", json_string(avsp_job_state_name(AVSP_JOB_DELETED)));
    return print(whole(&object), err);
}

static json_t *worker_tasks(const struct avsp_worker_record *worker)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < worker->n_tasks; i++) {
        struct object object = {.json = json_object()};
        put(&object, "job", text_or_null(worker->tasks[i].job_id));
        put(&object, "kind", json_string(avsp_task_kind_name(worker->tasks[i].kind)));
        put(&object, "index", json_integer(worker->tasks[i].idx));
        if (json_array_append_new(array, whole(&object)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *worker_object(const struct avsp_worker_record *worker)
{
    struct object object = {.json = json_object()};
    put(&object, "id", text_or_null(worker->id));
    put(&object, "state", json_string(avsp_worker_state_name(worker->state)));
    put(&object, "drains", json_boolean(worker->drains));
    put(&object, "host", text_or_null(worker->host));
    put(&object, "version", text_or_null(worker->version));
    put(&object, "slots", json_integer(worker->slots));
    put(&object, "first_seen_at", time_or_null(worker->first_us));
    put(&object, "last_seen_at", time_or_null(worker->seen_us));
    put(&object, "tasks", worker_tasks(worker));
    return whole(&object);
}

enum avsp_code avsp_cmd_json_workers(const struct avsp_worker_record *workers, size_t n_workers,
                                     struct avsp_err *err)
{
    struct object object = {.json = json_object()};
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < n_workers; i++)
        if (json_array_append_new(array, worker_object(&workers[i])) != 0)
            object.failed = true;
    put(&object, "workers", array);
    return print(whole(&object), err);
}

enum avsp_code avsp_cmd_json_jobs(const struct avsp_job *jobs, size_t n_jobs, struct avsp_err *err)
{
    struct object object = {.json = json_object()};
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < n_jobs; i++)
        if (json_array_append_new(array, job_object(&jobs[i])) != 0)
            object.failed = true;
    put(&object, "jobs", array);
    return print(whole(&object), err);
}

static json_t *stream_object(const struct avsp_probe_stream *stream)
{
    struct object object = {.json = json_object()};
    put(&object, "index", json_integer(stream->idx));
    put(&object, "type", text_or_null(stream->type));
    put(&object, "codec", text_or_null(stream->codec));
    put(&object, "details", text_or_null(stream->details));
    put(&object, "language", text_or_null(stream->language));
    put(&object, "plan", text_or_null(stream->plan));
    return whole(&object);
}

static json_t *subtitles_object(const struct avsp_probed_subtitles *subtitles)
{
    struct object object = {.json = json_object()};
    put(&object, "file", text_or_null(subtitles->file));
    put(&object, "title", text_or_null(subtitles->title));
    put(&object, "codec", text_or_null(subtitles->stream.codec));
    put(&object, "details", text_or_null(subtitles->stream.details));
    put(&object, "language", text_or_null(subtitles->stream.language));
    put(&object, "plan", text_or_null(subtitles->stream.plan));
    return whole(&object);
}

static void put_probed_input(struct object *object, const struct avsp_probe_input *input)
{
    put(object, "format", text_or_null(input->format));
    put(object, "duration_us",
        input->duration_us > 0 ? json_integer(input->duration_us) : json_null());
    put(object, "bytes", json_integer((json_int_t)input->bytes));
    put(object, "start_us", json_integer(input->part.start_us));
    put(object, "end_us", input->part.end_us > 0 ? json_integer(input->part.end_us) : json_null());
    put(object, "segments", input->n_segments > 0 ? json_integer(input->n_segments) : json_null());
}

enum avsp_code avsp_cmd_json_probe(const char *path, const struct avsp_probed *probed,
                                   const struct avsp_probed_subtitles *subtitles,
                                   size_t n_subtitles, const char *const *warnings,
                                   size_t n_warnings, struct avsp_err *err)
{
    struct object object = {.json = json_object()};
    put(&object, "input", text_or_null(path));
    put_probed_input(&object, &probed->input);
    json_t *streams = json_array();
    for (size_t i = 0; streams != NULL && i < probed->n_streams; i++)
        if (json_array_append_new(streams, stream_object(&probed->streams[i])) != 0)
            object.failed = true;
    put(&object, "streams", streams);
    json_t *files = json_array();
    for (size_t i = 0; files != NULL && i < n_subtitles; i++)
        if (json_array_append_new(files, subtitles_object(&subtitles[i])) != 0)
            object.failed = true;
    put(&object, "subtitles", files);
    put(&object, "warnings", texts(warnings, n_warnings));
    return print(whole(&object), err);
}

static json_t *finding_object(const struct avsp_finding *f)
{
    const struct avsp_rule_info *rule = avsp_rule_info(f->rule);
    struct object object = {.json = json_object()};
    put(&object, "rule", json_string(rule->id));
    put(&object, "severity", json_string(f->severity == AVSP_ERROR ? "error" : "warning"));
    put(&object, "file", text_or_null(f->file));
    put(&object, "line", f->line > 0 ? json_integer(f->line) : json_null());
    put(&object, "text", text_or_null(f->text));
    put(&object, "source", json_string(rule->source));
    put(&object, "remedy", json_string(rule->remedy));
    return whole(&object);
}

static json_t *seconds(int64_t us)
{
    return json_real((double)us / 1e6);
}

static json_t *rendition_object(const struct avsp_verify_rendition *r, bool fast)
{
    const struct avsp_mp4_track *track = r->init.n_tracks > 0 ? &r->init.tracks[r->primary] : NULL;
    struct object object = {.json = json_object()};
    put(&object, "playlist", text_or_null(r->path));
    put(&object, "kind",
        json_string(r->is_subtitles              ? "subtitles"
                    : avsp_verify_has_picture(r) ? "video"
                                                 : "audio"));
    put(&object, "codecs", text_or_null(track != NULL ? track->codecs : ""));
    put(&object, "segments", json_integer((json_int_t)r->n_segments));
    put(&object, "frames", json_integer((json_int_t)(fast ? r->n_samples : r->n_frames)));
    put(&object, "bytes", json_integer((json_int_t)r->bytes));
    put(&object, "duration", seconds(r->duration_us));
    put(&object, "peak_bits_per_second", json_integer(r->peak_bps));
    put(&object, "average_bits_per_second", json_integer(r->average_bps));
    return whole(&object);
}

/// @param one  makes the element @p i.
static json_t *array_of(size_t n, json_t *(*one)(const struct avsp_verify *v, size_t i, bool fast),
                        const struct avsp_verify *v, bool fast)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < n; i++)
        if (json_array_append_new(array, one(v, i, fast)) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *nth_finding(const struct avsp_verify *v, size_t i, bool fast)
{
    (void)fast;
    return finding_object(&v->found->items[i]);
}

static json_t *nth_rendition(const struct avsp_verify *v, size_t i, bool fast)
{
    return rendition_object(&v->renditions[i], fast);
}

enum avsp_code avsp_cmd_json_verify(const char *path, bool fast, const struct avsp_verify *v,
                                    struct avsp_err *err)
{
    struct avsp_verify_facts sum = avsp_verify_sum(v, fast);
    struct object facts = {.json = json_object()};
    put(&facts, "renditions", array_of(v->n_renditions, nth_rendition, v, fast));
    put(&facts, "segments", json_integer((json_int_t)sum.n_segments));
    put(&facts, "frames", json_integer((json_int_t)sum.n_frames));
    put(&facts, "duration", seconds(sum.duration_us));
    struct object object = {.json = json_object()};
    put(&object, "ok", json_boolean(v->found->n_errors == 0));
    put(&object, "path", text_or_null(path));
    put(&object, "decoded", json_boolean(!fast));
    put(&object, "errors", json_integer((json_int_t)v->found->n_errors));
    put(&object, "warnings", json_integer((json_int_t)v->found->n_warnings));
    put(&object, "findings", array_of(v->found->n, nth_finding, v, fast));
    put(&object, "facts", whole(&facts));
    return print(whole(&object), err);
}
