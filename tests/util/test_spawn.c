#include "../cmocka_all.h"

#include "util/fd.h"
#include "util/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000

/// Runs a shell script. @return its wait status.
static int run(struct avsp_spawn *how, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    how->path = "/bin/sh";
    how->argv = argv;
    pid_t pid = 0;
    int status = 0;
    struct avsp_err err = {0};
    assert_int_equal(avsp_spawn(how, &pid, &err), AVSP_OK);
    assert_true(avsp_spawn_wait(pid, avsp_mono_in_ms(WAIT_MS), &status));
    return status;
}

static void descriptors_are_those_given(void **state)
{
    (void)state;
    int AVSP_CLEANUP(avsp_fd_cleanup) out = memfd_create("out", MFD_CLOEXEC);
    int AVSP_CLEANUP(avsp_fd_cleanup) four = memfd_create("four", MFD_CLOEXEC);
    // Given crosswise: nothing may be overwritten before it is in place.
    struct avsp_spawn how = {.cwd_fd = -1, .fds = {-1, out, out, four, out}, .n_fds = 5};
    int status = run(
        &how, "echo to-out; echo to-three >&3; echo to-four >&4; ls /proc/self/fd | tr '\\n' ' '");
    assert_int_equal(status, 0);
    char text[200] = "";
    assert_true(pread(out, text, sizeof text - 1, 0) > 0);
    // ls has one more: the folder it reads.
    assert_string_equal(text, "to-out\nto-four\n0 1 2 3 4 5 ");
    memset(text, 0, sizeof text);
    assert_true(pread(four, text, sizeof text - 1, 0) > 0);
    assert_string_equal(text, "to-three\n");
}

static void folder_limits_environment_and_signals_are_set(void **state)
{
    (void)state;
    int AVSP_CLEANUP(avsp_fd_cleanup) root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *const envp[] = {"ONLY=this", NULL};
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGINT, SIG_IGN);
    struct avsp_spawn how = {.cwd_fd = root,
                             .envp = envp,
                             .limits = {{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 77}},
                             .n_limits = 2};
    assert_int_equal(run(&how, "test \"$(pwd)\" = / && test \"$ONLY\" = this && test -z \"$HOME\""),
                     0);
    assert_int_equal(run(&how, "test \"$(ulimit -n)\" = 77"), 0);
    assert_int_equal(WTERMSIG(run(&how, "kill -TERM $$; sleep 20")), SIGTERM);
    assert_int_equal(WTERMSIG(run(&how, "kill -INT $$; sleep 20")), SIGINT);
    signal(SIGINT, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

/// As under `ulimit -v`, or a batch system.
static void a_tighter_limit_of_our_own_stays(void **state)
{
    (void)state;
    struct rlimit ours;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &ours), 0);
    ours.rlim_cur = ours.rlim_max = AVSP_MIN(ours.rlim_max, (rlim_t)65536);
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &ours), 0);
    struct avsp_spawn how = {
        .cwd_fd = -1, .limits = {{RLIMIT_MEMLOCK, (uint64_t)1 << 30}}, .n_limits = 1};
    char check[64];
    snprintf(check, sizeof check, "test \"$(ulimit -l)\" = %llu",
             (unsigned long long)ours.rlim_max / 1024);
    assert_int_equal(run(&how, check), 0);
}

static void a_missing_program_is_told_at_once(void **state)
{
    (void)state;
    const char *const argv[] = {"none", NULL};
    struct avsp_spawn how = {.path = "/nonexistent/program", .argv = argv, .cwd_fd = -1};
    pid_t pid = 0;
    struct avsp_err err = {0};
    assert_int_equal(avsp_spawn(&how, &pid, &err), AVSP_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/program"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // no zombie
}

static void a_deadline_leaves_the_child(void **state)
{
    (void)state;
    const char *const argv[] = {"sleep", "60", NULL};
    struct avsp_spawn how = {.path = "/bin/sleep", .argv = argv, .cwd_fd = -1, .own_group = true};
    pid_t pid = 0;
    int status = 0;
    struct avsp_err err = {0};
    assert_int_equal(avsp_spawn(&how, &pid, &err), AVSP_OK);
    assert_int_equal(getpgid(pid), pid);
    assert_false(avsp_spawn_wait(pid, avsp_mono_in_ms(1), &status));
    assert_int_equal(kill(-pid, SIGKILL), 0);
    assert_true(avsp_spawn_wait(pid, avsp_mono_in_ms(WAIT_MS), &status));
    char text[AVSP_SPAWN_STATUS_BYTES];
    assert_string_equal(avsp_spawn_status_text(status, text), "signal 9 (Killed)");
}

static void the_end_of_a_child_has_words(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    assert_int_equal(avsp_spawn_died(SIGSYS, &err), AVSP_CORRUPT);
    assert_non_null(strstr(err.text, "outside its sandbox"));
    assert_int_equal(avsp_spawn_died(SIGXCPU, &err), AVSP_TIMEOUT);
    assert_int_equal(avsp_spawn_died(SIGKILL, &err), AVSP_NO_MEMORY);
    assert_int_equal(avsp_spawn_died(SIGSEGV, &err), AVSP_INTERNAL);
    assert_non_null(strstr(err.text, "signal 11"));
    assert_int_equal(avsp_spawn_died(7 << 8, &err), AVSP_INTERNAL);
    assert_non_null(strstr(err.text, "exit status 7"));
}

/// A process in between starts a child that is to die with it, and dies.
static void a_child_dies_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t between = fork();
    if (between == 0) {
        const char *const argv[] = {"sleep", "600", NULL};
        struct avsp_spawn how = {.path = "/bin/sleep",
                                 .argv = argv,
                                 .cwd_fd = -1,
                                 .fds = {-1, ends[1]},
                                 .n_fds = 2,
                                 .die_with_parent = true};
        pid_t pid = 0;
        struct avsp_err err = {0};
        _exit(avsp_spawn(&how, &pid, &err) == AVSP_OK ? 0 : 1);
    }
    close(ends[1]);
    int status = 0;
    assert_true(avsp_spawn_wait(between, avsp_mono_in_ms(WAIT_MS), &status));
    assert_int_equal(status, 0);
    // The end of file comes when the last holder of the pipe, the grandchild, is gone.
    char byte;
    alarm(WAIT_MS / 1000);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    alarm(0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_those_given),
        cmocka_unit_test(folder_limits_environment_and_signals_are_set),
        cmocka_unit_test(a_tighter_limit_of_our_own_stays),
        cmocka_unit_test(a_missing_program_is_told_at_once),
        cmocka_unit_test(a_deadline_leaves_the_child),
        cmocka_unit_test(the_end_of_a_child_has_words),
        cmocka_unit_test(a_child_dies_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
