/// From samples of one form to packets of AAC or Opus, at the very positions that the samples have.
///
///     struct avsp_audio_encoder *AVSP_CLEANUP(avsp_audio_encoder_free) enc = NULL;
///     avsp_audio_encoder_new(&options, &enc, err);
///     avsp_audio_encoder_add(enc, frame, err); …
///     avsp_audio_encoder_end(enc, err);
///
/// AAC is FFmpeg's own encoder, AAC-LC, 64 kbit/s a channel; Opus is libopus, 48 kHz, 48 kbit/s a channel. Where the output has
/// fewer channels they are mixed down as ITU-R BS.775 says: centre and surround at -3 dB, no bass; peaks of what was mixed down are
/// limited (media/audio_limit.h). Bit-exact, one thread. Memory: a few frames. One thread at a time.
#ifndef AVSP_MEDIA_AUDIO_ENCODER_H
#define AVSP_MEDIA_AUDIO_ENCODER_H

#include "media/audio_convert.h"

#include <libavcodec/avcodec.h>

struct avsp_audio_encoder;

enum avsp_audio_codec {
    AVSP_AUDIO_AAC = 1,
    AVSP_AUDIO_OPUS, ///< `out.rate` is 48000
};
#define AVSP_AUDIO_OPUS_RATE 48000

struct avsp_audio_encoder_options {
    enum avsp_audio_codec codec;
    struct avsp_audio_format in;  ///< of the samples that come
    struct avsp_audio_format out; ///< of those that are encoded
    bool is_mixed;                ///< what comes was mixed down: it may be over full scale
    /// Called for every packet in order; pts and duration in samples of the output, the first sample that came is at 0; borrowed
    /// for the call.
    enum avsp_code (*on_packet)(void *ctx, AVPacket *pkt, struct avsp_err *err);
    void *ctx;
};

/// @return OK; NO_MEMORY; UNSUPPORTED FFmpeg lacks the encoder, or it refuses the form.
enum avsp_code avsp_audio_encoder_new(const struct avsp_audio_encoder_options *options,
                                      struct avsp_audio_encoder **ret_enc,
                                      struct avsp_err *err) AVSP_CHECKED;
void avsp_audio_encoder_free(struct avsp_audio_encoder **enc);

/// @param frame  planar float, in the form of `in`; borrowed. @return OK; NO_MEMORY; or what on_packet says.
enum avsp_code avsp_audio_encoder_add(struct avsp_audio_encoder *enc, const AVFrame *frame,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Encodes what is left: the output is as long as what came, rounded up to a sample.
enum avsp_code avsp_audio_encoder_end(struct avsp_audio_encoder *enc,
                                      struct avsp_err *err) AVSP_CHECKED;

/// The encoder, open.
const AVCodecContext *avsp_audio_encoder_context(const struct avsp_audio_encoder *enc);

#endif
