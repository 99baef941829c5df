/// What workers do, when they are let.
#include "sim.h"
#include "world.h"

#include <inttypes.h>
#include <string.h>

static const char sha[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void forget(struct worker *w)
{
    w->state = IDLE;
    w->n_reported = 0;
    w->task_id[0] = '\0';
}

void die(struct sim *sim, struct worker *w)
{
    forget(w);
    w->asleep_ms = 0;
    snprintf(w->id, sizeof w->id, "w%td.%u", w - sim->workers, ++w->life);
}

/// There are two sorts of workers.
static const char *encoders_of(const struct sim *sim, const struct worker *w)
{
    return (w - sim->workers) % 2 == 0 ? "SVT 1" : "SVT 2";
}

static bool is_bound_to(struct sim *sim, const char *job_id, const char *encoders)
{
    static const char sql[] = "SELECT count(*) FROM jobs j JOIN encoders e ON e.id = j.encoders"
                              " WHERE j.id = ?1 AND e.text = ?2";
    return ask(sim, sql, job_id, encoders) == 1;
}

static void ask_for_work(struct sim *sim, struct worker *w, struct avsp_store *store)
{
    if (w->state == IDLE) {
        avsp_id_new(w->claim_id);
        w->state = ASKING;
    }
    const struct avsp_claim claim = {
        .worker = {.id = w->id,
                   .host = "",
                   .version = "",
                   .kinds = 0xffff,
                   .encoders = encoders_of(sim, w)},
        .own = true,
        .claim_id = w->claim_id,
    };
    struct avsp_task task = {.kind = AVSP_TASK_NONE};
    struct avsp_err err = {0};
    bool was_given = w->task_id[0] != '\0' && is_current(sim, w) && is_running(sim, w->task_id);
    enum avsp_code rc = avsp_store_claim(store, &claim, &sim->arena, &task, &err);
    if (!reached(sim, rc, &err))
        return; // it asks again, with the same claim id
    if (rc != AVSP_OK)
        broken(sim, "claim: %s", err.text);
    if (was_given && (task.kind == AVSP_TASK_NONE || strcmp(task.id, w->task_id) != 0))
        broken(sim, "a claim that was repeated gave another task");
    forget(w);
    if (task.kind == AVSP_TASK_NONE)
        return;
    sim->n_claims++;
    w->state = AT_WORK;
    w->kind = task.kind;
    w->idx = task.idx;
    w->token = task.token;
    snprintf(w->task_id, sizeof w->task_id, "%s", task.id);
    snprintf(w->job_id, sizeof w->job_id, "%s", task.job_id);
    if (!is_current(sim, w))
        broken(sim, "a claim gave a token that is not the task's");
    if ((w->kind == AVSP_TASK_ENCODE || w->kind == AVSP_TASK_AUDIO) &&
        !is_bound_to(sim, w->job_id, claim.worker.encoders))
        broken(sim, "an encode was given to a worker with other encoders than its job's");
    for (struct worker *other = sim->workers; other < sim->workers + N_WORKERS; other++)
        if (other != w && other->state >= AT_WORK && strcmp(other->task_id, w->task_id) == 0 &&
            other->token.attempt >= w->token.attempt)
            broken(sim, "a later claim of a task has no higher attempt");
    if (is_lost(sim))
        w->state = ASKING; // it asks again, with the same claim id
}

/// What the coordinator said of the attempt; false: drop it.
static bool heed(struct sim *sim, struct worker *w, const struct avsp_attempt_status *status,
                 bool was_current)
{
    if (!was_current && !status->lease_lost && !status->canceled)
        broken(sim, "a worker that lost its lease was told to go on");
    if (!status->lease_lost && !status->canceled)
        return true;
    forget(w);
    return false;
}

static void beat(struct sim *sim, struct worker *w, struct avsp_store *store)
{
    const struct avsp_progress progress = {.frames_done = world_random(100), .frames_total = 100};
    struct avsp_attempt_status status = {0};
    struct avsp_err err = {0};
    bool was_current = is_current(sim, w);
    enum avsp_code rc =
        avsp_store_heartbeat(store, w->id, w->task_id, w->token, &progress, &status, &err);
    if (!reached(sim, rc, &err) || is_lost(sim))
        return;
    if (rc != AVSP_OK)
        broken(sim, "heartbeat: %s", err.text);
    (void)heed(sim, w, &status, was_current);
}

static struct avsp_piece piece_of(struct sim *sim, const struct job *job, uint32_t n)
{
    uint32_t idx = 0;
    for (uint32_t i = 0; i < n; i++)
        idx += job->n_segments[i];
    return (struct avsp_piece){
        .kind = AVSP_TASK_ENCODE,
        .idx = idx,
        .n_segments = job->n_segments[n],
        .in_pts = (int64_t)idx * 1000,
        .out_pts = ((int64_t)idx + job->n_segments[n]) * 1000,
        .time_base = {1, 250},
        .frames = 100 * job->n_segments[n],
        .bytes = 5000,
        .file = location(sim, "work", job->key, "/piece"),
    };
}

static struct avsp_piece sound_of(struct sim *sim, const struct job *job)
{
    return (struct avsp_piece){.kind = AVSP_TASK_AUDIO,
                               .out_pts = 48000,
                               .time_base = {1, 48000},
                               .bytes = 700,
                               .file = location(sim, "work", job->key, "/sound")};
}

/// Reports the next piece of a split, or one that was reported before, as after a lost answer.
static void report_piece(struct sim *sim, struct worker *w, const struct job *job,
                         struct avsp_store *store)
{
    bool repeats = w->n_reported > 0 && !sim->is_quiet && world_chance(100);
    struct avsp_piece piece = piece_of(sim, job, w->n_reported - repeats);
    const struct avsp_outputs outputs = {.pieces = &piece, .n_pieces = 1};
    struct avsp_attempt_status status = {0};
    struct avsp_err err = {0};
    bool was_current = is_current(sim, w);
    enum avsp_code rc =
        avsp_store_report(store, w->id, w->task_id, w->token, &outputs, &status, &err);
    if (!reached(sim, rc, &err) || is_lost(sim))
        return;
    if (rc != AVSP_OK)
        broken(sim, "report: %s", err.text);
    if (heed(sim, w, &status, was_current))
        w->n_reported += !repeats;
}

static uint32_t n_segments_of(const struct job *job, uint32_t idx)
{
    for (uint32_t i = 0, at = 0; i < job->n_pieces; at += job->n_segments[i++])
        if (at == idx)
            return job->n_segments[i];
    return 1;
}

/// What an encode, or the sound, made.
static struct avsp_outputs made_by(struct sim *sim, const struct worker *w, const struct job *job)
{
    bool is_sound = w->kind == AVSP_TASK_AUDIO;
    uint32_t n = is_sound ? 1 : n_segments_of(job, w->idx);
    struct avsp_rendition *r = avsp_arena_array(&sim->arena, 1, sizeof *r);
    struct avsp_segment *s = avsp_arena_array(&sim->arena, n, sizeof *s);
    AVSP_ASSERT(r != NULL && s != NULL);
    *r = (struct avsp_rendition){
        .name = is_sound ? "a0" : "v0",
        .kind = is_sound ? AVSP_MEDIA_AUDIO : AVSP_MEDIA_VIDEO,
        .init_name = "init-aaaaaaaaaaaaaaaa.mp4",
        .init_bytes = 800,
        .init_sha256 = sha,
        .codecs = is_sound ? "mp4a.40.2" : "av01.0.04M.08",
        .timescale = is_sound ? 48000 : 12800,
        .priming_ticks = is_sound ? 1024 : 0,
        .width_px = is_sound ? 0 : 1280,
        .height_px = is_sound ? 0 : 720,
        .frame_rate = {is_sound ? 0 : 25, is_sound ? 0 : 1},
        .video_range = is_sound ? "" : "SDR",
        .channels = is_sound ? 2 : 0,
        .language = "und",
        .title = "",
    };
    for (uint32_t i = 0; i < n; i++)
        s[i] = (struct avsp_segment){.rendition = r->name,
                                     .idx = w->idx + i,
                                     .name = "00000-aaaaaaaaaaaaaaaa.m4s",
                                     .start_ticks = (int64_t)(w->idx + i) * 51200,
                                     .duration_ticks = 51200,
                                     .frames = 100,
                                     .bytes = 9000,
                                     .sha256 = sha};
    return (struct avsp_outputs){
        .renditions = r, .n_renditions = 1, .segments = s, .n_segments = n};
}

static struct avsp_finish finish_of(struct sim *sim, const struct worker *w, const struct job *job)
{
    struct avsp_finish finish = {.worker_id = w->id,
                                 .task_id = w->task_id,
                                 .token = w->token,
                                 .succeeded = w->succeeds,
                                 .failure = {.message = "", .log_tail = ""}};
    if (!w->succeeds) {
        finish.failure = (struct avsp_failure){AVSP_CORRUPT, w->may_retry, "it broke", ""};
        return finish;
    }
    struct avsp_location *manifest = avsp_arena_array(&sim->arena, 1, sizeof *manifest);
    struct avsp_piece *sound = avsp_arena_array(&sim->arena, 1, sizeof *sound);
    AVSP_ASSERT(manifest != NULL && sound != NULL);
    if (w->kind == AVSP_TASK_ENCODE || w->kind == AVSP_TASK_AUDIO)
        finish.outputs = made_by(sim, w, job);
    if (w->kind == AVSP_TASK_SPLIT && job->has_sound) {
        *sound = sound_of(sim, job);
        finish.outputs.pieces = sound;
        finish.outputs.n_pieces = 1;
    }
    if (w->kind == AVSP_TASK_MANIFEST) {
        *manifest = location(sim, "out", job->key, "/manifest.m3u8");
        finish.files_kind = AVSP_TASK_MANIFEST;
        finish.files = manifest;
        finish.n_files = 1;
    }
    return finish;
}

static void finish(struct sim *sim, struct worker *w, const struct job *job,
                   struct avsp_store *store)
{
    struct avsp_finish finish = finish_of(sim, w, job);
    struct avsp_err err = {0};
    bool was_current = is_current(sim, w);
    bool was_held = was_current && is_running(sim, w->task_id);
    enum avsp_code rc = avsp_store_finish(store, &finish, &err);
    if (!reached(sim, rc, &err)) {
        sim->owes_sweep = true; // perhaps it is stored, and what follows is not
        return;
    }
    if (rc == AVSP_OK && !was_current)
        broken(sim, "the finish of an attempt that was superseded counted");
    if (rc != AVSP_OK && rc != AVSP_CONFLICT)
        broken(sim, "finish: %s", err.text);
    if (rc == AVSP_CONFLICT && was_held && job_state(sim, job->id) == AVSP_JOB_RUNNING)
        broken(sim, "the finish of a current attempt was refused: %s", err.text);
    if (!is_lost(sim))
        forget(w);
}

static void release(struct sim *sim, struct worker *w, struct avsp_store *store)
{
    struct avsp_err err = {0};
    enum avsp_code rc =
        avsp_store_release(store, w->id, w->task_id, w->token, (char[AVSP_ID_BYTES]){0}, &err);
    if (reached(sim, rc, &err) && rc != AVSP_OK)
        broken(sim, "release: %s", err.text);
    forget(w); // heard or not: else its lease runs out
}

static void begin_finish(const struct sim *sim, struct worker *w, const struct job *job)
{
    w->state = FINISHING;
    w->succeeds = sim->is_quiet || world_chance(950);
    w->may_retry = world_chance(980);
    if (job->is_bad && w->kind == AVSP_TASK_SPLIT)
        w->succeeds = w->may_retry = false;
}

static void work(struct sim *sim, struct worker *w, struct avsp_store *store)
{
    const struct job *job = job_of(sim, w->job_id);
    uint32_t what = world_random(100);
    if (!sim->is_quiet && what < 2)
        release(sim, w, store);
    else if (what < 45)
        beat(sim, w, store);
    else if (w->kind == AVSP_TASK_SPLIT && w->n_reported < job->n_pieces)
        report_piece(sim, w, job, store);
    else
        begin_finish(sim, w, job);
}

void step_worker(struct sim *sim, struct worker *w)
{
    if (w->asleep_ms > 0)
        return;
    if (!sim->is_quiet && world_chance(12)) {
        die(sim, w);
        return;
    }
    if (!sim->is_quiet && world_chance(15)) {
        w->asleep_ms = world_random(3 * LEASE_MS);
        return;
    }
    struct avsp_store *store = any_store(sim);
    if (store == NULL)
        return;
    switch (w->state) {
    case IDLE:
    case ASKING:
        ask_for_work(sim, w, store);
        break;
    case AT_WORK:
        work(sim, w, store);
        break;
    case FINISHING:
        finish(sim, w, job_of(sim, w->job_id), store);
        break;
    }
}
