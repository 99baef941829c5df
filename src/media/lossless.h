/// Video that cannot be copied packet by packet → the same pictures, decoded here and coded again without loss: FFV1, each of
/// them a keyframe, in their own size, bit depth and chroma format. For sources whose times or keyframes cannot be trusted.
///
///     struct avsp_lossless *ll = avsp_lossless_open(stream, threads, err);
///     avsp_lossless_send(ll, packet, false, err);               // NULL at the end
///     while ((rc = avsp_lossless_receive(ll, out, &got, err)) == AVSP_OK && got) …
///     avsp_lossless_free(&ll);
///
/// A picture's time is the best that its decoder knows (its own, or from decode order and frame rate), or, where those of its neighbours
/// say that it cannot be, one between theirs (retime.h); captions within it come as side data (AV_PKT_DATA_A53_CC). Pictures of another size or format than the first are fitted into it (fit.h).
/// The same packets give the same bytes on every run. Memory: the decoder's, a few frames, and up to AVSP_RETIME_AHEAD coded ones, or
/// AVSP_LOSSLESS_WAITING_BYTES of them. One thread at a time.
#ifndef AVSP_MEDIA_LOSSLESS_H
#define AVSP_MEDIA_LOSSLESS_H

#include "util/err.h"

#include <libavformat/avformat.h>

#define AVSP_LOSSLESS_WAITING_BYTES ((size_t)64 << 20)

struct avsp_lossless;

/// @param stream   of the source; borrowed until free.
/// @param threads  1..; of the encoder.
/// @return free with avsp_lossless_free; NULL with @p err: UNSUPPORTED no decoder, or this FFmpeg has no FFV1 encoder; NO_MEMORY.
struct avsp_lossless *avsp_lossless_open(const AVStream *stream, unsigned threads,
                                         struct avsp_err *err) AVSP_CHECKED;
/// NULL is fine.
void avsp_lossless_free(struct avsp_lossless **ll);

/// Describes what comes out, in the time base and with the index of the source's stream; its parameters are complete once
/// avsp_lossless_receive has given a packet. Borrowed until free.
AVStream *avsp_lossless_stream(const struct avsp_lossless *ll);

/// Pictures before @p pts are decoded only, and do not come out.
void avsp_lossless_begin_at(struct avsp_lossless *ll, int64_t pts);

/// Decodes a packet (NULL: there are no more). Nothing may be waiting: avsp_lossless_receive said so.
/// @param hidden  it lies outside of what is shown, by its time: its picture comes out only where that cannot be its time.
enum avsp_code avsp_lossless_send(struct avsp_lossless *ll, const AVPacket *packet, bool hidden,
                                  struct avsp_err *err) AVSP_CHECKED;

/// @param packet   blank; receives a picture. @param ret_got false: send more, or, at the end, this was all. Pictures wait here until it is
/// known what their times are worth.
/// @return OK; UNSUPPORTED a pixel format that cannot be kept without loss; NO_MEMORY.
enum avsp_code avsp_lossless_receive(struct avsp_lossless *ll, AVPacket *packet, bool *ret_got,
                                     struct avsp_err *err) AVSP_CHECKED;

struct avsp_lossless_counts {
    uint64_t n_damaged; ///< packets that were refused and pictures that came out damaged
    uint64_t n_fitted;  ///< pictures of another size or format than the first
    uint64_t n_retimed; ///< pictures whose times cannot be
};
struct avsp_lossless_counts avsp_lossless_counts(const struct avsp_lossless *ll);

#endif
