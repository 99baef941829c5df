#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

/// Where a page begins: behind this attempt. As a token: "ENDED.ATTEMPT.TASK".
struct position {
    int64_t ended_us;
    int64_t attempt;
    const char *task_id;
};

static enum avsp_code parse_page(const char *page, struct position *ret_from, struct avsp_err *err)
{
    *ret_from = (struct position){.ended_us = -1, .task_id = ""};
    const char *rest = "";
    if (page[0] == '\0')
        return AVSP_OK;
    if (!avsp_page_number(page, &ret_from->ended_us, &rest) ||
        !avsp_page_number(rest, &ret_from->attempt, &ret_from->task_id) ||
        strlen(ret_from->task_id) >= AVSP_ID_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "page: not one that this service gave");
    return AVSP_OK;
}

static enum avsp_code fill(struct avsp_db_rows *rows, struct avsp_arena *arena,
                           struct avsp_attempt_record *record, struct avsp_err *err)
{
    *record = (struct avsp_attempt_record){
        .kind = (enum avsp_task_kind)avsp_db_i64(rows, 1),
        .idx = (uint32_t)avsp_db_i64(rows, 2),
        .attempt = avsp_db_i64(rows, 3),
        .claimed_us = avsp_db_i64(rows, 5),
        .ended_us = avsp_db_i64(rows, 6),
    };
    const char *code = avsp_db_text(rows, 8);
    record->failure.code = code[0] == '\0' ? AVSP_OK : avsp_code_from_name(code);
    if (!avsp_column(arena, rows, 0, &record->task_id) ||
        !avsp_column(arena, rows, 4, &record->worker_id) ||
        !avsp_column(arena, rows, 7, &record->outcome) ||
        !avsp_column(arena, rows, 9, &record->failure.message) ||
        !avsp_column(arena, rows, 10, &record->failure.log_tail))
        return avsp_arena_failed(arena, err);
    return AVSP_OK;
}

/// A page that is full is followed by another, which may be empty.
static enum avsp_code read_page(struct avsp_tx *tx, const struct avsp_attempts_query *query,
                                const struct position *from, struct avsp_arena *arena,
                                struct avsp_attempt_page *page, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT a.task_id, t.kind, t.idx, a.attempt, a.worker_id, a.claimed_us, a.ended_us,"
        " a.outcome, a.code, a.message, a.log_tail FROM attempts a JOIN tasks t ON t.id = a.task_id"
        " WHERE a.job_id = $1 AND (a.ended_us, a.attempt, a.task_id) > ($2, $3, $4)"
        " ORDER BY a.ended_us, a.attempt, a.task_id LIMIT $5";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(
        tx->db, sql,
        AVSP_DB_ARGS(avsp_text(query->job_id), avsp_i64(from->ended_us), avsp_i64(from->attempt),
                     avsp_text(from->task_id), avsp_i64(query->limit)),
        &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more)
        rc = fill(&rows, arena, &page->attempts[page->n_attempts++], err);
    if (rc != AVSP_OK || page->n_attempts < query->limit)
        return rc;
    const struct avsp_attempt_record *last = &page->attempts[page->n_attempts - 1];
    page->next_page = avsp_arena_printf(arena, "%" PRId64 ".%" PRId64 ".%s", last->ended_us,
                                        last->attempt, last->task_id);
    return page->next_page != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

static enum avsp_code list_attempts_once(struct avsp_store *store,
                                         const struct avsp_attempts_query *query,
                                         struct avsp_arena *arena,
                                         struct avsp_attempt_page *ret_page, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_attempt_page page = {.next_page = ""};
    struct position from;
    enum avsp_job_state state = 0;
    if (query->limit < 1 || query->limit > AVSP_BATCH_MAX)
        return avsp_err_set(err, AVSP_INVALID, "limit: %" PRIu32 " is not in 1 to %d", query->limit,
                            AVSP_BATCH_MAX);
    enum avsp_code rc = parse_page(query->page, &from, err);
    if (rc != AVSP_OK)
        return rc;
    page.attempts = avsp_arena_array(arena, query->limit, sizeof *page.attempts);
    if (page.attempts == NULL)
        return avsp_arena_failed(arena, err);
    rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_job_state(&tx, query->job_id, &state, err);
    if (rc == AVSP_OK)
        rc = read_page(&tx, query, &from, arena, &page, err);
    if (rc == AVSP_OK)
        *ret_page = page;
    return rc;
}

enum avsp_code avsp_store_list_attempts(struct avsp_store *store,
                                        const struct avsp_attempts_query *query,
                                        struct avsp_arena *arena,
                                        struct avsp_attempt_page *ret_page, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = list_attempts_once(store, query, arena, ret_page, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
