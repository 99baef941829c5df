#include "core/lifecycle.h"
#include "db/internal.h"

#include <string.h>

/// How many tasks one call may end because their last lease ran out, before it answers "none" for now.
#define ENDED_PER_CLAIM_MAX 16

/// Kinds of task that a caller takes, as five parameters of a statement; 0 where it does not take one.
struct kinds {
    int64_t of[AVSP_TASK_CLEANUP];
};

static struct kinds kinds_of(const struct avsp_claim *claim)
{
    const uint32_t base = 1U << AVSP_TASK_SPLIT | 1U << AVSP_TASK_ENCODE | 1U << AVSP_TASK_MANIFEST;
    uint32_t mask = claim->own ? claim->worker.kinds : base;
    struct kinds kinds = {0};
    for (int kind = AVSP_TASK_SPLIT; kind <= AVSP_TASK_CLEANUP; kind++)
        if ((mask & 1U << kind) != 0)
            kinds.of[kind - 1] = kind;
    return kinds;
}

/// Where a claim may find its task: a pool, and there what is ready or what has a lease that ran out.
struct source {
    enum avsp_pool pool;
    bool expired;
};
#define SOURCES_MAX 4

struct candidate {
    struct source from;
    char id[AVSP_ID_BYTES]; ///< "" = none
    enum avsp_task_kind kind;
    int64_t priority;
    int64_t key;
    int64_t idx;
    int64_t created_us;
};

static bool comes_before(const struct candidate *a, const struct candidate *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->key != b->key)
        return a->key < b->key;
    if (a->idx != b->idx)
        return a->idx < b->idx;
    return a->created_us < b->created_us;
}

/// Cleaning up waits while another job writes to the same output.
#define NOT_IN_THE_WAY                                                                             \
    " (kind <> 5 OR NOT EXISTS (SELECT 1 FROM jobs mine JOIN jobs other"                           \
    " ON other.output_key = mine.output_key AND other.state IN (1, 5)"                             \
    " WHERE mine.id = tasks.job_id))"
#define FIRST(where)                                                                               \
    "SELECT id, kind, priority, fair_key, idx, created_us FROM tasks WHERE " where                 \
    " AND pool = $1 AND kind IN ($3, $4, $5, $6, $7) AND" NOT_IN_THE_WAY                           \
    " ORDER BY priority DESC, fair_key, idx, created_us, id LIMIT 1"
#define FIRST_READY FIRST("state = 1 AND not_before_us <= $2")
/// A paused job's task stays with whoever fell silent, whose finish still counts.
#define FIRST_EXPIRED                                                                              \
    FIRST("state = 2 AND lease_until_us <= $2"                                                     \
          " AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = tasks.job_id AND j.state <> 5)")

/// The first task of a source. @param lock  the first that nobody else is about to take, kept for this transaction.
static enum avsp_code probe(struct avsp_tx *tx, struct source from, const struct kinds *kinds,
                            bool lock, struct candidate *ret_found, struct avsp_err *err)
{
    static const char look_ready[] = FIRST_READY;
    static const char lock_ready[] = FIRST_READY AVSP_DB_LOCK_SKIP("tasks");
    static const char look_expired[] = FIRST_EXPIRED;
    static const char lock_expired[] = FIRST_EXPIRED AVSP_DB_LOCK_SKIP("tasks");
    const char *ready = lock ? lock_ready : look_ready;
    const char *expired = lock ? lock_expired : look_expired;
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    *ret_found = (struct candidate){.from = from};
    enum avsp_code rc = avsp_db_query(tx->db, from.expired ? expired : ready,
                                      AVSP_DB_ARGS(avsp_i64(from.pool), avsp_i64(tx->now_us),
                                                   avsp_i64(kinds->of[0]), avsp_i64(kinds->of[1]),
                                                   avsp_i64(kinds->of[2]), avsp_i64(kinds->of[3]),
                                                   avsp_i64(kinds->of[4])),
                                      &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc != AVSP_OK || !more)
        return rc;
    snprintf(ret_found->id, sizeof ret_found->id, "%s", avsp_db_text(&rows, 0));
    ret_found->kind = (enum avsp_task_kind)avsp_db_i64(&rows, 1);
    ret_found->priority = avsp_db_i64(&rows, 2);
    ret_found->key = avsp_db_i64(&rows, 3);
    ret_found->idx = avsp_db_i64(&rows, 4);
    ret_found->created_us = avsp_db_i64(&rows, 5);
    return AVSP_OK;
}

/// What each source has first, best first. Locks nothing: a lock on what is not taken would hide it from others.
static enum avsp_code rank(struct avsp_tx *tx, const struct avsp_claim *claim,
                           const struct kinds *kinds, struct candidate ret_best[SOURCES_MAX],
                           size_t *ret_n, struct avsp_err *err)
{
    const int kinds_of_source = avsp_leases_count(tx) && tx->store->n_expired > 0 ? 2 : 1;
    const enum avsp_pool last = claim->own ? AVSP_POOL_OURS : AVSP_POOL_ANY;
    enum avsp_code rc = AVSP_OK;
    *ret_n = 0;
    for (enum avsp_pool pool = AVSP_POOL_ANY; pool <= last; pool++)
        for (int expired = 0; rc == AVSP_OK && expired < kinds_of_source; expired++) {
            struct candidate found;
            rc = probe(tx, (struct source){pool, expired != 0}, kinds, false, &found, err);
            if (rc != AVSP_OK || found.id[0] == '\0')
                continue;
            size_t at = (*ret_n)++;
            for (; at > 0 && comes_before(&found, &ret_best[at - 1]); at--)
                ret_best[at] = ret_best[at - 1];
            ret_best[at] = found;
        }
    return rc;
}

/// Locks the task that comes first. @param ret_best  id "" where there is none.
static enum avsp_code choose(struct avsp_tx *tx, const struct avsp_claim *claim,
                             struct candidate *ret_best, struct avsp_err *err)
{
    const struct kinds kinds = kinds_of(claim);
    struct candidate ranked[SOURCES_MAX];
    size_t n = 0;
    *ret_best = (struct candidate){0};
    enum avsp_code rc = rank(tx, claim, &kinds, ranked, &n, err);
    for (size_t i = 0; rc == AVSP_OK && ret_best->id[0] == '\0' && i < n; i++)
        rc = probe(tx, ranked[i].from, &kinds, true, ret_best, err);
    return rc;
}

/// A job that was submitted while we waited for the lock was not seen by the probe. Whoever submits one from here on sees us.
static enum avsp_code is_in_the_way(struct avsp_tx *tx, const struct candidate *best,
                                    bool *ret_in_the_way, struct avsp_err *err)
{
    static const char sql[] = "SELECT 1 FROM tasks WHERE id = $1 AND" NOT_IN_THE_WAY;
    int64_t clear = 0;
    enum avsp_code rc = AVSP_OK;
    if (best->kind == AVSP_TASK_CLEANUP)
        rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(best->id)), &clear, err);
    *ret_in_the_way = best->kind == AVSP_TASK_CLEANUP && clear == 0;
    return rc;
}

/// The running task that an earlier call with the same claim id was given; its lease begins anew.
static enum avsp_code find_repeated(struct avsp_tx *tx, const struct avsp_claim *claim,
                                    char ret_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    static const char find[] = "SELECT id FROM tasks WHERE state = 2 AND claim_id <> ''"
                               " AND claim_id = $1 AND worker_id = $2";
    static const char extend[] = "UPDATE tasks SET lease_until_us = $2 WHERE id = $1 AND state = 2";
    bool more = false;
    int64_t changed = 0;
    ret_id[0] = '\0';
    if (claim->claim_id[0] == '\0')
        return AVSP_OK;
    {
        struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
        enum avsp_code rc = avsp_db_query(
            tx->db, find, AVSP_DB_ARGS(avsp_text(claim->claim_id), avsp_text(claim->worker.id)),
            &rows, err);
        if (rc == AVSP_OK)
            rc = avsp_db_next(&rows, &more, err);
        if (rc != AVSP_OK || !more)
            return rc;
        snprintf(ret_id, AVSP_ID_BYTES, "%s", avsp_db_text(&rows, 0));
    }
    return avsp_tx_exec(
        tx, extend,
        AVSP_DB_ARGS(avsp_text(ret_id), avsp_i64(tx->now_us + tx->store->options.lease_ms * 1000)),
        &changed, err);
}

static enum avsp_code take(struct avsp_tx *tx, const struct avsp_claim *claim,
                           const struct avsp_task_row *row, int64_t spent, int64_t *ret_changed,
                           struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET state = $4, attempt = attempt + 1, nonce = $5, spent = $6,"
        " claims = claims + 1, started = 0, own = $7, claim_id = $8, worker_id = $9,"
        " claimed_us = $10, lease_until_us = $11, not_before_us = 0, frames_done = 0,"
        " frames_total = 0, milli_fps = 0, version = version + 1"
        " WHERE id = $1 AND state = $2 AND attempt = $3";
    enum avsp_task_state to = avsp_task_next(row->state, AVSP_EVENT_CLAIM);
    return avsp_tx_exec(
        tx, sql,
        AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state), avsp_i64(row->token.attempt),
                     avsp_i64(to), avsp_i64(avsp_nonce_new()), avsp_i64(spent),
                     avsp_i64(claim->own), avsp_text(claim->own ? claim->claim_id : ""),
                     avsp_text(claim->worker.id), avsp_i64(tx->now_us),
                     avsp_i64(tx->now_us + tx->store->options.lease_ms * 1000)),
        ret_changed, err);
}

/// Chooses a task and takes it.
/// @param ret_id  "" where there is none. @param ret_again  true: one came to its end instead; look again.
static enum avsp_code take_next(struct avsp_tx *tx, const struct avsp_claim *claim,
                                char ret_id[AVSP_ID_BYTES], bool *ret_again, struct avsp_err *err)
{
    struct candidate best;
    struct avsp_task_row row = {0};
    int64_t changed = 0;
    bool over = false;
    *ret_again = false;
    enum avsp_code rc = choose(tx, claim, &best, err);
    if (rc != AVSP_OK || best.id[0] == '\0')
        return rc;
    rc = is_in_the_way(tx, &best, ret_again, err);
    if (rc != AVSP_OK || *ret_again)
        return rc;
    rc = avsp_task_load(tx, best.id, &row, err);
    if (rc == AVSP_OK && row.job_state == AVSP_JOB_PAUSED) {
        // It became ready while its job paused.
        *ret_again = true;
        return avsp_window_close(tx, row.job_id, err);
    }
    int64_t spent = row.spent;
    if (rc == AVSP_OK && best.from.expired)
        rc = avsp_attempt_lost(tx, &row, &spent, &over, err);
    if (rc != AVSP_OK || over) {
        *ret_again = over;
        return rc;
    }
    rc = take(tx, claim, &row, spent, &changed, err);
    tx->changed = true;
    if (rc == AVSP_OK && changed > 0)
        rc = avsp_window_advance(tx, &row, err);
    *ret_again = changed == 0;
    if (rc == AVSP_OK && changed > 0)
        memcpy(ret_id, best.id, sizeof best.id);
    return rc;
}

// --- what the worker is handed

#define HANDOUT_COLUMNS                                                                            \
    "t.id, t.job_id, t.kind, t.attempt, t.nonce, t.created_us, t.idx, t.input, j.input, j.work,"   \
    " j.output, j.segment_seconds, j.crf, j.preset, j.overwrite, j.flavour"

static enum avsp_code load_places(struct avsp_tx *tx, struct avsp_db_rows *rows,
                                  struct avsp_arena *arena, struct avsp_task *task,
                                  struct avsp_places *places, struct avsp_err *err)
{
    enum avsp_code rc = avsp_location_load(arena, avsp_db_text(rows, 7), &task->input, err);
    for (int role = AVSP_ROLE_INPUT; rc == AVSP_OK && role <= AVSP_ROLE_OUTPUT; role++)
        rc = avsp_location_load(arena, avsp_db_text(rows, 7 + role), &places->at[role], err);
    if (rc == AVSP_OK)
        rc = avsp_secrets_load(tx, task->job_id, true, arena, places, err);
    task->work = places->at[AVSP_ROLE_WORK];
    task->output = places->at[AVSP_ROLE_OUTPUT];
    if (task->kind == AVSP_TASK_SPLIT)
        task->input = places->at[AVSP_ROLE_INPUT];
    else
        avsp_location_inherit(&task->input, &task->work);
    return rc;
}

/// The files of a job that base workers encoded, for its manifest.
static enum avsp_code load_files(struct avsp_tx *tx, struct avsp_arena *arena,
                                 struct avsp_task *task, struct avsp_err *err)
{
    static const char count_sql[] =
        "SELECT count(*) FROM tasks WHERE job_id = $1 AND kind = 2 AND state = 3";
    static const char sql[] = "SELECT result FROM tasks WHERE job_id = $1 AND kind = 2"
                              " AND state = 3 ORDER BY track, idx LIMIT $2";
    int64_t n = 0;
    enum avsp_code rc = avsp_tx_i64(tx, count_sql, AVSP_DB_ARGS(avsp_text(task->job_id)), &n, err);
    if (rc != AVSP_OK)
        return rc;
    n = AVSP_MIN(n, AVSP_SEGMENTS_MAX);
    task->files = avsp_arena_array(arena, (size_t)n, sizeof *task->files);
    if (task->files == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(task->job_id), avsp_i64(n)), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_location *file = &task->files[task->n_files++];
        rc = avsp_location_load(arena, avsp_db_text(&rows, 0), file, err);
        if (rc == AVSP_OK)
            avsp_location_inherit(file, &task->output);
    }
    return rc;
}

/// Pieces come in order, so all below the end of the furthest one are there.
static enum avsp_code load_resume(struct avsp_tx *tx, struct avsp_task *task, struct avsp_err *err)
{
    static const char sql[] = "SELECT idx + n_segments FROM tasks WHERE job_id = $1 AND kind = 2"
                              " AND track = 0 AND input <> '' ORDER BY idx DESC LIMIT 1";
    int64_t resume = 0;
    enum avsp_code rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(task->job_id)), &resume, err);
    task->resume_idx = (uint32_t)resume;
    return rc;
}

/// How many encodes wait. While a split runs more are about to: at least one for each other slot of who asks.
static enum avsp_code count_waiting(struct avsp_tx *tx, uint32_t slots, struct avsp_task *task,
                                    struct avsp_err *err)
{
    static const char waiting[] =
        "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE state = 1 AND pool IN (1, 2)"
        " AND kind = 2 LIMIT $1) AS waiting";
    static const char splitting[] =
        "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE state = 2 AND kind = 1 LIMIT 1) AS splits";
    int64_t n = 0;
    int64_t n_splits = 0;
    enum avsp_code rc = avsp_tx_i64(tx, waiting, AVSP_DB_ARGS(avsp_i64(AVSP_WAITING_MAX)), &n, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(tx, splitting, AVSP_DB_NO_ARGS, &n_splits, err);
    if (n_splits > 0 && slots > 1)
        n = AVSP_MAX(n, (int64_t)AVSP_MIN(slots - 1, (uint32_t)AVSP_WAITING_MAX));
    task->n_waiting = (uint32_t)n;
    return rc;
}

static enum avsp_code fill_task(struct avsp_tx *tx, struct avsp_db_rows *rows, uint32_t slots,
                                struct avsp_arena *arena, struct avsp_task *task,
                                struct avsp_err *err)
{
    const bool ours = avsp_db_i64(rows, 15) == AVSP_FLAVOUR_OURS;
    struct avsp_places places = {0};
    *task = (struct avsp_task){
        .kind = (enum avsp_task_kind)avsp_db_i64(rows, 2),
        .token = {avsp_db_i64(rows, 3), avsp_db_i64(rows, 4)},
        .created_us = avsp_db_i64(rows, 5),
        .lease_ms = tx->store->options.lease_ms,
        .idx = (uint32_t)avsp_db_i64(rows, 6),
        .segment_seconds = (int32_t)avsp_db_i64(rows, 11),
        .crf = (int32_t)avsp_db_i64(rows, 12),
        .preset = (int32_t)avsp_db_i64(rows, 13),
        .overwrite = avsp_db_i64(rows, 14) != 0,
        .described = ours,
    };
    if (!avsp_column(arena, rows, 0, &task->id) || !avsp_column(arena, rows, 1, &task->job_id))
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = load_places(tx, rows, arena, task, &places, err);
    if (rc == AVSP_OK && task->kind == AVSP_TASK_SPLIT)
        rc = load_resume(tx, task, err);
    if (rc == AVSP_OK && task->kind == AVSP_TASK_ENCODE)
        rc = count_waiting(tx, slots, task, err);
    if (rc == AVSP_OK && task->kind == AVSP_TASK_MANIFEST && !ours)
        rc = load_files(tx, arena, task, err);
    return rc;
}

static enum avsp_code hand_out(struct avsp_tx *tx, const char *task_id, uint32_t slots,
                               struct avsp_arena *arena, struct avsp_task *ret_task,
                               struct avsp_err *err)
{
    static const char sql[] =
        "SELECT " HANDOUT_COLUMNS " FROM tasks t JOIN jobs j ON j.id = t.job_id WHERE t.id = $1";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(task_id)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && !more)
        rc = avsp_err_set(err, AVSP_INTERNAL, "task %s went away", task_id);
    return rc == AVSP_OK ? fill_task(tx, &rows, slots, arena, ret_task, err) : rc;
}

static enum avsp_code claim_once(struct avsp_store *store, const struct avsp_claim *claim,
                                 struct avsp_arena *arena, struct avsp_task *ret_task,
                                 bool *ret_again, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_task task = {.id = "", .job_id = ""};
    char id[AVSP_ID_BYTES] = "";
    *ret_again = false;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK && claim->own)
        rc = find_repeated(&tx, claim, id, err);
    if (rc == AVSP_OK && id[0] == '\0')
        rc = take_next(&tx, claim, id, ret_again, err);
    if (rc == AVSP_OK && id[0] != '\0')
        rc = hand_out(&tx, id, claim->worker.slots, arena, &task, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(&tx, err);
    if (rc == AVSP_OK)
        *ret_task = task;
    return rc;
}

enum avsp_code avsp_store_claim(struct avsp_store *store, const struct avsp_claim *claim,
                                struct avsp_arena *arena, struct avsp_task *ret_task,
                                struct avsp_err *err)
{
    bool again = true;
    enum avsp_code rc = AVSP_OK;
    for (int i = 0; rc == AVSP_OK && again && i < ENDED_PER_CLAIM_MAX; i++) {
        unsigned tries = 0;
        do
            rc = claim_once(store, claim, arena, ret_task, &again, err);
        while (avsp_tx_again(&tries, rc, err));
    }
    return rc;
}
