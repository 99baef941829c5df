/// What a job leaves is removed, in spite of what cannot be, and by nobody who may not: unlinkat stands in front of libc's.
#include "../cmocka_all.h"

#include "core/naming.h"
#include "worker/run.h"
#include "worker/tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct avsp_worker worker;
static struct avsp_task task;
static struct avsp_arena arena;
static struct avsp_run run;
static char root[64], output[96], work[128];

static unsigned n_unlinked;
static const char *stuck; ///< so it begins what cannot be removed
static int stuck_errno;
static int verdict_after_first; ///< what a beat says once a file is gone

#pragma GCC visibility push(default)

int unlinkat(int folder, const char *name, int flags)
{
    if (stuck != NULL && flags == 0 && strncmp(name, stuck, strlen(stuck)) == 0) {
        errno = stuck_errno;
        return -1;
    }
    int rc = (int)syscall(SYS_unlinkat, folder, name, flags);
    if (rc == 0 && flags == 0 && ++n_unlinked == 1)
        atomic_store(&run.beat.verdict, verdict_after_first);
    return rc;
}

#pragma GCC visibility pop

static void make(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *c = path + strlen(root) + 1; (c = strchr(c, '/')) != NULL; *c++ = '/') {
        *c = '\0';
        (void)mkdir(path, 0700);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static bool exists(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return access(path, F_OK) == 0;
}

#define SEGMENTS "out/v0/000000-0123456789abcdef.m4s", "out/v0/000001-0123456789abcdef.m4s"
#define PIECES "out/" AVSP_WORK_NAME "/job/v-0.piece", "out/" AVSP_WORK_NAME "/job/v-1.piece"
static const char *const ours[] = {SEGMENTS, PIECES};

static size_t n_left(void)
{
    size_t n = 0;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ours); i++)
        n += exists(ours[i]);
    return n;
}

static int setup(void **state)
{
    (void)state;
    struct avsp_storage_options options = {0};
    struct avsp_err err = {0};
    snprintf(root, sizeof root, "/tmp/avspl1t-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(output, sizeof output, "%s/out", root);
    snprintf(work, sizeof work, "%s/" AVSP_WORK_NAME, output);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ours); i++)
        make(ours[i]);
    make("out/notes.txt");
    avsp_log_begin(&(struct avsp_log_options){.level = AVSP_LOG_ERROR});
    avsp_arena_init(&arena, 1 << 20);
    avsp_slots_init(&worker.slots, 1, 0);
    worker.storage = avsp_storage_new(&options, &err);
    assert_non_null(worker.storage);
    task = (struct avsp_task){.id = "task",
                              .job_id = "job",
                              .kind = AVSP_TASK_CLEANUP,
                              .work = avsp_location_fs(work),
                              .output = avsp_location_fs(output)};
    memset(&run, 0, sizeof run);
    run.worker = &worker;
    run.task = &task;
    run.arena = &arena;
    run.beat.sure_us = avsp_mono_in_ms(3600000).us;
    n_unlinked = 0;
    stuck = NULL;
    verdict_after_first = AVSP_BEAT_GO_ON;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    stuck = NULL;
    avsp_storage_free(worker.storage);
    avsp_slots_deinit(&worker.slots);
    avsp_arena_deinit(&arena);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void all_of_ours_goes_and_nothing_else(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_OK);
    assert_int_equal(n_left(), 0);
    assert_false(exists("out/v0"));
    assert_false(exists("out/" AVSP_WORK_NAME));
    assert_true(exists("out/notes.txt"));
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_OK); // what is not there is no fault
}

static void an_output_that_went_away_is_no_fault(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    char gone[96];
    snprintf(gone, sizeof gone, "%s/gone", root);
    assert_int_equal(rename(output, gone), 0);
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_OK);
    make("out"); // a file where a folder was
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_OK);
    assert_true(exists("out"));
}

static void what_somebody_else_removes_meanwhile_is_no_fault(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stuck = "000000";
    stuck_errno = ENOENT;
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_OK);
    assert_int_equal(n_left(), 1);
}

static void a_passing_fault_is_the_tasks_failure(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stuck = "v-";
    stuck_errno = EIO;
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_UNAVAILABLE);
    assert_non_null(strstr(err.text, "2 removals failed, such as: "));
    assert_non_null(strstr(err.text, ".piece: Input/output error"));
    assert_int_equal(n_left(), 2); // it kept nothing else
    stuck = NULL;
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_OK);
    assert_int_equal(n_left(), 0);
}

static void what_is_forbidden_keeps_nothing_else(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    stuck = "000000";
    stuck_errno = EACCES;
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_DENIED);
    assert_non_null(strstr(err.text, "/out/v0/000000-0123456789abcdef.m4s: Permission denied"));
    assert_int_equal(n_left(), 1);
}

static void storage_that_fails_again_and_again_is_asked_no_more(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    char name[64];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "out/v1/%06d-0123456789abcdef.m4s", i);
        make(name);
    }
    stuck = "0";
    stuck_errno = EIO;
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_UNAVAILABLE);
    assert_non_null(strstr(err.text, "4 removals failed"));
}

static void a_done_job_is_warned_of_what_is_left(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_remains left = {0};
    stuck = "v-0";
    stuck_errno = EIO;
    avsp_tidy_work(&run, &left);
    assert_int_equal(avsp_tidy_warn(&run, &left, &err), AVSP_OK);
    assert_int_equal(run.made.n_warnings, 1);
    assert_non_null(strstr(run.made.warnings[0], "/job/v-0.piece: Input/output error"));
}

static void whoever_lost_the_task_removes_nothing_more(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    verdict_after_first = AVSP_BEAT_LOST;
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_CANCELED);
    assert_int_equal(n_left(), AVSP_ARRAY_LEN(ours) - 1);
    assert_int_equal(n_unlinked, 1);
}

static void whoever_is_to_stop_removes_nothing(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    avsp_slots_set_phase(&worker.slots, AVSP_PHASE_STOP);
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_CANCELED);
    assert_int_equal(n_left(), AVSP_ARRAY_LEN(ours));
}

/// Lets a beat through after a while. @param opaque  set to what was there until then.
static void *coordinator_comes_back(void *opaque)
{
    usleep(200000);
    *(size_t *)opaque = n_left();
    atomic_store(&run.beat.sure_us, avsp_mono_in_ms(3600000).us);
    return NULL;
}

static void whoever_may_have_lost_the_task_waits_for_the_coordinator(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    pthread_t thread;
    size_t n_before = 0;
    run.beat.sure_us = avsp_mono_now().us;
    assert_int_equal(pthread_create(&thread, NULL, coordinator_comes_back, &n_before), 0);
    assert_int_equal(avsp_task_cleanup(&run, &err), AVSP_OK);
    pthread_join(thread, NULL);
    assert_int_equal(n_before, AVSP_ARRAY_LEN(ours));
    assert_int_equal(n_left(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_ours_goes_and_nothing_else),
        TEST(an_output_that_went_away_is_no_fault),
        TEST(what_somebody_else_removes_meanwhile_is_no_fault),
        TEST(a_passing_fault_is_the_tasks_failure),
        TEST(what_is_forbidden_keeps_nothing_else),
        TEST(storage_that_fails_again_and_again_is_asked_no_more),
        TEST(a_done_job_is_warned_of_what_is_left),
        TEST(whoever_lost_the_task_removes_nothing_more),
        TEST(whoever_is_to_stop_removes_nothing),
        TEST(whoever_may_have_lost_the_task_waits_for_the_coordinator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
