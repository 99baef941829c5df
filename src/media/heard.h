/// What of a packet of sound is heard: edit lists hide whole packets, encoders put priming in front and padding behind, and containers
/// tell of both (libav's AV_PKT_FLAG_DISCARD and AV_PKT_DATA_SKIP_SAMPLES). One thread at a time.
#ifndef AVSP_MEDIA_HEARD_H
#define AVSP_MEDIA_HEARD_H

#include "util/base.h"

#include <libavformat/avformat.h>

/// A stretch of time in a stream's time base.
struct avsp_heard {
    int64_t from;
    int64_t to;  ///< `from` where the packet's length is not known
    bool padded; ///< what the decoder gives beyond `to` is padding
};

/// One stream's packets, in the order of the file.
struct avsp_hearing {
    const AVStream *stream; ///< borrowed
    uint64_t n;             ///< packets so far
    int64_t last_pts;       ///< of the packet before …
    int64_t
        distance; ///< … and how far it was from the one before it: a packet's length where nobody knows it
    int64_t
        longest; ///< packet so far: some demuxers take the padding off a packet's length, others do not
};

/// @return false: nothing of the packet is heard, or it has no time.
bool avsp_heard_of(struct avsp_hearing *hearing, const AVPacket *packet,
                   struct avsp_heard *ret_heard);

#endif
