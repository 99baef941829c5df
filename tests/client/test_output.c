#include "../cmocka_all.h"

#include "client/output.h"
#include "client/private.h"

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
    return avsp_output_open(output, path, overwrite, &err);
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

static void one_private_folder_has_one_owner(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_private first;
    struct avsp_private second;
    assert_int_equal(mkdir(in_folder("job"), 0777), 0);
    setenv("TMPDIR", test_folder, 1);
    assert_int_equal(avsp_private_open(&first, in_folder("job"), &arena, &err), AVSP_OK);
    assert_false(first.was_stale);
    struct stat st;
    assert_int_equal(stat(first.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(first.state_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(avsp_private_open(&second, in_folder("job"), &arena, &err), AVSP_PRECONDITION);
    put_file("job/.avspl1t/pieces/x");
    avsp_private_remove(&first);
    assert_false(is_there("job/.avspl1t"));
    assert_int_equal(access(first.state_path, F_OK), -1);
    assert_int_equal(avsp_private_open(&second, in_folder("job"), &arena, &err), AVSP_OK);
    avsp_private_remove(&second);
}

static void a_killed_owner_leaves_nothing_in_the_way(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    put_file("killed/.avspl1t/lock");
    put_file("killed/.avspl1t/worker/deep/file");
    put_file("avspl1t-encode-old/jobs.db");
    put_file("precious/file");
    assert_int_equal(symlink(in_folder("avspl1t-encode-old"), in_folder("killed/.avspl1t/state")),
                     0);
    struct avsp_private priv;
    assert_int_equal(avsp_private_open(&priv, in_folder("killed"), &arena, &err), AVSP_OK);
    assert_true(priv.was_stale);
    assert_false(is_there("killed/.avspl1t/worker"));
    assert_false(is_there("avspl1t-encode-old"));
    avsp_private_remove(&priv);
    // A link that leads elsewhere is not ours to follow.
    put_file("killed/.avspl1t/lock");
    assert_int_equal(symlink(in_folder("precious"), in_folder("killed/.avspl1t/state")), 0);
    assert_int_equal(avsp_private_open(&priv, in_folder("killed"), &arena, &err), AVSP_OK);
    avsp_private_remove(&priv);
    assert_true(is_there("precious/file"));
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
        cmocka_unit_test(one_private_folder_has_one_owner),
        cmocka_unit_test(a_killed_owner_leaves_nothing_in_the_way),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
