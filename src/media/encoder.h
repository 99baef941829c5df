/// A fresh encoder of pictures behind libavcodec, SVT-AV1 or x264: one closed GOP from its first frame to its last.
///
/// Its output follows from the frames and these options alone. The number of threads does not matter: SVT-AV1 (1.4.1) gives the same
/// bytes with any, but for large pictures with one, where it gets two; x264, whose output depends on it, always has one. The frame rate
/// decides the level and nothing else: timestamps are the frames' own.
#ifndef AVSP_MEDIA_ENCODER_H
#define AVSP_MEDIA_ENCODER_H

#include "core/ladder.h"
#include "media/picture.h"

#include <libavcodec/avcodec.h>

struct avsp_encoder_options {
    enum avsp_codec codec;
    const struct avsp_picture_format *format; ///< H.264: of 8 bits. Borrowed for the call
    uint32_t timescale;                       ///< ticks a second of the frames' pts
    struct avsp_rational frame_rate;          ///< at most 240
    int32_t crf;                              ///< on AV1's scale
    int32_t preset;                           ///< likewise
    int32_t film_grain;                       ///< 0 = none; AV1 alone
    uint32_t threads;
    int gop_frames; ///< most frames between keyframes
};

/// @param ret_encoder returned: close with avsp_encoder_close.
/// @return OK; UNSUPPORTED this FFmpeg has no such encoder, or it refuses the size; NO_MEMORY.
enum avsp_code avsp_encoder_open(const struct avsp_encoder_options *options,
                                 AVCodecContext **ret_encoder, struct avsp_err *err) AVSP_CHECKED;

/// How much later than its place among the decoded frames a frame may be shown: at the options' rate, in ticks; 0 where the two orders
/// are the same. It is one for all encoders of a rendition.
int64_t avsp_encoder_delay(const struct avsp_encoder_options *options, const AVCodecContext *enc);

/// Frees an encoder, whatever it is doing; safe on NULL. SVT-AV1 gets a blank frame first where it was given none at all: it (1.4.1)
/// drains itself when it is freed, and would wait for the first packet for ever.
/// @param fed  was it given a frame?
void avsp_encoder_close(AVCodecContext **encoder, bool fed);

#endif
