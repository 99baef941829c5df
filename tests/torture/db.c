/// The store on SQLite: whatever fails, a call has happened as a whole or not at all; the database opens again, and the same call
/// made again leads where it would have led.
#include "torture.h"

#include "../db/fixture.h"

#include <string.h>

/// What a call needs to have happened before, and the call itself, which may be made again after a failure.
struct scene {
    struct fixture *fx;
    const char *job_id;
    struct avsp_task task;
    struct avsp_job_spec spec;
    struct avsp_outputs pieces;
    struct avsp_outputs encoded;
    struct avsp_location manifest;
};

static void *make(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    AVSP_ASSERT(scene != NULL && fixture_setup((void **)&scene->fx) == 0);
    scene->spec = local_spec(scene->fx, "a");
    scene->spec.idempotency_key = "key";
    scene->pieces = video_pieces(scene->fx, 0, 3);
    scene->manifest = fs_file(scene->fx, "/out/manifest.m3u8");
    return scene;
}

static void drop(void *opaque)
{
    struct scene *scene = opaque;
    fixture_teardown((void **)&scene->fx);
    free(scene);
}

static void *make_submitted(void)
{
    struct scene *scene = make();
    scene->job_id = submit(scene->fx, "a");
    return scene;
}

static void *make_claimed(void)
{
    struct scene *scene = make_submitted();
    scene->task = claim(scene->fx, "w");
    AVSP_ASSERT(scene->task.kind == AVSP_TASK_SPLIT);
    return scene;
}

/// The one encode is claimed.
static void *make_encoding(void)
{
    struct scene *scene = make();
    scene->job_id = submit_and_split(scene->fx, "a", 1);
    scene->task = claim(scene->fx, "w");
    AVSP_ASSERT(scene->task.kind == AVSP_TASK_ENCODE);
    scene->encoded = encoded(scene->fx, &scene->task);
    return scene;
}

static void *make_manifest(void)
{
    struct scene *scene = make_encoding();
    finish_ok(scene->fx, "w", &scene->task);
    scene->task = claim(scene->fx, "w");
    AVSP_ASSERT(scene->task.kind == AVSP_TASK_MANIFEST);
    return scene;
}

static void *make_folder(void)
{
    return torture_folder();
}

static void drop_folder(void *folder)
{
    torture_folder_remove(folder);
}

static enum avsp_code run_open(void *folder, struct avsp_err *err)
{
    char url[128];
    snprintf(url, sizeof url, "sqlite://%s/new", (const char *)folder);
    const struct avsp_store_options options = {.lease_ms = LEASE_MS, .max_attempts = MAX_ATTEMPTS};
    struct avsp_store *store = avsp_store_open(url, &options, err);
    avsp_store_close(store);
    return store != NULL ? AVSP_OK : err->code;
}

static void check_open(void *folder, enum avsp_code rc)
{
    struct avsp_err err = {0};
    (void)rc;
    enum avsp_code again = run_open(folder, &err);
    if (again != AVSP_OK)
        fprintf(stderr, "a second time: %s\n", err.text);
    AVSP_ASSERT(again == AVSP_OK);
}

static enum avsp_code run_submit(void *opaque, struct avsp_err *err)
{
    struct scene *scene = opaque;
    char id[AVSP_ID_BYTES];
    return avsp_store_submit(scene->fx->store, &scene->spec, id, err);
}

static enum avsp_code run_claim(void *opaque, struct avsp_err *err)
{
    struct scene *scene = opaque;
    const struct avsp_claim ask = {
        .worker = {.id = "w", .host = "", .version = "", .kinds = KINDS_ALL},
        .own = true,
        .claim_id = "one"};
    return avsp_store_claim(scene->fx->store, &ask, &scene->fx->arena, &scene->task, err);
}

static enum avsp_code run_heartbeat(void *opaque, struct avsp_err *err)
{
    struct scene *scene = opaque;
    const struct avsp_progress progress = {.frames_done = 1, .frames_total = 2};
    struct avsp_attempt_status status = {0};
    return avsp_store_heartbeat(scene->fx->store, "w", scene->task.id, scene->task.token, &progress,
                                &status, err);
}

static enum avsp_code run_report(void *opaque, struct avsp_err *err)
{
    struct scene *scene = opaque;
    struct avsp_attempt_status status = {0};
    return avsp_store_report(scene->fx->store, "w", scene->task.id, scene->task.token,
                             &scene->pieces, &status, err);
}

static enum avsp_code finish(struct scene *scene, bool succeeded, struct avsp_err *err)
{
    struct avsp_finish end = finish_of("w", &scene->task);
    end.succeeded = succeeded;
    if (!succeeded)
        end.failure = (struct avsp_failure){AVSP_CORRUPT, true, "damaged", "log\n"};
    if (succeeded && scene->task.kind == AVSP_TASK_ENCODE)
        end.outputs = scene->encoded;
    if (succeeded && scene->task.kind == AVSP_TASK_MANIFEST) {
        end.files_kind = AVSP_TASK_MANIFEST;
        end.files = &scene->manifest;
        end.n_files = 1;
    }
    return avsp_store_finish(scene->fx->store, &end, err);
}

static enum avsp_code run_finish(void *opaque, struct avsp_err *err)
{
    return finish(opaque, true, err);
}

static enum avsp_code run_fail(void *opaque, struct avsp_err *err)
{
    return finish(opaque, false, err);
}

static enum avsp_code run_cancel(void *opaque, struct avsp_err *err)
{
    struct scene *scene = opaque;
    return avsp_store_cancel(scene->fx->store, scene->job_id, err);
}

static enum avsp_code run_sweep(void *opaque, struct avsp_err *err)
{
    struct scene *scene = opaque;
    return avsp_store_sweep(scene->fx->store, err);
}

static enum avsp_code run_reads(void *opaque, struct avsp_err *err)
{
    struct scene *scene = opaque;
    struct avsp_job job;
    struct avsp_job_page page;
    struct avsp_outputs_page outputs;
    const struct avsp_job_filter filter = {.limit = 10, .page = ""};
    const struct avsp_outputs_query query = {
        .task_id = scene->task.id, .token = scene->task.token, .page = ""};
    enum avsp_code rc =
        avsp_store_get_job(scene->fx->store, scene->job_id, &scene->fx->arena, &job, err);
    if (rc == AVSP_OK)
        rc = avsp_store_list_jobs(scene->fx->store, &filter, &scene->fx->arena, &page, err);
    AVSP_ASSERT(rc != AVSP_OK || page.n_jobs == 1);
    if (rc == AVSP_OK)
        rc = avsp_store_list_outputs(scene->fx->store, &query, &scene->fx->arena, &outputs, err);
    AVSP_ASSERT(rc != AVSP_OK ||
                (outputs.outputs.n_segments == 1 && outputs.outputs.n_renditions == 1));
    return rc;
}

/// The rest of the job, from where it is. @return whether it finished.
static bool goes_on(struct fixture *fx, const char *job_id)
{
    for (unsigned i = 0; i < 12; i++) {
        struct avsp_task task = claim(fx, "other");
        if (task.kind == AVSP_TASK_NONE)
            break;
        if (task.kind == AVSP_TASK_SPLIT)
            (void)report(fx, "other", &task, video_pieces(fx, 0, 3));
        finish_ok(fx, "other", &task);
    }
    return get_job(fx, job_id).state == AVSP_JOB_FINISHED;
}

/// The database is opened again, and the call is made again: then it has happened, once. @param again  may be NULL.
static void do_again(struct scene *scene, enum avsp_code (*again)(void *, struct avsp_err *))
{
    struct avsp_err err = {0};
    fixture_reopen(scene->fx);
    enum avsp_code rc = again(scene, &err);
    if (rc != AVSP_OK)
        fprintf(stderr, "a second time: %s\n", err.text);
    AVSP_ASSERT(rc == AVSP_OK);
}

static const char *only_job(struct fixture *fx)
{
    struct avsp_err err = {0};
    struct avsp_job_page page;
    const struct avsp_job_filter filter = {.limit = 10, .page = ""};
    enum avsp_code rc = avsp_store_list_jobs(fx->store, &filter, &fx->arena, &page, &err);
    AVSP_ASSERT(rc == AVSP_OK && page.n_jobs == 1);
    return page.jobs[0].id;
}

static void check_submit(void *opaque, enum avsp_code rc)
{
    struct scene *scene = opaque;
    (void)rc;
    do_again(scene, run_submit);
    AVSP_ASSERT(goes_on(scene->fx, only_job(scene->fx)));
}

static void check_claim(void *opaque, enum avsp_code rc)
{
    struct scene *scene = opaque;
    (void)rc;
    do_again(scene, run_claim);
    AVSP_ASSERT(scene->task.kind == AVSP_TASK_SPLIT);
    AVSP_ASSERT(claim(scene->fx, "x").kind == AVSP_TASK_NONE); // it was given to one alone
    (void)report(scene->fx, "w", &scene->task, video_pieces(scene->fx, 0, 3));
    finish_ok(scene->fx, "w", &scene->task);
    AVSP_ASSERT(goes_on(scene->fx, scene->job_id));
}

static void check_heartbeat(void *opaque, enum avsp_code rc)
{
    (void)rc;
    do_again(opaque, run_heartbeat);
}

static void check_report(void *opaque, enum avsp_code rc)
{
    struct scene *scene = opaque;
    (void)rc;
    do_again(scene, run_report);
    AVSP_ASSERT(get_job(scene->fx, scene->job_id).n_tasks == 4); // the split and three encodes
    finish_ok(scene->fx, "w", &scene->task);
    AVSP_ASSERT(goes_on(scene->fx, scene->job_id));
}

static void check_finish(void *opaque, enum avsp_code rc)
{
    struct scene *scene = opaque;
    (void)rc;
    do_again(scene, run_finish);
    sweep(scene->fx); // makes the task that a failure between two transactions left out
    AVSP_ASSERT(goes_on(scene->fx, scene->job_id));
}

static void check_fail(void *opaque, enum avsp_code rc)
{
    struct scene *scene = opaque;
    (void)rc;
    do_again(scene, run_fail);
    wait_ms(scene->fx, 120000); // the back-off
    AVSP_ASSERT(goes_on(scene->fx, scene->job_id));
}

static void check_cancel(void *opaque, enum avsp_code rc)
{
    struct scene *scene = opaque;
    (void)rc;
    do_again(scene, run_cancel);
    AVSP_ASSERT(get_job(scene->fx, scene->job_id).state == AVSP_JOB_CANCELED);
    AVSP_ASSERT(heartbeat(scene->fx, "w", &scene->task).canceled);
    wait_ms(scene->fx, 10000);
    AVSP_ASSERT(claim(scene->fx, "x").kind == AVSP_TASK_CLEANUP);
}

static void check_sweep(void *opaque, enum avsp_code rc)
{
    (void)rc;
    do_again(opaque, run_sweep);
}

int main(void)
{
    static const struct torture_case cases[] = {
        {"open a new database", make_folder, run_open, check_open, drop_folder},
        {"submit", make, run_submit, check_submit, drop},
        {"claim", make_submitted, run_claim, check_claim, drop},
        {"heartbeat", make_claimed, run_heartbeat, check_heartbeat, drop},
        {"report", make_claimed, run_report, check_report, drop},
        {"finish an encode", make_encoding, run_finish, check_finish, drop},
        {"finish a manifest", make_manifest, run_finish, check_finish, drop},
        {"fail an encode", make_encoding, run_fail, check_fail, drop},
        {"cancel", make_encoding, run_cancel, check_cancel, drop},
        {"sweep", make_encoding, run_sweep, check_sweep, drop},
        {"read", make_manifest, run_reads, NULL, drop},
    };
    return torture_run("torture/db", cases, AVSP_ARRAY_LEN(cases));
}
