/// Claims that wait: they wake at once, end in time, lose nothing and keep nothing.
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    struct fake fake;
    struct avsp_client *cli;
};

/// One claim on a thread of its own.
struct claimer {
    struct avsp_client *cli;
    pthread_t thread;
    uint32_t wait_ms;
    int64_t deadline_ms;
    uint32_t kinds;
    const char *encoders;
    enum avsp_code rc;
    enum avsp_task_kind kind;
    int64_t answered_us;
    struct avsp_err err;
};

static void *run_claim(void *opaque)
{
    struct claimer *c = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_claim claim = {
        .worker = {"w", "h", "v", 1, c->kinds, c->encoders},
        .own = true,
        .claim_id = "",
        .wait_ms = c->wait_ms,
    };
    struct avsp_task task = {.kind = AVSP_TASK_NONE};
    c->rc =
        avsp_client_claim(c->cli, &claim, &arena, &task, avsp_mono_in_ms(c->deadline_ms), &c->err);
    c->answered_us = avsp_mono_now().us;
    c->kind = task.kind;
    return NULL;
}

static void start_claim(struct bench *b, struct claimer *c, uint32_t wait_ms, int64_t deadline_ms)
{
    *c = (struct claimer){
        .cli = b->cli, .wait_ms = wait_ms, .deadline_ms = deadline_ms, .kinds = 0x3e};
    assert_int_equal(pthread_create(&c->thread, NULL, run_claim, c), 0);
}

static void join_claim(struct claimer *c)
{
    assert_int_equal(pthread_join(c->thread, NULL), 0);
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    fake_start(&b->fake, NULL);
    struct avsp_err err = {0};
    b->cli = avsp_client_new(b->fake.listen, false, NULL, &err);
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

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void a_wake_answers_at_once(void **state)
{
    struct bench *b = *state;
    int64_t took_us[21];
    for (unsigned i = 0; i < AVSP_ARRAY_LEN(took_us); i++) {
        struct claimer c;
        unsigned before = fake_count(&b->fake, &b->fake.n_claims);
        start_claim(b, &c, 20000, 25000);
        assert_true(fake_wait(&b->fake, &b->fake.n_claims, before + 1));
        int64_t woken_us = avsp_mono_now().us;
        fake_ready(&b->fake, 1);
        join_claim(&c);
        assert_int_equal(c.rc, AVSP_OK);
        assert_int_equal(c.kind, AVSP_TASK_ENCODE);
        took_us[i] = c.answered_us - woken_us;
    }
    // The median: single ones may be late on a machine that is busy otherwise.
    qsort(took_us, AVSP_ARRAY_LEN(took_us), sizeof *took_us, by_value);
    assert_in_range(took_us[AVSP_ARRAY_LEN(took_us) / 2], 0, 100000);
    assert_int_equal(b->fake.n_released, 0);
}

static void the_wait_ends_with_nothing(void **state)
{
    struct bench *b = *state;
    struct claimer c;
    int64_t began_us = avsp_mono_now().us;
    start_claim(b, &c, 300, 20000);
    join_claim(&c);
    assert_int_equal(c.rc, AVSP_OK);
    assert_int_equal(c.kind, AVSP_TASK_NONE);
    assert_in_range(c.answered_us - began_us, 290000, 15000000); // not at its deadline
}

/// By a fifth of a second, in which a busy machine may be busy.
static void the_answer_comes_before_the_deadline(void **state)
{
    struct bench *b = *state;
    struct claimer c;
    unsigned n_tries = 0;
    do {
        start_claim(b, &c, 60000, 1500);
        join_claim(&c);
    } while (c.rc == AVSP_TIMEOUT && ++n_tries < 10);
    assert_int_equal(c.rc, AVSP_OK);
    assert_int_equal(c.kind, AVSP_TASK_NONE);
}

static void wakes_are_not_lost(void **state)
{
    struct bench *b = *state;
    // The wake falls at every moment of the claim's way: before, while and after it is asked.
    for (unsigned i = 0; i < 500; i++) {
        struct claimer c;
        start_claim(b, &c, 30000, 40000);
        struct timespec pause = {0, (long)(i % 50) * 20000};
        nanosleep(&pause, NULL);
        int64_t woken_us = avsp_mono_now().us;
        fake_ready(&b->fake, 1);
        join_claim(&c);
        assert_int_equal(c.kind, AVSP_TASK_ENCODE);
        assert_in_range(AVSP_MAX(c.answered_us - woken_us, 0), 0, 10000000);
    }
}

static void a_wake_reaches_whoever_may_take_the_task(void **state)
{
    struct bench *b = *state;
    // As many sorts as a farm of several processors has in the middle of an upgrade.
    static const char *const sets[] = {"a", "a", "b", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    struct claimer others[AVSP_ARRAY_LEN(sets)], c;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(others); i++) {
        others[i] = (struct claimer){.cli = b->cli,
                                     .wait_ms = 20000,
                                     .deadline_ms = 30000,
                                     .kinds = i < 2 ? 2 : 16,
                                     .encoders = sets[i]};
        pthread_create(&others[i].thread, NULL, run_claim, &others[i]);
    }
    assert_true(fake_wait(&b->fake, &b->fake.n_claims, AVSP_ARRAY_LEN(others)));
    c = (struct claimer){
        .cli = b->cli, .wait_ms = 20000, .deadline_ms = 25000, .kinds = 16, .encoders = "new"};
    pthread_create(&c.thread, NULL, run_claim, &c);
    assert_true(fake_wait(&b->fake, &b->fake.n_claims, AVSP_ARRAY_LEN(others) + 1));
    pthread_mutex_lock(&b->fake.lock);
    b->fake.only_kinds = 16;
    b->fake.only_encoders = "new";
    pthread_mutex_unlock(&b->fake.lock);
    int64_t woken_us = avsp_mono_now().us;
    fake_ready(&b->fake, 1);
    join_claim(&c);
    assert_int_equal(c.kind, AVSP_TASK_ENCODE);
    assert_in_range(c.answered_us - woken_us, 0, 10000000); // long before its wait is over
    avsp_client_shutdown(b->cli);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(others); i++) {
        join_claim(&others[i]);
        assert_int_equal(others[i].kind, AVSP_TASK_NONE);
    }
}

/// Claims that were asked and found nothing wait from now on. A wake while they are still on their way there makes all of them
/// ask again, for none may miss it; groups are served one after the other, so they are there once a later one is answered.
static void await_parked(struct bench *b)
{
    struct claimer later;
    start_claim(b, &later, 0, 20000);
    join_claim(&later);
    assert_int_equal(later.rc, AVSP_OK);
    assert_int_equal(later.kind, AVSP_TASK_NONE);
}

static void a_wake_asks_no_more_than_needed(void **state)
{
    struct bench *b = *state;
    enum { N = 20 };
    struct claimer all[N];
    for (size_t i = 0; i < N; i++)
        start_claim(b, &all[i], 30000, 40000);
    assert_true(fake_wait(&b->fake, &b->fake.n_claims, N));
    await_parked(b);
    // Another coordinator was faster: one of the like is asked, not twenty.
    avsp_server_wake(b->fake.srv, 1);
    assert_true(fake_wait(&b->fake, &b->fake.n_claims, N + 2));
    await_parked(b);
    const unsigned n_after_wake = fake_count(&b->fake, &b->fake.n_claims);
    fake_ready(&b->fake, N);
    for (size_t i = 0; i < N; i++) {
        join_claim(&all[i]);
        assert_int_equal(all[i].kind, AVSP_TASK_ENCODE);
    }
    assert_int_equal(n_after_wake, N + 3); // two of them only looked whether the rest waits
    assert_int_equal(fake_count(&b->fake, &b->fake.n_claims), 2 * N + 3);
}

static void shutdown_ends_waiting_calls(void **state)
{
    struct bench *b = *state;
    struct claimer c[3];
    for (size_t i = 0; i < 3; i++)
        start_claim(b, &c[i], 30000, 40000);
    assert_true(fake_wait(&b->fake, &b->fake.n_claims, 3));
    avsp_client_shutdown(b->cli);
    for (size_t i = 0; i < 3; i++) {
        join_claim(&c[i]);
        assert_int_equal(c[i].rc, AVSP_CANCELED);
    }
    struct avsp_err err = {0};
    assert_int_equal(avsp_client_cancel(b->cli, "j", avsp_mono_in_ms(1000), &err), AVSP_CANCELED);
}

static void who_went_away_is_asked_no_more(void **state)
{
    struct bench *b = *state;
    struct claimer c[3];
    for (size_t i = 0; i < 3; i++)
        start_claim(b, &c[i], 30000, 40000);
    assert_true(fake_wait(&b->fake, &b->fake.n_claims, 3));
    avsp_client_shutdown(b->cli);
    for (size_t i = 0; i < 3; i++)
        join_claim(&c[i]);
    // The server learns of it soon: from then on a wake asks nobody.
    struct avsp_mono deadline = avsp_mono_in_ms(60000);
    unsigned quiet = 0;
    while (quiet < 20) {
        assert_false(avsp_mono_passed(deadline));
        unsigned before = fake_count(&b->fake, &b->fake.n_claims);
        avsp_server_wake(b->fake.srv, 3);
        struct timespec pause = {0, 5000000};
        nanosleep(&pause, NULL);
        quiet = fake_count(&b->fake, &b->fake.n_claims) == before ? quiet + 1 : 0;
    }
}

/// A worker goes while the operation has a task for it. @return true: the server knew of it in time to hand the task back.
static bool lose_a_worker(struct bench *b, unsigned round)
{
    struct claimer c;
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(b->fake.listen, false, NULL, &err);
    assert_non_null(cli);
    struct bench one = {.cli = cli};
    pthread_mutex_lock(&b->fake.lock);
    b->fake.hold = 1;
    b->fake.n_ready = 1;
    unsigned n_held = b->fake.n_held, n_released = b->fake.n_released;
    pthread_mutex_unlock(&b->fake.lock);
    start_claim(&one, &c, 30000, 40000);
    assert_true(fake_wait(&b->fake, &b->fake.n_held, n_held + 1));
    avsp_client_shutdown(cli);
    join_claim(&c);
    assert_int_equal(c.rc, AVSP_CANCELED);
    avsp_client_free(cli);
    // What the network still carries cannot be seen from here; an answer that crosses it is the lease's business.
    struct timespec pause = {0, (long)round * 10000000};
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&b->fake.lock);
    b->fake.hold = 0;
    pthread_cond_broadcast(&b->fake.changed);
    pthread_mutex_unlock(&b->fake.lock);
    avsp_server_wake(b->fake.srv, 0);
    struct avsp_mono deadline = avsp_mono_in_ms(1000);
    for (; !avsp_mono_passed(deadline); usleep(1000))
        if (fake_count(&b->fake, &b->fake.n_released) > n_released)
            return true;
    return false;
}

static void a_task_for_nobody_is_handed_back(void **state)
{
    struct bench *b = *state;
    bool is_back = false;
    for (unsigned round = 0; round < 50 && !is_back; round++)
        is_back = lose_a_worker(b, round);
    assert_true(is_back);
    assert_string_equal(b->fake.released, "w task1\ntoken 1 42\n");
}

/// A thread of heartbeats for the crowd below.
struct beater {
    struct avsp_client *cli;
    pthread_t thread;
    unsigned n;
    unsigned n_failed;
};

static void *run_beats(void *opaque)
{
    struct beater *beater = opaque;
    struct avsp_progress progress = {1, 2, 3};
    for (unsigned i = 0; i < beater->n; i++) {
        struct avsp_attempt_status status;
        struct avsp_err err = {0};
        if (avsp_client_heartbeat(beater->cli, "w", "t", (struct avsp_token){1, 1}, &progress,
                                  &status, avsp_mono_in_ms(20000), &err) != AVSP_OK)
            beater->n_failed++;
    }
    return NULL;
}

static void a_crowd_waits_while_others_work(void **state)
{
    struct bench *b = *state;
    enum { PARKED = 64, BEATERS = 4, BEATS = 250 };
    static struct claimer parked[PARKED];
    struct beater beaters[BEATERS];
    for (size_t i = 0; i < PARKED; i++)
        start_claim(b, &parked[i], 50000, 55000);
    assert_true(fake_wait(&b->fake, &b->fake.n_claims, PARKED));
    for (size_t i = 0; i < BEATERS; i++) {
        beaters[i] = (struct beater){.cli = b->cli, .n = BEATS};
        pthread_create(&beaters[i].thread, NULL, run_beats, &beaters[i]);
    }
    for (size_t i = 0; i < BEATERS; i++) {
        pthread_join(beaters[i].thread, NULL);
        assert_int_equal(beaters[i].n_failed, 0);
    }
    for (size_t i = 0; i < PARKED; i++)
        fake_ready(&b->fake, 1);
    for (size_t i = 0; i < PARKED; i++) {
        join_claim(&parked[i]);
        assert_int_equal(parked[i].kind, AVSP_TASK_ENCODE);
    }
    assert_int_equal(b->fake.n_released, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wake_answers_at_once),
        TEST(the_wait_ends_with_nothing),
        TEST(the_answer_comes_before_the_deadline),
        TEST(wakes_are_not_lost),
        TEST(a_wake_reaches_whoever_may_take_the_task),
        TEST(a_wake_asks_no_more_than_needed),
        TEST(shutdown_ends_waiting_calls),
        TEST(who_went_away_is_asked_no_more),
        TEST(a_task_for_nobody_is_handed_back),
        TEST(a_crowd_waits_while_others_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
