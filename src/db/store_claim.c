/// Claims. Those that come together are answered together, by one transaction: its cost is that of its round trips and of its commit.
#include "core/lifecycle.h"
#include "db/internal.h"

#include <stdlib.h>
#include <string.h>

/// How many transactions one claim may take, where tasks come to their end because their last lease ran out, or jobs are for other
/// encoders, before the answer is "none" for now.
#define LOOKS_MAX 16

/// Floors that one transaction raises; others wait for the next.
#define RAISES_MAX (2 * (AVSP_PRIORITY_MAX + 1) * POOLS_MAX)

/// Pools that one caller takes from, at most.
#define POOLS_MAX 3

/// Claims that ask for the same, answered in one transaction.
struct group {
    struct avsp_claim_item *items[AVSP_DB_LIST_MAX];
    size_t n;
    bool own;
    uint32_t kinds;
    int64_t encoders; ///< number of their set; 0 = they take no encodes of ours
    int64_t pools[POOLS_MAX];
    size_t n_pools;
};

/// One claim in a transaction.
struct answer {
    struct avsp_claim_item *item;
    bool found;
    bool repeated; ///< it was given before
    int64_t spent;
    struct avsp_handout handout;
    struct avsp_task task;
};

/// What a transaction does for its group.
struct work {
    const struct group *group;
    struct avsp_tx *tx;
    struct answer *answers; ///< one a claim, in the order of the group
    size_t n_found;
    bool again;        ///< something came to its end instead of being handed out: look again
    bool full;         ///< no more may be done in this transaction
    const char *bound; ///< the job that was bound to the group's encoders; NULL = none
    char misplaced
        [AVSP_ID_BYTES]; ///< a job that is for other encoders, and stands where we look; "" = none
    struct {
        struct avsp_level level;
        int64_t key;
        uint64_t seen;
    } raises[RAISES_MAX]; ///< of floors, once this is committed
    size_t n_raises;
    size_t n_encodes; ///< that wait besides, as far as was looked
};

struct avsp_kinds avsp_kinds_of(uint32_t mask)
{
    struct avsp_kinds kinds = {0};
    for (int kind = AVSP_TASK_SPLIT; kind <= AVSP_TASK_CLEANUP; kind++)
        if ((mask & 1U << kind) != 0)
            kinds.of[kind - 1] = kind;
    return kinds;
}

/// What a base worker takes.
#define BASE_KINDS (1U << AVSP_TASK_SPLIT | 1U << AVSP_TASK_ENCODE | 1U << AVSP_TASK_MANIFEST)

static uint32_t kinds_of(const struct avsp_claim *claim)
{
    return claim->own ? claim->worker.kinds : BASE_KINDS;
}

/// The next claim that has no task yet.
static struct answer *next_answer(struct work *work)
{
    for (size_t i = 0; i < work->group->n; i++)
        if (!work->answers[i].found)
            return &work->answers[i];
    return NULL;
}

static size_t n_wanted(const struct work *work)
{
    return work->group->n - work->n_found;
}

static struct avsp_level level_of(const struct work *work, size_t pool, int64_t priority)
{
    return (struct avsp_level){work->group->pools[pool], priority, work->group->kinds};
}

/// Where a level is to be looked through from. @return false: nothing is ready there.
static bool floor_of(const struct work *work, const struct avsp_level *level, int64_t *ret_key)
{
    uint64_t seen = 0;
    *ret_key = avsp_floors_get(&work->tx->store->floors, level, &seen);
    return *ret_key != AVSP_FLOOR_EMPTY;
}

// --- one task

/// Cleaning up waits while another job writes to the same output.
#define NOT_IN_THE_WAY(t)                                                                          \
    " (" t "kind <> 5 OR NOT EXISTS (SELECT 1 FROM jobs mine JOIN jobs other"                      \
    " ON other.output_key = mine.output_key AND other.state IN (1, 5)"                             \
    " WHERE mine.id = " t "job_id))"

/// A job that was submitted while we waited for the lock was not seen by the look. Whoever submits one from here on sees us.
static enum avsp_code is_in_the_way(struct avsp_tx *tx, const struct avsp_task_row *row,
                                    bool *ret_in_the_way, struct avsp_err *err)
{
    static const char sql[] = "SELECT 1 FROM tasks t WHERE t.id = $1 AND" NOT_IN_THE_WAY("t.");
    int64_t clear = 0;
    enum avsp_code rc = AVSP_OK;
    if (row->kind == AVSP_TASK_CLEANUP)
        rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(row->id)), &clear, err);
    *ret_in_the_way = row->kind == AVSP_TASK_CLEANUP && clear == 0;
    return rc;
}

/// Is the task's job for the group's encoders? The first encode binds it: one job in each transaction, for two that bind
/// several would wait for each other.
static enum avsp_code check_encoders(struct work *work, const struct avsp_task_row *row,
                                     bool *ret_fits, struct avsp_err *err)
{
    const int64_t ours = work->group->encoders;
    const bool is_bound =
        row->encoders == ours || (work->bound != NULL && strcmp(work->bound, row->job_id) == 0);
    enum avsp_code rc = AVSP_OK;
    *ret_fits = !avsp_encoders_matter(row) || is_bound;
    if (*ret_fits)
        return AVSP_OK;
    if (row->encoders == 0 && work->bound == NULL) {
        rc = avsp_encoders_bind(work->tx, row->job_id, ours, ret_fits, err);
        if (*ret_fits)
            work->bound = row->job_id;
    }
    if (!*ret_fits && (row->encoders != 0 || work->bound == NULL))
        snprintf(work->misplaced, sizeof work->misplaced, "%s", row->job_id);
    return rc;
}

/// Gives a locked task to the next claim, unless something about its job forbids that.
static enum avsp_code consider(struct work *work, const struct avsp_handout *handout,
                               struct avsp_err *err)
{
    struct avsp_tx *tx = work->tx;
    const struct avsp_task_row *row = &handout->row;
    int64_t spent = row->spent;
    bool in_the_way = false;
    bool over = false;
    bool fits = false;
    enum avsp_code rc = is_in_the_way(tx, row, &in_the_way, err);
    if (rc != AVSP_OK || in_the_way) {
        work->again |= in_the_way;
        return rc;
    }
    if (row->job_state == AVSP_JOB_PAUSED) {
        // It became ready while its job paused.
        work->again = true;
        return avsp_window_close(tx, row->job_id, err);
    }
    rc = check_encoders(work, row, &fits, err);
    if (rc != AVSP_OK || !fits) {
        work->again |= !fits;
        return rc;
    }
    if (row->state == AVSP_TASK_RUNNING) {
        tx->changed = true;
        rc = avsp_attempt_lost(tx, row, &spent, &over, err);
    }
    if (rc != AVSP_OK || over) {
        work->again |= over;
        work->full |= over; // one job may end in a transaction
        return rc;
    }
    struct answer *answer = next_answer(work);
    AVSP_ASSERT(answer != NULL);
    answer->found = true;
    answer->spent = spent;
    answer->handout = *handout;
    answer->handout.token = (struct avsp_token){row->token.attempt + 1, avsp_nonce_new()};
    work->n_found++;
    return AVSP_OK;
}

// --- choosing

#define SELECT_HANDOUT                                                                             \
    "SELECT " AVSP_HANDOUT_COLUMNS " FROM tasks t JOIN jobs j ON j.id = t.job_id WHERE "

/// Locks the first tasks of a level that nobody else is about to take, at most @p want.
static enum avsp_code lock_ready(struct work *work, const struct avsp_level *level, int64_t from,
                                 size_t want, struct avsp_handout *ret_handouts, size_t *ret_n,
                                 struct avsp_err *err)
{
    static const char sql[] =
        SELECT_HANDOUT "t.state = 1 AND t.pool = $1 AND t.priority = $2 AND t.fair_key >= $3"
                       " AND t.not_before_us <= $4 AND t.kind IN ($5, $6, $7, $8, $9) "
                       "AND" NOT_IN_THE_WAY("t.") " ORDER BY t.fair_key, t.idx, t.created_us, t.id "
                                                  "LIMIT $10" AVSP_DB_LOCK_SKIP("t");
    struct avsp_tx *tx = work->tx;
    const struct avsp_kinds kinds = avsp_kinds_of(level->kinds);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    *ret_n = 0;
    enum avsp_code rc = avsp_db_query(tx->db, sql,
                                      AVSP_DB_ARGS(avsp_i64(level->pool), avsp_i64(level->priority),
                                                   avsp_i64(from), avsp_i64(tx->now_us),
                                                   avsp_i64(kinds.of[0]), avsp_i64(kinds.of[1]),
                                                   avsp_i64(kinds.of[2]), avsp_i64(kinds.of[3]),
                                                   avsp_i64(kinds.of[4]), avsp_i64((int64_t)want)),
                                      &rows, err);
    while (rc == AVSP_OK && *ret_n < want && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK &&
           more)
        rc = avsp_handout_read(tx, &rows, &ret_handouts[(*ret_n)++], err);
    return rc;
}

/// Keeps a look, to raise the floor by.
static void keep_look(struct work *work, const struct avsp_look *look)
{
    work->n_encodes += look->n_encodes;
    if (work->n_raises == RAISES_MAX)
        return;
    work->raises[work->n_raises].level = look->level;
    work->raises[work->n_raises].key = avsp_look_floor(look);
    work->raises[work->n_raises++].seen = look->seen;
}

static enum avsp_code look_from_floor(struct work *work, const struct avsp_level *level,
                                      struct avsp_look *ret_look, struct avsp_err *err)
{
    int64_t from = 0;
    *ret_look = (struct avsp_look){.level = *level};
    return floor_of(work, level, &from) ? avsp_look(work->tx, level, from, ret_look, err) : AVSP_OK;
}

/// How many of the next tasks of one priority stand in each pool: where only one has any, nobody need look.
static enum avsp_code share(struct work *work, int64_t priority, size_t ret_n[POOLS_MAX],
                            struct avsp_err *err)
{
    struct avsp_look looks[POOLS_MAX];
    size_t at[POOLS_MAX] = {0};
    size_t n_pools = 0;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < work->group->n_pools; i++) {
        const struct avsp_level level = level_of(work, i, priority);
        int64_t from = 0;
        ret_n[i] = floor_of(work, &level, &from) ? n_wanted(work) : 0;
        n_pools += ret_n[i] > 0;
    }
    if (n_pools <= 1)
        return AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < work->group->n_pools; i++) {
        const struct avsp_level level = level_of(work, i, priority);
        rc = look_from_floor(work, &level, &looks[i], err);
        ret_n[i] = 0;
    }
    for (size_t n = 0; rc == AVSP_OK && n < n_wanted(work); n++) {
        size_t best = POOLS_MAX;
        for (size_t i = 0; i < work->group->n_pools; i++)
            if (at[i] < looks[i].n &&
                (best == POOLS_MAX || avsp_look_before(&looks[i], at[i], &looks[best], at[best])))
                best = i;
        if (best == POOLS_MAX)
            break;
        at[best]++;
        ret_n[best]++;
    }
    return rc;
}

/// Takes up to @p want of a level.
static enum avsp_code take_some(struct work *work, const struct avsp_level *level, size_t want,
                                struct avsp_err *err)
{
    struct avsp_handout handouts[AVSP_DB_LIST_MAX];
    size_t n_locked = 0;
    int64_t from = 0;
    if (want == 0 || !floor_of(work, level, &from))
        return AVSP_OK;
    enum avsp_code rc = lock_ready(work, level, from, want, handouts, &n_locked, err);
    for (size_t i = 0; rc == AVSP_OK && i < n_locked; i++)
        rc = consider(work, &handouts[i], err);
    if (rc == AVSP_OK && n_locked == 0) {
        struct avsp_look look;
        rc = avsp_look(work->tx, level, from, &look, err);
        if (rc == AVSP_OK && look.n == 0)
            keep_look(work, &look); // nothing is left there
    }
    return rc;
}

static enum avsp_code take_ready(struct work *work, int64_t priority, struct avsp_err *err)
{
    size_t n[POOLS_MAX] = {0};
    bool is_short = false;
    enum avsp_code rc = share(work, priority, n, err);
    for (size_t i = 0; rc == AVSP_OK && i < work->group->n_pools; i++) {
        const struct avsp_level level = level_of(work, i, priority);
        const size_t want = AVSP_MIN(n[i], n_wanted(work));
        const size_t n_before = work->n_found;
        rc = take_some(work, &level, want, err);
        is_short |= work->n_found - n_before < want;
    }
    // What was counted may be locked by others, or wait for another job's end: then the other pools have more to give.
    for (size_t i = 0; rc == AVSP_OK && is_short && i < work->group->n_pools; i++) {
        const struct avsp_level level = level_of(work, i, priority);
        rc = take_some(work, &level, n_wanted(work), err);
    }
    return rc;
}

/// Those whose leases ran out stand in front of what is ready, for they were handed out before.
static enum avsp_code take_expired(struct work *work, int64_t priority, struct avsp_err *err)
{
    static const char sql[] = SELECT_HANDOUT "t.id = $1 AND t.state = 2 AND t.lease_until_us <= $2"
                                             " ORDER BY t.id" AVSP_DB_LOCK_SKIP("t");
    struct avsp_tx *tx = work->tx;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && avsp_leases_count(tx) && i < work->group->n_pools; i++) {
        const struct avsp_level level = level_of(work, i, priority);
        char id[AVSP_ID_BYTES];
        while (rc == AVSP_OK && !work->full && n_wanted(work) > 0 &&
               avsp_expired_take(&tx->store->expired, &level, id)) {
            struct avsp_handout handout;
            bool more = false;
            {
                struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
                rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(id), avsp_i64(tx->now_us)),
                                   &rows, err);
                if (rc == AVSP_OK)
                    rc = avsp_db_next(&rows, &more, err);
                if (rc == AVSP_OK && more)
                    rc = avsp_handout_read(tx, &rows, &handout, err);
            }
            if (rc == AVSP_OK && more && handout.row.job_state != AVSP_JOB_PAUSED)
                rc = consider(work, &handout, err);
        }
    }
    return rc;
}

// --- claims that were answered before

/// Begins, with a look for the running tasks that earlier calls with the same claim ids were given.
static enum avsp_code begin(struct avsp_store *store, struct work *work,
                            struct avsp_db_rows *ret_repeated, struct avsp_err *err)
{
    static const char sql[] = SELECT_HANDOUT
        "t.state = 2 AND t.claim_id <> '' AND t.claim_id IN (" AVSP_DB_LIST ") ORDER BY t.claim_id";
    const struct group *group = work->group;
    struct avsp_db_value ids[AVSP_DB_LIST_MAX];
    bool any = false;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ids); i++) {
        ids[i] = avsp_text(i < group->n ? group->items[i]->claim->claim_id : "");
        any |= group->own && ids[i].text[0] != '\0';
    }
    if (!any)
        return avsp_tx_begin(store, AVSP_DB_WRITE, work->tx, err);
    return avsp_tx_begin_query(store, AVSP_DB_WRITE, sql, ids, AVSP_ARRAY_LEN(ids), work->tx,
                               ret_repeated, err);
}

/// Gives them again; their leases begin anew. @param rows  all zeros: none was looked for.
static enum avsp_code give_repeated(struct work *work, struct avsp_db_rows *rows,
                                    struct avsp_err *err)
{
    const struct group *group = work->group;
    bool more = rows->db != NULL;
    enum avsp_code rc = AVSP_OK;
    while (more && (rc = avsp_db_next(rows, &more, err)) == AVSP_OK && more) {
        struct avsp_handout handout;
        rc = avsp_handout_read(work->tx, rows, &handout, err);
        if (rc != AVSP_OK)
            break;
        for (size_t i = 0; i < group->n; i++) {
            struct answer *answer = &work->answers[i];
            const struct avsp_claim *claim = answer->item->claim;
            if (answer->found || strcmp(claim->claim_id, handout.claim_id) != 0 ||
                strcmp(claim->worker.id, handout.row.worker_id) != 0)
                continue;
            answer->found = answer->repeated = true;
            answer->handout = handout;
            answer->handout.token = handout.row.token;
            work->n_found++;
        }
    }
    return rc;
}

// --- taking

static enum avsp_code take(struct avsp_tx *tx, const struct group *group,
                           const struct answer *answer, struct avsp_err *err)
{
    static const char extend[] =
        "UPDATE tasks SET lease_until_us = $2 WHERE id = $1 AND state = $3 AND attempt = $4";
    static const char sql[] =
        "UPDATE tasks SET state = $4, attempt = $12, nonce = $5, spent = $6,"
        " claims = claims + 1, started = 0, own = $7, claim_id = $8, worker_id = $9,"
        " claimed_us = $10, lease_until_us = $11, not_before_us = 0, frames_done = 0,"
        " frames_total = 0, milli_fps = 0, version = version + 1,"
        " pool = CASE WHEN $13 > 0 THEN $13 ELSE pool END"
        " WHERE id = $1 AND state = $2 AND attempt = $3";
    const struct avsp_task_row *row = &answer->handout.row;
    const int64_t pool = avsp_encoders_matter(row) ? group->encoders : 0;
    const struct avsp_claim *claim = answer->item->claim;
    const int64_t lease_us = tx->now_us + tx->store->options.lease_ms * 1000;
    if (answer->repeated)
        return avsp_tx_send(tx, extend,
                            AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(lease_us),
                                         avsp_i64(row->state), avsp_i64(row->token.attempt)),
                            AVSP_DB_ANY, err);
    tx->changed = true;
    return avsp_tx_send(
        tx, sql,
        AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state), avsp_i64(row->token.attempt),
                     avsp_i64(avsp_task_next(row->state, AVSP_EVENT_CLAIM)),
                     avsp_i64(answer->handout.token.nonce), avsp_i64(answer->spent),
                     avsp_i64(claim->own), avsp_text(claim->own ? claim->claim_id : ""),
                     avsp_text(claim->worker.id), avsp_i64(tx->now_us), avsp_i64(lease_us),
                     avsp_i64(answer->handout.token.attempt), avsp_i64(pool)),
        1, err);
}

/// By job, and there the furthest first.
static int compare_handouts(const void *a, const void *b)
{
    const struct avsp_task_row *x = &(*(const struct avsp_handout *const *)a)->row;
    const struct avsp_task_row *y = &(*(const struct avsp_handout *const *)b)->row;
    const int order = strcmp(x->job_id, y->job_id);
    return order != 0 ? order : (x->idx < y->idx) - (x->idx > y->idx);
}

/// Moves on the windows that were used up: each job's once, and in one order everywhere, or two groups that move the same ones would
/// wait for each other.
static enum avsp_code advance_windows(struct work *work, struct avsp_err *err)
{
    const struct avsp_handout *taken[AVSP_DB_LIST_MAX];
    size_t n = 0;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < work->group->n; i++)
        if (work->answers[i].found && !work->answers[i].repeated &&
            work->answers[i].handout.row.kind == AVSP_TASK_ENCODE)
            taken[n++] = &work->answers[i].handout;
    qsort(taken, n, sizeof(*taken), compare_handouts);
    for (size_t i = 0; rc == AVSP_OK && i < n; i++)
        if (i == 0 || strcmp(taken[i]->row.job_id, taken[i - 1]->row.job_id) != 0)
            rc = avsp_window_advance(work->tx, taken[i], err);
    return rc;
}

static enum avsp_code take_all(struct work *work, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < work->group->n; i++)
        if (work->answers[i].found)
            rc = take(work->tx, work->group, &work->answers[i], err);
    if (rc == AVSP_OK)
        rc = avsp_tx_flush(work->tx, err);
    return rc == AVSP_OK ? advance_windows(work, err) : rc;
}

// --- what is left

/// Looks at what is left, from the top, until as many encodes wait as anybody need know of.
static enum avsp_code look_at_rest(struct work *work, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (int64_t priority = AVSP_PRIORITY_MAX;
         rc == AVSP_OK && priority >= 0 && work->n_encodes < AVSP_WAITING_MAX; priority--)
        for (size_t i = 0; rc == AVSP_OK && i < work->group->n_pools; i++) {
            const struct avsp_level level = level_of(work, i, priority);
            struct avsp_look look;
            int64_t from = 0;
            if (!floor_of(work, &level, &from))
                continue;
            rc = avsp_look(work->tx, &level, from, &look, err);
            keep_look(work, &look);
        }
    return rc;
}

/// While a split runs more encodes are about to wait: at least one for each other slot of who asks.
static enum avsp_code count_waiting(struct work *work, const struct answer *answer,
                                    int64_t *n_splits, uint32_t *ret_n, struct avsp_err *err)
{
    static const char sql[] = "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE state = 2"
                              " AND kind = 1 ORDER BY id LIMIT 1) AS splits";
    const uint32_t slots = AVSP_MIN(answer->item->claim->worker.slots, (uint32_t)AVSP_WAITING_MAX);
    const uint32_t n = (uint32_t)AVSP_MIN(work->n_encodes, (size_t)AVSP_WAITING_MAX);
    enum avsp_code rc = AVSP_OK;
    *ret_n = n;
    if (answer->handout.row.kind != AVSP_TASK_ENCODE || slots < 2 || n >= slots - 1)
        return AVSP_OK;
    if (*n_splits < 0)
        rc = avsp_tx_i64(work->tx, sql, AVSP_DB_NO_ARGS, n_splits, err);
    *ret_n = *n_splits > 0 ? slots - 1 : n;
    return rc;
}

static enum avsp_code hand_out(struct work *work, struct avsp_err *err)
{
    int64_t n_splits = -1; // not counted yet
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < work->group->n; i++) {
        struct answer *answer = &work->answers[i];
        uint32_t n_waiting = 0;
        if (!answer->found)
            continue;
        rc = count_waiting(work, answer, &n_splits, &n_waiting, err);
        if (rc == AVSP_OK)
            rc = avsp_handout_make(work->tx, &answer->handout, n_waiting, answer->item->arena,
                                   &answer->task, err);
    }
    return rc;
}

// --- a group

static enum avsp_code choose(struct work *work, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (int64_t priority = AVSP_PRIORITY_MAX;
         rc == AVSP_OK && priority >= 0 && !work->full && n_wanted(work) > 0; priority--) {
        rc = take_expired(work, priority, err);
        if (rc == AVSP_OK && !work->full && n_wanted(work) > 0)
            rc = take_ready(work, priority, err);
    }
    return rc;
}

/// What is committed is answered, and what was looked at is known.
static void conclude(struct work *work)
{
    struct avsp_floors *floors = &work->tx->store->floors;
    for (size_t i = 0; i < work->n_raises; i++)
        avsp_floors_raise(floors, &work->raises[i].level, work->raises[i].key,
                          work->raises[i].seen);
    for (size_t i = 0; i < work->group->n; i++)
        if (work->answers[i].found)
            work->answers[i].item->task = work->answers[i].task;
}

/// @param ret_misplaced  a job whose encodes are to be moved out of our way; "" = none
static enum avsp_code claim_once(struct avsp_store *store, const struct group *group,
                                 bool *ret_again, char ret_misplaced[AVSP_ID_BYTES],
                                 struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct work work = {.group = group, .tx = &tx};
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) repeated = {0};
    enum avsp_code rc = begin(store, &work, &repeated, err);
    if (rc != AVSP_OK)
        return rc;
    work.answers = avsp_arena_array(&tx.arena, group->n, sizeof *work.answers);
    if (work.answers == NULL)
        return avsp_arena_failed(&tx.arena, err);
    for (size_t i = 0; i < group->n; i++)
        work.answers[i].item = group->items[i];
    rc = give_repeated(&work, &repeated, err);
    avsp_db_rows_end(&repeated);
    if (rc == AVSP_OK)
        rc = choose(&work, err);
    if (rc == AVSP_OK)
        rc = take_all(&work, err);
    if (rc == AVSP_OK && work.n_found > 0)
        rc = look_at_rest(&work, err);
    if (rc == AVSP_OK)
        rc = hand_out(&work, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(&tx, err);
    if (rc == AVSP_OK)
        conclude(&work);
    *ret_again = work.again;
    memcpy(ret_misplaced, work.misplaced, sizeof work.misplaced);
    return rc;
}

/// Leaves out those that were answered.
static void shrink(struct group *group)
{
    size_t n = 0;
    for (size_t i = 0; i < group->n; i++)
        if (group->items[i]->task.kind == AVSP_TASK_NONE)
            group->items[n++] = group->items[i];
    group->n = n;
}

static enum avsp_code claim_group(struct avsp_store *store, struct group *group,
                                  struct avsp_err *err)
{
    bool again = true;
    enum avsp_code rc = AVSP_OK;
    for (int i = 0; rc == AVSP_OK && again && group->n > 0 && i < LOOKS_MAX; i++) {
        char misplaced[AVSP_ID_BYTES] = "";
        unsigned tries = 0;
        do
            rc = claim_once(store, group, &again, misplaced, err);
        while (avsp_tx_again(&tries, rc, err));
        if (rc == AVSP_OK)
            shrink(group);
        if (rc == AVSP_OK && misplaced[0] != '\0')
            rc = avsp_encoders_sort(store, misplaced, err);
    }
    return rc;
}

/// The number of the encoders of a claim; 0 where they do not matter.
static enum avsp_code encoders_of(struct avsp_store *store, const struct avsp_claim *claim,
                                  int64_t *ret_id, struct avsp_err *err)
{
    const uint32_t encodes = 1U << AVSP_TASK_ENCODE | 1U << AVSP_TASK_AUDIO;
    *ret_id = 0;
    if (!claim->own || (claim->worker.kinds & encodes) == 0)
        return AVSP_OK;
    return avsp_encoders_id(store, claim->worker.encoders, ret_id, err);
}

static struct group group_of(const struct avsp_claim *claim, int64_t encoders)
{
    return (struct group){
        .own = claim->own,
        .kinds = kinds_of(claim),
        .encoders = encoders,
        .pools = {AVSP_POOL_ANY, AVSP_POOL_OURS, encoders},
        .n_pools = !claim->own     ? 1
                   : encoders == 0 ? 2
                                   : 3,
    };
}

static bool belongs(const struct group *group, const struct avsp_claim *claim, int64_t encoders)
{
    return group->own == claim->own && group->kinds == kinds_of(claim) &&
           group->encoders == encoders;
}

/// Answers the first claim that is not, and all others that ask for the same. What fails for several is tried for each alone.
static void claim_next(struct avsp_store *store, struct avsp_claim_item *items,
                       const int64_t *encoders, size_t n, bool *is_done, size_t first)
{
    struct group group = group_of(items[first].claim, encoders[first]);
    struct avsp_claim_item *all[AVSP_DB_LIST_MAX];
    struct avsp_err err = {0};
    for (size_t i = first; i < n && group.n < AVSP_ARRAY_LEN(group.items); i++) {
        if (is_done[i] || !belongs(&group, items[i].claim, encoders[i]))
            continue;
        is_done[i] = true;
        all[group.n] = group.items[group.n] = &items[i];
        group.n++;
    }
    const size_t n_all = group.n;
    enum avsp_code rc = claim_group(store, &group, &err);
    if (rc != AVSP_OK && n_all == 1) {
        all[0]->rc = rc;
        all[0]->err = err;
        return;
    }
    for (size_t i = 0; rc != AVSP_OK && i < n_all; i++) {
        struct group alone = group_of(all[i]->claim, group.encoders);
        alone.items[alone.n++] = all[i];
        if (all[i]->task.kind == AVSP_TASK_NONE)
            all[i]->rc = claim_group(store, &alone, &all[i]->err);
    }
}

void avsp_store_claim_many(struct avsp_store *store, struct avsp_claim_item *items, size_t n)
{
    bool is_done[AVSP_TOGETHER_MAX] = {false};
    int64_t encoders[AVSP_TOGETHER_MAX];
    AVSP_ASSERT(n <= AVSP_TOGETHER_MAX);
    for (size_t i = 0; i < n; i++) {
        is_done[i] = items[i].is_answered;
        if (is_done[i])
            continue;
        items[i].task = (struct avsp_task){.id = "", .job_id = ""};
        items[i].err = (struct avsp_err){0};
        items[i].rc = encoders_of(store, items[i].claim, &encoders[i], &items[i].err);
        is_done[i] = items[i].rc != AVSP_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (!is_done[i])
            claim_next(store, items, encoders, n, is_done, i);
}

enum avsp_code avsp_store_claim(struct avsp_store *store, const struct avsp_claim *claim,
                                struct avsp_arena *arena, struct avsp_task *ret_task,
                                struct avsp_err *err)
{
    struct avsp_claim_item item = {.claim = claim, .arena = arena};
    avsp_store_claim_many(store, &item, 1);
    if (item.rc == AVSP_OK)
        *ret_task = item.task;
    else
        *err = item.err;
    return item.rc;
}
