#include "core/naming.h"
#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

/// Sums over a job stay within 64 bits: AVSP_SEGMENTS_MAX times this.
#define COUNT_MAX ((uint64_t)1 << 40)

/// Says in @p ret_clash that stored facts are contradicted.
static enum avsp_code clash(struct avsp_tx *tx, const char **ret_clash, const char *what,
                            const char *name, uint32_t idx, struct avsp_err *err)
{
    *ret_clash = avsp_arena_printf(
        &tx->arena, "%s %.100s %" PRIu32 " was reported twice and differs: %s", what, name, idx,
        strcmp(what, "piece") == 0 ? "the source or the program that splits it changed"
                                   : "the encoders differ (program versions or processors)");
    return *ret_clash != NULL ? AVSP_OK : avsp_arena_failed(&tx->arena, err);
}

// --- pieces

static enum avsp_code check_piece(const struct avsp_piece *piece, struct avsp_err *err)
{
    bool video = piece->kind == AVSP_TASK_ENCODE;
    const char *wrong = NULL;
    if (!video && piece->kind != AVSP_TASK_AUDIO)
        wrong = "its kind";
    else if (video ? piece->n_segments < 1 || piece->idx >= AVSP_SEGMENTS_MAX ||
                         piece->n_segments > AVSP_SEGMENTS_MAX - piece->idx
                   : piece->n_segments != 0 || piece->idx != 0)
        wrong = "its segments";
    else if (piece->in_pts >= piece->out_pts || piece->time_base.num < 1 ||
             piece->time_base.den < 1)
        wrong = "its window";
    else if (piece->frames > COUNT_MAX || piece->bytes > INT64_MAX)
        wrong = "its size";
    else if (piece->file.kind == AVSP_LOCATION_NONE)
        wrong = "its file";
    if (wrong == NULL)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID, "piece %" PRIu32 ": %s: out of range", piece->idx,
                        wrong);
}

/// Compares with the piece of the same identity.
/// @param ret_same  -1 none, 0 another window, 1 the same, 2 the same but gone: its job is tried again from its start.
static enum avsp_code compare_piece(struct avsp_tx *tx, const char *job_id,
                                    const struct avsp_piece *piece, int64_t *ret_same,
                                    struct avsp_err *err)
{
    static const char sql[] =
        "SELECT CASE WHEN n_segments <> $5 OR in_pts <> $6 OR out_pts <> $7 OR tb_num <> $8"
        " OR tb_den <> $9 THEN 0 WHEN input = '' THEN 2 ELSE 1 END FROM tasks "
        "WHERE job_id = $1 AND kind = $2 AND track = $3 AND idx = $4";
    *ret_same = -1;
    return avsp_tx_i64(tx, sql,
                       AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(piece->kind),
                                    avsp_i64(piece->track), avsp_i64(piece->idx),
                                    avsp_i64(piece->n_segments), avsp_i64(piece->in_pts),
                                    avsp_i64(piece->out_pts), avsp_i64(piece->time_base.num),
                                    avsp_i64(piece->time_base.den)),
                       ret_same, err);
}

/// Does a new piece reach into its neighbours? Then two splits cut differently.
static enum avsp_code overlaps(struct avsp_tx *tx, const char *job_id,
                               const struct avsp_piece *piece, bool *ret_overlaps,
                               struct avsp_err *err)
{
    static const char before[] =
        "SELECT idx + n_segments FROM tasks WHERE job_id = $1 AND kind = $2"
        " AND track = $3 AND idx < $4 ORDER BY idx DESC LIMIT 1";
    static const char behind[] = "SELECT idx FROM tasks WHERE job_id = $1 AND kind = $2"
                                 " AND track = $3 AND idx > $4 ORDER BY idx LIMIT 1";
    const struct avsp_db_value values[] = {avsp_text(job_id), avsp_i64(piece->kind),
                                           avsp_i64(piece->track), avsp_i64(piece->idx)};
    int64_t end_before = 0;
    int64_t next = INT64_MAX;
    enum avsp_code rc = avsp_tx_i64(tx, before, values, AVSP_ARRAY_LEN(values), &end_before, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_i64(tx, behind, values, AVSP_ARRAY_LEN(values), &next, err);
    *ret_overlaps = end_before > piece->idx || next < (int64_t)piece->idx + piece->n_segments;
    return rc;
}

static enum avsp_code store_piece(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const struct avsp_piece *piece, const char **ret_clash,
                                  struct avsp_err *err)
{
    int64_t same = 0;
    bool overlap = false;
    bool made = false;
    enum avsp_code rc = check_piece(piece, err);
    if (rc == AVSP_OK)
        rc = compare_piece(tx, row->job_id, piece, &same, err);
    if (rc == AVSP_OK && same == 1)
        return avsp_piece_renew(tx, row->job_id, piece, err);
    if (rc == AVSP_OK && same < 0)
        rc = overlaps(tx, row->job_id, piece, &overlap, err);
    if (rc != AVSP_OK)
        return rc;
    if (same == 0 || overlap)
        return clash(tx, ret_clash, "piece", avsp_task_kind_name(piece->kind), piece->idx, err);
    const struct avsp_new_task task = {
        .job_id = row->job_id, .kind = piece->kind, .pool = AVSP_POOL_OURS, .piece = piece};
    return avsp_task_make(tx, &task, &made, err);
}

/// The first piece of ours decides that the job is ours: base workers get nothing of it from here on.
static enum avsp_code make_ours(struct avsp_tx *tx, const struct avsp_task_row *row,
                                struct avsp_err *err)
{
    static const char job_sql[] = "UPDATE jobs SET flavour = 1 WHERE id = $1 AND flavour = 0";
    static const char task_sql[] = "UPDATE tasks SET pool = 2 WHERE id = $1";
    int64_t changed = 0;
    enum avsp_code rc =
        avsp_tx_exec(tx, job_sql, AVSP_DB_ARGS(avsp_text(row->job_id)), &changed, err);
    if (rc != AVSP_OK || changed == 0)
        return rc;
    return avsp_tx_exec(tx, task_sql, AVSP_DB_ARGS(avsp_text(row->id)), &changed, err);
}

// --- renditions and segments

static enum avsp_media_kind media_of(const struct avsp_task_row *row)
{
    if (row->kind == AVSP_TASK_SPLIT)
        return AVSP_MEDIA_TEXT;
    return row->kind == AVSP_TASK_AUDIO ? AVSP_MEDIA_AUDIO : AVSP_MEDIA_VIDEO;
}

static enum avsp_code check_rendition(const struct avsp_task_row *row,
                                      const struct avsp_rendition *r, struct avsp_err *err)
{
    bool text = r->kind == AVSP_MEDIA_TEXT;
    if (!avsp_name_is_safe(r->name) || (!text && !avsp_name_is_safe(r->init_name)))
        return avsp_err_set(err, AVSP_INVALID, "rendition \"%.100s\": an unfit name", r->name);
    bool init_is_fit = text ? r->init_name[0] == '\0' && r->init_sha256[0] == '\0'
                            : avsp_sha256_is_valid(r->init_sha256);
    if (r->kind != media_of(row) || r->timescale == 0 || r->init_bytes > COUNT_MAX || !init_is_fit)
        return avsp_err_set(err, AVSP_INVALID,
                            "rendition %s: kind, timescale, init_bytes or init_sha256", r->name);
    return AVSP_OK;
}

/// The same facts stand there. Of renditions r, and RENDITION_VALUES.
#define SAME_RENDITION                                                                             \
    " r.job_id = $1 AND r.name = $2 AND r.kind = $3 AND r.init_name = $4 AND r.init_bytes = $5"    \
    " AND r.init_sha256 = $6 AND r.codecs = $7 AND r.timescale = $8 AND r.priming_ticks = $9"      \
    " AND r.width_px = $10 AND r.height_px = $11 AND r.frame_rate_num = $12"                       \
    " AND r.frame_rate_den = $13 AND r.video_range = $14 AND r.channels = $15"                     \
    " AND r.language = $16 AND r.title = $17 AND r.purposes = $18"
#define RENDITION_VALUES(row, r)                                                                   \
    avsp_text((row)->job_id), avsp_text((r)->name), avsp_i64((r)->kind),                           \
        avsp_text((r)->init_name), avsp_i64((int64_t)(r)->init_bytes),                             \
        avsp_text((r)->init_sha256), avsp_text((r)->codecs), avsp_i64((r)->timescale),             \
        avsp_i64((r)->priming_ticks), avsp_i64((r)->width_px), avsp_i64((r)->height_px),           \
        avsp_i64((r)->frame_rate.num), avsp_i64((r)->frame_rate.den), avsp_text((r)->video_range), \
        avsp_i64((r)->channels), avsp_text((r)->language), avsp_text((r)->title),                  \
        avsp_i64((r)->purposes)

static enum avsp_code store_rendition(struct avsp_tx *tx, const struct avsp_task_row *row,
                                      const struct avsp_rendition *r, const char **ret_clash,
                                      struct avsp_err *err)
{
    static const char insert[] =
        "INSERT INTO renditions (job_id, name, kind, init_name, init_bytes, init_sha256, codecs,"
        " timescale, priming_ticks, width_px, height_px, frame_rate_num, frame_rate_den,"
        " video_range, channels, language, title, purposes) VALUES ($1, $2, $3, $4, $5, $6, $7, "
        "$8, $9,"
        " $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT DO NOTHING";
    static const char same_sql[] = "SELECT count(*) FROM renditions r WHERE" SAME_RENDITION;
    const struct avsp_db_value values[] = {RENDITION_VALUES(row, r)};
    int64_t changed = 0;
    int64_t same = 0;
    enum avsp_code rc = check_rendition(row, r, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, insert, values, AVSP_ARRAY_LEN(values), &changed, err);
    if (rc != AVSP_OK || changed > 0)
        return rc;
    rc = avsp_tx_i64(tx, same_sql, values, AVSP_ARRAY_LEN(values), &same, err);
    if (rc != AVSP_OK || same > 0)
        return rc;
    return clash(tx, ret_clash, "the init segment of", r->name, row->idx, err);
}

static enum avsp_code check_segment(const struct avsp_task_row *row, const struct avsp_segment *s,
                                    struct avsp_err *err)
{
    bool inside = row->kind != AVSP_TASK_ENCODE
                      ? s->idx < AVSP_SEGMENTS_MAX
                      : s->idx >= row->idx && s->idx - row->idx < row->n_segments;
    if (!inside)
        return avsp_err_set(err, AVSP_INVALID, "segment %.100s %" PRIu32 ": not one of this task",
                            s->rendition, s->idx);
    if (!avsp_name_is_safe(s->name) || !avsp_sha256_is_valid(s->sha256) || s->duration_ticks <= 0 ||
        s->frames > COUNT_MAX || s->bytes > COUNT_MAX || s->key_bytes > s->bytes)
        return avsp_err_set(err, AVSP_INVALID,
                            "segment %.100s %" PRIu32
                            ": name, sha256, duration_ticks, frames, bytes or key_bytes",
                            s->rendition, s->idx);
    return AVSP_OK;
}

static enum avsp_code store_segment(struct avsp_tx *tx, const struct avsp_task_row *row,
                                    const struct avsp_segment *s, const char **ret_clash,
                                    struct avsp_err *err)
{
    static const char insert[] =
        "INSERT INTO segments (job_id, rendition, idx, name, start_ticks, duration_ticks, frames,"
        " bytes, sha256, key_bytes) SELECT r.job_id, r.name, $3, $4, $5, $6, $7, $8, $9, $11 FROM "
        "renditions r "
        "WHERE r.job_id = $1 AND r.name = $2 AND r.kind = $10 ON CONFLICT DO NOTHING";
    static const char same_sql[] =
        "SELECT CASE WHEN s.name = $4 AND s.start_ticks = $5 AND s.duration_ticks = $6"
        " AND s.frames = $7 AND s.bytes = $8 AND s.sha256 = $9 AND s.key_bytes = $11 AND r.kind = "
        "$10 THEN 1 ELSE 0 END "
        "FROM segments s JOIN renditions r ON r.job_id = s.job_id AND r.name = s.rendition "
        "WHERE s.job_id = $1 AND s.rendition = $2 AND s.idx = $3";
    const struct avsp_db_value values[] = {
        avsp_text(row->job_id),       avsp_text(s->rendition),        avsp_i64(s->idx),
        avsp_text(s->name),           avsp_i64(s->start_ticks),       avsp_i64(s->duration_ticks),
        avsp_i64((int64_t)s->frames), avsp_i64((int64_t)s->bytes),    avsp_text(s->sha256),
        avsp_i64(media_of(row)),      avsp_i64((int64_t)s->key_bytes)};
    int64_t changed = 0;
    int64_t same = -1;
    enum avsp_code rc = check_segment(row, s, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_exec(tx, insert, values, AVSP_ARRAY_LEN(values), &changed, err);
    if (rc != AVSP_OK || changed > 0)
        return rc;
    rc = avsp_tx_i64(tx, same_sql, values, AVSP_ARRAY_LEN(values), &same, err);
    if (rc != AVSP_OK || same == 1)
        return rc;
    if (same < 0)
        return avsp_err_set(err, AVSP_INVALID, "segment %.100s %" PRIu32 ": no such rendition",
                            s->rendition, s->idx);
    return clash(tx, ret_clash, "segment", s->rendition, s->idx, err);
}

// --- all of them

enum avsp_code avsp_warning_store(struct avsp_tx *tx, const char *job_id, const char *text,
                                  struct avsp_err *err)
{
    static const char sql[] =
        "INSERT INTO warnings (job_id, seq, text) SELECT $1, c.n + 1, $2 "
        "FROM (SELECT count(*) AS n FROM warnings WHERE job_id = $1) c WHERE c.n < $3 "
        "ON CONFLICT DO NOTHING";
    size_t n = strnlen(text, AVSP_TEXT_MAX_BYTES);
    while (n > 0 && text[n] != '\0' && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--; // never half a character
    const char *clipped = avsp_arena_strndup(&tx->arena, text, n);
    if (clipped == NULL)
        return avsp_arena_failed(&tx->arena, err);
    int64_t changed = 0;
    return avsp_tx_exec(
        tx, sql, AVSP_DB_ARGS(avsp_text(job_id), avsp_text(clipped), avsp_i64(AVSP_WARNINGS_MAX)),
        &changed, err);
}

static enum avsp_code check_fit(const struct avsp_task_row *row, const struct avsp_outputs *o,
                                struct avsp_err *err)
{
    bool encodes = row->kind == AVSP_TASK_ENCODE || row->kind == AVSP_TASK_AUDIO ||
                   row->kind == AVSP_TASK_SPLIT; // the last one text
    bool ours = row->flavour != AVSP_FLAVOUR_BASE;
    if (o->n_pieces > 0 && (row->kind != AVSP_TASK_SPLIT || !ours))
        return avsp_err_set(err, AVSP_INVALID, "pieces: not from this task");
    if (o->n_renditions + o->n_segments > 0 && (!encodes || !ours))
        return avsp_err_set(err, AVSP_INVALID, "renditions, segments: not from this task");
    return AVSP_OK;
}

enum avsp_code avsp_outputs_store(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const struct avsp_outputs *o, const char **ret_clash,
                                  struct avsp_err *err)
{
    *ret_clash = "";
    enum avsp_code rc = check_fit(row, o, err);
    if (rc == AVSP_OK && o->n_pieces > 0)
        rc = make_ours(tx, row, err);
    for (size_t i = 0; rc == AVSP_OK && (*ret_clash)[0] == '\0' && i < o->n_pieces; i++)
        rc = store_piece(tx, row, &o->pieces[i], ret_clash, err);
    for (size_t i = 0; rc == AVSP_OK && (*ret_clash)[0] == '\0' && i < o->n_renditions; i++)
        rc = store_rendition(tx, row, &o->renditions[i], ret_clash, err);
    for (size_t i = 0; rc == AVSP_OK && (*ret_clash)[0] == '\0' && i < o->n_segments; i++)
        rc = store_segment(tx, row, &o->segments[i], ret_clash, err);
    for (size_t i = 0; rc == AVSP_OK && i < o->n_warnings; i++)
        rc = avsp_warning_store(tx, row->job_id, o->warnings[i], err);
    return rc;
}

bool avsp_outputs_are_plain(const struct avsp_task_row *row, const struct avsp_outputs *o)
{
    struct avsp_err ignored = {0};
    if (row->kind != AVSP_TASK_ENCODE || row->flavour != AVSP_FLAVOUR_OURS || o->n_pieces > 0 ||
        o->n_warnings > 0 || o->n_renditions != 1 || o->n_segments == 0 ||
        check_rendition(row, &o->renditions[0], &ignored) != AVSP_OK)
        return false;
    for (size_t i = 0; i < o->n_segments; i++)
        if (strcmp(o->segments[i].rendition, o->renditions[0].name) != 0 ||
            check_segment(row, &o->segments[i], &ignored) != AVSP_OK)
            return false;
    return true;
}

enum avsp_code avsp_outputs_send(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 const struct avsp_outputs *o, struct avsp_err *err)
{
    static const char sql[] =
        "INSERT INTO segments (job_id, rendition, idx, name, start_ticks, duration_ticks, frames,"
        " bytes, sha256, key_bytes) SELECT r.job_id, r.name, $19, $20, $21, $22, $23, $24, $25, $26"
        " FROM renditions r WHERE" SAME_RENDITION " ON CONFLICT DO NOTHING";
    const struct avsp_rendition *r = &o->renditions[0];
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < o->n_segments; i++) {
        const struct avsp_segment *s = &o->segments[i];
        const struct avsp_db_value values[] = {RENDITION_VALUES(row, r),
                                               avsp_i64(s->idx),
                                               avsp_text(s->name),
                                               avsp_i64(s->start_ticks),
                                               avsp_i64(s->duration_ticks),
                                               avsp_i64((int64_t)s->frames),
                                               avsp_i64((int64_t)s->bytes),
                                               avsp_text(s->sha256),
                                               avsp_i64((int64_t)s->key_bytes)};
        rc = avsp_tx_send(tx, sql, values, AVSP_ARRAY_LEN(values), 1, err);
    }
    return rc;
}

enum avsp_code avsp_outputs_clash(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const char *text, struct avsp_err *err)
{
    const struct avsp_failure failure = {AVSP_CONFLICT, false, text, ""};
    return avsp_attempt_fail(tx, row, &failure, err);
}
