#include "core/lifecycle.h"
#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

/// What a success turns into where its result is not what the kind of task makes: our own workers are told (INVALID); a base
/// worker would die of an error, so for it the attempt has failed.
static enum avsp_code unfit(const struct avsp_finish *finish, const char *what,
                            struct avsp_failure *ret_failure, struct avsp_err *err)
{
    if (finish->token.attempt != 0)
        return avsp_err_set(err, AVSP_INVALID, "finish: %s", what);
    *ret_failure = (struct avsp_failure){AVSP_INVALID, true, what, ""};
    return AVSP_OK;
}

static enum avsp_code split_has_pieces(struct avsp_tx *tx, const struct avsp_task_row *row,
                                       int64_t *ret_n, struct avsp_err *err)
{
    static const char sql[] = "SELECT 1 FROM tasks WHERE job_id = $1 AND kind IN (2, 4)"
                              " AND input <> '' LIMIT 1";
    return avsp_tx_i64(tx, sql, AVSP_DB_ARGS(avsp_text(row->job_id)), ret_n, err);
}

static enum avsp_code encode_has_segments(struct avsp_tx *tx, const struct avsp_task_row *row,
                                          int64_t *ret_n, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT 1 FROM renditions r WHERE r.job_id = $1 AND r.kind = $2"
        " AND ($5 = '' OR substr(r.name, 2) = $5) AND (SELECT s.idx FROM segments s"
        " WHERE s.job_id = r.job_id AND s.rendition = r.name AND s.idx >= $3 AND s.idx < $4"
        " ORDER BY s.job_id, s.rendition, s.idx LIMIT 1) IS NOT NULL LIMIT 1";
    char track[16] = ""; // of sound: its renditions are named by it
    bool audio = row->kind == AVSP_TASK_AUDIO;
    if (audio)
        snprintf(track, sizeof track, "%" PRIu32, row->track);
    int64_t end = audio ? AVSP_SEGMENTS_MAX : (int64_t)row->idx + row->n_segments;
    return avsp_tx_i64(tx, sql,
                       AVSP_DB_ARGS(avsp_text(row->job_id),
                                    avsp_i64(audio ? AVSP_MEDIA_AUDIO : AVSP_MEDIA_VIDEO),
                                    avsp_i64(row->idx), avsp_i64(end), avsp_text(track)),
                       ret_n, err);
}

static bool files_fit(const struct avsp_finish *finish, enum avsp_task_kind kind, size_t n_max)
{
    if (finish->files_kind != kind || finish->n_files < 1 || finish->n_files > n_max)
        return false;
    for (size_t i = 0; i < finish->n_files; i++)
        if (finish->files[i].kind == AVSP_LOCATION_NONE)
            return false;
    return true;
}

/// Does the result fit the task? @p ret_failure is filled where it is a failure instead.
static enum avsp_code check_result(struct avsp_tx *tx, const struct avsp_task_row *row,
                                   const struct avsp_finish *finish,
                                   struct avsp_failure *ret_failure, struct avsp_err *err)
{
    const bool base_job = row->flavour == AVSP_FLAVOUR_BASE;
    const bool base_caller = finish->token.attempt == 0;
    bool missing = false;
    int64_t n = 0;
    enum avsp_code rc = AVSP_OK;
    if (row->kind == AVSP_TASK_SPLIT && base_caller) {
        if (!files_fit(finish, AVSP_TASK_SPLIT, AVSP_SEGMENTS_MAX))
            return unfit(finish, "the split gave no files", ret_failure, err);
    } else if (row->kind == AVSP_TASK_SPLIT) {
        rc = split_has_pieces(tx, row, &n, err);
        if (rc == AVSP_OK && n == 0)
            return unfit(finish, "the split reported no pieces", ret_failure, err);
        if (rc == AVSP_OK)
            rc = avsp_piece_any_missing(tx, row->job_id, &missing, err);
        if (rc == AVSP_OK && missing)
            *ret_failure = (struct avsp_failure){
                AVSP_UNAVAILABLE, true,
                "a piece is missing, or its file went away meanwhile: once more", ""};
    } else if (row->kind == AVSP_TASK_MANIFEST) {
        if (!files_fit(finish, AVSP_TASK_MANIFEST, 1))
            return unfit(finish, "the manifest task named no file", ret_failure, err);
    } else if (row->kind == AVSP_TASK_ENCODE && base_job) {
        if (!files_fit(finish, AVSP_TASK_ENCODE, 1))
            return unfit(finish, "the encode named no file", ret_failure, err);
    } else if (row->kind == AVSP_TASK_ENCODE || row->kind == AVSP_TASK_AUDIO) {
        rc = encode_has_segments(tx, row, &n, err);
        if (rc == AVSP_OK && n == 0)
            return unfit(finish, "the encode reported no segments", ret_failure, err);
    }
    return rc;
}

/// A base worker split the job: one encode for each of its files, for anybody.
static enum avsp_code take_base_files(struct avsp_tx *tx, const struct avsp_task_row *row,
                                      const struct avsp_finish *finish, struct avsp_err *err)
{
    static const char sql[] = "UPDATE jobs SET flavour = 2 WHERE id = $1";
    int64_t changed = 0;
    enum avsp_code rc = avsp_tx_exec(tx, sql, AVSP_DB_ARGS(avsp_text(row->job_id)), &changed, err);
    for (size_t i = 0; rc == AVSP_OK && i < finish->n_files; i++) {
        const struct avsp_piece piece = {
            .idx = (uint32_t)i, .n_segments = 1, .time_base = {0, 1}, .file = finish->files[i]};
        const struct avsp_new_task task = {.job_id = row->job_id,
                                           .kind = AVSP_TASK_ENCODE,
                                           .pool = AVSP_POOL_ANY,
                                           .piece = &piece};
        bool made = false;
        rc = avsp_task_make(tx, &task, &made, err);
    }
    return rc;
}

/// What follows at once from a task that is done.
static enum avsp_code follow(struct avsp_tx *tx, const struct avsp_task_row *row,
                             const struct avsp_finish *finish, struct avsp_err *err)
{
    if (row->kind == AVSP_TASK_SPLIT && finish->token.attempt == 0)
        return take_base_files(tx, row, finish, err);
    if (row->kind == AVSP_TASK_MANIFEST)
        return avsp_job_end(tx, row->job_id, AVSP_JOB_FINISHED, NULL, &finish->files[0], err);
    if (row->kind == AVSP_TASK_CLEANUP)
        return avsp_secrets_forget(tx, row->job_id, err);
    return AVSP_OK;
}

static const char succeed_sql[] =
    "UPDATE tasks SET state = $4, result = $5, frames_done = frames,"
    " version = version + 1 WHERE id = $1 AND state = $2 AND attempt = $3";

static enum avsp_code succeed(struct avsp_tx *tx, const struct avsp_task_row *row,
                              const struct avsp_finish *finish, struct avsp_err *err)
{
    enum avsp_task_state to = avsp_task_next(row->state, AVSP_EVENT_FINISH);
    const char *result = "";
    int64_t changed = 0;
    enum avsp_code rc = AVSP_OK;
    if (row->kind == AVSP_TASK_ENCODE && finish->n_files == 1)
        rc = avsp_location_store(&tx->arena, &finish->files[0], &result, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, succeed_sql,
                          AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state),
                                       avsp_i64(row->token.attempt), avsp_i64(to),
                                       avsp_text(result)),
                          &changed, err);
    if (rc != AVSP_OK)
        return rc;
    if (changed == 0)
        return avsp_err_set(err, AVSP_CONFLICT, "task %s: a race was lost", row->id);
    tx->changed = true;
    rc = avsp_attempt_store(tx, row, "done", NULL, err);
    return rc == AVSP_OK ? follow(tx, row, finish, err) : rc;
}

/// The answer to whoever does not hold the task: a repeated finish changes nothing, a stale one is refused.
static enum avsp_code answer_late(const struct avsp_task_row *row, const struct avsp_finish *finish,
                                  struct avsp_err *err)
{
    bool base = finish->token.attempt == 0;
    bool newest =
        finish->token.attempt == row->token.attempt && finish->token.nonce == row->token.nonce;
    bool repeated = newest && (finish->succeeded ? row->state == AVSP_TASK_DONE
                                                 : row->state != AVSP_TASK_CANCELED);
    if (base || repeated)
        return AVSP_OK;
    if (newest)
        return avsp_err_set(err, AVSP_CONFLICT, "task %s is %s: this finish came too late", row->id,
                            avsp_task_state_name(row->state));
    return avsp_err_set(err, AVSP_CONFLICT,
                        "task %s: attempt %" PRId64 " was superseded by attempt %" PRId64, row->id,
                        finish->token.attempt, row->token.attempt);
}

/// The whole effect of a finish by the holder. @param ret_clash  "" or why the job failed of it.
static enum avsp_code finish_held(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const struct avsp_finish *finish, const char **ret_clash,
                                  struct avsp_err *err)
{
    struct avsp_failure failure = {.code = AVSP_OK, .message = "", .log_tail = ""};
    enum avsp_code rc = AVSP_OK;
    *ret_clash = "";
    if (finish->token.attempt != 0)
        rc = avsp_outputs_store(tx, row, &finish->outputs, ret_clash, err);
    if (rc == AVSP_OK && (*ret_clash)[0] != '\0')
        return avsp_outputs_clash(tx, row, *ret_clash, err);
    if (rc == AVSP_OK && !finish->succeeded) {
        failure = finish->failure;
        if (failure.code == AVSP_OK)
            failure.code = AVSP_INTERNAL;
    } else if (rc == AVSP_OK) {
        rc = check_result(tx, row, finish, &failure, err);
    }
    if (rc != AVSP_OK)
        return rc;
    if (failure.code == AVSP_OK)
        return succeed(tx, row, finish, err);
    return avsp_piece_is_gone(tx, row, finish) ? avsp_piece_gone(tx, row, &failure, err)
                                               : avsp_attempt_fail(tx, row, &failure, err);
}

/// The manifest's turn is judged after the commit, in a transaction of its own: two that finish at once would each see the
/// other unfinished. A crash in between is made good by the sweep.
static enum avsp_code follow_up(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_job_follow_up(&tx, job_id, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

/// Looks which of some jobs' manifests have their turn, and has them made. The finishes count already; where this fails, the
/// sweep does it.
static void follow_up_all(struct avsp_store *store, char (*job_ids)[AVSP_ID_BYTES], size_t n)
{
    static const char sql[] = "SELECT j.id FROM jobs j WHERE j.id IN (" AVSP_DB_LIST
                              ") AND j.state = 1 AND " AVSP_NOTHING_OPEN;
    char due[AVSP_DB_LIST_MAX][AVSP_ID_BYTES];
    size_t n_due = 0;
    struct avsp_err unheard = {0};
    {
        struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
        struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
        struct avsp_db_value ids[AVSP_DB_LIST_MAX];
        bool more = false;
        for (size_t i = 0; i < AVSP_DB_LIST_MAX; i++)
            ids[i] = avsp_text(job_ids[AVSP_MIN(i, n - 1)]);
        enum avsp_code rc =
            avsp_tx_begin_single(store, sql, ids, AVSP_ARRAY_LEN(ids), &tx, &rows, &unheard);
        while (rc == AVSP_OK && n_due < AVSP_DB_LIST_MAX &&
               (rc = avsp_db_next(&rows, &more, &unheard)) == AVSP_OK && more)
            snprintf(due[n_due++], AVSP_ID_BYTES, "%s", avsp_db_text(&rows, 0));
    }
    for (size_t i = 0; i < n_due; i++) {
        unsigned tries = 0;
        enum avsp_code rc;
        unheard = (struct avsp_err){0};
        do
            rc = follow_up(store, due[i], &unheard);
        while (avsp_tx_again(&tries, rc, &unheard));
    }
}

/// @param ret_job_id  the task's; left alone where that is not known.
static enum avsp_code finish_once(struct avsp_store *store, const struct avsp_finish *finish,
                                  char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    char job_id[1][AVSP_ID_BYTES];
    char clash[AVSP_TEXT_MAX_BYTES] = "";
    enum avsp_code rc = AVSP_OK;
    {
        struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
        struct avsp_task_row row = {0};
        const char *text = "";
        rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
        if (rc == AVSP_OK)
            rc = avsp_task_lock(&tx, finish->task_id, &row, err);
        if (rc != AVSP_OK)
            return rc;
        snprintf(ret_job_id, AVSP_ID_BYTES, "%s", row.job_id);
        if (!avsp_task_is_held(&row, finish->worker_id, finish->token)) {
            rc = answer_late(&row, finish, err);
            // Nothing changed; but what is confirmed here must be on a synchronous standby as well, and who committed it may
            // not have seen that.
            return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
        }
        rc = finish_held(&tx, &row, finish, &text, err);
        if (rc != AVSP_OK)
            return rc;
        snprintf(job_id[0], sizeof job_id[0], "%s", row.job_id);
        snprintf(clash, sizeof clash, "%s", text);
        rc = avsp_tx_commit(&tx, err);
        if (rc != AVSP_OK)
            return rc;
    }
    if (clash[0] != '\0')
        return avsp_err_set(err, AVSP_CONFLICT, "the job failed: %s", clash);
    follow_up_all(store, job_id, 1);
    return AVSP_OK;
}

static enum avsp_code finish_alone(struct avsp_store *store, const struct avsp_finish *finish,
                                   char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = finish_once(store, finish, ret_job_id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

enum avsp_code avsp_store_finish(struct avsp_store *store, const struct avsp_finish *finish,
                                 struct avsp_err *err)
{
    char job_id[AVSP_ID_BYTES];
    return finish_alone(store, finish, job_id, err);
}

// --- several at once

/// Notes a job once.
static void note_job(char (*job_ids)[AVSP_ID_BYTES], size_t *n, const char *job_id)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(job_ids[i], job_id) == 0)
            return;
    snprintf(job_ids[(*n)++], AVSP_ID_BYTES, "%s", job_id);
}

/// Does what an encode that succeeded asks for, if that is all that there is to it. @param ret_done  false: it is not.
static enum avsp_code finish_plain(struct avsp_tx *tx, const struct avsp_task_row *row,
                                   const struct avsp_finish *finish, bool *ret_done,
                                   struct avsp_err *err)
{
    *ret_done = false;
    if (row == NULL || finish->token.attempt == 0 || !finish->succeeded || finish->n_files > 0 ||
        !avsp_task_is_held(row, finish->worker_id, finish->token) ||
        !avsp_outputs_are_plain(row, &finish->outputs))
        return AVSP_OK;
    enum avsp_code rc = avsp_outputs_send(tx, row, &finish->outputs, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_send(
            tx, succeed_sql,
            AVSP_DB_ARGS(avsp_text(row->id), avsp_i64(row->state), avsp_i64(row->token.attempt),
                         avsp_i64(avsp_task_next(row->state, AVSP_EVENT_FINISH)), avsp_text("")),
            1, err);
    if (rc == AVSP_OK)
        rc = avsp_attempt_send(tx, row, "done", err);
    tx->changed = true;
    *ret_done = true;
    return rc;
}

/// Finishes in one transaction what is plain. @param ret_done  which are.
static enum avsp_code finish_together(struct avsp_store *store, struct avsp_finish_item *items,
                                      size_t n, bool *ret_done, struct avsp_err *err)
{
    char job_ids[AVSP_DB_LIST_MAX][AVSP_ID_BYTES];
    size_t n_jobs = 0;
    {
        struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
        struct avsp_task_row *rows = NULL;
        size_t n_rows = 0;
        const char *ids[AVSP_DB_LIST_MAX];
        for (size_t i = 0; i < n; i++)
            ids[i] = items[i].finish->task_id;
        enum avsp_code rc = avsp_tx_begin_tasks(store, ids, n, &tx, &rows, &n_rows, err);
        for (size_t i = 0; rc == AVSP_OK && i < n; i++) {
            const struct avsp_task_row *row = avsp_task_find(rows, n_rows, ids[i]);
            rc = finish_plain(&tx, row, items[i].finish, &ret_done[i], err);
            if (rc == AVSP_OK && ret_done[i]) {
                note_job(job_ids, &n_jobs, row->job_id);
                snprintf(items[i].job_id, sizeof items[i].job_id, "%s", row->job_id);
            }
        }
        if (rc == AVSP_OK)
            rc = avsp_tx_flush(&tx, err);
        if (rc == AVSP_OK && n_jobs > 0)
            rc = avsp_tx_commit(&tx, err);
        if (rc != AVSP_OK)
            return rc;
    }
    if (n_jobs > 0)
        follow_up_all(store, job_ids, n_jobs);
    return AVSP_OK;
}

void avsp_store_finish_many(struct avsp_store *store, struct avsp_finish_item *items, size_t n)
{
    for (size_t first = 0; first < n; first += AVSP_DB_LIST_MAX) {
        bool done[AVSP_DB_LIST_MAX] = {false};
        const size_t n_now = AVSP_MIN(n - first, (size_t)AVSP_DB_LIST_MAX);
        struct avsp_err unheard = {0};
        for (size_t i = 0; i < n_now; i++) {
            items[first + i].rc = AVSP_OK;
            items[first + i].job_id[0] = '\0';
        }
        // What fails for several, or is not plain, goes the long way, each alone: one that was done is done again without a change.
        if (n_now > 1 && finish_together(store, items + first, n_now, done, &unheard) != AVSP_OK)
            memset(done, 0, sizeof done);
        for (size_t i = 0; i < n_now; i++) {
            struct avsp_finish_item *item = &items[first + i];
            item->err = (struct avsp_err){0};
            if (!done[i])
                item->rc = finish_alone(store, item->finish, item->job_id, &item->err);
        }
    }
}
