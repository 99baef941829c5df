/// A fresh AV1 encoder: SVT-AV1 behind libavcodec, one closed GOP from its first frame to its last.
///
/// Its output follows from the frames and these options alone; the number of threads does not matter (measured with
/// SVT-AV1 1.4.1). The frame rate decides the level in the sequence header and nothing else: timestamps are the frames' own.
#ifndef AVSP_MEDIA_ENCODE_AV1_H
#define AVSP_MEDIA_ENCODE_AV1_H

#include "core/model.h"
#include "media/picture.h"

#include <libavcodec/avcodec.h>

struct avsp_av1_options {
    const struct avsp_picture_format *format; ///< borrowed for the call
    uint32_t timescale;                       ///< ticks a second of the frames' pts
    struct avsp_rational frame_rate;          ///< at most 240
    int32_t crf;
    int32_t preset;
    int32_t film_grain; ///< 0 = none
    uint32_t threads;
    int gop_frames; ///< most frames between keyframes
};

/// @param ret_encoder returned: close with avsp_av1_close.
/// @return OK; UNSUPPORTED this FFmpeg has no SVT-AV1, or it refuses the size; NO_MEMORY.
enum avsp_code avsp_av1_open(const struct avsp_av1_options *options, AVCodecContext **ret_encoder,
                             struct avsp_err *err) AVSP_CHECKED;

/// Frees an encoder, whatever it is doing; safe on NULL. One that was given no frame at all gets a blank one first: SVT-AV1 (1.4.1)
/// drains itself when it is freed, and would wait for the first packet for ever.
/// @param fed  was it given a frame?
void avsp_av1_close(AVCodecContext **encoder, bool fed);

#endif
