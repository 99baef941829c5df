/// Where a claim begins to look. Whoever holds an old snapshot open keeps every entry of an index that was ever claimed: a claim that
/// began at the first of them would walk over all. So each coordinator remembers, for each level that claims look at (a pool, a
/// priority, the kinds of task that a caller takes), a key below which nothing can be ready.
///
/// A floor rises to what a look found first (avsp_floors_raise), and sinks to whatever becomes ready below it: after each commit of
/// ours (avsp_tx_ready), and when another coordinator says so. What was not heard of is found by a look from the bottom, now and then.
#include "db/claim.h"

#define NOWHERE SIZE_MAX

void avsp_floors_init(struct avsp_floors *floors)
{
    *floors = (struct avsp_floors){0};
    AVSP_ASSERT(pthread_mutex_init(&floors->lock, NULL) == 0);
}

void avsp_floors_deinit(struct avsp_floors *floors)
{
    pthread_mutex_destroy(&floors->lock);
}

static bool is_same(const struct avsp_level *a, const struct avsp_level *b)
{
    return a->pool == b->pool && a->priority == b->priority && a->kinds == b->kinds;
}

/// Called with the lock.
static size_t find(const struct avsp_floors *floors, const struct avsp_level *level)
{
    for (size_t i = 0; i < floors->n; i++)
        if (is_same(&floors->of[i].level, level))
            return i;
    return NOWHERE;
}

int64_t avsp_floors_get(struct avsp_floors *floors, const struct avsp_level *level,
                        uint64_t *ret_seen)
{
    pthread_mutex_lock(&floors->lock);
    const size_t i = find(floors, level);
    const int64_t key = i != NOWHERE ? floors->of[i].key : 0;
    *ret_seen = floors->n_sunk;
    pthread_mutex_unlock(&floors->lock);
    return key;
}

void avsp_floors_raise(struct avsp_floors *floors, const struct avsp_level *level, int64_t key,
                       uint64_t seen)
{
    pthread_mutex_lock(&floors->lock);
    // What became ready since the look began may lie below what it found.
    if (floors->n_sunk == seen) {
        size_t i = find(floors, level);
        if (i == NOWHERE) { // the oldest one's place, which is looked at from the bottom then
            i = floors->next++ % AVSP_LEVELS_MAX;
            floors->n = AVSP_MAX(floors->n, i + 1);
        }
        floors->of[i].level = *level;
        floors->of[i].key = key;
    }
    pthread_mutex_unlock(&floors->lock);
}

void avsp_floors_sink(struct avsp_floors *floors, int64_t key, uint32_t priorities)
{
    pthread_mutex_lock(&floors->lock);
    floors->n_sunk++;
    for (size_t i = 0; i < floors->n; i++)
        if ((priorities & 1U << floors->of[i].level.priority) != 0)
            floors->of[i].key = AVSP_MIN(floors->of[i].key, key);
    pthread_mutex_unlock(&floors->lock);
}

struct avsp_kinds avsp_kinds_of(uint32_t mask)
{
    struct avsp_kinds kinds = {0};
    for (int kind = AVSP_TASK_SPLIT; kind <= AVSP_TASK_CLEANUP; kind++)
        if ((mask & 1U << kind) != 0)
            kinds.of[kind - 1] = kind;
    return kinds;
}

enum avsp_code avsp_look(struct avsp_tx *tx, const struct avsp_level *level, int64_t from,
                         struct avsp_look *ret_look, struct avsp_err *err)
{
    // What waits for its time, or for another job's end, is passed over: somebody says when that has come.
    static const char sql[] =
        "SELECT t.fair_key, t.idx, t.created_us, t.kind FROM tasks t WHERE t.state = 1"
        " AND t.pool = $1 AND t.priority = $2 AND t.fair_key >= $3 AND t.not_before_us <= $4"
        " AND t.kind IN ($5, $6, $7, $8, $9) AND" AVSP_NOT_IN_THE_WAY(
            "t.") " ORDER BY t.fair_key, t.idx, t.created_us, t.id LIMIT $10";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    const struct avsp_kinds kinds = avsp_kinds_of(level->kinds);
    bool more = false;
    *ret_look = (struct avsp_look){.level = *level};
    (void)avsp_floors_get(&tx->store->floors, level, &ret_look->seen);
    enum avsp_code rc = avsp_db_query(tx->db, sql,
                                      AVSP_DB_ARGS(avsp_i64(level->pool), avsp_i64(level->priority),
                                                   avsp_i64(from), avsp_i64(tx->now_us),
                                                   avsp_i64(kinds.of[0]), avsp_i64(kinds.of[1]),
                                                   avsp_i64(kinds.of[2]), avsp_i64(kinds.of[3]),
                                                   avsp_i64(kinds.of[4]), avsp_i64(AVSP_LOOK_MAX)),
                                      &rows, err);
    while (rc == AVSP_OK && ret_look->n < AVSP_LOOK_MAX &&
           (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        ret_look->of[ret_look->n].key = avsp_db_i64(&rows, 0);
        ret_look->of[ret_look->n].idx = avsp_db_i64(&rows, 1);
        ret_look->of[ret_look->n++].created_us = avsp_db_i64(&rows, 2);
        ret_look->n_encodes += avsp_db_i64(&rows, 3) == AVSP_TASK_ENCODE;
    }
    return rc;
}

bool avsp_look_before(const struct avsp_look *a, size_t i, const struct avsp_look *b, size_t k)
{
    if (a->of[i].key != b->of[k].key)
        return a->of[i].key < b->of[k].key;
    if (a->of[i].idx != b->of[k].idx)
        return a->of[i].idx < b->of[k].idx;
    return a->of[i].created_us < b->of[k].created_us;
}

int64_t avsp_look_floor(const struct avsp_look *look)
{
    return look->n > 0 ? look->of[0].key : AVSP_FLOOR_EMPTY;
}

enum avsp_code avsp_floors_check(struct avsp_tx *tx, struct avsp_err *err)
{
    struct avsp_floors *floors = &tx->store->floors;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK; i++) {
        struct avsp_look look;
        pthread_mutex_lock(&floors->lock);
        const bool more = i < floors->n;
        const struct avsp_level level = floors->of[more ? i : 0].level;
        const int64_t before = floors->of[more ? i : 0].key;
        pthread_mutex_unlock(&floors->lock);
        if (!more)
            break;
        rc = avsp_look(tx, &level, 0, &look, err);
        if (rc == AVSP_OK && avsp_look_floor(&look) < before)
            avsp_tx_ready(tx, tx->ready.n == 0, avsp_look_floor(&look), level.priority);
    }
    return rc;
}
