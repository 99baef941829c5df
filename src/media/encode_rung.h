/// One rendition of a piece in the making: pictures of the window, scaled to its size, become its segments; each is reported with
/// its init segment, which is one for all of them.
///
///     struct avsp_encode_rung AVSP_CLEANUP(avsp_encode_rung_close) rung = {0};
///     avsp_encode_rung_open(&rung, &header, &plan, step, ctl, err);
///     avsp_encode_rung_begin(&rung, idx, err);
///     avsp_encode_rung_add(&rung, picture, ticks, err); …
///     avsp_encode_rung_flush(&rung, err);
///     avsp_encode_rung_end(&rung, end_ticks, err);
///
/// One thread at a time. Memory: an encoder's.
#ifndef AVSP_MEDIA_ENCODE_RUNG_H
#define AVSP_MEDIA_ENCODE_RUNG_H

#include "core/ladder.h"
#include "media/control.h"
#include "media/encode_segment.h"

struct avsp_encode_rung {
    struct avsp_ladder_rung plan;
    unsigned threads;                       ///< of its encoder
    const struct avsp_step *step;           ///< borrowed
    const struct avsp_piece_header *header; ///< borrowed
    struct avsp_control *ctl;               ///< borrowed
    struct avsp_picture *picture;
    AVFrame *made;
    struct avsp_encode_rung *twin; ///< borrowed: takes the very same pictures; NULL = none does
    struct avsp_buf init;          ///< of the first segment; the others' must be the same
    struct avsp_encode_segment *segment; ///< the one in the making; NULL = none
};

/// Its encoder has a single thread, until `threads` is set. @return OK; INVALID a size that is not one; NO_MEMORY.
enum avsp_code avsp_encode_rung_open(struct avsp_encode_rung *rung,
                                     const struct avsp_piece_header *header,
                                     const struct avsp_ladder_rung *plan,
                                     const struct avsp_step *step, struct avsp_control *ctl,
                                     struct avsp_err *err) AVSP_CHECKED;
/// Of two renditions that differ in their encoder alone: @p rung makes the pictures from here on, and gives them to @p twin, which is given none
/// otherwise. @return false: they differ in more.
bool avsp_encode_rung_pair(struct avsp_encode_rung *rung, struct avsp_encode_rung *twin);

/// Safe on a zeroed value.
void avsp_encode_rung_close(struct avsp_encode_rung *rung);

/// Begins the segment @p idx; none is in the making.
enum avsp_code avsp_encode_rung_begin(struct avsp_encode_rung *rung, uint32_t idx,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Adds a picture, here and to its twin. @param picture  borrowed; as the window gives it.
enum avsp_code avsp_encode_rung_add(struct avsp_encode_rung *rung, const AVFrame *picture,
                                    int64_t ticks, struct avsp_err *err) AVSP_CHECKED;

/// No more pictures come for the segment in the making: its encoder works on, without being waited for.
enum avsp_code avsp_encode_rung_flush(struct avsp_encode_rung *rung,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Completes the segment in the making, after its flush, and reports it. @param end_ticks  where its last picture ends.
enum avsp_code avsp_encode_rung_end(struct avsp_encode_rung *rung, int64_t end_ticks,
                                    struct avsp_err *err) AVSP_CHECKED;

#endif
