#include "../cmocka_all.h"

#include "client/location.h"

#include "folder.h"

static struct avsp_arena arena;
static struct avsp_err err;

static const char *path_of(const char *text)
{
    struct avsp_location loc;
    err = (struct avsp_err){0};
    if (avsp_cmd_location(&arena, text, &loc, &err) != AVSP_OK)
        return NULL;
    assert_int_equal(loc.kind, AVSP_LOCATION_FS);
    return loc.path;
}

static void paths_become_absolute_and_plain(void **state)
{
    (void)state;
    assert_int_equal(chdir(test_folder), 0);
    assert_string_equal(path_of("a"), in_folder("a"));
    assert_string_equal(path_of("./a//b/./c/"), in_folder("a/b/c"));
    assert_string_equal(path_of("."), test_folder);
    assert_string_equal(path_of("/x//y/."), "/x/y");
    assert_string_equal(path_of("/"), "/");
    assert_string_equal(path_of("-a 'b' %d é"), in_folder("-a 'b' %d é"));
    assert_int_equal(chdir("/"), 0);
    assert_string_equal(path_of("a"), "/a");
}

/// The kernel resolves a ".." after the link in front of it: so must we, or another file is meant.
static void dot_dot_is_where_the_link_leads(void **state)
{
    (void)state;
    put_file("far/deep/file");
    put_file("near/file");
    assert_int_equal(symlink(in_folder("far/deep"), in_folder("near/link")), 0);
    assert_int_equal(chdir(in_folder("near")), 0);
    assert_string_equal(path_of("../near/file"), in_folder("near/file"));
    assert_string_equal(path_of("link/../x"), in_folder("far/x"));
    assert_string_equal(path_of("link/file"),
                        in_folder("near/link/file")); // a link by itself stays
    assert_string_equal(path_of("/../.."), "/");
    assert_null(path_of("missing/../x"));
    assert_int_equal(err.code, AVSP_NOT_FOUND);
    assert_null(path_of(""));
    assert_int_equal(err.code, AVSP_INVALID);
}

static void too_long_a_path_is_refused(void **state)
{
    (void)state;
    static char big[AVSP_PATH_MAX_BYTES + 100];
    memset(big, 'a', sizeof big - 1);
    big[0] = '/';
    assert_null(path_of(big));
    assert_int_equal(err.code, AVSP_LIMIT);
}

static void s3_addresses_have_bucket_and_key(void **state)
{
    (void)state;
    struct avsp_location loc;
    assert_int_equal(avsp_cmd_location(&arena, "s3://films/a/b.mp4", &loc, &err), AVSP_OK);
    assert_int_equal(loc.kind, AVSP_LOCATION_S3);
    assert_string_equal(loc.bucket, "films");
    assert_string_equal(loc.path, "a/b.mp4");
    assert_string_equal(loc.secret_access_key.text, "");
    assert_int_equal(avsp_cmd_location(&arena, "s3://films", &loc, &err), AVSP_OK);
    assert_string_equal(loc.path, "");
    assert_int_equal(avsp_cmd_location(&arena, "s3:///key", &loc, &err), AVSP_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_become_absolute_and_plain),
        cmocka_unit_test(dot_dot_is_where_the_link_leads),
        cmocka_unit_test(too_long_a_path_is_refused),
        cmocka_unit_test(s3_addresses_have_bucket_and_key),
    };
    avsp_arena_init(&arena, 1 << 20);
    int failed = cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
    avsp_arena_deinit(&arena);
    return failed;
}
