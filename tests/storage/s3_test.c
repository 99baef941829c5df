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
    fixture->store = new_store(&(struct avsp_storage_options){.s3_patience_ms = 5000});
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

int main(void)
{
    if (getenv("AVSPL1T_TEST_S3_HTTP") == NULL) {
        fputs("AVSPL1T_TEST_S3_HTTP is not set: run me by tests/radosgw.py\n", stderr);
        return 77;
    }
    setenv("AWS_CA_BUNDLE", env("AVSPL1T_TEST_S3_CA"), 1);
    int failed = contract_run("storage: S3 over HTTP", make_http, drop);
    failed += contract_run("storage: S3 over HTTPS", make_https, drop);
    return failed;
}
