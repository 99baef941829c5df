#include "../cmocka_all.h"

#include "client/output.h"

#include "folder.h"

#define SEGMENT "v0/00000-0123456789abcdef.m4s"
#define SECOND "v0/00001-fedcba9876543210.m4s"
#define SOUND "a0/init-0123456789abcdef.mp4"

static struct avsp_err err;

static enum avsp_code open_output(struct avsp_output *output, const char *name, bool overwrite)
{
    static char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s", in_folder(name));
    err = (struct avsp_err){0};
    enum avsp_code rc = avsp_output_open(output, path, overwrite, &err);
    return rc == AVSP_OK ? avsp_output_look(output, overwrite, &err) : rc;
}

static void folders_made_for_nothing_are_removed(void **state)
{
    (void)state;
    struct avsp_output output;
    assert_int_equal(open_output(&output, "new/a/b", false), AVSP_OK);
    assert_true(is_there("new/a/b"));
    avsp_output_close(&output);
    assert_false(is_there("new"));
    assert_int_equal(open_output(&output, "new/a/b", false), AVSP_OK);
    put_file("new/x");
    avsp_output_close(&output);
    assert_true(is_there("new/x"));
    assert_false(is_there("new/a"));
}

static void what_was_half_made_is_removed_too(void **state)
{
    (void)state;
    struct avsp_output output;
    put_file("afile");
    assert_int_not_equal(open_output(&output, "afile", false), AVSP_OK);
    assert_int_not_equal(open_output(&output, "afile/below", false), AVSP_OK);
    char deep[600];
    snprintf(deep, sizeof deep, "half/%0300d/x",
             1); // the second name is too long for any file system
    assert_int_not_equal(open_output(&output, deep, false), AVSP_OK);
    assert_false(is_there("half"));
    assert_true(is_there("afile"));
}

static void undo_removes_ours_and_nothing_else(void **state)
{
    (void)state;
    put_file("out/notes.txt");
    put_file("out/v0/notes.txt");
    put_file("out/v0/00000-short.m4s");
    put_file("out/other/00000-0123456789abcdef.m4s");
    put_file("out/" SECOND); // there before
    struct avsp_output output;
    assert_int_equal(open_output(&output, "out", false), AVSP_OK);
    put_file("out/" SEGMENT);
    put_file("out/" SOUND);
    put_file("out/v0/.avspl1t-tmp-abcdef");
    put_file("out/.avspl1t-tmp-abcdef");
    put_file("out/manifest.m3u8");
    avsp_output_undo(&output);
    avsp_output_close(&output);
    assert_false(is_there("out/" SEGMENT));
    assert_false(is_there("out/a0"));
    assert_false(is_there("out/manifest.m3u8"));
    assert_false(is_there("out/v0/.avspl1t-tmp-abcdef"));
    assert_false(is_there("out/.avspl1t-tmp-abcdef"));
    assert_true(is_there("out/" SECOND));
    assert_true(is_there("out/notes.txt"));
    assert_true(is_there("out/v0/notes.txt"));
    assert_true(is_there("out/v0/00000-short.m4s"));
    assert_true(is_there("out/other/00000-0123456789abcdef.m4s"));
}

static void a_presentation_is_kept(void **state)
{
    (void)state;
    put_file("pres/manifest.m3u8");
    put_file("pres/" SEGMENT);
    struct avsp_output output;
    assert_int_equal(open_output(&output, "pres", false), AVSP_EXISTS);
    assert_non_null(strstr(err.text, "--overwrite"));
    assert_int_equal(open_output(&output, "pres", true), AVSP_OK);
    put_file("pres/" SECOND);
    avsp_output_undo(&output);
    assert_true(is_there("pres/manifest.m3u8"));
    assert_true(is_there("pres/" SEGMENT));
    assert_false(is_there("pres/" SECOND));
    // A new one took its place by rename: it is whole, and the old one's files are gone already.
    put_file("pres/" SECOND);
    put_file("pres/new");
    assert_int_equal(rename(in_folder("pres/new"), in_folder("pres/manifest.m3u8")), 0);
    avsp_output_undo(&output);
    assert_true(is_there("pres/manifest.m3u8"));
    assert_true(is_there("pres/" SECOND));
    avsp_output_close(&output);
}

static void remains_of_a_killed_run_may_go(void **state)
{
    (void)state;
    put_file("stale/" SEGMENT);
    struct avsp_output output;
    assert_int_equal(open_output(&output, "stale", false), AVSP_OK);
    avsp_output_disown(&output);
    avsp_output_undo(&output);
    assert_false(is_there("stale/v0"));
    avsp_output_close(&output);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    put_file("outside/00000-0123456789abcdef.m4s");
    put_file("linked/x");
    assert_int_equal(symlink(in_folder("outside"), in_folder("linked/v0")), 0);
    struct avsp_output output;
    assert_int_equal(open_output(&output, "linked", false), AVSP_OK);
    avsp_output_disown(&output);
    avsp_output_undo(&output);
    avsp_output_close(&output);
    assert_true(is_there("outside/00000-0123456789abcdef.m4s"));
    avsp_tree_remove(AT_FDCWD, in_folder("linked"));
    assert_false(is_there("linked"));
    assert_true(is_there("outside/00000-0123456789abcdef.m4s"));
}

/// What a first run writes down is what the next one needs to put the folder back as it was.
static void what_was_there_is_recalled(void **state)
{
    (void)state;
    put_file("again/" SECOND);
    put_file("again/" SOUND);
    struct avsp_output first;
    struct avsp_output second;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) before;
    avsp_buf_init(&before, 1 << 16);
    assert_int_equal(open_output(&first, "again", false), AVSP_OK);
    avsp_output_put_before(&first, &before);
    assert_string_equal(avsp_buf_text(&before), SOUND "\n" SECOND "\n");
    put_file("again/" SEGMENT);
    assert_int_equal(avsp_output_open(&second, first.path, false, &err), AVSP_OK);
    assert_int_equal(avsp_output_recall(&second, before.data, "", 0, &err), AVSP_OK);
    avsp_output_undo(&second);
    assert_false(is_there("again/" SEGMENT));
    assert_true(is_there("again/" SECOND));
    assert_true(is_there("again/" SOUND));
    avsp_output_close(&first);
    avsp_output_close(&second);
}

static void folders_made_by_a_first_run_are_removed_by_the_next(void **state)
{
    (void)state;
    struct avsp_output output;
    put_file("made/a/b/x");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", in_folder("made/a/b"));
    assert_int_equal(avsp_output_open(&output, path, false, &err), AVSP_OK);
    assert_int_equal(avsp_output_recall(&output, "", "", strlen(path) - 2, &err), AVSP_OK);
    assert_int_equal(unlink(in_folder("made/a/b/x")), 0);
    avsp_output_close(&output);
    assert_true(is_there("made"));
    assert_false(is_there("made/a"));
}

/// Between an interrupted run and the next, another program may have put a presentation there.
static void a_presentation_that_came_between_two_runs_is_kept(void **state)
{
    (void)state;
    struct avsp_output output;
    put_file("between/.avspl1t/identity");
    put_file("between/manifest.m3u8");
    put_file("between/" SEGMENT);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", in_folder("between"));
    assert_int_equal(avsp_output_open(&output, path, false, &err), AVSP_OK);
    assert_int_equal(avsp_output_recall(&output, "", "", 0, &err), AVSP_OK);
    avsp_output_undo(&output);
    avsp_output_close(&output);
    assert_true(is_there("between/manifest.m3u8"));
    assert_true(is_there("between/" SEGMENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_made_for_nothing_are_removed),
        cmocka_unit_test(what_was_half_made_is_removed_too),
        cmocka_unit_test(undo_removes_ours_and_nothing_else),
        cmocka_unit_test(a_presentation_is_kept),
        cmocka_unit_test(remains_of_a_killed_run_may_go),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(what_was_there_is_recalled),
        cmocka_unit_test(folders_made_by_a_first_run_are_removed_by_the_next),
        cmocka_unit_test(a_presentation_that_came_between_two_runs_is_kept),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
