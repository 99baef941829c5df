/// One job, one set of encoders: what the first encode binds, who gets what afterwards, and how a job is begun anew with others.

#include "fixture.h"
#include "util/time.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define KIND(kind) (1U << (kind))

static struct avsp_task claim_as(struct fixture *fx, const char *worker, const char *encoders)
{
    const struct avsp_claim ask = {.worker = {.id = worker,
                                              .host = "h",
                                              .version = "1",
                                              .slots = 1,
                                              .kinds = KINDS_ALL,
                                              .encoders = encoders},
                                   .own = true,
                                   .claim_id = ""};
    return claim_with(fx, &ask);
}

static void hear_of(struct fixture *fx, const char *worker, const char *encoders)
{
    const struct avsp_worker_info info = {
        .id = worker, .host = "h", .version = "1", .slots = 1, .encoders = encoders};
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_note_workers(fx->store, &info, 1, &err), err);
}

static void repin(struct fixture *fx, const char *job_id)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_retry(fx->store, job_id, true, &err), err);
}

/// Claims and finishes whatever there is for a worker. @return how many encodes of that job it did
static unsigned work_off(struct fixture *fx, const char *worker, const char *encoders,
                         const char *job_id)
{
    unsigned n = 0;
    for (;;) {
        struct avsp_task task = claim_as(fx, worker, encoders);
        if (task.kind == AVSP_TASK_NONE)
            return n;
        n += task.kind == AVSP_TASK_ENCODE && strcmp(task.job_id, job_id) == 0;
        if (task.kind == AVSP_TASK_SPLIT)
            (void)report(fx, worker, &task, video_pieces(fx, task.resume_idx, 3));
        finish_ok(fx, worker, &task);
    }
}

static void the_first_encode_binds_its_job(void **state)
{
    struct fixture *fx = *state;
    const char *a = submit_and_split(fx, "a", 3);
    assert_string_equal(get_job(fx, a).encoders, "");
    struct avsp_task first = claim_as(fx, "old", "SVT 1");
    assert_string_equal(first.job_id, a);
    assert_string_equal(get_job(fx, a).encoders, "SVT 1");
    assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_NONE);
    const char *b = submit_and_split(fx, "b", 2);
    struct avsp_task other = claim_as(fx, "new", "SVT 2");
    assert_string_equal(other.job_id, b); // other jobs' work
    assert_string_equal(get_job(fx, b).encoders, "SVT 2");
    assert_int_equal(work_off(fx, "old", "SVT 1", a), 2);
    assert_int_equal(work_off(fx, "new", "SVT 2", b), 1);
    finish_ok(fx, "old", &first);
    finish_ok(fx, "new", &other);
    // What makes no segments is for anybody.
    assert_int_equal(claim_as(fx, "third", "SVT 3").kind, AVSP_TASK_MANIFEST);
    assert_int_equal(claim_as(fx, "third", "SVT 3").kind, AVSP_TASK_MANIFEST);
}

/// Sound binds as pictures do, and a worker that does not say what it has is like any other.
static void sound_and_silence_bind_too(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    struct avsp_piece sound = audio_piece(fx);
    (void)report(fx, "s", &split, (struct avsp_outputs){.pieces = &sound, .n_pieces = 1});
    assert_int_equal(claim(fx, "silent").kind, AVSP_TASK_AUDIO);
    (void)report(fx, "s", &split, video_pieces(fx, 0, 1));
    assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_NONE);
    assert_int_equal(claim(fx, "another").kind, AVSP_TASK_ENCODE);
    assert_string_equal(get_job(fx, id).encoders, "");
}

static void what_comes_back_stays_with_its_encoders(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    (void)submit_and_split(fx, "a", 2);
    struct avsp_task task = claim_as(fx, "old", "SVT 1");
    struct avsp_task lost = claim_as(fx, "old", "SVT 1");
    ASSERT_OK(
        avsp_store_release(fx->store, "old", task.id, task.token, (char[AVSP_ID_BYTES]){0}, &err),
        err);
    assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_NONE);
    task = claim_as(fx, "old", "SVT 1");
    finish_failed(fx, "old", &task, true, "not yet");
    (void)heartbeat(fx, "old", &lost);
    wait_ms(fx, 2 * LEASE_MS + 1000);
    assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_NONE);
    assert_int_equal(claim_as(fx, "old2", "SVT 1").kind, AVSP_TASK_ENCODE);
    assert_int_equal(claim_as(fx, "old2", "SVT 1").kind, AVSP_TASK_ENCODE);
}

/// What lay beyond the window when the job was bound, and what was ready, and what comes later.
static void a_long_job_is_bound_as_a_whole(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    (void)report(fx, "s", &split, video_pieces(fx, 0, 280));
    struct avsp_task first = claim_as(fx, "old", "SVT 1");
    assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_NONE);
    (void)report(fx, "s", &split, video_pieces(fx, 280, 20));
    finish_ok(fx, "s", &split);
    for (int i = 1; i < 300; i++) {
        if (i % 50 == 0)
            assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_NONE);
        struct avsp_task task = claim_as(fx, "old", "SVT 1");
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        finish_ok(fx, "old", &task);
    }
    finish_ok(fx, "old", &first);
    assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_MANIFEST);
    assert_int_equal(get_job(fx, id).tasks_done, 301);
}

static void status_says_who_is_waited_for(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *id = submit_and_split(fx, "a", 2);
    assert_false(get_job(fx, id).waits_for_encoders); // nobody is there, whatever he had
    hear_of(fx, "old", "SVT 1");
    hear_of(fx, "new", "SVT 2");
    struct avsp_task task = claim_as(fx, "old", "SVT 1");
    assert_false(get_job(fx, id).waits_for_encoders);
    ASSERT_OK(
        avsp_store_release(fx->store, "old", task.id, task.token, (char[AVSP_ID_BYTES]){0}, &err),
        err);
    assert_false(get_job(fx, id).waits_for_encoders); // it is there, and busy with something else
    ASSERT_OK(avsp_store_drain(fx->store, "old", true, &err), err);
    assert_true(get_job(fx, id).waits_for_encoders);
    ASSERT_OK(avsp_store_drain(fx->store, "old", false, &err), err);
    assert_false(get_job(fx, id).waits_for_encoders);
    wait_ms(fx, 61000);
    hear_of(fx, "new", "SVT 2");
    assert_true(get_job(fx, id).waits_for_encoders);
    hear_of(fx, "old", "SVT 2"); // it was upgraded
    assert_true(get_job(fx, id).waits_for_encoders);
    hear_of(fx, "older", "SVT 1");
    assert_false(get_job(fx, id).waits_for_encoders);
}

static void repin_begins_anew_with_what_there_is(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *id = submit_and_split(fx, "a", 3);
    struct avsp_task done = claim_as(fx, "old", "SVT 1");
    finish_ok(fx, "old", &done);
    struct avsp_task zombie = claim_as(fx, "old", "SVT 1");
    const uint64_t version = get_job(fx, id).version;
    repin(fx, id);
    struct avsp_job job = get_job(fx, id);
    assert_int_equal(job.state, AVSP_JOB_RUNNING);
    assert_string_equal(job.encoders, "");
    assert_int_equal(job.tasks_done, 0);
    assert_true(job.version > version);
    assert_true(heartbeat(fx, "old", &zombie).canceled);
    struct avsp_finish late = finish_of("old", &zombie);
    late.outputs = encoded(fx, &zombie);
    ASSERT_CODE(avsp_store_finish(fx->store, &late, &err), AVSP_CONFLICT, err);
    // Pieces whose encodes were done are gone: the split makes them again.
    struct avsp_task split = claim_as(fx, "new", "SVT 2");
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    assert_int_equal(split.resume_idx, 0);
    (void)report(fx, "new", &split, video_pieces(fx, 0, 3));
    struct avsp_task task = claim_as(fx, "new", "SVT 2");
    assert_int_equal(task.idx, 0); // also the one that was done
    // Its segments are others, and so is their init segment: no contradiction.
    struct avsp_outputs made = encoded(fx, &task);
    made.renditions[0].init_sha256 = made.segments[0].sha256 =
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    struct avsp_finish finish = finish_of("new", &task);
    finish.outputs = made;
    err = (struct avsp_err){0};
    ASSERT_OK(avsp_store_finish(fx->store, &finish, &err), err);
    assert_string_equal(get_job(fx, id).encoders, "SVT 2");
    assert_int_equal(claim_as(fx, "old", "SVT 1").kind, AVSP_TASK_NONE);
    err = (struct avsp_err){0};
    ASSERT_CODE(avsp_store_finish(fx->store, &late, &err), AVSP_CONFLICT, err);
}

/// The split runs yet, and its holder is a zombie from then on; a paused job stays paused.
static void repin_of_a_job_that_is_paused_while_it_is_split(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *id = submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    (void)report(fx, "s", &split, video_pieces(fx, 0, 2));
    struct avsp_task task = claim_as(fx, "old", "SVT 1");
    finish_ok(fx, "old", &task);
    ASSERT_OK(avsp_store_pause(fx->store, id, &err), err);
    repin(fx, id);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_PAUSED);
    struct avsp_attempt_status told = report(fx, "s", &split, video_pieces(fx, 2, 1));
    assert_true(told.lease_lost || told.canceled);
    assert_int_equal(claim_as(fx, "new", "SVT 2").kind, AVSP_TASK_NONE);
    ASSERT_OK(avsp_store_resume(fx->store, id, &err), err);
    assert_int_equal(work_off(fx, "new", "SVT 2", id), 3);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
    assert_string_equal(get_job(fx, id).encoders, "SVT 2"); // it is told ever after
}

static void repin_of_a_job_that_is_over(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *id = submit_and_split(fx, "a", 3);
    struct avsp_task task = claim_as(fx, "old", "SVT 1");
    finish_ok(fx, "old", &task);
    ASSERT_OK(avsp_store_cancel(fx->store, id, &err), err);
    repin(fx, id);
    assert_int_equal(get_job(fx, id).tasks_done, 0);
    assert_int_equal(work_off(fx, "new", "SVT 2", id), 3);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
    ASSERT_CODE(avsp_store_retry(fx->store, id, true, &err), AVSP_PRECONDITION, err);
    err = (struct avsp_err){0};
    ASSERT_CODE(avsp_store_retry(fx->store, "nope", true, &err), AVSP_NOT_FOUND, err);
}

/// Nothing that other encoders could not go on with.
static void repin_of_a_job_that_is_bound_to_nothing(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    const uint64_t version = get_job(fx, id).version;
    repin(fx, id);
    assert_int_equal(get_job(fx, id).version, version);
    assert_int_equal(work_off(fx, "new", "SVT 2", id), 3);
}

// --- workers that never come back

#define N_LOST 300 ///< more than any list of them holds
#define N_TOGETHER 30

/// Claims so many tasks for somebody who is not heard of again.
static void lose(struct fixture *fx, unsigned n, uint32_t kinds, const char *encoders)
{
    const struct avsp_claim ask = {
        .worker = {.id = "dead", .host = "", .version = "", .kinds = kinds, .encoders = encoders},
        .own = true,
        .claim_id = ""};
    while (n > 0) {
        struct avsp_claim_item items[N_TOGETHER] = {0};
        const size_t n_now = AVSP_MIN(n, (unsigned)N_TOGETHER);
        for (size_t i = 0; i < n_now; i++)
            items[i] = (struct avsp_claim_item){.claim = &ask, .arena = &fx->arena};
        avsp_store_claim_many(fx->store, items, n_now);
        for (size_t i = 0; i < n_now; i++)
            assert_true(items[i].rc == AVSP_OK && items[i].task.kind != AVSP_TASK_NONE);
        n -= (unsigned)n_now;
    }
}

/// Time passes, with as few sweeps as count.
static void let_leases_run_out(struct fixture *fx)
{
    for (int i = 0; i < 7; i++) {
        advance_ms(fx, LEASE_MS / 3);
        sweep(fx);
    }
}

/// Nobody has their encoders any more, and what they had comes first by any order.
static void what_nobody_can_take_hides_nothing_that_was_lost(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *poison = submit_and_split(fx, "poison", 1);
    for (int i = 1; i < MAX_ATTEMPTS; i++) {
        const struct avsp_task task = claim_as(fx, "dead", "SVT 1");
        (void)heartbeat(fx, "dead", &task);
        let_leases_run_out(fx);
    }
    const struct avsp_task last = claim_as(fx, "dead", "SVT 1");
    (void)heartbeat(fx, "dead", &last);
    const char *film = submit_and_split(fx, "film", N_LOST + 1);
    ASSERT_OK(avsp_store_set_priority(fx->store, film, AVSP_PRIORITY_MAX, &err), err);
    lose(fx, N_LOST, KINDS_ALL, "SVT 1");
    (void)submit_and_split(fx, "clip", 1);
    const struct avsp_task lost = claim_as(fx, "lost", "SVT 2");
    let_leases_run_out(fx);
    assert_string_equal(claim_as(fx, "new", "SVT 2").id, lost.id);
    assert_int_equal(get_job(fx, poison).state, AVSP_JOB_FAILED); // whoever asks, or not
    assert_int_equal(get_job(fx, film).state, AVSP_JOB_RUNNING);
    // Who comes after all finds all of it, and is told of what there was no place for.
    lose(fx, N_LOST * 2 / 3, KINDS_ALL, "SVT 1");
    fx->n_ready = 0;
    sweep(fx);
    assert_in_range(fx->n_ready, 1, N_LOST / 3);
    lose(fx, N_LOST / 3 + 1, KINDS_ALL, "SVT 1");
}

/// Of the same pool, but not for those who are left.
static void a_kind_that_nobody_takes_hides_no_other_that_was_lost(void **state)
{
    struct fixture *fx = *state;
    struct avsp_piece sounds[N_LOST];
    (void)submit(fx, "a");
    const struct avsp_task split = claim(fx, "s");
    for (uint32_t i = 0; i < N_LOST; i++) {
        sounds[i] = audio_piece(fx);
        sounds[i].track = i;
    }
    (void)report(fx, "s", &split, (struct avsp_outputs){.pieces = sounds, .n_pieces = N_LOST});
    lose(fx, N_LOST, KIND(AVSP_TASK_AUDIO), "SVT 1");
    (void)report(fx, "s", &split, video_pieces(fx, 0, 1));
    lose(fx, 1, KIND(AVSP_TASK_ENCODE), "SVT 1");
    let_leases_run_out(fx);
    lose(fx, 1, KIND(AVSP_TASK_ENCODE), "SVT 1");
}

// --- two sorts of workers at once

#define N_THREADS 6
#define N_JOBS 3
#define N_PIECES 20
#define N_ALL (N_JOBS * N_PIECES)

struct crew {
    struct fixture *fx;
    unsigned n;
    _Atomic unsigned *n_done; ///< by all
};

static void *crew_main(void *opaque)
{
    struct crew *crew = opaque;
    struct avsp_store *store = fixture_open_another(crew->fx);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 16U << 20);
    char name[16];
    snprintf(name, sizeof name, "%s-%u", crew->n % 2 == 0 ? "even" : "odd", crew->n);
    const struct avsp_claim ask = {.worker = {.id = name,
                                              .host = "",
                                              .version = "",
                                              .kinds = KIND(AVSP_TASK_ENCODE),
                                              .encoders = crew->n % 2 == 0 ? "even" : "odd"},
                                   .own = true,
                                   .claim_id = ""};
    const struct avsp_mono end = avsp_mono_in_ms(LEASE_MS);
    while (*crew->n_done < N_ALL && !avsp_mono_passed(end)) {
        struct avsp_task task = {0};
        struct avsp_err err = {0};
        ASSERT_OK(avsp_store_claim(store, &ask, &arena, &task, &err), err);
        *crew->n_done += task.kind != AVSP_TASK_NONE;
        avsp_arena_clear(&arena);
        if (task.kind == AVSP_TASK_NONE) { // as far as this store has heard
            ASSERT_OK(avsp_store_sweep(store, &err), err);
            usleep(5000);
        }
    }
    avsp_store_close(store);
    return NULL;
}

static void workers_that_race_for_a_job_do_not_share_it(void **state)
{
    struct fixture *fx = *state;
    const char *jobs[N_JOBS] = {submit_and_split(fx, "a", N_PIECES),
                                submit_and_split(fx, "b", N_PIECES),
                                submit_and_split(fx, "c", N_PIECES)};
    struct crew crews[N_THREADS];
    pthread_t threads[N_THREADS];
    _Atomic unsigned n_done = 0;
    for (unsigned i = 0; i < N_THREADS; i++) {
        crews[i] = (struct crew){.fx = fx, .n = i, .n_done = &n_done};
        assert_int_equal(pthread_create(&threads[i], NULL, crew_main, &crews[i]), 0);
    }
    for (unsigned i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(n_done, N_ALL);
    for (size_t i = 0; i < N_JOBS; i++) {
        struct avsp_job job = get_job(fx, jobs[i]);
        assert_int_equal(job.n_running, N_PIECES);
        for (size_t r = 0; r < job.n_running; r++)
            if (strncmp(job.running[r].worker_id, job.encoders, strlen(job.encoders)) != 0)
                fail_msg("%s has encode %u of a job that is bound to %s", job.running[r].worker_id,
                         job.running[r].idx, job.encoders);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_first_encode_binds_its_job),
        TEST(sound_and_silence_bind_too),
        TEST(what_comes_back_stays_with_its_encoders),
        TEST(a_long_job_is_bound_as_a_whole),
        TEST(status_says_who_is_waited_for),
        TEST(repin_begins_anew_with_what_there_is),
        TEST(repin_of_a_job_that_is_paused_while_it_is_split),
        TEST(repin_of_a_job_that_is_over),
        TEST(repin_of_a_job_that_is_bound_to_nothing),
        TEST(what_nobody_can_take_hides_nothing_that_was_lost),
        TEST(a_kind_that_nobody_takes_hides_no_other_that_was_lost),
        TEST(workers_that_race_for_a_job_do_not_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
