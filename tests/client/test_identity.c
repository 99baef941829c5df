#include "../cmocka_all.h"

#include "client/identity.h"

#include "folder.h"

static struct avsp_arena arena;
static struct avsp_err err;

static int setup(void **state)
{
    avsp_arena_init(&arena, 4 << 20);
    return make_test_folder(state);
}

static int teardown(void **state)
{
    avsp_arena_deinit(&arena);
    return remove_test_folder(state);
}

static struct avsp_job_spec spec_of(const char *input)
{
    return (struct avsp_job_spec){
        .input = avsp_location_fs(input),
        .output = avsp_location_fs("/out"),
        .work = avsp_location_none(),
        .segment_seconds = 4,
        .crf = 30,
        .preset = 8,
    };
}

static struct avsp_identity identity_of(const struct avsp_job_spec *spec)
{
    struct avsp_identity identity;
    err = (struct avsp_err){0};
    assert_int_equal(avsp_identity_of(spec, NULL, "libraries 1.2.3", &arena, &identity, &err),
                     AVSP_OK);
    return identity;
}

static int open_folder(const char *name)
{
    (void)mkdir(in_folder(name), 0700);
    int fd = open(in_folder(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    put_file("a film=1 %.mkv");
    struct avsp_job_spec spec = spec_of(in_folder("a film=1 %.mkv"));
    spec.overwrite = true;
    spec.dash = true;
    spec.work.path = "/else where";
    spec.output = avsp_location_s3("bucket", "out");
    spec.output.cache_control = "max-age=1, public";
    struct avsp_identity wrote = identity_of(&spec);
    wrote.state = "/some/where";
    wrote.made_len = 3;
    struct avsp_identity found;
    int fd = open_folder("kept");
    assert_int_equal(avsp_identity_read(fd, &arena, &found, &err), AVSP_NOT_FOUND);
    assert_int_equal(avsp_identity_write(&wrote, fd, &err), AVSP_OK);
    assert_int_equal(avsp_identity_read(fd, &arena, &found, &err), AVSP_OK);
    assert_string_equal(avsp_identity_difference(&found, &wrote, &arena), "");
    assert_string_equal(found.key, wrote.key);
    assert_string_equal(found.host, wrote.host);
    assert_string_equal(found.state, "/some/where");
    assert_string_equal(found.manifest, "");
    assert_string_equal(found.version, AVSP_VERSION);
    assert_int_equal(found.made_len, 3);
    assert_string_equal(found.cache_control, "max-age=1, public");
    avsp_identity_remove(fd);
    assert_int_equal(avsp_identity_read(fd, &arena, &found, &err), AVSP_NOT_FOUND);
    close(fd);
}

static void what_is_none_is_called_damaged(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "\n",
                                        "encode",
                                        "piece idx=3\n",
                                        "encode format=2\n",
                                        "\xff\xfe",
                                        "encode format=1 key=../../etc\n"};
    struct avsp_identity found;
    int folder = open_folder("bad");
    for (size_t i = 0; i < AVSP_ARRAY_LEN(lines); i++) {
        int fd = openat(folder, "identity", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(write(fd, lines[i], strlen(lines[i])) >= 0);
        close(fd);
        assert_int_equal(avsp_identity_read(folder, &arena, &found, &err), AVSP_CORRUPT);
    }
    close(folder);
}

static void assert_differs(const struct avsp_identity *kept, const struct avsp_identity *asked,
                           const char *words)
{
    const char *text = avsp_identity_difference(kept, asked, &arena);
    if (strstr(text, words) == NULL)
        fail_msg("no \"%s\" in \"%s\"", words, text);
}

static void each_difference_is_named(void **state)
{
    (void)state;
    put_file("film.mkv");
    put_file("other.mkv");
    struct avsp_job_spec spec = spec_of(in_folder("film.mkv"));
    const struct avsp_identity kept = identity_of(&spec);
    struct avsp_identity asked = identity_of(&spec);
    assert_string_not_equal(kept.key, asked.key); // and yet
    assert_string_equal(avsp_identity_difference(&kept, &asked, &arena), "");
    spec = spec_of(in_folder("other.mkv"));
    asked = identity_of(&spec);
    assert_differs(&kept, &asked, "film.mkv");
    asked = kept;
    asked.crf = 20;
    assert_differs(&kept, &asked, "--crf 30, not 20");
    asked = kept;
    asked.preset = 9;
    assert_differs(&kept, &asked, "--preset 8, not 9");
    asked = kept;
    asked.choice.audio = "en";
    assert_differs(&kept, &asked, "other tracks");
    asked = kept;
    asked.sound = "loudness=-16;opus";
    assert_differs(&kept, &asked, "without options for the sound");
    assert_differs(&asked, &kept, "other options for the sound (loudness=-16;opus)");
    asked = kept;
    asked.choice.range = (struct avsp_time_range){2500000, 0};
    assert_differs(&kept, &asked, "without --start and --end");
    assert_differs(&asked, &kept, "another part (--start 2.5)");
    asked.choice.range.end_us = 3723250000;
    assert_differs(&asked, &kept, "--start 2.5 --end 1:02:03.25");
    asked = kept;
    asked.sidecars = "abc";
    assert_differs(&kept, &asked, "--subtitle");
    asked = kept;
    asked.segment_seconds = 2;
    assert_differs(&kept, &asked, "--segment-seconds 4, not 2");
    asked = kept;
    asked.work = "/w";
    assert_differs(&kept, &asked, "without --work");
    assert_differs(&asked, &kept, "--work /w");
    asked = kept;
    asked.dash = true;
    assert_differs(&kept, &asked, "without --dash");
    asked = kept;
    asked.cache_control = "no-store";
    assert_differs(&kept, &asked, "without --cache-control");
    assert_differs(&asked, &kept, "--cache-control \"no-store\"");
    asked = kept;
    asked.overwrite = true;
    assert_differs(&kept, &asked, "without --overwrite");
    asked = kept;
    asked.output = "/moved";
    assert_differs(&kept, &asked, "/out");
    asked = kept;
    asked.libraries = "libraries 1.2.4";
    assert_differs(&kept, &asked, "libraries 1.2.3");
}

static void an_input_that_changed_is_another(void **state)
{
    (void)state;
    put_file("changing.mkv");
    struct avsp_job_spec spec = spec_of(in_folder("changing.mkv"));
    const struct avsp_identity kept = identity_of(&spec);
    const struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, spec.input.path, then, 0), 0);
    struct avsp_identity asked = identity_of(&spec);
    assert_differs(&kept, &asked, "before it changed");
    // As large, and as old, and yet not the same.
    int fd = open(spec.input.path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "C", 1), 1);
    assert_int_equal(futimens(fd, then), 0);
    close(fd);
    struct avsp_identity last = identity_of(&spec);
    assert_int_equal(last.input_modified_ns, asked.input_modified_ns);
    assert_int_equal(last.input_bytes, asked.input_bytes);
    assert_differs(&asked, &last, "before it changed");
}

static void the_end_of_a_large_input_counts(void **state)
{
    (void)state;
    const struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    const char *path = in_folder("large.mkv");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 10 << 20), 0);
    assert_int_equal(futimens(fd, then), 0);
    struct avsp_job_spec spec = spec_of(path);
    const struct avsp_identity kept = identity_of(&spec);
    assert_int_equal(pwrite(fd, "x", 1, (10 << 20) - 1), 1);
    assert_int_equal(futimens(fd, then), 0);
    close(fd);
    struct avsp_identity asked = identity_of(&spec);
    assert_differs(&kept, &asked, "before it changed");
}

static void a_name_that_is_no_text_is_kept_too(void **state)
{
    (void)state;
    put_file("bad-\xff\xfe-name.mkv");
    struct avsp_job_spec spec = spec_of(in_folder("bad-\xff\xfe-name.mkv"));
    struct avsp_identity wrote = identity_of(&spec);
    struct avsp_identity found;
    int fd = open_folder("kept-too");
    assert_non_null(strstr(wrote.input, "bad-\\xFF\\xFE-name.mkv"));
    assert_int_equal(avsp_identity_write(&wrote, fd, &err), AVSP_OK);
    assert_int_equal(avsp_identity_read(fd, &arena, &found, &err), AVSP_OK);
    assert_string_equal(found.input, wrote.input);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_none_is_called_damaged),
        cmocka_unit_test(each_difference_is_named),
        cmocka_unit_test(an_input_that_changed_is_another),
        cmocka_unit_test(the_end_of_a_large_input_counts),
        cmocka_unit_test(a_name_that_is_no_text_is_kept_too),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
