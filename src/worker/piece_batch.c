#include "worker/piece_batch.h"

#include "worker/upstream.h"

#include <inttypes.h>

#define ARENA_BYTES ((size_t)4 << 20)

void avsp_piece_batch_init(struct avsp_piece_batch *batch, const struct avsp_location *folder)
{
    *batch = (struct avsp_piece_batch){.folder = folder};
    avsp_arena_init(&batch->arena, ARENA_BYTES);
}

void avsp_piece_batch_deinit(struct avsp_piece_batch *batch)
{
    avsp_arena_deinit(&batch->arena);
}

/// The attempt's token is in the name: an attempt that was given up can neither overwrite the next one's, nor can who took a piece
/// of it remove one of these. The number alone is not enough, for a database that forgot a claim gives it again.
static const char *piece_name(struct avsp_arena *arena, struct avsp_token token,
                              const struct avsp_piece *piece)
{
    if (piece->kind == AVSP_TASK_AUDIO)
        return avsp_arena_printf(arena, "a%" PRIu32 "-a%" PRId64 "-%" PRIx64 ".piece", piece->track,
                                 token.attempt, (uint64_t)token.nonce);
    return avsp_arena_printf(arena, "v%" PRIu32 "-%05" PRIu32 "-a%" PRId64 "-%" PRIx64 ".piece",
                             piece->track, piece->idx, token.attempt, (uint64_t)token.nonce);
}

enum avsp_code avsp_piece_batch_add(struct avsp_piece_batch *batch, struct avsp_run *run,
                                    const struct avsp_piece *piece, struct avsp_err *err)
{
    char path[PATH_MAX];
    enum avsp_code rc =
        avsp_attempt_check(&run->attempt, piece->file.path, piece->bytes, path, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "store a piece");
    struct avsp_put put = {
        .path = avsp_arena_strdup(&batch->arena, path),
        .name = piece_name(&batch->arena, run->task->token, piece),
    };
    if (put.path == NULL || put.name == NULL)
        return avsp_arena_failed(&batch->arena, err);
    avsp_storage_will_put(path);
    batch->puts[batch->n] = put;
    batch->pieces[batch->n] = *piece;
    batch->n++;
    batch->bytes += piece->bytes;
    bool full = batch->is_single || batch->n == AVSP_PIECE_BATCH_MAX ||
                batch->bytes >= AVSP_PIECE_BATCH_BYTES;
    return full ? avsp_piece_batch_flush(batch, run, err) : avsp_piece_batch_tick(batch, run, err);
}

enum avsp_code avsp_piece_batch_tick(struct avsp_piece_batch *batch, struct avsp_run *run,
                                     struct avsp_err *err)
{
    return avsp_mono_passed(batch->due) ? avsp_piece_batch_flush(batch, run, err) : AVSP_OK;
}

enum avsp_code avsp_piece_batch_flush(struct avsp_piece_batch *batch, struct avsp_run *run,
                                      struct avsp_err *err)
{
    if (batch->n == 0)
        return AVSP_OK;
    struct avsp_outputs outputs = {.pieces = batch->pieces, .n_pieces = batch->n};
    avsp_run_will_write(run, batch->bytes);
    enum avsp_code rc = avsp_storage_put_many(run->worker->storage, batch->folder, batch->puts,
                                              batch->n, &batch->arena, err);
    for (size_t i = 0; i < batch->n; i++)
        batch->pieces[i].file = batch->puts[i].file;
    if (rc == AVSP_OK)
        rc = avsp_upstream_report(run, &outputs, err);
    batch->n = 0;
    batch->bytes = 0;
    batch->due = avsp_mono_in_ms(AVSP_PIECE_BATCH_MS);
    avsp_arena_clear(&batch->arena);
    return rc == AVSP_OK || rc == AVSP_CANCELED ? rc : avsp_err_wrap(err, "store pieces");
}
