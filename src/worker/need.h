/// How much memory an encode takes: found before it begins, so that a worker begins no more of them than its memory holds. Pure; any
/// thread.
#ifndef AVSP_WORKER_NEED_H
#define AVSP_WORKER_NEED_H

#include "core/piece.h"

/// Resident bytes that the encode of a piece takes at most: all its encoders are there at once.
/// @param piece    borrowed; whatever it says, which may be absurd
/// @param picture  what the job asks of its picture; borrowed
/// @param preset   the job's
/// @param threads  of the step; 1..
uint64_t avsp_need_bytes(const struct avsp_piece_header *piece,
                         const struct avsp_picture_options *picture, int32_t preset,
                         unsigned threads);

/// Slots whose memory, @p slot_bytes each, together hold @p bytes: 1..n_slots, so that whatever needs more has the worker to itself.
unsigned avsp_need_slots(uint64_t bytes, uint64_t slot_bytes, unsigned n_slots);

#endif
