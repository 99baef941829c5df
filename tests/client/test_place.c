#include "../cmocka_all.h"

#include "client/place.h"

#include "folder.h"

#define SEGMENT "v0/00000-0123456789abcdef.m4s"
#define SECOND "v0/00001-fedcba9876543210.m4s"

static struct avsp_arena arena;
static struct avsp_err err;
static char path[2 * PATH_MAX];

static int setup(void **state)
{
    avsp_arena_init(&arena, 16 << 20);
    if (make_test_folder(state) != 0)
        return -1;
    put_file("film.mkv");
    return 0;
}

static int teardown(void **state)
{
    avsp_arena_deinit(&arena);
    return remove_test_folder(state);
}

static struct avsp_identity asked_of(const char *output, int crf, bool overwrite)
{
    struct avsp_identity asked;
    snprintf(path, sizeof path, "%s", in_folder(output));
    const struct avsp_job_spec spec = {
        .input = avsp_location_fs(in_folder("film.mkv")),
        .output = avsp_location_fs(path),
        .work = avsp_location_none(),
        .segment_seconds = 4,
        .crf = crf,
        .preset = 8,
        .overwrite = overwrite,
    };
    assert_int_equal(avsp_identity_of(&spec, NULL, "libraries 1", &arena, &asked, &err), AVSP_OK);
    return asked;
}

static enum avsp_code open_place(struct avsp_place *place, const char *output, int crf,
                                 bool overwrite, bool restart)
{
    struct avsp_identity asked = asked_of(output, crf, overwrite);
    err = (struct avsp_err){0};
    return avsp_place_open(place, path, &asked, restart, &arena, &err);
}

/// A run that is interrupted when one segment is done.
static void interrupt(const char *output, bool overwrite)
{
    struct avsp_place place;
    char name[256];
    assert_int_equal(open_place(&place, output, 30, overwrite, false), AVSP_OK);
    assert_false(place.is_resumed);
    snprintf(name, sizeof name, "%s/%s", output, SEGMENT);
    put_file(name);
    snprintf(name, sizeof name, "%s/.avspl1t/jobs.db", output);
    put_file(name);
    avsp_place_keep(&place);
}

static void one_folder_has_one_owner(void **state)
{
    (void)state;
    struct avsp_place first;
    struct avsp_place second;
    struct stat st;
    char pid[32];
    assert_int_equal(open_place(&first, "owned", 30, false, false), AVSP_OK);
    assert_int_equal(stat(first.priv.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_string_equal(first.priv.state_path, first.priv.path);
    assert_int_equal(open_place(&second, "owned", 30, false, true), AVSP_PRECONDITION);
    snprintf(pid, sizeof pid, "process %jd on ", (intmax_t)getpid());
    assert_non_null(strstr(err.text, pid));
    avsp_place_close(&first, false);
    assert_false(is_there("owned"));
}

static void nothing_stays_but_what_was_finished(void **state)
{
    (void)state;
    struct avsp_place place;
    assert_int_equal(open_place(&place, "finished", 30, false, false), AVSP_OK);
    put_file("finished/" SEGMENT);
    put_file("finished/.avspl1t/pieces/x/y");
    avsp_place_close(&place, true);
    assert_false(is_there("finished/.avspl1t"));
    assert_true(is_there("finished/" SEGMENT));
}

static void the_same_encode_goes_on(void **state)
{
    (void)state;
    struct avsp_place place;
    interrupt("go-on", false);
    assert_int_equal(open_place(&place, "go-on", 30, false, false), AVSP_OK);
    assert_true(place.is_resumed);
    assert_true(is_there("go-on/" SEGMENT));
    assert_true(is_there("go-on/.avspl1t/jobs.db"));
    avsp_place_close(&place, false); // and if nothing comes of it, nothing stays
    assert_false(is_there("go-on"));
}

static void another_one_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct avsp_place place;
    interrupt("refused", false);
    assert_int_equal(open_place(&place, "refused", 20, false, false), AVSP_PRECONDITION);
    assert_non_null(strstr(err.text, "--crf 30, not 20"));
    assert_non_null(strstr(err.text, "--restart"));
    assert_true(is_there("refused/" SEGMENT));
    assert_int_equal(open_place(&place, "refused", 30, false, false), AVSP_OK);
    assert_true(place.is_resumed);
    avsp_place_close(&place, false);
}

static void it_begins_anew_where_that_is_said(void **state)
{
    (void)state;
    struct avsp_place place;
    interrupt("anew", false);
    assert_int_equal(open_place(&place, "anew", 30, false, true), AVSP_OK);
    assert_false(place.is_resumed);
    assert_false(is_there("anew/" SEGMENT));
    assert_false(is_there("anew/.avspl1t/jobs.db"));
    avsp_place_keep(&place);
    interrupt("anew2", false);
    assert_int_equal(open_place(&place, "anew2", 20, true, false), AVSP_OK); // another, to replace
    assert_false(place.is_resumed);
    assert_false(is_there("anew2/" SEGMENT));
    avsp_place_close(&place, false);
}

/// Replacing a presentation can be interrupted too; what was there before is told from what came, over any number of runs.
static void a_replaced_presentation_is_put_back(void **state)
{
    (void)state;
    struct avsp_place place;
    put_file("replace/manifest.m3u8");
    put_file("replace/" SECOND);
    interrupt("replace", true);
    assert_int_equal(open_place(&place, "replace", 30, false, false), AVSP_PRECONDITION);
    assert_non_null(strstr(err.text, "--overwrite"));
    assert_int_equal(open_place(&place, "replace", 30, true, false), AVSP_OK);
    assert_true(place.is_resumed);
    avsp_place_keep(&place);
    assert_int_equal(open_place(&place, "replace", 30, true, true), AVSP_OK); // --restart
    assert_false(is_there("replace/" SEGMENT));
    put_file("replace/" SEGMENT);
    avsp_place_close(&place, false);
    assert_false(is_there("replace/" SEGMENT));
    assert_false(is_there("replace/.avspl1t"));
    assert_true(is_there("replace/" SECOND));
    assert_true(is_there("replace/manifest.m3u8"));
}

static void remains_without_a_description_go(void **state)
{
    (void)state;
    struct avsp_place place;
    put_file("remains/.avspl1t/lock");
    put_file("remains/.avspl1t/worker/deep/file");
    put_file("remains/.avspl1t/identity"); // not one
    put_file("remains/" SEGMENT);
    assert_int_equal(open_place(&place, "remains", 30, false, false), AVSP_OK);
    assert_false(place.is_resumed);
    assert_false(is_there("remains/.avspl1t/worker"));
    assert_false(is_there("remains/" SEGMENT));
    avsp_place_close(&place, false);
}

static void remains_beside_a_presentation_touch_it_not(void **state)
{
    (void)state;
    struct avsp_place place;
    put_file("beside/.avspl1t/lock");
    put_file("beside/.avspl1t/pieces/x");
    put_file("beside/manifest.m3u8");
    put_file("beside/" SEGMENT);
    assert_int_equal(open_place(&place, "beside", 30, false, false), AVSP_EXISTS);
    assert_int_equal(open_place(&place, "beside", 30, true, false), AVSP_OK);
    avsp_place_close(&place, false);
    assert_true(is_there("beside/manifest.m3u8"));
    assert_true(is_there("beside/" SEGMENT));
}

static void pieces_elsewhere_go_with_the_rest(void **state)
{
    (void)state;
    struct avsp_place place;
    char work[PATH_MAX];
    char name[256];
    put_file("elsewhere/mine");
    snprintf(work, sizeof work, "%s", in_folder("elsewhere"));
    struct avsp_identity asked = asked_of("with-work", 30, false);
    asked.work = work;
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(avsp_place_open(&place, path, &asked, restart > 0, &arena, &err), AVSP_OK);
        snprintf(name, sizeof name, "elsewhere/avspl1t-%s/piece", place.priv.identity.key);
        if (restart == 0) {
            put_file(name);
            avsp_place_keep(&place);
            asked = asked_of("with-work", 30, false);
            asked.work = work;
        }
    }
    avsp_place_close(&place, false);
    int fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(avsp_tree_holds_only(fd, "mine"));
    close(fd);
}

/// A description that names a folder which is not one of ours leads nowhere.
static void a_state_that_is_not_ours_is_neither_opened_nor_removed(void **state)
{
    (void)state;
    struct avsp_place place;
    put_file("precious/jobs.db");
    interrupt("planted", false);
    int fd = open(in_folder("planted/.avspl1t"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct avsp_identity kept;
    assert_int_equal(avsp_identity_read(fd, &arena, &kept, &err), AVSP_OK);
    kept.state = in_folder("precious");
    assert_int_equal(avsp_identity_write(&kept, fd, &err), AVSP_OK);
    close(fd);
    assert_int_equal(open_place(&place, "planted", 30, false, false), AVSP_NOT_FOUND);
    assert_non_null(strstr(err.text, "--restart"));
    assert_int_equal(open_place(&place, "planted", 30, false, true), AVSP_OK);
    avsp_place_close(&place, false);
    assert_true(is_there("precious/jobs.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_folder_has_one_owner),
        cmocka_unit_test(nothing_stays_but_what_was_finished),
        cmocka_unit_test(the_same_encode_goes_on),
        cmocka_unit_test(another_one_is_refused_and_changes_nothing),
        cmocka_unit_test(it_begins_anew_where_that_is_said),
        cmocka_unit_test(a_replaced_presentation_is_put_back),
        cmocka_unit_test(remains_without_a_description_go),
        cmocka_unit_test(remains_beside_a_presentation_touch_it_not),
        cmocka_unit_test(pieces_elsewhere_go_with_the_rest),
        cmocka_unit_test(a_state_that_is_not_ours_is_neither_opened_nor_removed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
