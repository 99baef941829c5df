/// Writes a piece file as its packets come: room for the header, a NUT stream, and at the end the header in place.
///
///     struct avsp_piece_writer *w = avsp_piece_writer_open("v0-00012.piece", stream, shift_s, err);
///     avsp_piece_writer_put(w, packet, pts, true, err);        // in decode order
///     header.in_pts = avsp_piece_writer_pts(w, in_pts);        // every time in the header
///     avsp_piece_writer_finish(w, &header, &bytes, err);       // the file is complete …
///     avsp_piece_writer_free(w);                               // … or removed, where finish did not succeed
///
/// The piece has a clock of its own: NUT chooses a finer time base (an exact multiple for video, samples for sound) and takes no
/// negative time, so that everything is shifted by whole seconds, the header too. Packets that are never shown (edit lists) can
/// be given times near 0, before every window, because NUT does not keep the flag that says so; no decode times are kept.
/// A reader must go by the packets' own times (AVFrame.pts), not by a guess that wants them to grow.
/// One thread at a time.
#ifndef AVSP_MEDIA_PIECE_WRITER_H
#define AVSP_MEDIA_PIECE_WRITER_H

#include "core/piece.h"
#include "util/err.h"

#include <libavformat/avformat.h>

struct avsp_piece_writer;

/// Seconds to shift all pieces of a source by, whose times are from @p first_s seconds on.
int64_t avsp_piece_shift_s(int64_t first_s);

/// Of the pictures in a piece, where the source's stream has that one (num, den >= 1): an exact fraction of it, as fine as NUT wants.
AVRational avsp_piece_time_base(AVRational source);

/// Creates the file in the working folder; it must not exist. @param stream borrowed for the call.
/// @return free with avsp_piece_writer_free; NULL with @p err: UNSUPPORTED a codec or time base that NUT does not take.
struct avsp_piece_writer *avsp_piece_writer_open(const char *name, const AVStream *stream,
                                                 int64_t shift_s,
                                                 struct avsp_err *err) AVSP_CHECKED;

/// Closes; removes the file unless it was finished. NULL is fine.
void avsp_piece_writer_free(struct avsp_piece_writer *w);

/// Of the packets in the file.
struct avsp_rational avsp_piece_writer_time_base(const struct avsp_piece_writer *w);

/// The source stream's time on the piece's clock.
int64_t avsp_piece_writer_pts(const struct avsp_piece_writer *w, int64_t pts);

/// Appends a packet (borrowed; only its data and its key flag are read).
/// @param pts   in the source stream's time base, from the shift's `first_s` on.
/// @param timed false: it gets a time before every window instead.
enum avsp_code avsp_piece_writer_put(struct avsp_piece_writer *w, const AVPacket *packet,
                                     int64_t pts, bool timed, struct avsp_err *err) AVSP_CHECKED;

/// Completes the file and closes it. @param ret_bytes its size.
enum avsp_code avsp_piece_writer_finish(struct avsp_piece_writer *w,
                                        const struct avsp_piece_header *header, uint64_t *ret_bytes,
                                        struct avsp_err *err) AVSP_CHECKED;

#endif
