/// What of an encoder (media/encoder.h) is x264's own.
///
/// High profile, 8 bit 4:2:0, the level that size and rate ask for; no picture takes more bits than that level allows. CRF and preset are AV1's, brought to
/// x264's scales, so that a rendition looks about as good as its AV1 one and takes a fraction of its time (docs/OUTPUT.md).
///
/// One thread, whatever there is: x264 gives other bytes for another number of threads, frame or sliced.
#ifndef AVSP_MEDIA_ENCODE_H264_H
#define AVSP_MEDIA_ENCODE_H264_H

#include "media/encoder.h"

#define AVSP_H264_ENCODER "libx264"

/// Sets what the options mean to it. @return 0; an AVERROR.
int avsp_h264_set(AVCodecContext *enc, const struct avsp_encoder_options *options);

/// The library as it calls itself in its streams, "x264 core 164 r3095 baee400"; it has no function for that. "x264 -" where there is none.
void avsp_h264_version(struct avsp_buf *buf);

#endif
