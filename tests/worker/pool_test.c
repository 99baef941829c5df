/// The whole worker in this process, against a coordinator that does as the test says, with a media program that does as its
/// input says (misbehaver.c).
#include "pool_kit.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static void a_segment_is_published_and_its_piece_goes(void **state)
{
    (void)state;
    work(5000, 0, 1);
    assert_int_equal(co.n_succeeded, 1);
    assert_true(exists("out/v0/00000-0123456789abcdef.m4s"));
    assert_true(exists("out/v0/init-0123456789abcdef.mp4"));
    assert_false(exists("task-0.piece"));
}

static void hundreds_of_tasks_take_no_more_than_a_few(void **state)
{
    (void)state;
    co.n_tasks = co.done_after = 200;
    work(5000, 0, 2);
    assert_int_equal(co.n_succeeded, 200);
    assert_in_range(co.fds_late, 1, co.fds_early + 8);
#ifndef __SANITIZE_ADDRESS__ // it keeps what was freed for a while
    long grown = (co.pages_late - co.pages_early) * sysconf(_SC_PAGESIZE);
    if (grown > 2 << 20)
        fail_msg("150 tasks more took %ld bytes more", grown);
#endif
}

static void little_temporary_storage_is_waited_for(void **state)
{
    (void)state;
    co.n_tasks = co.done_after = 8;
    work(5000, 1 << 20, 4);
    assert_int_equal(co.n_succeeded, 8);
}

/// Both begin, for 4 MiB are expected; then there is room for one, and the other is handed back.
static void of_two_that_take_more_than_expected_one_goes_on(void **state)
{
    (void)state;
    co.what = "grow";
    co.n_tasks = 2;
    co.done_after = 2;
    work(5000, 10 << 20, 2);
    assert_int_equal(co.n_released, 1);
    assert_int_equal(co.n_succeeded, 1);
}

static void what_needs_more_than_there_can_be_fails(void **state)
{
    (void)state;
    co.what = "grow";
    work(5000, 5 << 20, 1);
    assert_int_equal(co.failure, AVSP_LIMIT);
    // "of --work-limit", unless the system ended it before the worker looked.
    assert_non_null(strstr(co.message, "5 MiB"));
}

static void an_unanswered_claim_is_the_same_claim_again(void **state)
{
    (void)state;
    co.refuse_claims = 2;
    work(5000, 0, 1);
    assert_int_equal(co.n_succeeded, 1);
    assert_int_equal(co.n_same_claim, 1);
}

static void a_result_waits_for_the_coordinator(void **state)
{
    (void)state;
    co.refuse_finishes = 3;
    work(5000, 0, 1);
    assert_int_equal(co.n_succeeded, 1);
    assert_false(exists("task-0.piece"));
}

static void a_crash_is_reported_with_its_log(void **state)
{
    (void)state;
    co.what = "log";
    work(5000, 0, 1);
    assert_int_equal(co.n_finished, 1);
    assert_int_equal(co.n_succeeded, 0);
    assert_int_equal(co.failure, AVSP_INTERNAL);
    assert_true(co.may_retry);
    assert_non_null(strstr(co.log_tail, "line 19999"));
    assert_true(exists("task-0.piece"));
    assert_false(exists("out/v0"));
}

static void damage_is_not_tried_again(void **state)
{
    (void)state;
    co.what = "failed";
    work(5000, 0, 1);
    assert_int_equal(co.failure, AVSP_CORRUPT);
    assert_false(co.may_retry);
    assert_string_equal(co.message, "the file is damaged");
}

static void what_is_not_as_reported_is_not_published(void **state)
{
    (void)state;
    co.what = "wrong-size";
    work(5000, 0, 1);
    assert_int_equal(co.failure, AVSP_INTERNAL);
    assert_false(exists("out/v0/00000-0123456789abcdef.m4s"));
}

static void refuses(const char *what)
{
    co.what = what;
    work(5000, 0, 1);
    assert_int_equal(co.failure, AVSP_INTERNAL);
    assert_int_equal(co.n_succeeded, 0);
    assert_false(exists("out/v0/00000-0123456789abcdef.m4s"));
    assert_false(exists("out/v0/900000-0123456789abcdef.m4s"));
}

static void a_step_gets_its_share_of_the_threads(void **state)
{
    (void)state;
    co.what = "share4"; // twice 16, of which each that runs or waits gets as many
    co.n_waiting = 6;
    work(5000, 0, 16);
    assert_int_equal(co.n_succeeded, 1);
}

static void a_step_gets_no_more_threads_than_are_of_use(void **state)
{
    (void)state;
    co.what = "share16";
    work(5000, 0, 64);
    assert_int_equal(co.n_succeeded, 1);
}

/// All tasks here were claimed before, which alone means nothing.
static void a_step_that_went_wrong_before_gets_one_thread(void **state)
{
    (void)state;
    co.what = "share1";
    co.n_spent = 1;
    work(5000, 0, 16);
    assert_int_equal(co.n_succeeded, 1);
}

static void a_link_is_not_published(void **state)
{
    (void)state;
    refuses("link");
}

static void another_name_of_a_file_is_not_published(void **state)
{
    (void)state;
    refuses("hard-link");
}

static void a_pipe_is_not_published(void **state)
{
    (void)state;
    refuses("fifo");
}

static void a_segment_out_of_place_is_not_published(void **state)
{
    (void)state;
    refuses("far-away");
}

static void a_step_cannot_hand_its_task_back(void **state)
{
    (void)state;
    refuses("canceled");
    assert_int_equal(co.n_released, 0);
}

/// Its thread cannot be ended, and its heartbeats would go on for ever.
static void a_task_that_hangs_in_storage_is_given_up(void **state)
{
    (void)state;
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    config.stall_ms = 1000;
    config.drain_ms = 30000;
    int status = -1;
    struct avsp_err err = {0};
    atomic_store(&fsync_hangs, true);
    enum avsp_code rc = avsp_worker_run(&config, next_signal, &status, &err);
    atomic_store(&fsync_hangs, false);
    if (rc != AVSP_OK)
        fail_msg("%s", err.text);
    assert_int_equal(co.n_finished, 1);
    assert_int_equal(co.n_succeeded, 0);
    assert_int_equal(co.failure, AVSP_TIMEOUT);
    assert_true(co.may_retry);
    assert_non_null(strstr(co.message, "no progress for 1 seconds on worker worker"));
}

/// A worker that stops tries for a moment alone to hand back what it has, and on a busy machine that may be too short.
static void until_handed_back(void **state, void (*stop)(void))
{
    for (unsigned i = 0; co.n_released == 0 && i < 5; i++) {
        if (i > 0) {
            pool_teardown(state);
            pool_setup(state);
        }
        stop();
    }
    assert_int_equal(co.n_released, 1);
    assert_int_equal(co.n_finished, 0);
}

static void stop_at_once(void)
{
    co.what = "hang";
    co.signal_when_claimed = SIGINT;
    struct avsp_mono start = avsp_mono_now();
    work(60000, 0, 1);
    assert_in_range(avsp_mono_now().us - start.us, 0, 30000000); // not once it is drained
}

static void a_stop_hands_back_at_once(void **state)
{
    until_handed_back(state, stop_at_once);
}

static void drain_at_once(void)
{
    co.what = "hang";
    co.signal_when_claimed = SIGTERM;
    work(0, 0, 1);
}

static void a_drain_ends_and_then_hands_back(void **state)
{
    until_handed_back(state, drain_at_once);
}

static void drain_for_a_while(void)
{
    co.what = "hang";
    co.signal_when_claimed = SIGTERM;
    struct avsp_mono start = avsp_mono_now();
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    config.drain_ms = 1500;
    int status = -1;
    struct avsp_err err = {0};
    assert_int_equal(avsp_worker_run(&config, one_signal, &status, &err), AVSP_OK);
    assert_true(avsp_mono_now().us - start.us >= 1500000);
}

/// As long as --drain-seconds allows, and no longer.
static void a_drain_lets_tasks_run_for_a_while(void **state)
{
    until_handed_back(state, drain_for_a_while);
}

/// By the server, too, where it sees in time that the worker went; then the worker's question brings it once more.
static void a_task_whose_claim_was_broken_off_is_handed_back(void **state)
{
    (void)state;
    co.slow_claim = true;
    co.signal_when_claimed = SIGTERM;
    co.done_after = 0;
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    config.drain_ms = 60000; // a stop would leave it a moment
    int status = -1;
    struct avsp_err err = {0};
    assert_int_equal(avsp_worker_run(&config, one_signal, &status, &err), AVSP_OK);
    assert_int_equal(co.n_same_claim, 1);
    assert_false(co.is_held);
    assert_in_range(co.n_released, 1, 2);
    assert_int_equal(co.n_finished, 0);
}

static int signal_when_beats(int ms)
{
    usleep((useconds_t)ms * 1000);
    pthread_mutex_lock(&co.lock);
    // The beat that says it is over, and time for the worker to drop the task: then there are no more.
    co.n_quiet = co.n_beats > 0 && co.n_beats == co.n_beats_seen ? co.n_quiet + 1 : 0;
    co.n_beats_seen = co.n_beats;
    int sig = co.n_quiet > 15 || pool_is_late() ? SIGINT : 0;
    pthread_mutex_unlock(&co.lock);
    return sig;
}

static void run_until_quiet(void)
{
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    int status = -1;
    struct avsp_err err = {0};
    assert_int_equal(avsp_worker_run(&config, signal_when_beats, &status, &err), AVSP_OK);
    assert_false(pool_is_late());
    assert_int_equal(co.n_finished, 0);
    assert_int_equal(co.n_released, 0);
}

static void a_canceled_task_is_dropped(void **state)
{
    (void)state;
    co.what = "hang";
    co.status.canceled = true;
    run_until_quiet();
}

static void a_task_that_another_has_is_dropped(void **state)
{
    (void)state;
    co.what = "hang";
    co.status.lease_lost = true;
    run_until_quiet();
}

static void a_stale_result_keeps_the_piece(void **state)
{
    (void)state;
    co.finish_code = AVSP_CONFLICT;
    work(5000, 0, 1);
    assert_int_equal(co.n_finished, 1);
    assert_true(exists("task-0.piece"));
}

static void a_batch_run_ends_by_itself(void **state)
{
    (void)state;
    co.n_tasks = 3;
    co.done_after = 0;
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    int status = -1;
    struct avsp_err err = {0};
    config.once = true;
    assert_int_equal(avsp_worker_run(&config, next_signal, &status, &err), AVSP_OK);
    assert_int_equal(co.n_succeeded, 1);
    config.once = false;
    config.idle_ms = 4000; // a busy machine takes part of it to connect, or all
    for (unsigned i = 0; i < 5 && co.n_succeeded == 1; i++)
        assert_int_equal(avsp_worker_run(&config, next_signal, &status, &err), AVSP_OK);
    assert_int_equal(co.n_succeeded, 3);
    assert_int_equal(status, 0);
}

static void a_coordinator_that_does_not_answer_is_not_idle(void **state)
{
    (void)state;
    co.refuse_claims = 3;
    co.done_after = 0;
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    config.idle_ms = 100; // the worker asks again after 100, 200 and 400
    int status = -1;
    struct avsp_err err = {0};
    assert_int_equal(avsp_worker_run(&config, next_signal, &status, &err), AVSP_OK);
    assert_int_equal(co.n_succeeded, 1);
    assert_int_equal(status, 0);
    assert_false(pool_is_late());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    pool_uses(argv[1]);
    const struct CMUnitTest tests[] = {
        TEST(a_segment_is_published_and_its_piece_goes),
        TEST(hundreds_of_tasks_take_no_more_than_a_few),
        TEST(little_temporary_storage_is_waited_for),
        TEST(of_two_that_take_more_than_expected_one_goes_on),
        TEST(what_needs_more_than_there_can_be_fails),
        TEST(an_unanswered_claim_is_the_same_claim_again),
        TEST(a_result_waits_for_the_coordinator),
        TEST(a_crash_is_reported_with_its_log),
        TEST(damage_is_not_tried_again),
        TEST(what_is_not_as_reported_is_not_published),
        TEST(a_link_is_not_published),
        TEST(another_name_of_a_file_is_not_published),
        TEST(a_pipe_is_not_published),
        TEST(a_segment_out_of_place_is_not_published),
        TEST(a_step_cannot_hand_its_task_back),
        TEST(a_step_gets_its_share_of_the_threads),
        TEST(a_step_gets_no_more_threads_than_are_of_use),
        TEST(a_step_that_went_wrong_before_gets_one_thread),
        TEST(a_task_that_hangs_in_storage_is_given_up),
        TEST(a_stop_hands_back_at_once),
        TEST(a_drain_ends_and_then_hands_back),
        TEST(a_drain_lets_tasks_run_for_a_while),
        TEST(a_task_whose_claim_was_broken_off_is_handed_back),
        TEST(a_canceled_task_is_dropped),
        TEST(a_task_that_another_has_is_dropped),
        TEST(a_stale_result_keeps_the_piece),
        TEST(a_batch_run_ends_by_itself),
        TEST(a_coordinator_that_does_not_answer_is_not_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
