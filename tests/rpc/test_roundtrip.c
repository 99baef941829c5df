/// Every call, over TCP and over a socket: what arrives is what was sent, in both directions, field by field.
#include "dump.h"
#include "fake.h"
#include "sample.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 60

struct bench {
    struct fake fake;
    struct avsp_client *cli;
    char dir[64];
    struct avsp_arena arena;
    struct sampler s;
    struct avsp_buf want, got;
};

static struct avsp_mono soon(void)
{
    return avsp_mono_in_ms(20000);
}

static void ok(enum avsp_code rc, const struct avsp_err *err)
{
    if (rc != AVSP_OK)
        print_message("error: %s\n", err->text);
    assert_int_equal(rc, AVSP_OK);
}

static void start_bench(struct bench *b, bool on_socket)
{
    snprintf(b->dir, sizeof b->dir, "/tmp/avspl1t rpc%%20-XXXXXX"); // a path that a URI must escape
    assert_non_null(mkdtemp(b->dir));
    fake_start(&b->fake, on_socket ? b->dir : NULL);
    struct avsp_err err = {0};
    b->cli = avsp_client_new(b->fake.listen, true, NULL, &err);
    assert_non_null(b->cli);
    avsp_arena_init(&b->arena, 256 << 20);
    avsp_buf_init(&b->want, 8 << 20);
    avsp_buf_init(&b->got, 8 << 20);
    const char *seed = getenv("AVSPL1T_TEST_SEED");
    b->s = (struct sampler){&b->arena, seed != NULL ? strtoull(seed, NULL, 10) : 20240229};
    print_message("seed %" PRIu64 "\n", b->s.state);
}

static int set_up_tcp(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    start_bench(b, false);
    *state = b;
    return 0;
}

static int set_up_socket(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    start_bench(b, true);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    avsp_client_free(b->cli);
    fake_stop(&b->fake, 0, 2000);
    char path[128];
    snprintf(path, sizeof path, "%s/sock", b->dir);
    assert_int_equal(access(path, F_OK), -1); // the socket goes with its server
    assert_int_equal(rmdir(b->dir), 0);
    avsp_buf_deinit(&b->want);
    avsp_buf_deinit(&b->got);
    avsp_arena_deinit(&b->arena);
    free(b);
    return 0;
}

static void check_seen(struct bench *b)
{
    char *seen = fake_seen(&b->fake);
    assert_string_equal(avsp_buf_text(&b->want), seen);
    free(seen);
    avsp_buf_clear(&b->want);
}

static void check_got(struct bench *b)
{
    assert_string_equal(avsp_buf_text(&b->want), avsp_buf_text(&b->got));
    avsp_buf_clear(&b->want);
    avsp_buf_clear(&b->got);
}

static void submits(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < ROUNDS; i++) {
        struct avsp_job_spec spec = sample_spec(&b->s);
        char id[AVSP_ANY_ID_BYTES];
        snprintf(b->fake.job_id, sizeof b->fake.job_id, "abcdefghijklmnopqrstuvwxy%c",
                 'a' + i % 26);
        ok(avsp_client_submit(b->cli, &spec, id, soon(), &err), &err);
        assert_string_equal(id, b->fake.job_id);
        dump_spec(&b->want, &spec);
        check_seen(b);
    }
}

/// What a client may see of a job.
static void blank(struct avsp_job *job)
{
    struct avsp_location *locations[] = {&job->spec.input, &job->spec.work, &job->spec.output,
                                         &job->manifest};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(locations); i++)
        avsp_location_blank(locations[i]);
    for (size_t i = 0; i < job->spec.n_sidecars; i++)
        avsp_location_blank(&job->spec.sidecars[i].file);
}

static void gets_jobs_without_secrets(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < ROUNDS; i++) {
        b->fake.job = sample_job(&b->s, true);
        const char *id = sample_text(&b->s, 60);
        struct avsp_job job;
        ok(avsp_client_get_job(b->cli, id, &b->arena, &job, soon(), &err), &err);
        dump_job(&b->got, &job);
        struct avsp_job want = b->fake.job;
        blank(&want);
        dump_job(&b->want, &want);
        check_got(b);
        avsp_buf_puts(&b->want, id);
        check_seen(b);
    }
}

static void lists_jobs(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < 10; i++) {
        struct avsp_job jobs[20];
        b->fake.jobs =
            (struct avsp_job_page){jobs, (size_t)sample_number(&b->s, 20), sample_text(&b->s, 30)};
        for (size_t k = 0; k < b->fake.jobs.n_jobs; k++)
            jobs[k] = sample_job(&b->s, false);
        struct avsp_job_filter filter = {
            (enum avsp_job_state)(i % 6), 1 + (uint32_t)sample_number(&b->s, 499),
            sample_text(&b->s, 30), sample_labels(&b->s, (size_t)i % 5), (size_t)i % 5};
        struct avsp_job_page page;
        ok(avsp_client_list_jobs(b->cli, &filter, &b->arena, &page, soon(), &err), &err);
        assert_int_equal(page.n_jobs, b->fake.jobs.n_jobs);
        assert_string_equal(page.next_page, b->fake.jobs.next_page);
        for (size_t k = 0; k < page.n_jobs; k++) {
            dump_job(&b->got, &page.jobs[k]);
            blank(&jobs[k]);
            dump_job(&b->want, &jobs[k]);
        }
        check_got(b);
        avsp_buf_printf(&b->want, "%d %u %s\n", (int)filter.state, filter.limit, filter.page);
        dump_labels(&b->want, filter.labels, filter.n_labels);
        check_seen(b);
    }
}

static void lists_attempts(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < 20; i++) {
        struct avsp_attempt_record attempts[10];
        b->fake.attempts = (struct avsp_attempt_page){attempts, (size_t)sample_number(&b->s, 10),
                                                      sample_text(&b->s, 30)};
        for (size_t k = 0; k < b->fake.attempts.n_attempts; k++) {
            attempts[k] = sample_attempt(&b->s);
            dump_attempt(&b->want, &attempts[k]);
        }
        struct avsp_attempts_query query = {sample_text(&b->s, 30),
                                            1 + (uint32_t)sample_number(&b->s, 499),
                                            sample_text(&b->s, 30)};
        struct avsp_attempt_page page;
        ok(avsp_client_list_attempts(b->cli, &query, &b->arena, &page, soon(), &err), &err);
        assert_string_equal(page.next_page, b->fake.attempts.next_page);
        for (size_t k = 0; k < page.n_attempts; k++)
            dump_attempt(&b->got, &page.attempts[k]);
        check_got(b);
        avsp_buf_printf(&b->want, "%s %u %s", query.job_id, query.limit, query.page);
        check_seen(b);
    }
}

static void lists_and_drains_workers(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < 20; i++) {
        struct avsp_worker_record workers[10];
        b->fake.workers = (struct avsp_worker_page){workers, (size_t)sample_number(&b->s, 10),
                                                    sample_text(&b->s, 30)};
        for (size_t k = 0; k < b->fake.workers.n_workers; k++) {
            workers[k] = sample_worker(&b->s);
            dump_worker(&b->want, &workers[k]);
        }
        struct avsp_workers_query query = {1 + (uint32_t)sample_number(&b->s, 499),
                                           sample_text(&b->s, 30)};
        struct avsp_worker_page page;
        ok(avsp_client_list_workers(b->cli, &query, &b->arena, &page, soon(), &err), &err);
        assert_string_equal(page.next_page, b->fake.workers.next_page);
        for (size_t k = 0; k < page.n_workers; k++)
            dump_worker(&b->got, &page.workers[k]);
        check_got(b);
        avsp_buf_printf(&b->want, "%u %s", query.limit, query.page);
        check_seen(b);
    }
    ok(avsp_client_drain(b->cli, "w1", true, soon(), &err), &err);
    avsp_buf_puts(&b->want, "drain w1");
    check_seen(b);
    ok(avsp_client_drain(b->cli, "w1", false, soon(), &err), &err);
    avsp_buf_puts(&b->want, "undo w1");
    check_seen(b);
}

/// Who is to drain is told at once, however long it would have waited.
static void a_claim_hears_that_it_is_to_drain(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    b->fake.drains = true;
    struct avsp_claim claim = sample_claim(&b->s);
    claim.own = true;
    claim.wait_ms = 60000;
    struct avsp_task task;
    ok(avsp_client_claim(b->cli, &claim, &b->arena, &task, avsp_mono_in_ms(10000), &err), &err);
    assert_int_equal(task.kind, AVSP_TASK_NONE);
    assert_true(task.drain);
}

static void claims_tasks_of_every_kind(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < ROUNDS; i++) {
        b->fake.task = sample_task(&b->s, (enum avsp_task_kind)(1 + i % AVSP_TASK_CLEANUP));
        b->fake.n_ready = 1;
        struct avsp_claim claim = sample_claim(&b->s);
        struct avsp_task task;
        ok(avsp_client_claim(b->cli, &claim, &b->arena, &task, soon(), &err), &err);
        dump_task(&b->got, &task);
        dump_task(&b->want, &b->fake.task);
        check_got(b);
        dump_claim(&b->want, &claim);
        check_seen(b);
    }
    assert_int_equal(b->fake.n_released, 0); // delivered is not taken for lost
}

static void claims_as_a_base_worker(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    struct avsp_claim claim = {.worker = {.id = "w", .host = "h", .version = "v", .slots = 9},
                               .claim_id = "c",
                               .wait_ms = 60000};
    struct avsp_task task;
    ok(avsp_client_claim(b->cli, &claim, &b->arena, &task, soon(), &err), &err);
    assert_int_equal(task.kind, AVSP_TASK_NONE); // at once
    struct avsp_claim seen = {.worker = {"w", "", "", 1, 0xe, ""}, .claim_id = ""};
    dump_claim(&b->want, &seen);
    check_seen(b);
}

static void beats_and_releases(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < ROUNDS; i++) {
        const char *worker = sample_text(&b->s, 40), *task = sample_text(&b->s, 40);
        struct avsp_token token = i % 3 == 0 ? (struct avsp_token){0, 0} : sample_token(&b->s);
        struct avsp_progress progress = sample_progress(&b->s);
        b->fake.status =
            (struct avsp_attempt_status){i % 2 == 0, i % 4 < 2, i % 3 == 0, i % 5 == 0, i % 7 == 0};
        struct avsp_attempt_status status;
        ok(avsp_client_heartbeat(b->cli, worker, task, token, &progress, &status, soon(), &err),
           &err);
        assert_int_equal(status.canceled, b->fake.status.canceled);
        assert_int_equal(status.lease_lost, b->fake.status.lease_lost);
        assert_int_equal(status.drain, b->fake.status.drain);
        assert_int_equal(status.hold, b->fake.status.hold);
        assert_int_equal(status.hand_back, b->fake.status.hand_back);
        avsp_buf_printf(&b->want, "%s %s\n", worker, task);
        dump_token(&b->want, token);
        dump_progress(&b->want, &progress);
        check_seen(b);
        ok(avsp_client_release(b->cli, worker, task, token, soon(), &err), &err);
        avsp_buf_printf(&b->want, "%s %s\n", worker, task);
        dump_token(&b->want, token);
        check_seen(b);
    }
}

static void reports_and_lists_outputs(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < ROUNDS; i++) {
        struct avsp_outputs outputs = sample_outputs(&b->s);
        struct avsp_token token = sample_token(&b->s);
        struct avsp_attempt_status status;
        ok(avsp_client_report(b->cli, "w", "t", token, &outputs, &status, soon(), &err), &err);
        avsp_buf_puts(&b->want, "w t\n");
        dump_token(&b->want, token);
        dump_outputs(&b->want, &outputs);
        check_seen(b);

        b->fake.outputs = (struct avsp_outputs_page){outputs, sample_text(&b->s, 40)};
        struct avsp_outputs_query query = {"t", token, sample_text(&b->s, 40)};
        struct avsp_outputs_page page;
        ok(avsp_client_list_outputs(b->cli, &query, &b->arena, &page, soon(), &err), &err);
        assert_string_equal(page.next_page, b->fake.outputs.next_page);
        dump_outputs(&b->got, &page.outputs);
        dump_outputs(&b->want, &outputs);
        check_got(b);
        avsp_buf_printf(&b->want, "t %s\n", query.page);
        dump_token(&b->want, token);
        check_seen(b);
    }
}

static void finishes_and_cancels(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    for (int i = 0; i < ROUNDS; i++) {
        struct avsp_finish finish = sample_finish(&b->s);
        ok(avsp_client_finish(b->cli, &finish, soon(), &err), &err);
        dump_finish(&b->want, &finish);
        check_seen(b);
    }
    ok(avsp_client_cancel(b->cli, "job-7", soon(), &err), &err);
    avsp_buf_puts(&b->want, "job-7");
    check_seen(b);
}

static void controls_jobs(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    ok(avsp_client_retry(b->cli, "job-1", false, soon(), &err), &err);
    avsp_buf_puts(&b->want, "retry job-1");
    check_seen(b);
    ok(avsp_client_retry(b->cli, "job-1", true, soon(), &err), &err);
    avsp_buf_puts(&b->want, "retry! job-1");
    check_seen(b);
    ok(avsp_client_pause(b->cli, "job-2", soon(), &err), &err);
    avsp_buf_puts(&b->want, "pause job-2");
    check_seen(b);
    ok(avsp_client_resume(b->cli, "job-3", soon(), &err), &err);
    avsp_buf_puts(&b->want, "resume job-3");
    check_seen(b);
    ok(avsp_client_set_priority(b->cli, "job-6", 0, soon(), &err), &err);
    avsp_buf_puts(&b->want, "priority 0 job-6");
    check_seen(b);
    assert_int_equal(avsp_client_set_priority(b->cli, "job-6", 10, soon(), &err), AVSP_INVALID);
    err = (struct avsp_err){0};
    ok(avsp_client_delete(b->cli, "job-4", false, soon(), &err), &err);
    avsp_buf_puts(&b->want, "delete job-4");
    check_seen(b);
    ok(avsp_client_delete(b->cli, "job-5", true, soon(), &err), &err);
    avsp_buf_puts(&b->want, "delete! job-5");
    check_seen(b);
}

static void every_code_comes_back(void **state)
{
    struct bench *b = *state;
    for (int code = AVSP_INVALID; code < AVSP_N_CODES; code++) {
        avsp_err_set(&b->fake.error, (enum avsp_code)code, "reason %d: naïve", code);
        struct avsp_err err = {0};
        assert_int_equal(avsp_client_cancel(b->cli, "j", soon(), &err), code);
        assert_int_equal(err.code, code);
        assert_string_equal(err.text, b->fake.error.text);
        // A parked claim's way is another one.
        struct avsp_claim claim = sample_claim(&b->s);
        struct avsp_task task;
        assert_int_equal(avsp_client_claim(b->cli, &claim, &b->arena, &task, soon(), &err), code);
    }
    // A text that is no UTF-8 must not cost the answer.
    avsp_err_set(&b->fake.error, AVSP_CORRUPT, "file \xff\xfe.mp4");
    struct avsp_err err = {0};
    assert_int_equal(avsp_client_cancel(b->cli, "j", soon(), &err), AVSP_CORRUPT);
    assert_string_equal(err.text, "file ??.mp4");
}

static void long_texts_are_clipped_not_refused(void **state)
{
    struct bench *b = *state;
    struct avsp_err err = {0};
    char text[9000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[1022] = '\xc3',
    text[1023] = '\xa9'; // é across the limit of 1024, counted from 0: fits exactly
    text[100] = '\xff';
    struct avsp_finish finish = {
        .worker_id = "w",
        .task_id = "t",
        .token = {1, 1},
        .failure = {AVSP_CORRUPT, false, text, text},
    };
    ok(avsp_client_finish(b->cli, &finish, soon(), &err), &err);
    char *seen = fake_seen(&b->fake);
    assert_non_null(strstr(seen, "xx?xx"));
    assert_non_null(strstr(seen, "x\xc3\xa9|"));
    assert_true(strlen(seen) < 1024 + 4096 + 200);
    free(seen);
}

#define ON(place, name) cmocka_unit_test_setup_teardown(name, set_up_##place, tear_down)
#define ALL(place)                                                                                 \
    ON(place, submits), ON(place, gets_jobs_without_secrets), ON(place, lists_jobs),               \
        ON(place, lists_attempts), ON(place, lists_and_drains_workers),                            \
        ON(place, a_claim_hears_that_it_is_to_drain), ON(place, claims_tasks_of_every_kind),       \
        ON(place, claims_as_a_base_worker), ON(place, beats_and_releases),                         \
        ON(place, reports_and_lists_outputs), ON(place, finishes_and_cancels),                     \
        ON(place, controls_jobs), ON(place, every_code_comes_back),                                \
        ON(place, long_texts_are_clipped_not_refused)

int main(void)
{
    const struct CMUnitTest tests[] = {ALL(tcp), ALL(socket)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
