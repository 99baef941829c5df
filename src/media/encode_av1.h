/// What of an encoder (media/encoder.h) is SVT-AV1's own.
#ifndef AVSP_MEDIA_ENCODE_AV1_H
#define AVSP_MEDIA_ENCODE_AV1_H

#include "media/encoder.h"

#define AVSP_AV1_ENCODER "libsvtav1"

/// Sets what the options mean to it. @return 0; an AVERROR.
int avsp_av1_set(AVCodecContext *enc, const struct avsp_encoder_options *options);

#endif
