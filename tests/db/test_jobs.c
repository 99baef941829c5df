/// Jobs as a client sees them: submit, get, list, cancel.

#include "fixture.h"

#include <string.h>

static void test_submit_and_get(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = local_spec(fx, "a");
    spec.overwrite = true;
    spec.dash = true;
    spec.keep_work = true;
    spec.sound = (struct avsp_sound_options){.opus = true, .loudness_lufs = -16, .copy = true};
    spec.crf = 17;
    const char *id = submit_spec(fx, &spec);
    assert_true(avsp_id_is_valid(id));
    struct avsp_job job = get_job(fx, id);
    assert_string_equal(job.id, id);
    assert_int_equal(job.state, AVSP_JOB_RUNNING);
    assert_string_equal(job.spec.input.path, "/media/in.mkv");
    assert_string_equal(job.spec.output.path, "/out/a");
    assert_string_equal(job.spec.work.path, "/out/a/.avspl1t-work");
    assert_int_equal(job.spec.crf, 17);
    assert_true(job.spec.overwrite);
    assert_true(job.spec.dash);
    assert_true(job.spec.keep_work);
    assert_true(job.spec.sound.opus);
    assert_true(job.spec.sound.copy);
    assert_int_equal(job.spec.sound.loudness_lufs, -16);
    assert_true(job.created_us > 0);
    assert_int_equal(job.ended_us, 0);
    assert_int_equal(job.percent_complete, 0);
    assert_int_equal(job.manifest.kind, AVSP_LOCATION_NONE);
    assert_int_equal(job.n_tasks, 1);
    assert_int_equal(job.failure.code, AVSP_OK);
    assert_int_equal(fx->n_ready, 1);
}

static void test_stats_count_what_is_not_over(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_store_stats stats;
    ASSERT_OK(avsp_store_get_stats(fx->store, &stats, &err), err);
    assert_int_equal(stats.n_jobs, 0);
    assert_int_equal(stats.oldest_ready_us, 0);
    submit(fx, "a");
    const char *other = submit(fx, "b");
    advance_ms(fx, 5000);
    ASSERT_OK(avsp_store_get_stats(fx->store, &stats, &err), err);
    assert_int_equal(stats.n_jobs, 2);
    assert_int_equal(stats.tasks[AVSP_TASK_SPLIT].n_ready, 2);
    assert_true(stats.oldest_ready_us >= 5000000);
    assert_int_equal(stats.n_working, 0);
    ASSERT_OK(avsp_store_cancel(fx->store, other, &err), err);
    assert_non_null(claim(fx, "w1").id);
    ASSERT_OK(avsp_store_get_stats(fx->store, &stats, &err), err);
    assert_int_equal(stats.n_jobs, 1);
    assert_int_equal(stats.tasks[AVSP_TASK_SPLIT].n_ready, 0);
    assert_int_equal(stats.tasks[AVSP_TASK_SPLIT].n_running, 1);
    assert_int_equal(stats.tasks[AVSP_TASK_CLEANUP].n_delayed, 1); // it gives workers time to hear
    assert_int_equal(stats.n_working, 1);
}

static void test_unknown_job(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job job;
    ASSERT_CODE(avsp_store_get_job(fx->store, "nope", &fx->arena, &job, &err), AVSP_NOT_FOUND, err);
    ASSERT_CODE(avsp_store_cancel(fx->store, "nope", &err), AVSP_NOT_FOUND, err);
}

static void test_same_output_is_refused(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    char id[AVSP_ID_BYTES] = "untouched";
    const char *first = submit(fx, "same");
    struct avsp_job_spec spec = local_spec(fx, "same");
    spec.output = fs_file(fx, "/out//./same/"); // the same folder, spelled otherwise
    ASSERT_CODE(avsp_store_submit(fx->store, &spec, id, &err), AVSP_EXISTS, err);
    assert_non_null(strstr(err.text, first));
    assert_string_equal(id, "untouched");
    ASSERT_OK(avsp_store_cancel(fx->store, first, &err), err);
    ASSERT_OK(avsp_store_submit(fx->store, &spec, id, &err), err); // the first one is over
}

static void test_idempotency_key(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    char id[AVSP_ID_BYTES];
    struct avsp_job_spec spec = s3_spec(fx, "idem");
    spec.idempotency_key = "key 1";
    const char *first = submit_spec(fx, &spec);
    spec.input.secret_access_key.text = "renewed";
    assert_string_equal(submit_spec(fx, &spec), first);
    spec.crf++;
    ASSERT_CODE(avsp_store_submit(fx->store, &spec, id, &err), AVSP_PRECONDITION, err);
    assert_non_null(strstr(err.text, "idempotency_key"));
    spec.crf--;
    ASSERT_OK(avsp_store_cancel(fx->store, first, &err), err);
    assert_string_equal(submit_spec(fx, &spec), first); // over, and still the same job
}

static void test_list_pages(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *ids[7];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++) {
        char name[8];
        snprintf(name, sizeof name, "j%zu", i);
        ids[i] = submit(fx, name);
        advance_ms(fx, i % 2); // some are made in the same instant or nearly so
    }
    ASSERT_OK(avsp_store_cancel(fx->store, ids[3], &err), err);
    bool seen[AVSP_ARRAY_LEN(ids)] = {0};
    struct avsp_job_filter filter = {.limit = 3, .page = ""};
    size_t n_pages = 0;
    int64_t previous_us = INT64_MAX;
    do {
        struct avsp_job_page page;
        ASSERT_OK(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), err);
        n_pages++;
        for (size_t k = 0; k < page.n_jobs; k++) {
            assert_true(page.jobs[k].created_us <= previous_us);
            previous_us = page.jobs[k].created_us;
            for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++)
                if (strcmp(ids[i], page.jobs[k].id) == 0) {
                    assert_false(seen[i]);
                    seen[i] = true;
                }
        }
        filter.page = page.next_page;
    } while (filter.page[0] != '\0');
    assert_int_equal(n_pages, 3);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++)
        assert_true(seen[i]);
    struct avsp_job_page page;
    filter = (struct avsp_job_filter){.limit = 10, .page = "", .state = AVSP_JOB_CANCELED};
    ASSERT_OK(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), err);
    assert_int_equal(page.n_jobs, 1);
    assert_string_equal(page.jobs[0].id, ids[3]);
}

static void test_list_refuses_nonsense(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_page page;
    const char *pages[] = {"x",      "12",
                           "12,abc", "99999999999999999999.abc",
                           ".",      "1.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(pages); i++) {
        struct avsp_job_filter filter = {.limit = 3, .page = pages[i]};
        ASSERT_CODE(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), AVSP_INVALID,
                    err);
    }
    struct avsp_job_filter filter = {.limit = 0, .page = ""};
    ASSERT_CODE(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), AVSP_INVALID,
                err);
}

static void test_cancel(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit_and_split(fx, "a", 3);
    struct avsp_task encode = claim(fx, "w");
    assert_int_equal(encode.kind, AVSP_TASK_ENCODE);
    fx->n_over = 0;
    ASSERT_OK(avsp_store_cancel(fx->store, job_id, &err), err);
    assert_int_equal(fx->n_over, 1);
    assert_int_equal(fx->over_state, AVSP_JOB_CANCELED);
    assert_string_equal(fx->over_why, "");
    ASSERT_OK(avsp_store_cancel(fx->store, job_id, &err), err);
    assert_int_equal(fx->n_over, 1);
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_CANCELED);
    assert_true(job.ended_us >= job.created_us);
    assert_int_equal(job.n_running, 0);
    assert_int_equal(job.n_tasks, 4);
    assert_true(heartbeat(fx, "w", &encode).canceled);
    struct avsp_finish finish = finish_of("w", &encode);
    finish.outputs = encoded(fx, &encode);
    ASSERT_CODE(avsp_store_finish(fx->store, &finish, &err), AVSP_CONFLICT, err);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE); // the cleanup waits a little
}

static void test_cleanup(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *job_id = submit_spec(fx, &spec);
    ASSERT_OK(avsp_store_cancel(fx->store, job_id, &err), err);
    unsigned ready = fx->n_ready;
    wait_ms(fx, 6000);
    assert_int_equal(fx->n_ready, ready + 1); // the sweep told of it, once
    assert_int_equal(claim_base(fx, "base").kind, AVSP_TASK_NONE);
    for (int i = 0; i < MAX_ATTEMPTS; i++) {
        struct avsp_task task = claim(fx, "w");
        assert_int_equal(task.kind, AVSP_TASK_CLEANUP);
        assert_string_equal(task.work.path, "work/a");
        assert_string_equal(task.work.secret_access_key.text, SECRET "-work");
        assert_string_equal(task.output.secret_access_key.text, SECRET "-output");
        assert_false(heartbeat(fx, "w", &task).canceled);
        struct avsp_outputs_query query = {.task_id = task.id, .token = task.token, .page = ""};
        struct avsp_outputs_page page;
        ASSERT_OK(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err), err);
        finish_failed(fx, "w", &task, true, "storage is away");
        wait_ms(fx, 60000);
    }
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE); // given up
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_CANCELED);
    assert_int_equal(job.n_warnings, 1);
    assert_string_equal(job.warnings[0], "not all that the job left could be removed: "
                                         "storage is away");
    assert_int_equal(fx->n_over, 1);
    ASSERT_CODE(avsp_store_retry(fx->store, job_id, false, &err), AVSP_PRECONDITION, err);
}

/// What a canceled job left is not removed under the feet of the next one, nor does a new one begin meanwhile.
static void test_cleanup_keeps_out_of_the_next_jobs_way(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *first = submit_spec(fx, &spec);
    ASSERT_OK(avsp_store_cancel(fx->store, first, &err), err);
    const char *second = submit_spec(fx, &spec);
    wait_ms(fx, 6000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_SPLIT);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    ASSERT_OK(avsp_store_cancel(fx->store, second, &err), err);
    struct avsp_task cleanup = claim(fx, "w");
    assert_int_equal(cleanup.kind, AVSP_TASK_CLEANUP);
    char job_id[AVSP_ID_BYTES];
    ASSERT_CODE(avsp_store_submit(fx->store, &spec, job_id, &err), AVSP_EXISTS, err);
    finish_ok(fx, "w", &cleanup);
    const char *third = submit_spec(fx, &spec);
    ASSERT_OK(avsp_store_cancel(fx->store, third, &err), err);
    wait_ms(fx, 6000);
    for (int kind = 0; kind != AVSP_TASK_CLEANUP || strcmp(cleanup.job_id, third) != 0;) {
        cleanup = claim(fx, "w");
        kind = cleanup.kind;
        assert_int_not_equal(kind, AVSP_TASK_NONE);
    }
    wait_ms(fx, LEASE_MS); // its worker died: nobody has to wait for another one
    (void)submit_spec(fx, &spec);
}

static void test_warnings(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit(fx, "a");
    struct avsp_task split = claim(fx, "w");
    for (int round = 0; round < 2; round++) { // the second round repeats the first
        for (int i = 0; i < AVSP_WARNINGS_MAX + 5; i++) {
            char text[AVSP_TEXT_MAX_BYTES + 64];
            memset(text, 'x', sizeof text);
            int n = snprintf(text, sizeof text, "warning %03d %s", i, i == 0 ? "\303\244" : "");
            if (i == 1) { // too long, and cut where a character would be halved
                text[n] = ' ';
                memcpy(text + AVSP_TEXT_MAX_BYTES - 1, "\303\244", 3);
            }
            const char *warnings[] = {text};
            (void)report(fx, "w", &split,
                         (struct avsp_outputs){.warnings = warnings, .n_warnings = 1});
        }
    }
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.n_warnings, AVSP_WARNINGS_MAX);
    assert_string_equal(job.warnings[0], "warning 000 \303\244");
    assert_int_equal(strlen(job.warnings[1]), AVSP_TEXT_MAX_BYTES - 1);
    assert_string_equal(job.warnings[99], "warning 099 ");
}

static void test_version_grows(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit(fx, "a");
    uint64_t last = get_job(fx, job_id).version;
    struct avsp_task split = claim(fx, "w");
    struct avsp_job job = get_job(fx, job_id);
    assert_true(job.version > last);
    assert_int_equal(job.n_running, 1);
    assert_string_equal(job.running[0].task_id, split.id);
    assert_string_equal(job.running[0].worker_id, "w");
    assert_int_equal(job.running[0].attempt, 1);
    last = job.version;
    (void)heartbeat(fx, "w", &split);
    job = get_job(fx, job_id);
    assert_true(job.version > last);
    assert_int_equal(job.running[0].progress.frames_done, 10);
    last = job.version;
    unsigned changes = fx->n_changes;
    (void)heartbeat(fx, "w", &split); // nothing new
    assert_int_equal(get_job(fx, job_id).version, last);
    assert_int_equal(fx->n_changes, changes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_submit_and_get),
        TEST(test_stats_count_what_is_not_over),
        TEST(test_unknown_job),
        TEST(test_same_output_is_refused),
        TEST(test_idempotency_key),
        TEST(test_list_pages),
        TEST(test_list_refuses_nonsense),
        TEST(test_cancel),
        TEST(test_cleanup),
        TEST(test_cleanup_keeps_out_of_the_next_jobs_way),
        TEST(test_warnings),
        TEST(test_version_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
