/// The callers of bench/dispatch: threads that claim a task, finish it, and claim the next one, over gRPC, until so many are done.
///
///     load prepare TARGET JOBS PIECES           submits jobs and splits them: each has so many pieces then
///     load run TARGET CALLERS CYCLES SECONDS    prints one line of JSON, after so many cycles or seconds
///
/// A task is finished with what an encode has to say: an init segment and a segment. Nothing is encoded.
#include "rpc/client.h"
#include "util/parse.h"
#include "util/time.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS_MAX 1024
#define CALL_MS 30000
#define ARENA_BYTES (8 << 20)
#define WORKER "bench"

/// Durations of one kind of call, in microseconds.
struct times {
    int64_t *us;
    size_t n;
};

struct load {
    struct avsp_client *client;
    atomic_long left; ///< cycles to be begun
    struct avsp_mono until;
};

struct caller {
    struct load *load;
    pthread_t thread;
    char name[32];
    struct times claims;
    struct times finishes;
    struct avsp_err err;
};

static struct avsp_mono soon(void)
{
    return avsp_mono_in_ms(CALL_MS);
}

static struct avsp_location file(struct avsp_arena *arena, const char *folder, const char *name)
{
    struct avsp_location loc = {
        .kind = AVSP_LOCATION_FS, .bucket = "", .region = "", .endpoint = ""};
    loc.access_key_id = loc.secret_access_key.text = loc.session_token.text = "";
    loc.path = avsp_arena_printf(arena, "/bench/%s%s", folder, name);
    return loc;
}

static struct avsp_claim claim_for(const char *worker, uint32_t kinds, const char *claim_id)
{
    return (struct avsp_claim){
        .worker = {.id = worker, .host = "bench", .version = "bench", .slots = 1, .kinds = kinds},
        .own = true,
        .claim_id = claim_id,
    };
}

// --- preparing

static enum avsp_code report_pieces(struct avsp_client *client, const struct avsp_task *task,
                                    long n, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (long first = 0; rc == AVSP_OK && first < n; first += AVSP_BATCH_MAX) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, ARENA_BYTES);
        struct avsp_piece pieces[AVSP_BATCH_MAX];
        struct avsp_outputs outputs = {.pieces = pieces};
        struct avsp_attempt_status status;
        for (long i = first; i < n && i < first + AVSP_BATCH_MAX; i++) {
            const char *name = avsp_arena_printf(&arena, "/%ld", i);
            pieces[outputs.n_pieces++] = (struct avsp_piece){.kind = AVSP_TASK_ENCODE,
                                                             .idx = (uint32_t)i,
                                                             .n_segments = 1,
                                                             .in_pts = i,
                                                             .out_pts = i + 1,
                                                             .time_base = {1, 1},
                                                             .frames = 1,
                                                             .bytes = 1,
                                                             .file = file(&arena, "work", name)};
        }
        rc = avsp_client_report(client, WORKER, task->id, task->token, &outputs, &status, soon(),
                                err);
    }
    return rc;
}

static enum avsp_code prepare_job(struct avsp_client *client, long number, long n_pieces,
                                  struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    char id[AVSP_ANY_ID_BYTES];
    char claim_id[AVSP_ID_BYTES];
    char name[64];
    struct avsp_task task;
    avsp_id_new(claim_id);
    snprintf(name, sizeof name, "/%s-%ld", claim_id, number);
    const struct avsp_job_spec spec = {.input = file(&arena, "input", ""),
                                       .output = file(&arena, "output", name),
                                       .work = file(&arena, "work", name),
                                       .priority = AVSP_PRIORITY_DEFAULT,
                                       .idempotency_key = ""};
    enum avsp_code rc = avsp_client_submit(client, &spec, id, soon(), err);
    const struct avsp_claim claim = claim_for(WORKER, 1U << AVSP_TASK_SPLIT, claim_id);
    if (rc == AVSP_OK)
        rc = avsp_client_claim(client, &claim, &arena, &task, soon(), err);
    if (rc == AVSP_OK && task.kind != AVSP_TASK_SPLIT)
        rc = avsp_err_set(err, AVSP_PRECONDITION, "no split was handed out");
    if (rc == AVSP_OK)
        rc = report_pieces(client, &task, n_pieces, err);
    if (rc != AVSP_OK)
        return rc;
    const struct avsp_finish finish = {.worker_id = WORKER,
                                       .task_id = task.id,
                                       .token = task.token,
                                       .succeeded = true,
                                       .failure = {.message = "", .log_tail = ""}};
    return avsp_client_finish(client, &finish, soon(), err);
}

// --- running

/// A name of 64 hex digits that differs from task to task.
static void hash_of(uint32_t idx, char ret_hex[AVSP_SHA256_HEX_BYTES])
{
    snprintf(ret_hex, AVSP_SHA256_HEX_BYTES, "%064" PRIx32, idx);
}

static enum avsp_code finish(struct caller *caller, const struct avsp_task *task)
{
    char init[AVSP_SHA256_HEX_BYTES];
    char hash[AVSP_SHA256_HEX_BYTES];
    char name[32];
    hash_of(0, init);
    hash_of(task->idx, hash);
    snprintf(name, sizeof name, "%" PRIu32 ".m4s", task->idx);
    struct avsp_rendition rendition = {.name = "v0",
                                       .kind = AVSP_MEDIA_VIDEO,
                                       .init_name = "init.mp4",
                                       .init_bytes = 700,
                                       .init_sha256 = init,
                                       .codecs = "av01.0.04M.08",
                                       .timescale = 90000,
                                       .width_px = 1280,
                                       .height_px = 720,
                                       .frame_rate = {25, 1},
                                       .video_range = "SDR",
                                       .language = "und",
                                       .title = ""};
    struct avsp_segment segment = {.rendition = "v0",
                                   .idx = task->idx,
                                   .name = name,
                                   .start_ticks = task->idx * INT64_C(360000),
                                   .duration_ticks = 360000,
                                   .frames = 100,
                                   .bytes = 400000,
                                   .sha256 = hash};
    const struct avsp_finish result = {.worker_id = caller->name,
                                       .task_id = task->id,
                                       .token = task->token,
                                       .succeeded = true,
                                       .outputs = {.renditions = &rendition,
                                                   .n_renditions = 1,
                                                   .segments = &segment,
                                                   .n_segments = 1},
                                       .failure = {.message = "", .log_tail = ""}};
    return avsp_client_finish(caller->load->client, &result, soon(), &caller->err);
}

static enum avsp_code cycle(struct caller *caller)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    char claim_id[AVSP_ID_BYTES];
    avsp_id_new(claim_id);
    const struct avsp_claim claim = claim_for(caller->name, 1U << AVSP_TASK_ENCODE, claim_id);
    struct avsp_task task;
    const int64_t began_us = avsp_mono_now().us;
    enum avsp_code rc =
        avsp_client_claim(caller->load->client, &claim, &arena, &task, soon(), &caller->err);
    const int64_t claimed_us = avsp_mono_now().us;
    if (rc == AVSP_OK && task.kind != AVSP_TASK_ENCODE)
        rc = avsp_err_set(&caller->err, AVSP_PRECONDITION, "no task was left");
    if (rc == AVSP_OK)
        rc = finish(caller, &task);
    if (rc != AVSP_OK)
        return rc;
    caller->claims.us[caller->claims.n++] = claimed_us - began_us;
    caller->finishes.us[caller->finishes.n++] = avsp_mono_now().us - claimed_us;
    return AVSP_OK;
}

static void *run_caller(void *opaque)
{
    struct caller *caller = opaque;
    while (atomic_fetch_sub(&caller->load->left, 1) > 0 && !avsp_mono_passed(caller->load->until))
        if (cycle(caller) != AVSP_OK)
            break;
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/// All callers' durations of a kind, sorted, as percentiles in milliseconds.
static void say(const char *name, const struct caller *callers, size_t n_callers, size_t offset)
{
    struct times all = {0};
    for (size_t i = 0; i < n_callers; i++)
        all.n += ((const struct times *)((const char *)&callers[i] + offset))->n;
    all.us = calloc(all.n + 1, sizeof *all.us);
    if (all.us == NULL)
        abort();
    size_t n = 0;
    for (size_t i = 0; i < n_callers; i++) {
        const struct times *one = (const struct times *)((const char *)&callers[i] + offset);
        memcpy(all.us + n, one->us, one->n * sizeof *one->us);
        n += one->n;
    }
    qsort(all.us, all.n, sizeof *all.us, compare);
    printf("\"%s_p50\": %.3f, \"%s_p99\": %.3f", name, (double)all.us[all.n / 2] / 1000, name,
           (double)all.us[all.n * 99 / 100] / 1000);
    free(all.us);
}

static enum avsp_code run(struct avsp_client *client, long n_callers, long n_cycles, long n_seconds,
                          struct avsp_err *err)
{
    static struct caller callers[CALLERS_MAX];
    struct load load = {.client = client, .until = avsp_mono_in_ms(n_seconds * 1000)};
    size_t n_done = 0;
    atomic_init(&load.left, n_cycles);
    const int64_t began_us = avsp_mono_now().us;
    for (long i = 0; i < n_callers; i++) {
        struct caller *caller = &callers[i];
        *caller = (struct caller){.load = &load};
        caller->claims.us = calloc((size_t)n_cycles, sizeof(int64_t));
        caller->finishes.us = calloc((size_t)n_cycles, sizeof(int64_t));
        snprintf(caller->name, sizeof caller->name, WORKER "-%ld", i);
        if (caller->claims.us == NULL || caller->finishes.us == NULL ||
            pthread_create(&caller->thread, NULL, run_caller, caller) != 0)
            abort();
    }
    for (long i = 0; i < n_callers; i++) {
        pthread_join(callers[i].thread, NULL);
        if (callers[i].err.code != AVSP_OK)
            *err = callers[i].err;
        n_done += callers[i].finishes.n;
    }
    const double seconds = (double)(avsp_mono_now().us - began_us) / 1e6;
    printf("{\"cycles\": %zu, \"seconds\": %.3f, ", n_done, seconds);
    say("claim", callers, (size_t)n_callers, offsetof(struct caller, claims));
    printf(", ");
    say("finish", callers, (size_t)n_callers, offsetof(struct caller, finishes));
    printf("}\n");
    for (long i = 0; i < n_callers; i++) {
        free(callers[i].claims.us);
        free(callers[i].finishes.us);
    }
    return err->code;
}

static int usage(void)
{
    fprintf(stderr, "usage: load prepare TARGET JOBS PIECES\n"
                    "       load run TARGET CALLERS CYCLES SECONDS\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct avsp_err err = {0};
    int64_t counts[3] = {0};
    const int n_counts = argc > 1 && strcmp(argv[1], "run") == 0 ? 3 : 2;
    if (argc != 3 + n_counts)
        return usage();
    for (int i = 0; i < n_counts; i++)
        if (!avsp_parse_i64(argv[3 + i], 1, i == 0 ? CALLERS_MAX : 10000000, &counts[i]))
            return usage();
    struct avsp_client *client = avsp_client_new(argv[2], true, NULL, &err);
    if (client != NULL && n_counts == 3)
        (void)!run(client, counts[0], counts[1], counts[2], &err);
    for (int64_t i = 0; client != NULL && n_counts == 2 && err.code == AVSP_OK && i < counts[0];
         i++)
        (void)!prepare_job(client, i, counts[1], &err);
    avsp_client_free(client);
    if (err.code != AVSP_OK)
        fprintf(stderr, "load: %s\n", err.text);
    return err.code != AVSP_OK;
}
