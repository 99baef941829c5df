#include "torture.h"

#include "inject.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/// Failures that one child tries: starting one, and looking for leaks at its end, take longer than most scenarios.
#define BATCH 32
/// Failures of one scenario, unless AVSPL1T_FULL is set: more of them are spread evenly.
#define POINTS_MAX 100
#define HANG_S 20 ///< one run of a scenario

/// What a child is doing, for the parent to see when it has died.
static struct shared {
    unsigned nth;
    bool over; ///< nothing failed: there are not so many calls
} * shared;

/// AddressSanitizer's handlers, which tell where it happened; cmocka has its own while a test runs.
static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
static struct sigaction handlers[AVSP_ARRAY_LEN(fatal_signals)];

static void restore_handlers(void)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(fatal_signals); i++)
        sigaction(fatal_signals[i], &handlers[i], NULL);
}

static unsigned count_fds(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    AVSP_ASSERT(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/// One run of the scenario. @return whether something was made to fail.
static bool run_once(const struct torture_case *c, enum inject_mode mode, unsigned nth)
{
    shared->nth = nth;
    unsigned n_fds = count_fds();
    void *fixture = c->make();
    struct avsp_err err = {0};
    inject_arm(mode, nth, c->own_memory);
    enum avsp_code rc = c->run(fixture, &err);
    bool hit = inject_disarm();
    if (rc != AVSP_OK && !hit)
        fprintf(stderr, "it failed without a cause: %s\n", err.text);
    AVSP_ASSERT(rc == AVSP_OK || hit);
    AVSP_ASSERT(rc == AVSP_OK || err.text[0] != '\0');
    if (c->check != NULL)
        c->check(fixture, rc);
    c->drop(fixture);
    unsigned n_left = count_fds();
    if (n_left != n_fds)
        fprintf(stderr, "%u descriptors before, %u after\n", n_fds, n_left);
    AVSP_ASSERT(n_left == n_fds);
    return hit;
}

/// Runs the failures first, first + step, … in a child. @return its status.
static int run_batch(const struct torture_case *c, enum inject_mode mode, unsigned first,
                     unsigned n, unsigned step)
{
    fflush(NULL);
    pid_t pid = fork();
    AVSP_ASSERT(pid >= 0);
    if (pid == 0) {
        restore_handlers();
        setenv("CMOCKA_TEST_ABORT", "1", 1); // an assertion of a fixture has no test to go back to
        for (unsigned i = 0; i < n && !shared->over; i++) {
            alarm(HANG_S);
            shared->over = !run_once(c, mode, first + i * step);
        }
        exit(0); // not _exit: LeakSanitizer looks now
    }
    int status = 0;
    AVSP_ASSERT(waitpid(pid, &status, 0) == pid);
    return status;
}

static void must_be_clean(const struct torture_case *c, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    fail_msg("%s: call %u (%s) failing: %s %d", c->name, shared->nth, inject_failed(),
             WIFSIGNALED(status) ? "ended by signal" : "exit status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/// A batch, and where something was wrong in it, each of its failures alone, to find the one.
static void try_batch(const struct torture_case *c, unsigned first, unsigned step)
{
    int status = run_batch(c, INJECT_FAIL, first, BATCH, step);
    if (status == 0)
        return;
    for (unsigned i = 0; i < BATCH; i++)
        must_be_clean(c, run_batch(c, INJECT_FAIL, first + i * step, 1, step));
    must_be_clean(c, status);
}

static void sweep(void **state)
{
    const struct torture_case *c = *state;
    memset(shared, 0, sizeof *shared);
    must_be_clean(c, run_batch(c, INJECT_FAIL, UINT_MAX, 1, 1)); // nothing fails, all is counted
    unsigned n_calls = inject_n_calls();
    unsigned step = getenv("AVSPL1T_FULL") != NULL ? 1 : 1 + n_calls / POINTS_MAX;
    must_be_clean(c, run_batch(c, INJECT_SHORT, 0, 1, 1));
    must_be_clean(c, run_batch(c, INJECT_INTERRUPT, 0, 1, 1));
    shared->over = false;
    for (unsigned first = 1; !shared->over; first += BATCH * step)
        try_batch(c, first, step);
    print_message("%s: %u calls, every %u. made to fail\n", c->name, n_calls, step);
}

int torture_run(const char *name, const struct torture_case *cases, size_t n_cases)
{
    struct CMUnitTest tests[32] = {0};
    AVSP_ASSERT(n_cases <= AVSP_ARRAY_LEN(tests));
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    AVSP_ASSERT(shared != MAP_FAILED);
    inject_arm(INJECT_NOTHING, 0, false); // shared with the children from here on
    for (size_t i = 0; i < AVSP_ARRAY_LEN(fatal_signals); i++)
        sigaction(fatal_signals[i], NULL, &handlers[i]);
    for (size_t i = 0; i < n_cases; i++)
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = sweep, .initial_state = (void *)&cases[i]};
    return _cmocka_run_group_tests(name, tests, n_cases, NULL, NULL);
}

char *torture_folder(void)
{
    char *folder = strdup("/tmp/avspl1t-torture-XXXXXX");
    AVSP_ASSERT(folder != NULL && mkdtemp(folder) != NULL);
    return folder;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

void torture_folder_remove(char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

static unsigned n_files;

static int count_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)path, (void)st, (void)type;
    n_files += where->level > 0;
    return 0;
}

unsigned torture_count_files(const char *folder)
{
    n_files = 0;
    nftw(folder, count_one, 16, FTW_PHYS);
    return n_files;
}

bool torture_file_is(const char *folder, const char *name, const char *text)
{
    char path[4096], bytes[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    return n == (ssize_t)strlen(text) && memcmp(bytes, text, (size_t)n) == 0;
}

void torture_put_file(const char *folder, const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    AVSP_ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}
