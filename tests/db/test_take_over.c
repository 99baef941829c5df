/// A coordinator that starts alone on a database: what others had is free at once, what failed is tried again.

#include "fixture.h"

#include <string.h>

static void take_over(struct fixture *fx)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_take_over(fx->store, &err), err);
}

static void what_is_claimed_is_free_at_once(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    struct avsp_task first = claim(fx, "dead");
    struct avsp_task second = claim(fx, "dead");
    assert_false(heartbeat(fx, "dead", &second).lease_lost);
    claim(fx, "dead");
    assert_int_equal(claim(fx, "heir").kind, AVSP_TASK_NONE);
    fixture_reopen(fx);
    assert_int_equal(claim(fx, "heir").kind, AVSP_TASK_NONE); // only a lease would tell
    uint64_t version = get_job(fx, id).version;
    take_over(fx);
    assert_true(get_job(fx, id).version > version);
    struct avsp_task again = claim(fx, "heir");
    assert_string_equal(again.id, first.id);
    assert_true(again.token.attempt > first.token.attempt);
    // The one that had it is fenced off, should it live after all.
    assert_true(heartbeat(fx, "dead", &first).lease_lost);
    finish_ok(fx, "heir", &again);
    assert_int_equal(finish_all(fx), 2);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void it_costs_no_attempt(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 1);
    for (int i = 0; i < 3 * MAX_ATTEMPTS; i++) {
        struct avsp_task task = claim(fx, "dead");
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        heartbeat(fx, "dead", &task);
        take_over(fx);
    }
    assert_int_equal(finish_all(fx), 1);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void a_back_off_ends(void **state)
{
    struct fixture *fx = *state;
    submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    finish_failed(fx, "w", &task, true, "the disk is full");
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    take_over(fx);
    assert_string_equal(claim(fx, "w").id, task.id);
}

static void a_failed_job_goes_on(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    struct avsp_task done = claim(fx, "w");
    finish_ok(fx, "w", &done);
    struct avsp_task task = claim(fx, "w");
    finish_failed(fx, "w", &task, false, "the disk is full");
    struct avsp_job job = get_job(fx, id);
    assert_int_equal(job.state, AVSP_JOB_FAILED);
    take_over(fx);
    job = get_job(fx, id);
    assert_int_equal(job.state, AVSP_JOB_RUNNING);
    assert_int_equal(job.failure.code, AVSP_OK);
    assert_string_equal(job.failure.message, "");
    assert_int_equal(job.ended_us, 0);
    // All attempts are there anew.
    for (int i = 1; i < MAX_ATTEMPTS; i++) {
        task = claim(fx, "w");
        finish_failed(fx, "w", &task, true, "not yet");
        assert_int_equal(get_job(fx, id).state, AVSP_JOB_RUNNING);
        wait_ms(fx, 61000);
    }
    assert_int_equal(finish_all(fx), 2); // not the one that was done
    job = get_job(fx, id);
    assert_int_equal(job.state, AVSP_JOB_FINISHED);
    // Nothing is left to clean up.
    wait_ms(fx, 10000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

static void one_whose_cleanup_began_stays_failed(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 2);
    struct avsp_task task = claim(fx, "w");
    finish_failed(fx, "w", &task, false, "broken");
    wait_ms(fx, 6000);
    task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_CLEANUP);
    take_over(fx);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FAILED);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_CLEANUP);
}

static void one_whose_output_is_taken_stays_failed(void **state)
{
    struct fixture *fx = *state;
    const char *failed = submit_and_split(fx, "same", 1);
    struct avsp_task task = claim(fx, "w");
    finish_failed(fx, "w", &task, false, "broken");
    const char *other = submit(fx, "same");
    take_over(fx);
    assert_int_equal(get_job(fx, failed).state, AVSP_JOB_FAILED);
    assert_int_equal(get_job(fx, other).state, AVSP_JOB_RUNNING);
}

static void of_two_failed_jobs_for_one_output_one_goes_on(void **state)
{
    struct fixture *fx = *state;
    for (int i = 0; i < 2; i++) {
        submit(fx, "same");
        struct avsp_task task = claim(fx, "w");
        finish_failed(fx, "w", &task, false, "broken");
    }
    take_over(fx);
    take_over(fx); // twice is as good as once
    struct avsp_task task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_SPLIT);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

static void canceled_and_finished_jobs_stay_as_they_are(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *finished = submit_and_split(fx, "a", 1);
    finish_all(fx);
    const char *canceled = submit(fx, "b");
    ASSERT_OK(avsp_store_cancel(fx->store, canceled, &err), err);
    take_over(fx);
    assert_int_equal(get_job(fx, finished).state, AVSP_JOB_FINISHED);
    assert_int_equal(get_job(fx, canceled).state, AVSP_JOB_CANCELED);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_claimed_is_free_at_once),
        TEST(it_costs_no_attempt),
        TEST(a_back_off_ends),
        TEST(a_failed_job_goes_on),
        TEST(one_whose_cleanup_began_stays_failed),
        TEST(one_whose_output_is_taken_stays_failed),
        TEST(of_two_failed_jobs_for_one_output_one_goes_on),
        TEST(canceled_and_finished_jobs_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
