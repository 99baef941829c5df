#include "dump.h"

#include "core/picture_options.h"
#include "core/sound_options.h"

#include <inttypes.h>

static void dump_location(struct avsp_buf *buf, const struct avsp_location *l)
{
    avsp_buf_printf(buf, "{%d %s|%s|%s|%s|%s|%s|%s|%s|%d|%d}\n", (int)l->kind, l->path, l->bucket,
                    l->region, l->endpoint, l->access_key_id, l->secret_access_key.text,
                    l->session_token.text, l->cache_control, (int)l->style, l->anonymous);
}

void dump_labels(struct avsp_buf *buf, const struct avsp_label *labels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        avsp_buf_printf(buf, "label %s=%s\n", labels[i].name, labels[i].value);
}

static void dump_choice(struct avsp_buf *buf, const struct avsp_choice *choice)
{
    avsp_buf_printf(buf, "choice %s %s %s %" PRId64 " %" PRId64 "\n", choice->video, choice->audio,
                    choice->text, choice->range.start_us, choice->range.end_us);
}

static void dump_sidecars(struct avsp_buf *buf, const struct avsp_sidecar *sidecars, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dump_location(buf, &sidecars[i].file);
        avsp_buf_printf(buf, "sidecar %s %s\n", sidecars[i].language, sidecars[i].title);
    }
}

static void dump_picture(struct avsp_buf *buf, const struct avsp_picture_options *options)
{
    char text[AVSP_PICTURE_TEXT_BYTES];
    avsp_picture_options_write(options, text);
    avsp_buf_printf(buf, "picture %s\n", text);
}

static void dump_sound(struct avsp_buf *buf, const struct avsp_sound_options *options)
{
    char text[AVSP_SOUND_TEXT_BYTES];
    avsp_sound_options_write(options, text);
    avsp_buf_printf(buf, "sound %s\n", text);
}

void dump_spec(struct avsp_buf *buf, const struct avsp_job_spec *spec)
{
    dump_location(buf, &spec->input);
    dump_location(buf, &spec->work);
    dump_location(buf, &spec->output);
    avsp_buf_printf(buf, "spec %d %d %d %d %d %d %s\n", spec->segment_seconds, spec->crf,
                    spec->preset, spec->overwrite, spec->dash, spec->keep_work,
                    spec->idempotency_key);
    avsp_buf_printf(buf, "priority %d\n", spec->priority);
    dump_picture(buf, &spec->picture);
    dump_sound(buf, &spec->sound);
    dump_choice(buf, &spec->choice);
    dump_sidecars(buf, spec->sidecars, spec->n_sidecars);
    dump_labels(buf, spec->labels, spec->n_labels);
}

void dump_progress(struct avsp_buf *buf, const struct avsp_progress *p)
{
    avsp_buf_printf(buf, "progress %" PRIu64 "/%" PRIu64 " %" PRIu32 "\n", p->frames_done,
                    p->frames_total, p->milli_fps);
}

void dump_token(struct avsp_buf *buf, struct avsp_token token)
{
    avsp_buf_printf(buf, "token %" PRId64 " %" PRId64 "\n", token.attempt, token.nonce);
}

static void dump_failure(struct avsp_buf *buf, const struct avsp_failure *f)
{
    avsp_buf_printf(buf, "failure %d %d %s|%s\n", (int)f->code, f->may_retry, f->message,
                    f->log_tail);
}

static void dump_warnings(struct avsp_buf *buf, const char *const *warnings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        avsp_buf_printf(buf, "warning %s\n", warnings[i]);
}

void dump_job(struct avsp_buf *buf, const struct avsp_job *job)
{
    avsp_buf_printf(buf, "job %s %d %" PRId64 " %" PRId64 " %d%%\n", job->id, (int)job->state,
                    job->created_us, job->ended_us, job->percent_complete);
    avsp_buf_printf(buf, "%" PRIu64 "/%" PRIu64 " %d %" PRIu32 "/%" PRIu32 " v%" PRIu64 "\n",
                    job->frames_done, job->frames_total, job->split_done, job->tasks_done,
                    job->n_tasks, job->version);
    dump_spec(buf, &job->spec);
    dump_location(buf, &job->manifest);
    dump_failure(buf, &job->failure);
    dump_warnings(buf, job->warnings, job->n_warnings);
    avsp_buf_printf(buf, "encoders %s %d\n", job->encoders, job->waits_for_encoders);
    for (size_t i = 0; i < job->n_running; i++) {
        const struct avsp_running *r = &job->running[i];
        avsp_buf_printf(buf, "running %s %d %" PRIu32 " %s %" PRId64 "\n", r->task_id, (int)r->kind,
                        r->idx, r->worker_id, r->attempt);
        dump_progress(buf, &r->progress);
    }
}

void dump_attempt(struct avsp_buf *buf, const struct avsp_attempt_record *attempt)
{
    avsp_buf_printf(buf, "attempt %s %d %" PRIu32 " %" PRId64 " %s %" PRId64 " %" PRId64 " %s\n",
                    attempt->task_id, (int)attempt->kind, attempt->idx, attempt->attempt,
                    attempt->worker_id, attempt->claimed_us, attempt->ended_us, attempt->outcome);
    dump_failure(buf, &attempt->failure);
}

void dump_worker(struct avsp_buf *buf, const struct avsp_worker_record *worker)
{
    avsp_buf_printf(buf, "worker %s %d %s|%s %" PRIu32 " %d %" PRId64 " %" PRId64 "\n", worker->id,
                    (int)worker->state, worker->host, worker->version, worker->slots,
                    worker->drains, worker->first_us, worker->seen_us);
    for (size_t i = 0; i < worker->n_tasks; i++)
        avsp_buf_printf(buf, "does %s %d %" PRIu32 "\n", worker->tasks[i].job_id,
                        (int)worker->tasks[i].kind, worker->tasks[i].idx);
}

void dump_claim(struct avsp_buf *buf, const struct avsp_claim *claim)
{
    const struct avsp_worker_info *w = &claim->worker;
    avsp_buf_printf(buf, "claim %s|%s|%s|%s %" PRIu32 " %" PRIx32 " %d %s %" PRIu32 "\n", w->id,
                    w->host, w->version, w->encoders, w->slots, w->kinds, claim->own,
                    claim->claim_id, claim->wait_ms);
}

void dump_task(struct avsp_buf *buf, const struct avsp_task *task)
{
    avsp_buf_printf(buf, "task %s %s %d %" PRId64 " %" PRId64 " %" PRIu32 " %" PRIu32 "\n",
                    task->id, task->job_id, (int)task->kind, task->created_us, task->lease_ms,
                    task->n_waiting, task->n_spent);
    dump_token(buf, task->token);
    dump_location(buf, &task->input);
    dump_location(buf, &task->work);
    dump_location(buf, &task->output);
    avsp_buf_printf(buf, "%" PRIu32 " %d %d %d %d %d %d %" PRIu32 " %d\n", task->idx,
                    task->segment_seconds, task->crf, task->preset, task->overwrite, task->dash,
                    task->keep_work, task->resume_idx, task->described);
    dump_picture(buf, &task->picture);
    dump_sound(buf, &task->sound);
    for (size_t i = 0; i < task->n_files; i++)
        dump_location(buf, &task->files[i]);
}

static void dump_piece(struct avsp_buf *buf, const struct avsp_piece *p)
{
    avsp_buf_printf(buf, "piece %d %" PRIu32 " %" PRIu32 " %" PRIu32 " [%" PRId64 " %" PRId64 ")\n",
                    (int)p->kind, p->track, p->idx, p->n_segments, p->in_pts, p->out_pts);
    avsp_buf_printf(buf, "%d/%d %" PRIu64 " %" PRIu64 "\n", p->time_base.num, p->time_base.den,
                    p->frames, p->bytes);
    dump_location(buf, &p->file);
}

static void dump_rendition(struct avsp_buf *buf, const struct avsp_rendition *r)
{
    avsp_buf_printf(buf, "rendition %s %d %s %" PRIu64 " %s %s %" PRIu32 " %" PRId64 "\n", r->name,
                    (int)r->kind, r->init_name, r->init_bytes, r->init_sha256, r->codecs,
                    r->timescale, r->priming_ticks);
    avsp_buf_printf(buf, "%" PRIu32 "x%" PRIu32 " %d/%d %s %" PRIu32 " %s %s %" PRIu32 "\n",
                    r->width_px, r->height_px, r->frame_rate.num, r->frame_rate.den, r->video_range,
                    r->channels, r->language, r->title, r->purposes);
}

void dump_outputs(struct avsp_buf *buf, const struct avsp_outputs *outputs)
{
    for (size_t i = 0; i < outputs->n_pieces; i++)
        dump_piece(buf, &outputs->pieces[i]);
    for (size_t i = 0; i < outputs->n_renditions; i++)
        dump_rendition(buf, &outputs->renditions[i]);
    for (size_t i = 0; i < outputs->n_segments; i++) {
        const struct avsp_segment *g = &outputs->segments[i];
        avsp_buf_printf(buf, "segment %s %" PRIu32 " %s %" PRId64 "+%" PRId64 " %" PRIu64,
                        g->rendition, g->idx, g->name, g->start_ticks, g->duration_ticks,
                        g->frames);
        avsp_buf_printf(buf, " %" PRIu64 "/%" PRIu64 " %s\n", g->key_bytes, g->bytes, g->sha256);
    }
    dump_warnings(buf, outputs->warnings, outputs->n_warnings);
}

void dump_finish(struct avsp_buf *buf, const struct avsp_finish *finish)
{
    avsp_buf_printf(buf, "finish %s %s %d %d\n", finish->worker_id, finish->task_id,
                    finish->succeeded, finish->input_gone);
    dump_token(buf, finish->token);
    dump_outputs(buf, &finish->outputs);
    dump_failure(buf, &finish->failure);
    avsp_buf_printf(buf, "files %d\n", (int)finish->files_kind);
    for (size_t i = 0; i < finish->n_files; i++)
        dump_location(buf, &finish->files[i]);
}
