/// Page tokens and ids as a peer gives them back to the store (db/store.h). Input: token, task or job id, a line each.
#include "db/store.h"
#include "fuzz.h"

#include <stdio.h>
#include <unistd.h>

static struct avsp_store *store;
static char job_id[AVSP_ID_BYTES];
static char folder[] = "/tmp/avspl1t-fuzz-XXXXXX";

static void remove_database(void)
{
    avsp_store_close(store);
    static const char *const names[] = {"db", "db-wal", "db-shm"};
    char path[64];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    AVSP_ASSERT(mkdtemp(folder) != NULL);
    char url[64];
    snprintf(url, sizeof url, "sqlite://%s/db", folder);
    struct avsp_err err = {0};
    const struct avsp_store_options options = {.lease_ms = 30000, .max_attempts = 3};
    store = avsp_store_open(url, &options, &err);
    AVSP_ASSERT(store != NULL);
    atexit(remove_database);
    const struct avsp_job_spec spec = {
        .input = avsp_location_fs("/in"),
        .work = avsp_location_fs("/work"),
        .output = avsp_location_fs("/out"),
        .segment_seconds = 4,
        .crf = 30,
        .preset = 8,
        .idempotency_key = "",
    };
    enum avsp_code rc = avsp_store_submit(store, &spec, job_id, &err);
    AVSP_ASSERT(rc == AVSP_OK);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *AVSP_CLEANUP(avsp_free_ptr) page = fuzz_line(&data, &size);
    char *AVSP_CLEANUP(avsp_free_ptr) id = fuzz_line(&data, &size);
    if (page == NULL)
        return 0;
    const char *task_id = id != NULL && id[0] != '\0' ? id : job_id;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 16 << 20);
    struct avsp_err err = {0};
    struct avsp_job job;
    struct avsp_job_page jobs;
    struct avsp_outputs_page outputs;
    const struct avsp_job_filter filter = {.limit = 10, .page = page};
    const struct avsp_outputs_query query = {
        .task_id = task_id, .page = page, .token = {.attempt = 1, .nonce = 1}};
    enum avsp_code rc = avsp_store_list_jobs(store, &filter, &arena, &jobs, &err);
    AVSP_ASSERT(rc == AVSP_OK || rc == AVSP_INVALID);
    rc = avsp_store_list_outputs(store, &query, &arena, &outputs, &err);
    AVSP_ASSERT(rc == AVSP_NOT_FOUND || rc == AVSP_INVALID || rc == AVSP_CONFLICT);
    rc = avsp_store_get_job(store, task_id, &arena, &job, &err);
    AVSP_ASSERT(rc == AVSP_OK || rc == AVSP_NOT_FOUND);
    return 0;
}
