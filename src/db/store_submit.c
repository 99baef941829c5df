#include "core/choice.h"
#include "db/internal.h"

#include "core/picture_options.h"
#include "core/sidecar.h"
#include "core/sound_options.h"
#include <string.h>

/// A spec as its columns.
struct spec_texts {
    const char *input;
    const char *work;
    const char *output;
    const char *output_key;
    const char *choice;
    const char *sidecars;
};

static enum avsp_code spec_texts(struct avsp_tx *tx, const struct avsp_job_spec *spec,
                                 struct spec_texts *ret_texts, struct avsp_err *err)
{
    enum avsp_code rc = avsp_location_store(&tx->arena, &spec->input, &ret_texts->input, err);
    if (rc == AVSP_OK)
        rc = avsp_location_store(&tx->arena, &spec->work, &ret_texts->work, err);
    if (rc == AVSP_OK)
        rc = avsp_location_store(&tx->arena, &spec->output, &ret_texts->output, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_choice_store(&tx->arena, &spec->choice, &ret_texts->choice, err);
    if (rc == AVSP_OK)
        rc = avsp_sidecars_store(&tx->arena, spec->sidecars, spec->n_sidecars, &ret_texts->sidecars,
                                 err);
    if (rc != AVSP_OK)
        return rc;
    ret_texts->output_key = avsp_output_key(&tx->arena, &spec->output);
    return ret_texts->output_key != NULL ? AVSP_OK : avsp_arena_failed(&tx->arena, err);
}

/// Looks for the job of the spec's idempotency key.
/// @param ret_job_id  "" where there is none. @return OK; PRECONDITION it was another spec.
static enum avsp_code find_repeated(struct avsp_tx *tx, const struct avsp_job_spec *spec,
                                    const struct spec_texts *texts, char ret_job_id[AVSP_ID_BYTES],
                                    struct avsp_err *err)
{
    // Credentials are no part of what is compared: they may have been renewed since. Nor are priority and labels, which change
    // nothing of what is made.
    static const char sql[] =
        "SELECT id, CASE WHEN input = $2 AND work = $3 AND output = $4 AND segment_seconds = $5"
        " AND crf = $6 AND preset = $7 AND overwrite = $8 AND picture = $9 AND choice = $11 AND "
        "dash = $12 AND keep_work = $13 AND sound = $14 AND sidecars = $15"
        " THEN 1 ELSE 0 END "
        "FROM jobs WHERE idempotency_key = $1 AND idempotency_key <> '' AND owner = $10";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    char picture[AVSP_PICTURE_TEXT_BYTES];
    avsp_picture_options_write(&spec->picture, picture);
    char sound[AVSP_SOUND_TEXT_BYTES];
    avsp_sound_options_write(&spec->sound, sound);
    ret_job_id[0] = '\0';
    if (spec->idempotency_key[0] == '\0')
        return AVSP_OK;
    enum avsp_code rc = avsp_db_query(
        tx->db, sql,
        AVSP_DB_ARGS(avsp_text(spec->idempotency_key), avsp_text(texts->input),
                     avsp_text(texts->work), avsp_text(texts->output),
                     avsp_i64(spec->segment_seconds), avsp_i64(spec->crf), avsp_i64(spec->preset),
                     avsp_i64(spec->overwrite), avsp_text(picture), avsp_text(spec->owner),
                     avsp_text(texts->choice), avsp_i64(spec->dash), avsp_i64(spec->keep_work),
                     avsp_text(sound), avsp_text(texts->sidecars)),
        &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc != AVSP_OK || !more)
        return rc;
    snprintf(ret_job_id, AVSP_ID_BYTES, "%s", avsp_db_text(&rows, 0));
    if (avsp_db_i64(&rows, 1) == 0)
        return avsp_err_set(err, AVSP_PRECONDITION,
                            "idempotency_key: job %s was submitted with this key and other values",
                            ret_job_id);
    return AVSP_OK;
}

static enum avsp_code refuse_shared_output(struct avsp_tx *tx, const struct avsp_job_spec *spec,
                                           const struct spec_texts *texts, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT id, owner FROM jobs WHERE output_key = $1 AND state IN (1, 5)";
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc =
        avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(texts->output_key)), &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc != AVSP_OK)
        return rc;
    // Of somebody else's job no more is said than cannot be hidden.
    if (more && strcmp(avsp_db_text(&rows, 1), spec->owner != NULL ? spec->owner : "") != 0)
        return avsp_err_set(err, AVSP_EXISTS,
                            "somebody else's job writes to %.300s and is not over yet",
                            avsp_location_show(&tx->arena, &spec->output));
    if (more)
        return avsp_err_set(err, AVSP_EXISTS, "job %s writes to %.300s and is not over yet",
                            avsp_db_text(&rows, 0), avsp_location_show(&tx->arena, &spec->output));
    return avsp_tx_lost_race(err, texts->output_key); // the job that was in the way is over now
}

static enum avsp_code insert_job(struct avsp_tx *tx, const struct avsp_job_spec *spec,
                                 const struct spec_texts *texts, const char *job_id,
                                 int64_t *ret_changed, struct avsp_err *err)
{
    static const char sql[] =
        "INSERT INTO jobs (id, state, flavour, priority, created_us, ended_us, version,"
        " idempotency_key, output_key, input, work, output, segment_seconds, crf, preset,"
        " overwrite, manifest, fail_code, fail_may_retry, fail_message, fail_log,"
        " frames_done, frames_total, tasks_done, n_tasks, picture, owner, choice, dash, keep_work, "
        "sound, sidecars) "
        "VALUES ($1, 1, 0, $2, $3, 0, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', '', 0, '',"
        " '', 0, 0, 0, 0, $13, $14, $15, $16, $17, $18, $19) ON CONFLICT DO NOTHING";
    char picture[AVSP_PICTURE_TEXT_BYTES];
    avsp_picture_options_write(&spec->picture, picture);
    char sound[AVSP_SOUND_TEXT_BYTES];
    avsp_sound_options_write(&spec->sound, sound);
    return avsp_tx_exec(
        tx, sql,
        AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(spec->priority), avsp_i64(tx->now_us),
                     avsp_text(spec->idempotency_key), avsp_text(texts->output_key),
                     avsp_text(texts->input), avsp_text(texts->work), avsp_text(texts->output),
                     avsp_i64(spec->segment_seconds), avsp_i64(spec->crf), avsp_i64(spec->preset),
                     avsp_i64(spec->overwrite), avsp_text(picture), avsp_text(spec->owner),
                     avsp_text(texts->choice), avsp_i64(spec->dash), avsp_i64(spec->keep_work),
                     avsp_text(sound), avsp_text(texts->sidecars)),
        ret_changed, err);
}

enum avsp_code avsp_output_check(struct avsp_tx *tx, const char *output_key, struct avsp_err *err)
{
    // All that may be claimed are locked, not just those that run: whoever claims one waits for us, and then sees the job.
    static const char sql[] =
        "SELECT t.state, t.lease_until_us FROM tasks t"
        " JOIN jobs j ON j.id = t.job_id WHERE t.state IN (1, 2)"
        " AND t.kind = 5 AND j.output_key = $1 ORDER BY t.job_id" AVSP_DB_LOCK("t");
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool runs = false;
    bool more = false;
    enum avsp_code rc = avsp_db_query(tx->db, sql, AVSP_DB_ARGS(avsp_text(output_key)), &rows, err);
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more)
        runs |= avsp_db_i64(&rows, 0) == AVSP_TASK_RUNNING && avsp_db_i64(&rows, 1) > tx->now_us;
    if (rc == AVSP_OK && runs)
        rc = avsp_err_set(err, AVSP_EXISTS,
                          "what an earlier job left in the output is being removed: try again in a "
                          "few seconds");
    return rc;
}

/// Gives the job that is stored already. The lock makes the commit wait for a synchronous standby, which the one that stored it may
/// have been kept from.
static enum avsp_code give_again(struct avsp_tx *tx, const char job_id[AVSP_ID_BYTES],
                                 char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    struct avsp_job_row job;
    enum avsp_code rc = avsp_job_lock(tx, job_id, &job, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(tx, err);
    if (rc == AVSP_OK)
        memcpy(ret_job_id, job_id, AVSP_ID_BYTES);
    return rc;
}

static enum avsp_code submit_once(struct avsp_store *store, const struct avsp_job_spec *spec,
                                  char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct spec_texts texts = {0};
    char job_id[AVSP_ID_BYTES];
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = spec_texts(&tx, spec, &texts, err);
    if (rc == AVSP_OK)
        rc = find_repeated(&tx, spec, &texts, job_id, err);
    if (rc != AVSP_OK)
        return rc;
    if (job_id[0] != '\0')
        return give_again(&tx, job_id, ret_job_id, err);
    int64_t changed = 0;
    bool made = false;
    char repeated[AVSP_ID_BYTES] = "";
    avsp_id_new(job_id);
    rc = insert_job(&tx, spec, &texts, job_id, &changed, err);
    // The same key may have been stored while we waited for whoever did.
    if (rc == AVSP_OK && changed == 0)
        rc = find_repeated(&tx, spec, &texts, repeated, err);
    if (rc == AVSP_OK && repeated[0] != '\0')
        return give_again(&tx, repeated, ret_job_id, err);
    if (rc == AVSP_OK && changed == 0)
        rc = refuse_shared_output(&tx, spec, &texts, err);
    if (rc == AVSP_OK)
        rc =
            avsp_output_check(&tx, texts.output_key, err); // no other job can end there now, unseen
    if (rc == AVSP_OK)
        rc = avsp_secrets_store(&tx, job_id, spec, err);
    if (rc == AVSP_OK)
        rc = avsp_labels_store(&tx, job_id, spec, err);
    const struct avsp_new_task split = {
        .job_id = job_id, .kind = AVSP_TASK_SPLIT, .pool = AVSP_POOL_ANY};
    if (rc == AVSP_OK)
        rc = avsp_task_make(&tx, &split, &made, err);
    tx.changed = true;
    if (rc == AVSP_OK)
        rc = avsp_tx_commit(&tx, err);
    if (rc == AVSP_OK)
        memcpy(ret_job_id, job_id, sizeof job_id);
    return rc;
}

enum avsp_code avsp_store_submit(struct avsp_store *store, const struct avsp_job_spec *spec,
                                 char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = submit_once(store, spec, ret_job_id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}

static enum avsp_code cancel_once(struct avsp_store *store, const char *job_id,
                                  struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    enum avsp_job_state state = 0;
    enum avsp_code rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_job_state(&tx, job_id, &state, err);
    if (rc == AVSP_OK)
        rc = avsp_job_end(&tx, job_id, AVSP_JOB_CANCELED, NULL, NULL, err);
    return rc == AVSP_OK ? avsp_tx_commit(&tx, err) : rc;
}

enum avsp_code avsp_store_cancel(struct avsp_store *store, const char *job_id, struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = cancel_once(store, job_id, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
