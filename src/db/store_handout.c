/// What a worker is handed with its task.
#include "core/choice.h"
#include "core/picture_options.h"
#include "core/sidecar.h"
#include "core/sound_options.h"
#include "db/internal.h"

enum avsp_code avsp_handout_read(struct avsp_tx *tx, struct avsp_db_rows *rows,
                                 struct avsp_handout *handout, struct avsp_err *err)
{
    const int at = AVSP_TASK_ROW_N_COLUMNS;
    *handout = (struct avsp_handout){
        .created_us = avsp_db_i64(rows, at),
        .segment_seconds = (int32_t)avsp_db_i64(rows, at + 5),
        .crf = (int32_t)avsp_db_i64(rows, at + 6),
        .preset = (int32_t)avsp_db_i64(rows, at + 7),
        .overwrite = avsp_db_i64(rows, at + 8) != 0,
        .dash = avsp_db_i64(rows, at + 12) != 0,
        .keep_work = avsp_db_i64(rows, at + 13) != 0,
        .released = avsp_db_i64(rows, at + 14),
    };
    enum avsp_code rc = avsp_task_row_read(tx, rows, &handout->row, err);
    if (rc == AVSP_OK)
        rc = avsp_picture_options_parse(avsp_db_text(rows, at + 10), &handout->picture, err);
    if (rc == AVSP_OK)
        rc = avsp_sound_options_parse(avsp_db_text(rows, at + 15), &handout->sound, err);
    if (rc != AVSP_OK)
        return rc;
    bool fits = avsp_column(&tx->arena, rows, at + 1, &handout->input) &&
                avsp_column(&tx->arena, rows, at + 9, &handout->claim_id) &&
                avsp_column(&tx->arena, rows, at + 11, &handout->choice) &&
                avsp_column(&tx->arena, rows, at + 16, &handout->sidecars);
    for (int role = AVSP_ROLE_INPUT; fits && role <= AVSP_ROLE_OUTPUT; role++)
        fits = avsp_column(&tx->arena, rows, at + 1 + role, &handout->places[role]);
    return fits ? AVSP_OK : avsp_arena_failed(&tx->arena, err);
}

/// Only what lies on S3 has credentials.
static bool has_secrets(const struct avsp_places *places)
{
    for (int role = AVSP_ROLE_INPUT; role <= AVSP_ROLE_OUTPUT; role++)
        if (places->at[role].kind == AVSP_LOCATION_S3)
            return true;
    for (size_t i = 0; i < places->n_sidecars; i++)
        if (places->sidecars[i].file.kind == AVSP_LOCATION_S3)
            return true;
    return false;
}

static enum avsp_code load_places(struct avsp_tx *tx, const struct avsp_handout *handout,
                                  struct avsp_arena *arena, struct avsp_task *task,
                                  struct avsp_err *err)
{
    struct avsp_places places = {0};
    enum avsp_code rc = avsp_location_load(arena, handout->input, &task->input, err);
    for (int role = AVSP_ROLE_INPUT; rc == AVSP_OK && role <= AVSP_ROLE_OUTPUT; role++)
        rc = avsp_location_load(arena, handout->places[role], &places.at[role], err);
    if (rc == AVSP_OK && task->kind == AVSP_TASK_SPLIT)
        rc = avsp_sidecars_load(arena, handout->sidecars, &task->sidecars, &task->n_sidecars, err);
    places.sidecars = task->sidecars;
    places.n_sidecars = task->n_sidecars;
    if (rc == AVSP_OK && has_secrets(&places))
        rc = avsp_secrets_load(tx, task->job_id, true, arena, &places, err);
    task->work = places.at[AVSP_ROLE_WORK];
    task->output = places.at[AVSP_ROLE_OUTPUT];
    if (task->kind == AVSP_TASK_SPLIT)
        task->input = places.at[AVSP_ROLE_INPUT];
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

/// Pieces come in order, so all below the end of the furthest one are there. Where one was found to be gone, others may be: all are
/// made again that somebody is still to take. One that only waits for a split to come to it says nothing about the others.
/// Where there are pieces, an earlier attempt has seen that the output was free: a presentation that is there now is the job's own.
static enum avsp_code load_resume(struct avsp_tx *tx, struct avsp_task *task, struct avsp_err *err)
{
    static const char furthest[] =
        "SELECT idx + n_segments FROM tasks WHERE job_id = $1 AND kind = 2"
        " AND track = 0 AND input <> '' ORDER BY idx DESC LIMIT 1";
    static const char wanted[] = "SELECT idx FROM tasks WHERE job_id = $1 AND kind = 2"
                                 " AND track = 0 AND state <> 3 AND (input = '' OR $2 <> 0)"
                                 " ORDER BY idx LIMIT 1";
    const struct avsp_db_value job[] = {avsp_text(task->job_id)};
    int64_t end = 0;
    bool gone = false;
    enum avsp_code rc = avsp_tx_i64(tx, furthest, job, 1, &end, err);
    if (rc == AVSP_OK)
        rc = avsp_piece_any_gone(tx, task->job_id, &gone, err);
    int64_t first_wanted = end;
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(tx, wanted, AVSP_DB_ARGS(avsp_text(task->job_id), avsp_i64(gone)),
                         &first_wanted, err);
    task->resume_idx = (uint32_t)AVSP_MIN(end, first_wanted);
    task->overwrite |= end > 0;
    return rc;
}

enum avsp_code avsp_handout_make(struct avsp_tx *tx, const struct avsp_handout *handout,
                                 uint32_t n_waiting, struct avsp_arena *arena,
                                 struct avsp_task *task, struct avsp_err *err)
{
    const struct avsp_task_row *row = &handout->row;
    const bool ours = row->flavour == AVSP_FLAVOUR_OURS;
    *task = (struct avsp_task){
        .id = avsp_arena_strdup(arena, row->id),
        .job_id = avsp_arena_strdup(arena, row->job_id),
        .kind = row->kind,
        .token = handout->token,
        .created_us = handout->created_us,
        .lease_ms = tx->store->options.lease_ms,
        .idx = row->idx,
        .segment_seconds = handout->segment_seconds,
        .crf = handout->crf,
        .preset = handout->preset,
        .picture = handout->picture,
        .sound = handout->sound,
        .overwrite = handout->overwrite,
        .dash = handout->dash,
        .keep_work = handout->keep_work,
        .described = ours,
        .n_waiting = row->kind == AVSP_TASK_ENCODE ? n_waiting : 0,
        .n_spent = (uint32_t)row->spent,
    };
    if (task->id == NULL || task->job_id == NULL)
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = load_places(tx, handout, arena, task, err);
    if (rc == AVSP_OK)
        rc = avsp_choice_load(arena, handout->choice, &task->choice, err);
    if (rc == AVSP_OK && task->kind == AVSP_TASK_SPLIT)
        rc = load_resume(tx, task, err);
    if (rc == AVSP_OK && task->kind == AVSP_TASK_MANIFEST && !ours)
        rc = load_files(tx, arena, task, err);
    return rc;
}
