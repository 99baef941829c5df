/// Workers that only pretend: they claim splits and encodes over the wire as real ones do, wait as long as an encode would take,
/// beat once a second, and report what was never made (sim_facts.h). Everything behind them is real. For bench/scale and for the
/// tests of large jobs; manifests and clean-ups are left to a real worker. Runs until SIGTERM; then prints one line of JSON.
///
/// Like a real worker each has one slot and two runners: one claims ahead once the other's encode is three quarters through. With
/// --light it also waits, like a real one, with one more call for tasks that take no slot; what it asks for never comes.
#include "rpc/client.h"
#include "sim_facts.h"
#include "util/cli.h"

#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define WORKERS_MAX 5000
#define N_RUNNERS 2
#define N_LIGHT 1
#define STACK_BYTES ((size_t)256 << 10)
#define CLAIM_WAIT_MS 40000
#define CLAIM_JITTER_MS 15000
#define CLAIM_SLACK_MS 10000
#define CALL_MS 10000
#define PAUSE_MS 100
#define BEAT_MS 1000
#define TASK_ARENA_BYTES ((size_t)32 << 20)
#define SEPARATE_TARGETS_MAX 8

static const struct avsp_cli_option options[] = {
    {"coordinator", "TARGET", NULL, "127.0.0.1:50051",
     "The coordinator; may be given several times, and workers take turns.", true},
    {"workers", "N", NULL, "1", "How many, each with one slot and a connection of its own."},
    {"encode-ms", "N", NULL, "0", "How long an encode takes."},
    {"pieces", "N", NULL, "1000", "What a split reports."},
    {"light", NULL, NULL, NULL, "Also wait for tasks that take no slot, in vain."},
    {"init", "FILE", NULL, NULL, "A real init segment; with --segment, files are written."},
    {"segment", "FILE", NULL, NULL, "A real segment that goes with it."},
    {"id", "NAME", NULL, "sim", "The workers' names begin with it."},
};

static const struct avsp_cli_command whole = {
    .name = "",
    .arguments = "",
    .summary = "pretend to work",
    .help = "",
    .options = options,
    .n_options = AVSP_ARRAY_LEN(options),
};

static const struct avsp_cli_program program = {
    .name = "sim_worker",
    .summary = "pretend to work",
    .description = "For benchmarks and tests.",
    .commands = &whole,
    .n_commands = 1,
    .notes = "",
};

/// What all have done, under the lock.
struct totals {
    pthread_mutex_t lock;
    uint64_t n_splits, n_encodes, n_claims, n_errors;
    int64_t claim_us,
        finish_us; ///< sums, of encodes; claims that begin while there is something to be had
    int64_t first_us, last_us; ///< the first encode was claimed, the last one recorded; 0 = none
    char last_error[AVSP_TEXT_MAX_BYTES];
};

struct simulation {
    struct sim_facts facts;
    uint32_t n_workers;
    size_t n_runners; ///< of each
    int64_t encode_ms;
    uint32_t n_pieces;
    const char *id;
    const char *targets[SEPARATE_TARGETS_MAX];
    size_t n_targets;
    _Atomic bool is_over;
    struct totals totals;
};

struct sim_worker;

struct runner {
    struct sim_worker *worker;
    bool is_light;
    pthread_t thread;
    struct avsp_arena arena; ///< of one task
};

struct sim_worker {
    struct simulation *sim;
    char id[AVSP_ANY_ID_BYTES];
    struct avsp_client *client;
    sem_t may_claim; ///< one runner claims, or has claimed and is not nearly done
    sem_t slot;
    struct runner runners[N_RUNNERS + N_LIGHT];
};

static void nap_ms(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static struct avsp_mono soon(void)
{
    return avsp_mono_in_ms(CALL_MS);
}

static void note_error(struct sim_worker *w, const struct avsp_err *err)
{
    struct totals *totals = &w->sim->totals;
    if (w->sim->is_over)
        return;
    pthread_mutex_lock(&totals->lock);
    totals->n_errors++;
    snprintf(totals->last_error, sizeof totals->last_error, "%s", err->text);
    pthread_mutex_unlock(&totals->lock);
}

/// A question that was not answered is repeated with the same id, as real workers do. @return false: it is over.
static bool claim(struct runner *r, struct avsp_task *ret_task)
{
    struct sim_worker *w = r->worker;
    char claim_id[AVSP_ID_BYTES];
    avsp_id_new(claim_id);
    const struct avsp_claim question = {
        .worker = {.id = w->id,
                   .host = "simulated",
                   .version = AVSP_VERSION,
                   .slots = 1,
                   .kinds = r->is_light ? 1u << AVSP_TASK_CLEANUP
                                        : 1u << AVSP_TASK_SPLIT | 1u << AVSP_TASK_ENCODE},
        .own = true,
        .claim_id = claim_id,
        .wait_ms = (uint32_t)(CLAIM_WAIT_MS - avsp_nonce_new() % CLAIM_JITTER_MS),
    };
    while (!w->sim->is_over) {
        struct avsp_err err = {0};
        avsp_arena_clear(&r->arena);
        *ret_task = (struct avsp_task){0};
        if (avsp_client_claim(w->client, &question, &r->arena, ret_task,
                              avsp_mono_in_ms(CLAIM_WAIT_MS + CLAIM_SLACK_MS), &err) == AVSP_OK)
            return true;
        note_error(w, &err);
        nap_ms(PAUSE_MS);
    }
    return false;
}

/// Beats until @p until or the end. @return OK also where the task is to be dropped, which @p ret_goes_on says.
static enum avsp_code beat_until(struct sim_worker *w, const struct avsp_task *task,
                                 struct avsp_mono until, bool *ret_goes_on, struct avsp_err *err)
{
    static const struct avsp_progress none = {0};
    *ret_goes_on = true;
    while (*ret_goes_on && !avsp_mono_passed(until) && !w->sim->is_over) {
        // The time that a beat takes is part of the encode's: a real worker's beats have a thread of their own.
        struct avsp_mono next = avsp_mono_in_ms(BEAT_MS);
        next = next.us < until.us ? next : until;
        struct avsp_attempt_status status = {0};
        enum avsp_code rc = avsp_client_heartbeat(w->client, w->id, task->id, task->token, &none,
                                                  &status, soon(), err);
        if (rc != AVSP_OK)
            return rc;
        *ret_goes_on = !status.canceled && !status.lease_lost;
        nap_ms(avsp_mono_left_ms(next));
    }
    return AVSP_OK;
}

static enum avsp_code split(struct sim_worker *w, const struct avsp_task *task,
                            struct avsp_err *err)
{
    static const uint32_t batch = AVSP_BATCH_MAX;
    enum avsp_code rc = AVSP_OK;
    for (uint32_t from = task->resume_idx; rc == AVSP_OK && from < w->sim->n_pieces;) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, TASK_ARENA_BYTES);
        struct avsp_piece pieces[AVSP_BATCH_MAX];
        struct avsp_attempt_status status = {0};
        const uint32_t n = AVSP_MIN(w->sim->n_pieces - from, batch);
        for (uint32_t i = 0; rc == AVSP_OK && i < n; i++)
            rc = sim_facts_piece(&w->sim->facts, &arena, &task->work, from + i, &pieces[i], err);
        const struct avsp_outputs outputs = {.pieces = pieces, .n_pieces = n};
        if (rc == AVSP_OK)
            rc = avsp_client_report(w->client, w->id, task->id, task->token, &outputs, &status,
                                    soon(), err);
        if (rc == AVSP_OK && (status.canceled || status.lease_lost))
            rc = avsp_err_set(err, AVSP_CANCELED, "the split is not ours any more");
        from += n;
    }
    const struct avsp_finish finish = {
        .worker_id = w->id, .task_id = task->id, .token = task->token, .succeeded = true};
    return rc == AVSP_OK ? avsp_client_finish(w->client, &finish, soon(), err) : rc;
}

/// Sleeps in the slot, and lets the other runner claim once three quarters are over.
static enum avsp_code sleep_in_slot(struct sim_worker *w, const struct avsp_task *task,
                                    bool *ret_goes_on, struct avsp_err *err)
{
    const int64_t ms = w->sim->encode_ms;
    sem_wait(&w->slot);
    const struct avsp_mono end = avsp_mono_in_ms(ms);
    *ret_goes_on = true;
    enum avsp_code rc =
        ms > 0 ? beat_until(w, task, avsp_mono_in_ms(ms * 3 / 4), ret_goes_on, err) : AVSP_OK;
    sem_post(&w->may_claim);
    if (rc == AVSP_OK && *ret_goes_on)
        rc = beat_until(w, task, end, ret_goes_on, err);
    sem_post(&w->slot);
    return rc;
}

/// @param ret_finish_us  how long the finish took; -1 = there was none: the task was somebody else's by then.
static enum avsp_code encode(struct runner *r, const struct avsp_task *task, int64_t *ret_finish_us,
                             struct avsp_err *err)
{
    struct sim_worker *w = r->worker;
    struct sim_facts *facts = &w->sim->facts;
    struct avsp_segment segment = {0};
    bool goes_on = true;
    *ret_finish_us = -1;
    enum avsp_code rc = sleep_in_slot(w, task, &goes_on, err);
    if (rc != AVSP_OK || !goes_on)
        return rc;
    rc = sim_facts_encode(facts, &r->arena, &task->output, task->idx, &segment, err);
    const struct avsp_finish finish = {
        .worker_id = w->id,
        .task_id = task->id,
        .token = task->token,
        .succeeded = true,
        .outputs = {.renditions = &facts->rendition,
                    .n_renditions = 1,
                    .segments = &segment,
                    .n_segments = 1},
    };
    const int64_t began_us = avsp_mono_now().us;
    if (rc == AVSP_OK)
        rc = avsp_client_finish(w->client, &finish, soon(), err);
    *ret_finish_us = avsp_mono_now().us - began_us;
    return rc;
}

/// @param claim_us  -1: the claim waited for there to be something.
static void count_encode(struct totals *totals, int64_t claimed_us, int64_t claim_us,
                         int64_t finish_us)
{
    pthread_mutex_lock(&totals->lock);
    totals->n_encodes++;
    totals->n_claims += claim_us >= 0;
    totals->claim_us += AVSP_MAX(claim_us, (int64_t)0);
    totals->finish_us += finish_us;
    if (totals->first_us == 0 || claimed_us < totals->first_us)
        totals->first_us = claimed_us;
    totals->last_us = AVSP_MAX(totals->last_us, avsp_mono_now().us);
    pthread_mutex_unlock(&totals->lock);
}

/// One task after its claim. @param claim_us  as count_encode has it.
static void do_task(struct runner *r, const struct avsp_task *task, int64_t claimed_us,
                    int64_t claim_us)
{
    struct sim_worker *w = r->worker;
    struct totals *totals = &w->sim->totals;
    int64_t finish_us = 0;
    struct avsp_err err = {0};
    enum avsp_code rc = AVSP_OK;
    if (task->kind == AVSP_TASK_ENCODE) {
        rc = encode(r, task, &finish_us, &err);
        if (rc == AVSP_OK && finish_us >= 0)
            count_encode(totals, claimed_us, claim_us, finish_us);
    } else {
        sem_post(&w->may_claim); // a split takes no slot
        rc = task->kind == AVSP_TASK_SPLIT ? split(w, task, &err) : AVSP_OK;
        pthread_mutex_lock(&totals->lock);
        totals->n_splits += task->kind == AVSP_TASK_SPLIT && rc == AVSP_OK;
        pthread_mutex_unlock(&totals->lock);
    }
    if (rc != AVSP_OK)
        note_error(w, &err);
}

static void *work(void *opaque)
{
    struct runner *r = opaque;
    struct sim_worker *w = r->worker;
    struct totals *totals = &w->sim->totals;
    struct avsp_task task;
    for (;;) {
        sem_wait(&w->may_claim);
        const int64_t began_us = avsp_mono_now().us;
        pthread_mutex_lock(&totals->lock);
        const bool has_begun = totals->first_us != 0;
        pthread_mutex_unlock(&totals->lock);
        if (!claim(r, &task)) {
            sem_post(&w->may_claim); // for the other one to see the end too
            return NULL;
        }
        const int64_t claimed_us = avsp_mono_now().us;
        do_task(r, &task, claimed_us, has_begun ? claimed_us - began_us : -1);
    }
}

static void *wait_in_vain(void *opaque)
{
    struct avsp_task task;
    while (claim(opaque, &task))
        ;
    return NULL;
}

static enum avsp_code start_runner(struct runner *r, struct avsp_err *err)
{
    pthread_attr_t attr;
    AVSP_ASSERT(pthread_attr_init(&attr) == 0);
    AVSP_ASSERT(pthread_attr_setstacksize(&attr, STACK_BYTES) == 0);
    int rc = pthread_create(&r->thread, &attr, r->is_light ? wait_in_vain : work, r);
    pthread_attr_destroy(&attr);
    return rc == 0 ? AVSP_OK : avsp_err_set_errno(err, rc, "start a thread");
}

static void join_worker(struct sim_worker *w, size_t n_runners)
{
    for (size_t i = 0; i < n_runners; i++)
        pthread_join(w->runners[i].thread, NULL);
    for (size_t i = 0; i < n_runners; i++)
        avsp_arena_deinit(&w->runners[i].arena);
    avsp_client_free(w->client);
    sem_destroy(&w->may_claim);
    sem_destroy(&w->slot);
}

static enum avsp_code start_worker(struct simulation *sim, struct sim_worker *w, uint32_t i,
                                   struct avsp_err *err)
{
    w->sim = sim;
    snprintf(w->id, sizeof w->id, "%.40s-%" PRIu32, sim->id, i);
    w->client = avsp_client_new(sim->targets[i % sim->n_targets], false, NULL, err);
    if (w->client == NULL)
        return err->code;
    AVSP_ASSERT(sem_init(&w->may_claim, 0, 1) == 0);
    AVSP_ASSERT(sem_init(&w->slot, 0, 1) == 0);
    size_t n = 0;
    enum avsp_code rc = AVSP_OK;
    for (; rc == AVSP_OK && n < sim->n_runners; n += rc == AVSP_OK) {
        w->runners[n].worker = w;
        w->runners[n].is_light = n >= N_RUNNERS;
        avsp_arena_init(&w->runners[n].arena, TASK_ARENA_BYTES);
        rc = start_runner(&w->runners[n], err);
    }
    if (rc == AVSP_OK)
        return AVSP_OK;
    sim->is_over = true;
    avsp_client_shutdown(w->client);
    join_worker(w, n);
    return rc;
}

static void print_totals(const struct totals *t)
{
    const double n = (double)AVSP_MAX(t->n_encodes, (uint64_t)1);
    const double n_claims = (double)AVSP_MAX(t->n_claims, (uint64_t)1);
    printf("{\"splits\": %" PRIu64 ", \"encodes\": %" PRIu64 ", \"errors\": %" PRIu64
           ", \"span_s\": %.6f, \"claim_ms\": %.3f, \"finish_ms\": %.3f, \"last_error\": \"",
           t->n_splits, t->n_encodes, t->n_errors, (double)(t->last_us - t->first_us) / 1e6,
           (double)t->claim_us / n_claims / 1e3, (double)t->finish_us / n / 1e3);
    for (const char *c = t->last_error; *c != '\0'; c++)
        putchar(*c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '\'' : *c);
    printf("\"}\n");
}

static enum avsp_code run(struct simulation *sim, const sigset_t *ends, struct avsp_err *err)
{
    struct sim_worker *workers AVSP_CLEANUP(avsp_free_ptr) =
        calloc(sim->n_workers, sizeof *workers);
    if (workers == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    uint32_t n = 0;
    enum avsp_code rc = AVSP_OK;
    while (n < sim->n_workers && (rc = start_worker(sim, &workers[n], n, err)) == AVSP_OK)
        n++;
    if (rc == AVSP_OK) {
        fprintf(stderr, "event=simulation.started workers=%" PRIu32 "\n", n);
        sigwaitinfo(ends, NULL);
    }
    sim->is_over = true;
    for (uint32_t i = 0; i < n; i++)
        avsp_client_shutdown(workers[i].client);
    for (uint32_t i = 0; i < n; i++)
        join_worker(&workers[i], sim->n_runners);
    if (rc == AVSP_OK)
        print_totals(&sim->totals);
    return rc;
}

static enum avsp_code configure(const struct avsp_cli_parsed *args, struct simulation *sim,
                                struct avsp_err *err)
{
    int64_t n_workers = 0, n_pieces = 0;
    const char *init = avsp_cli_str(args, "init");
    const char *segment = avsp_cli_str(args, "segment");
    enum avsp_code rc = avsp_cli_i64(args, "workers", 1, WORKERS_MAX, &n_workers, err);
    if (rc == AVSP_OK)
        rc = avsp_cli_i64(args, "encode-ms", 0, 3600000, &sim->encode_ms, err);
    if (rc == AVSP_OK)
        rc = avsp_cli_i64(args, "pieces", 1, AVSP_SEGMENTS_MAX, &n_pieces, err);
    if (rc == AVSP_OK && (init == NULL) != (segment == NULL))
        rc = avsp_err_set(err, AVSP_INVALID, "--init and --segment go together");
    sim->n_workers = (uint32_t)n_workers;
    sim->n_pieces = (uint32_t)n_pieces;
    sim->id = avsp_cli_str(args, "id");
    sim->n_runners = N_RUNNERS + (avsp_cli_flag(args, "light") ? N_LIGHT : 0);
    for (unsigned i = 0; i < SEPARATE_TARGETS_MAX; i++) {
        const char *target = avsp_cli_nth(args, "coordinator", i);
        if (target == NULL)
            break;
        sim->targets[sim->n_targets++] = target;
    }
    if (sim->n_targets == 0)
        sim->targets[sim->n_targets++] = avsp_cli_str(args, "coordinator");
    return rc == AVSP_OK ? sim_facts_init(&sim->facts, init, segment, err) : rc;
}

int main(int argc, char **argv)
{
    struct avsp_err err = {0};
    struct avsp_cli_parsed args;
    bool is_answered = false;
    if (avsp_cli_parse(&program, argc, argv, &args, &is_answered, &err) != AVSP_OK) {
        fprintf(stderr, "%s: %s\n", program.name, err.text);
        return 2;
    }
    if (is_answered)
        return 0;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct simulation sim = {.totals = {.lock = PTHREAD_MUTEX_INITIALIZER}};
    enum avsp_code rc = configure(&args, &sim, &err);
    if (rc == AVSP_OK)
        rc = run(&sim, &ends, &err);
    sim_facts_deinit(&sim.facts);
    if (rc != AVSP_OK)
        fprintf(stderr, "%s: %s\n", program.name, err.text);
    return rc == AVSP_OK ? 0 : 1;
}
