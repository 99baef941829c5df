#include "db/internal.h"

enum avsp_code avsp_labels_store(struct avsp_tx *tx, const char *job_id,
                                 const struct avsp_job_spec *spec, struct avsp_err *err)
{
    static const char sql[] = "INSERT INTO labels (job_id, name, value) VALUES ($1, $2, $3)";
    int64_t changed = 0;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < spec->n_labels; i++)
        rc = avsp_tx_exec(tx, sql,
                          AVSP_DB_ARGS(avsp_text(job_id), avsp_text(spec->labels[i].name),
                                       avsp_text(spec->labels[i].value)),
                          &changed, err);
    return rc;
}

void avsp_label_values(const struct avsp_label *labels, size_t n,
                       struct avsp_db_value ret_values[2 * AVSP_LABEL_FILTERS_MAX])
{
    for (size_t i = 0; i < AVSP_LABEL_FILTERS_MAX; i++) {
        ret_values[2 * i] = avsp_text(i < n ? labels[i].name : "");
        ret_values[2 * i + 1] = avsp_text(i < n ? labels[i].value : "");
    }
}

enum avsp_code avsp_labels_load(struct avsp_tx *tx, const char *job_id, struct avsp_arena *arena,
                                struct avsp_job_spec *spec, struct avsp_err *err)
{
    static const char sql[] =
        "SELECT name, value FROM labels WHERE job_id = $1 ORDER BY name LIMIT $2";
    spec->labels = avsp_arena_array(arena, AVSP_LABELS_MAX, sizeof *spec->labels);
    if (spec->labels == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    enum avsp_code rc = avsp_db_query(
        tx->db, sql, AVSP_DB_ARGS(avsp_text(job_id), avsp_i64(AVSP_LABELS_MAX)), &rows, err);
    bool more = false;
    while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more) {
        struct avsp_label *label = &spec->labels[spec->n_labels++];
        if (!avsp_column(arena, &rows, 0, &label->name) ||
            !avsp_column(arena, &rows, 1, &label->value))
            return avsp_arena_failed(arena, err);
    }
    return rc;
}
