/// The whole worker in this process, against a coordinator that does as the test says, with a media program that does as its
/// input says (misbehaver.c).
#include "rpc/server.h"
#include "worker/worker.h"

#include "util/time.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static const char *misbehaver;

#define TASKS_MAX 256

/// The coordinator of a test, and what it saw.
struct coordinator {
    pthread_mutex_t lock;
    struct avsp_server *server;
    char root[64];
    const char *what; ///< input of every task; "encode" and "grow" get the task's number behind it
    unsigned n_tasks;
    unsigned n_claimed;
    unsigned n_finished;
    unsigned n_succeeded;
    unsigned n_released;
    unsigned n_beats;
    unsigned n_same_claim;             ///< claims that came again with their id
    bool slow_claim;                   ///< the first task is handed out after the worker's signal
    bool was_signaled;                 ///< the worker got it
    bool is_held;                      ///< the task of the slow claim was given and not handed back
    unsigned refuse_claims;            ///< so many are answered with UNAVAILABLE
    unsigned refuse_finishes;          ///< likewise
    enum avsp_code finish_code;        ///< what a finish is answered with; OK
    struct avsp_attempt_status status; ///< what a heartbeat is answered with
    char claim_id[AVSP_ID_BYTES];
    enum avsp_code failure;
    bool may_retry;
    char log_tail[AVSP_LOG_TAIL_MAX_BYTES + 1];
    char message[AVSP_TEXT_MAX_BYTES];
    long pages_early, pages_late; ///< resident, after 50 and 200 tasks
    unsigned fds_early, fds_late;
    int signal_when_claimed; ///< sent to the worker once something runs; 0 = none
    unsigned done_after;     ///< SIGTERM after so many finishes, releases or lost attempts
};

static struct coordinator co;
static atomic_bool fsync_hangs; ///< until an attempt has ended

#pragma GCC visibility push(default)

/// In front of libc's: storage that does not answer.
int fsync(int fd)
{
    bool hangs = atomic_load(&fsync_hangs);
    while (hangs) {
        usleep(10000);
        pthread_mutex_lock(&co.lock);
        hangs = co.n_finished == 0;
        pthread_mutex_unlock(&co.lock);
    }
    return (int)syscall(SYS_fsync, fd);
}

#pragma GCC visibility pop

static long resident_pages(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char line[128];
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    return strtol(strchr(line, ' '), NULL, 10);
}

static unsigned n_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static struct avsp_location fs(struct avsp_arena *arena, const char *name, const char *ending)
{
    const char *path = avsp_arena_printf(arena, "%s/%s%s", co.root, name, ending);
    return avsp_location_fs(path);
}

static void make_task(struct avsp_arena *arena, unsigned i, struct avsp_task *ret_task)
{
    const char *id = avsp_arena_printf(arena, "task-%u", i);
    struct avsp_location input = fs(arena, id, ".piece");
    FILE *f = fopen(input.path, "we");
    if (strcmp(co.what, "encode") == 0 || strcmp(co.what, "grow") == 0)
        fprintf(f, "%s%u", co.what, i);
    else
        fputs(co.what, f);
    fclose(f);
    *ret_task = (struct avsp_task){
        .id = id,
        .job_id = "job",
        .kind = AVSP_TASK_ENCODE,
        .token = {1, 5},
        .lease_ms = 2000,
        .input = input,
        .work = fs(arena, "work", ""),
        .output = fs(arena, "out", ""),
        .idx = i,
        .segment_seconds = 2,
        .crf = 30,
        .preset = 8,
        .described = true,
    };
}

/// Until the worker has got its signal, and time to break its question off.
static void wait_for_the_signal(void)
{
    bool was_signaled = false;
    while (!was_signaled) {
        usleep(5000);
        pthread_mutex_lock(&co.lock);
        was_signaled = co.was_signaled;
        pthread_mutex_unlock(&co.lock);
    }
    usleep(150000);
}

static enum avsp_code claim(void *opaque, const struct avsp_claim *claim, struct avsp_arena *arena,
                            struct avsp_task *ret_task, struct avsp_err *err)
{
    (void)opaque;
    enum avsp_code rc = AVSP_OK;
    bool is_late = false;
    pthread_mutex_lock(&co.lock);
    if (co.slow_claim && co.n_claimed > 0) {
        // The same question, the same task: also where it was handed back meanwhile, then for a new attempt.
        bool is_same = strcmp(co.claim_id, claim->claim_id) == 0;
        co.n_same_claim += is_same;
        *ret_task = (struct avsp_task){0};
        if (is_same)
            make_task(arena, 0, ret_task);
        co.is_held |= is_same;
    } else if ((claim->worker.kinds & 1u << AVSP_TASK_ENCODE) == 0) {
        *ret_task = (struct avsp_task){0};
    } else if (co.refuse_claims > 0) {
        co.refuse_claims--;
        snprintf(co.claim_id, sizeof co.claim_id, "%s", claim->claim_id);
        rc = avsp_err_set(err, AVSP_UNAVAILABLE, "not now");
    } else if (co.n_claimed < co.n_tasks) {
        co.n_same_claim += strcmp(co.claim_id, claim->claim_id) == 0;
        snprintf(co.claim_id, sizeof co.claim_id, "%s", claim->claim_id);
        is_late = co.is_held = co.slow_claim;
        make_task(arena, co.n_claimed++, ret_task);
    } else {
        *ret_task = (struct avsp_task){0};
    }
    pthread_mutex_unlock(&co.lock);
    if (is_late)
        wait_for_the_signal();
    return rc;
}

static enum avsp_code heartbeat(void *opaque, const char *worker_id, const char *task_id,
                                struct avsp_token token, const struct avsp_progress *progress,
                                struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    (void)opaque, (void)worker_id, (void)task_id, (void)token, (void)progress, (void)err;
    pthread_mutex_lock(&co.lock);
    co.n_beats++;
    *ret_status = co.status;
    pthread_mutex_unlock(&co.lock);
    return AVSP_OK;
}

static void note_finish(const struct avsp_finish *finish)
{
    co.n_finished++;
    co.n_succeeded += finish->succeeded;
    if (!finish->succeeded) {
        co.failure = finish->failure.code;
        co.may_retry = finish->failure.may_retry;
        snprintf(co.log_tail, sizeof co.log_tail, "%s", finish->failure.log_tail);
        snprintf(co.message, sizeof co.message, "%s", finish->failure.message);
    }
    if (co.n_finished == 50) {
        co.pages_early = resident_pages();
        co.fds_early = n_descriptors();
    }
    if (co.n_finished == 200) {
        co.pages_late = resident_pages();
        co.fds_late = n_descriptors();
    }
}

static enum avsp_code finish(void *opaque, const struct avsp_finish *finish, struct avsp_err *err)
{
    (void)opaque;
    enum avsp_code rc = AVSP_OK;
    pthread_mutex_lock(&co.lock);
    if (co.refuse_finishes > 0) {
        co.refuse_finishes--;
        rc = avsp_err_set(err, AVSP_UNAVAILABLE, "not now");
    } else {
        note_finish(finish);
        if (co.finish_code != AVSP_OK)
            rc = avsp_err_set(err, co.finish_code, "refused");
    }
    pthread_mutex_unlock(&co.lock);
    return rc;
}

static enum avsp_code release(void *opaque, const char *worker_id, const char *task_id,
                              struct avsp_token token, struct avsp_err *err)
{
    (void)opaque, (void)worker_id, (void)task_id, (void)token, (void)err;
    pthread_mutex_lock(&co.lock);
    co.n_released++;
    co.is_held = false;
    pthread_mutex_unlock(&co.lock);
    return AVSP_OK;
}

static enum avsp_code authenticate(void *opaque, const struct avsp_credentials *shown,
                                   struct avsp_caller *ret_caller, struct avsp_err *err)
{
    (void)opaque, (void)shown, (void)err;
    *ret_caller = (struct avsp_caller){.access = AVSP_ACCESS_WORKER};
    return AVSP_OK;
}

static void claim_many(void *opaque, struct avsp_claim_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i].rc = claim(opaque, items[i].claim, items[i].arena, &items[i].task, &items[i].err);
}

static void heartbeat_many(void *opaque, struct avsp_beat_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i].rc = heartbeat(opaque, items[i].worker_id, items[i].task_id, items[i].token,
                                &items[i].progress, &items[i].status, &items[i].err);
}

static void finish_many(void *opaque, struct avsp_finish_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i].rc = finish(opaque, items[i].finish, &items[i].err);
}

static const struct avsp_service_ops ops = {.authenticate = authenticate,
                                            .claim_many = claim_many,
                                            .heartbeat_many = heartbeat_many,
                                            .finish_many = finish_many,
                                            .release = release};

static struct avsp_mono test_deadline;

/// The test's hand on the worker: what it gets for a signal.
static int next_signal(int ms)
{
    usleep((useconds_t)AVSP_MIN(ms, 20) * 1000);
    pthread_mutex_lock(&co.lock);
    int sig = 0;
    if (co.signal_when_claimed != 0 && co.n_claimed > 0 && (co.n_beats > 0 || co.slow_claim))
        sig = co.signal_when_claimed;
    else if (co.done_after > 0 && co.n_finished + co.n_released >= co.done_after)
        sig = SIGTERM;
    else if (avsp_mono_passed(test_deadline))
        sig = SIGINT;
    co.was_signaled |= sig != 0;
    pthread_mutex_unlock(&co.lock);
    return sig;
}

/// The first one alone: a second SIGTERM would end the drain.
static int one_signal(int ms)
{
    int sig = next_signal(ms);
    pthread_mutex_lock(&co.lock);
    if (sig == SIGTERM)
        co.signal_when_claimed = 0;
    pthread_mutex_unlock(&co.lock);
    return sig;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    co = (struct coordinator){.what = "encode", .n_tasks = 1, .done_after = 1};
    pthread_mutex_init(&co.lock, NULL);
    snprintf(co.root, sizeof co.root, "/tmp/avspl1t-test-XXXXXX");
    assert_non_null(mkdtemp(co.root));
    struct avsp_server_options options = {.listen = "127.0.0.1:0"};
    struct avsp_err err = {0};
    co.server = avsp_server_start(&options, &ops, NULL, &err);
    if (co.server == NULL)
        fail_msg("%s", err.text);
    test_deadline = avsp_mono_in_ms(60000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    avsp_server_stop(co.server, 0, 2000);
    nftw(co.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void configure(struct avsp_worker_config *config, char target[32], char work[96])
{
    snprintf(target, 32, "127.0.0.1:%d", avsp_server_port(co.server));
    snprintf(work, 96, "%s/tmp", co.root);
    *config = (struct avsp_worker_config){.coordinator = target,
                                          .id = "worker",
                                          .host = "host",
                                          .slots = 1,
                                          .threads = 1,
                                          .work_dir = work,
                                          .memory_bytes = UINT64_C(4) << 30,
                                          .task_ms = 60000,
                                          .stall_ms = 60000,
                                          .idle_ms = -1};
    snprintf(config->media_program, sizeof config->media_program, "%s", misbehaver);
    avsp_log_set_level(AVSP_LOG_ERROR);
}

/// Runs the worker until the test's signal; nothing may be left in its work folder.
static void work(int64_t drain_ms, uint64_t work_bytes, unsigned slots)
{
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    config.drain_ms = drain_ms;
    config.work_bytes = work_bytes;
    config.slots = slots;
    int status = -1;
    struct avsp_err err = {0};
    if (avsp_worker_run(&config, next_signal, &status, &err) != AVSP_OK)
        fail_msg("%s", err.text);
    assert_int_equal(status, 0);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        assert_true(e->d_name[0] == '.' || strcmp(e->d_name, "lock") == 0);
    closedir(dir);
}

static bool exists(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", co.root, name);
    return access(path, F_OK) == 0;
}

static void a_segment_is_published_and_its_piece_goes(void **state)
{
    (void)state;
    work(5000, 0, 1);
    assert_int_equal(co.n_succeeded, 1);
    assert_true(exists("out/v0/00000-0123456789abcdef.m4s"));
    assert_true(exists("out/v0/init-0123456789abcdef.mp4"));
    assert_false(exists("task-0.piece"));
    assert_true(co.n_beats > 0);
}

static void hundreds_of_tasks_take_no_more_than_a_few(void **state)
{
    (void)state;
    co.n_tasks = co.done_after = 200;
    work(5000, 0, 2);
    assert_int_equal(co.n_succeeded, 200);
    assert_in_range(co.fds_late, 1, co.fds_early + 8);
#ifndef __SANITIZE_ADDRESS__ // it keeps what was freed for a while
    long grown = (co.pages_late - co.pages_early) * sysconf(_SC_PAGESIZE);
    if (grown > 2 << 20)
        fail_msg("150 tasks more took %ld bytes more", grown);
#endif
}

static void little_temporary_storage_is_waited_for(void **state)
{
    (void)state;
    co.n_tasks = co.done_after = 8;
    work(5000, 1 << 20, 4);
    assert_int_equal(co.n_succeeded, 8);
}

/// Both begin, for 4 MiB are expected; then there is room for one, and the other is handed back.
static void of_two_that_take_more_than_expected_one_goes_on(void **state)
{
    (void)state;
    co.what = "grow";
    co.n_tasks = 2;
    co.done_after = 2;
    work(5000, 10 << 20, 2);
    assert_int_equal(co.n_released, 1);
    assert_int_equal(co.n_succeeded, 1);
}

static void what_needs_more_than_there_can_be_fails(void **state)
{
    (void)state;
    co.what = "grow";
    work(5000, 5 << 20, 1);
    assert_int_equal(co.failure, AVSP_LIMIT);
    assert_non_null(strstr(co.message, "5 MiB of --work-limit"));
}

static void an_unanswered_claim_is_the_same_claim_again(void **state)
{
    (void)state;
    co.refuse_claims = 2;
    work(5000, 0, 1);
    assert_int_equal(co.n_succeeded, 1);
    assert_int_equal(co.n_same_claim, 1);
}

static void a_result_waits_for_the_coordinator(void **state)
{
    (void)state;
    co.refuse_finishes = 3;
    work(5000, 0, 1);
    assert_int_equal(co.n_succeeded, 1);
    assert_false(exists("task-0.piece"));
}

static void a_crash_is_reported_with_its_log(void **state)
{
    (void)state;
    co.what = "log";
    work(5000, 0, 1);
    assert_int_equal(co.n_finished, 1);
    assert_int_equal(co.n_succeeded, 0);
    assert_int_equal(co.failure, AVSP_INTERNAL);
    assert_true(co.may_retry);
    assert_non_null(strstr(co.log_tail, "line 19999"));
    assert_true(exists("task-0.piece"));
    assert_false(exists("out/v0"));
}

static void damage_is_not_tried_again(void **state)
{
    (void)state;
    co.what = "failed";
    work(5000, 0, 1);
    assert_int_equal(co.failure, AVSP_CORRUPT);
    assert_false(co.may_retry);
    assert_string_equal(co.message, "the file is damaged");
}

static void what_is_not_as_reported_is_not_published(void **state)
{
    (void)state;
    co.what = "wrong-size";
    work(5000, 0, 1);
    assert_int_equal(co.failure, AVSP_INTERNAL);
    assert_false(exists("out/v0/00000-0123456789abcdef.m4s"));
}

static void refuses(const char *what)
{
    co.what = what;
    work(5000, 0, 1);
    assert_int_equal(co.failure, AVSP_INTERNAL);
    assert_int_equal(co.n_succeeded, 0);
    assert_false(exists("out/v0/00000-0123456789abcdef.m4s"));
    assert_false(exists("out/v0/900000-0123456789abcdef.m4s"));
}

static void a_link_is_not_published(void **state)
{
    (void)state;
    refuses("link");
}

static void another_name_of_a_file_is_not_published(void **state)
{
    (void)state;
    refuses("hard-link");
}

static void a_pipe_is_not_published(void **state)
{
    (void)state;
    refuses("fifo");
}

static void a_segment_out_of_place_is_not_published(void **state)
{
    (void)state;
    refuses("far-away");
}

static void a_step_cannot_hand_its_task_back(void **state)
{
    (void)state;
    refuses("canceled");
    assert_int_equal(co.n_released, 0);
}

/// Its thread cannot be ended, and its heartbeats would go on for ever.
static void a_task_that_hangs_in_storage_is_given_up(void **state)
{
    (void)state;
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    config.stall_ms = 1000;
    config.drain_ms = 30000;
    int status = -1;
    struct avsp_err err = {0};
    atomic_store(&fsync_hangs, true);
    enum avsp_code rc = avsp_worker_run(&config, next_signal, &status, &err);
    atomic_store(&fsync_hangs, false);
    if (rc != AVSP_OK)
        fail_msg("%s", err.text);
    assert_int_equal(co.n_finished, 1);
    assert_int_equal(co.n_succeeded, 0);
    assert_int_equal(co.failure, AVSP_TIMEOUT);
    assert_true(co.may_retry);
    assert_non_null(strstr(co.message, "no progress for 1 seconds on worker worker"));
    assert_true(co.n_beats > 0);
}

static void a_stop_hands_back_at_once(void **state)
{
    (void)state;
    co.what = "hang";
    co.signal_when_claimed = SIGINT;
    struct avsp_mono start = avsp_mono_now();
    work(60000, 0, 1);
    assert_in_range(avsp_mono_now().us - start.us, 0, 3000000);
    assert_int_equal(co.n_released, 1);
    assert_int_equal(co.n_finished, 0);
}

static void a_drain_ends_and_then_hands_back(void **state)
{
    (void)state;
    co.what = "hang";
    co.signal_when_claimed = SIGTERM;
    work(0, 0, 1);
    assert_int_equal(co.n_released, 1);
}

/// As long as --drain-seconds allows, and no longer.
static void a_drain_lets_tasks_run_for_a_while(void **state)
{
    (void)state;
    co.what = "hang";
    co.signal_when_claimed = SIGTERM;
    struct avsp_mono start = avsp_mono_now();
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    config.drain_ms = 1500;
    int status = -1;
    struct avsp_err err = {0};
    assert_int_equal(avsp_worker_run(&config, one_signal, &status, &err), AVSP_OK);
    assert_true(avsp_mono_now().us - start.us >= 1500000);
    assert_int_equal(co.n_released, 1);
    assert_int_equal(co.n_finished, 0);
}

/// By the server, too, where it sees in time that the worker went; then the worker's question brings it once more.
static void a_task_whose_claim_was_broken_off_is_handed_back(void **state)
{
    (void)state;
    co.slow_claim = true;
    co.signal_when_claimed = SIGTERM;
    work(5000, 0, 1);
    assert_int_equal(co.n_same_claim, 1);
    assert_false(co.is_held);
    assert_in_range(co.n_released, 1, 2);
    assert_int_equal(co.n_finished, 0);
}

static int signal_when_beats(int ms)
{
    usleep((useconds_t)ms * 1000);
    pthread_mutex_lock(&co.lock);
    // The beat that says it is over, and time for the worker to drop the task: then there are no more.
    static unsigned last, quiet;
    quiet = co.n_beats > 0 && co.n_beats == last ? quiet + 1 : 0;
    last = co.n_beats;
    int sig = quiet > 15 || avsp_mono_passed(test_deadline) ? SIGINT : 0;
    pthread_mutex_unlock(&co.lock);
    return sig;
}

static void run_until_quiet(void)
{
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    int status = -1;
    struct avsp_err err = {0};
    assert_int_equal(avsp_worker_run(&config, signal_when_beats, &status, &err), AVSP_OK);
    assert_false(avsp_mono_passed(test_deadline));
    assert_int_equal(co.n_finished, 0);
    assert_int_equal(co.n_released, 0);
}

static void a_canceled_task_is_dropped(void **state)
{
    (void)state;
    co.what = "hang";
    co.status.canceled = true;
    run_until_quiet();
}

static void a_task_that_another_has_is_dropped(void **state)
{
    (void)state;
    co.what = "hang";
    co.status.lease_lost = true;
    run_until_quiet();
}

static void a_stale_result_keeps_the_piece(void **state)
{
    (void)state;
    co.finish_code = AVSP_CONFLICT;
    work(5000, 0, 1);
    assert_int_equal(co.n_finished, 1);
    assert_true(exists("task-0.piece"));
}

static void a_batch_run_ends_by_itself(void **state)
{
    (void)state;
    co.n_tasks = 3;
    co.done_after = 0;
    struct avsp_worker_config config;
    char target[32], folder[96];
    configure(&config, target, folder);
    int status = -1;
    struct avsp_err err = {0};
    config.once = true;
    assert_int_equal(avsp_worker_run(&config, next_signal, &status, &err), AVSP_OK);
    assert_int_equal(co.n_succeeded, 1);
    config.once = false;
    config.idle_ms = 1500; // a busy machine takes part of it to connect
    assert_int_equal(avsp_worker_run(&config, next_signal, &status, &err), AVSP_OK);
    assert_int_equal(co.n_succeeded, 3);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    misbehaver = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_segment_is_published_and_its_piece_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(hundreds_of_tasks_take_no_more_than_a_few, setup, teardown),
        cmocka_unit_test_setup_teardown(little_temporary_storage_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(of_two_that_take_more_than_expected_one_goes_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_needs_more_than_there_can_be_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unanswered_claim_is_the_same_claim_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_result_waits_for_the_coordinator, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_is_reported_with_its_log, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_not_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_as_reported_is_not_published, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_not_published, setup, teardown),
        cmocka_unit_test_setup_teardown(another_name_of_a_file_is_not_published, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pipe_is_not_published, setup, teardown),
        cmocka_unit_test_setup_teardown(a_segment_out_of_place_is_not_published, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_cannot_hand_its_task_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_task_that_hangs_in_storage_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_hands_back_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_drain_ends_and_then_hands_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_drain_lets_tasks_run_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(a_task_whose_claim_was_broken_off_is_handed_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_canceled_task_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_task_that_another_has_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stale_result_keeps_the_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_run_ends_by_itself, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
