/// How far a split may run ahead of the encoders, and what it hears of that. A piece of the fixture has 5000 bytes.

#include "fixture.h"

static void open_with(struct fixture *fx, int64_t ahead_bytes)
{
    fx->split_ahead_bytes = ahead_bytes;
    fixture_reopen(fx);
}

static struct avsp_task claim_kind(struct fixture *fx, enum avsp_task_kind kind)
{
    const struct avsp_claim ask = {
        .worker = {.id = "w", .kinds = 1U << kind}, .own = true, .claim_id = ""};
    return claim_with(fx, &ask);
}

static void a_split_waits_while_enough_of_its_pieces_do(void **state)
{
    struct fixture *fx = *state;
    open_with(fx, 12000);
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    assert_false(heartbeat(fx, "s", &split).hold);
    assert_false(report(fx, "s", &split, video_pieces(fx, 0, 2)).hold);
    struct avsp_attempt_status told = report(fx, "s", &split, video_pieces(fx, 2, 1));
    assert_true(told.hold);
    assert_false(told.hand_back);
    assert_true(heartbeat(fx, "s", &split).hold);
    // What is encoded waits no more.
    struct avsp_task encode = claim_kind(fx, AVSP_TASK_ENCODE);
    assert_false(heartbeat(fx, "w", &encode).hold);
    assert_false(heartbeat(fx, "s", &split).hold);
    assert_true(report(fx, "s", &split, video_pieces(fx, 3, 1)).hold);
    // One that comes back does.
    struct avsp_err err = {0};
    ASSERT_OK(
        avsp_store_release(fx->store, "w", encode.id, encode.token, (char[AVSP_ID_BYTES]){0}, &err),
        err);
    (void)claim_kind(fx, AVSP_TASK_ENCODE);
    assert_true(heartbeat(fx, "s", &split).hold);
}

static void a_limit_below_one_piece_lets_one_through_at_a_time(void **state)
{
    struct fixture *fx = *state;
    open_with(fx, 1);
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    for (uint32_t i = 0; i < 3; i++) {
        assert_false(heartbeat(fx, "s", &split).hold);
        assert_true(report(fx, "s", &split, video_pieces(fx, i, 1)).hold);
        assert_int_equal(claim_kind(fx, AVSP_TASK_ENCODE).idx, i);
    }
}

static void what_lies_beyond_the_window_waits_too(void **state)
{
    struct fixture *fx = *state;
    open_with(fx, (int64_t)300 * 5000);
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    assert_false(report(fx, "s", &split, video_pieces(fx, 0, 299)).hold);
    assert_true(report(fx, "s", &split, video_pieces(fx, 299, 1)).hold);
}

static void another_job_does_not_count(void **state)
{
    struct fixture *fx = *state;
    open_with(fx, 12000);
    (void)submit_and_split(fx, "a", 5);
    (void)submit(fx, "b");
    struct avsp_task split = claim_kind(fx, AVSP_TASK_SPLIT);
    assert_false(report(fx, "w", &split, video_pieces(fx, 0, 1)).hold);
}

static void without_a_limit_nobody_waits(void **state)
{
    struct fixture *fx = *state;
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    assert_false(report(fx, "s", &split, video_pieces(fx, 0, 500)).hold);
}

/// A pause may last: the split is handed back, and goes on from where it was when the job does.
static void a_paused_jobs_split_is_handed_back(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    open_with(fx, 12000);
    const char *id = submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    (void)report(fx, "s", &split, video_pieces(fx, 0, 2));
    ASSERT_OK(avsp_store_pause(fx->store, id, &err), err);
    assert_false(heartbeat(fx, "s", &split).hand_back); // it may go on until it is ahead
    assert_true(report(fx, "s", &split, video_pieces(fx, 2, 1)).hand_back);
    ASSERT_OK(
        avsp_store_release(fx->store, "s", split.id, split.token, (char[AVSP_ID_BYTES]){0}, &err),
        err);
    assert_int_equal(claim(fx, "s").kind, AVSP_TASK_NONE);
    ASSERT_OK(avsp_store_resume(fx->store, id, &err), err);
    struct avsp_task again = claim_kind(fx, AVSP_TASK_SPLIT);
    assert_int_equal(again.kind, AVSP_TASK_SPLIT);
    assert_int_equal(again.resume_idx, 3);
    assert_true(heartbeat(fx, "w", &again).hold);
    assert_false(heartbeat(fx, "w", &again).hand_back);
}

/// A worker that does a single task must not be given the same split for ever.
static void a_split_that_is_ahead_queues_behind_its_pieces(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    open_with(fx, 12000);
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    (void)report(fx, "s", &split, video_pieces(fx, 0, 3));
    ASSERT_OK(
        avsp_store_release(fx->store, "s", split.id, split.token, (char[AVSP_ID_BYTES]){0}, &err),
        err);
    for (uint32_t i = 0; i < 3; i++) {
        struct avsp_task task = claim(fx, "once");
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        finish_ok(fx, "once", &task);
    }
    split = claim(fx, "once");
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    // One that is not comes first, as ever.
    (void)report(fx, "once", &split, video_pieces(fx, 3, 1));
    ASSERT_OK(avsp_store_release(fx->store, "once", split.id, split.token, (char[AVSP_ID_BYTES]){0},
                                 &err),
              err);
    assert_int_equal(claim(fx, "once").kind, AVSP_TASK_SPLIT);
}

/// What lies beyond a hole in the timeline is beyond the window: it is let go once all that lies before is taken, for the split waits
/// until it is.
static void a_split_that_is_ahead_beyond_a_hole_does_not_wait_for_ever(void **state)
{
    struct fixture *fx = *state;
    open_with(fx, 12000);
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    assert_false(report(fx, "s", &split, video_pieces(fx, 0, 1)).hold);
    assert_true(report(fx, "s", &split, video_pieces(fx, 5000, 3)).hold);
    assert_int_equal(claim_kind(fx, AVSP_TASK_ENCODE).kind, AVSP_TASK_ENCODE);
    sweep(fx);
    assert_int_equal(claim_kind(fx, AVSP_TASK_ENCODE).idx, 5000);
    assert_false(heartbeat(fx, "s", &split).hold);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_split_waits_while_enough_of_its_pieces_do),
        TEST(a_limit_below_one_piece_lets_one_through_at_a_time),
        TEST(what_lies_beyond_the_window_waits_too),
        TEST(another_job_does_not_count),
        TEST(without_a_limit_nobody_waits),
        TEST(a_paused_jobs_split_is_handed_back),
        TEST(a_split_that_is_ahead_queues_behind_its_pieces),
        TEST(a_split_that_is_ahead_beyond_a_hole_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
