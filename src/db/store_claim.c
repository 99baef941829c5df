/// Claims. Those that come together are answered together, by one transaction: its cost is that of its round trips and of its commit.
#include "core/lifecycle.h"
#include "db/claim.h"

#include <stdlib.h>
#include <string.h>

/// How many transactions one claim may take, where tasks come to their end because their last lease ran out, or jobs are for other
/// encoders, before the answer is "none" for now.
#define LOOKS_MAX 16

/// What a base worker takes.
#define BASE_KINDS (1U << AVSP_TASK_SPLIT | 1U << AVSP_TASK_ENCODE | 1U << AVSP_TASK_MANIFEST)

static uint32_t kinds_of(const struct avsp_claim *claim)
{
    return claim->own ? claim->worker.kinds : BASE_KINDS;
}

// --- claims that were answered before

/// Begins, with a look for the running tasks that earlier calls with the same claim ids were given.
static enum avsp_code begin(struct avsp_store *store, struct avsp_claim_work *work,
                            struct avsp_db_rows *ret_repeated, struct avsp_err *err)
{
    static const char sql[] = AVSP_SELECT_HANDOUT
        "t.state = 2 AND t.claim_id <> '' AND t.claim_id IN (" AVSP_DB_LIST ") ORDER BY t.claim_id";
    const struct avsp_claim_group *group = work->group;
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
static enum avsp_code give_repeated(struct avsp_claim_work *work, struct avsp_db_rows *rows,
                                    struct avsp_err *err)
{
    const struct avsp_claim_group *group = work->group;
    bool more = rows->db != NULL;
    enum avsp_code rc = AVSP_OK;
    while (more && (rc = avsp_db_next(rows, &more, err)) == AVSP_OK && more) {
        struct avsp_handout handout;
        rc = avsp_handout_read(work->tx, rows, &handout, err);
        if (rc != AVSP_OK)
            break;
        for (size_t i = 0; i < group->n; i++) {
            struct avsp_claim_answer *answer = &work->answers[i];
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

static enum avsp_code take(struct avsp_tx *tx, const struct avsp_claim_group *group,
                           const struct avsp_claim_answer *answer, struct avsp_err *err)
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
                     avsp_i64(answer->handout.token.nonce), avsp_i64(row->spent),
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
static enum avsp_code advance_windows(struct avsp_claim_work *work, struct avsp_err *err)
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

static enum avsp_code take_all(struct avsp_claim_work *work, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < work->group->n; i++)
        if (work->answers[i].found)
            rc = take(work->tx, work->group, &work->answers[i], err);
    if (rc == AVSP_OK)
        rc = avsp_tx_flush(work->tx, err);
    return rc == AVSP_OK ? advance_windows(work, err) : rc;
}

// --- handing out

static enum avsp_code hand_out(struct avsp_claim_work *work, struct avsp_err *err)
{
    const uint32_t n_waiting = (uint32_t)AVSP_MIN(work->n_encodes, (size_t)AVSP_WAITING_MAX);
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < work->group->n; i++) {
        struct avsp_claim_answer *answer = &work->answers[i];
        if (answer->found)
            rc = avsp_handout_make(work->tx, &answer->handout, n_waiting, answer->item->arena,
                                   &answer->task, err);
    }
    return rc;
}

// --- a group

/// What is committed is answered, and what was looked at is known.
static void conclude(struct avsp_claim_work *work)
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
static enum avsp_code claim_once(struct avsp_store *store, const struct avsp_claim_group *group,
                                 bool *ret_again, char ret_misplaced[AVSP_ID_BYTES],
                                 struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_claim_work work = {.group = group, .tx = &tx};
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
        rc = avsp_claim_choose(&work, err);
    if (rc == AVSP_OK)
        rc = take_all(&work, err);
    if (rc == AVSP_OK && work.n_found > 0)
        rc = avsp_claim_look_at_rest(&work, err);
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
static void shrink(struct avsp_claim_group *group)
{
    size_t n = 0;
    for (size_t i = 0; i < group->n; i++)
        if (group->items[i]->task.kind == AVSP_TASK_NONE)
            group->items[n++] = group->items[i];
    group->n = n;
}

static enum avsp_code claim_group(struct avsp_store *store, struct avsp_claim_group *group,
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

static struct avsp_claim_group group_of(const struct avsp_claim *claim, int64_t encoders)
{
    return (struct avsp_claim_group){
        .own = claim->own,
        .kinds = kinds_of(claim),
        .encoders = encoders,
        .pools = {AVSP_POOL_ANY, AVSP_POOL_OURS, encoders},
        .n_pools = !claim->own     ? 1
                   : encoders == 0 ? 2
                                   : 3,
    };
}

static bool belongs(const struct avsp_claim_group *group, const struct avsp_claim *claim,
                    int64_t encoders)
{
    return group->own == claim->own && group->kinds == kinds_of(claim) &&
           group->encoders == encoders;
}

/// Answers the first claim that is not, and all others that ask for the same. What fails for several is tried for each alone.
static void claim_next(struct avsp_store *store, struct avsp_claim_item *items,
                       const int64_t *encoders, size_t n, bool *is_done, size_t first)
{
    struct avsp_claim_group group = group_of(items[first].claim, encoders[first]);
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
        struct avsp_claim_group alone = group_of(all[i]->claim, group.encoders);
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
