#include "../cmocka_all.h"

#include "coordinator/config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct avsp_cli_parsed args;
static struct avsp_err err;
static struct avsp_config config;

static enum avsp_code read_config(struct avsp_arena *arena, size_t argc, const char *const *argv)
{
    bool answered = false;
    err = (struct avsp_err){0};
    enum avsp_code rc =
        avsp_cli_parse(&avsp_coordinator_program, (int)argc, (char **)argv, &args, &answered, &err);
    return rc == AVSP_OK ? avsp_config_read(&args, arena, &config, &err) : rc;
}

#define READ(...)                                                                                  \
    read_config(&arena, AVSP_ARRAY_LEN(((const char *[]){"prog", __VA_ARGS__})),                   \
                (const char *[]){"prog", __VA_ARGS__, NULL})

static void only_this_machine_is_loopback(void **state)
{
    (void)state;
    static const char *const near[] = {"127.0.0.1:50051", "127.1.2.3:0", "localhost:1", "[::1]:5",
                                       "unix:/run/x"};
    static const char *const far[] = {"0.0.0.0:50051",    "10.0.0.1:50051", "[::]:50051",
                                      ":50051",           "127.0.0.1",      "127.evil.org:443",
                                      "localhost.org:80", "1270.0.0.1:1"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(near); i++)
        if (!avsp_config_is_loopback(near[i]))
            fail_msg("%s", near[i]);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(far); i++)
        if (avsp_config_is_loopback(far[i]))
            fail_msg("%s", far[i]);
}

static void beyond_it_only_when_told(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    assert_int_equal(READ("--listen", "0.0.0.0:50051", "--db", "sqlite:///x"), AVSP_INVALID);
    assert_non_null(strstr(err.text, "--insecure"));
    assert_int_equal(READ("--listen", "0.0.0.0:50051", "--db", "sqlite:///x", "--insecure"),
                     AVSP_OK);
    assert_string_equal(config.listen, "0.0.0.0:50051");
    assert_false(config.asks_callers);
    // Both are needed: that nobody listens in, and that callers say who they are.
    assert_int_equal(READ("--listen=0.0.0.0:1", "--db=sqlite:///x", "--auth", "always"),
                     AVSP_INVALID);
    assert_int_equal(READ("--listen=0.0.0.0:1", "--db=sqlite:///x", "--tls-cert=c", "--tls-key=k",
                          "--auth", "never"),
                     AVSP_INVALID);
    assert_int_equal(READ("--listen=0.0.0.0:1", "--db=sqlite:///x", "--tls-cert=c", "--tls-key=k"),
                     AVSP_OK);
    assert_true(config.asks_callers);
    assert_int_equal(READ("--db=sqlite:///x", "--auth=always"), AVSP_OK);
    assert_true(config.asks_callers);
    assert_int_equal(READ("--db=sqlite:///x", "--auth=sometimes"), AVSP_INVALID);
}

static void numbers_and_levels_are_checked(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    assert_int_equal(READ("--db=sqlite:///x", "--lease-seconds", "2", "--max-attempts", "1"),
                     AVSP_OK);
    assert_int_equal(config.lease_ms, 2000);
    assert_int_equal(config.max_attempts, 1);
    assert_int_equal(config.ready_fd, -1);
    assert_int_equal(READ("--db=sqlite:///x", "--lease-seconds", "0"), AVSP_INVALID);
    assert_int_equal(READ("--db=sqlite:///x", "--max-attempts", "many"), AVSP_INVALID);
    assert_int_equal(READ("--db=sqlite:///x", "--log-level", "loud"), AVSP_INVALID);
    assert_int_equal(READ("--db=sqlite:///x", "--log-format", "xml"), AVSP_INVALID);
    assert_int_equal(READ("--db=sqlite:///x", "--ready-fd", "1000"), AVSP_INVALID);
    assert_int_equal(READ("--db=sqlite:///x", "an argument"), AVSP_INVALID);
}

static void what_others_use_is_not_taken_over(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    assert_int_equal(READ("--db=sqlite:///x", "--take-over"), AVSP_OK);
    assert_int_equal(READ("--db=postgresql:///x", "--take-over"), AVSP_INVALID);
    assert_non_null(strstr(err.text, "--take-over"));
}

static void the_default_database_is_private(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    char home[] = "/tmp/avspl1t-test-XXXXXX";
    assert_non_null(mkdtemp(home));
    setenv("HOME", home, 1);
    unsetenv("XDG_STATE_HOME");
    char wanted[300];
    char folder[200];
    snprintf(wanted, sizeof wanted, "sqlite://%s/.local/state/avspl1t/coordinator.db", home);
    snprintf(folder, sizeof folder, "%s/.local/state/avspl1t", home);
    assert_int_equal(READ("--lease-seconds", "5"), AVSP_OK);
    assert_string_equal(config.db_url, wanted);
    struct stat st;
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    setenv("XDG_STATE_HOME", folder, 1);
    assert_int_equal(READ("--lease-seconds", "5"), AVSP_OK);
    snprintf(wanted, sizeof wanted, "sqlite://%s/avspl1t/coordinator.db", folder);
    assert_string_equal(config.db_url, wanted);
    for (int i = 0; i < 5; i++) {
        static const char *const made[] = {"/.local/state/avspl1t/avspl1t", "/.local/state/avspl1t",
                                           "/.local/state", "/.local", ""};
        snprintf(folder, sizeof folder, "%s%s", home, made[i]);
        assert_int_equal(rmdir(folder), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_this_machine_is_loopback),
        cmocka_unit_test(beyond_it_only_when_told),
        cmocka_unit_test(numbers_and_levels_are_checked),
        cmocka_unit_test(what_others_use_is_not_taken_over),
        cmocka_unit_test(the_default_database_is_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
