#include "worker/child.h"

#include "util/fd.h"
#include "util/time.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *misbehaver;

/// What ends by itself ends long before this, on a busy machine too.
#define PATIENCE_MS 120000

struct fixture {
    char folder[64];
    char log_tail[AVSP_LOG_TAIL_MAX_BYTES + 1];
    struct avsp_err err;
    struct avsp_child_limits limits;
    unsigned n_segments;
    enum avsp_code answer; ///< what the report function gives for a segment
    bool stop;
    bool is_limited; ///< it asks for room
    unsigned n_asked;
};

#define LONG_S 3600
static time_t ahead_s; ///< of the clock that the test sets in front of libc's

#pragma GCC visibility push(default)

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, at);
    at->tv_sec += clock == CLOCK_MONOTONIC ? ahead_s : 0;
    return rc;
}

#pragma GCC visibility pop

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->folder, sizeof f->folder, "/tmp/avspl1t-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->limits = (struct avsp_child_limits){.wall_ms = PATIENCE_MS,
                                           .silence_ms = PATIENCE_MS,
                                           .end_ms = PATIENCE_MS,
                                           .memory_bytes = UINT64_C(4) << 30,
                                           .file_bytes = 1 << 20};
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static bool should_stop(void *opaque)
{
    return ((struct fixture *)opaque)->stop;
}

static enum avsp_code take(void *opaque, const struct avsp_report *report, struct avsp_err *err)
{
    struct fixture *f = opaque;
    if (report->kind != AVSP_REPORT_SEGMENT)
        return AVSP_OK;
    f->n_segments++;
    return f->answer == AVSP_OK ? AVSP_OK : avsp_err_set(err, f->answer, "told so");
}

/// Takes long each time; lets the child stand still in between, once; and ends it.
static enum avsp_code take_long(void *opaque, uint64_t used_bytes, bool *ret_wait,
                                struct avsp_err *err)
{
    struct fixture *f = opaque;
    (void)used_bytes, (void)err;
    ahead_s += LONG_S;
    *ret_wait = f->n_asked == 1;
    f->stop = ++f->n_asked == 4;
    return AVSP_OK;
}

static uint32_t seven_threads(void *opaque)
{
    (void)opaque;
    return 7;
}

static unsigned n_descriptors(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static enum avsp_code run(struct fixture *f, const char *what)
{
    char path[128];
    snprintf(path, sizeof path, "%s.input", f->folder);
    int AVSP_CLEANUP(avsp_fd_cleanup) input =
        open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(input >= 0);
    unlink(path);
    assert_int_equal(write(input, what, strlen(what)), strlen(what));
    int AVSP_CLEANUP(avsp_fd_cleanup) folder = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    struct avsp_step step = {.kind = AVSP_STEP_ENCODE, .max_pending = 4, .threads = 1};
    struct avsp_child child = {.program = misbehaver,
                               .input_fd = input,
                               .folder_fd = folder,
                               .step = &step,
                               .limits = f->limits,
                               .should_stop = should_stop,
                               .report = take,
                               .threads = seven_threads,
                               .room = f->is_limited ? take_long : NULL,
                               .opaque = f};
    unsigned before = n_descriptors();
    // What an earlier call left in it must not count.
    f->err = (struct avsp_err){.code = AVSP_NOT_FOUND};
    struct avsp_mono start = avsp_mono_now();
    enum avsp_code rc = avsp_child_run(&child, f->log_tail, &f->err);
    int64_t ms = (avsp_mono_now().us - start.us) / 1000 - (int64_t)f->n_asked * LONG_S * 1000;
    if (ms > PATIENCE_MS / 2)
        fail_msg("\"%s\" took %jd ms", what, (intmax_t)ms);
    assert_int_equal(n_descriptors(), before);
    if (rc != AVSP_OK)
        assert_int_equal(rc, f->err.code);
    return rc;
}

static void expect(struct fixture *f, const char *what, enum avsp_code code, const char *text)
{
    enum avsp_code rc = run(f, what);
    if (rc != code || strstr(f->err.text, text) == NULL)
        fail_msg("\"%s\" gave %s: %s", what, avsp_code_name(rc), f->err.text);
}

static void a_step_that_ends_well(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "done"), AVSP_OK);
    assert_int_equal(run(f, "encode0"), AVSP_OK);
    assert_int_equal(f->n_segments, 1);
}

static void a_step_is_told_how_many_threads_it_may_have(void **state)
{
    assert_int_equal(run(*state, "share7"), AVSP_OK);
}

static void nothing_leaks_into_the_child(void **state)
{
    struct fixture *f = *state;
    setenv("SECRET", "x", 1);
    if (run(f, "look") != AVSP_OK)
        fail_msg("%s\n%s", f->err.text, f->log_tail);
}

static void what_the_step_says_of_its_failure_counts(void **state)
{
    expect(*state, "failed", AVSP_CORRUPT, "the file is damaged");
    expect(*state, "canceled", AVSP_INTERNAL, "stopped");
}

static void an_end_without_a_word_is_a_failure(void **state)
{
    struct fixture *f = *state;
    expect(f, "silent", AVSP_INTERNAL, "exit status 0");
    expect(f, "status", AVSP_INTERNAL, "exit status 7");
    expect(f, "segv", AVSP_INTERNAL, "signal 11");
    expect(f, "killed", AVSP_NO_MEMORY, "killed from outside");
    expect(f, "cpu", AVSP_TIMEOUT, "processor time");
    expect(f, "sandbox", AVSP_CORRUPT, "outside its sandbox");
    assert_false(avsp_code_may_retry(f->err.code));
}

static void what_is_no_report_ends_it(void **state)
{
    struct fixture *f = *state;
    expect(f, "garbage", AVSP_INTERNAL, "no report");
    expect(f, "nul", AVSP_INTERNAL, "no report");
    expect(f, "endless-line", AVSP_INTERNAL, "too long");
    expect(f, "after-end", AVSP_INTERNAL, "after its end");
    expect(f, "deaf", AVSP_INTERNAL, "does not listen");
}

static void a_step_that_hangs_is_ended(void **state)
{
    struct fixture *f = *state;
    f->limits.silence_ms = 300;
    expect(f, "hang", AVSP_TIMEOUT, "no progress");
    f->limits.silence_ms = PATIENCE_MS;
    f->limits.wall_ms = 300;
    expect(f, "hang", AVSP_TIMEOUT, "not done within");
    f->limits.wall_ms = PATIENCE_MS;
    f->limits.idle_ms = 300;
    expect(f, "hang", AVSP_TIMEOUT, "did nothing at all");
    f->limits.idle_ms = 1000;
    assert_int_equal(run(f, "think"), AVSP_OK);
    f->limits.idle_ms = 0;
    f->limits.end_ms = 300;
    expect(f, "no-end", AVSP_INTERNAL, "does not end");
}

/// As that of pieces that have to be stored before there is room.
static void a_step_is_not_blamed_for_our_time(void **state)
{
    struct fixture *f = *state;
    f->is_limited = true;
    f->limits.idle_ms = PATIENCE_MS;
    expect(f, "hang", AVSP_CANCELED, "stopped");
    assert_int_equal(f->n_asked, 4);
}

static void a_step_that_takes_too_much_is_ended(void **state)
{
    struct fixture *f = *state;
    f->limits.memory_bytes = 256 << 20;
    expect(f, "memory", AVSP_LIMIT, "256 MiB of memory");
    expect(f, "file", AVSP_LIMIT, "a file of more than 1 MiB");
    f->limits.memory_bytes = (uint64_t)1 << 30;
    expect(f, "threads", AVSP_INTERNAL, "2048 threads");
}

static void it_is_stopped_when_it_is_in_vain(void **state)
{
    struct fixture *f = *state;
    f->stop = true;
    expect(f, "hang", AVSP_CANCELED, "");
}

static void a_report_that_is_refused_ends_it(void **state)
{
    struct fixture *f = *state;
    f->answer = AVSP_LIMIT;
    expect(f, "encode0", AVSP_LIMIT, "told so");
}

static void the_log_is_a_short_printable_tail(void **state)
{
    struct fixture *f = *state;
    expect(f, "log", AVSP_INTERNAL, "exit status 1");
    size_t n = strlen(f->log_tail);
    assert_true(n > 1000 && n <= AVSP_LOG_TAIL_MAX_BYTES);
    assert_non_null(strstr(f->log_tail, "line 19999 ?[31m?\n"));
    assert_memory_equal(f->log_tail, "line ", 5);
}

static void grandchildren_go_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "grandchild"), AVSP_OK);
    char path[128], text[32] = "";
    snprintf(path, sizeof path, "%s/grandchild", f->folder);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    // It was killed before our call returned; whoever inherits it reaps it in its own time: a zombie is fine.
    snprintf(path, sizeof path, "/proc/%.16s/stat", text);
    struct avsp_mono deadline = avsp_mono_in_ms(PATIENCE_MS);
    for (char stat[256] = ""; !avsp_mono_passed(deadline); usleep(1000)) {
        file = fopen(path, "re");
        if (file == NULL)
            return;
        const char *line = fgets(stat, sizeof stat, file);
        fclose(file);
        if (line == NULL || strstr(stat, ") Z ") != NULL || strstr(stat, ") X ") != NULL)
            return;
    }
    fail_msg("process %s lives on", text);
}

static void a_missing_program_is_named(void **state)
{
    struct fixture *f = *state;
    const char *right = misbehaver;
    misbehaver = "/no/such/program";
    expect(f, "done", AVSP_INTERNAL, "/no/such/program: No such file");
    misbehaver = right;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    misbehaver = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_step_that_ends_well, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_is_told_how_many_threads_it_may_have, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_leaks_into_the_child, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_step_says_of_its_failure_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_without_a_word_is_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_report_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_that_hangs_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_is_not_blamed_for_our_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_that_takes_too_much_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_stopped_when_it_is_in_vain, setup, teardown),
        cmocka_unit_test_setup_teardown(a_report_that_is_refused_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_is_a_short_printable_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(grandchildren_go_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_program_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
