/// Following all jobs: nobody misses the end of one, whatever commits when.
#include "fixture.h"

#include "util/time.h"

#include <pthread.h>
#include <string.h>

/// One page.
static struct avsp_changes_page changes(struct fixture *fx, const char *after, uint32_t limit)
{
    const struct avsp_changes_query query = {.after = after, .limit = limit};
    struct avsp_changes_page page;
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_list_changes(fx->store, &query, &fx->arena, &page, &err), err);
    return page;
}

static void expect_job(const struct avsp_changes_page *page, size_t i, const char *id,
                       enum avsp_job_state state)
{
    assert_true(i < page->n_jobs);
    assert_string_equal(page->jobs[i].id, id);
    assert_int_equal(page->jobs[i].state, state);
}

static void act(struct fixture *fx,
                enum avsp_code (*what)(struct avsp_store *, const char *, struct avsp_err *),
                const char *id)
{
    struct avsp_err err = {0};
    ASSERT_OK(what(fx->store, id, &err), err);
}

static void delete_job(struct fixture *fx, const char *id, bool force)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_delete(fx->store, id, force, &err), err);
}

static void begins_with_what_is_not_over(void **state)
{
    struct fixture *fx = *state;
    const char *over = submit(fx, "over");
    act(fx, avsp_store_cancel, over);
    const char *paused = submit(fx, "paused");
    act(fx, avsp_store_pause, paused);
    const char *runs = submit(fx, "runs");
    struct avsp_changes_page page = changes(fx, "", 10);
    assert_int_equal(page.n_jobs, 2);
    assert_false(page.more);
    const size_t first = strcmp(page.jobs[0].id, paused) == 0 ? 0 : 1;
    expect_job(&page, first, paused, AVSP_JOB_PAUSED);
    expect_job(&page, 1 - first, runs, AVSP_JOB_RUNNING);
    // Nothing is told twice.
    assert_int_equal(changes(fx, page.next, 10).n_jobs, 0);
}

static void tells_each_change_of_state_once(void **state)
{
    struct fixture *fx = *state;
    struct avsp_changes_page page = changes(fx, "", 10);
    assert_int_equal(page.n_jobs, 0);
    const char *id = submit_and_split(fx, "a", 1);
    page = changes(fx, page.next, 10);
    assert_int_equal(page.n_jobs, 1);
    expect_job(&page, 0, id, AVSP_JOB_RUNNING);
    struct avsp_task task = claim(fx, "w");
    heartbeat(fx, "w", &task); // no change of state
    page = changes(fx, page.next, 10);
    assert_int_equal(page.n_jobs, 0);
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_set_priority(fx->store, id, 9, &err), err);
    page = changes(fx, page.next, 10);
    assert_int_equal(page.n_jobs, 1);
    assert_int_equal(page.jobs[0].spec.priority, 9);
    // Of changes in a row the last state is told.
    act(fx, avsp_store_pause, id);
    act(fx, avsp_store_resume, id);
    finish_ok(fx, "w", &task);
    finish_all(fx);
    page = changes(fx, page.next, 10);
    assert_int_equal(page.n_jobs, 1);
    expect_job(&page, 0, id, AVSP_JOB_FINISHED);
    assert_int_equal(page.jobs[0].percent_complete, 100);
    delete_job(fx, id, false);
    page = changes(fx, page.next, 10);
    assert_int_equal(page.n_jobs, 1);
    expect_job(&page, 0, id, AVSP_JOB_DELETED);
}

static void a_retry_is_told(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *id = submit(fx, "a");
    act(fx, avsp_store_cancel, id);
    struct avsp_changes_page page = changes(fx, "", 10);
    ASSERT_OK(avsp_store_retry(fx->store, id, false, &err), err);
    page = changes(fx, page.next, 10);
    expect_job(&page, 0, id, AVSP_JOB_RUNNING);
}

static void goes_on_where_it_broke_off(void **state)
{
    struct fixture *fx = *state;
    const char *ids[5];
    for (int i = 0; i < 5; i++) {
        char name[] = {(char)('a' + i), '\0'};
        ids[i] = submit(fx, name);
        (void)changes(fx, "", 10); // numbered in this order
    }
    struct avsp_changes_page page = changes(fx, "", 2);
    assert_true(page.more);
    expect_job(&page, 1, ids[1], AVSP_JOB_RUNNING);
    // Broken off behind the first job of five; meanwhile the second and the fifth one come to their ends.
    const char *cursor = page.cursors[0];
    act(fx, avsp_store_cancel, ids[1]);
    act(fx, avsp_store_cancel, ids[4]);
    enum avsp_job_state seen[5] = {0};
    unsigned n = 0;
    do {
        page = changes(fx, cursor, 2);
        for (size_t i = 0; i < page.n_jobs; i++)
            for (int j = 0; j < 5; j++)
                if (strcmp(page.jobs[i].id, ids[j]) == 0) {
                    seen[j] = page.jobs[i].state;
                    n++;
                }
        cursor = page.next;
    } while (page.more);
    assert_int_equal(n, 4);
    assert_int_equal(seen[1], AVSP_JOB_CANCELED);
    assert_int_equal(seen[2], AVSP_JOB_RUNNING);
    assert_int_equal(seen[3], AVSP_JOB_RUNNING);
    assert_int_equal(seen[4], AVSP_JOB_CANCELED);
}

static void a_job_that_is_deleted_while_it_runs_is_told(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit(fx, "a");
    struct avsp_changes_page page = changes(fx, "", 10);
    delete_job(fx, id, true);
    sweep(fx);
    page = changes(fx, page.next, 10);
    assert_int_equal(page.n_jobs, 1);
    expect_job(&page, 0, id, AVSP_JOB_DELETED);
    // A minute later nothing is left of it, and numbers go on.
    const char *cursor = page.next;
    wait_ms(fx, 10000);
    struct avsp_task cleanup = claim(fx, "w");
    finish_ok(fx, "w", &cleanup);
    wait_ms(fx, 70000);
    assert_int_equal(changes(fx, "0.0", 10).n_jobs, 0);
    const char *next = submit(fx, "b");
    page = changes(fx, cursor, 10);
    assert_int_equal(page.n_jobs, 1);
    expect_job(&page, 0, next, AVSP_JOB_RUNNING);
}

static void labels_choose(void **state)
{
    struct fixture *fx = *state;
    struct avsp_label label = {"show", "news"};
    struct avsp_job_spec spec = local_spec(fx, "a");
    spec.labels = &label;
    spec.n_labels = 1;
    const char *id = submit_spec(fx, &spec);
    submit(fx, "b");
    const struct avsp_changes_query query = {
        .after = "", .labels = &label, .n_labels = 1, .limit = 10};
    struct avsp_changes_page page;
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_list_changes(fx->store, &query, &fx->arena, &page, &err), err);
    assert_int_equal(page.n_jobs, 1);
    expect_job(&page, 0, id, AVSP_JOB_RUNNING);
}

static void jobs_at_work_are_listed_by_id(void **state)
{
    struct fixture *fx = *state;
    submit(fx, "waits");
    struct avsp_changes_query query = {.after = "", .working = true, .limit = 1};
    struct avsp_changes_page page;
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_list_changes(fx->store, &query, &fx->arena, &page, &err), err);
    assert_int_equal(page.n_jobs, 0);
    submit(fx, "runs");
    struct avsp_task one = claim(fx, "w"), two = claim(fx, "w");
    ASSERT_OK(avsp_store_list_changes(fx->store, &query, &fx->arena, &page, &err), err);
    assert_int_equal(page.n_jobs, 1);
    assert_true(page.more);
    const char *first = page.jobs[0].id;
    query.after = page.next;
    ASSERT_OK(avsp_store_list_changes(fx->store, &query, &fx->arena, &page, &err), err);
    assert_int_equal(page.n_jobs, 1);
    assert_true(strcmp(first, page.jobs[0].id) < 0);
    assert_true(strcmp(first, one.job_id) == 0 || strcmp(first, two.job_id) == 0);
}

static void another_cursor_is_refused(void **state)
{
    static const char *const bad[] = {"x",   "1",     "1.",   ".1",
                                      "1.x", "1.2.3", "1.-1", "99999999999999999999.0"};
    struct fixture *fx = *state;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        const struct avsp_changes_query query = {.after = bad[i], .limit = 10};
        struct avsp_changes_page page;
        struct avsp_err err = {0};
        ASSERT_CODE(avsp_store_list_changes(fx->store, &query, &fx->arena, &page, &err),
                    AVSP_INVALID, err);
        assert_non_null(strstr(err.text, "after: "));
    }
}

// --- in the middle of a crowd

#define N_ACTORS 4
#define N_JOBS 25 ///< that each of them submits and ends

struct actor {
    struct fixture *fx;
    struct avsp_store *store;
    pthread_t thread;
    int number;
};

static void *submit_and_cancel(void *opaque)
{
    struct actor *actor = opaque;
    struct avsp_err err = {0};
    for (int i = 0; i < N_JOBS; i++) {
        struct avsp_job_spec spec = {.segment_seconds = 4, .crf = 30, .preset = 8};
        char input[64], output[64], work[64], id[AVSP_ID_BYTES];
        snprintf(input, sizeof input, "/in/%d-%d", actor->number, i);
        snprintf(output, sizeof output, "/out/%d-%d", actor->number, i);
        snprintf(work, sizeof work, "/out/%d-%d/w", actor->number, i);
        spec.input = avsp_location_fs(input);
        spec.output = avsp_location_fs(output);
        spec.work = avsp_location_fs(work);
        spec.idempotency_key = "";
        AVSP_ASSERT(avsp_store_submit(actor->store, &spec, id, &err) == AVSP_OK);
        AVSP_ASSERT(avsp_store_cancel(actor->store, id, &err) == AVSP_OK);
    }
    return NULL;
}

/// Follows until it has heard of the end of all; a job whose end it missed would never come.
static void nobody_misses_an_end(void **state)
{
    struct fixture *fx = *state;
    struct actor actors[N_ACTORS];
    for (int i = 0; i < N_ACTORS; i++) {
        actors[i] = (struct actor){.fx = fx, .number = i};
        actors[i].store = fixture_open_another(fx);
    }
    for (int i = 0; i < N_ACTORS; i++)
        assert_int_equal(pthread_create(&actors[i].thread, NULL, submit_and_cancel, &actors[i]), 0);
    unsigned n_over = 0;
    const char *cursor = "0.0"; // from the very beginning
    struct avsp_mono deadline = avsp_mono_in_ms(60000);
    while (n_over < N_ACTORS * N_JOBS && !avsp_mono_passed(deadline)) {
        struct avsp_changes_page page = changes(fx, cursor, 7);
        for (size_t i = 0; i < page.n_jobs; i++)
            n_over += page.jobs[i].state == AVSP_JOB_CANCELED;
        cursor = page.next;
    }
    for (int i = 0; i < N_ACTORS; i++) {
        assert_int_equal(pthread_join(actors[i].thread, NULL), 0);
        avsp_store_close(actors[i].store);
    }
    const unsigned missing = N_ACTORS * N_JOBS - n_over;
    if (missing > 0)
        fail_msg("%u ends were never told", missing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begins_with_what_is_not_over),
        TEST(tells_each_change_of_state_once),
        TEST(a_retry_is_told),
        TEST(goes_on_where_it_broke_off),
        TEST(a_job_that_is_deleted_while_it_runs_is_told),
        TEST(labels_choose),
        TEST(jobs_at_work_are_listed_by_id),
        TEST(another_cursor_is_refused),
        TEST(nobody_misses_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
