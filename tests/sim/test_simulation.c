/// Coordinators and workers at work on one database, in a world of chance: answers that are lost, messages that come twice,
/// workers that die or stand still past their lease, coordinators that die, a disk that fails in the middle.
///
///   test_simulation [--seeds N] [--first SEED]
///
/// Each seed is one course of events over the real statements; after every step the rules below must hold, and once the
/// trouble is over every job must come to its end. A seed that breaks a rule is printed: --first SEED --seeds 1 shows it
/// again.
#include "sim.h"
#include "util/parse.h"
#include "world.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define BUSY_STEPS 250
#define QUIET_STEPS 6000
#define WRITES_MAX 30 ///< that one call makes, about

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

struct avsp_store *any_store(const struct sim *sim)
{
    uint32_t from = world_random(N_COORDINATORS);
    for (uint32_t i = 0; i < N_COORDINATORS; i++)
        if (sim->stores[(from + i) % N_COORDINATORS] != NULL)
            return sim->stores[(from + i) % N_COORDINATORS];
    return NULL;
}

bool reached(struct sim *sim, enum avsp_code rc, const struct avsp_err *err)
{
    // A write that failed: nothing, or only the first of two transactions, has happened. The coordinator tells; and whoever
    // asked does not know.
    if (rc == AVSP_UNAVAILABLE || rc == AVSP_INTERNAL || rc == AVSP_NO_SPACE ||
        rc == AVSP_CORRUPT) {
        if (sim->is_quiet)
            broken(sim, "a quiet database says: %s", err->text);
        return false;
    }
    return true;
}

bool is_lost(struct sim *sim)
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

struct avsp_location location(struct sim *sim, const char *folder, const char *name,
                              const char *file)
{
    char *path = avsp_arena_printf(&sim->arena, "/%s/%s%s", folder, name, file);
    AVSP_ASSERT(path != NULL);
    return avsp_location_fs(path);
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

static enum avsp_code retry(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    return avsp_store_retry(store, job_id, false, err);
}

static enum avsp_code repin(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    return avsp_store_retry(store, job_id, true, err);
}

/// Pauses, resumes, tries a job again or binds it to other encoders, whichever: what its state does not allow is refused.
static void control(struct sim *sim, struct avsp_store *store)
{
    static enum avsp_code (*const calls[])(struct avsp_store *, const char *, struct avsp_err *) = {
        avsp_store_pause, avsp_store_resume, retry, repin};
    static const char cleaned[] = "SELECT count(*) FROM tasks WHERE job_id = ?1 AND kind = 5"
                                  " AND (state IN (2, 3, 4) OR claimed_us > 0)";
    static const char note[] = "INSERT INTO begun_anew SELECT ?1";
    const char *job_id = sim->jobs[world_random(sim->n_jobs)].id;
    size_t which = world_random(AVSP_ARRAY_LEN(calls));
    struct avsp_err err = {0};
    if (job_id[0] == '\0')
        return;
    // What it made is gone then, and everything is won a second time.
    if (calls[which] == repin || (calls[which] == retry && ask(sim, cleaned, job_id, NULL) > 0))
        (void)ask(sim, note, job_id, NULL);
    enum avsp_code rc = calls[which](store, job_id, &err);
    if (reached(sim, rc, &err) && rc != AVSP_OK && rc != AVSP_PRECONDITION && rc != AVSP_EXISTS)
        broken(sim, "control: %s", err.text);
}

struct job *job_of(struct sim *sim, const char *id)
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
    else if (!sim->is_quiet && world_chance(150))
        control(sim, store);
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

static bool all_over(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->n_jobs; i++)
        if (!sim->jobs[i].is_known || job_state(sim, sim->jobs[i].id) == AVSP_JOB_RUNNING)
            return false;
    return true;
}

static void resume(struct sim *sim, const struct job *job)
{
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_store_resume(sim->stores[0], job->id, &err);
    if (rc != AVSP_OK && rc != AVSP_PRECONDITION)
        broken(sim, "resume: %s", err.text);
}

static void come_to_rest(struct sim *sim)
{
    sim->is_quiet = true;
    for (size_t i = 0; i < N_COORDINATORS; i++)
        if (sim->stores[i] == NULL)
            sim->stores[i] = open_store(sim);
    for (uint32_t i = 0; i < sim->n_jobs; i++)
        if (sim->jobs[i].id[0] != '\0')
            resume(sim, &sim->jobs[i]);
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
    AVSP_ASSERT(sqlite3_exec(sim->look, "CREATE TEMP TABLE begun_anew (job_id TEXT)", NULL, NULL,
                             NULL) == SQLITE_OK);
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
    if (getenv("AVSPL1T_FULL") != NULL)
        n_seeds *= 4;
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
