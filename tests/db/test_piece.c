/// Pieces whose files are gone: the split makes them again, and what is done stays done.

#include "fixture.h"

#include <string.h>

#define TRIES 3 // of a task whose piece is not there

static struct avsp_task claim_kind(struct fixture *fx, enum avsp_task_kind kind)
{
    const struct avsp_claim ask = {
        .worker = {.id = "w", .kinds = 1U << kind}, .own = true, .claim_id = ""};
    return claim_with(fx, &ask);
}

static void finish_without_piece(struct fixture *fx, const struct avsp_task *task)
{
    struct avsp_finish finish = finish_of("w", task);
    struct avsp_err err = {0};
    finish.succeeded = false;
    finish.input_gone = true;
    finish.failure = (struct avsp_failure){AVSP_UNAVAILABLE, true, "no such piece", ""};
    ASSERT_OK(avsp_store_finish(fx->store, &finish, &err), err);
}

static void a_piece_that_is_gone_is_made_again(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 2);
    struct avsp_task first = claim_kind(fx, AVSP_TASK_ENCODE);
    finish_ok(fx, "w", &first);
    for (int i = 0; i < TRIES; i++) {
        struct avsp_task task = claim_kind(fx, AVSP_TASK_ENCODE);
        assert_int_equal(task.idx, 1);
        assert_int_equal(claim_kind(fx, AVSP_TASK_SPLIT).kind, AVSP_TASK_NONE);
        finish_without_piece(fx, &task);
        wait_ms(fx, 3000);
    }
    assert_int_equal(claim_kind(fx, AVSP_TASK_ENCODE).kind, AVSP_TASK_NONE);
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_RUNNING);
    struct avsp_task split = claim_kind(fx, AVSP_TASK_SPLIT);
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    assert_int_equal(split.resume_idx, 1);
    assert_true(split.overwrite); // what may lie in the output by now is its own
    struct avsp_piece again = video_piece(fx, 1, 1);
    again.file = fs_file(fx, "/pieces/v0-00001-a2.piece");
    (void)report(fx, "w", &split, (struct avsp_outputs){.pieces = &again, .n_pieces = 1});
    struct avsp_task second = claim_kind(fx, AVSP_TASK_ENCODE);
    assert_int_equal(second.idx, 1);
    assert_string_equal(second.input.path, "/pieces/v0-00001-a2.piece");
    finish_ok(fx, "w", &split);
    finish_ok(fx, "w", &second);
    assert_int_equal(finish_all(fx), 0); // nothing but the manifest was left
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_FINISHED);
    assert_int_equal(job.frames_done, 200);
}

/// One tells of all: those that were gone with it are not found out one by one.
static void what_else_may_be_gone_is_made_again_too(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 4);
    struct avsp_task first = claim_kind(fx, AVSP_TASK_ENCODE);
    finish_ok(fx, "w", &first);
    struct avsp_task second = claim_kind(fx, AVSP_TASK_ENCODE);
    struct avsp_task third = claim_kind(fx, AVSP_TASK_ENCODE); // runs all the while
    for (int i = 0; i < TRIES; i++) {
        (void)heartbeat(fx, "w", &third);
        if (i > 0)
            second = claim_kind(fx, AVSP_TASK_ENCODE);
        assert_int_equal(second.idx, 1);
        finish_without_piece(fx, &second);
        wait_ms(fx, 3000);
    }
    struct avsp_task split = claim_kind(fx, AVSP_TASK_SPLIT);
    assert_int_equal(split.resume_idx, 1);
    struct avsp_outputs again = video_pieces(fx, 1, 3);
    for (size_t i = 0; i < again.n_pieces; i++)
        again.pieces[i].file = fs_file(fx, "/pieces/again.piece");
    (void)report(fx, "w", &split, again);
    finish_ok(fx, "w", &split);
    finish_without_piece(fx, &third); // it had looked for the old one
    wait_ms(fx, 3000);
    for (int i = 0; i < 3; i++) {
        struct avsp_task task = claim_kind(fx, AVSP_TASK_ENCODE);
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        assert_string_equal(task.input.path, "/pieces/again.piece");
        finish_ok(fx, "w", &task);
    }
    assert_int_equal(claim_kind(fx, AVSP_TASK_SPLIT).kind, AVSP_TASK_NONE);
    assert_int_equal(finish_all(fx), 0);
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_FINISHED);
}

/// The one that is found out may be the last: those before it that nobody has taken may be gone as well.
static void what_lies_before_it_is_made_again_too(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 3);
    struct avsp_task first = claim_kind(fx, AVSP_TASK_ENCODE);
    finish_ok(fx, "w", &first);
    struct avsp_task second = claim_kind(fx, AVSP_TASK_ENCODE); // runs all the while
    for (int i = 0; i < TRIES; i++) {
        struct avsp_task third = claim_kind(fx, AVSP_TASK_ENCODE);
        assert_int_equal(third.idx, 2);
        finish_without_piece(fx, &third);
        (void)heartbeat(fx, "w", &second);
        wait_ms(fx, 3000);
    }
    struct avsp_task split = claim_kind(fx, AVSP_TASK_SPLIT);
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    assert_int_equal(split.resume_idx, 1);
    (void)report(fx, "w", &split, video_pieces(fx, 1, 2));
    finish_ok(fx, "w", &split);
    finish_ok(fx, "w", &second);
    assert_int_equal(finish_all(fx), 1);
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_FINISHED);
}

static void a_split_that_runs_ends_once_all_pieces_are_there(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit(fx, "a");
    struct avsp_task split = claim_kind(fx, AVSP_TASK_SPLIT);
    (void)report(fx, "w", &split, video_pieces(fx, 0, 2));
    for (int i = 0; i < TRIES; i++) {
        struct avsp_task task = claim_kind(fx, AVSP_TASK_ENCODE);
        assert_int_equal(task.idx, 0);
        finish_without_piece(fx, &task);
        (void)heartbeat(fx, "w", &split);
        struct avsp_task other = claim_kind(fx, AVSP_TASK_ENCODE); // the first one waits
        if (i == 0)
            finish_ok(fx, "w", &other);
        else
            assert_int_equal(other.kind, AVSP_TASK_NONE);
        wait_ms(fx, 3000);
    }
    finish_ok(fx, "w", &split); // it was past that piece already
    assert_false(get_job(fx, job_id).split_done);
    wait_ms(fx, 5000);
    struct avsp_task again = claim_kind(fx, AVSP_TASK_SPLIT);
    assert_int_equal(again.kind, AVSP_TASK_SPLIT);
    assert_int_equal(again.resume_idx, 0);
    (void)report(fx, "w", &again, video_pieces(fx, 0, 2));
    finish_ok(fx, "w", &again);
    assert_int_equal(finish_all(fx), 1);
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_FINISHED);
}

static void pieces_that_nobody_ever_sees_end_the_job(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 1);
    for (int round = 1;; round++) {
        for (int i = 0; i < TRIES; i++) {
            struct avsp_task task = claim_kind(fx, AVSP_TASK_ENCODE);
            assert_int_equal(task.kind, AVSP_TASK_ENCODE);
            finish_without_piece(fx, &task);
            wait_ms(fx, 3000);
        }
        if (get_job(fx, job_id).state != AVSP_JOB_RUNNING)
            break;
        assert_true(round < MAX_ATTEMPTS);
        struct avsp_task split = claim_kind(fx, AVSP_TASK_SPLIT);
        assert_int_equal(split.kind, AVSP_TASK_SPLIT);
        (void)report(fx, "w", &split, video_pieces(fx, 0, 1));
        finish_ok(fx, "w", &split);
    }
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_FAILED);
    assert_string_equal(job.failure.message, "no such piece");
    // Somebody finds out why, and tries it again: the split, for there is no piece.
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_retry(fx->store, job_id, false, &err), err);
    struct avsp_task split = claim_kind(fx, AVSP_TASK_SPLIT);
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    (void)report(fx, "w", &split, video_pieces(fx, 0, 1));
    finish_ok(fx, "w", &split);
    assert_int_equal(finish_all(fx), 1);
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_FINISHED);
}

static void a_paused_job_waits_with_its_split(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit_and_split(fx, "a", 1);
    for (int i = 0; i < TRIES; i++) {
        struct avsp_task task = claim_kind(fx, AVSP_TASK_ENCODE);
        if (i + 1 == TRIES)
            ASSERT_OK(avsp_store_pause(fx->store, job_id, &err), err);
        finish_without_piece(fx, &task);
        wait_ms(fx, 3000);
    }
    assert_int_equal(claim_kind(fx, AVSP_TASK_SPLIT).kind, AVSP_TASK_NONE);
    ASSERT_OK(avsp_store_resume(fx->store, job_id, &err), err);
    assert_int_equal(claim_kind(fx, AVSP_TASK_SPLIT).kind, AVSP_TASK_SPLIT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_piece_that_is_gone_is_made_again),
        TEST(what_else_may_be_gone_is_made_again_too),
        TEST(what_lies_before_it_is_made_again_too),
        TEST(a_split_that_runs_ends_once_all_pieces_are_there),
        TEST(pieces_that_nobody_ever_sees_end_the_job),
        TEST(a_paused_job_waits_with_its_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
