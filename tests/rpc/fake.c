#include "fake.h"

#include "dump.h"
#include "one_by_one.h"
#include "util/cond.h"

#include <string.h>
#include <unistd.h>

static struct fake *begin(void *opaque)
{
    struct fake *fake = opaque;
    pthread_mutex_lock(&fake->lock);
    avsp_buf_clear(&fake->seen);
    return fake;
}

static enum avsp_code end(struct fake *fake, struct avsp_err *err)
{
    enum avsp_code rc = fake->error.code;
    if (rc != AVSP_OK)
        *err = fake->error;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
    return rc;
}

static enum avsp_code submit(void *opaque, const struct avsp_caller *caller,
                             const struct avsp_job_spec *spec, char ret_job_id[AVSP_ID_BYTES],
                             struct avsp_err *err)
{
    (void)caller;
    struct fake *fake = begin(opaque);
    dump_spec(&fake->seen, spec);
    memcpy(ret_job_id, fake->job_id, AVSP_ID_BYTES);
    return end(fake, err);
}

static enum avsp_code get_job(void *opaque, const struct avsp_caller *caller, const char *job_id,
                              struct avsp_arena *arena, struct avsp_job *ret_job,
                              struct avsp_err *err)
{
    (void)caller;
    (void)arena;
    struct fake *fake = begin(opaque);
    avsp_buf_puts(&fake->seen, job_id);
    fake->n_looks++;
    *ret_job = fake->job;
    return end(fake, err);
}

static enum avsp_code list_jobs(void *opaque, const struct avsp_caller *caller,
                                const struct avsp_job_filter *filter, struct avsp_arena *arena,
                                struct avsp_job_page *ret_page, struct avsp_err *err)
{
    (void)caller;
    (void)arena;
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%d %u %s\n", (int)filter->state, filter->limit, filter->page);
    dump_labels(&fake->seen, filter->labels, filter->n_labels);
    *ret_page = fake->jobs;
    return end(fake, err);
}

static enum avsp_code list_changes(void *opaque, const struct avsp_caller *caller,
                                   const struct avsp_changes_query *query, struct avsp_arena *arena,
                                   struct avsp_changes_page *ret_page, struct avsp_err *err)
{
    (void)caller, (void)arena;
    struct fake *fake = begin(opaque);
    struct avsp_changes_page *given = query->working ? &fake->working : &fake->changes;
    avsp_buf_printf(&fake->seen, "%s\n", query->after);
    dump_labels(&fake->seen, query->labels, query->n_labels);
    fake->n_looks++;
    *ret_page = *given;
    ret_page->next = given->n_jobs > 0 ? given->next : query->after;
    *given = (struct avsp_changes_page){0};
    return end(fake, err);
}

static enum avsp_code list_attempts(void *opaque, const struct avsp_caller *caller,
                                    const struct avsp_attempts_query *query,
                                    struct avsp_arena *arena, struct avsp_attempt_page *ret_page,
                                    struct avsp_err *err)
{
    (void)caller;
    (void)arena;
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%s %u %s", query->job_id, query->limit, query->page);
    *ret_page = fake->attempts;
    return end(fake, err);
}

static enum avsp_code cancel(void *opaque, const struct avsp_caller *caller, const char *job_id,
                             struct avsp_err *err)
{
    (void)caller;
    struct fake *fake = begin(opaque);
    avsp_buf_puts(&fake->seen, job_id);
    return end(fake, err);
}

static enum avsp_code see(void *opaque, const char *verb, const char *job_id, struct avsp_err *err)
{
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%s %s", verb, job_id);
    return end(fake, err);
}

static enum avsp_code retry(void *opaque, const struct avsp_caller *caller, const char *job_id,
                            bool repin, struct avsp_err *err)
{
    (void)caller;
    return see(opaque, repin ? "retry!" : "retry", job_id, err);
}

static enum avsp_code pause_job(void *opaque, const struct avsp_caller *caller, const char *job_id,
                                struct avsp_err *err)
{
    (void)caller;
    return see(opaque, "pause", job_id, err);
}

static enum avsp_code resume(void *opaque, const struct avsp_caller *caller, const char *job_id,
                             struct avsp_err *err)
{
    (void)caller;
    return see(opaque, "resume", job_id, err);
}

static enum avsp_code set_priority(void *opaque, const struct avsp_caller *caller,
                                   const char *job_id, int32_t priority, struct avsp_err *err)
{
    (void)caller;
    char verb[32];
    snprintf(verb, sizeof verb, "priority %d", (int)priority);
    return see(opaque, verb, job_id, err);
}

static enum avsp_code delete_job(void *opaque, const struct avsp_caller *caller, const char *job_id,
                                 bool force, struct avsp_err *err)
{
    (void)caller;
    return see(opaque, force ? "delete!" : "delete", job_id, err);
}

static enum avsp_code list_workers(void *opaque, const struct avsp_workers_query *query,
                                   struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                   struct avsp_err *err)
{
    (void)arena;
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%u %s", query->limit, query->page);
    *ret_page = fake->workers;
    return end(fake, err);
}

static enum avsp_code drain(void *opaque, const char *worker_id, bool drain, struct avsp_err *err)
{
    return see(opaque, drain ? "drain" : "undo", worker_id, err);
}

static enum avsp_code claim(void *opaque, const struct avsp_claim *from, struct avsp_arena *arena,
                            struct avsp_task *ret_task, struct avsp_err *err)
{
    (void)arena;
    struct fake *fake = begin(opaque);
    dump_claim(&fake->seen, from);
    fake->n_claims++;
    ret_task->drain = fake->drains;
    bool fits =
        !fake->drains && (fake->only_kinds == 0 || (from->worker.kinds & fake->only_kinds) != 0) &&
        (fake->only_encoders == NULL || strcmp(from->worker.encoders, fake->only_encoders) == 0);
    if (fake->n_ready > 0 && fits) {
        fake->n_ready--;
        *ret_task = fake->task;
        if (fake->hold > 0) {
            fake->n_held++;
            pthread_cond_broadcast(&fake->changed);
        }
        while (fake->hold > 0)
            pthread_cond_wait(&fake->changed, &fake->lock);
    }
    return end(fake, err);
}

static enum avsp_code heartbeat(void *opaque, const char *worker_id, const char *task_id,
                                struct avsp_token token, const struct avsp_progress *progress,
                                struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%s %s\n", worker_id, task_id);
    dump_token(&fake->seen, token);
    dump_progress(&fake->seen, progress);
    *ret_status = fake->status;
    return end(fake, err);
}

static enum avsp_code report(void *opaque, const char *worker_id, const char *task_id,
                             struct avsp_token token, const struct avsp_outputs *outputs,
                             struct avsp_attempt_status *ret_status, struct avsp_err *err)
{
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%s %s\n", worker_id, task_id);
    dump_token(&fake->seen, token);
    dump_outputs(&fake->seen, outputs);
    *ret_status = fake->status;
    return end(fake, err);
}

static enum avsp_code finish(void *opaque, const struct avsp_finish *from, struct avsp_err *err)
{
    struct fake *fake = begin(opaque);
    dump_finish(&fake->seen, from);
    return end(fake, err);
}

static enum avsp_code release(void *opaque, const char *worker_id, const char *task_id,
                              struct avsp_token token, struct avsp_err *err)
{
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%s %s\n", worker_id, task_id);
    dump_token(&fake->seen, token);
    snprintf(fake->released, sizeof fake->released, "%s", avsp_buf_text(&fake->seen));
    fake->n_released++;
    return end(fake, err);
}

static enum avsp_code list_outputs(void *opaque, const struct avsp_outputs_query *query,
                                   struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                   struct avsp_err *err)
{
    (void)arena;
    struct fake *fake = begin(opaque);
    avsp_buf_printf(&fake->seen, "%s %s\n", query->task_id, query->page);
    dump_token(&fake->seen, query->token);
    *ret_page = fake->outputs;
    return end(fake, err);
}

static enum avsp_code authenticate(void *opaque, const struct avsp_credentials *shown,
                                   struct avsp_caller *ret_caller, struct avsp_err *err)
{
    struct fake *fake = opaque;
    *ret_caller = (struct avsp_caller){.access = AVSP_ACCESS_ALL};
    if (fake->token == NULL)
        return AVSP_OK;
    ret_caller->access = AVSP_ACCESS_CLIENT;
    snprintf(ret_caller->name, sizeof ret_caller->name, "ann");
    bool is_good = shown->bearer_len == strlen(fake->token) &&
                   memcmp(shown->bearer, fake->token, shown->bearer_len) == 0;
    return is_good ? AVSP_OK : avsp_err_set(err, AVSP_UNAUTHENTICATED, "another token");
}

const struct avsp_service_ops fake_ops = {
    .authenticate = authenticate,
    .submit = submit,
    .get_job = get_job,
    .list_jobs = list_jobs,
    .list_changes = list_changes,
    .list_attempts = list_attempts,
    .cancel = cancel,
    .retry = retry,
    .pause = pause_job,
    .resume = resume,
    .set_priority = set_priority,
    .delete_job = delete_job,
    .list_workers = list_workers,
    .drain = drain,
    .claim_many = claim_many,
    .heartbeat_many = heartbeat_many,
    .report = report,
    .finish_many = finish_many,
    .release = release,
    .list_outputs = list_outputs,
};

/// Something valid for every answer.
static void fill(struct fake *fake)
{
    struct avsp_location none = avsp_location_none();
    struct avsp_location fs = avsp_location_fs("/in");
    fake->job = (struct avsp_job){
        .id = "job1",
        .state = AVSP_JOB_RUNNING,
        .spec = {.input = fs, .work = fs, .output = fs, .idempotency_key = ""},
        .manifest = none,
        .failure = {AVSP_OK, false, "", ""},
        .version = 1,
    };
    fake->jobs.next_page = "";
    fake->attempts.next_page = "";
    fake->workers.next_page = "";
    fake->task = (struct avsp_task){
        .id = "task1",
        .job_id = "job1",
        .kind = AVSP_TASK_ENCODE,
        .token = {1, 42},
        .lease_ms = 30000,
        .input = fs,
        .work = none,
        .output = fs,
    };
    fake->outputs.next_page = "";
    snprintf(fake->job_id, sizeof fake->job_id, "job1");
}

void fake_start(struct fake *fake, const char *dir)
{
    *fake = (struct fake){0};
    pthread_mutex_init(&fake->lock, NULL);
    avsp_cond_init(&fake->changed);
    avsp_buf_init(&fake->seen, 8 << 20);
    fill(fake);
    struct avsp_err err = {0};
    if (dir != NULL)
        snprintf(fake->listen, sizeof fake->listen, "unix:%s/sock", dir);
    struct avsp_server_options options = {.listen = dir != NULL ? fake->listen : "127.0.0.1:0"};
    fake->srv = avsp_server_start(&options, &fake_ops, fake, &err);
    if (fake->srv == NULL)
        fprintf(stderr, "%s\n", err.text);
    AVSP_ASSERT(fake->srv != NULL);
    if (dir == NULL)
        snprintf(fake->listen, sizeof fake->listen, "127.0.0.1:%d", avsp_server_port(fake->srv));
}

void fake_stop(struct fake *fake, int lame_duck_ms, int grace_ms)
{
    avsp_server_stop(fake->srv, lame_duck_ms, grace_ms);
    avsp_buf_deinit(&fake->seen);
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->lock);
}

void fake_ready(struct fake *fake, unsigned n)
{
    pthread_mutex_lock(&fake->lock);
    fake->n_ready += n;
    pthread_mutex_unlock(&fake->lock);
    avsp_server_wake(fake->srv, n);
}

void fake_change(struct fake *fake, uint64_t version, enum avsp_job_state state)
{
    pthread_mutex_lock(&fake->lock);
    fake->job.version = version;
    fake->job.state = state;
    pthread_mutex_unlock(&fake->lock);
    avsp_server_wake(fake->srv, 0);
    if (state != AVSP_JOB_RUNNING)
        avsp_server_job_over(fake->srv, fake->job.id);
}

unsigned fake_count(struct fake *fake, const unsigned *counter)
{
    pthread_mutex_lock(&fake->lock);
    unsigned n = *counter;
    pthread_mutex_unlock(&fake->lock);
    return n;
}

bool fake_wait(struct fake *fake, const unsigned *counter, unsigned n)
{
    struct avsp_mono deadline = avsp_mono_in_ms(60000);
    pthread_mutex_lock(&fake->lock);
    while (*counter < n && avsp_cond_wait_until(&fake->changed, &fake->lock, deadline))
        ;
    bool ok = *counter >= n;
    pthread_mutex_unlock(&fake->lock);
    return ok;
}

char *fake_seen(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    char *copy = strdup(avsp_buf_text(&fake->seen));
    pthread_mutex_unlock(&fake->lock);
    AVSP_ASSERT(copy != NULL);
    return copy;
}
