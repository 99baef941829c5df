/// What else people do to jobs: pause, resume, priority, labels, a look at the history, removal. And the window that keeps all of it cheap.

#include "fixture.h"

#include <string.h>

// --- pause and resume

static void a_paused_job_finishes_what_runs(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 3);
    struct avsp_task one = claim(fx, "w");
    struct avsp_task two = claim(fx, "w");
    pause_job(fx, id);
    struct avsp_job job = get_job(fx, id);
    assert_int_equal(job.state, AVSP_JOB_PAUSED);
    assert_int_equal(job.n_running, 2);
    assert_int_equal(job.ended_us, 0);
    uint64_t version = job.version;
    pause_job(fx, id);
    assert_int_equal(get_job(fx, id).version, version);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    struct avsp_attempt_status status = heartbeat(fx, "w", &one);
    assert_false(status.canceled || status.lease_lost);
    finish_ok(fx, "w", &one);
    finish_failed(fx, "w", &two, true, "not now"); // its retry waits for the job
    wait_ms(fx, 61000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    unsigned n_ready = fx->n_ready;
    resume_job(fx, id);
    assert_int_equal(fx->n_ready, n_ready + 2);
    resume_job(fx, id);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_RUNNING);
    assert_int_equal(finish_all(fx), 2);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void a_split_goes_on_while_its_job_is_paused(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit(fx, "a");
    struct avsp_task split = claim(fx, "w");
    pause_job(fx, id);
    struct avsp_piece sound = audio_piece(fx);
    (void)report(fx, "w", &split, video_pieces(fx, 0, 2));
    (void)report(fx, "w", &split, (struct avsp_outputs){.pieces = &sound, .n_pieces = 1});
    finish_ok(fx, "w", &split);
    sweep(fx);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    resume_job(fx, id);
    assert_int_equal(finish_all(fx), 2);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void the_manifest_waits_for_the_resume(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    pause_job(fx, id);
    finish_ok(fx, "w", &task);
    wait_ms(fx, 3000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    resume_job(fx, id);
    task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_MANIFEST);
    pause_job(fx, id);
    finish_ok(fx, "w", &task); // what runs is finished, and so the job may be
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

static void a_lost_worker_of_a_paused_job_is_replaced_later(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 1);
    struct avsp_task lost = claim(fx, "dead");
    (void)heartbeat(fx, "dead", &lost);
    pause_job(fx, id);
    wait_ms(fx, 2 * LEASE_MS);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    resume_job(fx, id);
    sweep(fx);
    struct avsp_task again = claim(fx, "w");
    assert_string_equal(again.id, lost.id);
    assert_true(again.token.attempt > lost.token.attempt);
}

static void a_paused_job_keeps_its_output_and_can_be_canceled(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    char other[AVSP_ID_BYTES];
    const char *id = submit_and_split(fx, "same", 2);
    pause_job(fx, id);
    struct avsp_job_spec spec = local_spec(fx, "same");
    expect(avsp_store_submit(fx->store, &spec, other, &err), AVSP_EXISTS, err, id);
    cancel_job(fx, id);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_CANCELED);
    expect(avsp_store_pause(fx->store, id, &err), AVSP_PRECONDITION, err, "is canceled");
    expect(avsp_store_resume(fx->store, id, &err), AVSP_PRECONDITION, err, "is canceled");
    expect(avsp_store_pause(fx->store, "nope", &err), AVSP_NOT_FOUND, err, "nope");
    clean_up(fx);
}

/// What paused does not burst on old keys: it shares from the resume on.
static void a_resumed_job_shares_with_others(void **state)
{
    struct fixture *fx = *state;
    const char *paused = submit_and_split(fx, "a", 20);
    pause_job(fx, paused);
    const char *other = submit_and_split(fx, "b", 60);
    for (int i = 0; i < 30; i++)
        (void)claim(fx, "w");
    resume_job(fx, paused);
    unsigned n_other = 0;
    for (int i = 0; i < 20; i++)
        n_other += strcmp(claim(fx, "w").job_id, other) == 0;
    assert_in_range(n_other, 8, 12);
}

// --- the window

static void a_long_job_is_ready_a_window_at_a_time(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const uint32_t n = 1200;
    const char *id = submit(fx, "a");
    struct avsp_task split = claim(fx, "w");
    for (uint32_t i = 0; i < n; i += 100)
        (void)report(fx, "w", &split, video_pieces(fx, i, 100));
    finish_ok(fx, "w", &split);
    struct avsp_store_stats stats;
    for (uint32_t i = 0; i < n; i++) {
        ASSERT_OK(avsp_store_get_stats(fx->store, &stats, &err), err);
        const struct avsp_task_stats *encodes = &stats.tasks[AVSP_TASK_ENCODE];
        assert_in_range(encodes->n_ready, 1, 400);
        assert_int_equal(encodes->n_ready + encodes->n_held, n - i);
        struct avsp_task task = claim(fx, "w");
        assert_int_equal(task.idx, i);
        if (i % 2 == 0)
            finish_ok(fx, "w", &task); // the others run until the end
        if (i == 700) {
            pause_job(fx, id);
            resume_job(fx, id);
        }
    }
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    ASSERT_OK(avsp_store_get_stats(fx->store, &stats, &err), err);
    assert_int_equal(stats.tasks[AVSP_TASK_ENCODE].n_held, 0);
}

/// Pieces that lie far beyond all that was claimed: no claim moves the window there, the sweep does.
static void a_hole_in_the_timeline_stops_nobody(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit(fx, "a");
    struct avsp_task split = claim(fx, "w");
    const struct avsp_piece pieces[] = {video_piece(fx, 0, 1), video_piece(fx, 5000, 1)};
    (void)report(fx, "w", &split,
                 (struct avsp_outputs){.pieces = (struct avsp_piece *)pieces, .n_pieces = 2});
    finish_ok(fx, "w", &split);
    assert_int_equal(finish_all(fx), 1);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_RUNNING);
    sweep(fx);
    assert_int_equal(finish_all(fx), 1);
    assert_int_equal(get_job(fx, id).state, AVSP_JOB_FINISHED);
}

// --- priority and labels

static void set_priority(struct fixture *fx, const char *id, int32_t priority)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_set_priority(fx->store, id, priority, &err), err);
}

static void more_priority_comes_first(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = local_spec(fx, "low");
    spec.priority = 0;
    const char *low = submit_spec(fx, &spec);
    spec = local_spec(fx, "high");
    spec.priority = 9;
    const char *high = submit_spec(fx, &spec);
    assert_int_equal(get_job(fx, high).spec.priority, 9);
    struct avsp_task split = claim(fx, "w");
    assert_string_equal(split.job_id, high);
    for (uint32_t i = 0; i < 400; i += 100)
        (void)report(fx, "w", &split, video_pieces(fx, i, 100));
    assert_string_equal(claim(fx, "w").job_id, high);
    set_priority(fx, low, 5);
    set_priority(fx, high, 4);
    assert_string_equal(claim(fx, "w").job_id, low);
    assert_int_equal(get_job(fx, high).spec.priority, 4);
    // What comes out of the window later has it too.
    for (int i = 1; i < 400; i++)
        assert_string_equal(claim(fx, "w").job_id, high);
    spec = local_spec(fx, "other");
    spec.priority = 3;
    submit_spec(fx, &spec);
    (void)report(fx, "w", &split, video_pieces(fx, 400, 1));
    assert_string_equal(claim(fx, "w").job_id, high);
    cancel_job(fx, high);
    expect(avsp_store_set_priority(fx->store, high, 1, &err), AVSP_PRECONDITION, err,
           "is canceled");
    expect(avsp_store_set_priority(fx->store, "nope", 1, &err), AVSP_NOT_FOUND, err, "nope");
}

/// What waited for its piece while the job got another priority.
static void what_is_made_again_has_the_priority_of_its_job(void **state)
{
    struct fixture *fx = *state;
    const char *urgent = submit_and_split(fx, "a", 1);
    cancel_job(fx, urgent);
    clean_up(fx);
    retry_job(fx, urgent);
    set_priority(fx, urgent, AVSP_PRIORITY_MAX);
    struct avsp_task split = claim(fx, "w");
    assert_string_equal(split.job_id, urgent);
    set_priority(fx, submit_and_split(fx, "b", 1), 1);
    (void)report(fx, "w", &split, video_pieces(fx, 0, 1));
    assert_string_equal(claim(fx, "w").job_id, urgent);
}

static void labels_find_jobs(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_label labels[] = {{"show", "winter"}, {"team/x", "a=b"}, {"empty", ""}};
    const char *ids[3];
    for (size_t i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "j%zu", i);
        struct avsp_job_spec spec = local_spec(fx, name);
        spec.labels = labels;
        spec.n_labels = i + 1;
        ids[i] = submit_spec(fx, &spec);
        advance_ms(fx, 1);
    }
    struct avsp_job job = get_job(fx, ids[2]);
    assert_int_equal(job.spec.n_labels, 3);
    assert_string_equal(job.spec.labels[0].name, "empty");
    assert_string_equal(job.spec.labels[2].name, "team/x");
    assert_string_equal(job.spec.labels[2].value, "a=b");
    for (size_t n = 1; n <= 3; n++) {
        struct avsp_job_filter filter = {.limit = 10, .page = "", .labels = labels, .n_labels = n};
        struct avsp_job_page page;
        ASSERT_OK(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), err);
        assert_int_equal(page.n_jobs, 4 - n);
        assert_string_equal(page.jobs[0].id, ids[2]);
        assert_int_equal(page.jobs[0].spec.n_labels, 3);
    }
    struct avsp_label other = {"show", "summer"};
    struct avsp_job_filter filter = {.limit = 10, .page = "", .labels = &other, .n_labels = 1};
    struct avsp_job_page page;
    ASSERT_OK(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), err);
    assert_int_equal(page.n_jobs, 0);
}

// --- history

static void every_attempt_is_told(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *id = submit_and_split(fx, "a", 2);
    struct avsp_task task = claim(fx, "w1");
    finish_failed(fx, "w1", &task, true, "no luck");
    struct avsp_task other = claim(fx, "w2");
    (void)heartbeat(fx, "w2", &other);
    wait_ms(fx, EXPIRED_MS);
    finish_all(fx);
    const char *const want[] = {"splitter split 0 1 done", "w1 encode 0 1 failed",
                                "w2 encode 1 1 lost",      "w encode 0 2 done",
                                "w encode 1 2 done",       "w manifest 0 1 done"};
    struct avsp_attempts_query query = {.job_id = id, .limit = 4, .page = ""};
    size_t n = 0;
    bool seen[AVSP_ARRAY_LEN(want)] = {0};
    int64_t last_us = 0;
    do {
        struct avsp_attempt_page page;
        ASSERT_OK(avsp_store_list_attempts(fx->store, &query, &fx->arena, &page, &err), err);
        for (size_t i = 0; i < page.n_attempts; i++, n++) {
            const struct avsp_attempt_record *a = &page.attempts[i];
            char text[128];
            snprintf(text, sizeof text, "%s %s %u %d %s", a->worker_id,
                     avsp_task_kind_name(a->kind), a->idx, (int)a->attempt, a->outcome);
            for (size_t k = 0; k < AVSP_ARRAY_LEN(want); k++)
                seen[k] |= strcmp(text, want[k]) == 0;
            assert_true(a->claimed_us > 0 && a->ended_us >= a->claimed_us);
            assert_true(a->ended_us >= last_us);
            last_us = a->ended_us;
            if (strcmp(a->outcome, "failed") == 0) {
                assert_int_equal(a->failure.code, AVSP_CORRUPT);
                assert_string_equal(a->failure.message, "no luck");
                assert_string_equal(a->failure.log_tail, "log line\n");
            }
        }
        query.page = page.next_page;
    } while (query.page[0] != '\0');
    assert_int_equal(n, AVSP_ARRAY_LEN(want));
    for (size_t k = 0; k < AVSP_ARRAY_LEN(want); k++)
        if (!seen[k])
            fail_msg("no \"%s\"", want[k]);
    struct avsp_attempt_page page;
    query.page = "1.x.y";
    ASSERT_CODE(avsp_store_list_attempts(fx->store, &query, &fx->arena, &page, &err), AVSP_INVALID,
                err);
    query = (struct avsp_attempts_query){.job_id = "nope", .limit = 4, .page = ""};
    ASSERT_CODE(avsp_store_list_attempts(fx->store, &query, &fx->arena, &page, &err),
                AVSP_NOT_FOUND, err);
}

// --- delete

static bool is_known(struct fixture *fx, const char *id)
{
    struct avsp_job job;
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_store_get_job(fx->store, id, &fx->arena, &job, &err);
    assert_true(rc == AVSP_OK || rc == AVSP_NOT_FOUND);
    struct avsp_job_filter filter = {.limit = 100, .page = ""};
    struct avsp_job_page page;
    ASSERT_OK(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), err);
    bool listed = false;
    for (size_t i = 0; i < page.n_jobs; i++)
        listed |= strcmp(page.jobs[i].id, id) == 0;
    assert_int_equal(listed, rc == AVSP_OK);
    return listed;
}

static void a_deleted_job_is_gone(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = local_spec(fx, "a");
    spec.idempotency_key = "once";
    const char *id = submit_spec(fx, &spec);
    struct avsp_task split = claim(fx, "w");
    (void)report(fx, "w", &split, video_pieces(fx, 0, 3));
    finish_ok(fx, "w", &split);
    expect(avsp_store_delete(fx->store, id, false, &err), AVSP_PRECONDITION, err, "is running");
    finish_all(fx);
    ASSERT_OK(avsp_store_delete(fx->store, id, false, &err), err);
    assert_false(is_known(fx, id));
    ASSERT_CODE(avsp_store_delete(fx->store, id, true, &err), AVSP_NOT_FOUND, err);
    ASSERT_CODE(avsp_store_cancel(fx->store, id, &err), AVSP_NOT_FOUND, err);
    ASSERT_CODE(avsp_store_retry(fx->store, id, false, &err), AVSP_NOT_FOUND, err);
    assert_string_not_equal(submit_spec(fx, &spec), id); // its key is free again
    sweep(fx);
    // The task's rows are gone too.
    struct avsp_attempt_status status;
    struct avsp_progress progress = {0};
    ASSERT_CODE(
        avsp_store_heartbeat(fx->store, "w", split.id, split.token, &progress, &status, &err),
        AVSP_NOT_FOUND, err);
}

static void force_cancels_first_and_cleans_up(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *id = submit_spec(fx, &spec);
    struct avsp_task split = claim(fx, "w");
    ASSERT_OK(avsp_store_delete(fx->store, id, true, &err), err);
    assert_int_equal(fx->n_over, 1);
    assert_false(is_known(fx, id));
    assert_true(heartbeat(fx, "w", &split).canceled);
    wait_ms(fx, 6000);
    struct avsp_task cleanup = claim(fx, "w");
    assert_int_equal(cleanup.kind, AVSP_TASK_CLEANUP);
    assert_string_equal(cleanup.work.secret_access_key.text, SECRET "-work");
    finish_ok(fx, "w", &cleanup);
    sweep(fx);
    struct avsp_attempt_status status;
    struct avsp_progress progress = {0};
    ASSERT_CODE(
        avsp_store_heartbeat(fx->store, "w", split.id, split.token, &progress, &status, &err),
        AVSP_NOT_FOUND, err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_paused_job_finishes_what_runs),
        TEST(a_split_goes_on_while_its_job_is_paused),
        TEST(the_manifest_waits_for_the_resume),
        TEST(a_lost_worker_of_a_paused_job_is_replaced_later),
        TEST(a_paused_job_keeps_its_output_and_can_be_canceled),
        TEST(a_resumed_job_shares_with_others),
        TEST(a_long_job_is_ready_a_window_at_a_time),
        TEST(a_hole_in_the_timeline_stops_nobody),
        TEST(more_priority_comes_first),
        TEST(what_is_made_again_has_the_priority_of_its_job),
        TEST(labels_find_jobs),
        TEST(every_attempt_is_told),
        TEST(a_deleted_job_is_gone),
        TEST(force_cancels_first_and_cleans_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
