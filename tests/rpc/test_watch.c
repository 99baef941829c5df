/// Following a job.
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct fake fake;
    struct avsp_client *cli;
};

/// One watch on a thread of its own; what it saw.
struct watcher {
    struct avsp_client *cli;
    pthread_t thread;
    int64_t deadline_ms;
    unsigned stop_after; ///< 0 = never
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n;
    uint64_t version;
    enum avsp_job_state state;
    enum avsp_code rc;
    struct avsp_err err;
};

static bool on_job(void *opaque, const struct avsp_job *job)
{
    struct watcher *w = opaque;
    pthread_mutex_lock(&w->lock);
    w->n++;
    w->version = job->version;
    w->state = job->state;
    bool more = w->n != w->stop_after;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return more;
}

static void *run_watch(void *opaque)
{
    struct watcher *w = opaque;
    w->rc = avsp_client_watch(w->cli, "job1", on_job, w, avsp_mono_in_ms(w->deadline_ms), &w->err);
    return NULL;
}

static void start_watch(struct bench *b, struct watcher *w, int64_t deadline_ms)
{
    w->cli = b->cli;
    w->deadline_ms = deadline_ms;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    assert_int_equal(pthread_create(&w->thread, NULL, run_watch, w), 0);
}

static void join_watch(struct watcher *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

/// Waits until the watcher saw this version; false after 30 s.
static bool saw(struct watcher *w, uint64_t version)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 30;
    int rc = 0;
    pthread_mutex_lock(&w->lock);
    while (w->version != version && rc == 0)
        rc = pthread_cond_timedwait(&w->changed, &w->lock, &deadline);
    bool ok = w->version == version;
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static unsigned n_seen(struct watcher *w)
{
    pthread_mutex_lock(&w->lock);
    unsigned n = w->n;
    pthread_mutex_unlock(&w->lock);
    return n;
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    fake_start(&b->fake, NULL);
    struct avsp_err err = {0};
    b->cli = avsp_client_new(b->fake.listen, true, NULL, &err);
    assert_non_null(b->cli);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    avsp_client_free(b->cli);
    fake_stop(&b->fake, 0, 2000);
    free(b);
    return 0;
}

static void follows_a_job_to_its_end(void **state)
{
    struct bench *b = *state;
    struct watcher w = {0};
    start_watch(b, &w, 30000);
    assert_true(saw(&w, 1));
    for (uint64_t version = 2; version <= 5; version++) {
        fake_change(&b->fake, version, AVSP_JOB_RUNNING);
        assert_true(saw(&w, version));
    }
    fake_change(&b->fake, 6, AVSP_JOB_FINISHED);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_OK);
    assert_int_equal(w.version, 6);
    assert_int_equal(w.state, AVSP_JOB_FINISHED);
    assert_int_equal(w.n, 6); // no version twice
}

static void a_job_that_is_over_is_told_once(void **state)
{
    struct bench *b = *state;
    b->fake.job.state = AVSP_JOB_CANCELED;
    struct watcher w = {0};
    start_watch(b, &w, 30000);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_OK);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.state, AVSP_JOB_CANCELED);
}

static void sees_what_nobody_told_of(void **state)
{
    struct bench *b = *state;
    struct watcher w = {0};
    start_watch(b, &w, 30000);
    assert_true(saw(&w, 1));
    pthread_mutex_lock(&b->fake.lock); // another coordinator's change: no wake
    b->fake.job.version = 2;
    pthread_mutex_unlock(&b->fake.lock);
    assert_true(saw(&w, 2)); // long before its deadline
    fake_change(&b->fake, 3, AVSP_JOB_FAILED);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_OK);
}

static void many_changes_are_few_messages(void **state)
{
    struct bench *b = *state;
    struct watcher w = {0};
    start_watch(b, &w, 30000);
    assert_true(saw(&w, 1));
    int64_t began_us = avsp_mono_now().us;
    uint64_t version = 1;
    while (n_seen(&w) < 8) { // told of some of them while they go on
        fake_change(&b->fake, ++version, AVSP_JOB_RUNNING);
        struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
        assert_in_range(version, 1, 10000);
    }
    fake_change(&b->fake, ++version, AVSP_JOB_FINISHED);
    join_watch(&w);
    assert_int_equal(w.version, version);
    // Ten a second, besides the first and the last; how many changes there are in a second is the machine's affair.
    assert_in_range(w.n, 8, 4 + (avsp_mono_now().us - began_us) / 100000);
}

static void an_unknown_job_is_an_error(void **state)
{
    struct bench *b = *state;
    avsp_err_set(&b->fake.error, AVSP_NOT_FOUND, "there is no job");
    struct watcher w = {0};
    start_watch(b, &w, 30000);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_NOT_FOUND);
    assert_string_equal(w.err.text, "there is no job");
}

static void the_watcher_may_stop(void **state)
{
    struct bench *b = *state;
    struct watcher w = {.stop_after = 1};
    start_watch(b, &w, 30000);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_OK);
    assert_int_equal(w.n, 1);
}

static void the_deadline_ends_it(void **state)
{
    struct bench *b = *state;
    struct watcher w = {0};
    struct avsp_err err = {0};
    assert_int_equal(avsp_client_cancel(b->cli, "j", avsp_mono_in_ms(10000), &err),
                     AVSP_OK); // it is connected
    start_watch(b, &w, 300);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_TIMEOUT);
}

static void shutdown_ends_it(void **state)
{
    struct bench *b = *state;
    struct watcher w = {0};
    const int64_t began_us = avsp_mono_now().us;
    start_watch(b, &w, 30000);
    assert_true(saw(&w, 1));
    avsp_client_shutdown(b->cli);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_CANCELED);
    // Nobody is left to look for.
    pthread_mutex_lock(&b->fake.lock);
    unsigned n_looks = b->fake.n_looks;
    pthread_mutex_unlock(&b->fake.lock);
    // Two looks a second, where nothing changes.
    assert_in_range(n_looks, 1, 3 + (avsp_mono_now().us - began_us) / 500000);
}

// --- all jobs

/// What a follower of all jobs saw.
struct all {
    char seen[512];
    char cursor[64];
    unsigned stop_after;
    unsigned n;
};

static bool on_event(void *opaque, const struct avsp_job *job, const char *cursor)
{
    struct all *all = opaque;
    size_t len = strlen(all->seen);
    snprintf(all->seen + len, sizeof all->seen - len, "%s:%s:%s ", job != NULL ? job->id : "-",
             job != NULL ? avsp_job_state_name(job->state) : "-", cursor);
    snprintf(all->cursor, sizeof all->cursor, "%s", cursor);
    return ++all->n != all->stop_after;
}

static struct avsp_job event_job(const struct bench *b, const char *id, enum avsp_job_state state)
{
    struct avsp_job job = b->fake.job;
    job.id = id;
    job.state = state;
    return job;
}

static enum avsp_code watch_all(struct bench *b, struct all *all, const char *after,
                                uint32_t progress_ms, int64_t ms, struct avsp_err *err)
{
    struct avsp_label label = {"show", "news"};
    const struct avsp_watch_query query = {
        .after = after, .labels = &label, .n_labels = 1, .progress_ms = progress_ms};
    return avsp_client_watch_all(b->cli, &query, on_event, all, avsp_mono_in_ms(ms), err);
}

static void follows_all_jobs(void **state)
{
    struct bench *b = *state;
    struct avsp_job jobs[] = {event_job(b, "a", AVSP_JOB_RUNNING),
                              event_job(b, "b", AVSP_JOB_PAUSED),
                              event_job(b, "c", AVSP_JOB_DELETED)};
    const char *cursors[] = {"1.3", "2.3", "3.0"};
    b->fake.changes = (struct avsp_changes_page){jobs, cursors, 3, "3.0", false};
    struct all all = {.stop_after = 4};
    struct avsp_err err = {0};
    assert_int_equal(watch_all(b, &all, "", 0, 30000, &err), AVSP_OK);
    assert_string_equal(all.seen, "a:running:1.3 b:paused:2.3 c:deleted:3.0 -:-:3.0 ");
    char *seen = fake_seen(&b->fake);
    assert_non_null(strstr(seen, "news"));
    free(seen);
}

static void goes_on_behind_a_cursor(void **state)
{
    struct bench *b = *state;
    struct all all = {.stop_after = 1};
    struct avsp_err err = {0};
    assert_int_equal(watch_all(b, &all, "17.0", 0, 30000, &err), AVSP_OK);
    assert_string_equal(all.seen, "-:-:17.0 ");
}

static void progress_is_told_again_and_again(void **state)
{
    struct bench *b = *state;
    struct avsp_job jobs[] = {event_job(b, "a", AVSP_JOB_RUNNING)};
    const char *cursors[] = {""};
    b->fake.working = (struct avsp_changes_page){jobs, cursors, 1, "a", false};
    struct all all = {.stop_after = 2};
    struct avsp_err err = {0};
    assert_int_equal(watch_all(b, &all, "5.0", 500, 30000, &err), AVSP_OK);
    assert_string_equal(all.seen,
                        "-:-:5.0 a:running:5.0 "); // with a cursor that one can go on with
    all = (struct all){0};
    assert_int_equal(watch_all(b, &all, "5.0", 7, 30000, &err), AVSP_INVALID);
    assert_non_null(strstr(err.text, "progress_ms"));
}

static void a_cursor_that_is_none_is_refused(void **state)
{
    struct bench *b = *state;
    char long_one[200];
    memset(long_one, '1', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    struct all all = {0};
    struct avsp_err err = {0};
    assert_int_equal(watch_all(b, &all, long_one, 0, 30000, &err), AVSP_INVALID);
    avsp_err_set(&b->fake.error, AVSP_INVALID, "after: not a cursor");
    err = (struct avsp_err){0};
    assert_int_equal(watch_all(b, &all, "x", 0, 30000, &err), AVSP_INVALID);
    assert_int_equal(all.n, 0);
}

static void nobody_looks_for_a_follower_that_left(void **state)
{
    struct bench *b = *state;
    struct all all = {.stop_after = 1};
    struct avsp_err err = {0};
    assert_int_equal(watch_all(b, &all, "", 0, 30000, &err), AVSP_OK);
    assert_int_equal(all.n, 1); // that there is nothing
    // The server hears of it soon; a follower is looked for once a second.
    struct avsp_mono deadline = avsp_mono_in_ms(30000);
    unsigned before, after = fake_count(&b->fake, &b->fake.n_looks);
    do {
        assert_false(avsp_mono_passed(deadline));
        before = after;
        struct timespec pause = {1, 200000000};
        nanosleep(&pause, NULL);
        after = fake_count(&b->fake, &b->fake.n_looks);
    } while (after > before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follows_a_job_to_its_end),
        TEST(a_job_that_is_over_is_told_once),
        TEST(sees_what_nobody_told_of),
        TEST(many_changes_are_few_messages),
        TEST(an_unknown_job_is_an_error),
        TEST(the_watcher_may_stop),
        TEST(the_deadline_ends_it),
        TEST(shutdown_ends_it),
        TEST(follows_all_jobs),
        TEST(goes_on_behind_a_cursor),
        TEST(progress_is_told_again_and_again),
        TEST(a_cursor_that_is_none_is_refused),
        TEST(nobody_looks_for_a_follower_that_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
