/// Credentials at rest: sealed, sealed anew by another key, and refused or not handed out where a key is missing.
#include "fixture.h"

#include <string.h>

#define KEY_1 "one AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define KEY_2 "two //79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=\n"

static struct avsp_keyring ring;
static struct avsp_store *sealing; ///< on the fixture's database, with the keyring

static int setup(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    avsp_keyring_init(&ring);
    const struct avsp_store_options options = {
        .lease_ms = 30000, .max_attempts = 4, .keyring = &ring};
    sealing = avsp_store_open(fx->url, &options, &err);
    assert_non_null(sealing);
    return 0;
}

static int teardown(void **state)
{
    avsp_store_close(sealing);
    avsp_keyring_deinit(&ring);
    return fixture_teardown(state);
}

static void set_keys(const char *text)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_keyring_set(&ring, text, &err), err);
}

static enum avsp_code submit_sealed(const struct avsp_job_spec *spec, char id[AVSP_ID_BYTES])
{
    struct avsp_err err = {0};
    return avsp_store_submit(sealing, spec, id, &err);
}

/// What a worker of ours is handed, if anything.
static enum avsp_code claim_sealed(struct fixture *fx, struct avsp_task *ret_task)
{
    struct avsp_err err = {0};
    const struct avsp_claim claim = {
        .worker = {.id = "w", .host = "", .version = "", .slots = 1, .kinds = KINDS_ALL},
        .own = true,
        .claim_id = ""};
    return avsp_store_claim(sealing, &claim, &fx->arena, ret_task, &err);
}

static void test_what_is_stored_is_sealed(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = s3_spec(fx, "a");
    char id[AVSP_ID_BYTES];
    struct avsp_task task;
    set_keys(KEY_1);
    spec.input.session_token.text = "t0k3n";
    assert_int_equal(submit_sealed(&spec, id), AVSP_OK);
    // A store without the key shows what there is; it is not handed out unopened.
    struct avsp_err err = {0};
    const struct avsp_claim claim = {
        .worker = {.id = "w", .host = "", .version = "", .slots = 1, .kinds = KINDS_ALL},
        .own = true,
        .claim_id = ""};
    assert_int_equal(avsp_store_claim(fx->store, &claim, &fx->arena, &task, &err),
                     AVSP_UNAVAILABLE);
    assert_null(strstr(err.text, SECRET));
    assert_int_equal(claim_sealed(fx, &task), AVSP_OK);
    assert_string_equal(task.input.secret_access_key.text, SECRET "-input");
    assert_string_equal(task.input.session_token.text, "t0k3n");
    assert_string_equal(task.output.secret_access_key.text, SECRET "-output");
}

static void test_keys_are_exchanged_while_jobs_run(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = s3_spec(fx, "a");
    char id[AVSP_ID_BYTES], missing[AVSP_KEY_ID_BYTES];
    struct avsp_task task;
    struct avsp_err err = {0};
    set_keys(KEY_1);
    assert_int_equal(submit_sealed(&spec, id), AVSP_OK);
    // The new key alone: it is said what is missing, and nothing is handed out.
    set_keys(KEY_2);
    ASSERT_OK(avsp_store_rekey(sealing, missing, &err), err);
    assert_string_equal(missing, "one");
    assert_int_equal(claim_sealed(fx, &task), AVSP_UNAVAILABLE);
    // Both, the new one first: afterwards nobody needs the old one.
    set_keys(KEY_2 KEY_1);
    ASSERT_OK(avsp_store_rekey(sealing, missing, &err), err);
    assert_string_equal(missing, "");
    set_keys(KEY_2);
    ASSERT_OK(avsp_store_rekey(sealing, missing, &err), err);
    assert_string_equal(missing, "");
    assert_int_equal(claim_sealed(fx, &task), AVSP_OK);
    assert_string_equal(task.work.secret_access_key.text, SECRET "-work");
    // A job that is over needs no key.
    ASSERT_OK(avsp_store_cancel(sealing, id, &err), err);
    ASSERT_OK(avsp_store_delete(sealing, id, true, &err), err);
}

static void test_without_a_key_credentials_are_refused(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = s3_spec(fx, "a");
    char id[AVSP_ID_BYTES];
    assert_int_equal(submit_sealed(&spec, id), AVSP_PRECONDITION);
    spec = local_spec(fx, "b");
    assert_int_equal(submit_sealed(&spec, id), AVSP_OK);
    // The worker's own ones need none.
    spec = s3_spec(fx, "c");
    spec.input.secret_access_key.text = spec.work.secret_access_key.text =
        spec.output.secret_access_key.text = "";
    spec.input.session_token.text = spec.work.session_token.text = spec.output.session_token.text =
        "";
    spec.input.access_key_id = spec.work.access_key_id = spec.output.access_key_id = "";
    assert_int_equal(submit_sealed(&spec, id), AVSP_OK);
}

/// Each file of subtitles has credentials of its own, which only the split is handed, and nobody is shown.
static void test_subtitles_have_their_own(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = s3_spec(fx, "a");
    struct avsp_sidecar sidecars[3] = {{s3_file(fx, "sub/0.srt"), "en", "One"},
                                       {avsp_location_fs("/local.vtt"), "de", ""},
                                       {s3_file(fx, "sub/2.ass"), "fr", ""}};
    sidecars[0].file.access_key_id = "key-0";
    sidecars[0].file.secret_access_key.text = SECRET "-0";
    sidecars[2].file.access_key_id = "key-2";
    sidecars[2].file.secret_access_key.text = SECRET "-2";
    spec.sidecars = sidecars;
    spec.n_sidecars = 3;
    char id[AVSP_ID_BYTES];
    struct avsp_task task;
    struct avsp_job job;
    struct avsp_err err = {0};
    set_keys(KEY_1);
    assert_int_equal(submit_sealed(&spec, id), AVSP_OK);
    ASSERT_OK(avsp_store_get_job(sealing, id, &fx->arena, &job, &err), err);
    assert_int_equal(job.spec.n_sidecars, 3);
    assert_string_equal(job.spec.sidecars[2].file.access_key_id, "key-2");
    assert_string_equal(job.spec.sidecars[2].file.secret_access_key.text, "");
    assert_int_equal(claim_sealed(fx, &task), AVSP_OK);
    assert_int_equal(task.n_sidecars, 3);
    assert_string_equal(task.sidecars[0].file.secret_access_key.text, SECRET "-0");
    assert_string_equal(task.sidecars[0].title, "One");
    assert_string_equal(task.sidecars[1].file.path, "/local.vtt");
    assert_string_equal(task.sidecars[1].file.secret_access_key.text, "");
    assert_string_equal(task.sidecars[2].file.secret_access_key.text, SECRET "-2");
    assert_string_equal(task.sidecars[2].language, "fr");
    assert_string_equal(task.input.secret_access_key.text, SECRET "-input");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_stored_is_sealed),
        TEST(test_keys_are_exchanged_while_jobs_run),
        TEST(test_without_a_key_credentials_are_refused),
        TEST(test_subtitles_have_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
