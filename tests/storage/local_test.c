#include "contract.h"
#include "storage/local_path.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

static struct avsp_storage *new_store(const char *root)
{
    struct avsp_err err = {0};
    struct avsp_storage_options options = {&root, root != NULL ? 1 : 0};
    struct avsp_storage *store = avsp_storage_new(&options, &err);
    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static int make_local(struct contract_fixture *f)
{
    char *path = malloc(256);
    assert_non_null(path);
    contract_make_folder(path);
    f->store = new_store(NULL);
    f->folder = (struct avsp_location){.kind = AVSP_LOCATION_FS, .path = path};
    return 0;
}

/// The same, with the folder as the only one that is allowed, reached through a link.
static int make_rooted(struct contract_fixture *f)
{
    make_local(f);
    avsp_storage_free(f->store);
    f->store = new_store(f->folder.path);
    return 0;
}

static void drop_local(struct contract_fixture *f)
{
    avsp_storage_free(f->store);
    contract_remove_folder(f->folder.path);
    free((char *)f->folder.path);
}

static int setup(void **state)
{
    struct contract_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    contract_make_folder(f->local);
    *state = f;
    return make_local(f);
}

static int teardown(void **state)
{
    struct contract_fixture *f = *state;
    drop_local(f);
    contract_remove_folder(f->local);
    free(f);
    return 0;
}

static struct avsp_location fs(const char *path)
{
    return (struct avsp_location){.kind = AVSP_LOCATION_FS, .path = path};
}

static enum avsp_code put(struct avsp_storage *store, const char *folder, const char *name,
                          const char *text, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_location at = fs(folder), file;
    return avsp_storage_put_bytes(store, text, strlen(text), &at, name, &arena, &file, err);
}

static enum avsp_code look(struct avsp_storage *store, const char *path, struct avsp_err *err)
{
    struct avsp_location file = fs(path);
    struct avsp_stat st;
    return avsp_storage_stat(store, &file, &st, err);
}

/// Runs @p body in a process of its own, which may give up its rights or be killed; 0 is success.
static int in_child(int (*body)(struct contract_fixture *f), struct contract_fixture *f)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body(f));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void strange_paths_are_refused(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    assert_int_equal(look(f->store, "etc/passwd", &err), AVSP_INVALID);
    assert_int_equal(look(f->store, "", &err), AVSP_INVALID);
    assert_int_equal(look(f->store, "/etc/../etc/passwd", &err), AVSP_INVALID);
    assert_int_equal(look(f->store, "/etc/./passwd", &err), AVSP_INVALID);
    assert_int_equal(look(f->store, f->folder.path, &err), AVSP_INVALID);
    assert_int_equal(look(f->store, "/dev/null", &err), AVSP_INVALID);
    char path[PATH_MAX + 2];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(look(f->store, path, &err), AVSP_INVALID);
    // A pipe without a writer: opening it would wait for ever.
    snprintf(path, sizeof path, "%s/pipe", f->folder.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(look(f->store, path, &err), AVSP_INVALID);
}

static void nothing_outside_of_a_root_is_touched(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    struct avsp_storage *store = new_store(f->folder.path);
    char secret[300], link[600], path[700];
    snprintf(secret, sizeof secret, "%s/secret", f->local);
    contract_write(secret, 's', 3);
    assert_int_equal(look(store, secret, &err), AVSP_DENIED);
    // What is not there looks the same as what is.
    snprintf(path, sizeof path, "%s/nothing", f->local);
    assert_int_equal(look(store, path, &err), AVSP_DENIED);
    // Links out of it: to a file, to a folder, and by "..".
    snprintf(link, sizeof link, "%s/file-link", f->folder.path);
    assert_int_equal(symlink(secret, link), 0);
    assert_int_equal(look(store, link, &err), AVSP_DENIED);
    snprintf(link, sizeof link, "%s/folder-link", f->folder.path);
    assert_int_equal(symlink(f->local, link), 0);
    snprintf(path, sizeof path, "%s/secret", link);
    assert_int_equal(look(store, path, &err), AVSP_DENIED);
    assert_int_equal(put(store, link, "planted", "x", &err), AVSP_DENIED);
    assert_int_equal(put(store, f->folder.path, "folder-link/planted", "x", &err), AVSP_DENIED);
    assert_int_equal(put(store, f->folder.path, "folder-link/a/b/planted", "x", &err), AVSP_DENIED);
    struct avsp_location at = fs(path);
    assert_int_equal(avsp_storage_delete(store, &at, &err), AVSP_DENIED);
    at = fs(link);
    assert_int_equal(avsp_storage_probe_folder(store, &at, &err), AVSP_DENIED);
    assert_int_equal(avsp_storage_list(store, &at, NULL, NULL, &err), AVSP_DENIED);
    assert_int_not_equal(avsp_storage_remove_folder(store, &at, &err), AVSP_OK);
    assert_int_equal(access(secret, F_OK), 0);
    snprintf(path, sizeof path, "%s/planted", f->local);
    assert_int_equal(access(path, F_OK), -1);
    // A root whose name is the beginning of another's.
    snprintf(path, sizeof path, "%s-more", f->folder.path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(put(store, path, "x", "x", &err), AVSP_DENIED);
    rmdir(path);
    avsp_storage_free(store);
}

static void links_within_a_root_are_fine(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    char root_link[300], link[600], target[600], path[700];
    snprintf(root_link, sizeof root_link, "%s/root", f->local);
    assert_int_equal(symlink(f->folder.path, root_link), 0);
    struct avsp_storage *store = new_store(root_link);
    assert_int_equal(put(store, root_link, "real/a", "a", &err), AVSP_OK);
    snprintf(target, sizeof target, "%s/real", f->folder.path);
    snprintf(link, sizeof link, "%s/alias", f->folder.path);
    assert_int_equal(symlink(target, link), 0);
    snprintf(path, sizeof path, "%s/a", link);
    assert_int_equal(look(store, path, &err), AVSP_OK);
    assert_int_equal(put(store, link, "new/folder/b", "b", &err), AVSP_OK);
    avsp_storage_free(store);
}

static void a_link_in_the_place_of_a_file_is_replaced_not_followed(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    char victim[300], link[600];
    snprintf(victim, sizeof victim, "%s/victim", f->local);
    contract_write(victim, 'v', 3);
    snprintf(link, sizeof link, "%s/seg", f->folder.path);
    assert_int_equal(symlink(victim, link), 0);
    assert_int_equal(put(f->store, f->folder.path, "seg", "new", &err), AVSP_OK);
    struct stat st;
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, 3);
    // Nor is a link published in the place of the file that was made.
    snprintf(link, sizeof link, "%s/made", f->local);
    assert_int_equal(symlink(victim, link), 0);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_location file;
    assert_int_equal(avsp_storage_put(f->store, link, &f->folder, "x", &arena, &file, &err),
                     AVSP_INVALID);
}

/// Its other name may be a file of ours that holds a secret: it would be published, and its mode changed.
static void a_file_with_another_name_is_not_published(void **state)
{
    struct contract_fixture *f = *state;
    char secret[300], made[300];
    snprintf(secret, sizeof secret, "%s/secret", f->local);
    snprintf(made, sizeof made, "%s/made", f->local);
    contract_write(secret, 's', 7);
    assert_int_equal(chmod(secret, 0600), 0);
    assert_int_equal(link(secret, made), 0);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_location file;
    struct avsp_err err = {0};
    assert_int_equal(avsp_storage_put(f->store, made, &f->folder, "seg", &arena, &file, &err),
                     AVSP_INVALID);
    struct stat st;
    assert_int_equal(stat(secret, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_nlink, 2);
    snprintf(made, sizeof made, "%s/seg", f->folder.path);
    assert_int_equal(access(made, F_OK), -1);
}

static void removal_does_not_follow_links(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    char victim[300], link[600], top[600];
    snprintf(victim, sizeof victim, "%s/victim", f->local);
    contract_write(victim, 'v', 3);
    assert_int_equal(put(f->store, f->folder.path, "pieces/a", "a", &err), AVSP_OK);
    snprintf(top, sizeof top, "%s/pieces", f->folder.path);
    snprintf(link, sizeof link, "%s/pieces/link", f->folder.path);
    assert_int_equal(symlink(f->local, link), 0);
    struct avsp_location at = fs(top);
    assert_int_equal(avsp_storage_remove_folder(f->store, &at, &err), AVSP_OK);
    assert_int_equal(access(top, F_OK), -1);
    assert_int_equal(access(victim, F_OK), 0);
}

static bool count_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)name, (void)stat;
    ++*(int *)opaque;
    return true;
}

static void what_cannot_be_looked_into_hides_no_file_beside_it(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    char path[600];
    int n = 0;
    // One file before it and one behind, in whatever order the folder gives them.
    assert_int_equal(put(f->store, f->folder.path, "a/a", "a", &err), AVSP_OK);
    int len = snprintf(path, sizeof path, "%s/deep", f->folder.path);
    for (int i = 0; i <= AVSP_LOCAL_DEPTH_MAX; i++) {
        assert_int_equal(mkdir(path, 0700), 0);
        len += snprintf(path + len, sizeof path - (size_t)len, "/d");
    }
    assert_int_equal(put(f->store, f->folder.path, "z/z", "z", &err), AVSP_OK);
    assert_int_equal(avsp_storage_list(f->store, &f->folder, count_file, &n, &err), AVSP_LIMIT);
    assert_int_equal(n, 2);
}

static void a_put_never_replaces_a_folder(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    assert_int_equal(put(f->store, f->folder.path, "dir/a", "a", &err), AVSP_OK);
    assert_int_not_equal(put(f->store, f->folder.path, "dir", "x", &err), AVSP_OK);
    assert_int_equal(put(f->store, f->folder.path, "dir/a/b", "x", &err), AVSP_NOT_FOUND);
}

static int without_rights(struct contract_fixture *f)
{
    struct avsp_err err = {0};
    char path[600];
    snprintf(path, sizeof path, "%s/closed/a", f->folder.path);
    if (look(f->store, path, &err) != AVSP_DENIED)
        return 1;
    if (strstr(err.text, "closed/a: Permission denied") == NULL)
        return 2;
    snprintf(path, sizeof path, "%s/unreadable", f->folder.path);
    struct avsp_location at = fs(path);
    if (avsp_storage_open(f->store, &at, &err) != NULL || err.code != AVSP_DENIED)
        return 3;
    snprintf(path, sizeof path, "%s/fixed", f->folder.path);
    if (put(f->store, path, "x", "x", &err) != AVSP_DENIED)
        return 4;
    at = fs(path);
    if (avsp_storage_probe_folder(f->store, &at, &err) != AVSP_DENIED)
        return 5;
    snprintf(path, sizeof path, "%s/fixed/new/er", f->folder.path);
    at = fs(path);
    if (avsp_storage_probe_folder(f->store, &at, &err) != AVSP_DENIED)
        return 6;
    return 0;
}

static int as_nobody(struct contract_fixture *f)
{
    if (geteuid() == 0 && (setegid(NOBODY) != 0 || seteuid(NOBODY) != 0))
        return 100;
    return without_rights(f);
}

static void missing_rights_are_named(void **state)
{
    struct contract_fixture *f = *state;
    struct avsp_err err = {0};
    char path[600];
    assert_int_equal(put(f->store, f->folder.path, "closed/a", "a", &err), AVSP_OK);
    assert_int_equal(put(f->store, f->folder.path, "unreadable", "a", &err), AVSP_OK);
    assert_int_equal(put(f->store, f->folder.path, "fixed/a", "a", &err), AVSP_OK);
    assert_int_equal(chmod(f->folder.path, 0755), 0);
    snprintf(path, sizeof path, "%s/closed", f->folder.path);
    assert_int_equal(chmod(path, 0), 0);
    snprintf(path, sizeof path, "%s/unreadable", f->folder.path);
    assert_int_equal(chmod(path, 0), 0);
    snprintf(path, sizeof path, "%s/fixed", f->folder.path);
    assert_int_equal(chmod(path, 0555), 0);
    int rc = in_child(as_nobody, f);
    snprintf(path, sizeof path, "%s/closed", f->folder.path);
    assert_int_equal(chmod(path, 0700), 0);
    snprintf(path, sizeof path, "%s/fixed", f->folder.path);
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(rc, 0);
}

static bool no_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)stat;
    int *n = opaque;
    fprintf(stderr, "left behind: %s\n", name);
    (*n)++;
    return true;
}

/// Everything that is written hits a wall after 64 KiB: a file system of that size, or else a limit on file sizes.
static int without_space(struct contract_fixture *f)
{
    bool mounted = unshare(CLONE_NEWNS) == 0 &&
                   mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                   mount("tmpfs", f->folder.path, "tmpfs", 0, "size=64k") == 0;
    struct rlimit limit = {1 << 16, 1 << 16};
    if (!mounted && (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0))
        return 100;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    struct avsp_location file;
    static char big[1 << 20];
    const enum avsp_code full = mounted ? AVSP_NO_SPACE : AVSP_LIMIT;
    if (avsp_storage_put_bytes(f->store, big, sizeof big, &f->folder, "big", &arena, &file, &err) !=
        full)
        return 1;
    if (mounted && strstr(err.text, "big: the disk is full") == NULL)
        return 2;
    char path[300];
    snprintf(path, sizeof path, "%s/big", f->local);
    if (mounted && avsp_storage_put(f->store, path, &f->folder, "big", &arena, &file, &err) != full)
        return 3;
    if (access(path, F_OK) != 0)
        return 4;
    int n = 0;
    if (avsp_storage_list(f->store, &f->folder, no_file, &n, &err) != AVSP_OK || n != 0)
        return 5;
    return 0;
}

static void a_full_disk_leaves_nothing(void **state)
{
    struct contract_fixture *f = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/big", f->local);
    contract_write(path, 'b', 1 << 20);
    assert_int_equal(in_child(without_space, f), 0);
}

/// Publication onto another file system, where a file cannot simply be moved.
static int across(struct contract_fixture *f)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", f->folder.path, "tmpfs", 0, "size=16m") != 0)
        return 77;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    struct avsp_err err = {0};
    struct avsp_location file;
    char path[300];
    struct stat st;
    snprintf(path, sizeof path, "%s/big", f->local);
    if (avsp_storage_put(f->store, path, &f->folder, "v0/big", &arena, &file, &err) != AVSP_OK)
        return 1;
    if (access(path, F_OK) == 0)
        return 2;
    if (stat(file.path, &st) != 0 || st.st_size != 3000000)
        return 3;
    return 0;
}

static void a_file_goes_to_another_file_system(void **state)
{
    struct contract_fixture *f = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/big", f->local);
    contract_write(path, 'b', 3000000);
    int rc = in_child(across, f);
    if (rc == 77)
        skip();
    assert_int_equal(rc, 0);
}

static void a_killed_writer_shows_nothing_partial(void **state)
{
    struct contract_fixture *f = *state;
    static char bytes[4 << 20];
    memset(bytes, 'k', sizeof bytes);
    char path[600];
    snprintf(path, sizeof path, "%s/seg", f->folder.path);
    for (int round = 0; round < 20; round++) {
        unlink(path);
        fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct avsp_arena arena;
            avsp_arena_init(&arena, 1 << 20);
            struct avsp_err err = {0};
            struct avsp_location put_file;
            _exit(avsp_storage_put_bytes(f->store, bytes, sizeof bytes, &f->folder, "seg", &arena,
                                         &put_file, &err));
        }
        usleep((useconds_t)(round * 400)); // where it is caught differs from round to round
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct stat st;
        if (stat(path, &st) == 0)
            assert_int_equal(st.st_size, sizeof bytes);
    }
    struct avsp_err err = {0};
    assert_int_equal(avsp_storage_remove_folder(f->store, &f->folder, &err), AVSP_OK);
    assert_int_equal(access(f->folder.path, F_OK), -1);
}

static void a_missing_root_is_an_error(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    const char *roots[] = {"/no/such/root"};
    struct avsp_storage_options options = {roots, 1};
    assert_null(avsp_storage_new(&options, &err));
    assert_int_equal(err.code, AVSP_NOT_FOUND);
    roots[0] = "relative";
    assert_null(avsp_storage_new(&options, &err));
    assert_int_equal(err.code, AVSP_INVALID);
    roots[0] = "/etc/passwd";
    assert_null(avsp_storage_new(&options, &err));
    assert_int_equal(err.code, AVSP_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strange_paths_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_outside_of_a_root_is_touched, setup, teardown),
        cmocka_unit_test_setup_teardown(links_within_a_root_are_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_in_the_place_of_a_file_is_replaced_not_followed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_with_another_name_is_not_published, setup, teardown),
        cmocka_unit_test_setup_teardown(removal_does_not_follow_links, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_looked_into_hides_no_file_beside_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_put_never_replaces_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_rights_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_goes_to_another_file_system, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_writer_shows_nothing_partial, setup, teardown),
        cmocka_unit_test(a_missing_root_is_an_error),
    };
    int failed = contract_run("storage: local", make_local, drop_local);
    failed += contract_run("storage: local within a root", make_rooted, drop_local);
    failed += cmocka_run_group_tests_name("storage: local's own", tests, NULL, NULL);
    return failed;
}
