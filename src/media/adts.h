/// AAC whose configuration changes in the middle. A container tells of that beside the packet, for which a piece has no room; libavcodec's decoder
/// takes it from a header of ADTS in front of any packet as well. Pure; one thread at a time.
///
/// Source: ISO/IEC 14496-3 1.6.2.1 (AudioSpecificConfig), 1.A.2 (ADTS).
#ifndef AVSP_MEDIA_ADTS_H
#define AVSP_MEDIA_ADTS_H

#include "util/base.h"

#include <libavcodec/packet.h>

struct avsp_adts {
    unsigned type;     ///< audioObjectType: 1 … 4
    unsigned rate;     ///< samplingFrequencyIndex
    unsigned channels; ///< channelConfiguration: 1 … 7
};

/// @param config  AudioSpecificConfig. @return false: ADTS has no room for it.
bool avsp_adts_of_config(const uint8_t *config, size_t n, struct avsp_adts *ret_adts);

/// Makes @p out (blank) the packet's data behind a header. @return 0; AVERROR(EINVAL) too large for one; AVERROR(ENOMEM).
int avsp_adts_make(const struct avsp_adts *adts, const AVPacket *packet, AVPacket *out);

#endif
