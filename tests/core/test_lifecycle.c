#include "../cmocka_all.h"

#include "core/lifecycle.h"

static void what_is_over_stays_over(void **state)
{
    (void)state;
    for (int s = AVSP_TASK_DONE; s <= AVSP_TASK_CANCELED; s++) {
        assert_true(avsp_task_is_over((enum avsp_task_state)s));
        assert_int_equal(avsp_task_next((enum avsp_task_state)s, AVSP_EVENT_HOLD), 0);
        assert_int_equal(avsp_task_next((enum avsp_task_state)s, AVSP_EVENT_LET_GO), 0);
        for (int e = 0; e <= AVSP_EVENT_CANCEL; e++)
            assert_int_equal(avsp_task_next((enum avsp_task_state)s, (enum avsp_task_event)e), 0);
    }
    assert_false(avsp_task_is_over(AVSP_TASK_READY));
    assert_false(avsp_task_is_over(AVSP_TASK_RUNNING));
    assert_false(avsp_task_is_over(AVSP_TASK_HELD));
}

static void a_job_that_is_tried_again_keeps_what_is_done(void **state)
{
    (void)state;
    assert_int_equal(avsp_task_next(AVSP_TASK_FAILED, AVSP_EVENT_REVIVE), AVSP_TASK_HELD);
    assert_int_equal(avsp_task_next(AVSP_TASK_CANCELED, AVSP_EVENT_REVIVE), AVSP_TASK_HELD);
    assert_int_equal(avsp_task_next(AVSP_TASK_DONE, AVSP_EVENT_REVIVE), 0);
    assert_int_equal(avsp_task_next(AVSP_TASK_RUNNING, AVSP_EVENT_REVIVE), 0);
}

static void the_usual_ways(void **state)
{
    (void)state;
    assert_int_equal(avsp_task_next(AVSP_TASK_READY, AVSP_EVENT_CLAIM), AVSP_TASK_RUNNING);
    assert_int_equal(avsp_task_next(AVSP_TASK_RUNNING, AVSP_EVENT_FINISH), AVSP_TASK_DONE);
    assert_int_equal(avsp_task_next(AVSP_TASK_RUNNING, AVSP_EVENT_RETRY), AVSP_TASK_READY);
    assert_int_equal(avsp_task_next(AVSP_TASK_RUNNING, AVSP_EVENT_EXPIRE), AVSP_TASK_RUNNING);
    assert_int_equal(avsp_task_next(AVSP_TASK_READY, AVSP_EVENT_FINISH), 0);
    assert_int_equal(avsp_task_next((enum avsp_task_state)99, AVSP_EVENT_CLAIM), 0);
}

static void failures_retry_with_growing_waits_until_spent(void **state)
{
    (void)state;
    int64_t before = 0;
    for (int64_t spent = 1; spent < 10; spent++) {
        struct avsp_verdict v = avsp_task_failed(spent, 10, true, 999);
        assert_false(v.job_fails);
        assert_true(v.backoff_ms >= before);
        assert_true(v.backoff_ms <= 60000);
        before = v.backoff_ms;
    }
    assert_true(avsp_task_failed(10, 10, true, 0).job_fails);
    assert_true(avsp_task_failed(1, 1, true, 0).job_fails);
    assert_true(avsp_task_failed(1, 4, false, 0).job_fails);
}

static void percent_is_what_a_base_client_expects(void **state)
{
    (void)state;
    assert_int_equal(avsp_job_percent(AVSP_JOB_RUNNING, false, 50, 100, 1, 9), 0);
    assert_int_equal(avsp_job_percent(AVSP_JOB_RUNNING, true, 0, 100, 1, 9), 1);
    assert_int_equal(avsp_job_percent(AVSP_JOB_RUNNING, true, 50, 100, 1, 9), 50);
    assert_int_equal(avsp_job_percent(AVSP_JOB_RUNNING, true, 100, 100, 8, 9), 99);
    assert_int_equal(avsp_job_percent(AVSP_JOB_RUNNING, true, 0, 0, 3, 4), 75);
    assert_int_equal(avsp_job_percent(AVSP_JOB_FINISHED, true, 1, 100, 9, 9), 100);
}

static void jobs_end_once_and_pause_while_they_run(void **state)
{
    (void)state;
    const enum avsp_job_state ends[] = {AVSP_JOB_FINISHED, AVSP_JOB_FAILED, AVSP_JOB_CANCELED,
                                        AVSP_JOB_DELETED};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ends); i++) {
        assert_true(avsp_job_is_over(ends[i]));
        for (int e = AVSP_JOB_EVENT_FINISH; e <= AVSP_JOB_EVENT_RESUME; e++)
            assert_int_equal(avsp_job_next(ends[i], (enum avsp_job_event)e), 0);
    }
    for (int s = 0; s <= AVSP_JOB_DELETED + 1; s++) {
        bool over = s == AVSP_JOB_FINISHED || s == AVSP_JOB_FAILED || s == AVSP_JOB_CANCELED;
        assert_int_equal(avsp_job_next((enum avsp_job_state)s, AVSP_JOB_EVENT_DELETE),
                         over ? AVSP_JOB_DELETED : 0);
        bool again = s == AVSP_JOB_FAILED || s == AVSP_JOB_CANCELED;
        assert_int_equal(avsp_job_next((enum avsp_job_state)s, AVSP_JOB_EVENT_RETRY),
                         again ? AVSP_JOB_RUNNING : 0);
    }
    assert_false(avsp_job_is_over(AVSP_JOB_PAUSED));
    assert_int_equal(avsp_job_next(AVSP_JOB_RUNNING, AVSP_JOB_EVENT_PAUSE), AVSP_JOB_PAUSED);
    assert_int_equal(avsp_job_next(AVSP_JOB_PAUSED, AVSP_JOB_EVENT_RESUME), AVSP_JOB_RUNNING);
    assert_int_equal(avsp_job_next(AVSP_JOB_PAUSED, AVSP_JOB_EVENT_FAIL), AVSP_JOB_FAILED);
    assert_int_equal(avsp_job_next(AVSP_JOB_PAUSED, AVSP_JOB_EVENT_FINISH), AVSP_JOB_FINISHED);
}

static void a_task_waits_ready_or_held(void **state)
{
    (void)state;
    const enum avsp_job_state runs = AVSP_JOB_RUNNING;
    const enum avsp_job_state paused = AVSP_JOB_PAUSED;
    const int64_t end = avsp_window_end(0, 0, 0);
    assert_int_equal(avsp_task_waits(runs, AVSP_TASK_ENCODE, 0, 0), AVSP_TASK_READY);
    assert_int_equal(avsp_task_waits(runs, AVSP_TASK_ENCODE, end - 1, 0), AVSP_TASK_READY);
    assert_int_equal(avsp_task_waits(runs, AVSP_TASK_ENCODE, end, 0), AVSP_TASK_HELD);
    assert_int_equal(avsp_task_waits(runs, AVSP_TASK_ENCODE, end, end + 1), AVSP_TASK_READY);
    assert_int_equal(avsp_task_waits(runs, AVSP_TASK_AUDIO, end, 0), AVSP_TASK_READY);
    assert_int_equal(avsp_task_waits(paused, AVSP_TASK_AUDIO, 0, 0), AVSP_TASK_HELD);
    assert_int_equal(avsp_task_waits(paused, AVSP_TASK_ENCODE, 0, 0), AVSP_TASK_HELD);
    assert_int_equal(avsp_task_waits(paused, AVSP_TASK_CLEANUP, 0, 0), AVSP_TASK_READY);
}

/// Whatever is claimed in order, there is always something ready behind it, and the end moves rarely.
static void a_window_stays_ahead(void **state)
{
    (void)state;
    int64_t end = 0;
    unsigned n_moves = 0;
    for (int64_t idx = 0; idx < 100000; idx++) {
        int64_t next = avsp_window_end(end, idx, 1);
        n_moves += next != avsp_window_end(end, 0, 0);
        assert_true(next >= end);
        end = next;
        assert_true(end > idx + 100 && end < idx + 1000);
    }
    assert_true(n_moves < 100000 / 50);
    assert_true(avsp_window_end(0, 0, 5000) > 5100); // one piece longer than the window
}

/// Two jobs that get tasks in turn are handed out in turn, whatever one has queued before.
static void a_late_job_is_not_starved(void **state)
{
    (void)state;
    int64_t long_keys[100];
    int64_t last = 0;
    for (int i = 0; i < 100; i++)
        long_keys[i] = last = avsp_fair_key(0, last, 1);
    int64_t virtual_time = long_keys[9]; // ten are handed out when the clip arrives
    int64_t clip = avsp_fair_key(virtual_time, 0, 1);
    assert_true(clip <= long_keys[10]);
    assert_true(avsp_fair_key(virtual_time, clip, 1) > long_keys[10]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_stays_over),
        cmocka_unit_test(a_job_that_is_tried_again_keeps_what_is_done),
        cmocka_unit_test(the_usual_ways),
        cmocka_unit_test(failures_retry_with_growing_waits_until_spent),
        cmocka_unit_test(percent_is_what_a_base_client_expects),
        cmocka_unit_test(jobs_end_once_and_pause_while_they_run),
        cmocka_unit_test(a_task_waits_ready_or_held),
        cmocka_unit_test(a_window_stays_ahead),
        cmocka_unit_test(a_late_job_is_not_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
