/// Several threads, several coordinators and several processes on one database; and a death between two transactions.

#include "fixture.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_THREADS 8

/// A worker's life on a store of its own: claims and finishes until nothing comes any more.
struct worker {
    pthread_t thread;
    struct avsp_store *store;
    char name[16];
    const char *want; ///< job that must end
    int n_done[AVSP_TASK_CLEANUP + 1];
    struct avsp_err err; ///< the first failure
};

static enum avsp_code finish_one(struct worker *w, const struct avsp_task *task)
{
    struct fixture scratch = {0}; // for its arena alone
    avsp_arena_init(&scratch.arena, 1U << 20);
    struct avsp_finish finish = finish_of(w->name, task);
    struct avsp_location manifest = fs_file(&scratch, "/out/manifest.m3u8");
    if (task->kind == AVSP_TASK_ENCODE)
        finish.outputs = encoded(&scratch, task);
    if (task->kind == AVSP_TASK_MANIFEST) {
        finish.files_kind = AVSP_TASK_MANIFEST;
        finish.files = &manifest;
        finish.n_files = 1;
    }
    enum avsp_code rc = avsp_store_finish(w->store, &finish, &w->err);
    avsp_arena_deinit(&scratch.arena);
    return rc;
}

static bool job_is_over(struct worker *w)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_job job = {0};
    avsp_arena_init(&arena, 1U << 20);
    return avsp_store_get_job(w->store, w->want, &arena, &job, &w->err) != AVSP_OK ||
           job.state != AVSP_JOB_RUNNING;
}

static void *work(void *opaque)
{
    struct worker *w = opaque;
    const struct avsp_claim ask = {
        .worker = {.id = w->name, .kinds = KINDS_ALL}, .own = true, .claim_id = ""};
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        struct avsp_task task;
        avsp_arena_init(&arena, 1U << 20);
        rc = avsp_store_claim(w->store, &ask, &arena, &task, &w->err);
        if (rc == AVSP_OK && task.kind == AVSP_TASK_NONE) {
            if (job_is_over(w))
                return NULL;
            continue;
        }
        if (rc == AVSP_OK)
            rc = finish_one(w, &task);
        if (rc == AVSP_OK)
            w->n_done[task.kind]++;
    }
    return NULL;
}

/// Runs all workers to the end of the job. @return how many tasks of each kind they finished in all.
static void run_workers(struct fixture *fx, struct avsp_store *stores[N_THREADS],
                        const char *job_id, int ret_n_done[AVSP_TASK_CLEANUP + 1])
{
    struct worker workers[N_THREADS] = {0};
    for (int i = 0; i < N_THREADS; i++) {
        workers[i].store = stores[i];
        workers[i].want = job_id;
        snprintf(workers[i].name, sizeof workers[i].name, "w%d", i);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    memset(ret_n_done, 0, (AVSP_TASK_CLEANUP + 1) * sizeof *ret_n_done);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_string_equal(workers[i].err.text, "");
        for (int k = 0; k <= AVSP_TASK_CLEANUP; k++)
            ret_n_done[k] += workers[i].n_done[k];
    }
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_FINISHED);
}

static void test_each_task_is_done_once(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 500);
    struct avsp_store *stores[N_THREADS];
    struct avsp_store *another = fixture_open_another(fx);
    for (int i = 0; i < N_THREADS; i++)
        stores[i] = i % 2 == 0 ? fx->store : another;
    int n_done[AVSP_TASK_CLEANUP + 1];
    run_workers(fx, stores, job_id, n_done);
    avsp_store_close(another);
    assert_int_equal(n_done[AVSP_TASK_ENCODE], 500);
    assert_int_equal(n_done[AVSP_TASK_MANIFEST], 1);
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.tasks_done, 502);
    assert_int_equal(job.frames_done, 50000);
}

/// Two that finish the last two tasks at once make one manifest task between them.
static void test_exactly_one_manifest(void **state)
{
    struct fixture *fx = *state;
    struct avsp_store *stores[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        stores[i] = i < 2 ? fixture_open_another(fx) : fx->store;
    for (int round = 0; round < 20; round++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", round);
        const char *job_id = submit_and_split(fx, name, N_THREADS);
        int n_done[AVSP_TASK_CLEANUP + 1];
        run_workers(fx, stores, job_id, n_done);
        assert_int_equal(n_done[AVSP_TASK_MANIFEST], 1);
    }
    avsp_store_close(stores[0]);
    avsp_store_close(stores[1]);
}

/// The same key from many threads gives one job.
struct submitter {
    pthread_t thread;
    struct avsp_store *store;
    struct avsp_job_spec spec;
    char id[AVSP_ID_BYTES];
    struct avsp_err err;
};

static void *submit_one(void *opaque)
{
    struct submitter *s = opaque;
    (void)!avsp_store_submit(s->store, &s->spec, s->id, &s->err);
    return NULL;
}

static void test_submit_race(void **state)
{
    struct fixture *fx = *state;
    struct avsp_store *another = fixture_open_another(fx);
    struct submitter s[N_THREADS] = {0};
    for (int i = 0; i < N_THREADS; i++) {
        s[i].store = i % 2 == 0 ? fx->store : another;
        s[i].spec = local_spec(fx, "a");
        s[i].spec.idempotency_key = "one";
        assert_int_equal(pthread_create(&s[i].thread, NULL, submit_one, &s[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(s[i].thread, NULL);
        assert_string_equal(s[i].err.text, "");
        assert_string_equal(s[i].id, s[0].id);
    }
    avsp_store_close(another);
}

/// The same finish from many threads, as after lost answers: each is told that it succeeded, and one counts.
struct finisher {
    pthread_t thread;
    struct avsp_store *store;
    const struct avsp_finish *finish;
    struct avsp_err err;
};

static void *finish_again(void *opaque)
{
    struct finisher *f = opaque;
    (void)!avsp_store_finish(f->store, f->finish, &f->err);
    return NULL;
}

static void test_repeated_finish_race(void **state)
{
    struct fixture *fx = *state;
    struct avsp_store *another = fixture_open_another(fx);
    const char *job_id = submit_and_split(fx, "a", 20);
    for (int round = 0; round < 20; round++) {
        struct avsp_task task = claim(fx, "w");
        struct avsp_finish finish = finish_of("w", &task);
        struct finisher f[N_THREADS] = {0};
        finish.outputs = encoded(fx, &task);
        for (int i = 0; i < N_THREADS; i++) {
            f[i].store = i % 2 == 0 ? fx->store : another;
            f[i].finish = &finish;
            assert_int_equal(pthread_create(&f[i].thread, NULL, finish_again, &f[i]), 0);
        }
        for (int i = 0; i < N_THREADS; i++) {
            pthread_join(f[i].thread, NULL);
            assert_string_equal(f[i].err.text, "");
        }
    }
    assert_int_equal(get_job(fx, job_id).tasks_done, 21);
    avsp_store_close(another);
    // Where the other store made it, ours hears of it later: by NOTIFY, on SQLite only by its sweep, which would also make one that
    // is missing. One that has just begun looks from the bottom.
    fixture_reopen(fx);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_MANIFEST);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

/// What no NOTIFY tells is found by the sweep.
static void test_another_stores_manifest_is_found(void **state)
{
    struct fixture *fx = *state;
    struct worker other = {.name = "w", .store = fixture_open_another(fx)};
    (void)submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE); // nothing is ready, as far as ours knows
    ASSERT_OK(finish_one(&other, &task), other.err);
    wait_ms(fx, 6000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_MANIFEST);
    avsp_store_close(other.store);
}

static void die(void *opaque, unsigned n_ready)
{
    (void)opaque;
    (void)n_ready;
    _exit(7); // after the commit of the finish, before the manifest's transaction
}

static void finish_and_die(struct fixture *fx, const struct avsp_task *task)
{
    const struct avsp_store_options options = {
        .lease_ms = LEASE_MS, .max_attempts = MAX_ATTEMPTS, .changed = die};
    struct worker w = {.name = "w"};
    w.store = avsp_store_open(fx->url, &options, &w.err);
    if (w.store != NULL)
        (void)!finish_one(&w, task);
    _exit(1);
}

static void test_death_between_finish_and_manifest(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    avsp_store_close(fx->store); // SQLite's handles must not cross a fork
    fx->store = NULL;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        finish_and_die(fx, &task);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    fixture_reopen(fx);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    sweep(fx);
    sweep(fx);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_MANIFEST);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_each_task_is_done_once),
        TEST(test_exactly_one_manifest),
        TEST(test_submit_race),
        TEST(test_repeated_finish_race),
        TEST(test_another_stores_manifest_is_found),
        TEST(test_death_between_finish_and_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
