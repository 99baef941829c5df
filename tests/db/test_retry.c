/// Jobs that failed or were canceled, and are tried again.

#include "fixture.h"

#include <string.h>

static void a_failed_job_goes_on_with_what_it_has(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    struct avsp_task done = claim(fx, "w");
    finish_ok(fx, "w", &done);
    struct avsp_task running = claim(fx, "zombie");
    struct avsp_task task = claim(fx, "w");
    finish_failed(fx, "w", &task, false, "the disk is full");
    retry_job(fx, id);
    struct avsp_job job = get_job(fx, id);
    assert_int_equal(job.state, AVSP_JOB_RUNNING);
    assert_int_equal(job.failure.code, AVSP_OK);
    assert_int_equal(job.ended_us, 0);
    uint64_t version = job.version;
    retry_job(fx, id); // twice is as good as once
    assert_int_equal(get_job(fx, id).version, version);
    assert_true(heartbeat(fx, "zombie", &running).lease_lost);
    for (int i = 1; i < MAX_ATTEMPTS; i++) { // all attempts anew
        task = claim(fx, "w");
        finish_failed(fx, "w", &task, true, "not yet");
        wait_ms(fx, 61000);
    }
    assert_int_equal(finish_all(fx), 2);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
    wait_ms(fx, 10000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE); // nothing is cleaned up
}

static void a_canceled_job_goes_on_too(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 2);
    cancel_job(fx, id);
    retry_job(fx, id);
    assert_int_equal(finish_all(fx), 2);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void a_manifest_that_failed_is_made_again(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    finish_ok(fx, "w", &task);
    for (int i = 0; i < 2; i++) {
        task = claim(fx, "w");
        assert_int_equal(task.kind, AVSP_TASK_MANIFEST);
        finish_failed(fx, "w", &task, false, "a segment is missing");
        retry_job(fx, id);
    }
    task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_MANIFEST);
    assert_int_equal(task.token.attempt, 3);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    finish_ok(fx, "w", &task);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void what_was_cleaned_up_is_made_again(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    struct avsp_task task = claim(fx, "w");
    finish_ok(fx, "w", &task);
    for (int round = 0; round < 2; round++) {
        cancel_job(fx, id);
        clean_up(fx);
        retry_job(fx, id);
        assert_int_equal(get_job(fx, id).split_done, false);
        task = claim(fx, "w");
        assert_int_equal(task.kind, AVSP_TASK_SPLIT);
        assert_int_equal(task.resume_idx, 0);
        assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE); // no piece is there
        (void)report(fx, "w", &task, video_pieces(fx, 0, 2));
        assert_int_equal(get_job(fx, id).n_tasks, 3);
        struct avsp_task encode = claim(fx, "w");
        assert_int_equal(encode.kind, AVSP_TASK_ENCODE);
        assert_int_equal(encode.idx, 0); // also the one that was done before
        finish_ok(fx, "w", &encode);
    }
    (void)report(fx, "w", &task, video_pieces(fx, 2, 1));
    finish_ok(fx, "w", &task);
    assert_int_equal(finish_all(fx), 2);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

/// Pieces of the second split that are there stay; the others wait for a third one.
static void a_second_start_that_stops_half_way_goes_on(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    cancel_job(fx, id);
    clean_up(fx);
    retry_job(fx, id);
    struct avsp_task split = claim(fx, "w");
    (void)report(fx, "w", &split, video_pieces(fx, 0, 2));
    cancel_job(fx, id);
    retry_job(fx, id); // nothing was cleaned up yet
    split = claim(fx, "w");
    for (int i = 0; i < 2; i++) {
        struct avsp_task other = claim(fx, "w");
        if (other.kind == AVSP_TASK_SPLIT) {
            struct avsp_task encode = split;
            split = other;
            other = encode;
        }
        assert_int_equal(other.kind, AVSP_TASK_ENCODE);
        assert_true(other.idx < 2);
        finish_ok(fx, "w", &other);
    }
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    assert_int_equal(split.resume_idx, 2);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    (void)report(fx, "w", &split, video_pieces(fx, 2, 1));
    finish_ok(fx, "w", &split);
    assert_int_equal(finish_all(fx), 1);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void another_source_is_found_out(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    cancel_job(fx, id);
    clean_up(fx);
    retry_job(fx, id);
    struct avsp_task split = claim(fx, "w");
    struct avsp_piece piece = video_piece(fx, 0, 2);
    (void)report(fx, "w", &split, (struct avsp_outputs){.pieces = &piece, .n_pieces = 1});
    struct avsp_job job = get_job(fx, id);
    assert_int_equal(job.state, AVSP_JOB_FAILED);
    assert_non_null(strstr(job.failure.message, "differs"));
}

static void what_cannot_be_tried_again_says_why(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    expect(avsp_store_retry(fx->store, "nope", false, &err), AVSP_NOT_FOUND, err, "nope");
    const char *finished = submit_and_split(fx, "done", 1);
    finish_all(fx);
    expect(avsp_store_retry(fx->store, finished, false, &err), AVSP_PRECONDITION, err,
           "is finished");
    const char *first = submit(fx, "same");
    cancel_job(fx, first);
    const char *second = submit(fx, "same");
    expect(avsp_store_retry(fx->store, first, false, &err), AVSP_EXISTS, err, second);
    pause_job(fx, second);
    expect(avsp_store_retry(fx->store, first, false, &err), AVSP_EXISTS, err, second);
    cancel_job(fx, second);
    wait_ms(fx, 6000);
    struct avsp_task cleanup = claim(fx, "w");
    assert_int_equal(cleanup.kind, AVSP_TASK_CLEANUP);
    expect(avsp_store_retry(fx->store, first, false, &err), AVSP_EXISTS, err, "is being removed");
    wait_ms(fx, EXPIRED_MS); // that worker died
    retry_job(fx, first);
    assert_true(heartbeat(fx, "w", &cleanup).canceled || heartbeat(fx, "w", &cleanup).lease_lost);
}

static void credentials_that_are_forgotten_do_not_come_back(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *id = submit_spec(fx, &spec);
    cancel_job(fx, id);
    retry_job(fx, id); // they are there until the cleanup is done
    struct avsp_task task = claim(fx, "w");
    assert_string_equal(task.input.secret_access_key.text, SECRET "-input");
    cancel_job(fx, id);
    clean_up(fx);
    expect(avsp_store_retry(fx->store, id, false, &err), AVSP_PRECONDITION, err, "credentials");
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_CANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_failed_job_goes_on_with_what_it_has),
        TEST(a_canceled_job_goes_on_too),
        TEST(a_manifest_that_failed_is_made_again),
        TEST(what_was_cleaned_up_is_made_again),
        TEST(a_second_start_that_stops_half_way_goes_on),
        TEST(another_source_is_found_out),
        TEST(what_cannot_be_tried_again_says_why),
        TEST(credentials_that_are_forgotten_do_not_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
