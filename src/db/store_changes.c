/// The changes of jobs, in an order that whoever follows them can rely on.
///
/// A change sets jobs.change to 0. Before changes are listed, they are given numbers, in a transaction of its own that holds a
/// lock: what it sees is committed, and what comes later gets higher numbers, which come to light later too. (Numbers, or times,
/// given by the changing transactions themselves would come to light in another order than their own, and some be missed.)
#include "db/internal.h"
#include "util/parse.h"

#include <inttypes.h>

#define NUMBERED_MAX 500 ///< in one transaction

/// The highest number that was given.
static enum avsp_code read_top(struct avsp_tx *tx, int64_t *ret_top, struct avsp_err *err)
{
    static const char sql[] = "SELECT change FROM jobs ORDER BY change DESC LIMIT 1";
    return avsp_tx_i64(tx, sql, AVSP_DB_NO_ARGS, ret_top, err);
}

/// Jobs that changed and that nobody has locked at this moment: what is left out is numbered the next time.
static enum avsp_code find_changed(struct avsp_tx *tx, const char **ids, size_t *ret_n,
                                   struct avsp_err *err)
{
    static const char sql[] = "SELECT id FROM jobs WHERE change = 0 ORDER BY id"
                              " LIMIT $1" AVSP_DB_LOCK_SKIP("jobs");
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    *ret_n = 0;
    enum avsp_code rc =
        avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_i64(NUMBERED_MAX)), &rows, err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        if (!avsp_column(&tx->arena, &rows, 0, &ids[*ret_n]))
            return avsp_arena_failed(&tx->arena, err);
        ++*ret_n;
    }
    return rc;
}

/// Gives numbers to some changes. They never come down to what was given before: the row with the highest one stays for a
/// minute after its job was deleted, and the clock is higher then. @param ret_n  how many; 0 = there are none.
static enum avsp_code number(struct avsp_tx *tx, size_t *ret_n, struct avsp_err *err)
{
    static const char one_at_a_time[] =
        "SELECT version FROM schema_version" AVSP_DB_LOCK("schema_version");
    static const char sql[] = "UPDATE jobs SET change = $2 WHERE id = $1";
    int64_t top = 0;
    int64_t changed = 0;
    *ret_n = 0;
    const char **ids = avsp_arena_array(&tx->arena, NUMBERED_MAX, sizeof *ids);
    if (ids == NULL)
        return avsp_arena_failed(&tx->arena, err);
    enum avsp_code rc = avsp_tx_i64(tx, one_at_a_time, AVSP_DB_NO_ARGS, &changed, err);
    if (rc == AVSP_OK)
        rc = find_changed(tx, ids, ret_n, err);
    if (rc == AVSP_OK)
        rc = read_top(tx, &top, err);
    top = AVSP_MAX(top, tx->now_us);
    for (size_t i = 0; rc == AVSP_OK && i < *ret_n; i++)
        rc = avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(ids[i]), avsp_i64(++top)), &changed, err);
    return rc;
}

static enum avsp_code number_once(struct avsp_store *store, size_t *ret_n, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = number(&tx, ret_n, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

static enum avsp_code is_any_changed(struct avsp_store *store, int64_t *ret_any,
                                     struct avsp_err *err)
{
    static const char sql[] = "SELECT 1 FROM jobs WHERE change = 0 LIMIT 1";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    *ret_any = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    return rc == AVSP_OK ? avsp_tx_i64(&tx, sql, AVSP_DB_NO_ARGS, ret_any, err) : rc;
}

static enum avsp_code number_all(struct avsp_store *store, struct avsp_err *err)
{
    int64_t any = 0;
    enum avsp_code rc = is_any_changed(store, &any, err);
    size_t n = any ? NUMBERED_MAX : 0;
    while (rc == AVSP_OK && n == NUMBERED_MAX) {
        unsigned tries = 0;
        do
            rc = number_once(store, &n, err);
        while (avsp_tx_again(&tries, rc, err));
    }
    return rc;
}

/// A cursor, "AFTER.OPEN_TO": behind the change AFTER; where OPEN_TO is not 0, among jobs that are not over, up to that one.
struct cursor {
    int64_t after;
    int64_t open_to;
};

static enum avsp_code parse_cursor(const char *text, int64_t top, struct cursor *ret_cursor,
                                   struct avsp_err *err)
{
    const char *rest = "";
    *ret_cursor = (struct cursor){.open_to = top};
    if (text[0] == '\0' || (avsp_page_number(text, &ret_cursor->after, &rest) &&
                            avsp_parse_i64(rest, 0, INT64_MAX, &ret_cursor->open_to)))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID, "after: not a cursor that this service gave");
}

static const char *make_cursor(struct avsp_arena *arena, int64_t after, int64_t open_to)
{
    return avsp_arena_printf(arena, "%" PRId64 ".%" PRId64, after, open_to);
}

/// Runs a query whose rows begin with a job's columns and end with its change.
/// @param open_to  of the cursors; -1 = they are "".
static enum avsp_code read_jobs(struct avsp_tx *tx, const char *sql,
                                const struct avsp_db_value *values, size_t n_values,
                                int64_t open_to, struct avsp_arena *arena,
                                struct avsp_changes_page *page, struct avsp_err *err)
{
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, values, n_values, &rows, err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        const size_t i = page->n_jobs++;
        rc = avsp_job_read(tx, &rows, arena, &page->jobs[i], err);
        page->cursors[i] = "";
        if (open_to >= 0)
            page->cursors[i] = make_cursor(arena, avsp_db_i64(&rows, AVSP_JOB_N_COLUMNS), open_to);
        if (rc == AVSP_OK && page->cursors[i] == NULL)
            rc = avsp_arena_failed(arena, err);
    }
    return rc;
}

static enum avsp_code read_changes(struct avsp_tx *tx, const struct avsp_changes_query *query,
                                   struct avsp_arena *arena, struct avsp_changes_page *page,
                                   struct avsp_err *err)
{
    static const char sql[] =
        "SELECT " AVSP_JOB_COLUMNS ", change FROM jobs WHERE change > $1 AND change <= $2"
        " AND ($3 = 0 OR state IN (1, 5))" AVSP_HAVE_LABELS(
            "$5", "$6", "$7", "$8", "$9", "$10", "$11",
            "$12") " AND ($13 = '' OR owner = $13) ORDER BY change LIMIT $4";
    struct cursor cursor;
    int64_t top = 0;
    enum avsp_code rc = read_top(tx, &top, err);
    if (rc == AVSP_OK)
        rc = parse_cursor(query->after, top, &cursor, err);
    if (rc != AVSP_OK)
        return rc;
    const int64_t end = cursor.open_to > 0 ? AVSP_MIN(cursor.open_to, top) : top;
    struct avsp_db_value values[5 + 2 * AVSP_LABEL_FILTERS_MAX] = {
        avsp_i64(cursor.after), avsp_i64(end), avsp_i64(cursor.open_to), avsp_i64(query->limit)};
    avsp_label_values(query->labels, query->n_labels, &values[4]);
    values[4 + 2 * AVSP_LABEL_FILTERS_MAX] = avsp_text(query->owner);
    rc = read_jobs(tx, sql, values, AVSP_ARRAY_LEN(values), cursor.open_to, arena, page, err);
    if (rc != AVSP_OK)
        return rc;
    const bool full = page->n_jobs == query->limit;
    page->more = full || end < top;
    page->next =
        full ? page->cursors[page->n_jobs - 1] : make_cursor(arena, AVSP_MAX(end, cursor.after), 0);
    return page->next != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

static enum avsp_code read_working(struct avsp_tx *tx, const struct avsp_changes_query *query,
                                   struct avsp_arena *arena, struct avsp_changes_page *page,
                                   struct avsp_err *err)
{
    static const char sql[] =
        "SELECT " AVSP_JOB_COLUMNS ", change FROM jobs WHERE id > $1 AND state IN (1, 5)"
        " AND id IN (SELECT job_id FROM tasks WHERE state = 2 AND kind <> 5)" AVSP_HAVE_LABELS(
            "$3", "$4", "$5", "$6", "$7", "$8", "$9",
            "$10") " AND ($11 = '' OR owner = $11) ORDER BY id LIMIT $2";
    struct avsp_db_value values[3 + 2 * AVSP_LABEL_FILTERS_MAX] = {avsp_text(query->after),
                                                                   avsp_i64(query->limit)};
    avsp_label_values(query->labels, query->n_labels, &values[2]);
    values[2 + 2 * AVSP_LABEL_FILTERS_MAX] = avsp_text(query->owner);
    enum avsp_code rc = read_jobs(tx, sql, values, AVSP_ARRAY_LEN(values), -1, arena, page, err);
    page->more = page->n_jobs == query->limit;
    page->next = page->n_jobs > 0 ? page->jobs[page->n_jobs - 1].id : query->after;
    return rc;
}

static enum avsp_code list_once(struct avsp_store *store, const struct avsp_changes_query *query,
                                struct avsp_arena *arena, struct avsp_changes_page *ret_page,
                                struct avsp_err *err)
{
    struct avsp_changes_page page = {
        .jobs = avsp_arena_array(arena, query->limit, sizeof *page.jobs),
        .cursors = avsp_arena_array(arena, query->limit, sizeof *page.cursors)};
    if (page.jobs == NULL || page.cursors == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc == AVSP_OK)
        rc = query->working ? read_working(&tx, query, arena, &page, err)
                            : read_changes(&tx, query, arena, &page, err);
    if (rc == AVSP_OK)
        *ret_page = page;
    return rc;
}

enum avsp_code avsp_store_list_changes(struct avsp_store *store,
                                       const struct avsp_changes_query *query,
                                       struct avsp_arena *arena, struct avsp_changes_page *ret_page,
                                       struct avsp_err *err)
{
    AVSP_ASSERT(query->limit >= 1 && query->limit <= AVSP_BATCH_MAX);
    AVSP_ASSERT(query->n_labels <= AVSP_LABEL_FILTERS_MAX);
    unsigned tries = 0;
    enum avsp_code rc = query->working ? AVSP_OK : number_all(store, err);
    if (rc != AVSP_OK)
        return rc;
    do
        rc = list_once(store, query, arena, ret_page, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
