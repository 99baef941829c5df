/// Sets of encoders: the libraries and their versions that decide what bytes an encode makes. A job is bound to the set that
/// its first encode was handed out to; its encodes then stand in a pool of that set's number.
#include "core/lifecycle.h"
#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

/// Sets in one database: versions come and go over years, and each is a row for ever.
#define SETS_MAX 10000

void avsp_encoders_cache_init(struct avsp_encoders_cache *cache)
{
    *cache = (struct avsp_encoders_cache){0};
    AVSP_ASSERT(pthread_mutex_init(&cache->lock, NULL) == 0);
}

void avsp_encoders_cache_deinit(struct avsp_encoders_cache *cache)
{
    pthread_mutex_destroy(&cache->lock);
}

static int64_t cached(struct avsp_encoders_cache *cache, const char *text)
{
    int64_t id = 0;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; id == 0 && i < AVSP_ARRAY_LEN(cache->sets); i++)
        if (cache->sets[i].id != 0 && strcmp(cache->sets[i].text, text) == 0)
            id = cache->sets[i].id;
    pthread_mutex_unlock(&cache->lock);
    return id;
}

/// A number never changes, nor does what it stands for.
static void keep(struct avsp_encoders_cache *cache, const char *text, int64_t id)
{
    pthread_mutex_lock(&cache->lock);
    struct avsp_encoders_set *set = &cache->sets[cache->next++ % AVSP_ARRAY_LEN(cache->sets)];
    set->id = id;
    snprintf(set->text, sizeof set->text, "%s", text);
    pthread_mutex_unlock(&cache->lock);
}

static enum avsp_code find_id(struct avsp_tx *tx, const char *text, int64_t *ret_id,
                              struct avsp_err *err)
{
    static const char sql[] = "SELECT id FROM encoders WHERE text = $1";
    return avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(text)), ret_id, err);
}

static enum avsp_code add(struct avsp_tx *tx, const char *text, int64_t *ret_id,
                          struct avsp_err *err)
{
    static const char sql[] = "INSERT INTO encoders (id, text) SELECT coalesce(max(id), $2) + 1, $1"
                              " FROM encoders HAVING count(*) < $3 ON CONFLICT DO NOTHING";
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_exec(
        tx, sql, AVSP_DB_ARGS(avsp_text(text), avsp_i64(AVSP_POOL_OURS), avsp_i64(SETS_MAX)),
        &changed, err);
    if (rc == AVSP_OK)
        rc = find_id(tx, text, ret_id, err);
    if (rc == AVSP_OK && *ret_id == 0)
        rc = avsp_tx_lost_race(err, "a set of encoders"); // two at once took one number
    return rc;
}

static enum avsp_code learn_id(struct avsp_store *store, const char *text, int64_t *ret_id,
                               struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    *ret_id = 0;
    if (rc == AVSP_OK)
        rc = find_id(&tx, text, ret_id, err);
    if (rc == AVSP_OK && *ret_id == 0)
        rc = add(&tx, text, ret_id, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_encoders_id(struct avsp_store *store, const char *text, int64_t *ret_id,
                                struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    text = text != NULL ? text : "";
    *ret_id = cached(&store->encoders, text);
    if (*ret_id != 0)
        return AVSP_OK;
    if (strlen(text) >= AVSP_TEXT_MAX_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "worker.encoders: longer than %d bytes",
                            AVSP_TEXT_MAX_BYTES - 1);
    do
        rc = learn_id(store, text, ret_id, err);
    while (avsp_tx_again(&tries, rc, err));
    if (rc == AVSP_OK)
        keep(&store->encoders, text, *ret_id);
    return rc;
}

bool avsp_encoders_matter(const struct avsp_task_row *row)
{
    return row->flavour == AVSP_FLAVOUR_OURS &&
           (row->kind == AVSP_TASK_ENCODE || row->kind == AVSP_TASK_AUDIO);
}

enum avsp_code avsp_encoders_bind(struct avsp_tx *tx, const char *job_id, int64_t id, bool may_wait,
                                  bool *ret_fits, struct avsp_err *err)
{
    static const char lock[] = "SELECT 1 FROM jobs WHERE id = $1" AVSP_DB_LOCK_SKIP("jobs");
    static const char bind[] =
        "UPDATE jobs SET encoders = $2, version = version + 1 WHERE id = $1 AND encoders = 0";
    static const char look[] = "SELECT encoders FROM jobs WHERE id = $1";
    int64_t is_locked = 0;
    int64_t changed = 0;
    int64_t bound = 0;
    enum avsp_code rc = AVSP_OK;
    *ret_fits = false;
    if (!may_wait)
        rc = avsp_tx_i64(tx, lock, AVSP_DB_ARGS(avsp_text(job_id)), &is_locked, err);
    if (rc != AVSP_OK || (!may_wait && is_locked == 0))
        return rc;
    rc = avsp_tx_exec(tx, bind, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(id)), &changed, err);
    if (rc == AVSP_OK && changed == 0)
        rc = avsp_tx_i64(tx, look, AVSP_DB_ARGS(avsp_text(job_id)), &bound, err);
    *ret_fits = changed > 0 || bound == id;
    return rc;
}

static enum avsp_code sort_once(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    static const char sql[] =
        "UPDATE tasks SET pool = (SELECT j.encoders FROM jobs j WHERE j.id = $1)"
        " WHERE job_id = $1 AND state = 1 AND kind IN (2, 4) AND pool = $2"
        " AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = $1 AND j.encoders > 0)";
    static const char first[] =
        "SELECT fair_key FROM tasks WHERE job_id = $1 AND state = 1 AND kind IN (2, 4)"
        " AND pool = $2 ORDER BY fair_key LIMIT 1";
    const struct avsp_db_value values[] = {avsp_text(job_id), avsp_i64(AVSP_POOL_OURS)};
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    int64_t changed = 0;
    int64_t key = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(&tx, first, values, AVSP_ARRAY_LEN(values), &key, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(&tx, sql, values, AVSP_ARRAY_LEN(values), &changed, err);
    // Where they stand now nobody has looked yet.
    if (changed > 0)
        avsp_tx_ready(&tx, changed, key, -1);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_encoders_sort(struct avsp_store *store, const char *job_id,
                                  struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = sort_once(store, job_id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

/// Do encodes of the job wait, none runs, and nobody is there who may take them?
static enum avsp_code look_who_waits(struct avsp_tx *tx, const char *job_id, int64_t id,
                                     bool *ret_waits, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT 1 FROM jobs j WHERE j.id = $1 AND j.state = 1 AND EXISTS (SELECT 1 FROM tasks r"
        " WHERE r.job_id = j.id AND r.state = 1 AND r.kind IN (2, 4)) AND NOT EXISTS"
        " (SELECT 1 FROM tasks o WHERE o.job_id = j.id AND o.state = 2 AND o.kind IN (2, 4)"
        " AND o.lease_until_us > $3) AND NOT EXISTS (SELECT 1 FROM workers w"
        " WHERE w.encoders = $2 AND w.seen_us > $4 AND w.drain = 0)";
    int64_t waits = 0;
    enum avsp_code rc =
        avsp_tx_i64(tx, sql,
                    AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(id), avsp_i64(tx->now_us),
                                 avsp_i64(tx->now_us - AVSP_WORKER_AWAY_US)),
                    &waits, err);
    *ret_waits = waits != 0;
    return rc;
}

enum avsp_code avsp_encoders_load(struct avsp_tx *tx, const char *job_id, struct avsp_arena *arena,
                                  struct avsp_job *job, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT e.id, e.text FROM jobs j JOIN encoders e ON e.id = j.encoders WHERE j.id = $1";
    int64_t id = 0;
    bool more = false;
    job->encoders = "";
    {
        struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
        enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
        if (rc == AVSP_OK)
            rc = avsp_db_next(&rows, &more, err);
        if (rc != AVSP_OK || !more)
            return rc;
        id = avsp_db_i64(&rows, 0);
        if (!avsp_column(arena, &rows, 1, &job->encoders))
            return avsp_arena_failed(arena, err);
    }
    return look_who_waits(tx, job_id, id, &job->waits_for_encoders, err);
}
