#include "worker/worker.h"

#include "util/log.h"
#include "worker/runner.h"

#include <signal.h>
#include <string.h>

#define EXIT_UNREACHABLE 3
#define TICK_MS 100
/// While it stops: whoever waits for the end should not wait for a tick.
#define STOPPING_TICK_MS 5
/// For splits, manifests and cleanups: AVSP_SLOTS_LIGHT at once, and splits that wait for encoders.
#define N_LIGHT 16
/// With --once and --exit-when-idle.
#define UNREACHABLE_US 30000000

static unsigned runners_left(struct avsp_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    unsigned n = worker->n_runners;
    pthread_mutex_unlock(&worker->lock);
    return n;
}

static bool is_out_of_reach(struct avsp_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    int64_t since_us = worker->away_since.us;
    pthread_mutex_unlock(&worker->lock);
    return since_us != 0 && avsp_mono_now().us - since_us > UNREACHABLE_US;
}

static void drain(struct avsp_worker *worker, const char *why)
{
    avsp_log(AVSP_LOG_INFO, "worker.draining", "worker=%s reason=%s", worker->config->id, why);
    avsp_slots_set_phase(&worker->slots, AVSP_PHASE_DRAIN);
    avsp_client_shutdown(worker->claims);
}

static void stop(struct avsp_worker *worker, const char *why)
{
    avsp_log(AVSP_LOG_INFO, "worker.stopping", "worker=%s reason=%s", worker->config->id, why);
    avsp_slots_set_phase(&worker->slots, AVSP_PHASE_STOP);
    avsp_client_shutdown(worker->claims);
    avsp_storage_stop(worker->storage);
}

/// Has a batch run nothing more to do? @param ret_status  set where it ends
static const char *batch_end(struct avsp_worker *worker, int *ret_status)
{
    const struct avsp_worker_config *config = worker->config;
    if (!config->once && config->idle_ms < 0)
        return NULL;
    if (is_out_of_reach(worker)) {
        *ret_status = EXIT_UNREACHABLE;
        return "unreachable";
    }
    bool is_idle =
        config->idle_ms >= 0 &&
        avsp_slots_idle_ms(&worker->slots, AVSP_KINDS_SLOT | AVSP_KINDS_LIGHT) >= config->idle_ms;
    return is_idle ? "idle" : NULL;
}

/// Says once that files with certificates or the token were replaced by ones that are no good, and once that they are.
static void note_files(struct avsp_worker *worker, struct avsp_err *told)
{
    struct avsp_err why = {0};
    const bool is_refused = avsp_client_refuses_files(worker->claims, &why);
    if (strcmp(why.text, told->text) == 0)
        return;
    if (is_refused)
        avsp_log(AVSP_LOG_WARN, "files.refused", "worker=%s why=%s", worker->config->id,
                 AVSP_LOG_Q(why.text));
    else
        avsp_log(AVSP_LOG_INFO, "files.read", "worker=%s", worker->config->id);
    *told = why;
}

/// Waits until all runners have ended, and makes them end when it is time. @return exit status.
static int supervise(struct avsp_worker *worker, int (*next_signal)(int ms))
{
    int status = 0;
    struct avsp_mono drain_ends = {0};
    struct avsp_err refused = {0};
    while (runners_left(worker) > 0) {
        note_files(worker, &refused);
        enum avsp_phase phase = avsp_slots_phase(&worker->slots);
        int sig = next_signal(phase == AVSP_PHASE_STOP ? STOPPING_TICK_MS : TICK_MS);
        bool at_once = sig == SIGINT || worker->config->drain_ms == 0 || phase != AVSP_PHASE_RUN;
        if (sig != 0 && at_once && phase != AVSP_PHASE_STOP) {
            stop(worker, sig == SIGINT ? "SIGINT" : "SIGTERM");
        } else if (sig != 0 && phase == AVSP_PHASE_RUN) {
            drain(worker, "SIGTERM");
            drain_ends = avsp_mono_in_ms(worker->config->drain_ms);
        } else if (phase == AVSP_PHASE_DRAIN && drain_ends.us != 0 &&
                   avsp_mono_passed(drain_ends)) {
            stop(worker, "drain-seconds");
        } else if (phase == AVSP_PHASE_RUN) {
            const char *why = atomic_load(&worker->beats.is_drain_asked)
                                  ? "asked by the coordinator"
                                  : batch_end(worker, &status);
            if (why != NULL)
                drain(worker, why);
        }
    }
    return status;
}

/// Starts the pool; with --once it is a single thread that takes anything.
static size_t start_runners(struct avsp_worker *worker, struct avsp_runner *runners, size_t n_slot,
                            size_t n_light, struct avsp_err *err)
{
    size_t n = 0;
    for (; n < n_slot + n_light; n++) {
        runners[n].worker = worker;
        runners[n].kinds = worker->config->once ? AVSP_KINDS_SLOT | AVSP_KINDS_LIGHT
                           : n < n_slot         ? AVSP_KINDS_SLOT
                                                : AVSP_KINDS_LIGHT;
        pthread_mutex_lock(&worker->lock);
        worker->n_runners++;
        pthread_mutex_unlock(&worker->lock);
        int rc = pthread_create(&runners[n].thread, NULL, avsp_runner_main, &runners[n]);
        if (rc != 0) {
            worker->n_runners--;
            (void)avsp_err_set_errno(err, rc, "start a thread");
            break;
        }
    }
    return n;
}

static enum avsp_code run_pool(struct avsp_worker *worker, int (*next_signal)(int ms),
                               int *ret_status, struct avsp_err *err)
{
    const struct avsp_worker_config *config = worker->config;
    size_t n_slot = config->once ? 0 : config->slots + 1;
    size_t n_light = config->once ? 1 : N_LIGHT;
    struct avsp_runner *runners AVSP_CLEANUP(avsp_free_ptr) =
        calloc(n_slot + n_light, sizeof *runners);
    if (runners == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    avsp_log(AVSP_LOG_INFO, "worker.started",
             "worker=%s version=%s slots=%u threads=%u coordinator=%s encoders=%s", config->id,
             AVSP_VERSION, config->slots, config->threads, AVSP_LOG_Q(config->coordinator),
             AVSP_LOG_Q(worker->encoders.text));
    size_t n = start_runners(worker, runners, n_slot, n_light, err);
    if (n < n_slot + n_light)
        stop(worker, "no thread");
    *ret_status = supervise(worker, next_signal);
    for (size_t i = 0; i < n; i++)
        pthread_join(runners[i].thread, NULL);
    avsp_log(AVSP_LOG_INFO, "worker.stopped", "worker=%s", config->id);
    return n == n_slot + n_light ? AVSP_OK : err->code;
}

static enum avsp_code open_parts(struct avsp_worker *worker, struct avsp_err *err)
{
    const struct avsp_worker_config *config = worker->config;
    const struct avsp_storage_options options = {
        .allow_roots = config->roots,
        .n_allow_roots = config->n_roots,
        .allow_s3 = config->allow_s3,
        .n_allow_s3 = config->n_allow_s3,
        .s3_patience_ms = config->s3_patience_ms,
        .s3_silence_ms = config->s3_patience_ms / 2,
        .s3_asks_instance = true,
    };
    worker->storage = avsp_storage_new(&options, err);
    if (worker->storage == NULL)
        return avsp_err_wrap(err, "what may be read and written");
    enum avsp_code rc = avsp_workdir_open(config->work_dir, &worker->workdir, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_encoders_learn(&worker->encoders, err);
    if (rc != AVSP_OK)
        return rc;
    worker->claims = avsp_client_new(config->coordinator, true, &config->security, err);
    if (worker->claims != NULL)
        worker->reports = avsp_client_new(config->coordinator, false, &config->security, err);
    return worker->reports != NULL ? AVSP_OK : avsp_err_wrap(err, "--coordinator");
}

static void close_parts(struct avsp_worker *worker)
{
    avsp_client_free(worker->claims);
    avsp_client_free(worker->reports);
    avsp_workdir_close(&worker->workdir);
    avsp_storage_free(worker->storage);
    avsp_slots_deinit(&worker->slots);
    pthread_cond_destroy(&worker->light_claimed);
    avsp_encoders_deinit(&worker->encoders);
    pthread_mutex_destroy(&worker->lock);
}

enum avsp_code avsp_worker_run(const struct avsp_worker_config *config, int (*next_signal)(int ms),
                               int *ret_status, struct avsp_err *err)
{
    struct avsp_worker AVSP_CLEANUP(close_parts)
        worker = {.config = config, .workdir = {.lock_fd = -1}};
    AVSP_ASSERT(pthread_mutex_init(&worker.lock, NULL) == 0);
    AVSP_ASSERT(pthread_cond_init(&worker.light_claimed, NULL) == 0);
    avsp_slots_init(&worker.slots, config->slots, config->work_bytes);
    avsp_encoders_init(&worker.encoders, config->media_program);
    enum avsp_code rc = open_parts(&worker, err);
    if (rc == AVSP_OK)
        rc = avsp_beats_start(&worker.beats, worker.reports, config->id, config->stall_ms, err);
    if (rc != AVSP_OK)
        return rc;
    rc = run_pool(&worker, next_signal, ret_status, err);
    avsp_beats_stop(&worker.beats);
    return rc;
}
