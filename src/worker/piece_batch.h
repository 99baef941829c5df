/// Pieces that a split has made and that are not stored yet: stored, made durable and reported together, so that a disk's and a
/// database's wait is paid once for many. A split that makes a few a second has each of them stored at once; only one that makes
/// them faster than that has them wait, for AVSP_PIECE_BATCH_MS at most between two reports of it.
///
///     avsp_piece_batch_add(batch, run, &report->piece, err); …
///     avsp_piece_batch_tick(batch, run, err);   // with every other report
///     avsp_piece_batch_flush(batch, run, err);  // once the split is done
///
/// A piece that is reported is durable. One thread.
#ifndef AVSP_WORKER_PIECE_BATCH_H
#define AVSP_WORKER_PIECE_BATCH_H

#include "worker/run.h"

#define AVSP_PIECE_BATCH_MS 200
#define AVSP_PIECE_BATCH_MAX 128
#define AVSP_PIECE_BATCH_BYTES ((uint64_t)32 << 20)

struct avsp_piece_batch {
    struct avsp_piece pieces[AVSP_PIECE_BATCH_MAX];
    struct avsp_put puts[AVSP_PIECE_BATCH_MAX];
    size_t n;
    uint64_t bytes;
    bool
        is_single; ///< the encoders are behind: each piece is stored at once, so that the split hears of it
    const struct avsp_location *folder;
    struct avsp_mono due;    ///< stored at the next chance from then on
    struct avsp_arena arena; ///< of these alone: a split may make a hundred thousand
};

/// @param folder  where pieces go; borrowed until deinit.
void avsp_piece_batch_init(struct avsp_piece_batch *batch, const struct avsp_location *folder);
void avsp_piece_batch_deinit(struct avsp_piece_batch *batch);

/// Takes a finished piece, whose file stays where the child made it until it is stored.
/// @param piece  as reported, not trusted; copied.
/// @return OK; INTERNAL the file is not as it was said to be; as avsp_piece_batch_flush.
enum avsp_code avsp_piece_batch_add(struct avsp_piece_batch *batch, struct avsp_run *run,
                                    const struct avsp_piece *piece,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Stores what is due.
enum avsp_code avsp_piece_batch_tick(struct avsp_piece_batch *batch, struct avsp_run *run,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Stores what there is and tells of it: the pieces' tasks can be claimed from then on.
/// @return OK; CANCELED; as avsp_storage_put and avsp_upstream_report.
enum avsp_code avsp_piece_batch_flush(struct avsp_piece_batch *batch, struct avsp_run *run,
                                      struct avsp_err *err) AVSP_CHECKED;

#endif
