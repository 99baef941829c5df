#include "../cmocka_all.h"

#include "util/folders.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void state_is_where_the_xdg_specification_says(void **state)
{
    (void)state;
    char folder[] = "/tmp/avspl1t-test-XXXXXX";
    char wanted[PATH_MAX];
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_err err = {0};
    const char *path = NULL;
    struct stat st;
    avsp_arena_init(&arena, 1 << 16);
    assert_non_null(mkdtemp(folder));
    setenv("HOME", folder, 1);
    setenv("XDG_STATE_HOME", "relative: ignored", 1);
    assert_int_equal(avsp_folder_state(&arena, &path, &err), AVSP_OK);
    snprintf(wanted, sizeof wanted, "%s/.local/state/avspl1t", folder);
    assert_string_equal(path, wanted);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(wanted, sizeof wanted, "%s/.local/state", folder);
    setenv("XDG_STATE_HOME", wanted, 1);
    unsetenv("HOME");
    assert_int_equal(avsp_folder_state(&arena, &path, &err), AVSP_OK); // the same, there already
    unsetenv("XDG_STATE_HOME");
    assert_int_equal(avsp_folder_state(&arena, &path, &err), AVSP_PRECONDITION);
    static const char *const made[] = {"/.local/state/avspl1t", "/.local/state", "/.local", ""};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(made); i++) {
        snprintf(wanted, sizeof wanted, "%s%s", folder, made[i]);
        assert_int_equal(rmdir(wanted), 0);
    }
}

static void network_file_systems_are_known(void **state)
{
    (void)state;
    assert_string_equal(avsp_folder_network_fs(0x6969), "NFS");
    assert_string_equal(avsp_folder_network_fs(0xff534d42), "CIFS");
    assert_string_equal(avsp_folder_network_fs(0x65735546), "FUSE");
    assert_null(avsp_folder_network_fs(0xef53));     // ext4
    assert_null(avsp_folder_network_fs(0x01021994)); // tmpfs
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_is_where_the_xdg_specification_says),
        cmocka_unit_test(network_file_systems_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
