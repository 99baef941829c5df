/// The contract on a real S3 server, over HTTP and HTTPS, and what only such a store has. AVSPL1T_TEST_S3_… say where it is
/// (tests/radosgw.py).
#include "contract.h"

#include "util/fd.h"
#include "util/id.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static const char *env(const char *name)
{
    const char *value = getenv(name);
    assert_non_null(value);
    return value;
}

static char folder_name[64];

/// A fresh folder of the bucket, opened with the credentials that the tests were given.
static struct avsp_location fresh_folder(const char *endpoint)
{
    char id[AVSP_ID_BYTES];
    avsp_id_new(id);
    snprintf(folder_name, sizeof folder_name, "contract/%s", id);
    struct avsp_location folder = avsp_location_s3(env("AVSPL1T_TEST_S3_BUCKET"), folder_name);
    folder.endpoint = endpoint;
    folder.access_key_id = env("AVSPL1T_TEST_S3_KEY");
    folder.secret_access_key.text = env("AVSPL1T_TEST_S3_SECRET");
    return folder;
}

static struct avsp_storage *new_store(const struct avsp_storage_options *options)
{
    struct avsp_err err = {0};
    struct avsp_storage *store = avsp_storage_new(options, &err);
    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static int make_at(struct contract_fixture *fixture, const char *endpoint)
{
    fixture->store = new_store(&(struct avsp_storage_options){.s3_patience_ms = 60000});
    fixture->folder = fresh_folder(endpoint);
    return 0;
}

static int make_http(struct contract_fixture *fixture)
{
    return make_at(fixture, env("AVSPL1T_TEST_S3_HTTP"));
}

static int make_https(struct contract_fixture *fixture)
{
    return make_at(fixture, env("AVSPL1T_TEST_S3_HTTPS"));
}

static void drop(struct contract_fixture *fixture)
{
    struct avsp_err err = {0};
    if (avsp_storage_remove_folder(fixture->store, &fixture->folder, &err) != AVSP_OK)
        fail_msg("%s", err.text);
    avsp_storage_free(fixture->store);
}

#define SMALL_BYTES ((size_t)300 << 10)
#define LARGE_BYTES (20 * MIB)  ///< goes up in two parts
#define LARGER_BYTES (50 * MIB) ///< in four: enough for their sums to be made side by side

/// A folder whose name says what goes wrong with what is in it (tests/faulty_s3.py), seen through the bad proxy.
struct bad {
    struct avsp_arena arena;
    struct avsp_storage *store;
    struct avsp_location folder; ///< through the proxy
    struct avsp_location clean;  ///< the same without it
    char local[256];
};

static void bad_open(struct bad *bad, const char *faults, int64_t patience_ms)
{
    // The proxy is silent while it passes on what it has read: as long as that takes where it is busy.
    const int64_t silence_ms = strstr(faults, "stall") != NULL ? 2000 : 20000;
    avsp_arena_init(&bad->arena, 1 << 20);
    bad->store = new_store(
        &(struct avsp_storage_options){.s3_patience_ms = patience_ms, .s3_silence_ms = silence_ms});
    bad->clean = fresh_folder(env("AVSPL1T_TEST_S3_HTTP"));
    bad->clean.path = avsp_arena_printf(&bad->arena, "%s/%s", folder_name, faults);
    bad->folder = bad->clean;
    bad->folder.endpoint = env("AVSPL1T_TEST_S3_FAULTY");
    contract_make_folder(bad->local);
}

static void bad_close(struct bad *bad)
{
    avsp_storage_free(bad->store);
    avsp_arena_deinit(&bad->arena);
    contract_remove_folder(bad->local);
}

/// Bytes that are everywhere different.
static void fill(unsigned char *bytes, size_t len)
{
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(x >> 24);
    }
}

static const char *make_local(struct bad *bad, size_t len)
{
    struct avsp_err err = {0};
    const char *path = avsp_arena_printf(&bad->arena, "%s/made", bad->local);
    unsigned char *bytes = malloc(len);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(bytes != NULL && fd >= 0);
    fill(bytes, len);
    assert_int_equal(avsp_fd_write_all(fd, bytes, len, &err), AVSP_OK);
    close(fd);
    free(bytes);
    return path;
}

/// Is the file what `make_local` made?
static void check_local(const char *path, size_t len)
{
    struct avsp_err err = {0};
    size_t n = 0;
    unsigned char *want = malloc(len), *got = malloc(len + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(want != NULL && got != NULL && fd >= 0);
    fill(want, len);
    assert_int_equal(avsp_fd_pread_all(fd, got, len + 1, 0, &n, &err), AVSP_OK);
    assert_int_equal(n, len);
    assert_memory_equal(got, want, len);
    close(fd);
    free(want);
    free(got);
}

static enum avsp_code put(struct bad *bad, const struct avsp_location *folder, size_t len,
                          struct avsp_err *err)
{
    struct avsp_location file;
    return avsp_storage_put(bad->store, make_local(bad, len), folder, "name", &bad->arena, &file,
                            err);
}

/// Fetches the object into a file, as an encode does with its piece.
static enum avsp_code fetch(struct bad *bad, const struct avsp_location *folder, const char *path,
                            struct avsp_err *err)
{
    struct avsp_location file;
    assert_int_equal(avsp_location_join(&bad->arena, folder, "name", &file, err), AVSP_OK);
    struct avsp_reader *reader = avsp_storage_open(bad->store, &file, err);
    if (reader == NULL)
        return err->code;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    enum avsp_code rc = avsp_reader_fetch(reader, fd, NULL, err);
    close(fd);
    avsp_reader_close(reader);
    return rc;
}

static void survive_put(const char *faults, size_t len)
{
    struct bad bad;
    struct avsp_err err = {0};
    bad_open(&bad, faults, 60000);
    if (put(&bad, &bad.folder, len, &err) != AVSP_OK)
        fail_msg("%s: %s", faults, err.text);
    const char *path = avsp_arena_printf(&bad.arena, "%s/back", bad.local);
    if (fetch(&bad, &bad.clean, path, &err) != AVSP_OK)
        fail_msg("%s: %s", faults, err.text);
    check_local(path, len);
    bad_close(&bad);
}

static void survive_get(const char *faults, size_t len)
{
    struct bad bad;
    struct avsp_err err = {0};
    bad_open(&bad, faults, 60000);
    if (put(&bad, &bad.clean, len, &err) != AVSP_OK)
        fail_msg("%s: %s", faults, err.text);
    const char *path = avsp_arena_printf(&bad.arena, "%s/back", bad.local);
    if (fetch(&bad, &bad.folder, path, &err) != AVSP_OK)
        fail_msg("%s: %s", faults, err.text);
    check_local(path, len);
    bad_close(&bad);
}

static void uploads_survive(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "@put-503*2@",        "@put-429@",          "@put-retry-after@", "@put-500*3@",
        "@put-reset*2@",      "@put-cut-up@",       "@put-flip-up@",     "@put-lost@",
        "@put-truncated@",    "@put-stall@",        "@any-skew*99@",     "@put-led@",
        "@put-region-301*9@", "@put-region-400*9@",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(faults); i++)
        survive_put(faults[i], SMALL_BYTES);
}

static void uploads_in_parts_survive(void **state)
{
    (void)state;
    survive_put("@create-503@@part-flip-up@@part-cut-up@@complete-error-in-200@@complete-lost@",
                LARGE_BYTES);
    survive_put("@create-lost@@part-lost@@part-500@@complete-lost*2@@complete-503@", LARGE_BYTES);
}

static void downloads_survive(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "@get-503*2@",     "@get-retry-after@", "@get-reset@",        "@get-cut-down*3@",
        "@get-truncated@", "@get-flip-down@",   "@get-stall@",        "@get-slow@",
        "@get-led@",       "@any-skew*99@",     "@get-region-400*9@", "@get-region-301*9@",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(faults); i++)
        survive_get(faults[i], SMALL_BYTES);
    survive_get("@get-cut-down*3@@get-stall@", LARGE_BYTES);
    survive_get("@get-flip-down*2@@head-503@", LARGE_BYTES);
    // The look at it, all that comes at first, and most of what comes then.
    survive_get("@get-flip-down*8@", LARGER_BYTES);
}

/// What must not be survived, and what is said then.
static void expect_put_fails(const char *faults, enum avsp_code code, const char *const *words)
{
    struct bad bad;
    struct avsp_err err = {0};
    bad_open(&bad, faults, 2000);
    enum avsp_code rc = put(&bad, &bad.folder, SMALL_BYTES, &err);
    if (rc != code)
        fail_msg("%s: %s: %s", faults, avsp_code_name(rc), err.text);
    for (; *words != NULL; words++)
        if (strstr(err.text, *words) == NULL)
            fail_msg("%s: \"%s\" is not in: %s", faults, *words, err.text);
    assert_null(strstr(err.text, env("AVSPL1T_TEST_S3_SECRET")));
    assert_non_null(strstr(err.text, bad.folder.endpoint));
    assert_non_null(strstr(err.text, faults)); // the key
    bad_close(&bad);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void what_cannot_go_well_is_said(void **state)
{
    (void)state;
    expect_put_fails("@put-expired*99@", AVSP_UNAUTHENTICATED,
                     WORDS("HTTP 400 ExpiredToken", "have run out", "request TEST-ID"));
    expect_put_fails("@put-denied*99@", AVSP_DENIED,
                     WORDS("HTTP 403 AccessDenied", "said the test"));
    expect_put_fails("@put-500*99@", AVSP_UNAVAILABLE, WORDS("HTTP 500 InternalError", "tries"));
    expect_put_fails("@put-led-astray*99@", AVSP_INVALID, WORDS("HTTP 307"));
}

static enum avsp_code stat_at(struct avsp_storage *store, const struct avsp_location *folder,
                              const char *endpoint, const char *bucket, struct avsp_err *err)
{
    struct avsp_location file = *folder;
    struct avsp_stat st;
    file.endpoint = endpoint;
    file.bucket = bucket;
    return avsp_storage_stat(store, &file, &st, err);
}

static void wrong_doors_are_told_apart(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct bad bad;
    bad_open(&bad, "doors", 20000);
    const char *http = env("AVSPL1T_TEST_S3_HTTP"), *bucket = bad.clean.bucket;
    assert_int_equal(stat_at(bad.store, &bad.clean, http, bucket, &err), AVSP_NOT_FOUND);
    assert_int_equal(stat_at(bad.store, &bad.clean, http, "no-such-bucket", &err), AVSP_NOT_FOUND);
    struct avsp_location wrong = bad.clean;
    wrong.secret_access_key.text = "wrong";
    assert_int_equal(stat_at(bad.store, &wrong, http, bucket, &err), AVSP_UNAUTHENTICATED);
    assert_non_null(strstr(err.text, "SignatureDoesNotMatch"));
    wrong.access_key_id = "nobody";
    assert_int_equal(stat_at(bad.store, &wrong, http, bucket, &err), AVSP_UNAUTHENTICATED);
    wrong.anonymous = true;
    assert_int_equal(stat_at(bad.store, &wrong, http, bucket, &err), AVSP_DENIED);
    // Nobody listens; a name that is none; a certificate that nobody here trusts.
    struct avsp_storage *hasty = new_store(&(struct avsp_storage_options){.s3_patience_ms = 1000});
    assert_int_equal(stat_at(hasty, &bad.clean, "http://127.0.0.1:1", bucket, &err),
                     AVSP_UNAVAILABLE);
    avsp_storage_free(hasty);
    assert_int_equal(stat_at(bad.store, &bad.clean, "gopher://h", bucket, &err), AVSP_INVALID);
    unsetenv("AWS_CA_BUNDLE");
    struct avsp_storage *strict =
        new_store(&(struct avsp_storage_options){.s3_patience_ms = 20000});
    assert_int_equal(stat_at(strict, &bad.clean, env("AVSPL1T_TEST_S3_HTTPS"), bucket, &err),
                     AVSP_INVALID);
    assert_non_null(strstr(err.text, "AWS_CA_BUNDLE"));
    setenv("AWS_CA_BUNDLE", env("AVSPL1T_TEST_S3_CA"), 1);
    avsp_storage_free(strict);
    bad_close(&bad);
}

static void surroundings_are_never_asked(void **state)
{
    (void)state;
    static const char *const doors[] = {"http://169.254.169.254", "http://[fe80::1]",
                                        "http://2852039166", "http://0xa9fea9fe",
                                        "http://[::ffff:169.254.169.254]:80"};
    struct avsp_err err = {0};
    struct bad bad;
    bad_open(&bad, "doors", 20000);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(doors); i++)
        if (stat_at(bad.store, &bad.clean, doors[i], "bucket", &err) != AVSP_DENIED)
            fail_msg("%s: %s", doors[i], err.text);
    bad_close(&bad);
}

static void only_what_is_allowed_is_touched(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct bad bad;
    bad_open(&bad, "doors", 20000);
    const char *http = env("AVSPL1T_TEST_S3_HTTP"), *bucket = bad.clean.bucket;
    const char *place = avsp_arena_printf(&bad.arena, "%s/%s", http, bucket);
    struct avsp_storage *store = new_store(&(struct avsp_storage_options){
        .allow_s3 = &place, .n_allow_s3 = 1, .s3_patience_ms = 20000});
    assert_int_equal(stat_at(store, &bad.clean, http, bucket, &err), AVSP_NOT_FOUND);
    assert_int_equal(stat_at(store, &bad.clean, http, "another", &err), AVSP_DENIED);
    assert_non_null(strstr(err.text, "--allow-s3"));
    assert_int_equal(stat_at(store, &bad.clean, env("AVSPL1T_TEST_S3_FAULTY"), bucket, &err),
                     AVSP_DENIED);
    // Where the store sends its callers counts too.
    struct avsp_location led = bad.folder;
    led.path = avsp_arena_printf(&bad.arena, "%s/@any-led*9@/x", folder_name);
    const char *proxy = led.endpoint;
    struct avsp_storage *through = new_store(&(struct avsp_storage_options){
        .allow_s3 = &proxy, .n_allow_s3 = 1, .s3_patience_ms = 20000});
    assert_int_equal(stat_at(through, &led, proxy, bucket, &err), AVSP_INVALID);
    assert_non_null(strstr(err.text, "HTTP 307"));
    avsp_storage_free(store);
    avsp_storage_free(through);
    bad_close(&bad);
}

static void own_credentials_stay_at_home(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct bad bad;
    bad_open(&bad, "doors", 20000);
    const char *http = env("AVSPL1T_TEST_S3_HTTP"), *bucket = bad.clean.bucket;
    struct avsp_location bare = avsp_location_s3(bucket, "nothing");
    setenv("HOME", "/nowhere", 1);
    assert_int_equal(stat_at(bad.store, &bare, http, bucket, &err), AVSP_UNAUTHENTICATED);
    setenv("AWS_ACCESS_KEY_ID", env("AVSPL1T_TEST_S3_KEY"), 1);
    setenv("AWS_SECRET_ACCESS_KEY", env("AVSPL1T_TEST_S3_SECRET"), 1);
    struct avsp_storage *store = new_store(&(struct avsp_storage_options){.s3_patience_ms = 20000});
    // Not meant for just any endpoint that a job names …
    assert_int_equal(stat_at(store, &bare, http, bucket, &err), AVSP_DENIED);
    avsp_storage_free(store);
    // … but for the one that they are configured for, …
    setenv("AWS_ENDPOINT_URL_S3", http, 1);
    store = new_store(&(struct avsp_storage_options){.s3_patience_ms = 20000});
    assert_int_equal(stat_at(store, &bare, "", bucket, &err), AVSP_NOT_FOUND);
    assert_int_equal(stat_at(store, &bare, http, bucket, &err), AVSP_NOT_FOUND);
    avsp_storage_free(store);
    unsetenv("AWS_ENDPOINT_URL_S3");
    // … and for what is allowed by name.
    store = new_store(&(struct avsp_storage_options){
        .allow_s3 = &http, .n_allow_s3 = 1, .s3_patience_ms = 20000});
    assert_int_equal(stat_at(store, &bare, http, bucket, &err), AVSP_NOT_FOUND);
    avsp_storage_free(store);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    bad_close(&bad);
}

static void a_stop_ends_what_waits(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct bad bad;
    bad_open(&bad, "@put-stall*99@", 60000);
    avsp_storage_stop(bad.store);
    assert_int_equal(put(&bad, &bad.folder, 1000, &err), AVSP_CANCELED);
    bad_close(&bad);
}

int main(void)
{
    if (getenv("AVSPL1T_TEST_S3_HTTP") == NULL) {
        fputs("AVSPL1T_TEST_S3_HTTP is not set: run me by tests/radosgw.py\n", stderr);
        return 77;
    }
    setenv("AWS_CA_BUNDLE", env("AVSPL1T_TEST_S3_CA"), 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uploads_survive),
        cmocka_unit_test(uploads_in_parts_survive),
        cmocka_unit_test(downloads_survive),
        cmocka_unit_test(what_cannot_go_well_is_said),
        cmocka_unit_test(wrong_doors_are_told_apart),
        cmocka_unit_test(surroundings_are_never_asked),
        cmocka_unit_test(only_what_is_allowed_is_touched),
        cmocka_unit_test(own_credentials_stay_at_home),
        cmocka_unit_test(a_stop_ends_what_waits),
    };
    int failed = contract_run("storage: S3 over HTTP", make_http, drop);
    failed += contract_run("storage: S3 over HTTPS", make_https, drop);
    failed += cmocka_run_group_tests_name("storage: S3's own", tests, NULL, NULL);
    return failed;
}
