/// Coordinators and workers at work on one database, in a world of chance: answers that are lost, messages that come twice,
/// workers that die or stand still past their lease, coordinators that die, a disk that fails in the middle.
///
///   test_simulation [--seeds N] [--first SEED]
///
/// Each seed is one course of events over the real statements; after every step the rules below must hold, and once the
/// trouble is over every job must come to its end. A seed that breaks a rule is printed: --first SEED --seeds 1 shows it
/// again.
#include "core/lifecycle.h"
#include "db/store.h"
#include "util/id.h"
#include "util/parse.h"
#include "world.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEASE_MS 10000
#define MAX_ATTEMPTS 4
#define N_COORDINATORS 3
#define N_WORKERS 5
#define JOBS_MAX 4
#define PIECES_MAX 10
#define BUSY_STEPS 250
#define QUIET_STEPS 6000
#define QUESTIONS_MAX 24
#define WRITES_MAX 30 ///< that one call makes, about

static const char sha[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

struct job {
    char key[16]; ///< idempotency key, and the name of its output
    char id[AVSP_ID_BYTES];
    bool is_known; ///< its submit was answered
    bool was_canceled;
    bool is_bad; ///< its split fails for good
    uint32_t n_pieces;
    uint32_t n_segments[PIECES_MAX];
    bool has_sound;
};

/// A statement of the judge's, prepared.
struct question {
    const char *sql; ///< found by its address
    sqlite3_stmt *stmt;
};

enum work { IDLE, ASKING, AT_WORK, FINISHING };

struct worker {
    char id[32];
    unsigned life; ///< counts its deaths
    enum work state;
    char claim_id[AVSP_ID_BYTES];
    int64_t asleep_ms; ///< stands still for so long yet
    char task_id
        [AVSP_ID_BYTES]; ///< what it was given last; ASKING: in an answer that was lost, "" = none
    char job_id[AVSP_ID_BYTES];
    enum avsp_task_kind kind;
    uint32_t idx;
    struct avsp_token token;
    uint32_t n_reported; ///< pieces
    bool succeeds;
    bool may_retry;
};

struct sim {
    uint64_t seed;
    uint64_t step;
    bool is_quiet; ///< nothing goes wrong any more
    char folder[64];
    char url[96];
    struct question questions[QUESTIONS_MAX];
    sqlite3 *look;                             ///< the judge's own connection
    struct avsp_store *stores[N_COORDINATORS]; ///< NULL = down
    struct worker workers[N_WORKERS];
    struct job jobs[JOBS_MAX];
    uint32_t n_jobs;
    bool owes_sweep;         ///< the disk failed: what follows may have to wait for a sweep
    struct avsp_arena arena; ///< for one step
    uint64_t n_claims, n_lost, n_failed_writes;
};

static void broken(const struct sim *sim, const char *fmt, ...) AVSP_PRINTF(2, 3);

static void broken(const struct sim *sim, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "seed %" PRIu64 ", step %" PRIu64 ": ", sim->seed, sim->step);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nagain: --first %" PRIu64 " --seeds 1\n", sim->seed);
    exit(1);
}

// --- the judge

static sqlite3_stmt *prepared(struct sim *sim, const char *sql)
{
    struct question *q = sim->questions;
    while (q->sql != NULL && q->sql != sql)
        q++;
    AVSP_ASSERT(q < sim->questions + QUESTIONS_MAX - 1);
    if (q->sql == NULL && sqlite3_prepare_v2(sim->look, sql, -1, &q->stmt, NULL) != SQLITE_OK)
        broken(sim, "%s: %s", sql, sqlite3_errmsg(sim->look));
    q->sql = sql;
    return q->stmt;
}

/// One number that a statement gives (static storage); its text parameters in order.
static int64_t ask(struct sim *sim, const char *sql, const char *a, const char *b)
{
    sqlite3_stmt *stmt = prepared(sim, sql);
    if (a != NULL)
        sqlite3_bind_text(stmt, 1, a, -1, SQLITE_TRANSIENT);
    if (b != NULL)
        sqlite3_bind_text(stmt, 2, b, -1, SQLITE_TRANSIENT);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_reset(stmt);
    return value;
}

/// What must hold after every step. Each statement counts violations.
static const struct {
    const char *rule;
    const char *sql;
} rules[] = {
    {"a job has two manifest tasks", "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE kind = 3 "
                                     "GROUP BY job_id HAVING count(*) > 1)"},
    {"a task was won twice",
     "SELECT count(*) FROM (SELECT 1 FROM attempts WHERE outcome = 'done' GROUP BY task_id"
     " HAVING count(*) > 1)"},
    {"a task that is done has no winner, or one that is not done has",
     "SELECT count(*) FROM tasks t WHERE (state = 3) <> EXISTS (SELECT 1 FROM attempts a"
     " WHERE a.task_id = t.id AND a.outcome = 'done')"},
    {"a task has spent more attempts than there are", "SELECT count(*) FROM tasks WHERE spent > 4"},
    {"a manifest task was made before its job's other tasks were done",
     "SELECT count(*) FROM tasks m WHERE m.kind = 3 AND EXISTS (SELECT 1 FROM tasks o"
     " WHERE o.job_id = m.job_id AND o.kind IN (1, 2, 4) AND o.state <> 3) AND m.state IN (1, 2, "
     "3)"},
    {"a finished job has a task that is not done",
     "SELECT count(*) FROM jobs j JOIN tasks t ON t.job_id = j.id WHERE j.state = 2 AND t.state <> "
     "3"},
    {"a job that is over has a task that can be claimed",
     "SELECT count(*) FROM jobs j JOIN tasks t ON t.job_id = j.id"
     " WHERE j.state <> 1 AND t.state IN (1, 2) AND t.kind <> 5"},
    {"two unfinished jobs share an output", "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state "
                                            "= 1 GROUP BY output_key HAVING count(*) > 1)"},
};

/// A job that is not over has a task that is not over; but for the moment between two transactions, which a sweep ends.
static const char lost_job[] =
    "SELECT count(*) FROM jobs j WHERE j.state = 1 AND NOT EXISTS"
    " (SELECT 1 FROM tasks t WHERE t.job_id = j.id AND t.state IN (1, 2))";

static void check_rules(struct sim *sim)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rules); i++)
        if (ask(sim, rules[i].sql, NULL, NULL) != 0)
            broken(sim, "%s", rules[i].rule);
    if (!sim->owes_sweep && ask(sim, lost_job, NULL, NULL) != 0)
        broken(sim, "a job that is not over has nothing left to do");
}

static bool is_current(struct sim *sim, const struct worker *w)
{
    static const char sql[] =
        "SELECT count(*) FROM tasks WHERE id = ?1 AND attempt || '/' || nonce = ?2";
    char token[64];
    snprintf(token, sizeof token, "%" PRId64 "/%" PRId64, w->token.attempt, w->token.nonce);
    return ask(sim, sql, w->task_id, token) == 1;
}

static bool is_running(struct sim *sim, const char *task_id)
{
    static const char sql[] = "SELECT count(*) FROM tasks WHERE id = ?1 AND state = 2";
    return ask(sim, sql, task_id, NULL) == 1;
}

static int64_t job_state(struct sim *sim, const char *job_id)
{
    static const char sql[] = "SELECT state FROM jobs WHERE id = ?1";
    return ask(sim, sql, job_id, NULL);
}

// --- coordinators

static struct avsp_store *open_store(const struct sim *sim)
{
    const struct avsp_store_options options = {.lease_ms = LEASE_MS, .max_attempts = MAX_ATTEMPTS};
    struct avsp_err err = {0};
    struct avsp_store *store = avsp_store_open(sim->url, &options, &err);
    if (store == NULL)
        broken(sim, "open: %s", err.text);
    return store;
}

/// One of those that are up; NULL where none is.
static struct avsp_store *any_store(const struct sim *sim)
{
    uint32_t from = world_random(N_COORDINATORS);
    for (uint32_t i = 0; i < N_COORDINATORS; i++)
        if (sim->stores[(from + i) % N_COORDINATORS] != NULL)
            return sim->stores[(from + i) % N_COORDINATORS];
    return NULL;
}

/// Did the call reach the database? What it answers then must be one of the codes that the caller can expect.
static bool reached(struct sim *sim, enum avsp_code rc, const struct avsp_err *err)
{
    // A write that failed: nothing, or only the first of two transactions, has happened. The coordinator tells; and whoever
    // asked does not know.
    if (rc == AVSP_UNAVAILABLE || rc == AVSP_INTERNAL || rc == AVSP_LIMIT || rc == AVSP_CORRUPT) {
        if (sim->is_quiet)
            broken(sim, "a quiet database says: %s", err->text);
        return false;
    }
    return true;
}

static bool is_lost(struct sim *sim)
{
    bool lost = !sim->is_quiet && world_chance(60);
    sim->n_lost += lost;
    return lost;
}

static void sweep(struct sim *sim, struct avsp_store *store)
{
    struct avsp_err err = {0};
    if (reached(sim, avsp_store_sweep(store, &err), &err))
        sim->owes_sweep = false;
}

static void toggle_coordinator(struct sim *sim)
{
    struct avsp_store **store = &sim->stores[world_random(N_COORDINATORS)];
    if (*store != NULL) {
        avsp_store_close(*store);
        *store = NULL;
    } else {
        *store = open_store(sim);
    }
}

// --- clients

static struct avsp_location location(struct sim *sim, const char *folder, const char *name,
                                     const char *file)
{
    char *path = avsp_arena_printf(&sim->arena, "/%s/%s%s", folder, name, file);
    AVSP_ASSERT(path != NULL);
    return (struct avsp_location){AVSP_LOCATION_FS, path, "", "", "", "", {""}};
}

/// Submits the job, or does so again where the answer was lost.
static void submit(struct sim *sim, struct job *job, struct avsp_store *store)
{
    const struct avsp_job_spec spec = {
        .input = location(sim, "media", job->key, ".mkv"),
        .output = location(sim, "out", job->key, ""),
        .work = location(sim, "work", job->key, ""),
        .segment_seconds = 4,
        .crf = 30,
        .preset = 8,
        .idempotency_key = job->key,
    };
    char id[AVSP_ID_BYTES] = "";
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_store_submit(store, &spec, id, &err);
    if (!reached(sim, rc, &err))
        return;
    if (rc != AVSP_OK)
        broken(sim, "submit: %s", err.text);
    if (job->id[0] != '\0' && strcmp(job->id, id) != 0)
        broken(sim, "one idempotency key made two jobs");
    memcpy(job->id, id, sizeof id);
    job->is_known = !is_lost(sim);
}

static void cancel(struct sim *sim, struct avsp_store *store)
{
    struct job *job = &sim->jobs[world_random(sim->n_jobs)];
    struct avsp_err err = {0};
    if (job->id[0] == '\0')
        return;
    enum avsp_code rc = avsp_store_cancel(store, job->id, &err);
    if (reached(sim, rc, &err) && rc != AVSP_OK)
        broken(sim, "cancel: %s", err.text);
    job->was_canceled = true;
}

static struct job *job_of(struct sim *sim, const char *id)
{
    static const char sql[] = "SELECT count(*) FROM jobs WHERE id = ?1 AND idempotency_key = ?2";
    for (uint32_t i = 0; i < sim->n_jobs; i++)
        if (strcmp(sim->jobs[i].id, id) == 0)
            return &sim->jobs[i];
    // Its submit was stored and not answered.
    for (uint32_t i = 0; i < sim->n_jobs; i++)
        if (sim->jobs[i].id[0] == '\0' && ask(sim, sql, id, sim->jobs[i].key) == 1) {
            snprintf(sim->jobs[i].id, sizeof sim->jobs[i].id, "%s", id);
            return &sim->jobs[i];
        }
    broken(sim, "a task of a job that nobody submitted: %s", id);
    return NULL;
}

// --- workers

static void forget(struct worker *w)
{
    w->state = IDLE;
    w->n_reported = 0;
    w->task_id[0] = '\0';
}

/// It dies, and another one of a new name takes its place.
static void die(struct sim *sim, struct worker *w)
{
    forget(w);
    w->asleep_ms = 0;
    snprintf(w->id, sizeof w->id, "w%td.%u", w - sim->workers, ++w->life);
}

static void ask_for_work(struct sim *sim, struct worker *w, struct avsp_store *store)
{
    if (w->state == IDLE) {
        avsp_id_new(w->claim_id);
        w->state = ASKING;
    }
    const struct avsp_claim claim = {
        .worker = {.id = w->id, .host = "", .version = "", .kinds = 0xffff},
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
    enum avsp_code rc = avsp_store_finish(store, &finish, &err);
    if (!reached(sim, rc, &err)) {
        sim->owes_sweep = true; // perhaps it is stored, and what follows is not
        return;
    }
    if (rc == AVSP_OK && !was_current)
        broken(sim, "the finish of an attempt that was superseded counted");
    if (rc != AVSP_OK && rc != AVSP_CONFLICT)
        broken(sim, "finish: %s", err.text);
    if (rc == AVSP_CONFLICT && was_current && job_state(sim, job->id) == AVSP_JOB_RUNNING)
        broken(sim, "the finish of a current attempt was refused: %s", err.text);
    if (!is_lost(sim))
        forget(w);
}

static void release(struct sim *sim, struct worker *w, struct avsp_store *store)
{
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_store_release(store, w->id, w->task_id, w->token, &err);
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

static void step_worker(struct sim *sim, struct worker *w)
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

// --- the course of events

static void pass_time(struct sim *sim)
{
    int64_t ms = world_random(sim->is_quiet || !world_chance(50) ? 800 : 2 * LEASE_MS);
    world_advance_ms(ms);
    for (struct worker *w = sim->workers; w < sim->workers + N_WORKERS; w++)
        w->asleep_ms = AVSP_MAX(w->asleep_ms - ms, (int64_t)0);
}

static void step_client(struct sim *sim, struct avsp_store *store)
{
    for (uint32_t i = 0; i < sim->n_jobs; i++)
        if (!sim->jobs[i].is_known && (sim->is_quiet || world_chance(300))) {
            submit(sim, &sim->jobs[i], store);
            return;
        }
    if (!sim->is_quiet && world_chance(10))
        cancel(sim, store);
}

static void step(struct sim *sim)
{
    uint32_t who = world_random(100);
    struct avsp_store *store = any_store(sim);
    struct worker *worker = &sim->workers[world_random(N_WORKERS)];
    // More often at a finish: what follows from one is a transaction of its own.
    bool disk_fails = !sim->is_quiet && world_chance(worker->state == FINISHING ? 80 : 10);
    if (disk_fails)
        world_fail_write(1 + world_random(WRITES_MAX));
    if (who < 20)
        pass_time(sim);
    else if (who < 30 && store != NULL)
        sweep(sim, store);
    else if (who < 34 && store != NULL)
        step_client(sim, store);
    else if (who < 35 && !sim->is_quiet && !disk_fails)
        toggle_coordinator(sim);
    else
        step_worker(sim, worker);
    world_fail_write(0);
    sim->n_failed_writes += disk_fails;
    sim->owes_sweep |= disk_fails;
    avsp_arena_clear(&sim->arena);
    check_rules(sim);
    sim->step++;
}

/// Who never had bad luck must be finished, with every segment in its place once.
static void check_end(struct sim *sim, const struct job *job)
{
    static const char places[] =
        "SELECT count(*) FROM segments WHERE job_id = ?1 AND rendition = ?2";
    static const char spent[] =
        "SELECT count(*) FROM tasks WHERE job_id = ?1 AND (spent >= 4 OR claims >= 4)";
    static const char given_up[] =
        "SELECT count(*) FROM attempts a JOIN jobs j ON j.id = a.job_id"
        " WHERE j.id = ?1 AND a.outcome = 'failed' AND j.fail_may_retry = 0";
    int64_t state = job_state(sim, job->id);
    if (state == AVSP_JOB_CANCELED && !job->was_canceled)
        broken(sim, "job %s is canceled, and nobody asked for that", job->key);
    if (state == AVSP_JOB_FAILED && ask(sim, spent, job->id, NULL) == 0 &&
        ask(sim, given_up, job->id, NULL) == 0)
        broken(sim, "job %s failed without a reason", job->key);
    if (state == AVSP_JOB_FINISHED && job->is_bad)
        broken(sim, "job %s finished without a split", job->key);
    if (state != AVSP_JOB_FINISHED)
        return;
    int64_t n = 0;
    for (uint32_t i = 0; i < job->n_pieces; i++)
        n += job->n_segments[i];
    if (ask(sim, places, job->id, "v0") != n || ask(sim, places, job->id, "a0") != job->has_sound)
        broken(sim, "job %s has %" PRId64 " segments of %" PRId64, job->key,
               ask(sim, places, job->id, "v0"), n);
}

static bool all_over(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->n_jobs; i++)
        if (!sim->jobs[i].is_known || job_state(sim, sim->jobs[i].id) == AVSP_JOB_RUNNING)
            return false;
    return true;
}

static void come_to_rest(struct sim *sim)
{
    sim->is_quiet = true;
    for (size_t i = 0; i < N_COORDINATORS; i++)
        if (sim->stores[i] == NULL)
            sim->stores[i] = open_store(sim);
    for (int i = 0; !all_over(sim); i++) {
        if (i == QUIET_STEPS)
            broken(sim, "nothing goes wrong any more, and a job does not end");
        step(sim);
    }
    for (uint32_t i = 0; i < sim->n_jobs; i++)
        check_end(sim, &sim->jobs[i]);
}

static void make_jobs(struct sim *sim)
{
    sim->n_jobs = 1 + world_random(JOBS_MAX);
    for (uint32_t i = 0; i < sim->n_jobs; i++) {
        struct job *job = &sim->jobs[i];
        snprintf(job->key, sizeof job->key, "job%" PRIu32, i);
        job->n_pieces = 1 + world_random(PIECES_MAX);
        job->has_sound = world_chance(500);
        job->is_bad = world_chance(50);
        for (uint32_t k = 0; k < job->n_pieces; k++)
            job->n_segments[k] = world_chance(700) ? 1 : 1 + world_random(4);
    }
}

/// A fresh database: a copy of an empty one, which is quicker to make.
static void copy_database(struct sim *sim, const char *template, const char *path)
{
    char bytes[1 << 16];
    FILE *from = fopen(template, "re"), *to = fopen(path, "we");
    AVSP_ASSERT(from != NULL && to != NULL);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, from)) > 0;)
        AVSP_ASSERT(fwrite(bytes, 1, n, to) == n);
    fclose(from);
    if (fclose(to) != 0)
        broken(sim, "no room for %s", path);
}

static void remove_database(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char name[128];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(endings); i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
}

static void run_seed(struct sim *sim, uint64_t seed, const char *template)
{
    char path[96];
    snprintf(path, sizeof path, "%s/db", sim->folder);
    sim->seed = seed;
    world_reset(seed);
    copy_database(sim, template, path);
    for (size_t i = 0; i < N_COORDINATORS; i++)
        sim->stores[i] = open_store(sim);
    AVSP_ASSERT(sqlite3_open_v2(path, &sim->look, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    for (struct worker *w = sim->workers; w < sim->workers + N_WORKERS; w++)
        die(sim, w);
    make_jobs(sim);
    while (sim->step < BUSY_STEPS)
        step(sim);
    come_to_rest(sim);
    for (struct question *q = sim->questions; q->sql != NULL; q++)
        sqlite3_finalize(q->stmt);
    sqlite3_close(sim->look);
    for (size_t i = 0; i < N_COORDINATORS; i++)
        avsp_store_close(sim->stores[i]);
    remove_database(path);
}

static void make_template(struct sim *sim, const char *path)
{
    snprintf(sim->url, sizeof sim->url, "sqlite://%s", path);
    avsp_store_close(open_store(sim));
}

/// In memory where there is a file system for that.
static void make_folder(char ret_folder[64])
{
    snprintf(ret_folder, 64, "/dev/shm/avspl1t-sim-XXXXXX");
    if (mkdtemp(ret_folder) == NULL) {
        snprintf(ret_folder, 64, "/tmp/avspl1t-sim-XXXXXX");
        AVSP_ASSERT(mkdtemp(ret_folder) != NULL);
    }
}

int main(int argc, char **argv)
{
    int64_t n_seeds = 100, first = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        int64_t *value = strcmp(argv[i], "--first") == 0 ? &first : &n_seeds;
        if (!avsp_parse_i64(argv[i + 1], 1, INT64_MAX / 2, value))
            return 2;
    }
    struct sim sim = {0};
    char folder[64], template[80];
    make_folder(folder);
    snprintf(template, sizeof template, "%s/empty", folder);
    world_reset(0);
    make_template(&sim, template);
    uint64_t n_claims = 0, n_lost = 0, n_failed_writes = 0;
    for (int64_t seed = first; seed < first + n_seeds; seed++) {
        sim = (struct sim){0};
        snprintf(sim.folder, sizeof sim.folder, "%s", folder);
        snprintf(sim.url, sizeof sim.url, "sqlite://%s/db", folder);
        avsp_arena_init(&sim.arena, 16U << 20);
        run_seed(&sim, (uint64_t)seed, template);
        avsp_arena_deinit(&sim.arena);
        n_claims += sim.n_claims;
        n_lost += sim.n_lost;
        n_failed_writes += sim.n_failed_writes;
    }
    remove_database(template);
    rmdir(folder);
    printf("%" PRId64 " seeds from %" PRId64 ": %" PRIu64 " claims, %" PRIu64
           " answers lost, %" PRIu64 " failing disks; every rule held\n",
           n_seeds, first, n_claims, n_lost, n_failed_writes);
    return 0;
}
