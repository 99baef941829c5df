/// The workers that there are: noted now and then, listed with what they do, drained, forgotten.

#include "fixture.h"

#include "core/lifecycle.h"

#include <string.h>

static void note(struct fixture *fx, const char *id, uint32_t slots)
{
    const struct avsp_worker_info worker = {.id = id,
                                            .host = slots > 0 ? "host" : "",
                                            .version = slots > 0 ? "1.2.3" : "",
                                            .slots = slots};
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_note_workers(fx->store, &worker, 1, &err), err);
}

static struct avsp_worker_page list(struct fixture *fx, uint32_t limit, const char *from)
{
    struct avsp_workers_query query = {.limit = limit, .page = from};
    struct avsp_worker_page page;
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_list_workers(fx->store, &query, &fx->arena, &page, &err), err);
    return page;
}

static void workers_are_listed_with_what_they_do(void **state)
{
    struct fixture *fx = *state;
    const char *job = submit_and_split(fx, "a", 3);
    note(fx, "b", 4);
    note(fx, "a", 2);
    note(fx, "c", 0); // a base worker
    (void)claim(fx, "b");
    (void)claim(fx, "b");
    (void)claim(fx, "unknown");
    struct avsp_worker_page page = list(fx, 10, "");
    assert_int_equal(page.n_workers, 3);
    assert_string_equal(page.next_page, "");
    assert_string_equal(page.workers[0].id, "a");
    assert_int_equal(page.workers[0].state, AVSP_WORKER_IDLE);
    const struct avsp_worker_record *b = &page.workers[1];
    assert_string_equal(b->id, "b");
    assert_int_equal(b->state, AVSP_WORKER_WORKING);
    assert_string_equal(b->host, "host");
    assert_string_equal(b->version, "1.2.3");
    assert_int_equal(b->slots, 4);
    assert_int_equal(b->n_tasks, 2);
    assert_string_equal(b->tasks[0].job_id, job);
    assert_int_equal(b->tasks[0].kind, AVSP_TASK_ENCODE);
    assert_int_equal(b->tasks[1].idx, 1);
    assert_string_equal(page.workers[2].host, "");
    page = list(fx, 2, "");
    assert_int_equal(page.n_workers, 2);
    assert_string_equal(page.next_page, "b");
    page = list(fx, 2, page.next_page);
    assert_int_equal(page.n_workers, 1);
    assert_string_equal(page.workers[0].id, "c");
}

static void a_heartbeat_keeps_what_a_claim_told(void **state)
{
    struct fixture *fx = *state;
    note(fx, "w", 4);
    int64_t seen_us = list(fx, 1, "").workers[0].seen_us;
    note(fx, "w", 0);
    struct avsp_worker_record worker = list(fx, 1, "").workers[0];
    assert_int_equal(worker.seen_us, seen_us); // that was a moment ago: no write
    advance_ms(fx, 10000);
    note(fx, "w", 0);
    worker = list(fx, 1, "").workers[0];
    assert_true(worker.seen_us > seen_us + 9000000);
    assert_int_equal(worker.slots, 4);
    assert_string_equal(worker.host, "host");
    note(fx, "w", 8); // restarted with more: told at once
    assert_int_equal(list(fx, 1, "").workers[0].slots, 8);
}

static size_t n_draining(struct fixture *fx)
{
    const char **ids = NULL;
    size_t n = 0;
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_list_draining(fx->store, &fx->arena, &ids, &n, &err), err);
    return n;
}

static void drain_is_remembered_until_undone(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    ASSERT_CODE(avsp_store_drain(fx->store, "w", true, &err), AVSP_NOT_FOUND, err);
    note(fx, "w", 4);
    note(fx, "x", 4);
    ASSERT_OK(avsp_store_drain(fx->store, "w", true, &err), err);
    ASSERT_OK(avsp_store_drain(fx->store, "w", true, &err), err);
    advance_ms(fx, 10000);
    note(fx, "w", 5);
    assert_int_equal(n_draining(fx), 1);
    assert_int_equal(list(fx, 1, "").workers[0].state, AVSP_WORKER_DRAINING);
    struct avsp_store_stats stats;
    ASSERT_OK(avsp_store_get_stats(fx->store, &stats, &err), err);
    assert_int_equal(stats.n_draining, 1);
    assert_int_equal(stats.n_idle, 1);
    ASSERT_OK(avsp_store_drain(fx->store, "w", false, &err), err);
    assert_int_equal(n_draining(fx), 0);
    assert_int_equal(list(fx, 1, "").workers[0].state, AVSP_WORKER_IDLE);
}

static void who_is_silent_is_away_and_then_forgotten(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_store_stats stats;
    note(fx, "w", 4);
    advance_ms(fx, 120000);
    note(fx, "x", 4);
    assert_int_equal(list(fx, 1, "").workers[0].state, AVSP_WORKER_AWAY);
    ASSERT_OK(avsp_store_get_stats(fx->store, &stats, &err), err);
    assert_int_equal(stats.n_away, 1);
    assert_int_equal(stats.n_idle, 1);
    advance_ms(fx, (int64_t)24 * 3600 * 1000 - 60000);
    ASSERT_OK(avsp_store_forget_workers(fx->store, &err), err);
    struct avsp_worker_page page = list(fx, 10, "");
    assert_int_equal(page.n_workers, 1);
    assert_string_equal(page.workers[0].id, "x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(workers_are_listed_with_what_they_do),
        TEST(a_heartbeat_keeps_what_a_claim_told),
        TEST(drain_is_remembered_until_undone),
        TEST(who_is_silent_is_away_and_then_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
