/// How attempts end, and what follows: retries, failures, contradictions, the manifest, base workers.

#include "fixture.h"

#include <inttypes.h>
#include <string.h>

static enum avsp_code finish(struct fixture *fx, const struct avsp_finish *f, struct avsp_err *err)
{
    return avsp_store_finish(fx->store, f, err);
}

static void test_whole_job(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    (void)report(fx, "s", &split, video_pieces(fx, 0, 3));
    struct avsp_task early = claim(fx, "w"); // while the split still runs
    assert_int_equal(early.kind, AVSP_TASK_ENCODE);
    finish_ok(fx, "w", &early);
    assert_int_equal(get_job(fx, job_id).percent_complete, 0);
    struct avsp_piece sound = audio_piece(fx);
    struct avsp_finish last = finish_of("s", &split);
    last.outputs = (struct avsp_outputs){.pieces = &sound, .n_pieces = 1};
    ASSERT_OK(finish(fx, &last, &err), err);
    struct avsp_job job = get_job(fx, job_id);
    assert_true(job.split_done);
    assert_int_equal(job.frames_total, 300);
    assert_int_equal(job.frames_done, 100);
    assert_int_equal(job.percent_complete, 33);
    assert_int_equal(job.n_tasks, 5);
    for (int i = 0; i < 3; i++) {
        struct avsp_task task = claim(fx, "w");
        assert_true(task.kind == AVSP_TASK_ENCODE || task.kind == AVSP_TASK_AUDIO);
        finish_ok(fx, "w", &task);
    }
    struct avsp_task manifest = claim(fx, "w");
    assert_int_equal(manifest.kind, AVSP_TASK_MANIFEST);
    assert_true(manifest.described);
    assert_int_equal(manifest.n_files, 0);
    assert_int_equal(get_job(fx, job_id).percent_complete, 99);
    finish_ok(fx, "w", &manifest);
    finish_ok(fx, "w", &manifest); // repeated
    job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_FINISHED);
    assert_int_equal(job.percent_complete, 100);
    assert_string_equal(job.manifest.path, "/out/manifest.m3u8");
    assert_int_equal(job.tasks_done, 6);
    assert_int_equal(job.n_tasks, 6);
    assert_true(job.ended_us > 0);
    assert_int_equal(fx->n_over, 1);
    assert_int_equal(fx->over_state, AVSP_JOB_FINISHED);
    wait_ms(fx, 10000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE); // no cleanup of what succeeded
}

static void test_running_progress_counts(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_attempt_status status;
    const char *job_id = submit_and_split(fx, "a", 2);
    struct avsp_task task = claim(fx, "w");
    struct avsp_progress progress = {.frames_done = 50, .frames_total = 100, .milli_fps = 24000};
    ASSERT_OK(avsp_store_heartbeat(fx->store, "w", task.id, task.token, &progress, &status, &err),
              err);
    assert_int_equal(get_job(fx, job_id).frames_done, 50);
    assert_int_equal(get_job(fx, job_id).running[0].progress.milli_fps, 24000);
    progress.frames_done = UINT64_MAX; // nonsense counts as all of the piece
    ASSERT_OK(avsp_store_heartbeat(fx->store, "w", task.id, task.token, &progress, &status, &err),
              err);
    assert_int_equal(get_job(fx, job_id).frames_done, 100);
}

static void test_retry_with_backoff(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 1);
    for (int i = 1; i <= MAX_ATTEMPTS; i++) {
        struct avsp_task task = claim(fx, "w");
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        assert_int_equal(task.token.attempt, i);
        assert_int_equal(task.n_spent, i - 1);
        finish_failed(fx, "w", &task, true, "the disk was full");
        finish_failed(fx, "w", &task, true, "the disk was full"); // repeated: spends nothing
        assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);    // waits, until a sweep says so
        if (i < MAX_ATTEMPTS) {
            assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_RUNNING);
            fx->n_ready = 0;
            wait_ms(fx, 4000);
            assert_int_equal(fx->n_ready, 1);
        }
    }
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_FAILED);
    assert_int_equal(job.failure.code, AVSP_CORRUPT);
    assert_string_equal(job.failure.message, "the disk was full");
    assert_string_equal(job.failure.log_tail, "log line\n");
    assert_true(job.failure.may_retry);
    assert_string_equal(fx->over_why, "the disk was full");
}

static void test_what_no_retry_helps_fails_at_once(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit_and_split(fx, "a", 2);
    struct avsp_task bad = claim(fx, "w1");
    struct avsp_task good = claim(fx, "w2");
    finish_failed(fx, "w1", &bad, false, "not a video");
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_FAILED);
    assert_true(heartbeat(fx, "w2", &good).canceled);
    assert_true(report(fx, "w2", &good, encoded(fx, &good)).canceled);
    struct avsp_finish late = finish_of("w2", &good);
    late.outputs = encoded(fx, &good);
    ASSERT_CODE(finish(fx, &late, &err), AVSP_CONFLICT, err);
    late.succeeded = false;
    ASSERT_CODE(finish(fx, &late, &err), AVSP_CONFLICT, err);
    finish_failed(fx, "w1", &bad, false, "not a video");
    wait_ms(fx, 6000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_CLEANUP);
}

static void test_unknown_task(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_task ghost = {.id = "ghost", .token = {1, 1}};
    struct avsp_finish f = finish_of("w", &ghost);
    struct avsp_attempt_status status;
    struct avsp_progress progress = {0};
    struct avsp_outputs none = {0};
    ASSERT_CODE(finish(fx, &f, &err), AVSP_NOT_FOUND, err);
    ASSERT_CODE(
        avsp_store_heartbeat(fx->store, "w", "ghost", ghost.token, &progress, &status, &err),
        AVSP_NOT_FOUND, err);
    ASSERT_CODE(avsp_store_report(fx->store, "w", "ghost", ghost.token, &none, &status, &err),
                AVSP_NOT_FOUND, err);
    ghost.token.attempt = 0; // base workers do not report
    ASSERT_CODE(avsp_store_report(fx->store, "w", "ghost", ghost.token, &none, &status, &err),
                AVSP_INVALID, err);
}

static void test_results_that_do_not_fit(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    struct avsp_finish f = finish_of("s", &split);
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err); // no piece
    f.outputs = encoded(fx, &split);
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err);
    f.outputs = video_pieces(fx, 0, 1);
    ASSERT_OK(finish(fx, &f, &err), err);
    struct avsp_task encode = claim(fx, "w");
    f = finish_of("w", &encode);
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err); // no segment
    f.outputs = video_pieces(fx, 7, 1);
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err);
    f.outputs = encoded(fx, &encode);
    f.outputs.segments[0].idx = 9; // not this task's
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err);
    f.outputs.segments[0].idx = 0;
    f.outputs.segments[0].name = "../../etc/passwd";
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err);
    f.outputs = encoded(fx, &encode);
    f.outputs.segments[0].rendition = "v7";
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err);
    f.outputs = encoded(fx, &encode);
    f.outputs.renditions[0].kind = AVSP_MEDIA_AUDIO;
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err);
    f.outputs = encoded(fx, &encode);
    f.outputs.segments[0].frames = UINT64_MAX;
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err);
    finish_ok(fx, "w", &encode); // nothing of that was stored
    struct avsp_task manifest = claim(fx, "w");
    f = finish_of("w", &manifest);
    ASSERT_CODE(finish(fx, &f, &err), AVSP_INVALID, err); // no file
    finish_ok(fx, "w", &manifest);
}

static void test_pieces_out_of_range(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_attempt_status status;
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    struct avsp_piece bad[8];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        bad[i] = video_piece(fx, 3, 2);
    bad[0].kind = AVSP_TASK_MANIFEST;
    bad[1].n_segments = 0;
    bad[2].idx = AVSP_SEGMENTS_MAX;
    bad[3].n_segments = UINT32_MAX;
    bad[4].out_pts = bad[4].in_pts;
    bad[5].time_base.den = 0;
    bad[6].frames = UINT64_MAX;
    bad[7].file.kind = AVSP_LOCATION_NONE;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        struct avsp_outputs outputs = {.pieces = &bad[i], .n_pieces = 1};
        ASSERT_CODE(
            avsp_store_report(fx->store, "s", split.id, split.token, &outputs, &status, &err),
            AVSP_INVALID, err);
    }
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

static void test_reports_are_idempotent(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    for (int i = 0; i < 3; i++) {
        struct avsp_outputs outputs = video_pieces(fx, 0, 3);
        outputs.pieces[0].file = fs_file(fx, "/pieces/v0-00000-a2.piece"); // another attempt's name
        struct avsp_attempt_status status = report(fx, "s", &split, outputs);
        assert_false(status.canceled || status.lease_lost);
    }
    assert_int_equal(get_job(fx, job_id).n_tasks, 4);
    struct avsp_task encode = claim(fx, "w");
    for (int i = 0; i < 3; i++)
        assert_false(report(fx, "w", &encode, encoded(fx, &encode)).canceled);
    finish_ok(fx, "w", &encode);
    finish_ok(fx, "w", &encode);
    assert_int_equal(get_job(fx, job_id).tasks_done, 1);
}

static void expect_clash(struct fixture *fx, const char *job_id, const char *word)
{
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_FAILED);
    assert_int_equal(job.failure.code, AVSP_CONFLICT);
    assert_false(job.failure.may_retry);
    if (strstr(job.failure.message, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", job.failure.message, word);
}

static void test_another_plan_fails_the_job(void **state)
{
    struct fixture *fx = *state;
    for (int variant = 0; variant < 4; variant++) {
        char name[16];
        snprintf(name, sizeof name, "clash%d", variant);
        const char *job_id = submit(fx, name);
        struct avsp_task split = claim(fx, "s");
        struct avsp_piece first = video_piece(fx, 4, 4);
        (void)report(fx, "s", &split, (struct avsp_outputs){.pieces = &first, .n_pieces = 1});
        struct avsp_piece other = video_piece(fx, 4, 4);
        if (variant == 0)
            other.out_pts++; // another window
        else if (variant == 1)
            other = video_piece(fx, 6, 1); // within the first
        else if (variant == 2)
            other = video_piece(fx, 7, 4); // begins in it
        else
            other = video_piece(fx, 2, 3); // ends in it
        struct avsp_attempt_status status =
            report(fx, "s", &split, (struct avsp_outputs){.pieces = &other, .n_pieces = 1});
        assert_true(status.canceled);
        expect_clash(fx, job_id, "piece");
        assert_true(heartbeat(fx, "s", &split).lease_lost); // it is over for this worker
    }
}

static void test_encoders_that_differ_fail_the_job(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit_and_split(fx, "a", 2);
    struct avsp_task first = claim(fx, "w1");
    struct avsp_task second = claim(fx, "w2");
    finish_ok(fx, "w1", &first);
    struct avsp_finish f = finish_of("w2", &second);
    f.outputs = encoded(fx, &second);
    f.outputs.renditions[0].init_sha256 =
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    ASSERT_CODE(finish(fx, &f, &err), AVSP_CONFLICT, err);
    expect_clash(fx, job_id, "encoders differ");
}

static void test_segment_with_other_facts_fails_the_job(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    (void)report(fx, "w", &task, encoded(fx, &task));
    struct avsp_outputs other = encoded(fx, &task);
    other.segments[0].duration_ticks++;
    assert_true(report(fx, "w", &task, other).canceled);
    expect_clash(fx, job_id, "segment v0 0");
}

static void test_manifest_after_a_crash(void **state)
{
    struct fixture *fx = *state;
    // The finish of the last task was committed, but not what follows: the same as a job whose follow-up is undone.
    (void)submit_and_split(fx, "a", 1);
    struct avsp_task task = claim(fx, "w");
    fixture_reopen(fx);
    finish_ok(fx, "w", &task); // a token outlives the coordinator
    struct avsp_task manifest = claim(fx, "w");
    assert_int_equal(manifest.kind, AVSP_TASK_MANIFEST);
    sweep(fx);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
}

static void test_list_outputs(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const uint32_t n = 700;
    (void)submit(fx, "a");
    struct avsp_task split = claim(fx, "s");
    for (uint32_t i = 0; i < n; i += 100)
        (void)report(fx, "s", &split, video_pieces(fx, i, 100));
    struct avsp_piece sound = audio_piece(fx);
    (void)report(fx, "s", &split, (struct avsp_outputs){.pieces = &sound, .n_pieces = 1});
    finish_ok(fx, "s", &split);
    for (uint32_t i = 0; i < n + 1; i++) {
        struct avsp_task task = claim(fx, "w");
        finish_ok(fx, "w", &task);
    }
    struct avsp_task manifest = claim(fx, "w");
    assert_int_equal(manifest.kind, AVSP_TASK_MANIFEST);
    struct avsp_outputs_query query = {.task_id = manifest.id, .token = manifest.token, .page = ""};
    size_t n_renditions = 0;
    size_t n_segments = 0;
    uint32_t next_video = 0;
    do {
        struct avsp_outputs_page page;
        ASSERT_OK(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err), err);
        for (size_t i = 0; i < page.outputs.n_renditions; i++, n_renditions++)
            assert_string_equal(page.outputs.renditions[i].name, n_renditions == 0 ? "a0" : "v0");
        for (size_t i = 0; i < page.outputs.n_segments; i++, n_segments++)
            if (strcmp(page.outputs.segments[i].rendition, "v0") == 0)
                assert_int_equal(page.outputs.segments[i].idx, next_video++);
        assert_true(page.outputs.n_segments + page.outputs.n_renditions <= AVSP_BATCH_MAX);
        query.page = page.next_page;
    } while (query.page[0] != '\0');
    assert_int_equal(n_renditions, 2);
    assert_int_equal(n_segments, n + 1);
    // All facts come back as they went in.
    query.page = "";
    struct avsp_outputs_page page;
    ASSERT_OK(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err), err);
    const struct avsp_rendition *a = &page.outputs.renditions[0];
    const struct avsp_rendition want = rendition_of(AVSP_TASK_AUDIO);
    assert_int_equal(a->kind, want.kind);
    assert_string_equal(a->init_name, want.init_name);
    assert_string_equal(a->init_sha256, want.init_sha256);
    assert_string_equal(a->codecs, want.codecs);
    assert_string_equal(a->language, "und");
    assert_int_equal(a->timescale, want.timescale);
    assert_int_equal(a->priming_ticks, want.priming_ticks);
    assert_int_equal(a->channels, want.channels);
    const struct avsp_rendition *v = &page.outputs.renditions[1];
    assert_int_equal(v->width_px, 1280);
    assert_int_equal(v->height_px, 720);
    assert_int_equal(v->frame_rate.num, 25);
    assert_string_equal(v->video_range, "SDR");
    // Only its holder may look, and only a page that we gave.
    const char *pages[] = {"x", "5", "5x.v0"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(pages); i++) {
        query.page = pages[i];
        ASSERT_CODE(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err),
                    AVSP_INVALID, err);
    }
    query.page = "";
    query.token.nonce++;
    ASSERT_CODE(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err), AVSP_CONFLICT,
                err);
    query.task_id = split.id;
    ASSERT_CODE(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err), AVSP_INVALID,
                err);
    query.task_id = "ghost";
    ASSERT_CODE(avsp_store_list_outputs(fx->store, &query, &fx->arena, &page, &err), AVSP_NOT_FOUND,
                err);
}

// --- base workers

static struct avsp_finish base_finish(const char *worker, const struct avsp_task *task,
                                      struct avsp_location *files, size_t n)
{
    struct avsp_finish f = finish_of(worker, task);
    f.files_kind = task->kind;
    f.files = files;
    f.n_files = n;
    return f;
}

static void test_base_job(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *job_id = submit_spec(fx, &spec);
    struct avsp_task split = claim_base(fx, "base1");
    assert_int_equal(split.kind, AVSP_TASK_SPLIT);
    (void)heartbeat(fx, "base1", &split);
    struct avsp_location pieces[12];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(pieces); i++) {
        char key[32];
        snprintf(key, sizeof key, "work/a/%zu.mp4", i);
        pieces[i] = s3_file(fx, key);
        pieces[i].secret_access_key.text = SECRET "-from-a-worker"; // not kept
    }
    struct avsp_finish f = base_finish("base1", &split, pieces, AVSP_ARRAY_LEN(pieces));
    ASSERT_OK(finish(fx, &f, &err), err);
    ASSERT_OK(finish(fx, &f, &err), err); // the same again
    assert_int_equal(get_job(fx, job_id).n_tasks, 13);
    for (uint32_t i = 0; i < AVSP_ARRAY_LEN(pieces); i++) {
        const char *worker = i % 2 == 0 ? "base1" : "ours"; // both kinds take them
        struct avsp_task task = i % 2 == 0 ? claim_base(fx, worker) : claim(fx, worker);
        assert_int_equal(task.kind, AVSP_TASK_ENCODE);
        assert_int_equal(task.idx, i);
        assert_false(task.described);
        assert_string_equal(task.input.path, pieces[i].path);
        assert_string_equal(task.input.secret_access_key.text, SECRET "-work");
        char key[32];
        snprintf(key, sizeof key, "out/a/%" PRIu32 ".mp4", i);
        struct avsp_location made = s3_file(fx, key);
        f = base_finish(worker, &task, &made, 1);
        ASSERT_OK(finish(fx, &f, &err), err);
    }
    assert_true(get_job(fx, job_id).percent_complete >= 92);
    struct avsp_task manifest = claim_base(fx, "base2");
    assert_int_equal(manifest.kind, AVSP_TASK_MANIFEST);
    assert_int_equal(manifest.n_files, AVSP_ARRAY_LEN(pieces));
    for (size_t i = 0; i < manifest.n_files; i++) {
        char key[32];
        snprintf(key, sizeof key, "out/a/%zu.mp4", i);
        assert_string_equal(manifest.files[i].path, key); // in index order, 10 behind 9
        assert_string_equal(manifest.files[i].secret_access_key.text, SECRET "-output");
    }
    struct avsp_location m3u8 = s3_file(fx, "out/a/manifest.m3u8");
    f = base_finish("base2", &manifest, &m3u8, 1);
    ASSERT_OK(finish(fx, &f, &err), err);
    assert_int_equal(get_job(fx, job_id).state, AVSP_JOB_FINISHED);
    assert_string_equal(get_job(fx, job_id).manifest.path, "out/a/manifest.m3u8");
}

static void test_base_worker_gets_nothing_of_ours(void **state)
{
    struct fixture *fx = *state;
    (void)submit_and_split(fx, "a", 2);
    assert_int_equal(claim_base(fx, "base").kind, AVSP_TASK_NONE);
    for (int i = 0; i < 2; i++) {
        struct avsp_task task = claim(fx, "w");
        finish_ok(fx, "w", &task);
    }
    assert_int_equal(claim_base(fx, "base").kind, AVSP_TASK_NONE);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_MANIFEST);
}

static void test_late_base_finish_changes_nothing(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit(fx, "a");
    wait_ms(fx, LEASE_MS);
    struct avsp_task first = claim_base(fx, "base1");
    (void)heartbeat(fx, "base1", &first);
    wait_ms(fx, EXPIRED_MS);
    struct avsp_task second = claim(fx, "base1"); // even of the same name
    assert_string_equal(second.id, first.id);
    struct avsp_location piece = fs_file(fx, "/work/0.mp4");
    struct avsp_finish f = base_finish("base1", &first, &piece, 1);
    ASSERT_OK(finish(fx, &f, &err), err);
    f.succeeded = false;
    ASSERT_OK(finish(fx, &f, &err), err);
    assert_true(heartbeat(fx, "base1", &first).lease_lost);
    assert_int_equal(get_job(fx, job_id).n_tasks, 1);
    assert_false(get_job(fx, job_id).split_done);
    assert_false(heartbeat(fx, "base1", &second).lease_lost);
}

/// What a base worker calls a success without a result is a failed attempt; an error would kill it.
static void test_base_success_without_files(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    const char *job_id = submit(fx, "a");
    for (int i = 0; i < MAX_ATTEMPTS; i++) {
        struct avsp_task split = claim_base(fx, "base");
        assert_int_equal(split.kind, AVSP_TASK_SPLIT);
        struct avsp_finish f = base_finish("base", &split, NULL, 0);
        ASSERT_OK(finish(fx, &f, &err), err);
        wait_ms(fx, 4000);
    }
    struct avsp_job job = get_job(fx, job_id);
    assert_int_equal(job.state, AVSP_JOB_FAILED);
    assert_string_equal(job.failure.message, "the split gave no files");
}

static void test_failed_base_job_is_left_alone(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    (void)submit(fx, "a");
    struct avsp_task split = claim_base(fx, "base");
    struct avsp_location piece = fs_file(fx, "/work/0.mp4");
    struct avsp_finish f = base_finish("base", &split, &piece, 1);
    ASSERT_OK(finish(fx, &f, &err), err);
    struct avsp_task encode = claim_base(fx, "base");
    finish_failed(fx, "base", &encode, false, "broken");
    wait_ms(fx, 10000);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE); // no cleanup of files that are not ours
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_whole_job),
        TEST(test_running_progress_counts),
        TEST(test_retry_with_backoff),
        TEST(test_what_no_retry_helps_fails_at_once),
        TEST(test_unknown_task),
        TEST(test_results_that_do_not_fit),
        TEST(test_pieces_out_of_range),
        TEST(test_reports_are_idempotent),
        TEST(test_another_plan_fails_the_job),
        TEST(test_encoders_that_differ_fail_the_job),
        TEST(test_segment_with_other_facts_fails_the_job),
        TEST(test_manifest_after_a_crash),
        TEST(test_list_outputs),
        TEST(test_base_job),
        TEST(test_base_worker_gets_nothing_of_ours),
        TEST(test_late_base_finish_changes_nothing),
        TEST(test_base_success_without_files),
        TEST(test_failed_base_job_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
