/// Which tasks a group of claims gets: the first ones, in the order of claims, of all that its callers may take.
#include "db/claim.h"

#include <string.h>

/// The next claim that has no task yet.
static struct avsp_claim_answer *next_answer(struct avsp_claim_work *work)
{
    for (size_t i = 0; i < work->group->n; i++)
        if (!work->answers[i].found)
            return &work->answers[i];
    return NULL;
}

static size_t n_wanted(const struct avsp_claim_work *work)
{
    return work->group->n - work->n_found;
}

static struct avsp_level level_of(const struct avsp_claim_work *work, size_t pool, int64_t priority)
{
    return (struct avsp_level){work->group->pools[pool], priority, work->group->kinds};
}

/// Where a level is to be looked through from. @return false: nothing is ready there.
static bool floor_of(const struct avsp_claim_work *work, const struct avsp_level *level,
                     int64_t *ret_key)
{
    uint64_t seen = 0;
    *ret_key = avsp_floors_get(&work->tx->store->floors, level, &seen);
    return *ret_key != AVSP_FLOOR_EMPTY;
}

// --- one task

/// A job that was submitted while we waited for the lock was not seen by the look. Whoever submits one from here on sees us.
static enum avsp_code is_in_the_way(struct avsp_tx *tx, const struct avsp_task_row *row,
                                    bool *ret_in_the_way, struct avsp_err *err)
{
    static const char sql[] = "SELECT 1 FROM tasks t WHERE t.id = $1 AND" AVSP_NOT_IN_THE_WAY("t.");
    int64_t clear = 0;
    enum avsp_code rc = AVSP_OK;
    if (row->kind == AVSP_TASK_CLEANUP)
        rc = avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(row->id)), &clear, err);
    *ret_in_the_way = row->kind == AVSP_TASK_CLEANUP && clear == 0;
    return rc;
}

static bool is_bound_here(const struct avsp_claim_work *work, const char *job_id)
{
    for (size_t i = 0; i < work->n_bound; i++)
        if (strcmp(work->bound[i], job_id) == 0)
            return true;
    return false;
}

/// Is the task's job for the group's encoders? The first encode binds it. Whoever has bound one already waits for no other, for
/// two that bind several would wait for each other: what somebody else has hold of is looked at again.
static enum avsp_code check_encoders(struct avsp_claim_work *work, const struct avsp_task_row *row,
                                     bool *ret_fits, struct avsp_err *err)
{
    const int64_t ours = work->group->encoders;
    const bool may_wait = work->n_bound == 0;
    *ret_fits =
        !avsp_encoders_matter(row) || row->encoders == ours || is_bound_here(work, row->job_id);
    if (*ret_fits)
        return AVSP_OK;
    enum avsp_code rc = AVSP_OK;
    if (row->encoders == 0)
        rc = avsp_encoders_bind(work->tx, row->job_id, ours, may_wait, ret_fits, err);
    if (*ret_fits) {
        AVSP_ASSERT(work->n_bound < AVSP_ARRAY_LEN(work->bound));
        work->bound[work->n_bound++] = row->job_id;
    } else if (row->encoders != 0 || may_wait) {
        snprintf(work->misplaced, sizeof work->misplaced, "%s", row->job_id);
    }
    return rc;
}

/// Gives a locked task to the next claim, unless something about its job forbids that.
static enum avsp_code consider(struct avsp_claim_work *work, const struct avsp_handout *handout,
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
    struct avsp_claim_answer *answer = next_answer(work);
    AVSP_ASSERT(answer != NULL);
    answer->found = true;
    answer->handout = *handout;
    answer->handout.row.spent = spent;
    answer->handout.token = (struct avsp_token){row->token.attempt + 1, avsp_nonce_new()};
    work->n_found++;
    return AVSP_OK;
}

// --- choosing

/// Locks the first tasks of a level that nobody else is about to take, at most @p want.
static enum avsp_code lock_ready(struct avsp_claim_work *work, const struct avsp_level *level,
                                 int64_t from, size_t want, struct avsp_handout *ret_handouts,
                                 size_t *ret_n, struct avsp_err *err)
{
    static const char sql[] = AVSP_SELECT_HANDOUT
        "t.state = 1 AND t.pool = $1 AND t.priority = $2 AND t.fair_key >= $3"
        " AND t.not_before_us <= $4 AND t.kind IN ($5, $6, $7, $8, $9) "
        "AND" AVSP_NOT_IN_THE_WAY("t.") " ORDER BY t.fair_key, t.idx, t.created_us, t.id "
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
static void keep_look(struct avsp_claim_work *work, const struct avsp_look *look)
{
    work->n_encodes += look->n_encodes;
    if (work->n_raises == AVSP_RAISES_MAX)
        return;
    work->raises[work->n_raises].level = look->level;
    work->raises[work->n_raises].key = avsp_look_floor(look);
    work->raises[work->n_raises++].seen = look->seen;
}

static enum avsp_code look_from_floor(struct avsp_claim_work *work, const struct avsp_level *level,
                                      struct avsp_look *ret_look, struct avsp_err *err)
{
    int64_t from = 0;
    *ret_look = (struct avsp_look){.level = *level};
    return floor_of(work, level, &from) ? avsp_look(work->tx, level, from, ret_look, err) : AVSP_OK;
}

/// How many of the next tasks of one priority stand in each pool: where only one has any, nobody need look.
static enum avsp_code share(struct avsp_claim_work *work, int64_t priority,
                            size_t ret_n[AVSP_POOLS_MAX], struct avsp_err *err)
{
    struct avsp_look looks[AVSP_POOLS_MAX];
    size_t at[AVSP_POOLS_MAX] = {0};
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
        size_t best = AVSP_POOLS_MAX;
        for (size_t i = 0; i < work->group->n_pools; i++)
            if (at[i] < looks[i].n && (best == AVSP_POOLS_MAX ||
                                       avsp_look_before(&looks[i], at[i], &looks[best], at[best])))
                best = i;
        if (best == AVSP_POOLS_MAX)
            break;
        at[best]++;
        ret_n[best]++;
    }
    return rc;
}

/// Takes up to @p want of a level.
static enum avsp_code take_some(struct avsp_claim_work *work, const struct avsp_level *level,
                                size_t want, struct avsp_err *err)
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

static enum avsp_code take_ready(struct avsp_claim_work *work, int64_t priority,
                                 struct avsp_err *err)
{
    size_t n[AVSP_POOLS_MAX] = {0};
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
static enum avsp_code take_expired(struct avsp_claim_work *work, int64_t priority,
                                   struct avsp_err *err)
{
    static const char sql[] =
        AVSP_SELECT_HANDOUT "t.id = $1 AND t.state = 2 AND t.lease_until_us <= $2"
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

enum avsp_code avsp_claim_choose(struct avsp_claim_work *work, struct avsp_err *err)
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

// --- what is left

enum avsp_code avsp_claim_look_at_rest(struct avsp_claim_work *work, struct avsp_err *err)
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
