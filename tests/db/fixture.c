#include "fixture.h"

#include <ftw.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

static const char sha_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void on_changed(void *opaque, unsigned n_ready)
{
    struct fixture *fx = opaque;
    fx->n_ready += n_ready;
    fx->n_changes++;
}

static void on_job_over(void *opaque, const char *job_id, enum avsp_job_state state,
                        const char *why)
{
    struct fixture *fx = opaque;
    assert_true(avsp_id_is_valid(job_id));
    fx->n_over++;
    fx->over_state = state;
    snprintf(fx->over_why, sizeof fx->over_why, "%s", why);
}

static struct avsp_store *open_store(struct fixture *fx, bool listen)
{
    struct avsp_store_options options = {.lease_ms = LEASE_MS,
                                         .max_attempts = MAX_ATTEMPTS,
                                         .split_ahead_bytes = fx->split_ahead_bytes};
    struct avsp_err err = {0};
    if (listen) {
        options.changed = on_changed;
        options.job_over = on_job_over;
        options.opaque = fx;
    }
    struct avsp_store *store = avsp_store_open(fx->url, &options, &err);
    if (store == NULL)
        fail_msg("open: %s", err.text);
    return store;
}

const char *fixture_psql_value(struct fixture *fx, const char *sql)
{
    PGconn *conn = PQconnectdb(fx->url);
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(PQexec(conn, "SET client_min_messages = warning"));
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    const char *value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
    value = avsp_arena_strdup(&fx->arena, value);
    assert_non_null(value);
    PQclear(result);
    PQfinish(conn);
    return value;
}

void fixture_psql(struct fixture *fx, const char *sql)
{
    (void)fixture_psql_value(fx, sql);
}

/// A schema of its own for each test; the folder's name is one that nobody else has.
static void choose_database(struct fixture *fx)
{
    const char *server = getenv("AVSPL1T_TEST_POSTGRES");
    fx->is_postgres = server != NULL;
    if (!fx->is_postgres) {
        snprintf(fx->url, sizeof fx->url, "sqlite://%s/db", fx->folder);
        return;
    }
    const char *schema = strrchr(fx->folder, '/') + 1;
    char sql[128];
    snprintf(fx->url, sizeof fx->url, "%s?options=-csearch_path%%3D%%22%s%%22", server, schema);
    snprintf(sql, sizeof sql, "CREATE SCHEMA \"%s\"", schema);
    fixture_psql(fx, sql);
}

int fixture_setup(void **state)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    avsp_arena_init(&fx->arena, 256U << 20);
    snprintf(fx->folder, sizeof fx->folder, "/tmp/avspl1t-db-XXXXXX");
    assert_non_null(mkdtemp(fx->folder));
    choose_database(fx);
    fx->store = open_store(fx, true);
    *state = fx;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *fx = *state;
    avsp_store_close(fx->store);
    avsp_arena_deinit(&fx->arena);
    (void)nftw(fx->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(fx);
    return 0;
}

void fixture_reopen(struct fixture *fx)
{
    avsp_store_close(fx->store); // NULL is fine
    fx->store = open_store(fx, true);
}

struct avsp_store *fixture_open_another(struct fixture *fx)
{
    return open_store(fx, false);
}

static const char *text(struct fixture *fx, const char *fmt, ...) AVSP_PRINTF(2, 3);

static const char *text(struct fixture *fx, const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    const char *copy = avsp_arena_strdup(&fx->arena, buf);
    assert_non_null(copy);
    return copy;
}

struct avsp_location fs_file(struct fixture *fx, const char *path)
{
    return avsp_location_fs(text(fx, "%s", path));
}

struct avsp_location s3_file(struct fixture *fx, const char *key)
{
    struct avsp_location file = avsp_location_s3("bucket", text(fx, "%s", key));
    file.region = "eu-north-1";
    file.endpoint = "http://s3.test:9000";
    return file;
}

struct avsp_job_spec local_spec(struct fixture *fx, const char *name)
{
    return (struct avsp_job_spec){
        .input = fs_file(fx, "/media/in.mkv"),
        .output = fs_file(fx, text(fx, "/out/%s", name)),
        .work = fs_file(fx, text(fx, "/out/%s/.avspl1t-work", name)),
        .segment_seconds = 4,
        .crf = 30,
        .preset = 8,
        .idempotency_key = "",
    };
}

struct avsp_job_spec s3_spec(struct fixture *fx, const char *name)
{
    struct avsp_job_spec spec = local_spec(fx, name);
    spec.input = s3_file(fx, "in/film.mkv");
    spec.work = s3_file(fx, text(fx, "work/%s", name));
    spec.output = s3_file(fx, text(fx, "out/%s", name));
    struct avsp_location *all[] = {&spec.input, &spec.work, &spec.output};
    const char *names[] = {"input", "work", "output"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(all); i++) {
        all[i]->access_key_id = text(fx, "key-%s", names[i]);
        all[i]->secret_access_key.text = text(fx, SECRET "-%s", names[i]);
        all[i]->session_token.text = text(fx, SECRET "-token-%s", names[i]);
    }
    return spec;
}

const char *submit_spec(struct fixture *fx, const struct avsp_job_spec *spec)
{
    char id[AVSP_ID_BYTES];
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_submit(fx->store, spec, id, &err), err);
    return text(fx, "%s", id);
}

const char *submit(struct fixture *fx, const char *name)
{
    struct avsp_job_spec spec = local_spec(fx, name);
    return submit_spec(fx, &spec);
}

struct avsp_job get_job(struct fixture *fx, const char *job_id)
{
    struct avsp_job job = {0};
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_get_job(fx->store, job_id, &fx->arena, &job, &err), err);
    return job;
}

struct avsp_task claim_with(struct fixture *fx, const struct avsp_claim *claim)
{
    struct avsp_task task = {.kind = AVSP_TASK_CLEANUP};
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_claim(fx->store, claim, &fx->arena, &task, &err), err);
    return task;
}

struct avsp_task claim(struct fixture *fx, const char *worker)
{
    const struct avsp_claim claim = {
        .worker = {.id = worker, .host = "", .version = "", .kinds = KINDS_ALL},
        .own = true,
        .claim_id = ""};
    return claim_with(fx, &claim);
}

struct avsp_task claim_base(struct fixture *fx, const char *worker)
{
    const struct avsp_claim claim = {.worker = {.id = worker, .host = "", .version = ""},
                                     .claim_id = ""};
    struct avsp_task task = claim_with(fx, &claim);
    task.token = (struct avsp_token){0, 0}; // a base worker knows none
    return task;
}

struct avsp_attempt_status heartbeat(struct fixture *fx, const char *worker,
                                     const struct avsp_task *task)
{
    const struct avsp_progress progress = {.frames_done = 10, .frames_total = 100};
    struct avsp_attempt_status status = {0};
    struct avsp_err err = {0};
    ASSERT_OK(
        avsp_store_heartbeat(fx->store, worker, task->id, task->token, &progress, &status, &err),
        err);
    return status;
}

struct avsp_attempt_status report(struct fixture *fx, const char *worker,
                                  const struct avsp_task *task, struct avsp_outputs outputs)
{
    struct avsp_attempt_status status = {0};
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_report(fx->store, worker, task->id, task->token, &outputs, &status, &err),
              err);
    return status;
}

struct avsp_piece video_piece(struct fixture *fx, uint32_t idx, uint32_t n_segments)
{
    return (struct avsp_piece){
        .kind = AVSP_TASK_ENCODE,
        .idx = idx,
        .n_segments = n_segments,
        .in_pts = (int64_t)idx * 1000,
        .out_pts = ((int64_t)idx + n_segments) * 1000,
        .time_base = {1, 250},
        .frames = 100 * n_segments,
        .bytes = 5000,
        .file = fs_file(fx, text(fx, "/pieces/v0-%05" PRIu32 "-a1.piece", idx)),
    };
}

struct avsp_piece audio_piece(struct fixture *fx)
{
    return (struct avsp_piece){.kind = AVSP_TASK_AUDIO,
                               .out_pts = 48000,
                               .time_base = {1, 48000},
                               .bytes = 700,
                               .file = fs_file(fx, "/pieces/a0-a1.piece")};
}

struct avsp_rendition rendition_of(enum avsp_task_kind kind)
{
    bool audio = kind == AVSP_TASK_AUDIO;
    return (struct avsp_rendition){
        .name = audio ? "a0" : "v0",
        .kind = audio ? AVSP_MEDIA_AUDIO : AVSP_MEDIA_VIDEO,
        .init_name = "init-aaaaaaaaaaaaaaaa.mp4",
        .init_bytes = 800,
        .init_sha256 = sha_a,
        .codecs = audio ? "mp4a.40.2" : "av01.0.04M.08",
        .timescale = audio ? 48000 : 12800,
        .priming_ticks = audio ? 1024 : 0,
        .width_px = audio ? 0 : 1280,
        .height_px = audio ? 0 : 720,
        .frame_rate = {audio ? 0 : 25, audio ? 0 : 1},
        .video_range = audio ? "" : "SDR",
        .channels = audio ? 2 : 0,
        .language = "und",
        .title = "",
    };
}

struct avsp_segment segment_of(struct fixture *fx, enum avsp_task_kind kind, uint32_t idx)
{
    return (struct avsp_segment){
        .rendition = kind == AVSP_TASK_AUDIO ? "a0" : "v0",
        .idx = idx,
        .name = text(fx, "%05" PRIu32 "-aaaaaaaaaaaaaaaa.m4s", idx),
        .start_ticks = (int64_t)idx * 51200,
        .duration_ticks = 51200,
        .frames = 100,
        .bytes = 9000,
        .sha256 = sha_a,
        .key_bytes = kind == AVSP_TASK_AUDIO ? 0 : 400 + idx,
    };
}

struct avsp_outputs video_pieces(struct fixture *fx, uint32_t first, uint32_t n)
{
    struct avsp_piece *pieces = avsp_arena_array(&fx->arena, n, sizeof *pieces);
    assert_non_null(pieces);
    for (uint32_t i = 0; i < n; i++)
        pieces[i] = video_piece(fx, first + i, 1);
    return (struct avsp_outputs){.pieces = pieces, .n_pieces = n};
}

struct avsp_outputs encoded(struct fixture *fx, const struct avsp_task *task)
{
    struct avsp_rendition *rendition = avsp_arena_array(&fx->arena, 1, sizeof *rendition);
    struct avsp_segment *segment = avsp_arena_array(&fx->arena, 1, sizeof *segment);
    assert_true(rendition != NULL && segment != NULL);
    *rendition = rendition_of(task->kind);
    *segment = segment_of(fx, task->kind, task->idx);
    return (struct avsp_outputs){
        .renditions = rendition, .n_renditions = 1, .segments = segment, .n_segments = 1};
}

struct avsp_finish finish_of(const char *worker, const struct avsp_task *task)
{
    return (struct avsp_finish){.worker_id = worker,
                                .task_id = task->id,
                                .token = task->token,
                                .succeeded = true,
                                .failure = {.message = "", .log_tail = ""}};
}

void finish_ok(struct fixture *fx, const char *worker, const struct avsp_task *task)
{
    struct avsp_finish finish = finish_of(worker, task);
    struct avsp_err err = {0};
    struct avsp_location manifest = fs_file(fx, "/out/manifest.m3u8");
    if (task->kind == AVSP_TASK_ENCODE || task->kind == AVSP_TASK_AUDIO)
        finish.outputs = encoded(fx, task);
    if (task->kind == AVSP_TASK_MANIFEST) {
        finish.files_kind = AVSP_TASK_MANIFEST;
        finish.files = &manifest;
        finish.n_files = 1;
    }
    ASSERT_OK(avsp_store_finish(fx->store, &finish, &err), err);
}

void finish_failed(struct fixture *fx, const char *worker, const struct avsp_task *task,
                   bool may_retry, const char *message)
{
    struct avsp_finish finish = finish_of(worker, task);
    struct avsp_err err = {0};
    finish.succeeded = false;
    finish.failure = (struct avsp_failure){AVSP_CORRUPT, may_retry, message, "log line\n"};
    ASSERT_OK(avsp_store_finish(fx->store, &finish, &err), err);
}

unsigned finish_all(struct fixture *fx)
{
    unsigned n = 0;
    for (;;) {
        struct avsp_task task = claim(fx, "w");
        if (task.kind == AVSP_TASK_NONE)
            return n;
        n += task.kind == AVSP_TASK_ENCODE;
        finish_ok(fx, "w", &task);
    }
}

const char *submit_and_split(struct fixture *fx, const char *name, uint32_t n)
{
    const char *job_id = submit(fx, name);
    const struct avsp_claim ask = {
        .worker = {.id = "splitter", .kinds = 1U << AVSP_TASK_SPLIT}, .own = true, .claim_id = ""};
    struct avsp_task split = claim_with(fx, &ask);
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    assert_string_equal(split.job_id, job_id);
    struct avsp_attempt_status status = report(fx, "splitter", &split, video_pieces(fx, 0, n));
    assert_false(status.canceled || status.lease_lost);
    finish_ok(fx, "splitter", &split);
    return job_id;
}

void advance_ms(struct fixture *fx, int64_t ms)
{
    avsp_store_advance_clock(fx->store, ms);
}

void sweep(struct fixture *fx)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_sweep(fx->store, &err), err);
}

void wait_ms(struct fixture *fx, int64_t ms)
{
    sweep(fx);
    while (ms > 0) {
        int64_t step = AVSP_MIN(ms, (int64_t)1000);
        advance_ms(fx, step);
        sweep(fx);
        ms -= step;
    }
}

void retry_job(struct fixture *fx, const char *id)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_retry(fx->store, id, false, &err), err);
}

void pause_job(struct fixture *fx, const char *id)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_pause(fx->store, id, &err), err);
}

void resume_job(struct fixture *fx, const char *id)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_resume(fx->store, id, &err), err);
}

void cancel_job(struct fixture *fx, const char *id)
{
    struct avsp_err err = {0};
    ASSERT_OK(avsp_store_cancel(fx->store, id, &err), err);
}

void expect(enum avsp_code got, enum avsp_code want, struct avsp_err err, const char *text)
{
    ASSERT_CODE(got, want, err);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

void clean_up(struct fixture *fx)
{
    wait_ms(fx, 6000);
    struct avsp_task task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_CLEANUP);
    finish_ok(fx, "w", &task);
}
