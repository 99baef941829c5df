/// PostgreSQL: whoever holds an old snapshot open keeps every version of every row, and every entry of an index, that was there since.
/// Nothing that is done for each task walks over them, whatever the server believes about its tables.

#include "fixture.h"

#include "util/time.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

/// From here on all versions are kept. @return for PQfinish
static PGconn *hold_old_snapshot(struct fixture *fx)
{
    PGconn *old = PQconnectdb(fx->url);
    PQclear(PQexec(old, "BEGIN ISOLATION LEVEL REPEATABLE READ"));
    PQclear(PQexec(old, "SELECT count(*) FROM jobs"));
    assert_int_equal(PQtransactionStatus(old), PQTRANS_INTRANS);
    return old;
}

static int64_t number(struct fixture *fx, const char *sql)
{
    return strtoll(fixture_psql_value(fx, sql), NULL, 10);
}

// --- what a claim looks through

#define CLAIMED_BEFORE 600
#define CLAIMED_THEN 30

/// Index entries of ready tasks that were read so far, by connections that are closed.
static int64_t n_read(struct fixture *fx)
{
    return number(fx, "SELECT idx_tup_read FROM pg_stat_user_indexes"
                      " WHERE indexrelname = 'tasks_ready' AND schemaname = current_schema()");
}

static void claims_begin_past_what_was_claimed(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", CLAIMED_BEFORE + 2 * CLAIMED_THEN);
    PGconn *old = hold_old_snapshot(fx);
    for (int i = 0; i < CLAIMED_BEFORE; i++)
        assert_int_equal(claim(fx, "w").kind, AVSP_TASK_ENCODE);
    fixture_reopen(fx); // what a connection counted is told when it closes
    const int64_t before = n_read(fx);
    for (int i = 0; i < CLAIMED_THEN; i++)
        assert_int_equal(claim(fx, "w").kind, AVSP_TASK_ENCODE);
    fixture_reopen(fx);
    const int64_t all = n_read(fx) - before;
    PQfinish(old);
    // One look over all, for the new store knows nothing; then what waits, as far as anybody need know.
    if (all > 4 * CLAIMED_BEFORE + CLAIMED_THEN * (2 * AVSP_WAITING_MAX + 20))
        fail_msg("%d claims read %" PRId64 " entries", CLAIMED_THEN, all);
}

// --- what a task costs from its claim to its finish

#define TOGETHER 6
#define GROUPS_MEASURED 30
#define GROUPS_BETWEEN 140
#define N_PIECES ((2 * GROUPS_MEASURED + GROUPS_BETWEEN) * (TOGETHER + 1) + 2)

static const char n_finished_sql[] =
    "SELECT n_tup_ins FROM pg_stat_user_tables"
    " WHERE relname = 'attempts' AND schemaname = current_schema()";

/// Claims some tasks together, beats for them, and finishes them together; and one more alone.
static void do_group(struct fixture *fx)
{
    static const char *const workers[TOGETHER] = {"a", "b", "c", "d", "e", "f"};
    char ids[TOGETHER][AVSP_ID_BYTES];
    struct avsp_claim claims[TOGETHER];
    struct avsp_claim_item asked[TOGETHER] = {0};
    struct avsp_beat_item beats[TOGETHER] = {0};
    struct avsp_finish finishes[TOGETHER];
    struct avsp_finish_item finished[TOGETHER] = {0};
    for (size_t i = 0; i < TOGETHER; i++) {
        avsp_id_new(ids[i]);
        claims[i] = (struct avsp_claim){.own = true, .claim_id = ids[i]};
        claims[i].worker = (struct avsp_worker_info){
            .id = workers[i], .host = "", .version = "", .slots = 4, .kinds = KINDS_ALL};
        asked[i] = (struct avsp_claim_item){.claim = &claims[i], .arena = &fx->arena};
    }
    avsp_store_claim_many(fx->store, asked, TOGETHER);
    for (size_t i = 0; i < TOGETHER; i++) {
        ASSERT_OK(asked[i].rc, asked[i].err);
        assert_int_equal(asked[i].task.kind, AVSP_TASK_ENCODE);
        beats[i] = (struct avsp_beat_item){
            .worker_id = workers[i], .task_id = asked[i].task.id, .token = asked[i].task.token};
        finishes[i] = finish_of(workers[i], &asked[i].task);
        finishes[i].outputs = encoded(fx, &asked[i].task);
        finished[i].finish = &finishes[i];
    }
    avsp_store_heartbeat_many(fx->store, beats, TOGETHER);
    avsp_store_finish_many(fx->store, finished, TOGETHER);
    for (size_t i = 0; i < TOGETHER; i++) {
        ASSERT_OK(beats[i].rc, beats[i].err);
        ASSERT_OK(finished[i].rc, finished[i].err);
    }
    struct avsp_task alone = claim(fx, "alone");
    (void)heartbeat(fx, "alone", &alone);
    finish_ok(fx, "alone", &alone);
}

/// A connection tells the server's counters once a second, when a transaction of its ends.
static void wait_until_counted(struct fixture *fx, int64_t n_finished)
{
    const struct avsp_finish unknown = {
        .worker_id = "w", .task_id = "nobody", .failure = {.message = "", .log_tail = ""}};
    for (struct avsp_mono end = avsp_mono_in_ms(60000); number(fx, n_finished_sql) < n_finished;
         usleep(50000)) {
        struct avsp_err err = {0};
        assert_false(avsp_mono_passed(end));
        ASSERT_CODE(avsp_store_finish(fx->store, &unknown, &err), AVSP_NOT_FOUND, err);
    }
}

/// Pages that were looked at so far, of tables and of indexes.
static int64_t n_pages(struct fixture *fx)
{
    return number(fx,
                  "SELECT CAST(sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)"
                  " AS BIGINT) FROM pg_statio_user_tables WHERE schemaname = current_schema()");
}

/// @return pages that a task cost
static int64_t do_groups(struct fixture *fx, int n, int64_t *n_finished)
{
    const int64_t before = n_pages(fx);
    for (int i = 0; i < n; i++)
        do_group(fx);
    *n_finished += (int64_t)n * (TOGETHER + 1);
    wait_until_counted(fx, *n_finished);
    return (n_pages(fx) - before) / ((int64_t)n * (TOGETHER + 1));
}

static void tasks_cost_what_they_cost_before(void **state)
{
    struct fixture *fx = *state;
    int64_t n_finished = 1; // the split
    (void)submit_and_split(fx, "a", N_PIECES);
    struct avsp_task first = claim(fx, "w"); // binds the job to the encoders
    finish_ok(fx, "w", &first);
    n_finished++;
    // What is known of the tables now, that nothing runs, is what plans are made from.
    fixture_psql(fx, "VACUUM ANALYZE");
    wait_until_counted(fx, n_finished);
    PGconn *old = hold_old_snapshot(fx);
    const int64_t n_job_versions =
        number(fx, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE"
                   " relname = 'jobs' AND schemaname = current_schema()");
    const int64_t before = do_groups(fx, GROUPS_MEASURED, &n_finished);
    (void)do_groups(fx, GROUPS_BETWEEN, &n_finished);
    const int64_t after = do_groups(fx, GROUPS_MEASURED, &n_finished);
    const int64_t n_updated = number(fx, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE"
                                         " relname = 'jobs' AND schemaname = current_schema()") -
                              n_job_versions;
    PQfinish(old);
    print_message("a task cost %" PRId64 " pages, then %" PRId64 "\n", before, after);
    if (after * 2 > before * 3)
        fail_msg("a task cost %" PRId64 " pages at first, and %" PRId64 " after %d", before, after,
                 N_PIECES);
    // Every claim and every finish reads its job's row.
    assert_int_equal(n_updated, 0);
}

// --- what a split costs that has made much already

#define PIECES_DONE 1800
#define BEATS 20

static void a_split_is_judged_by_what_waits(void **state)
{
    struct fixture *fx = *state;
    fx->split_ahead_bytes = 1 << 20;
    fixture_reopen(fx);
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    for (uint32_t i = 0; i < PIECES_DONE; i += 300)
        (void)report(fx, "s", &split, video_pieces(fx, i, 300));
    fixture_psql(fx, "UPDATE tasks SET state = 3 WHERE kind = 2");
    fixture_psql(fx, "VACUUM ANALYZE");
    fixture_reopen(fx); // what a connection counted is told when it closes
    const int64_t before = n_pages(fx);
    for (int i = 0; i < BEATS; i++)
        assert_false(heartbeat(fx, "s", &split).hold);
    fixture_reopen(fx);
    const int64_t each = (n_pages(fx) - before) / BEATS;
    print_message("a heartbeat of a split cost %" PRId64 " pages\n", each);
    assert_in_range(each, 1, 60); // not those that are done
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(claims_begin_past_what_was_claimed),
        TEST(tasks_cost_what_they_cost_before),
        TEST(a_split_is_judged_by_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
