#include "../cmocka_all.h"

#include "core/model.h"

#include <string.h>

static struct avsp_arena arena;

static int setup(void **state)
{
    (void)state;
    avsp_arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    avsp_arena_deinit(&arena);
    return 0;
}

static struct avsp_location fs(const char *path)
{
    return avsp_location_fs(path);
}

static struct avsp_job_spec good(void)
{
    return (struct avsp_job_spec){
        .input = fs("/in.mp4"), .output = fs("/out/"), .idempotency_key = ""};
}

static void priority_and_labels_have_bounds(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = good();
    for (int priority = -1; priority <= 10; priority++) {
        spec.priority = priority;
        assert_int_equal(avsp_job_spec_check(&spec, &arena, &err),
                         priority < 0 || priority > 9 ? AVSP_INVALID : AVSP_OK);
    }
    spec.priority = 9;
    char long_text[300];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    const struct avsp_label bad[] = {{"", "x"},        {"a b", "x"},     {"\303\244", "x"},
                                     {long_text, "x"}, {"a", long_text}, {"a", "line\nfeed"},
                                     {"a", "\377"}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_int_equal(avsp_label_check(&bad[i], &err), AVSP_INVALID);
    struct avsp_label labels[AVSP_LABELS_MAX + 1];
    char names[AVSP_LABELS_MAX + 1][8];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(labels); i++) {
        snprintf(names[i], sizeof names[i], "n/%zu", i);
        labels[i] = (struct avsp_label){names[i], "\303\244"};
    }
    spec.labels = labels;
    spec.n_labels = AVSP_LABELS_MAX;
    assert_int_equal(avsp_job_spec_check(&spec, &arena, &err), AVSP_OK);
    spec.n_labels++;
    assert_int_equal(avsp_job_spec_check(&spec, &arena, &err), AVSP_INVALID);
    spec.n_labels = 2;
    labels[1].name = labels[0].name;
    assert_int_equal(avsp_job_spec_check(&spec, &arena, &err), AVSP_INVALID);
    assert_non_null(strstr(err.text, "twice"));
}

static void defaults_are_filled(void **state)
{
    (void)state;
    struct avsp_job_spec spec = good();
    struct avsp_err err = {0};
    assert_int_equal(avsp_job_spec_check(&spec, &arena, &err), AVSP_OK);
    assert_int_equal(spec.segment_seconds, 4);
    assert_int_equal(spec.crf, 30);
    assert_int_equal(spec.preset, 8);
    assert_string_equal(spec.work.path, "/out/.avspl1t-work");
}

static void expect_refused(struct avsp_job_spec spec, const char *field)
{
    struct avsp_err err = {0};
    assert_int_equal(avsp_job_spec_check(&spec, &arena, &err), AVSP_INVALID);
    if (strstr(err.text, field) == NULL)
        fail_msg("\"%s\" does not name %s", err.text, field);
}

static void bad_fields_are_named(void **state)
{
    (void)state;
    struct avsp_job_spec spec = good();
    spec.crf = 64;
    expect_refused(spec, "av1_encode_job.crf");
    spec.crf = -1;
    expect_refused(spec, "av1_encode_job.crf");
    spec = good();
    spec.picture.fallback = AVSP_FALLBACK_H264;
    spec.choice = (struct avsp_choice){"none", "all", ""};
    expect_refused(spec, "fallback");
    spec = good();
    spec.segment_seconds = -4;
    expect_refused(spec, "seconds_per_segment");
    spec = good();
    spec.preset = 14;
    expect_refused(spec, "preset");
    spec = good();
    spec.input.kind = AVSP_LOCATION_NONE;
    expect_refused(spec, "input_file");
    spec = good();
    spec.input = fs("relative.mp4");
    expect_refused(spec, "input_file");
    spec = good();
    spec.output = fs("/a/../b");
    expect_refused(spec, "output_directory");
    spec.output = fs("/a/..");
    expect_refused(spec, "output_directory");
    spec.output = fs("/a\nb");
    expect_refused(spec, "output_directory");
    spec = good();
    spec.work = fs("work");
    expect_refused(spec, "working_directory");
    spec = good();
    spec.output = avsp_location_s3("", "p");
    expect_refused(spec, "output_directory");
    spec.output = avsp_location_s3("b", "p");
    spec.output.region = "a@evil.example/";
    expect_refused(spec, "region");
    spec = good();
    spec.output = fs("/a/..b/c..");
    struct avsp_err err = {0};
    assert_int_equal(avsp_job_spec_check(&spec, &arena, &err), AVSP_OK);
}

static void join_stays_inside(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_location folder = fs("/a/b//");
    struct avsp_location file;
    assert_int_equal(avsp_location_join(&arena, &folder, "c/d", &file, &err), AVSP_OK);
    assert_string_equal(file.path, "/a/b/c/d");
    folder = fs("/");
    assert_int_equal(avsp_location_join(&arena, &folder, "c", &file, &err), AVSP_OK);
    assert_string_equal(file.path, "/c");
    folder = avsp_location_s3("b", "");
    assert_int_equal(avsp_location_join(&arena, &folder, "c", &file, &err), AVSP_OK);
    assert_string_equal(file.path, "c");
    static const char *const bad[] = {"", "/x", "..", "a/../b", "a//b", "a/", "./a", "a\nb"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        assert_int_equal(avsp_location_join(&arena, &folder, bad[i], &file, &err), AVSP_INVALID);
}

static void a_copy_of_a_rendition_outlives_what_it_was_made_of(void **state)
{
    (void)state;
    struct avsp_arena page;
    avsp_arena_init(&page, 1 << 20);
    struct avsp_err err = {0};
    struct avsp_rendition *from = avsp_arena_alloc(&page, sizeof *from), copy;
    assert_non_null(from);
    *from = (struct avsp_rendition){
        .name = avsp_arena_strdup(&page, "v0"),
        .init_name = avsp_arena_strdup(&page, "init.mp4"),
        .init_sha256 = avsp_arena_strdup(&page, "abcd"),
        .codecs = avsp_arena_strdup(&page, "av01"),
        .width_px = 640,
        .video_range = avsp_arena_strdup(&page, "PQ"),
        .language = avsp_arena_strdup(&page, "de"),
        .title = avsp_arena_strdup(&page, "title"),
    };
    assert_int_equal(avsp_rendition_copy(&arena, from, &copy, &err), AVSP_OK);
    avsp_arena_deinit(&page);
    assert_int_equal(copy.width_px, 640);
    const char *const texts[][2] = {
        {copy.name, "v0"},     {copy.init_name, "init.mp4"}, {copy.init_sha256, "abcd"},
        {copy.codecs, "av01"}, {copy.video_range, "PQ"},     {copy.language, "de"},
        {copy.title, "title"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(texts); i++)
        assert_string_equal(texts[i][0], texts[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(priority_and_labels_have_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(defaults_are_filled, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_fields_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_of_a_rendition_outlives_what_it_was_made_of, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(join_stays_inside, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
