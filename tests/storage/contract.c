#include "contract.h"

#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int (*fixture_make)(struct contract_fixture *fixture);
static void (*fixture_drop)(struct contract_fixture *fixture);

void contract_make_folder(char ret_path[256])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(ret_path, 256, "%s/avspl1t-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(ret_path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

void contract_remove_folder(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void contract_write(const char *path, char fill, size_t len)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    for (size_t i = 0; i < len; i++)
        assert_int_not_equal(fputc(fill, f), EOF);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    struct contract_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    contract_make_folder(fixture->local);
    *state = fixture;
    return fixture_make(fixture);
}

static int teardown(void **state)
{
    struct contract_fixture *fixture = *state;
    fixture_drop(fixture);
    contract_remove_folder(fixture->local);
    free(fixture);
    return 0;
}

static struct avsp_location at(const struct contract_fixture *f, struct avsp_arena *arena,
                               const char *name)
{
    struct avsp_location file;
    struct avsp_err err = {0};
    if (avsp_location_join(arena, &f->folder, name, &file, &err) != AVSP_OK)
        fail_msg("%s", err.text);
    return file;
}

static void put_text(const struct contract_fixture *f, const char *name, const char *text)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_location file;
    struct avsp_err err = {0};
    if (avsp_storage_put_bytes(f->store, text, strlen(text), &f->folder, name, &arena, &file,
                               &err) != AVSP_OK)
        fail_msg("%s", err.text);
    struct avsp_location expected = at(f, &arena, name);
    assert_true(avsp_location_equal(&file, &expected));
}

/// The file as text, NUL-terminated, into @p out; "!" and the code's name where it cannot be read.
static const char *get_text(const struct contract_fixture *f, const char *name, char out[256])
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_location file = at(f, &arena, name);
    struct avsp_err err = {0};
    struct avsp_reader *reader = avsp_storage_open(f->store, &file, &err);
    if (reader == NULL) {
        snprintf(out, 256, "!%s", avsp_code_name(err.code));
        return out;
    }
    size_t n = 0;
    assert_int_equal(avsp_reader_read(reader, 0, out, 255, &n, &err), AVSP_OK);
    out[n] = '\0';
    avsp_reader_close(reader);
    return out;
}

static void a_file_is_read_whole_and_by_range(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    put_text(f, "v0/seg.m4s", "0123456789");
    struct avsp_location file = at(f, &arena, "v0/seg.m4s");
    struct avsp_stat st = {0};
    assert_int_equal(avsp_storage_stat(f->store, &file, &st, &err), AVSP_OK);
    assert_int_equal(st.bytes, 10);
    assert_true(st.modified_us > 0);
    struct avsp_reader *reader = avsp_storage_open(f->store, &file, &err);
    assert_non_null(reader);
    assert_int_equal(avsp_reader_bytes(reader), 10);
    char text[16] = "";
    size_t n = 0;
    assert_int_equal(avsp_reader_read(reader, 3, text, 4, &n, &err), AVSP_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(text, "3456", 4);
    assert_int_equal(avsp_reader_read(reader, 8, text, 4, &n, &err), AVSP_OK);
    assert_int_equal(n, 2);
    assert_int_equal(avsp_reader_read(reader, 100, text, 4, &n, &err), AVSP_OK);
    assert_int_equal(n, 0);
    avsp_reader_close(reader);
}

static void an_empty_file_is_a_file(void **state)
{
    struct contract_fixture *f = *state;
    char text[256];
    put_text(f, "empty", "");
    assert_string_equal(get_text(f, "empty", text), "");
}

static void a_local_file_is_moved_in(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    char path[300], text[256];
    snprintf(path, sizeof path, "%s/made", f->local);
    contract_write(path, 'x', 5);
    struct avsp_location file;
    assert_int_equal(avsp_storage_put(f->store, path, &f->folder, "v0/x.m4s", &arena, &file, &err),
                     AVSP_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_string_equal(get_text(f, "v0/x.m4s", text), "xxxxx");
    contract_write(path, 'y', 3);
    assert_int_equal(avsp_storage_put(f->store, path, &f->folder, "v0/x.m4s", &arena, &file, &err),
                     AVSP_OK);
    assert_string_equal(get_text(f, "v0/x.m4s", text), "yyy");
}

static void several_files_are_moved_in_together(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    char paths[3][300], text[256];
    struct avsp_put puts[] = {{.path = paths[0], .name = "v0/a"},
                              {.path = paths[1], .name = "v0/b"},
                              {.path = paths[2], .name = "c"}};
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/made-%d", f->local, i);
        contract_write(paths[i], (char)('p' + i), 3);
    }
    avsp_storage_will_put(paths[0]);
    assert_int_equal(avsp_storage_put_many(f->store, &f->folder, puts, 3, &arena, &err), AVSP_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(puts[i].done);
        assert_int_equal(access(paths[i], F_OK), -1);
        char want[] = {(char)('p' + i), (char)('p' + i), (char)('p' + i), '\0'};
        assert_string_equal(get_text(f, puts[i].name, text), want);
    }
    // One that is not there stops them all: the others stay where they are.
    contract_write(paths[0], 'z', 1);
    contract_write(paths[2], 'z', 1);
    assert_int_equal(avsp_storage_put_many(f->store, &f->folder, puts, 3, &arena, &err),
                     AVSP_NOT_FOUND);
    assert_int_equal(access(paths[0], F_OK), 0);
    assert_int_equal(access(paths[2], F_OK), 0);
    assert_string_equal(get_text(f, "v0/a", text), "ppp");
    assert_int_equal(avsp_storage_put_many(f->store, &f->folder, puts, 0, &arena, &err), AVSP_OK);
}

static void what_is_not_there_is_said_so(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    struct avsp_stat st = {.bytes = 7};
    struct avsp_location file = at(f, &arena, "nothing");
    assert_int_equal(avsp_storage_stat(f->store, &file, &st, &err), AVSP_NOT_FOUND);
    assert_int_equal(st.bytes, 7);
    assert_non_null(strstr(err.text, "nothing"));
    assert_null(avsp_storage_open(f->store, &file, &err));
    assert_int_equal(err.code, AVSP_NOT_FOUND);
    char path[300];
    snprintf(path, sizeof path, "%s/never-made", f->local);
    assert_int_equal(avsp_storage_put(f->store, path, &f->folder, "a", &arena, &file, &err),
                     AVSP_NOT_FOUND);
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    struct contract_fixture *f = *state;
    static const char *const bad[] = {"", "/x", "../x", "a/../x", "a//x", "./x", "a/", "a\nb"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, 1 << 16);
        struct avsp_err err = {0};
        struct avsp_location file;
        enum avsp_code rc =
            avsp_storage_put_bytes(f->store, "x", 1, &f->folder, bad[i], &arena, &file, &err);
        if (rc != AVSP_INVALID)
            fail_msg("\"%s\" gave %s", bad[i], avsp_code_name(rc));
    }
}

static void deleting_twice_is_fine(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    char text[256];
    put_text(f, "v0/a", "a");
    struct avsp_location file = at(f, &arena, "v0/a");
    assert_int_equal(avsp_storage_delete(f->store, &file, &err), AVSP_OK);
    assert_string_equal(get_text(f, "v0/a", text), "!not-found");
    assert_int_equal(avsp_storage_delete(f->store, &file, &err), AVSP_OK);
    file = at(f, &arena, "no/such/folder");
    assert_int_equal(avsp_storage_delete(f->store, &file, &err), AVSP_OK);
}

struct seen {
    char names[8][64];
    uint64_t bytes;
    size_t n;
    size_t stop_after;
};

static bool see(void *opaque, const char *name, const struct avsp_stat *stat)
{
    struct seen *seen = opaque;
    assert_true(seen->n < AVSP_ARRAY_LEN(seen->names));
    snprintf(seen->names[seen->n++], sizeof seen->names[0], "%s", name);
    seen->bytes += stat->bytes;
    return seen->n < seen->stop_after;
}

static bool has_seen(const struct seen *seen, const char *name)
{
    for (size_t i = 0; i < seen->n; i++)
        if (strcmp(seen->names[i], name) == 0)
            return true;
    return false;
}

static void a_folder_is_listed(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    struct seen seen = {.stop_after = 100};
    assert_int_equal(avsp_storage_list(f->store, &f->folder, see, &seen, &err), AVSP_OK);
    assert_int_equal(seen.n, 0);
    put_text(f, "manifest.m3u8", "m");
    put_text(f, "v0/a", "aa");
    put_text(f, "v0/d e+%20e/b", "bbb");
    assert_int_equal(avsp_storage_list(f->store, &f->folder, see, &seen, &err), AVSP_OK);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.bytes, 6);
    assert_true(has_seen(&seen, "manifest.m3u8"));
    assert_true(has_seen(&seen, "v0/a"));
    assert_true(has_seen(&seen, "v0/d e+%20e/b"));
    struct seen few = {.stop_after = 2};
    assert_int_equal(avsp_storage_list(f->store, &f->folder, see, &few, &err), AVSP_OK);
    assert_int_equal(few.n, 2);
}

static void a_folder_goes_with_all_that_is_in_it(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    char text[256];
    put_text(f, "work/job/a", "a");
    put_text(f, "work/job/deep/er/b", "b");
    put_text(f, "work/other", "o");
    struct avsp_location job = at(f, &arena, "work/job");
    assert_int_equal(avsp_storage_remove_folder(f->store, &job, &err), AVSP_OK);
    assert_string_equal(get_text(f, "work/job/a", text), "!not-found");
    assert_string_equal(get_text(f, "work/job/deep/er/b", text), "!not-found");
    assert_string_equal(get_text(f, "work/other", text), "o");
    assert_int_equal(avsp_storage_remove_folder(f->store, &job, &err), AVSP_OK);
}

static void a_probe_leaves_nothing(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    struct avsp_location folder = at(f, &arena, "new/folder");
    assert_int_equal(avsp_storage_probe_folder(f->store, &folder, &err), AVSP_OK);
    struct seen seen = {.stop_after = 100};
    assert_int_equal(avsp_storage_list(f->store, &f->folder, see, &seen, &err), AVSP_OK);
    assert_int_equal(seen.n, 0);
}

#define RACE_PUTS 40
#define RACE_BYTES 40000

struct racer {
    struct contract_fixture *f;
    char fill;
};

static void *race(void *opaque)
{
    struct racer *racer = opaque;
    static _Thread_local char bytes[RACE_BYTES];
    memset(bytes, racer->fill, sizeof bytes);
    for (int i = 0; i < RACE_PUTS; i++) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, 1 << 16);
        struct avsp_err err = {0};
        struct avsp_location file;
        // Each writer has a length of its own, so that a mixture shows.
        size_t len = sizeof bytes - (size_t)(racer->fill - 'a');
        if (avsp_storage_put_bytes(racer->f->store, bytes, len, &racer->f->folder, "race", &arena,
                                   &file, &err) != AVSP_OK)
            return opaque;
    }
    return NULL;
}

static void readers_see_one_writer_or_another(void **state)
{
    struct contract_fixture *f = *state;
    struct racer racers[3] = {{f, 'a'}, {f, 'b'}, {f, 'c'}};
    put_text(f, "race", "a");
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_location file = at(f, &arena, "race");
    static char bytes[RACE_BYTES + 1];
    for (int i = 0; i < 100; i++) {
        struct avsp_err err = {0};
        struct avsp_reader *reader = avsp_storage_open(f->store, &file, &err);
        assert_non_null(reader);
        size_t n = 0;
        assert_int_equal(avsp_reader_read(reader, 0, bytes, sizeof bytes, &n, &err), AVSP_OK);
        if (n != 1)
            assert_int_equal(n, RACE_BYTES - (size_t)(bytes[0] - 'a'));
        for (size_t k = 1; k < n; k++)
            assert_int_equal(bytes[k], bytes[0]);
        avsp_reader_close(reader);
    }
    for (size_t i = 0; i < 3; i++) {
        void *failure = NULL;
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        assert_null(failure);
    }
    struct avsp_err err = {0};
    struct seen seen = {.stop_after = 100};
    assert_int_equal(avsp_storage_list(f->store, &f->folder, see, &seen, &err), AVSP_OK);
    assert_int_equal(seen.n, 1);
}

int contract_run(const char *name, int (*make)(struct contract_fixture *fixture),
                 void (*drop)(struct contract_fixture *fixture))
{
    fixture_make = make;
    fixture_drop = drop;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_read_whole_and_by_range, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_file_is_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_local_file_is_moved_in, setup, teardown),
        cmocka_unit_test_setup_teardown(several_files_are_moved_in_together, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_said_so, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_lead_elsewhere_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(deleting_twice_is_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_goes_with_all_that_is_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_probe_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_see_one_writer_or_another, setup, teardown),
    };
    return _cmocka_run_group_tests(name, tests, AVSP_ARRAY_LEN(tests), NULL, NULL);
}
