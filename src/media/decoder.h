/// One stream's decoder, fed from a demuxer: frames in presentation order, damage counted and passed over.
///
///     struct avsp_decoder AVSP_CLEANUP(avsp_decoder_close) dec = {0};
///     avsp_decoder_open(&dec, stream, threads, err);
///     while ((rc = avsp_decoder_read(&dec, ctx, pkt, frame, &got, err)) == AVSP_OK && got) …
///
/// With one thread the same packets give the same frames on every run and every machine. One thread at a time.
#ifndef AVSP_MEDIA_DECODER_H
#define AVSP_MEDIA_DECODER_H

#include "util/err.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

struct avsp_decoder {
    AVCodecContext *ctx; ///< owned
    const AVStream *stream;
    uint64_t n_damaged; ///< packets that were refused, and frames that came out damaged
    uint64_t n_watched; ///< of these, within avsp_decoder_watch's window
    bool damaged;       ///< something was damaged since the caller last set this to false
    bool draining;      ///< the demuxer is at its end
    int64_t first_pts;  ///< see avsp_decoder_watch
    int64_t watch_from;
    int64_t watch_to;
    int64_t sent_pts; ///< of the last packet
};

/// @param stream   borrowed until close.
/// @param threads  1..; more where only the number of damaged pictures is asked for: what is shown of them, and whether it is noticed, depends on
///                 how many threads most decoders have (H.264, HEVC, VP8, VP9; libavcodec 59).
/// @return OK; UNSUPPORTED no decoder for this codec; CORRUPT; NO_MEMORY.
enum avsp_code avsp_decoder_open(struct avsp_decoder *dec, const AVStream *stream, unsigned threads,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Safe on a zeroed value.
void avsp_decoder_close(struct avsp_decoder *dec);

/// From now on `first_pts` is the smallest timestamp, from @p from to before @p to, that a packet sent to the decoder had:
/// a picture's timestamp is known even where the picture is not decodable. AV_NOPTS_VALUE until there is one. Damage between the
/// two is counted apart.
void avsp_decoder_watch(struct avsp_decoder *dec, int64_t from, int64_t to);

/// Hands one packet to the decoder; NULL drains it. A packet that it refuses is counted.
/// The decoder must have no frame waiting (avsp_decoder_receive said so).
/// @return OK; NO_MEMORY.
enum avsp_code avsp_decoder_send(struct avsp_decoder *dec, const AVPacket *pkt,
                                 struct avsp_err *err) AVSP_CHECKED;

/// @param frame    unreferenced first. Its pts is the best that is known, in the stream's time base.
/// @param ret_got  false: send more, or, after draining, this was all.
enum avsp_code avsp_decoder_receive(struct avsp_decoder *dec, AVFrame *frame, bool *ret_got,
                                    struct avsp_err *err) AVSP_CHECKED;

/// The next frame of the stream, reading packets as needed; those of other streams are thrown away.
/// @param ret_got false: the end.
enum avsp_code avsp_decoder_read(struct avsp_decoder *dec, AVFormatContext *input, AVPacket *pkt,
                                 AVFrame *frame, bool *ret_got, struct avsp_err *err) AVSP_CHECKED;

#endif
