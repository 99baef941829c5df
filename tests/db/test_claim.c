/// Who gets which task, and when: order, fairness, claim ids, leases and what they cost.

#include "fixture.h"

#include <string.h>

static void test_nothing_to_do(void **state)
{
    struct fixture *fx = *state;
    struct avsp_task task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_NONE);
    assert_string_equal(task.id, "");
}

static void test_split_is_handed_out_whole(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *job_id = submit_spec(fx, &spec);
    struct avsp_task task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_SPLIT);
    assert_string_equal(task.job_id, job_id);
    assert_int_equal(task.token.attempt, 1);
    assert_true(task.token.nonce != 0);
    assert_int_equal(task.lease_ms, LEASE_MS);
    assert_string_equal(task.input.path, "in/film.mkv");
    assert_string_equal(task.input.endpoint, "http://s3.test:9000");
    assert_string_equal(task.input.access_key_id, "key-input");
    assert_string_equal(task.input.secret_access_key.text, SECRET "-input");
    assert_string_equal(task.work.secret_access_key.text, SECRET "-work");
    assert_string_equal(task.output.secret_access_key.text, SECRET "-output");
    assert_string_equal(task.input.session_token.text, SECRET "-token-input");
    assert_string_equal(task.work.session_token.text, SECRET "-token-work");
    assert_int_equal(task.segment_seconds, 4);
    assert_int_equal(task.resume_idx, 0);
    assert_int_equal(claim(fx, "w2").kind, AVSP_TASK_NONE);
}

static void test_encode_inherits_the_work_folders_key(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = s3_spec(fx, "a");
    (void)submit_spec(fx, &spec);
    struct avsp_task split = claim(fx, "w");
    struct avsp_piece pieces[] = {video_piece(fx, 0, 1), video_piece(fx, 1, 1)};
    pieces[0].file = s3_file(fx, "work/a/v0-00000-a1.piece");
    pieces[0].file.endpoint = "";
    pieces[1].file = s3_file(fx, "work/a/v0-00001-a1.piece");
    pieces[1].file.endpoint = "http://elsewhere.test";
    (void)report(fx, "w", &split, (struct avsp_outputs){.pieces = pieces, .n_pieces = 2});
    struct avsp_task encode = claim(fx, "e");
    assert_int_equal(encode.kind, AVSP_TASK_ENCODE);
    assert_true(encode.described);
    assert_string_equal(encode.input.path, "work/a/v0-00000-a1.piece");
    assert_string_equal(encode.input.endpoint, "http://s3.test:9000");
    assert_string_equal(encode.input.secret_access_key.text, SECRET "-work");
    assert_string_equal(encode.input.session_token.text, SECRET "-token-work");
    encode = claim(fx, "e"); // a worker cannot send the key to a host of its choice
    assert_string_equal(encode.input.endpoint, "http://elsewhere.test");
    assert_string_equal(encode.input.secret_access_key.text, "");
}

static void test_order_within_a_job(void **state)
{
    struct fixture *fx = *state;
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    struct avsp_piece late = audio_piece(fx);
    (void)report(fx, "s", &split, video_pieces(fx, 0, 4));
    (void)report(fx, "s", &split, (struct avsp_outputs){.pieces = &late, .n_pieces = 1});
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_ENCODE);
    // Sound is one long task and known last: it does not wait until all else is done.
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_AUDIO);
    for (uint32_t i = 1; i < 4; i++)
        assert_int_equal(claim(fx, "w").idx, i);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

/// A clip that comes while a long film is encoded is served at once in turn, and does not starve the film.
static void test_fair_between_jobs(void **state)
{
    struct fixture *fx = *state;
    const char *film = submit_and_split(fx, "film", 200);
    for (int i = 0; i < 20; i++)
        assert_string_equal(claim(fx, "w").job_id, film);
    const char *clip = submit_and_split(fx, "clip", 10);
    int film_tasks = 0;
    int clip_tasks = 0;
    while (clip_tasks < 10) {
        struct avsp_task task = claim(fx, "w");
        if (strcmp(task.job_id, clip) == 0)
            clip_tasks++;
        else
            film_tasks++;
        assert_true(film_tasks <= clip_tasks + 3);
        assert_true(clip_tasks <= film_tasks + 3);
    }
    assert_true(film_tasks >= 8);
}

/// A piece of ten segments costs as much as ten pieces of one.
static void test_fair_by_cost(void **state)
{
    struct fixture *fx = *state;
    const char *big = submit(fx, "big");
    advance_ms(fx, 1);
    const char *small = submit(fx, "small");
    struct avsp_task first = claim(fx, "s");
    struct avsp_task second = claim(fx, "s");
    struct avsp_piece pieces[10];
    for (uint32_t i = 0; i < 10; i++)
        pieces[i] = video_piece(fx, i * 10, 10);
    assert_string_equal(first.job_id, big);
    (void)report(fx, "s", &first, (struct avsp_outputs){.pieces = pieces, .n_pieces = 10});
    (void)report(fx, "s", &second, video_pieces(fx, 0, 30));
    int n_small = 0;
    for (int i = 0; i < 22; i++)
        n_small += strcmp(claim(fx, "w").job_id, small) == 0;
    assert_in_range(n_small, 18, 21);
}

/// Jobs that come at the same virtual time begin in the order in which they came.
static void test_first_come_first_served(void **state)
{
    struct fixture *fx = *state;
    const char *ids[12];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++) {
        char name[8];
        snprintf(name, sizeof name, "j%zu", i);
        ids[i] = submit(fx, name);
        advance_ms(fx, 1);
    }
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++)
        assert_string_equal(claim(fx, "w").job_id, ids[i]);
}

static void test_claim_id_repeats(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", 3);
    struct avsp_claim ask = {
        .worker = {.id = "w", .kinds = KINDS_ALL}, .own = true, .claim_id = "slot0-1"};
    struct avsp_task first = claim_with(fx, &ask);
    struct avsp_task again = claim_with(fx, &ask);
    assert_string_equal(first.id, again.id);
    assert_int_equal(first.token.attempt, again.token.attempt);
    assert_int_equal(first.token.nonce, again.token.nonce);
    ask.claim_id = "slot0-2";
    assert_string_not_equal(claim_with(fx, &ask).id, first.id);
    ask.claim_id = "slot0-1";
    ask.worker.id = "another";
    assert_string_not_equal(claim_with(fx, &ask).id, first.id);
    ask.worker.id = "w";
    finish_ok(fx, "w", &first);
    assert_int_equal(claim_with(fx, &ask).kind, AVSP_TASK_NONE); // that claim is over
}

static void test_kinds_that_a_worker_takes(void **state)
{
    struct fixture *fx = *state;
    (void)submit(fx, "a");
    struct avsp_claim ask = {
        .worker = {.id = "w", .kinds = 1U << AVSP_TASK_ENCODE}, .own = true, .claim_id = ""};
    assert_int_equal(claim_with(fx, &ask).kind, AVSP_TASK_NONE);
    ask.worker.kinds |= 1U << AVSP_TASK_SPLIT;
    assert_int_equal(claim_with(fx, &ask).kind, AVSP_TASK_SPLIT);
}

static void test_expired_lease_is_claimed_again(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", 1);
    wait_ms(fx, LEASE_MS); // leases are judged only after a full one
    struct avsp_task first = claim(fx, "w1");
    (void)heartbeat(fx, "w1", &first);
    wait_ms(fx, LEASE_MS * 2 / 3);
    assert_int_equal(claim(fx, "w2").kind, AVSP_TASK_NONE);
    (void)heartbeat(fx, "w1", &first);
    wait_ms(fx, LEASE_MS * 2 / 3);
    assert_int_equal(claim(fx, "w2").kind, AVSP_TASK_NONE); // the heartbeat extended it
    fx->n_ready = 0;
    wait_ms(fx, EXPIRED_MS - LEASE_MS * 2 / 3);
    assert_int_equal(fx->n_ready, 1); // told once
    struct avsp_task second = claim(fx, "w2");
    assert_string_equal(second.id, first.id);
    assert_int_equal(second.token.attempt, first.token.attempt + 1);
    assert_int_equal(first.n_spent, 0);
    assert_int_equal(second.n_spent, 1);
    assert_true(second.token.nonce != first.token.nonce);
    // The old holder is fenced off.
    struct avsp_err err = {0};
    assert_true(heartbeat(fx, "w1", &first).lease_lost);
    assert_true(report(fx, "w1", &first, encoded(fx, &first)).lease_lost);
    struct avsp_finish stale = finish_of("w1", &first);
    stale.outputs = encoded(fx, &first);
    ASSERT_CODE(avsp_store_finish(fx->store, &stale, &err), AVSP_CONFLICT, err);
    ASSERT_OK(
        avsp_store_release(fx->store, "w1", first.id, first.token, (char[AVSP_ID_BYTES]){0}, &err),
        err);
    assert_false(heartbeat(fx, "w2", &second).lease_lost);
    finish_ok(fx, "w2", &second);
}

static void test_late_finish_that_nobody_superseded_counts(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    (void)heartbeat(fx, "w", &task);
    wait_ms(fx, 5 * LEASE_MS);
    assert_false(heartbeat(fx, "w", &task).lease_lost);
    wait_ms(fx, 5 * LEASE_MS);
    finish_ok(fx, "w", &task);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_MANIFEST);
}

static void test_no_lease_expires_for_want_of_a_coordinator(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", 1);
    (void)claim(fx, "w1");
    // The database was closed for an hour: heartbeats could not come. The clock's offset goes with the store.
    fixture_reopen(fx);
    advance_ms(fx, LEASE_MS - 2000);
    sweep(fx);
    // A gap between sweeps: the machine slept for an hour.
    advance_ms(fx, 3600 * 1000);
    sweep(fx);
    assert_int_equal(claim(fx, "w2").kind, AVSP_TASK_NONE);
    wait_ms(fx, LEASE_MS * 2 / 3);
    assert_int_equal(claim(fx, "w2").kind, AVSP_TASK_NONE);
    wait_ms(fx, EXPIRED_MS - LEASE_MS * 2 / 3);
    assert_int_equal(claim(fx, "w2").kind, AVSP_TASK_ENCODE);
}

static void test_clock_that_is_set_back(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", 1);
    wait_ms(fx, 7200 * 1000 / 60);
    (void)claim(fx, "w1");
    advance_ms(fx, -3600 * 1000);
    wait_ms(fx, EXPIRED_MS);
    assert_int_equal(claim(fx, "w2").kind, AVSP_TASK_ENCODE);
}

/// A task that kills its workers ends too, after as many attempts as are allowed.
static void test_silent_workers_spend_attempts(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 2);
    wait_ms(fx, LEASE_MS);
    for (int i = 0; i < MAX_ATTEMPTS; i++) {
        struct avsp_task task = claim(fx, "victim");
        assert_int_equal(task.idx, 0);
        assert_int_equal(task.token.attempt, i + 1);
        (void)heartbeat(fx, "victim", &task);
        wait_ms(fx, EXPIRED_MS);
    }
    // Nobody asked for work since: the sweep ended it.
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_FAILED);
    assert_int_equal(job.failure.code, AVSP_TIMEOUT);
    assert_non_null(strstr(job.failure.message, "fell silent"));
    assert_non_null(strstr(job.failure.message, "victim"));
    assert_int_equal(fx->over_state, AVSP_JOB_FAILED);
    assert_string_equal(fx->over_why, job.failure.message);
}

/// The same where a claim comes before the sweep: it gets the next job's task, not this one's.
static void test_claim_passes_a_poisoned_job(void **state)
{
    struct fixture *fx = *state;
    const char *poisoned = submit_and_split(fx, "a", 1);
    const char *other = submit_and_split(fx, "b", 1);
    struct avsp_task task = {0};
    wait_ms(fx, LEASE_MS);
    for (int i = 0; i < MAX_ATTEMPTS; i++) {
        task = claim(fx, "victim");
        assert_string_equal(task.job_id, poisoned);
        (void)heartbeat(fx, "victim", &task);
        if (i + 1 < MAX_ATTEMPTS)
            wait_ms(fx, EXPIRED_MS);
    }
    assert_string_equal(claim(fx, "silent").job_id, other);
    wait_ms(fx, LEASE_MS - 10000);
    (void)heartbeat(fx, "victim", &task);
    wait_ms(fx, LEASE_MS - 8000); // the other one's lease runs out first, and a sweep sees that
    advance_ms(fx, 9000);         // no sweep
    assert_string_equal(claim(fx, "w").job_id, other);
    sweep(fx);
    assert_int_equal(get_job(fx, poisoned).state, AVSP_JOB_FAILED);
}

/// A cleanup that waits for another job's end stands in front of that very job's split, in another pool.
static void test_a_cleanup_does_not_hide_the_job_that_it_waits_for(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *canceled = submit(fx, "same");
    ASSERT_OK(avsp_store_cancel(fx->store, canceled, &err), err);
    (void)submit_and_split(fx, "other", 4);
    for (int i = 0; i < 4; i++)
        (void)claim(fx, "w"); // time goes on
    const char *next = submit(fx, "same");
    wait_ms(fx, 10000);
    assert_string_equal(claim(fx, "w").job_id, next);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    ASSERT_OK(avsp_store_cancel(fx->store, next, &err), err);
    wait_ms(fx, 10000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_CLEANUP);
}

/// Those that wait stand in front of all, for as long as the others run: they are not taken for what there is to do.
static void test_cleanups_that_wait_do_not_hide_what_waits_to_be_encoded(void **state)
{
    struct fixture *fx = *state;
    const char *film = submit(fx, "film");
    for (unsigned i = 0; i <= AVSP_WAITING_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "j%u", i);
        cancel_job(fx, submit(fx, name));
        (void)submit(fx, name);
    }
    struct avsp_claim ask = {
        .worker = {.id = "w", .kinds = 1U << AVSP_TASK_SPLIT}, .own = true, .claim_id = ""};
    struct avsp_task split = claim_with(fx, &ask);
    assert_string_equal(split.job_id, film);
    (void)report(fx, "w", &split, video_pieces(fx, 0, 10));
    wait_ms(fx, 6000);
    ask.worker.kinds = 1U << AVSP_TASK_ENCODE | 1U << AVSP_TASK_CLEANUP;
    assert_int_equal(claim_with(fx, &ask).n_waiting, 9);
}

/// Claims whose answer was lost cost no attempt, but not without end.
static void test_undelivered_claims(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 1);
    wait_ms(fx, LEASE_MS);
    int n = 0;
    while (get_job(fx, job_id).state == AVSP_JOB_RUNNING) {
        struct avsp_task task = claim(fx, "w");
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        n++;
        assert_true(n < 1000);
        wait_ms(fx, EXPIRED_MS);
    }
    assert_true(n > MAX_ATTEMPTS);
    assert_non_null(strstr(get_job(fx, job_id).failure.message, "handed out"));
}

static void test_release_costs_nothing(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit_and_split(fx, "a", 1);
    int64_t last = 0;
    for (int i = 0; i < 100; i++) {
        struct avsp_task task = claim(fx, "w");
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        assert_true(task.token.attempt > last);
        assert_int_equal(task.n_spent, 0);
        last = task.token.attempt;
        if (i % 2 == 0)
            (void)heartbeat(fx, "w", &task);
        unsigned ready = fx->n_ready;
        ASSERT_OK(
            avsp_store_release(fx->store, "w", task.id, task.token, (char[AVSP_ID_BYTES]){0}, &err),
            err);
        assert_int_equal(fx->n_ready, ready + 1);
        ASSERT_OK(
            avsp_store_release(fx->store, "w", task.id, task.token, (char[AVSP_ID_BYTES]){0}, &err),
            err);
        assert_int_equal(fx->n_ready, ready + 1);
        assert_true(heartbeat(fx, "w", &task).lease_lost);
    }
    // Nor do they count as claims that were lost: one that is, is forgiven as ever.
    wait_ms(fx, LEASE_MS);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_ENCODE);
    wait_ms(fx, EXPIRED_MS);
    struct avsp_task task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_ENCODE);
    assert_int_equal(task.n_spent, 0);
    finish_ok(fx, "w", &task);
    assert_int_equal(get_job(fx, job_id).tasks_done, 2);
    ASSERT_CODE(
        avsp_store_release(fx->store, "w", "nope", task.token, (char[AVSP_ID_BYTES]){0}, &err),
        AVSP_NOT_FOUND, err);
}

/// The last encodes of all are told that nobody waits behind them.
static void test_waiting_encodes_are_counted(void **state)
{
    struct fixture *fx = *state;
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "w");
    (void)report(fx, "w", &split, video_pieces(fx, 0, 4));
    assert_int_equal(claim(fx, "w").n_waiting, 3);
    assert_int_equal(claim(fx, "w").n_waiting, 2);
    assert_int_equal(claim(fx, "w").n_waiting, 1);
    assert_int_equal(claim(fx, "w").n_waiting, 0);
}

static void test_split_resumes(void **state)
{
    struct fixture *fx = *state;
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "w");
    struct avsp_piece run = video_piece(fx, 5, 3);
    struct avsp_err err = {0};
    (void)report(fx, "w", &split, video_pieces(fx, 0, 5));
    (void)report(fx, "w", &split, (struct avsp_outputs){.pieces = &run, .n_pieces = 1});
    ASSERT_OK(
        avsp_store_release(fx->store, "w", split.id, split.token, (char[AVSP_ID_BYTES]){0}, &err),
        err);
    // A base worker must not continue what one of ours began.
    assert_int_equal(claim_base(fx, "base").kind, AVSP_TASK_NONE);
    struct avsp_claim ask = {
        .worker = {.id = "w", .kinds = 1U << AVSP_TASK_SPLIT}, .own = true, .claim_id = ""};
    assert_int_equal(claim_with(fx, &ask).resume_idx, 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_to_do),
        TEST(test_split_is_handed_out_whole),
        TEST(test_encode_inherits_the_work_folders_key),
        TEST(test_order_within_a_job),
        TEST(test_fair_between_jobs),
        TEST(test_fair_by_cost),
        TEST(test_first_come_first_served),
        TEST(test_claim_id_repeats),
        TEST(test_kinds_that_a_worker_takes),
        TEST(test_expired_lease_is_claimed_again),
        TEST(test_late_finish_that_nobody_superseded_counts),
        TEST(test_no_lease_expires_for_want_of_a_coordinator),
        TEST(test_clock_that_is_set_back),
        TEST(test_silent_workers_spend_attempts),
        TEST(test_claim_passes_a_poisoned_job),
        TEST(test_a_cleanup_does_not_hide_the_job_that_it_waits_for),
        TEST(test_cleanups_that_wait_do_not_hide_what_waits_to_be_encoded),
        TEST(test_undelivered_claims),
        TEST(test_release_costs_nothing),
        TEST(test_waiting_encodes_are_counted),
        TEST(test_split_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
