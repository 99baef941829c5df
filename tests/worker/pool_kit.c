#include "pool_kit.h"

#include "../rpc/one_by_one.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/// The next task is given out once all of these are finished: what is measured then, nothing that runs has a part in.
#define REST_AFTER 50

struct coordinator co;
atomic_bool fsync_hangs;

static const char *media_program;
static struct avsp_mono test_deadline;

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
        .token = {2, 5},
        .lease_ms = 30000,
        .input = input,
        .work = fs(arena, "work", ""),
        .output = fs(arena, "out", ""),
        .idx = i,
        .segment_seconds = 2,
        .crf = 30,
        .preset = 8,
        .described = true,
        .n_waiting = co.n_waiting,
        .n_spent = co.n_spent,
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

static enum avsp_code claim(void *opaque, const struct avsp_claim *from, struct avsp_arena *arena,
                            struct avsp_task *ret_task, struct avsp_err *err)
{
    (void)opaque;
    enum avsp_code rc = AVSP_OK;
    bool is_late = false;
    pthread_mutex_lock(&co.lock);
    if (co.slow_claim && co.n_claimed > 0) {
        // The same question, the same task: also where it was handed back meanwhile, then for a new attempt.
        bool is_same = strcmp(co.claim_id, from->claim_id) == 0;
        co.n_same_claim += is_same;
        *ret_task = (struct avsp_task){0};
        if (is_same)
            make_task(arena, 0, ret_task);
        co.is_held |= is_same;
    } else if ((from->worker.kinds & 1u << AVSP_TASK_ENCODE) == 0) {
        *ret_task = (struct avsp_task){0};
    } else if (co.refuse_claims > 0) {
        co.refuse_claims--;
        snprintf(co.claim_id, sizeof co.claim_id, "%s", from->claim_id);
        rc = avsp_err_set(err, AVSP_UNAVAILABLE, "not now");
    } else if (co.n_claimed < co.n_tasks &&
               (co.n_claimed != REST_AFTER || co.n_finished >= REST_AFTER)) {
        co.n_same_claim += strcmp(co.claim_id, from->claim_id) == 0;
        snprintf(co.claim_id, sizeof co.claim_id, "%s", from->claim_id);
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
    if (co.n_finished == REST_AFTER) {
        co.pages_early = resident_pages();
        co.fds_early = n_descriptors();
        avsp_server_wake(co.server, co.n_tasks);
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

static const struct avsp_service_ops ops = {.authenticate = authenticate,
                                            .claim_many = claim_many,
                                            .heartbeat_many = heartbeat_many,
                                            .finish_many = finish_many,
                                            .release = release};

int next_signal(int ms)
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

int one_signal(int ms)
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

int pool_setup(void **state)
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
    test_deadline = avsp_mono_in_ms(120000);
    return 0;
}

int pool_teardown(void **state)
{
    (void)state;
    avsp_server_stop(co.server, 0, 2000);
    nftw(co.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

void configure(struct avsp_worker_config *config, char target[32], char work[96])
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
    snprintf(config->media_program, sizeof config->media_program, "%s", media_program);
    avsp_log_begin(&(struct avsp_log_options){.level = AVSP_LOG_ERROR});
}

void work(int64_t drain_ms, uint64_t work_bytes, unsigned slots)
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

bool exists(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", co.root, name);
    return access(path, F_OK) == 0;
}

void pool_uses(const char *program)
{
    media_program = program;
}

bool pool_is_late(void)
{
    return avsp_mono_passed(test_deadline);
}
