#include "worker/runner.h"

#include "util/log.h"
#include "worker/run.h"
#include "worker/upstream.h"

#include <signal.h>

/// Less than load balancers wait for an answer (60 s), and than a worker may be silent (AVSP_WORKER_AWAY_US): the less often an
/// idle farm asks again, the better.
#define CLAIM_WAIT_MS 40000
/// Shorter by up to this: workers that began to wait together, when their coordinator came back, do not all ask again at once.
#define CLAIM_JITTER_MS 15000
/// For an answer to come once the wait is over.
#define CLAIM_SLACK_MS 10000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 2000
/// A coordinator that knows the base alone answers "none" at once, and gives no lease: it is asked again after a while.
#define BASE_POLL_MS 1000
#define BASE_LEASE_MS 20000
#define BASE_ANSWER_MS 5000 ///< "none" before this, or half of the wait, was not waited for
/// Of each call that gives a broken-off claim back: while tasks are being finished, and while all ends at once.
#define GIVE_BACK_MS 5000
#define GIVE_BACK_STOP_MS 500
#define AWAY_LOG_US 10000000
/// What one attempt keeps in memory: a ceiling, for a million segments; a usual one takes a few kilobytes.
#define RUN_ARENA_BYTES ((size_t)1 << 30)

static void note_claim(struct avsp_worker *worker, bool through, const struct avsp_err *err)
{
    struct avsp_mono now = avsp_mono_now();
    pthread_mutex_lock(&worker->lock);
    bool was_away = worker->away_since.us != 0;
    bool tell = false;
    if (through) {
        tell = was_away && worker->away_logged.us != 0;
        worker->away_since = worker->away_logged = (struct avsp_mono){0};
    } else {
        if (!was_away)
            worker->away_since = now;
        tell = worker->away_logged.us == 0 || now.us - worker->away_logged.us >= AWAY_LOG_US;
        // The first second is silent: a coordinator that is being started is no event.
        tell = tell && now.us - worker->away_since.us >= 1000000;
        if (tell)
            worker->away_logged = now;
    }
    pthread_mutex_unlock(&worker->lock);
    if (tell && through)
        avsp_log(AVSP_LOG_INFO, "coordinator.reached", "target=%s",
                 AVSP_LOG_Q(worker->config->coordinator));
    else if (tell)
        avsp_log(
            AVSP_LOG_WARN,
            err->code == AVSP_UNAVAILABLE || err->code == AVSP_TIMEOUT ? "coordinator.unreachable"
                                                                       : "coordinator.refuses",
            "target=%s error=%s", AVSP_LOG_Q(worker->config->coordinator), AVSP_LOG_Q(err->text));
}

/// A question that we broke off may have been answered: its task would wait for its lease to run out. The same question gives
/// the same task (or, where there was none, perhaps another), which is handed back at no cost.
static void give_back(struct avsp_worker *worker, const struct avsp_claim *broken_off,
                      struct avsp_arena *arena)
{
    struct avsp_claim question = *broken_off;
    question.wait_ms = 0;
    const int64_t ms =
        avsp_slots_phase(&worker->slots) == AVSP_PHASE_STOP ? GIVE_BACK_STOP_MS : GIVE_BACK_MS;
    avsp_arena_clear(arena);
    struct avsp_task task = {0};
    struct avsp_err err = {0};
    enum avsp_code rc =
        avsp_client_claim(worker->reports, &question, arena, &task, avsp_mono_in_ms(ms), &err);
    if (rc == AVSP_OK && task.kind != AVSP_TASK_NONE)
        rc = avsp_client_release(worker->reports, worker->config->id, task.id, task.token,
                                 avsp_mono_in_ms(ms), &err);
    if (rc != AVSP_OK)
        avsp_log(AVSP_LOG_DEBUG, "claim.give_back", "error=%s", AVSP_LOG_Q(err.text));
}

/// How long the coordinator may wait for a task to come. Whoever ends when there is none for a while wants to know by then.
static uint32_t claim_wait_ms(const struct avsp_worker_config *config)
{
    int64_t wait_ms = (int64_t)(CLAIM_WAIT_MS - avsp_nonce_new() % CLAIM_JITTER_MS);
    return (uint32_t)(config->idle_ms >= 0 ? AVSP_MIN(wait_ms, config->idle_ms) : wait_ms);
}

/// Asks until there is an answer. A question that was not answered is repeated with the same id: the coordinator may have
/// given us a task already. @return false: no more claims.
static bool claim(struct avsp_runner *runner, struct avsp_arena *arena, struct avsp_task *ret_task)
{
    struct avsp_worker *worker = runner->worker;
    char claim_id[AVSP_ID_BYTES];
    char encoders[AVSP_TEXT_MAX_BYTES];
    avsp_id_new(claim_id);
    const struct avsp_claim question = {
        .worker = {.id = worker->config->id,
                   .host = worker->config->host,
                   .version = AVSP_VERSION,
                   .slots = worker->config->slots,
                   .kinds = runner->kinds,
                   .encoders = avsp_encoders_text(&worker->encoders, encoders)},
        .own = true,
        .claim_id = claim_id,
        .wait_ms = claim_wait_ms(worker->config),
    };
    runner->encoders = avsp_step_encoders(encoders);
    for (int64_t backoff_ms = BACKOFF_FIRST_MS;;
         backoff_ms = AVSP_MIN(backoff_ms * 2, BACKOFF_MAX_MS)) {
        if (avsp_slots_phase(&worker->slots) != AVSP_PHASE_RUN)
            return false;
        avsp_arena_clear(arena);
        struct avsp_err err = {0};
        *ret_task = (struct avsp_task){0};
        struct avsp_mono soon = avsp_mono_in_ms(AVSP_MIN(BASE_ANSWER_MS, question.wait_ms / 2));
        enum avsp_code rc =
            avsp_client_claim(worker->claims, &question, arena, ret_task,
                              avsp_mono_in_ms(CLAIM_WAIT_MS + CLAIM_SLACK_MS), &err);
        if (rc == AVSP_CANCELED && avsp_slots_phase(&worker->slots) != AVSP_PHASE_RUN) {
            give_back(worker, &question, arena);
            return false;
        }
        note_claim(worker, rc == AVSP_OK, &err);
        if (rc != AVSP_OK || ret_task->kind == AVSP_TASK_NONE)
            avsp_slots_note_none(&worker->slots, rc == AVSP_OK ? runner->kinds : 0);
        if (rc == AVSP_OK && ret_task->kind == AVSP_TASK_NONE && runner->kinds & AVSP_KINDS_SLOT)
            atomic_store(&worker->n_waiting, 0);
        if (rc == AVSP_OK && ret_task->kind == AVSP_TASK_NONE && ret_task->drain)
            atomic_store(&worker->beats.is_drain_asked, true);
        if (rc == AVSP_OK && ret_task->kind == AVSP_TASK_NONE && !avsp_mono_passed(soon))
            return avsp_slots_sleep(&worker->slots, BASE_POLL_MS, AVSP_PHASE_DRAIN);
        if (rc == AVSP_OK)
            return true;
        if (!avsp_slots_sleep(&worker->slots, backoff_ms, AVSP_PHASE_DRAIN))
            return false;
    }
}

static enum avsp_code do_task(struct avsp_run *run, struct avsp_err *err)
{
    switch (run->task->kind) {
    case AVSP_TASK_SPLIT:
        return avsp_task_split(run, err);
    case AVSP_TASK_ENCODE:
    case AVSP_TASK_AUDIO:
        return avsp_task_encode(run, err);
    case AVSP_TASK_MANIFEST:
        return avsp_task_manifest(run, err);
    case AVSP_TASK_CLEANUP:
        return avsp_task_cleanup(run, err);
    case AVSP_TASK_NONE:
        break;
    }
    return avsp_err_set(err, AVSP_UNSUPPORTED, "a kind of task that this worker does not know");
}

/// The piece is of no use any more once its encode is recorded.
static void delete_piece(struct avsp_run *run)
{
    const struct avsp_task *task = run->task;
    bool is_piece =
        task->kind == AVSP_TASK_AUDIO || (task->kind == AVSP_TASK_ENCODE && task->described);
    if (!is_piece || task->keep_work)
        return;
    struct avsp_err err = {0};
    if (avsp_storage_delete(run->worker->storage, &task->input, &err) != AVSP_OK)
        avsp_run_log(run, AVSP_LOG_WARN, "piece.delete", " error=%s", AVSP_LOG_Q(err.text));
}

static struct avsp_finish finish_of(const struct avsp_run *run)
{
    return (struct avsp_finish){
        .worker_id = run->worker->config->id,
        .task_id = run->task->id,
        .token = run->task->token,
    };
}

static void report_failure(struct avsp_run *run, const struct avsp_err *cause)
{
    struct avsp_finish finish = finish_of(run);
    finish.failure = (struct avsp_failure){
        .code = cause->code,
        .may_retry = avsp_code_may_retry(cause->code),
        .message = cause->text,
        .log_tail = run->log_tail,
    };
    finish.input_gone = run->is_input_gone;
    avsp_run_log(run, AVSP_LOG_ERROR, "task.failed", " code=%s error=%s",
                 avsp_code_name(cause->code), AVSP_LOG_Q(cause->text));
    if (run->log_tail[0] != '\0')
        avsp_run_log(run, AVSP_LOG_INFO, "task.log", " tail=%s", AVSP_LOG_Q(run->log_tail));
    struct avsp_err err = {0};
    if (avsp_upstream_finish(run, &finish, &err) != AVSP_OK)
        avsp_run_log(run, AVSP_LOG_WARN, "task.report", " error=%s", AVSP_LOG_Q(err.text));
}

static void report_success(struct avsp_run *run)
{
    struct avsp_finish finish = finish_of(run);
    finish.succeeded = true;
    finish.outputs = run->made;
    finish.files_kind = run->files_kind;
    finish.files = run->files;
    finish.n_files = run->n_files;
    struct avsp_err err = {0};
    switch (avsp_upstream_finish(run, &finish, &err)) {
    case AVSP_OK:
        delete_piece(run);
        avsp_run_log(run, AVSP_LOG_INFO, "task.done", "%s", "");
        return;
    case AVSP_CONFLICT:
    case AVSP_NOT_FOUND:
        avsp_run_log(run, AVSP_LOG_INFO, "task.dropped", " reason=%s", AVSP_LOG_Q(err.text));
        return;
    case AVSP_UNAVAILABLE:
    case AVSP_TIMEOUT:
    case AVSP_CANCELED:
        avsp_run_log(run, AVSP_LOG_ERROR, "task.report", " error=%s", AVSP_LOG_Q(err.text));
        return;
    default:
        // The result itself is refused: say so, that the attempt ends.
        report_failure(run, &err);
    }
}

/// What follows from how the task ended.
static void conclude(struct avsp_run *run, enum avsp_code rc, const struct avsp_err *err)
{
    if (avsp_beat_verdict(&run->beat) != AVSP_BEAT_GO_ON) {
        struct avsp_err why = {0};
        avsp_run_stopped(run, &why);
        avsp_run_log(run, AVSP_LOG_INFO, "task.dropped", " reason=%s", AVSP_LOG_Q(why.text));
        return;
    }
    if (rc == AVSP_OK) {
        report_success(run);
    } else if (rc == AVSP_CANCELED && (run->is_handed_back || avsp_run_should_stop(run))) {
        avsp_run_log(run, AVSP_LOG_INFO, "task.released", "%s", "");
        avsp_upstream_release(run);
    } else {
        report_failure(run, err);
    }
}

/// Does one claimed task from beginning to end. @param is_loaded  it counts as a load, which is given back.
static void run_task(const struct avsp_runner *runner, struct avsp_arena *arena,
                     const struct avsp_task *task, bool is_loaded)
{
    struct avsp_worker *worker = runner->worker;
    struct avsp_run run = {
        .worker = worker,
        .task = task,
        .arena = arena,
        .beat = {.task_id = task->id,
                 .token = task->token,
                 .lease_ms = task->lease_ms > 0 ? task->lease_ms : BASE_LEASE_MS},
        .attempt = {.step_fd = -1},
        .n_loads = is_loaded,
        .encoders = runner->encoders,
    };
    avsp_run_log(&run, AVSP_LOG_INFO, "task.claimed", "%s", "");
    if (task->kind == AVSP_TASK_ENCODE)
        atomic_store(&worker->n_waiting, task->n_waiting);
    avsp_beats_add(&worker->beats, &run.beat);
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_attempt_open(&worker->workdir, &run.attempt, &err);
    if (rc == AVSP_OK)
        rc = do_task(&run, &err);
    avsp_attempt_close(&worker->workdir, &run.attempt);
    avsp_run_release(&run);
    conclude(&run, rc, &err);
    avsp_run_unload(&run, run.n_loads);
    avsp_beats_remove(&worker->beats, &run.beat);
}

/// Of those without a slot one asks at a time, so that an idle worker has two questions out and not three. A wait here ends with
/// the question of the one before.
static bool claim_in_turn(struct avsp_runner *runner, struct avsp_arena *arena,
                          struct avsp_task *ret_task)
{
    struct avsp_worker *worker = runner->worker;
    if (runner->kinds == AVSP_KINDS_SLOT)
        return claim(runner, arena, ret_task);
    pthread_mutex_lock(&worker->lock);
    while (worker->is_light_claiming)
        pthread_cond_wait(&worker->light_claimed, &worker->lock);
    worker->is_light_claiming = true;
    pthread_mutex_unlock(&worker->lock);
    bool is_claimed = claim(runner, arena, ret_task);
    pthread_mutex_lock(&worker->lock);
    worker->is_light_claiming = false;
    pthread_cond_signal(&worker->light_claimed);
    pthread_mutex_unlock(&worker->lock);
    return is_claimed;
}

/// Waits until it is this runner's turn. @return false: no more claims.
static bool await_turn(const struct avsp_runner *runner)
{
    struct avsp_slots *slots = &runner->worker->slots;
    if (runner->kinds == AVSP_KINDS_SLOT)
        return avsp_slots_load(slots);
    return runner->kinds != AVSP_KINDS_LIGHT || avsp_slots_light_take(slots);
}

void *avsp_runner_main(void *opaque)
{
    struct avsp_runner *runner = opaque;
    struct avsp_worker *worker = runner->worker;
    bool has_load = runner->kinds == AVSP_KINDS_SLOT;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, RUN_ARENA_BYTES);
    struct avsp_task task;
    while (await_turn(runner)) {
        bool is_claimed = claim_in_turn(runner, &arena, &task);
        bool is_task = is_claimed && task.kind != AVSP_TASK_NONE;
        if (is_task) {
            avsp_slots_task_begin(&worker->slots);
            run_task(runner, &arena, &task, has_load);
            avsp_slots_task_end(&worker->slots);
        } else if (has_load) {
            avsp_slots_unload(&worker->slots, 1);
        }
        if (runner->kinds == AVSP_KINDS_LIGHT)
            avsp_slots_light_give(&worker->slots);
        avsp_arena_clear(&arena);
        if (!is_claimed || (is_task && worker->config->once))
            break;
    }
    pthread_mutex_lock(&worker->lock);
    worker->n_runners--;
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}
