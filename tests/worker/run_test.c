/// An attempt that takes what it needs, with storage that the test plays.
#include "worker/run.h"

#include "../cmocka_all.h"
#include "storage/backend.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define LIMIT ((uint64_t)16 << 20)
#define KEPT ((uint64_t)8 << 20)

static struct avsp_worker worker;
static struct avsp_run run;
static uint64_t used_bytes; ///< of temporary storage, when the copy was made
static atomic_bool is_over;

static enum avsp_code copy(struct avsp_reader *reader, int fd, const struct avsp_watch *watch,
                           struct avsp_err *err)
{
    (void)reader, (void)fd, (void)watch, (void)err;
    used_bytes = run.reserved_bytes;
    return AVSP_OK;
}

static const struct avsp_backend backend = {.fetch = copy};

/// A split that waits for its encoders: it gives way where another task needs what it keeps.
static void *give_way(void *opaque)
{
    uint64_t *kept_bytes = opaque;
    while (!avsp_slots_is_crowded(&worker.slots) && !atomic_load(&is_over))
        usleep(1000);
    avsp_slots_go_on(&worker.slots, *kept_bytes);
    avsp_slots_release(&worker.slots, kept_bytes, *kept_bytes);
    return NULL;
}

static bool never(void *opaque)
{
    (void)opaque;
    return false;
}

/// Fetches an input of so many bytes, while a split keeps KEPT.
static enum avsp_code fetch(uint64_t bytes, struct avsp_err *err)
{
    static const struct avsp_task task = {.kind = AVSP_TASK_ENCODE};
    static const struct avsp_worker_config config = {.slots = 1, .work_bytes = LIMIT};
    char folder[] = "/tmp/avspl1t-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    worker = (struct avsp_worker){.config = &config};
    run = (struct avsp_run){.worker = &worker, .task = &task};
    snprintf(run.attempt.path, sizeof run.attempt.path, "%s", folder);
    avsp_slots_init(&worker.slots, 1, LIMIT);
    uint64_t kept_bytes = 0;
    assert_true(avsp_slots_reserve(&worker.slots, KEPT, (struct avsp_slots_waiter){never, NULL},
                                   &kept_bytes));
    avsp_slots_keep(&worker.slots, KEPT, &kept_bytes);
    atomic_store(&is_over, false);
    pthread_t split;
    assert_int_equal(pthread_create(&split, NULL, give_way, &kept_bytes), 0);
    struct avsp_reader reader = {.backend = &backend, .bytes = bytes, .fd = -1};
    struct avsp_input input = {
        .reader = &reader, .serving = {.fd = -1}, .own_fd = -1, .bytes = bytes};
    used_bytes = 0;
    enum avsp_code rc = avsp_input_fetch(&run, &input, bytes, err);
    atomic_store(&is_over, true);
    pthread_join(split, NULL);
    if (input.own_fd >= 0)
        close(input.own_fd);
    avsp_run_release(&run);
    avsp_slots_deinit(&worker.slots);
    rmdir(folder);
    return rc;
}

static void no_copy_is_made_before_it_has_room(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    assert_int_equal(fetch(KEPT + 1, &err), AVSP_OK);
    assert_in_range(used_bytes, KEPT + 1, LIMIT);
}

static void what_can_never_have_room_is_not_copied(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    assert_int_equal(fetch(LIMIT, &err), AVSP_LIMIT);
    assert_non_null(strstr(err.text, "the 16 MiB of --work-limit"));
    assert_int_equal(used_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_copy_is_made_before_it_has_room),
        cmocka_unit_test(what_can_never_have_room_is_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
