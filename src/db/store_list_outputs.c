#include "db/internal.h"

#include <inttypes.h>
#include <string.h>

/// A page token: "-1.NAME" = renditions behind NAME, "IDX.NAME" = segments behind (NAME, IDX); "" = all from the first.
struct position {
    bool segments; ///< the renditions are listed
    const char *name;
    int64_t idx;
};

static enum avsp_code parse_page(const char *page, struct position *ret_from, struct avsp_err *err)
{
    *ret_from = (struct position){.name = "", .idx = -1};
    if (page[0] == '\0')
        return AVSP_OK;
    if (!avsp_page_number(page, &ret_from->idx, &ret_from->name) ||
        strlen(ret_from->name) > AVSP_TEXT_MAX_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "page: not one that this service gave");
    ret_from->segments = ret_from->idx >= 0;
    return AVSP_OK;
}

static bool rendition_texts(struct avsp_arena *arena, struct avsp_db_rows *rows,
                            struct avsp_rendition *r)
{
    return avsp_column(arena, rows, 0, &r->name) && avsp_column(arena, rows, 2, &r->init_name) &&
           avsp_column(arena, rows, 4, &r->init_sha256) &&
           avsp_column(arena, rows, 5, &r->codecs) &&
           avsp_column(arena, rows, 12, &r->video_range) &&
           avsp_column(arena, rows, 14, &r->language) && avsp_column(arena, rows, 15, &r->title);
}

static enum avsp_code read_renditions(struct avsp_tx *tx, const char *job_id, const char *after,
                                      struct avsp_arena *arena, struct avsp_outputs *out,
                                      struct avsp_err *err)
{
    static const char sql[] =
        "SELECT name, kind, init_name, init_bytes, init_sha256, codecs, timescale, priming_ticks,"
        " width_px, height_px, frame_rate_num, frame_rate_den, video_range, channels, language,"
        " title, purposes FROM renditions WHERE job_id = $1 AND name > $2 ORDER BY name LIMIT $3";
    out->renditions = avsp_arena_array(arena, AVSP_BATCH_MAX, sizeof *out->renditions);
    if (out->renditions == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id), avsp_text(after), avsp_i64(AVSP_BATCH_MAX)),
        &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_rendition *r = &out->renditions[out->n_renditions++];
        r->kind = (enum avsp_media_kind)avsp_db_i64(&rows, 1);
        r->init_bytes = (uint64_t)avsp_db_i64(&rows, 3);
        r->timescale = (uint32_t)avsp_db_i64(&rows, 6);
        r->priming_ticks = avsp_db_i64(&rows, 7);
        r->width_px = (uint32_t)avsp_db_i64(&rows, 8);
        r->height_px = (uint32_t)avsp_db_i64(&rows, 9);
        r->frame_rate = (struct avsp_rational){(int32_t)avsp_db_i64(&rows, 10),
                                               (int32_t)avsp_db_i64(&rows, 11)};
        r->purposes = (uint32_t)avsp_db_i64(&rows, 16);
        r->channels = (uint32_t)avsp_db_i64(&rows, 13);
        if (!rendition_texts(arena, &rows, r))
            return avsp_arena_failed(arena, err);
    }
    return rc;
}

static enum avsp_code read_segments(struct avsp_tx *tx, const char *job_id,
                                    const struct position *from, size_t limit,
                                    struct avsp_arena *arena, struct avsp_outputs *out,
                                    struct avsp_err *err)
{
    static const char sql[] = "SELECT rendition, idx, name, start_ticks, duration_ticks, frames, "
                              "bytes, sha256, key_bytes "
                              "FROM segments WHERE job_id = $1 AND (rendition, idx) > ($2, $3) "
                              "ORDER BY rendition, idx LIMIT $4";
    out->segments = avsp_arena_array(arena, limit, sizeof *out->segments);
    if (out->segments == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(
        tx->db, sql,
        AVSP_DB_ARGS(avsp_text(job_id), avsp_text(from->segments ? from->name : ""),
                     avsp_i64(from->segments ? from->idx : -1), avsp_i64((int64_t)limit)),
        &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_segment *s = &out->segments[out->n_segments++];
        s->idx = (uint32_t)avsp_db_i64(&rows, 1);
        s->start_ticks = avsp_db_i64(&rows, 3);
        s->duration_ticks = avsp_db_i64(&rows, 4);
        s->frames = (uint64_t)avsp_db_i64(&rows, 5);
        s->bytes = (uint64_t)avsp_db_i64(&rows, 6);
        s->key_bytes = (uint64_t)avsp_db_i64(&rows, 8);
        if (!avsp_column(arena, &rows, 0, &s->rendition) ||
            !avsp_column(arena, &rows, 2, &s->name) || !avsp_column(arena, &rows, 7, &s->sha256))
            return avsp_arena_failed(arena, err);
    }
    return rc;
}

/// A page that is full is followed by another, which may be empty.
static enum avsp_code read_page(struct avsp_tx *tx, const char *job_id, const struct position *from,
                                struct avsp_arena *arena, struct avsp_outputs_page *page,
                                struct avsp_err *err)
{
    struct avsp_outputs *out = &page->outputs;
    enum avsp_code rc = AVSP_OK;
    if (!from->segments)
        rc = read_renditions(tx, job_id, from->name, arena, out, err);
    size_t room = AVSP_BATCH_MAX - out->n_renditions;
    if (rc == AVSP_OK && room > 0)
        rc = read_segments(tx, job_id, from, room, arena, out, err);
    if (rc != AVSP_OK || out->n_segments < room)
        return rc;
    if (out->n_segments > 0) {
        const struct avsp_segment *s = &out->segments[out->n_segments - 1];
        page->next_page = avsp_arena_printf(arena, "%" PRIu32 ".%s", s->idx, s->rendition);
    } else {
        page->next_page =
            avsp_arena_printf(arena, "-1.%s", out->renditions[out->n_renditions - 1].name);
    }
    return page->next_page != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

static enum avsp_code list_outputs_once(struct avsp_store *store,
                                        const struct avsp_outputs_query *query,
                                        struct avsp_arena *arena,
                                        struct avsp_outputs_page *ret_page, struct avsp_err *err)
{
    struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
    struct avsp_outputs_page page = {.next_page = ""};
    struct avsp_task_row row = {0};
    struct position from;
    enum avsp_code rc = parse_page(query->page, &from, err);
    if (rc == AVSP_OK)
        rc = avsp_tx_begin(store, AVSP_DB_READ, &tx, err);
    if (rc == AVSP_OK)
        rc = avsp_task_load(&tx, query->task_id, &row, err);
    if (rc != AVSP_OK)
        return rc;
    if (row.kind != AVSP_TASK_MANIFEST && row.kind != AVSP_TASK_CLEANUP)
        return avsp_err_set(err, AVSP_INVALID, "task %s is no manifest task", row.id);
    if (query->token.attempt == 0 || !avsp_task_is_held(&row, "", query->token))
        return avsp_err_set(err, AVSP_CONFLICT, "task %s: this attempt no longer holds it", row.id);
    rc = read_page(&tx, row.job_id, &from, arena, &page, err);
    if (rc == AVSP_OK)
        *ret_page = page;
    return rc;
}

enum avsp_code avsp_store_list_outputs(struct avsp_store *store,
                                       const struct avsp_outputs_query *query,
                                       struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                       struct avsp_err *err)
{
    unsigned tries = 0;
    enum avsp_code rc;
    do
        rc = list_outputs_once(store, query, arena, ret_page, err);
    while (avsp_tx_again(&tries, rc, err));
    return rc;
}
