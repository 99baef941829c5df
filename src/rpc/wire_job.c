#include "core/choice.h"
#include "core/time_range.h"
#include "rpc/wire.h"

#define LIST_LIMIT_DEFAULT 100

// The numbers of the wire and of the model are the same.
_Static_assert((int)COM__AVSPL1T__JOB_STATE__JOB_STATE_RUNNING == (int)AVSP_JOB_RUNNING, "");
_Static_assert((int)COM__AVSPL1T__JOB_STATE__JOB_STATE_PAUSED == (int)AVSP_JOB_PAUSED, "");
_Static_assert((int)COM__AVSPL1T__JOB_STATE__JOB_STATE_DELETED == (int)AVSP_JOB_DELETED, "");

/// An entry of a map, as protobuf-c sees it: each map of labels has a type of its own.
#define DEFINE_MAKE_LABELS(function, type, descriptor_of)                                          \
    static type **function(struct avsp_arena *arena, const struct avsp_label *labels, size_t n)    \
    {                                                                                              \
        type **msgs = avsp_arena_array(arena, n, sizeof *msgs);                                    \
        for (size_t i = 0; msgs != NULL && i < n; i++) {                                           \
            msgs[i] = avsp_wire_new(arena, &descriptor_of);                                        \
            if (msgs[i] == NULL)                                                                   \
                return NULL;                                                                       \
            msgs[i]->key = (char *)labels[i].name;                                                 \
            msgs[i]->value = (char *)labels[i].value;                                              \
        }                                                                                          \
        return msgs;                                                                               \
    }
DEFINE_MAKE_LABELS(make_spec_labels, Com__Avspl1t__JobDetails__LabelsEntry,
                   com__avspl1t__job_details__labels_entry__descriptor)
DEFINE_MAKE_LABELS(make_filter_labels, Com__Avspl1t__ListJobsMessage__LabelsEntry,
                   com__avspl1t__list_jobs_message__labels_entry__descriptor)
DEFINE_MAKE_LABELS(make_watch_labels, Com__Avspl1t__WatchJobsMessage__LabelsEntry,
                   com__avspl1t__watch_jobs_message__labels_entry__descriptor)

#define DEFINE_READ_LABELS(function, type)                                                         \
    static enum avsp_code function(struct avsp_arena *arena, type *const *msgs, size_t n,          \
                                   struct avsp_label **ret_labels, struct avsp_err *err)           \
    {                                                                                              \
        *ret_labels = avsp_arena_array(arena, n, sizeof **ret_labels);                             \
        if (*ret_labels == NULL)                                                                   \
            return avsp_arena_failed(arena, err);                                                  \
        for (size_t i = 0; i < n; i++)                                                             \
            (*ret_labels)[i] = (struct avsp_label){msgs[i]->key, msgs[i]->value};                  \
        return AVSP_OK;                                                                            \
    }
DEFINE_READ_LABELS(read_spec_labels, Com__Avspl1t__JobDetails__LabelsEntry)
DEFINE_READ_LABELS(read_filter_labels, Com__Avspl1t__ListJobsMessage__LabelsEntry)
DEFINE_READ_LABELS(read_watch_labels, Com__Avspl1t__WatchJobsMessage__LabelsEntry)

static bool make_tracks(struct avsp_arena *arena, const struct avsp_choice *choice,
                        Com__Avspl1t__TrackChoice **ret_msg)
{
    struct avsp_choice all = {.range = choice->range};
    *ret_msg = NULL;
    if (avsp_choice_equal(choice, &all))
        return true;
    Com__Avspl1t__TrackChoice *msg = avsp_wire_new(arena, &com__avspl1t__track_choice__descriptor);
    if (msg == NULL)
        return false;
    msg->video_track = (char *)(choice->video != NULL ? choice->video : "");
    msg->audio_tracks = (char *)(choice->audio != NULL ? choice->audio : "");
    msg->subtitle_tracks = (char *)(choice->text != NULL ? choice->text : "");
    *ret_msg = msg;
    return true;
}

bool avsp_wire_make_choice(struct avsp_arena *arena, const struct avsp_choice *choice,
                           Com__Avspl1t__TrackChoice **ret_tracks,
                           Com__Avspl1t__TimeRange **ret_range)
{
    *ret_range = NULL;
    if (!make_tracks(arena, choice, ret_tracks))
        return false;
    if (avsp_time_range_is_all(&choice->range))
        return true;
    *ret_range = avsp_wire_new(arena, &com__avspl1t__time_range__descriptor);
    if (*ret_range == NULL)
        return false;
    (*ret_range)->start_us = choice->range.start_us;
    (*ret_range)->end_us = choice->range.end_us;
    return true;
}

struct avsp_choice avsp_wire_read_choice(const Com__Avspl1t__TrackChoice *tracks,
                                         const Com__Avspl1t__TimeRange *range)
{
    struct avsp_choice choice = {.video = "", .audio = "", .text = ""};
    if (tracks != NULL) {
        choice.video = tracks->video_track;
        choice.audio = tracks->audio_tracks;
        choice.text = tracks->subtitle_tracks;
    }
    if (range != NULL)
        choice.range = (struct avsp_time_range){range->start_us, range->end_us};
    return choice;
}

bool avsp_wire_make_sidecars(struct avsp_arena *arena, const struct avsp_sidecar *sidecars,
                             size_t n, Com__Avspl1t__Sidecar ***ret_msgs, size_t *ret_n)
{
    *ret_n = n;
    *ret_msgs = avsp_arena_array(arena, n, sizeof **ret_msgs);
    for (size_t i = 0; *ret_msgs != NULL && i < n; i++) {
        Com__Avspl1t__Sidecar *msg = avsp_wire_new(arena, &com__avspl1t__sidecar__descriptor);
        if (msg == NULL || !avsp_wire_make_file(arena, &sidecars[i].file, &msg->file))
            return false;
        msg->language = (char *)sidecars[i].language;
        msg->title = (char *)sidecars[i].title;
        (*ret_msgs)[i] = msg;
    }
    return *ret_msgs != NULL;
}

enum avsp_code avsp_wire_read_sidecars(struct avsp_arena *arena, Com__Avspl1t__Sidecar *const *msgs,
                                       size_t n, struct avsp_sidecar **ret_sidecars, size_t *ret_n,
                                       struct avsp_err *err)
{
    *ret_n = n;
    *ret_sidecars = avsp_arena_array(arena, n, sizeof **ret_sidecars);
    if (*ret_sidecars == NULL)
        return avsp_arena_failed(arena, err);
    for (size_t i = 0; i < n; i++) {
        avsp_wire_read_file(msgs[i]->file, &(*ret_sidecars)[i].file);
        (*ret_sidecars)[i].language = msgs[i]->language;
        (*ret_sidecars)[i].title = msgs[i]->title;
    }
    return AVSP_OK;
}

Com__Avspl1t__JobDetails *avsp_wire_make_spec(struct avsp_arena *arena,
                                              const struct avsp_job_spec *spec)
{
    Com__Avspl1t__JobDetails *msg = avsp_wire_new(arena, &com__avspl1t__job_details__descriptor);
    if (msg == NULL)
        return NULL;
    msg->idempotency_key = (char *)spec->idempotency_key;
    msg->priority = avsp_wire_new(arena, &com__avspl1t__priority__descriptor);
    msg->n_labels = spec->n_labels;
    msg->labels = make_spec_labels(arena, spec->labels, spec->n_labels);
    if (msg->priority == NULL || msg->labels == NULL)
        return NULL;
    msg->priority->value = spec->priority;
    msg->job_case = COM__AVSPL1T__JOB_DETAILS__JOB_AV1_ENCODE_JOB;
    msg->av1_encode_job = avsp_wire_new(arena, &com__avspl1t__av1_encode_job__descriptor);
    Com__Avspl1t__AV1EncodeJob *job = msg->av1_encode_job;
    if (job == NULL)
        return NULL;
    job->seconds_per_segment = spec->segment_seconds;
    job->crf = spec->crf;
    job->preset = spec->preset;
    job->overwrite = spec->overwrite;
    job->dash = spec->dash;
    job->keep_work = spec->keep_work;
    bool ok = avsp_wire_make_picture(arena, &spec->picture, &job->picture) &&
              avsp_wire_make_sound(arena, &spec->sound, &job->sound) &&
              avsp_wire_make_choice(arena, &spec->choice, &job->tracks, &job->range) &&
              avsp_wire_make_sidecars(arena, spec->sidecars, spec->n_sidecars, &job->subtitles,
                                      &job->n_subtitles) &&
              avsp_wire_make_file(arena, &spec->input, &job->input_file) &&
              avsp_wire_make_folder(arena, &spec->work, &job->working_directory) &&
              avsp_wire_make_folder(arena, &spec->output, &job->output_directory);
    return ok ? msg : NULL;
}

enum avsp_code avsp_wire_read_spec(struct avsp_arena *arena, const Com__Avspl1t__JobDetails *msg,
                                   struct avsp_job_spec *ret_spec, struct avsp_err *err)
{
    if (msg->job_case != COM__AVSPL1T__JOB_DETAILS__JOB_AV1_ENCODE_JOB)
        return avsp_err_set(err, AVSP_INVALID, "av1_encode_job: missing");
    const Com__Avspl1t__AV1EncodeJob *job = msg->av1_encode_job;
    *ret_spec = (struct avsp_job_spec){
        .segment_seconds = job->seconds_per_segment,
        .crf = job->crf,
        .preset = job->preset,
        .overwrite = job->overwrite,
        .dash = job->dash,
        .keep_work = job->keep_work,
        .choice = avsp_wire_read_choice(job->tracks, job->range),
        .idempotency_key = msg->idempotency_key,
        .priority = msg->priority != NULL ? msg->priority->value : AVSP_PRIORITY_DEFAULT,
        .n_labels = msg->n_labels,
    };
    avsp_wire_read_file(job->input_file, &ret_spec->input);
    avsp_wire_read_folder(job->working_directory, &ret_spec->work);
    avsp_wire_read_folder(job->output_directory, &ret_spec->output);
    enum avsp_code rc = avsp_wire_read_picture(job->picture, &ret_spec->picture, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "av1_encode_job.picture");
    rc = avsp_wire_read_sound(job->sound, &ret_spec->sound, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "av1_encode_job.sound");
    rc = avsp_wire_read_sidecars(arena, job->subtitles, job->n_subtitles, &ret_spec->sidecars,
                                 &ret_spec->n_sidecars, err);
    if (rc != AVSP_OK)
        return rc;
    return read_spec_labels(arena, msg->labels, msg->n_labels, &ret_spec->labels, err);
}

/// The job's details for a client: whatever the caller left in, no secret goes out.
static Com__Avspl1t__JobDetails *make_blank_spec(struct avsp_arena *arena,
                                                 const struct avsp_job_spec *spec)
{
    struct avsp_job_spec blank = *spec;
    avsp_location_blank(&blank.input);
    avsp_location_blank(&blank.work);
    avsp_location_blank(&blank.output);
    blank.sidecars = avsp_arena_array(arena, spec->n_sidecars, sizeof *blank.sidecars);
    if (blank.sidecars == NULL)
        return NULL;
    for (size_t i = 0; i < spec->n_sidecars; i++) {
        blank.sidecars[i] = spec->sidecars[i];
        avsp_location_blank(&blank.sidecars[i].file);
    }
    return avsp_wire_make_spec(arena, &blank);
}

static Com__Avspl1t__RunningTask *make_running(struct avsp_arena *arena,
                                               const struct avsp_running *running)
{
    Com__Avspl1t__RunningTask *msg = avsp_wire_new(arena, &com__avspl1t__running_task__descriptor);
    if (msg == NULL)
        return NULL;
    msg->task_id = (char *)running->task_id;
    msg->kind = (Com__Avspl1t__TaskKind)running->kind;
    msg->index = running->idx;
    msg->worker_id = (char *)running->worker_id;
    msg->attempt = running->attempt;
    msg->progress = avsp_wire_make_progress(arena, &running->progress);
    return msg->progress != NULL ? msg : NULL;
}

/// The parts of a job that need memory of their own.
static bool fill_job(struct avsp_arena *arena, const struct avsp_job *job, Com__Avspl1t__Job *msg)
{
    struct avsp_location manifest = job->manifest;
    avsp_location_blank(&manifest);
    if (!avsp_wire_make_file(arena, &manifest, &msg->generated_manifest))
        return false;
    if (job->state == AVSP_JOB_FAILED) {
        struct avsp_failure failure = job->failure;
        failure.log_tail = "";
        msg->failure = avsp_wire_make_failure(arena, &failure);
        if (msg->failure == NULL)
            return false;
    }
    msg->n_warnings = job->n_warnings;
    msg->warnings = avsp_wire_make_warnings(arena, job->warnings, job->n_warnings);
    msg->n_running = job->n_running;
    msg->running = avsp_arena_array(arena, job->n_running, sizeof(Com__Avspl1t__RunningTask *));
    for (size_t i = 0; msg->running != NULL && i < job->n_running; i++) {
        msg->running[i] = make_running(arena, &job->running[i]);
        if (msg->running[i] == NULL)
            return false;
    }
    if (job->ended_us != 0)
        msg->ended_at = avsp_wire_make_time(arena, job->ended_us);
    return msg->warnings != NULL && msg->running != NULL &&
           (job->ended_us == 0 || msg->ended_at != NULL);
}

Com__Avspl1t__Job *avsp_wire_make_job(struct avsp_arena *arena, const struct avsp_job *job)
{
    Com__Avspl1t__Job *msg = avsp_wire_new(arena, &com__avspl1t__job__descriptor);
    if (msg == NULL)
        return NULL;
    msg->id = (char *)job->id;
    msg->finished = job->state == AVSP_JOB_FINISHED;
    // A base program knows no third end: canceled looks failed.
    msg->failed = job->state == AVSP_JOB_FAILED || job->state == AVSP_JOB_CANCELED;
    msg->percent_complete = job->percent_complete;
    msg->state = (Com__Avspl1t__JobState)job->state;
    msg->frames_done = job->frames_done;
    msg->frames_total = job->frames_total;
    msg->split_done = job->split_done;
    msg->tasks_done = job->tasks_done;
    msg->tasks_total = job->n_tasks;
    msg->version = job->version;
    msg->encoders = (char *)job->encoders;
    msg->waits_for_encoders = job->waits_for_encoders;
    msg->job_details = make_blank_spec(arena, &job->spec);
    msg->created_at = avsp_wire_make_time(arena, job->created_us);
    if (msg->job_details == NULL || msg->created_at == NULL)
        return NULL;
    return fill_job(arena, job, msg) ? msg : NULL;
}

/// A coordinator that knows the base alone says no state.
static enum avsp_job_state read_state(const Com__Avspl1t__Job *msg)
{
    if (msg->state >= (int)AVSP_JOB_RUNNING && msg->state <= (int)AVSP_JOB_DELETED)
        return (enum avsp_job_state)msg->state;
    if (msg->finished)
        return AVSP_JOB_FINISHED;
    return msg->failed ? AVSP_JOB_FAILED : AVSP_JOB_RUNNING;
}

static enum avsp_code read_running(struct avsp_arena *arena, const Com__Avspl1t__Job *msg,
                                   struct avsp_job *job, struct avsp_err *err)
{
    job->n_running = msg->n_running;
    job->running = avsp_arena_array(arena, msg->n_running, sizeof *job->running);
    if (job->running == NULL)
        return avsp_arena_failed(arena, err);
    for (size_t i = 0; i < msg->n_running; i++) {
        const Com__Avspl1t__RunningTask *from = msg->running[i];
        job->running[i] = (struct avsp_running){
            .task_id = from->task_id,
            .kind = avsp_wire_read_kind((int)from->kind),
            .idx = from->index,
            .worker_id = from->worker_id,
            .attempt = from->attempt,
        };
        enum avsp_code rc = avsp_wire_read_progress(from->progress, &job->running[i].progress, err);
        if (rc != AVSP_OK)
            return rc;
    }
    return AVSP_OK;
}

enum avsp_code avsp_wire_read_job(struct avsp_arena *arena, const Com__Avspl1t__Job *msg,
                                  struct avsp_job *ret_job, struct avsp_err *err)
{
    struct avsp_job job = {
        .id = msg->id,
        .state = read_state(msg),
        .created_us = avsp_wire_read_time(msg->created_at),
        .ended_us = avsp_wire_read_time(msg->ended_at),
        .percent_complete = msg->percent_complete,
        .frames_done = msg->frames_done,
        .frames_total = msg->frames_total,
        .split_done = msg->split_done,
        .tasks_done = msg->tasks_done,
        .n_tasks = msg->tasks_total,
        .failure = {AVSP_OK, false, "", ""},
        .warnings = (const char **)msg->warnings,
        .n_warnings = msg->n_warnings,
        .version = msg->version,
        .encoders = msg->encoders,
        .waits_for_encoders = msg->waits_for_encoders,
    };
    avsp_wire_read_file(msg->generated_manifest, &job.manifest);
    if (job.state == AVSP_JOB_FAILED)
        avsp_wire_read_failure(msg->failure, &job.failure);
    if (msg->job_details == NULL)
        return avsp_err_set(err, AVSP_INVALID, "job_details: missing");
    enum avsp_code rc = avsp_wire_read_spec(arena, msg->job_details, &job.spec, err);
    if (rc == AVSP_OK)
        rc = avsp_wire_range("percent_complete", job.percent_complete, 0, 100, err);
    if (rc == AVSP_OK)
        rc = read_running(arena, msg, &job, err);
    if (rc == AVSP_OK)
        *ret_job = job;
    return rc;
}

Com__Avspl1t__ListJobsMessage *avsp_wire_make_filter(struct avsp_arena *arena,
                                                     const struct avsp_job_filter *filter)
{
    Com__Avspl1t__ListJobsMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__list_jobs_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->state = (Com__Avspl1t__JobState)filter->state;
    msg->limit = filter->limit;
    msg->page = (char *)filter->page;
    msg->n_labels = filter->n_labels;
    msg->labels = make_filter_labels(arena, filter->labels, filter->n_labels);
    return msg->labels != NULL ? msg : NULL;
}

enum avsp_code avsp_wire_read_filter(struct avsp_arena *arena,
                                     const Com__Avspl1t__ListJobsMessage *msg,
                                     struct avsp_job_filter *ret_filter, struct avsp_err *err)
{
    *ret_filter = (struct avsp_job_filter){
        .state = (enum avsp_job_state)msg->state,
        .limit = msg->limit != 0 ? msg->limit : LIST_LIMIT_DEFAULT,
        .page = msg->page,
        .n_labels = msg->n_labels,
    };
    enum avsp_code rc = avsp_wire_range("state", (int)msg->state, 0, AVSP_JOB_PAUSED, err);
    if (rc == AVSP_OK)
        rc = avsp_wire_range("limit", msg->limit, 0, AVSP_BATCH_MAX, err);
    if (rc == AVSP_OK && msg->n_labels > AVSP_LABEL_FILTERS_MAX)
        rc = avsp_err_set(err, AVSP_INVALID, "labels: more than %d", AVSP_LABEL_FILTERS_MAX);
    if (rc == AVSP_OK)
        rc = read_filter_labels(arena, msg->labels, msg->n_labels, &ret_filter->labels, err);
    return rc;
}

Com__Avspl1t__JobPage *avsp_wire_make_page(struct avsp_arena *arena,
                                           const struct avsp_job_page *page)
{
    Com__Avspl1t__JobPage *msg = avsp_wire_new(arena, &com__avspl1t__job_page__descriptor);
    if (msg == NULL)
        return NULL;
    msg->next_page = (char *)page->next_page;
    msg->n_jobs = page->n_jobs;
    msg->jobs = avsp_arena_array(arena, page->n_jobs, sizeof(Com__Avspl1t__Job *));
    for (size_t i = 0; msg->jobs != NULL && i < page->n_jobs; i++) {
        msg->jobs[i] = avsp_wire_make_job(arena, &page->jobs[i]);
        if (msg->jobs[i] == NULL)
            return NULL;
    }
    return msg->jobs != NULL ? msg : NULL;
}

enum avsp_code avsp_wire_read_page(struct avsp_arena *arena, const Com__Avspl1t__JobPage *msg,
                                   struct avsp_job_page *ret_page, struct avsp_err *err)
{
    struct avsp_job *jobs = avsp_arena_array(arena, msg->n_jobs, sizeof *jobs);
    if (jobs == NULL)
        return avsp_arena_failed(arena, err);
    for (size_t i = 0; i < msg->n_jobs; i++) {
        enum avsp_code rc = avsp_wire_read_job(arena, msg->jobs[i], &jobs[i], err);
        if (rc != AVSP_OK)
            return avsp_err_wrap(err, "jobs[%zu]", i);
    }
    *ret_page = (struct avsp_job_page){jobs, msg->n_jobs, msg->next_page};
    return AVSP_OK;
}

Com__Avspl1t__WatchJobsMessage *avsp_wire_make_watch(struct avsp_arena *arena,
                                                     const struct avsp_watch_query *query)
{
    Com__Avspl1t__WatchJobsMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__watch_jobs_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->after = (char *)query->after;
    msg->progress_ms = query->progress_ms;
    msg->n_labels = query->n_labels;
    msg->labels = make_watch_labels(arena, query->labels, query->n_labels);
    return msg->labels != NULL ? msg : NULL;
}

enum avsp_code avsp_wire_read_watch(struct avsp_arena *arena,
                                    const Com__Avspl1t__WatchJobsMessage *msg,
                                    struct avsp_watch_query *ret_query, struct avsp_err *err)
{
    *ret_query = (struct avsp_watch_query){
        .after = msg->after, .progress_ms = msg->progress_ms, .n_labels = msg->n_labels};
    if (msg->n_labels > AVSP_LABEL_FILTERS_MAX)
        return avsp_err_set(err, AVSP_INVALID, "labels: more than %d", AVSP_LABEL_FILTERS_MAX);
    enum avsp_code rc = AVSP_OK;
    if (msg->progress_ms != 0)
        rc = avsp_wire_range("progress_ms", msg->progress_ms, AVSP_PROGRESS_MIN_MS,
                             AVSP_PROGRESS_MAX_MS, err);
    return rc == AVSP_OK
               ? read_watch_labels(arena, msg->labels, msg->n_labels, &ret_query->labels, err)
               : rc;
}
