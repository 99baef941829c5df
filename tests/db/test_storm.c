/// Everything at once, from many threads on several stores: jobs are submitted to few outputs, canceled, paused, tried again, bound
/// to other encoders and deleted, and worked on by workers of two sorts that finish, fail, hand back and fall silent. Whatever
/// the order, what must never be is not.

#include "fixture.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define N_THREADS 12
#define N_STORES 3
#define N_OUTPUTS 4
#define N_PIECES 3
#define N_CLAIMS 1000 ///< of all threads together
#define N_JOBS_MAX 4000
#define N_HANDED_OUT_MAX 65536

/// What all threads share; guarded by the lock.
struct storm {
    struct fixture *fx;
    struct avsp_store *stores[N_STORES];
    pthread_mutex_t lock;
    char handed_out[N_HANDED_OUT_MAX][48]; ///< "task/attempt", an open hash table
    char jobs[N_JOBS_MAX][AVSP_ID_BYTES];
    char finished[N_JOBS_MAX][AVSP_ID_BYTES]; ///< jobs whose manifest task somebody finished
    int n_jobs;
    int n_finished;
    char newest[N_OUTPUTS][AVSP_ID_BYTES]; ///< job of each output
    char wrong[256];                       ///< the first thing that must never be
    atomic_int n_claims;                   ///< that gave something
    atomic_int n_seconds;                  ///< that the clocks were advanced by
    int n_stores;
    atomic_int n_by_kind[AVSP_TASK_CLEANUP + 1];
    atomic_int n_refused;
    atomic_int n_controlled; ///< what was asked of a job, and done
};

/// What the two sorts of workers encode with.
static const char *const encoders[] = {"SVT 1", "SVT 2"};

struct thread {
    pthread_t thread;
    struct storm *storm;
    struct avsp_store *store;
    struct fixture scratch; ///< for its arena alone
    char name[16];
    int sort;
};

static void wrong(struct storm *s, const char *what, const char *id, const char *detail)
{
    pthread_mutex_lock(&s->lock);
    if (s->wrong[0] == '\0')
        snprintf(s->wrong, sizeof s->wrong, "%s: %.40s: %.150s", what, id, detail);
    pthread_mutex_unlock(&s->lock);
}

/// Stores of several programs wait for SQLite's lock by polling, which may be in vain on a busy machine; and what belonged to a
/// job that was deleted is not there any more.
static bool is_excused(const struct storm *s, enum avsp_code rc)
{
    return (rc == AVSP_UNAVAILABLE && !s->fx->is_postgres) || rc == AVSP_NOT_FOUND;
}

static bool chance(int percent)
{
    return avsp_nonce_new() % 100 < percent;
}

/// Notes that an attempt was handed out. @return false: it was before.
static bool note_attempt(struct storm *s, const struct avsp_task *task)
{
    char key[48];
    snprintf(key, sizeof key, "%s/%" PRId64, task->id, task->token.attempt);
    uint64_t hash = 1469598103934665603U;
    for (const char *p = key; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211U;
    bool is_new = true;
    pthread_mutex_lock(&s->lock);
    for (uint64_t i = hash % N_HANDED_OUT_MAX;; i = (i + 1) % N_HANDED_OUT_MAX) {
        if (s->handed_out[i][0] == '\0') {
            memcpy(s->handed_out[i], key, sizeof key);
            break;
        }
        if (strcmp(s->handed_out[i], key) == 0) {
            is_new = false;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return is_new;
}

static void count_manifest(struct storm *s, const char *job_id)
{
    pthread_mutex_lock(&s->lock);
    if (s->n_finished < N_JOBS_MAX)
        snprintf(s->finished[s->n_finished++], AVSP_ID_BYTES, "%s", job_id);
    pthread_mutex_unlock(&s->lock);
}

static int n_manifests(const struct storm *s, const char *job_id)
{
    int n = 0;
    for (int i = 0; i < s->n_finished; i++)
        n += strcmp(s->finished[i], job_id) == 0;
    return n;
}

static void submit_one(struct thread *t)
{
    struct storm *s = t->storm;
    struct avsp_err err = {0};
    int64_t output = avsp_nonce_new() % N_OUTPUTS;
    char name[16];
    char id[AVSP_ID_BYTES];
    snprintf(name, sizeof name, "o%d", (int)output);
    struct avsp_job_spec spec = local_spec(&t->scratch, name);
    enum avsp_code rc = avsp_store_submit(t->store, &spec, id, &err);
    s->n_refused += rc == AVSP_EXISTS;
    if (rc != AVSP_OK && rc != AVSP_EXISTS && !is_excused(s, rc))
        wrong(s, "submit", avsp_code_name(rc), err.text);
    if (rc != AVSP_OK)
        return;
    pthread_mutex_lock(&s->lock);
    if (s->n_jobs < N_JOBS_MAX)
        memcpy(s->jobs[s->n_jobs++], id, sizeof id);
    memcpy(s->newest[output], id, sizeof id);
    pthread_mutex_unlock(&s->lock);
}

static void cancel_one(struct thread *t)
{
    struct storm *s = t->storm;
    struct avsp_err err = {0};
    char id[AVSP_ID_BYTES];
    pthread_mutex_lock(&s->lock);
    memcpy(id, s->newest[avsp_nonce_new() % N_OUTPUTS], sizeof id);
    pthread_mutex_unlock(&s->lock);
    if (id[0] != '\0' && avsp_store_cancel(t->store, id, &err) != AVSP_OK &&
        !is_excused(s, err.code))
        wrong(s, "cancel", id, err.text);
}

static enum avsp_code retry(struct avsp_store *store, const char *id, struct avsp_err *err)
{
    return avsp_store_retry(store, id, false, err);
}

static enum avsp_code repin(struct avsp_store *store, const char *id, struct avsp_err *err)
{
    return avsp_store_retry(store, id, true, err);
}

static enum avsp_code set_priority(struct avsp_store *store, const char *id, struct avsp_err *err)
{
    return avsp_store_set_priority(store, id, (int32_t)(avsp_nonce_new() % 10), err);
}

static enum avsp_code delete (struct avsp_store *store, const char *id, struct avsp_err *err) {
    return avsp_store_delete(store, id, chance(20), err);
}

/// Asks something of any job; what its state does not allow is refused.
static void control_one(struct thread *t)
{
    static enum avsp_code (*const calls[])(struct avsp_store *, const char *, struct avsp_err *) = {
        avsp_store_pause, avsp_store_resume, avsp_store_resume, retry, repin, set_priority, delete};
    struct storm *s = t->storm;
    struct avsp_err err = {0};
    char id[AVSP_ID_BYTES] = "";
    pthread_mutex_lock(&s->lock);
    if (s->n_jobs > 0) // a late one: most of the early ones are over
        memcpy(id, s->jobs[s->n_jobs - 1 - (int)(avsp_nonce_new() % AVSP_MIN(s->n_jobs, 8))],
               sizeof id);
    pthread_mutex_unlock(&s->lock);
    if (id[0] == '\0')
        return;
    enum avsp_code rc = calls[(size_t)avsp_nonce_new() % AVSP_ARRAY_LEN(calls)](t->store, id, &err);
    s->n_controlled += rc == AVSP_OK;
    if (rc != AVSP_OK && rc != AVSP_PRECONDITION && rc != AVSP_EXISTS && !is_excused(s, rc))
        wrong(s, "control", avsp_code_name(rc), err.text);
}

/// While what a job left behind is removed, no other job writes there: as long as the lease that was got at @p since lasts.
static void check_output(struct thread *t, const struct avsp_task *task, int since)
{
    struct storm *s = t->storm;
    struct avsp_err err = {0};
    struct avsp_job job = {0};
    char id[AVSP_ID_BYTES];
    const char *name = strrchr(task->output.path, '/') + 2;
    pthread_mutex_lock(&s->lock);
    memcpy(id, s->newest[*name - '0'], sizeof id);
    pthread_mutex_unlock(&s->lock);
    if (avsp_store_get_job(t->store, id, &t->scratch.arena, &job, &err) != AVSP_OK) {
        if (!is_excused(s, err.code))
            wrong(s, "get job", id, err.text);
    } else if (job.state == AVSP_JOB_RUNNING && s->n_seconds - since < LEASE_MS / 2000) {
        wrong(s, "a job runs whose output is being removed", id, task->id);
    }
}

/// @param since  when it was claimed. @return false: the attempt is over.
static bool begin_work(struct thread *t, const struct avsp_task *task, int since)
{
    struct avsp_err err = {0};
    const struct avsp_progress progress = {.frames_done = 1, .frames_total = 100};
    struct avsp_attempt_status status = {0};
    enum avsp_code rc =
        avsp_store_heartbeat(t->store, t->name, task->id, task->token, &progress, &status, &err);
    if (rc == AVSP_OK && task->kind == AVSP_TASK_SPLIT && !status.canceled && !status.lease_lost) {
        struct avsp_outputs pieces = video_pieces(&t->scratch, 0, N_PIECES);
        rc = avsp_store_report(t->store, t->name, task->id, task->token, &pieces, &status, &err);
    }
    if (rc != AVSP_OK && !is_excused(t->storm, rc))
        wrong(t->storm, "heartbeat or report", avsp_code_name(rc), err.text);
    if (task->kind == AVSP_TASK_CLEANUP && !status.lease_lost)
        check_output(t, task, since);
    return rc == AVSP_OK && !status.canceled && !status.lease_lost;
}

static void end_work(struct thread *t, const struct avsp_task *task)
{
    struct avsp_err err = {0};
    struct avsp_finish finish = finish_of(t->name, task);
    struct avsp_location manifest = fs_file(&t->scratch, "/out/manifest.m3u8");
    if (chance(8)) {
        if (avsp_store_release(t->store, t->name, task->id, task->token, (char[AVSP_ID_BYTES]){0},
                               &err) != AVSP_OK &&
            !is_excused(t->storm, err.code))
            wrong(t->storm, "release", task->id, err.text);
        return;
    }
    if (chance(8)) {
        finish.succeeded = false;
        finish.failure = (struct avsp_failure){AVSP_CORRUPT, chance(50), "by chance", ""};
    } else if (task->kind == AVSP_TASK_ENCODE) {
        finish.outputs = encoded(&t->scratch, task);
    } else if (task->kind == AVSP_TASK_MANIFEST) {
        finish.files_kind = AVSP_TASK_MANIFEST;
        finish.files = &manifest;
        finish.n_files = 1;
    }
    enum avsp_code rc = avsp_store_finish(t->store, &finish, &err);
    if (rc == AVSP_OK && finish.succeeded && task->kind == AVSP_TASK_MANIFEST)
        count_manifest(t->storm, task->job_id);
    if (rc != AVSP_OK && rc != AVSP_CONFLICT && !is_excused(t->storm, rc))
        wrong(t->storm, "finish", avsp_code_name(rc), err.text);
}

static void work_once(struct thread *t)
{
    struct storm *s = t->storm;
    struct avsp_err err = {0};
    struct avsp_task task = {0};
    const int since = s->n_seconds;
    const struct avsp_claim ask = {
        .worker = {.id = t->name, .kinds = KINDS_ALL, .encoders = encoders[t->sort]},
        .own = true,
        .claim_id = ""};
    enum avsp_code rc = avsp_store_claim(t->store, &ask, &t->scratch.arena, &task, &err);
    if (rc != AVSP_OK && !is_excused(s, rc))
        wrong(s, "claim", avsp_code_name(rc), err.text);
    if (rc != AVSP_OK || task.kind == AVSP_TASK_NONE)
        return;
    s->n_claims++;
    s->n_by_kind[task.kind]++;
    if (!note_attempt(s, &task))
        wrong(s, "an attempt was handed out twice", task.id, "");
    if (begin_work(t, &task, since) && !chance(3)) // else it falls silent
        end_work(t, &task);
}

static void *run(void *opaque)
{
    struct thread *t = opaque;
    struct storm *s = t->storm;
    while (s->wrong[0] == '\0' && s->n_claims < N_CLAIMS) {
        struct avsp_err err = {0};
        if (chance(10))
            submit_one(t);
        if (chance(2))
            cancel_one(t);
        if (chance(12))
            control_one(t);
        if (chance(2)) {
            s->n_seconds++;
            for (int i = 0; i < s->n_stores; i++) // one database, one clock
                avsp_store_advance_clock(s->stores[i], 1000);
            if (avsp_store_sweep(t->store, &err) != AVSP_OK && !is_excused(s, err.code))
                wrong(s, "sweep", avsp_code_name(err.code), err.text);
        }
        work_once(t);
        avsp_arena_clear(&t->scratch.arena);
    }
    return NULL;
}

static void resume_all(struct storm *s)
{
    for (int i = 0; i < s->n_jobs; i++) {
        struct avsp_err err = {0};
        enum avsp_code rc = avsp_store_resume(s->fx->store, s->jobs[i], &err);
        if (rc != AVSP_OK && rc != AVSP_PRECONDITION && rc != AVSP_NOT_FOUND)
            wrong(s, "resume", avsp_code_name(rc), err.text);
    }
}

/// One patient worker of either sort brings everything to its end.
static void drain(struct storm *s)
{
    struct fixture *fx = s->fx;
    struct thread t = {.storm = s, .store = fx->store, .name = "last"};
    avsp_arena_init(&t.scratch.arena, 16U << 20);
    for (int idle = 0; idle < 4;) {
        struct avsp_task task = {0};
        for (size_t i = 0; i < AVSP_ARRAY_LEN(encoders) && task.kind == AVSP_TASK_NONE; i++) {
            const struct avsp_claim ask = {
                .worker = {.id = "last", .kinds = KINDS_ALL, .encoders = encoders[i]},
                .own = true,
                .claim_id = ""};
            task = claim_with(fx, &ask);
        }
        if (task.kind == AVSP_TASK_NONE) {
            wait_ms(fx, 2 * LEASE_MS);
            idle++;
            continue;
        }
        idle = 0;
        if (begin_work(&t, &task, s->n_seconds))
            finish_ok(fx, "last", &task);
        if (task.kind == AVSP_TASK_MANIFEST)
            count_manifest(s, task.job_id);
        assert_string_equal(s->wrong, "");
    }
    avsp_arena_deinit(&t.scratch.arena);
}

/// Here all wait for all, and each deadlock for its discovery: how long that may take on a busy machine is not what is asked.
static void wait_for_any_lock(struct fixture *fx)
{
    const size_t n = strlen(fx->url);
    if (fx->is_postgres)
        snprintf(fx->url + n, sizeof fx->url - n,
                 "%%20-clock_timeout%%3D0%%20-cstatement_timeout%%3D0");
    fixture_reopen(fx);
}

static void test_storm(void **state)
{
    struct fixture *fx = *state;
    struct storm *s = calloc(1, sizeof *s);
    assert_non_null(s);
    struct thread threads[N_THREADS] = {0};
    s->fx = fx;
    wait_for_any_lock(fx);
    pthread_mutex_init(&s->lock, NULL);
    s->n_stores = N_STORES;
    for (int i = 0; i < N_STORES; i++)
        s->stores[i] = i == 0 ? fx->store : fixture_open_another(fx);
    for (int i = 0; i < N_THREADS; i++) {
        threads[i].storm = s;
        threads[i].sort = i % 2;
        threads[i].store = s->stores[i % N_STORES];
        snprintf(threads[i].name, sizeof threads[i].name, "w%d", i);
        avsp_arena_init(&threads[i].scratch.arena, 16U << 20);
        assert_int_equal(pthread_create(&threads[i].thread, NULL, run, &threads[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i].thread, NULL);
        avsp_arena_deinit(&threads[i].scratch.arena);
    }
    assert_string_equal(s->wrong, "");
    resume_all(s);
    drain(s);
    int n_finished = 0;
    for (int i = 0; i < s->n_jobs; i++) {
        struct avsp_job job = {0};
        struct avsp_err err = {0};
        enum avsp_code rc = avsp_store_get_job(fx->store, s->jobs[i], &fx->arena, &job, &err);
        if (rc == AVSP_NOT_FOUND) { // deleted
            assert_true(n_manifests(s, s->jobs[i]) <= 1);
            continue;
        }
        ASSERT_OK(rc, err);
        assert_int_not_equal(job.state, AVSP_JOB_RUNNING);
        assert_int_equal(job.n_running, 0);
        assert_int_equal(n_manifests(s, s->jobs[i]), job.state == AVSP_JOB_FINISHED);
        n_finished += job.state == AVSP_JOB_FINISHED;
    }
    print_message("%d jobs, %d finished, %d submits refused, %d cleanups, %d times controlled\n",
                  s->n_jobs, n_finished, s->n_refused, s->n_by_kind[AVSP_TASK_CLEANUP],
                  s->n_controlled);
    assert_true(n_finished > 0 && s->n_refused > 0 && s->n_by_kind[AVSP_TASK_CLEANUP] > 0 &&
                s->n_controlled > 0);
    for (int i = 1; i < N_STORES; i++)
        avsp_store_close(s->stores[i]);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_storm, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
