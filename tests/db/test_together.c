/// Calls that are served together: each has the answer that it would have alone.

#include "fixture.h"

#include <string.h>

#define N_MANY 40 ///< more than one statement takes

struct claims {
    struct avsp_claim of[AVSP_TOGETHER_MAX];
    struct avsp_claim_item items[AVSP_TOGETHER_MAX];
    size_t n;
};

static void add_claim(struct fixture *fx, struct claims *claims, const char *worker, bool own,
                      const char *claim_id)
{
    struct avsp_claim *claim = &claims->of[claims->n];
    *claim =
        (struct avsp_claim){.worker = {.id = worker, .host = "", .version = "", .kinds = KINDS_ALL},
                            .own = own,
                            .claim_id = claim_id};
    claims->items[claims->n++] = (struct avsp_claim_item){.claim = claim, .arena = &fx->arena};
}

static void claim_all(struct fixture *fx, struct claims *claims)
{
    avsp_store_claim_many(fx->store, claims->items, claims->n);
    for (size_t i = 0; i < claims->n; i++)
        ASSERT_OK(claims->items[i].rc, claims->items[i].err);
}

/// In order, each to one, and none where there is no more.
static void claims_get_a_task_each(void **state)
{
    struct fixture *fx = *state;
    struct claims claims = {0};
    (void)submit_and_split(fx, "a", N_MANY - 1);
    for (size_t i = 0; i < N_MANY; i++)
        add_claim(fx, &claims, "w", true, "");
    claim_all(fx, &claims);
    for (uint32_t i = 0; i + 1 < N_MANY; i++) {
        assert_int_equal(claims.items[i].task.kind, AVSP_TASK_ENCODE);
        assert_int_equal(claims.items[i].task.idx, i);
        assert_int_equal(claims.items[i].task.token.attempt, 1);
        assert_int_equal(heartbeat(fx, "w", &claims.items[i].task).lease_lost, false);
    }
    assert_int_equal(claims.items[N_MANY - 1].task.kind, AVSP_TASK_NONE);
}

static void claims_of_all_sorts(void **state)
{
    struct fixture *fx = *state;
    struct claims claims = {0};
    (void)submit_and_split(fx, "ours", 3);
    const char *open = submit(fx, "open"); // its split is anybody's
    const struct avsp_claim before = {
        .worker = {.id = "w", .host = "", .version = "", .kinds = 1U << AVSP_TASK_ENCODE},
        .own = true,
        .claim_id = "same"};
    struct avsp_task first = claim_with(fx, &before);
    add_claim(fx, &claims, "w", true, "same"); // repeated: its answer was lost
    add_claim(fx, &claims, "base", false, "");
    add_claim(fx, &claims, "other", true, "same"); // another's
    add_claim(fx, &claims, "w", true, "new");
    add_claim(fx, &claims, "w", true, "newer");
    claims.of[2].worker.kinds = claims.of[3].worker.kinds = 1U << AVSP_TASK_ENCODE;
    claims.items[4].is_answered = true;
    claims.items[4].task = (struct avsp_task){.drain = true};
    claim_all(fx, &claims);
    assert_string_equal(claims.items[0].task.id, first.id);
    assert_int_equal(claims.items[0].task.token.attempt, 1);
    assert_string_equal(claims.items[1].task.job_id, open);
    assert_int_equal(claims.items[1].task.kind, AVSP_TASK_SPLIT);
    assert_int_equal(claims.items[2].task.idx, 1);
    assert_int_equal(claims.items[3].task.idx, 2);
    assert_true(claims.items[4].task.drain);
}

/// Each binds its job to its encoders, all in one transaction.
static void claims_of_many_new_jobs(void **state)
{
    struct fixture *fx = *state;
    struct claims claims = {0};
    const char *ids[8];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++) {
        char name[8];
        snprintf(name, sizeof name, "%zu", i);
        ids[i] = submit_and_split(fx, name, 1);
        add_claim(fx, &claims, "w", true, "");
        claims.of[i].worker.encoders = "SVT 1";
    }
    const unsigned n_changes = fx->n_changes;
    claim_all(fx, &claims);
    assert_int_equal(fx->n_changes - n_changes, 1);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++) {
        assert_int_equal(claims.items[i].task.kind, AVSP_TASK_ENCODE);
        assert_string_equal(get_job(fx, ids[i]).encoders, "SVT 1");
    }
}

static struct avsp_finish_item finish_item(struct avsp_finish *finish)
{
    return (struct avsp_finish_item){.finish = finish};
}

/// Whatever is wrong with some, the others count.
static void finishes_do_not_hurt_each_other(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", 6);
    const char *wrong = submit_and_split(fx, "b", 2);
    struct avsp_task tasks[8];
    struct avsp_finish finishes[9];
    struct avsp_finish_item items[9];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(tasks); i++) {
        tasks[i] = claim(fx, "w");
        finishes[i] = finish_of("w", &tasks[i]);
        finishes[i].outputs = encoded(fx, &tasks[i]);
    }
    size_t of_a = 0;
    size_t of_b[2];
    size_t n_b = 0;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(tasks); i++)
        if (strcmp(tasks[i].job_id, wrong) == 0)
            of_b[n_b++] = i;
        else
            of_a = i;
    assert_int_equal(n_b, 2);
    finishes[of_b[1]].outputs.renditions[0].init_bytes++; // contradicts the other one
    finishes[8] = finishes[of_a];                         // repeated
    for (size_t i = 0; i < AVSP_ARRAY_LEN(items); i++)
        items[i] = finish_item(&finishes[i]);
    avsp_store_finish_many(fx->store, items, AVSP_ARRAY_LEN(items));
    for (size_t i = 0; i < AVSP_ARRAY_LEN(items); i++)
        ASSERT_CODE(items[i].rc, i == of_b[1] ? AVSP_CONFLICT : AVSP_OK, items[i].err);
    assert_int_equal(get_job(fx, id).tasks_done, 7);
    assert_int_equal(get_job(fx, wrong).state, AVSP_JOB_FAILED);
    struct avsp_task manifest = claim(fx, "w");
    assert_int_equal(manifest.kind, AVSP_TASK_MANIFEST);
    assert_string_equal(manifest.job_id, id);
}

/// Each fact of each segment is stored as it was reported, whichever way it came.
static void assert_all_is_stored(struct fixture *fx, const struct avsp_task *manifest, uint32_t n)
{
    struct avsp_outputs_query query = {
        .task_id = manifest->id, .token = manifest->token, .page = ""};
    struct avsp_outputs_page page;
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err), err);
    assert_int_equal(page.outputs.n_segments, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct avsp_segment *s = &page.outputs.segments[i];
        const struct avsp_segment wanted = segment_of(fx, AVSP_TASK_ENCODE, i);
        assert_string_equal(s->rendition, wanted.rendition);
        assert_string_equal(s->name, wanted.name);
        assert_string_equal(s->sha256, wanted.sha256);
        assert_int_equal(s->idx, wanted.idx);
        assert_int_equal(s->start_ticks, wanted.start_ticks);
        assert_int_equal(s->duration_ticks, wanted.duration_ticks);
        assert_int_equal(s->frames, wanted.frames);
        assert_int_equal(s->bytes, wanted.bytes);
        assert_int_equal(s->key_bytes, wanted.key_bytes);
    }
}

/// All plain, stored by one transaction; then the same again, and a stale one, and one of nobody's.
static void finishes_that_are_alike(void **state)
{
    struct fixture *fx = *state;
    const char *id = submit_and_split(fx, "a", N_MANY);
    struct avsp_task tasks[N_MANY];
    struct avsp_finish finishes[N_MANY];
    struct avsp_finish_item items[N_MANY];
    for (size_t i = 0; i < N_MANY; i++) {
        tasks[i] = claim(fx, "w");
        finishes[i] = finish_of("w", &tasks[i]);
        finishes[i].outputs = encoded(fx, &tasks[i]);
        items[i] = finish_item(&finishes[i]);
    }
    finish_ok(fx, "w", &tasks[0]); // the rendition is there
    avsp_store_finish_many(fx->store, items + 1, N_MANY - 2);
    for (size_t i = 1; i < N_MANY - 1; i++)
        ASSERT_OK(items[i].rc, items[i].err);
    assert_int_equal(get_job(fx, id).tasks_done, N_MANY); // the split is one of them
    finishes[1].token.nonce++;
    finishes[2].task_id = "nobody's";
    avsp_store_finish_many(fx->store, items, N_MANY);
    for (size_t i = 0; i < N_MANY; i++)
        ASSERT_CODE(items[i].rc,
                    i == 1   ? AVSP_CONFLICT
                    : i == 2 ? AVSP_NOT_FOUND
                             : AVSP_OK,
                    items[i].err);
    assert_int_equal(get_job(fx, id).tasks_done, N_MANY + 1);
    struct avsp_task manifest = claim(fx, "w");
    assert_int_equal(manifest.kind, AVSP_TASK_MANIFEST);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    assert_all_is_stored(fx, &manifest, N_MANY);
}

static void heartbeats_of_all_sorts(void **state)
{
    struct fixture *fx = *state;
    const char *over = submit_and_split(fx, "over", 1);
    struct avsp_task canceled = claim(fx, "w");
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_cancel(fx->store, over, &err), err);
    const char *id = submit_and_split(fx, "a", 2);
    struct avsp_task task = claim(fx, "w");
    struct avsp_task other = claim(fx, "v");
    struct avsp_beat_item items[] = {
        {.worker_id = "w", .task_id = task.id, .token = task.token, .progress = {30, 100, 0}},
        {.worker_id = "w", .task_id = "nobody's", .token = task.token},
        {.worker_id = "v", .task_id = other.id, .token = {other.token.attempt, 7}},
        {.worker_id = "w", .task_id = canceled.id, .token = canceled.token},
        {.worker_id = "w", .task_id = task.id, .token = task.token, .progress = {40, 100, 0}},
    };
    avsp_store_heartbeat_many(fx->store, items, AVSP_ARRAY_LEN(items));
    ASSERT_OK(items[0].rc, items[0].err);
    assert_false(items[0].status.lease_lost || items[0].status.canceled);
    ASSERT_CODE(items[1].rc, AVSP_NOT_FOUND, items[1].err);
    ASSERT_OK(items[2].rc, items[2].err);
    assert_true(items[2].status.lease_lost);
    ASSERT_OK(items[3].rc, items[3].err);
    assert_true(items[3].status.canceled);
    ASSERT_OK(items[4].rc, items[4].err);
    assert_int_equal(get_job(fx, id).frames_done, 40);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(claims_get_a_task_each),  TEST(claims_of_all_sorts),
        TEST(claims_of_many_new_jobs), TEST(finishes_do_not_hurt_each_other),
        TEST(finishes_that_are_alike), TEST(heartbeats_of_all_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
