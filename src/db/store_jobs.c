#include "core/choice.h"
#include "core/lifecycle.h"
#include "core/picture_options.h"
#include "core/sidecar.h"
#include "core/sound_options.h"
#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

#define RUNNING_MAX 1000 ///< running tasks shown of one job

enum job_column {
    COL_ID,
    COL_STATE,
    COL_CREATED,
    COL_ENDED,
    COL_VERSION,
    COL_KEY,
    COL_INPUT,
    COL_WORK,
    COL_OUTPUT,
    COL_SEGMENT_SECONDS,
    COL_CRF,
    COL_PRESET,
    COL_OVERWRITE,
    COL_MANIFEST,
    COL_FAIL_CODE,
    COL_FAIL_MAY_RETRY,
    COL_FAIL_MESSAGE,
    COL_FAIL_LOG,
    COL_FRAMES_DONE,
    COL_FRAMES_TOTAL,
    COL_TASKS_DONE,
    COL_N_TASKS,
    COL_PRIORITY,
    COL_PICTURE,
    COL_OWNER,
    COL_CHOICE,
    COL_DASH,
    COL_KEEP_WORK,
    COL_SOUND,
    COL_SIDECARS,
    N_COLUMNS,
};
_Static_assert(N_COLUMNS == AVSP_JOB_N_COLUMNS, "the columns of a job");

static enum avsp_code fill_locations(struct avsp_tx *tx, struct avsp_db_rows *rows,
                                     struct avsp_arena *arena, struct avsp_job *job,
                                     struct avsp_err *err)
{
    struct avsp_places places = {0};
    enum avsp_code rc =
        avsp_location_load(arena, avsp_db_text(rows, COL_INPUT), &places.at[AVSP_ROLE_INPUT], err);
    if (rc == AVSP_OK)
        rc = avsp_location_load(arena, avsp_db_text(rows, COL_WORK), &places.at[AVSP_ROLE_WORK],
                                err);
    if (rc == AVSP_OK)
        rc = avsp_location_load(arena, avsp_db_text(rows, COL_OUTPUT), &places.at[AVSP_ROLE_OUTPUT],
                                err);
    if (rc == AVSP_OK)
        rc = avsp_location_load(arena, avsp_db_text(rows, COL_MANIFEST), &job->manifest, err);
    if (rc == AVSP_OK)
        rc = avsp_sidecars_load(arena, avsp_db_text(rows, COL_SIDECARS), &job->spec.sidecars,
                                &job->spec.n_sidecars, err);
    places.sidecars = job->spec.sidecars;
    places.n_sidecars = job->spec.n_sidecars;
    if (rc == AVSP_OK)
        rc = avsp_secrets_load(tx, job->id, false, arena, &places, err);
    job->spec.input = places.at[AVSP_ROLE_INPUT];
    job->spec.work = places.at[AVSP_ROLE_WORK];
    job->spec.output = places.at[AVSP_ROLE_OUTPUT];
    return rc;
}

/// What the job's own row says.
static enum avsp_code fill_job(struct avsp_tx *tx, struct avsp_db_rows *rows,
                               struct avsp_arena *arena, struct avsp_job *job, struct avsp_err *err)
{
    *job = (struct avsp_job){
        .encoders = "",
        .state = (enum avsp_job_state)avsp_db_i64(rows, COL_STATE),
        .created_us = avsp_db_i64(rows, COL_CREATED),
        .ended_us = avsp_db_i64(rows, COL_ENDED),
        .version = (uint64_t)avsp_db_i64(rows, COL_VERSION),
        .frames_done = (uint64_t)avsp_db_i64(rows, COL_FRAMES_DONE),
        .frames_total = (uint64_t)avsp_db_i64(rows, COL_FRAMES_TOTAL),
        .tasks_done = (uint32_t)avsp_db_i64(rows, COL_TASKS_DONE),
        .n_tasks = (uint32_t)avsp_db_i64(rows, COL_N_TASKS),
    };
    job->spec.segment_seconds = (int32_t)avsp_db_i64(rows, COL_SEGMENT_SECONDS);
    job->spec.crf = (int32_t)avsp_db_i64(rows, COL_CRF);
    job->spec.preset = (int32_t)avsp_db_i64(rows, COL_PRESET);
    job->spec.priority = (int32_t)avsp_db_i64(rows, COL_PRIORITY);
    job->spec.overwrite = avsp_db_i64(rows, COL_OVERWRITE) != 0;
    job->spec.dash = avsp_db_i64(rows, COL_DASH) != 0;
    job->spec.keep_work = avsp_db_i64(rows, COL_KEEP_WORK) != 0;
    const char *code = avsp_db_text(rows, COL_FAIL_CODE);
    job->failure.code = code[0] == '\0' ? AVSP_OK : avsp_code_from_name(code);
    job->failure.may_retry = avsp_db_i64(rows, COL_FAIL_MAY_RETRY) != 0;
    if (!avsp_column(arena, rows, COL_ID, &job->id) ||
        !avsp_column(arena, rows, COL_KEY, &job->spec.idempotency_key) ||
        !avsp_column(arena, rows, COL_OWNER, &job->spec.owner) ||
        !avsp_column(arena, rows, COL_FAIL_MESSAGE, &job->failure.message) ||
        !avsp_column(arena, rows, COL_FAIL_LOG, &job->failure.log_tail))
        return avsp_arena_failed(arena, err);
    enum avsp_code rc =
        avsp_picture_options_parse(avsp_db_text(rows, COL_PICTURE), &job->spec.picture, err);
    if (rc == AVSP_OK)
        rc = avsp_sound_options_parse(avsp_db_text(rows, COL_SOUND), &job->spec.sound, err);
    if (rc == AVSP_OK)
        rc = avsp_choice_load(arena, avsp_db_text(rows, COL_CHOICE), &job->spec.choice, err);
    if (rc == AVSP_OK)
        rc = fill_locations(tx, rows, arena, job, err);
    return rc == AVSP_OK ? avsp_labels_load(tx, job->id, arena, &job->spec, err) : rc;
}

/// What its tasks say. The sums of a job that is over stand in its row.
static enum avsp_code fill_progress(struct avsp_tx *tx, struct avsp_job *job, struct avsp_err *err)
{
    static const char split_sql[] = "SELECT state FROM tasks WHERE job_id = $1 AND kind = 1";
    int64_t split = 0;
    enum avsp_code rc = avsp_tx_i64(tx, split_sql, AVSP_DB_ARGS(avsp_text(job->id)), &split, err);
    job->split_done = split == AVSP_TASK_DONE;
    if (rc == AVSP_OK && !avsp_job_is_over(job->state)) {
        struct avsp_job_sums sums = {0};
        rc = avsp_job_add_up(tx, job->id, &sums, err);
        job->frames_done = (uint64_t)sums.frames_done;
        job->frames_total = (uint64_t)sums.frames_total;
        job->tasks_done = (uint32_t)sums.tasks_done;
        job->n_tasks = (uint32_t)sums.n_tasks;
        job->version += (uint64_t)sums.version;
    }
    job->percent_complete = avsp_job_percent(job->state, job->split_done, job->frames_done,
                                             job->frames_total, job->tasks_done, job->n_tasks);
    return rc;
}

static enum avsp_code fill_warnings(struct avsp_tx *tx, struct avsp_arena *arena,
                                    struct avsp_job *job, struct avsp_err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM warnings WHERE job_id = $1";
    static const char sql[] = "SELECT text FROM warnings WHERE job_id = $1 ORDER BY seq LIMIT $2";
    int64_t n = 0;
    enum avsp_code rc = avsp_tx_i64(tx, count_sql, AVSP_DB_ARGS(avsp_text(job->id)), &n, err);
    if (rc != AVSP_OK)
        return rc;
    n = AVSP_MIN(n, AVSP_WARNINGS_MAX);
    job->warnings = avsp_arena_array(arena, (size_t)n, sizeof *job->warnings);
    if (job->warnings == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job->id), avsp_i64(n)), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        if (!avsp_column(arena, &rows, 0, &job->warnings[job->n_warnings]))
            return avsp_arena_failed(arena, err);
        job->n_warnings++;
    }
    return rc;
}

enum avsp_code avsp_job_read(struct avsp_tx *tx, struct avsp_db_rows *rows,
                             struct avsp_arena *arena, struct avsp_job *ret_job,
                             struct avsp_err *err)
{
    enum avsp_code rc = fill_job(tx, rows, arena, ret_job, err);
    if (rc == AVSP_OK)
        rc = fill_progress(tx, ret_job, err);
    return rc == AVSP_OK ? fill_warnings(tx, arena, ret_job, err) : rc;
}

static enum avsp_code fill_running(struct avsp_tx *tx, struct avsp_arena *arena,
                                   struct avsp_job *job, struct avsp_err *err)
{
    static const char count_sql[] =
        "SELECT count(*) FROM tasks WHERE job_id = $1 AND state = 2 AND kind <> 5";
    static const char sql[] =
        "SELECT id, kind, idx, worker_id, attempt, frames_done, frames_total, milli_fps FROM tasks "
        "WHERE job_id = $1 AND state = 2 AND kind <> 5 ORDER BY kind, idx LIMIT $2";
    int64_t n = 0;
    enum avsp_code rc = avsp_tx_i64(tx, count_sql, AVSP_DB_ARGS(avsp_text(job->id)), &n, err);
    if (rc != AVSP_OK)
        return rc;
    n = AVSP_MIN(n, RUNNING_MAX);
    job->running = avsp_arena_array(arena, (size_t)n, sizeof *job->running);
    if (job->running == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(job->id), avsp_i64(n)), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_running *r = &job->running[job->n_running++];
        r->kind = (enum avsp_task_kind)avsp_db_i64(&rows, 1);
        r->idx = (uint32_t)avsp_db_i64(&rows, 2);
        r->attempt = avsp_db_i64(&rows, 4);
        r->progress =
            (struct avsp_progress){(uint64_t)avsp_db_i64(&rows, 5), (uint64_t)avsp_db_i64(&rows, 6),
                                   (uint32_t)avsp_db_i64(&rows, 7)};
        if (!avsp_column(arena, &rows, 0, &r->task_id) ||
            !avsp_column(arena, &rows, 3, &r->worker_id))
            return avsp_arena_failed(arena, err);
    }
    return rc;
}

static enum avsp_code get_job_once(struct avsp_store *store, const char *job_id,
                                   struct avsp_arena *arena, struct avsp_job *ret_job,
                                   struct avsp_err *err)
{
    static const char sql[] = "SELECT " AVSP_JOB_COLUMNS " FROM jobs WHERE id = $1 AND state <> 6";
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_job job = {0};
    bool more = false;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    rc = avsp_db_query(tx.db, sql, AVSP_DB_ARGS(avsp_text(job_id)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK && !more)
        rc = avsp_no_job(job_id, err);
    if (rc == AVSP_OK)
        rc = avsp_job_read(&tx, &rows, arena, &job, err);
    if (rc == AVSP_OK)
        rc = fill_running(&tx, arena, &job, err);
    if (rc == AVSP_OK)
        rc = avsp_encoders_load(&tx, job_id, arena, &job, err);
    if (rc == AVSP_OK)
        *ret_job = job;
    return rc;
}

enum avsp_code avsp_store_get_job(struct avsp_store *store, const char *job_id,
                                  struct avsp_arena *arena, struct avsp_job *ret_job,
                                  struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = get_job_once(store, job_id, arena, ret_job, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

/// Where a page begins: below this pair.
struct position {
    int64_t created_us;
    char id[AVSP_ID_BYTES];
};

static enum avsp_code parse_page(const char *page, struct position *ret_position,
                                 struct avsp_err *err)
{
    *ret_position = (struct position){.created_us = INT64_MAX};
    if (page[0] == '\0')
        return AVSP_OK;
    const char *id = NULL;
    if (!avsp_page_number(page, &ret_position->created_us, &id) || strlen(id) >= AVSP_ID_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "page: not one that this service gave");
    snprintf(ret_position->id, sizeof ret_position->id, "%s", id);
    return AVSP_OK;
}

/// What is asked of jobs beside their owner.
#define PAGE_OF_JOBS                                                                               \
    " AND (created_us, id) < ($1, $2) AND state <> 6 AND ($3 = 0 OR state = $3)" AVSP_HAVE_LABELS( \
        "$5", "$6", "$7", "$8", "$9", "$10", "$11",                                                \
        "$12") " ORDER BY created_us DESC, id DESC LIMIT $4"

/// Reads the jobs of a page, and whether there are more behind it.
static enum avsp_code read_page(struct avsp_tx *tx, const struct avsp_job_filter *filter,
                                const struct position *from, struct avsp_arena *arena,
                                struct avsp_job_page *page, struct avsp_err *err)
{
    // Each has an index that gives the order.
    static const char anybodys[] =
        "SELECT " AVSP_JOB_COLUMNS " FROM jobs WHERE $13 = ''" PAGE_OF_JOBS;
    static const char owners[] =
        "SELECT " AVSP_JOB_COLUMNS " FROM jobs WHERE owner = $13" PAGE_OF_JOBS;
    struct avsp_db_value values[5 + 2 * AVSP_LABEL_FILTERS_MAX] = {
        avsp_i64(from->created_us), avsp_text(from->id), avsp_i64(filter->state),
        avsp_i64((int64_t)filter->limit + 1)};
    avsp_label_values(filter->labels, filter->n_labels, &values[4]);
    values[4 + 2 * AVSP_LABEL_FILTERS_MAX] = avsp_text(filter->owner);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(tx->db, filter->owner != NULL ? owners : anybodys, values,
                                      AVSP_ARRAY_LEN(values), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        if (page->n_jobs == filter->limit) {
            const struct avsp_job *last = &page->jobs[page->n_jobs - 1];
            page->next_page =
                avsp_arena_printf(arena, "%" PRId64 ".%s", last->created_us, last->id);
            return page->next_page != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
        }
        rc = avsp_job_read(tx, &rows, arena, &page->jobs[page->n_jobs++], err);
    }
    return rc;
}

static enum avsp_code list_jobs_once(struct avsp_store *store, const struct avsp_job_filter *filter,
                                     struct avsp_arena *arena, struct avsp_job_page *ret_page,
                                     struct avsp_err *err)
{
    struct position from;
    struct avsp_job_page page = {.next_page = ""};
    if (filter->limit < 1 || filter->limit > AVSP_BATCH_MAX)
        return avsp_err_set(err, AVSP_INVALID, "limit: %" PRIu32 " is not in 1 to %d",
                            filter->limit, AVSP_BATCH_MAX);
    if (filter->n_labels > AVSP_LABEL_FILTERS_MAX)
        return avsp_err_set(err, AVSP_INVALID, "labels: more than %d", AVSP_LABEL_FILTERS_MAX);
    enum avsp_code rc = parse_page(filter->page, &from, err);
    if (rc != AVSP_OK)
        return rc;
    page.jobs = avsp_arena_array(arena, filter->limit, sizeof *page.jobs);
    if (page.jobs == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc == AVSP_OK)
        rc = read_page(&tx, filter, &from, arena, &page, err);
    if (rc == AVSP_OK)
        *ret_page = page;
    return rc;
}

enum avsp_code avsp_store_list_jobs(struct avsp_store *store, const struct avsp_job_filter *filter,
                                    struct avsp_arena *arena, struct avsp_job_page *ret_page,
                                    struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = list_jobs_once(store, filter, arena, ret_page, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
