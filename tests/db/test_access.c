/// Tokens as they are kept, and jobs that belong to somebody.
#include "fixture.h"

#include <string.h>

static enum avsp_code add(struct fixture *fx, const char *id, int64_t lifetime_us)
{
    struct avsp_err err = {0};
    const struct avsp_access_token token = {
        .id = id, .hash = "h", .role = AVSP_ACCESS_WORKER, .name = "box"};
    return avsp_store_add_token(fx->store, &token, lifetime_us, &err);
}

static size_t count(struct fixture *fx, bool live_only)
{
    struct avsp_err err = {0};
    struct avsp_access_token *tokens = NULL;
    size_t n = 0;
    ASSERT_OK(avsp_store_list_tokens(fx->store, live_only, &fx->arena, &tokens, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(tokens[i].hash, "h");
        assert_int_equal(tokens[i].role, AVSP_ACCESS_WORKER);
        assert_string_equal(tokens[i].name, "box");
        assert_true(tokens[i].created_us > 0);
    }
    return n;
}

static void test_tokens_expire_and_are_revoked(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    assert_int_equal(count(fx, true), 0);
    assert_int_equal(add(fx, "first", 0), AVSP_OK);
    assert_int_equal(add(fx, "second", 5000000), AVSP_OK);
    assert_int_equal(count(fx, true), 2);
    advance_ms(fx, 5001);
    assert_int_equal(count(fx, true), 1);
    assert_int_equal(count(fx, false), 2);
    ASSERT_OK(avsp_store_revoke_token(fx->store, "first", &err), err);
    assert_int_equal(count(fx, true), 0);
    assert_int_equal(avsp_store_revoke_token(fx->store, "first", &err), AVSP_NOT_FOUND);
}

static const char *submit_as(struct fixture *fx, const char *output, const char *owner,
                             const char *key)
{
    struct avsp_job_spec spec = local_spec(fx, output);
    spec.owner = owner;
    spec.idempotency_key = key;
    return submit_spec(fx, &spec);
}

static size_t listed(struct fixture *fx, const char *owner)
{
    struct avsp_err err = {0};
    struct avsp_job_page page;
    const struct avsp_job_filter filter = {.limit = 100, .page = "", .owner = owner};
    ASSERT_OK(avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err), err);
    for (size_t i = 0; owner != NULL && i < page.n_jobs; i++)
        assert_string_equal(page.jobs[i].spec.owner, owner);
    return page.n_jobs;
}

static void test_a_job_has_an_owner(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *owner = NULL;
    const char *anns = submit_as(fx, "a", "ann", "key");
    const char *bobs = submit_as(fx, "b", "bob", "key");
    const char *nobodys = submit_as(fx, "c", NULL, "key");
    assert_string_not_equal(anns, bobs);
    assert_string_not_equal(anns, nobodys);
    assert_string_equal(submit_as(fx, "a", "ann", "key"), anns); // the same again
    ASSERT_OK(avsp_store_job_owner(fx->store, bobs, &fx->arena, &owner, &err), err);
    assert_string_equal(owner, "bob");
    ASSERT_OK(avsp_store_job_owner(fx->store, nobodys, &fx->arena, &owner, &err), err);
    assert_string_equal(owner, "");
    assert_int_equal(avsp_store_job_owner(fx->store, "none", &fx->arena, &owner, &err),
                     AVSP_NOT_FOUND);
    assert_int_equal(listed(fx, NULL), 3);
    assert_int_equal(listed(fx, "ann"), 1);
    assert_int_equal(listed(fx, ""), 1);
    assert_int_equal(listed(fx, "eve"), 0);
    // Of another's job in the way nothing is told but that.
    struct avsp_job_spec spec = local_spec(fx, "a");
    char id[AVSP_ID_BYTES];
    spec.owner = "bob";
    assert_int_equal(avsp_store_submit(fx->store, &spec, id, &err), AVSP_EXISTS);
    assert_null(strstr(err.text, anns));
    spec.owner = "ann";
    assert_int_equal(avsp_store_submit(fx->store, &spec, id, &err), AVSP_EXISTS);
    assert_non_null(strstr(err.text, anns));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tokens_expire_and_are_revoked),
        TEST(test_a_job_has_an_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
