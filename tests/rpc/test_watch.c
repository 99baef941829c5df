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

/// Waits until the watcher saw this version; false after 10 s.
static bool saw(struct watcher *w, uint64_t version)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    int rc = 0;
    pthread_mutex_lock(&w->lock);
    while (w->version != version && rc == 0)
        rc = pthread_cond_timedwait(&w->changed, &w->lock, &deadline);
    bool ok = w->version == version;
    pthread_mutex_unlock(&w->lock);
    return ok;
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
    int64_t began_us = avsp_mono_now().us;
    assert_true(saw(&w, 2));
    assert_in_range(avsp_mono_now().us - began_us, 0, 2000000);
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
    while (avsp_mono_now().us - began_us < 1000000) {
        fake_change(&b->fake, ++version, AVSP_JOB_RUNNING);
        struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
    }
    fake_change(&b->fake, ++version, AVSP_JOB_FINISHED);
    join_watch(&w);
    assert_int_equal(w.version, version);
    assert_in_range(w.n, 4, 14);
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
    start_watch(b, &w, 300);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_TIMEOUT);
}

static void shutdown_ends_it(void **state)
{
    struct bench *b = *state;
    struct watcher w = {0};
    start_watch(b, &w, 30000);
    assert_true(saw(&w, 1));
    avsp_client_shutdown(b->cli);
    join_watch(&w);
    assert_int_equal(w.rc, AVSP_CANCELED);
    // Nobody is left to look for.
    pthread_mutex_lock(&b->fake.lock);
    unsigned n_looks = b->fake.n_looks;
    pthread_mutex_unlock(&b->fake.lock);
    assert_in_range(n_looks, 1, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follows_a_job_to_its_end),   TEST(a_job_that_is_over_is_told_once),
        TEST(sees_what_nobody_told_of),   TEST(many_changes_are_few_messages),
        TEST(an_unknown_job_is_an_error), TEST(the_watcher_may_stop),
        TEST(the_deadline_ends_it),       TEST(shutdown_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
