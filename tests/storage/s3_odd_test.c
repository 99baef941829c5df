/// Stores that do what none should: what the client makes of it ends, and has words.
#include "../cmocka_all.h"

#include "s3_stub.h"
#include "storage/storage.h"
#include "util/time.h"

#include <dlfcn.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct avsp_storage *store;
static struct s3_stub *stub;
static atomic_uint n_asked;

static int setup(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    store = avsp_storage_new(&(struct avsp_storage_options){.s3_patience_ms = 300}, &err);
    assert_non_null(store);
    atomic_store(&n_asked, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    avsp_storage_free(store);
    if (stub != NULL)
        s3_stub_stop(stub);
    stub = NULL;
    return 0;
}

/// It knows no continuation, and begins anew each time.
static const char *without_end(void *opaque, const char *method, const char *target)
{
    (void)opaque, (void)method, (void)target;
    atomic_fetch_add(&n_asked, 1);
    return "HTTP/1.1 200 OK\r\nContent-Length: 128\r\n\r\n"
           "<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
           "<Contents><Key>f/a</Key><Size>1</Size></Contents>";
}

static bool go_on(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)opaque, (void)name, (void)stat;
    return atomic_load(&n_asked) < 100;
}

static void a_list_without_an_end_is_refused(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stub = s3_stub_start(without_end, NULL);
    const struct avsp_location folder = s3_stub_location(stub, "f");
    assert_int_equal(avsp_storage_list(store, &folder, go_on, NULL, &err), AVSP_LIMIT);
    assert_non_null(strstr(err.text, "s3://b/f: the store's list of it has no end"));
    assert_int_equal(atomic_load(&n_asked), 2);
}

static atomic_bool was_aborted;

/// Two pages of unfinished uploads; what is on the first is not ours.
static const char *two_pages(void *opaque, const char *method, const char *target)
{
    (void)opaque;
    if (strcmp(method, "DELETE") == 0) {
        atomic_store(&was_aborted, strstr(target, "/f/ours") != NULL);
        return "HTTP/1.1 204 No Content\r\n\r\n";
    }
    atomic_fetch_add(&n_asked, 1);
    if (strstr(target, "key-marker=f%2Fother%201") != NULL &&
        strstr(target, "upload-id-marker=7") != NULL)
        return "HTTP/1.1 200 OK\r\nContent-Length: 88\r\n\r\n"
               "<IsTruncated>false</IsTruncated>"
               "<Upload><Key>f/ours</Key><UploadId>8</UploadId></Upload>";
    return "HTTP/1.1 200 OK\r\nContent-Length: 176\r\n\r\n"
           "<IsTruncated>true</IsTruncated><NextKeyMarker>f/other%201</NextKeyMarker>"
           "<NextUploadIdMarker>7</NextUploadIdMarker>"
           "<Upload><Key>f/other%201</Key><UploadId>7</UploadId></Upload>";
}

static bool is_ours(const char *name)
{
    return strcmp(name, "ours") == 0;
}

static void unfinished_uploads_are_looked_through_once(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stub = s3_stub_start(two_pages, NULL);
    const struct avsp_location folder = s3_stub_location(stub, "f");
    assert_int_equal(avsp_storage_drop_unfinished(store, &folder, is_ours, &err), AVSP_OK);
    assert_int_equal(atomic_load(&n_asked), 2);
    assert_true(atomic_load(&was_aborted));
}

/// Two unfinished uploads, of which the first may not be aborted.
static const char *one_is_forbidden(void *opaque, const char *method, const char *target)
{
    (void)opaque;
    if (strcmp(method, "GET") == 0)
        return "HTTP/1.1 200 OK\r\nContent-Length: 138\r\n\r\n"
               "<IsTruncated>false</IsTruncated>"
               "<Upload><Key>f/a</Key><UploadId>1</UploadId></Upload>"
               "<Upload><Key>f/b</Key><UploadId>2</UploadId></Upload>";
    if (strstr(target, "/f/a") != NULL)
        return "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    atomic_store(&was_aborted, true);
    return "HTTP/1.1 204 No Content\r\n\r\n";
}

static void an_upload_that_cannot_be_aborted_is_named(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    atomic_store(&was_aborted, false);
    stub = s3_stub_start(one_is_forbidden, NULL);
    const struct avsp_location folder = s3_stub_location(stub, "f");
    assert_int_equal(avsp_storage_drop_unfinished(store, &folder, NULL, &err), AVSP_DENIED);
    assert_non_null(strstr(err.text, "s3://b/f/a: DELETE"));
    assert_true(atomic_load(&was_aborted)); // the other one
}

/// A region becomes a part of Amazon's host: what else stands in it would make another host of that.
static void a_region_makes_no_host(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_stat stat;
    stub = s3_stub_start(NULL, NULL);
    struct avsp_location file = s3_stub_location(stub, "k");
    file.endpoint = "";
    file.style = AVSP_S3_STYLE_PATH;
    file.region = "a@127.0.0.1:1/";
    assert_int_equal(avsp_storage_stat(store, &file, &stat, &err), AVSP_INVALID);
    assert_non_null(strstr(err.text, "\"a@127.0.0.1:1/\" is not the name of a region"));
}

static const char *elsewhere(void *opaque, const char *method, const char *target)
{
    (void)opaque, (void)method, (void)target;
    atomic_fetch_add(&n_asked, 1);
    return "HTTP/1.1 400 Bad Request\r\nx-amz-bucket-region: b@evil.example/\r\nContent-Length: "
           "0\r\n\r\n";
}

static void a_region_that_a_store_names_is_one_or_not_believed(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_stat stat;
    stub = s3_stub_start(elsewhere, NULL);
    const struct avsp_location file = s3_stub_location(stub, "k");
    assert_int_equal(avsp_storage_stat(store, &file, &stat, &err), AVSP_INVALID);
    assert_int_equal(atomic_load(&n_asked), 1);
}

/// A space as a '+', as forms have it, where the store says that it encodes.
static const char *as_forms_have_it(void *opaque, const char *method, const char *target)
{
    (void)opaque;
    if (strcmp(method, "DELETE") == 0) {
        atomic_store(&was_aborted, strstr(target, "/my%20film/a%2Bb%20c") != NULL);
        return "HTTP/1.1 204 No Content\r\n\r\n";
    }
    if (strstr(target, "uploads=") != NULL)
        return "HTTP/1.1 200 OK\r\nContent-Length: 97\r\n\r\n"
               "<EncodingType>url</EncodingType>"
               "<Upload><Key>my+film/a%2Bb+c</Key><UploadId>1</UploadId></Upload>";
    return "HTTP/1.1 200 OK\r\nContent-Length: 93\r\n\r\n"
           "<EncodingType>url</EncodingType>"
           "<Contents><Key>my+film/a%2Bb+c</Key><Size>1</Size></Contents>";
}

static bool note_name(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)stat;
    snprintf(opaque, 64, "%s", name);
    return true;
}

static void keys_are_decoded_as_forms_are(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    char name[64] = "";
    stub = s3_stub_start(as_forms_have_it, NULL);
    const struct avsp_location folder = s3_stub_location(stub, "my film");
    assert_int_equal(avsp_storage_list(store, &folder, note_name, name, &err), AVSP_OK);
    assert_string_equal(name, "a+b c");
    atomic_store(&was_aborted, false);
    assert_int_equal(avsp_storage_drop_unfinished(store, &folder, NULL, &err), AVSP_OK);
    assert_true(atomic_load(&was_aborted));
}

/// What is not below the folder that was asked for: skipped in silence, all of it would stay there.
static const char *of_another_folder(void *opaque, const char *method, const char *target)
{
    (void)opaque, (void)method;
    if (strstr(target, "uploads=") != NULL)
        return "HTTP/1.1 200 OK\r\nContent-Length: 53\r\n\r\n"
               "<Upload><Key>g/a</Key><UploadId>1</UploadId></Upload>";
    return "HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n"
           "<Contents><Key>g/a</Key><Size>1</Size></Contents>";
}

static void a_list_of_another_folder_is_refused(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stub = s3_stub_start(of_another_folder, NULL);
    const struct avsp_location folder = s3_stub_location(stub, "f");
    assert_int_equal(avsp_storage_list(store, &folder, go_on, NULL, &err), AVSP_UNAVAILABLE);
    assert_non_null(strstr(err.text, "s3://b/f: the store lists \"g/a\", which is not below it"));
    assert_int_equal(avsp_storage_drop_unfinished(store, &folder, NULL, &err), AVSP_UNAVAILABLE);
}

/// Stops the storage while the first of two is aborted.
static const char *stops(void *opaque, const char *method, const char *target)
{
    if (strcmp(method, "DELETE") != 0)
        return one_is_forbidden(opaque, "GET", target);
    atomic_fetch_add(&n_asked, 1);
    avsp_storage_stop(store);
    return "HTTP/1.1 204 No Content\r\n\r\n";
}

static void tidying_ends_where_all_is_stopped(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stub = s3_stub_start(stops, NULL);
    const struct avsp_location folder = s3_stub_location(stub, "f");
    assert_int_equal(avsp_storage_drop_unfinished(store, &folder, NULL, &err), AVSP_CANCELED);
    assert_int_equal(atomic_load(&n_asked), 1);
}

// --- what the machine has of its own

/// A profile whose credentials another program would have to give, and an endpoint in it.
static void use_profile(const char *more)
{
    char text[256];
    int fd = memfd_create("config", 0);
    int n = snprintf(text, sizeof text, "[default]\nsso_session = x\n%s", more);
    assert_true(fd >= 0 && write(fd, text, (size_t)n) == n);
    snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
    setenv("AWS_CONFIG_FILE", text, 1);
}

static void a_profile_that_cannot_be_followed_is_none_where_others_do(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_stat stat;
    char more[128];
    stub = s3_stub_start(NULL, NULL);
    struct avsp_location file = s3_stub_location(stub, "k");
    snprintf(more, sizeof more, "endpoint_url = %s\n", file.endpoint);
    use_profile(more);
    // It says where, if not with what.
    file.endpoint = "";
    assert_int_equal(avsp_storage_stat(store, &file, &stat, &err), AVSP_NOT_FOUND);
    file.access_key_id = "";
    assert_int_equal(avsp_storage_stat(store, &file, &stat, &err), AVSP_UNSUPPORTED);
    assert_non_null(strstr(err.text, "sso_session"));
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_location lent = avsp_location_s3("b", "k");
    assert_int_equal(avsp_storage_lend(store, &lent, true, &arena, &err), AVSP_UNSUPPORTED);
    assert_int_equal(avsp_storage_lend(store, &lent, false, &arena, &err), AVSP_OK);
    avsp_storage_free(store);
    store = avsp_storage_new(&(struct avsp_storage_options){.s3_patience_ms = 300}, &err);
    setenv("AWS_ACCESS_KEY_ID", "exported", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    enum avsp_code rc = avsp_storage_lend(store, &lent, true, &arena, &err);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    assert_int_equal(rc, AVSP_OK);
    assert_string_equal(lent.access_key_id, "exported");
}

/// Else a worker took what is meant for Amazon to a store of its own.
static void keys_for_amazon_say_so(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    struct avsp_location plain = avsp_location_s3("b", "k"), anonymous = plain, keyed = plain;
    anonymous.anonymous = true;
    keyed.access_key_id = "id";
    assert_int_equal(avsp_storage_lend(store, &plain, true, &arena, &err), AVSP_OK);
    assert_string_equal(plain.endpoint, "");
    assert_int_equal(avsp_storage_lend(store, &anonymous, false, &arena, &err), AVSP_OK);
    assert_string_equal(anonymous.endpoint, "https://s3.amazonaws.com");
    assert_int_equal(avsp_storage_lend(store, &keyed, true, &arena, &err), AVSP_OK);
    assert_string_equal(keyed.endpoint, "https://s3.amazonaws.com");
    // Which is the one of the region all the same.
    keyed.region = "eu-north-1";
    const char *url = "";
    assert_int_equal(avsp_storage_url(store, &keyed, 0, &arena, &url, &err), AVSP_OK);
    assert_string_equal(url, "https://s3.eu-north-1.amazonaws.com/b/k");
    // Also where this machine's own endpoint says it so.
    setenv("AWS_ENDPOINT_URL_S3", "https://s3.amazonaws.com", 1);
    setenv("AWS_ACCESS_KEY_ID", "exported", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    avsp_storage_free(store);
    store = avsp_storage_new(&(struct avsp_storage_options){.s3_patience_ms = 300}, &err);
    plain.region = "eu-north-1";
    enum avsp_code rc = avsp_storage_url(store, &plain, 60, &arena, &url, &err);
    unsetenv("AWS_ENDPOINT_URL_S3");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    if (rc != AVSP_OK)
        fail_msg("%s", err.text);
}

static const char *of_eu_9(void *opaque, const char *method, const char *target)
{
    (void)opaque, (void)method, (void)target;
    return atomic_fetch_add(&n_asked, 1) > 0
               ? NULL
               : "HTTP/1.1 400 Bad Request\r\nx-amz-bucket-region: eu-9\r\nContent-Length: "
                 "0\r\n\r\n";
}

static void a_url_is_signed_for_the_region_that_is_found(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    stub = s3_stub_start(of_eu_9, NULL);
    const struct avsp_location file = s3_stub_location(stub, "k");
    const char *url = "";
    assert_int_equal(avsp_storage_url(store, &file, 60, &arena, &url, &err), AVSP_OK);
    assert_non_null(strstr(url, "%2Feu-9%2Fs3%2F"));
}

// --- a name with two addresses

/// In libcurl's place of the system's: one name has a link-local address, too, which comes first.
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict node,
                                                       const char *restrict service,
                                                       const struct addrinfo *restrict hints,
                                                       struct addrinfo **restrict ret_list)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct addrinfo any = *hints;
    any.ai_family = AF_UNSPEC;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (node == NULL || strcmp(node, "two.example") != 0)
        return real(node, service, hints, ret_list);
    const int rc = real("169.254.0.1", service, &any, ret_list);
    return rc == 0 ? real("127.0.0.1", service, &any, &(*ret_list)->ai_next) : rc;
}

static void a_name_is_refused_for_the_address_that_is_asked(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_stat stat;
    char endpoint[64];
    stub = s3_stub_start(NULL, NULL);
    struct avsp_location file = s3_stub_location(stub, "k");
    snprintf(endpoint, sizeof endpoint, "http://two.example%s", strrchr(file.endpoint, ':'));
    file.endpoint = endpoint;
    if (avsp_storage_stat(store, &file, &stat, &err) != AVSP_NOT_FOUND)
        fail_msg("%s", err.text);
}

// --- where libcrypto has no MD5

static bool has_no_md5;

const EVP_MD *__real_EVP_md5(void);
const EVP_MD *__wrap_EVP_md5(void);

const EVP_MD *__wrap_EVP_md5(void)
{
    return has_no_md5 ? NULL : __real_EVP_md5();
}

static const char *with_md5(void *opaque, const char *method, const char *target)
{
    (void)opaque, (void)method, (void)target;
    return "HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/4\r\n"
           "ETag: \"0123456789abcdef0123456789abcdef\"\r\n\r\nabcd";
}

/// What cannot be summed is not compared.
static void without_md5_files_are_fetched_all_the_same(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    char bytes[8] = "";
    stub = s3_stub_start(with_md5, NULL);
    const struct avsp_location file = s3_stub_location(stub, "k");
    int fd = memfd_create("copy", MFD_CLOEXEC);
    assert_true(fd >= 0);
    has_no_md5 = true;
    struct avsp_reader *reader = avsp_storage_open(store, &file, &err);
    enum avsp_code rc = reader != NULL ? avsp_reader_fetch(reader, fd, NULL, &err) : err.code;
    avsp_reader_close(reader);
    has_no_md5 = false;
    if (rc != AVSP_OK)
        fail_msg("%s", err.text);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), 4);
    assert_string_equal(bytes, "abcd");
    close(fd);
}

static const char *enormous(void *opaque, const char *method, const char *target)
{
    (void)opaque, (void)method, (void)target;
    return "HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n"
           "Content-Range: bytes 0-3/18446744073709551615\r\n\r\nabcd";
}

static void a_size_that_no_object_has_is_refused(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stub = s3_stub_start(enormous, NULL);
    const struct avsp_location file = s3_stub_location(stub, "k");
    assert_null(avsp_storage_open(store, &file, &err));
    assert_int_equal(err.code, AVSP_UNAVAILABLE);
    assert_non_null(strstr(err.text, "unlikely length"));
}

// --- more callers than may transfer at once

#define LANES 16 ///< transfers of one storage (s3_private.h)

static atomic_uint n_slow, n_held, n_let_go;

#define EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/// One key is to be asked for later, others have no answer until they are let go.
static const char *busy(void *opaque, const char *method, const char *target)
{
    (void)opaque, (void)method;
    if (strstr(target, "/slow") != NULL) {
        atomic_fetch_add(&n_slow, 1);
        return "HTTP/1.1 503 Slow Down\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n";
    }
    if (strstr(target, "/held") != NULL)
        for (unsigned i = atomic_fetch_add(&n_held, 1); atomic_load(&n_let_go) <= i;)
            usleep(1000);
    return EMPTY;
}

struct caller {
    pthread_t thread;
    const char *key;
    atomic_bool is_done;
};

static void *look(void *opaque)
{
    struct caller *caller = opaque;
    const struct avsp_location file = s3_stub_location(stub, caller->key);
    struct avsp_stat stat;
    struct avsp_err err = {0};
    (void)!avsp_storage_stat(store, &file, &stat, &err);
    atomic_store(&caller->is_done, true);
    return NULL;
}

static void begin(struct caller *caller, const char *key)
{
    caller->key = key;
    assert_int_equal(pthread_create(&caller->thread, NULL, look, caller), 0);
}

static void wait_for(atomic_uint *count, unsigned n)
{
    for (struct avsp_mono end = avsp_mono_in_ms(60000); atomic_load(count) < n; usleep(1000))
        assert_false(avsp_mono_passed(end));
}

/// Who waits for a transfer's place gets the next one that comes free, whoever else sleeps until a store wants to be asked again.
static void a_place_goes_to_who_waits_for_one(void **state)
{
    (void)state;
    static struct caller callers[LANES + 1];
    struct avsp_err err = {0};
    avsp_storage_free(store);
    store = avsp_storage_new(&(struct avsp_storage_options){.s3_patience_ms = 60000}, &err);
    assert_non_null(store);
    stub = s3_stub_start(busy, NULL);
    begin(&callers[0], "slow");
    wait_for(&n_slow, 1);
    usleep(100000); // it sleeps
    for (size_t i = 1; i < LANES; i++)
        begin(&callers[i], "held");
    wait_for(&n_held, LANES - 1);
    begin(&callers[LANES], "quick");
    usleep(100000); // it waits
    atomic_store(&n_let_go, 1);
    struct avsp_mono end = avsp_mono_in_ms(30000);
    while (!atomic_load(&callers[LANES].is_done) && !avsp_mono_passed(end))
        usleep(1000);
    const bool is_done = atomic_load(&callers[LANES].is_done);
    atomic_store(&n_let_go, LANES);
    avsp_storage_stop(store);
    for (size_t i = 0; i <= LANES; i++)
        pthread_join(callers[i].thread, NULL);
    assert_true(is_done);
}

int main(void)
{
    unsetenv("AWS_ENDPOINT_URL_S3"); // nothing of the machine's own
    unsetenv("AWS_ENDPOINT_URL");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_PROFILE");
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_list_without_an_end_is_refused),
        TEST(unfinished_uploads_are_looked_through_once),
        TEST(an_upload_that_cannot_be_aborted_is_named),
        TEST(a_region_makes_no_host),
        TEST(a_region_that_a_store_names_is_one_or_not_believed),
        TEST(keys_are_decoded_as_forms_are),
        TEST(a_list_of_another_folder_is_refused),
        TEST(tidying_ends_where_all_is_stopped),
        TEST(a_profile_that_cannot_be_followed_is_none_where_others_do),
        TEST(keys_for_amazon_say_so),
        TEST(a_url_is_signed_for_the_region_that_is_found),
        TEST(a_name_is_refused_for_the_address_that_is_asked),
        TEST(without_md5_files_are_fetched_all_the_same),
        TEST(a_size_that_no_object_has_is_refused),
        TEST(a_place_goes_to_who_waits_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
