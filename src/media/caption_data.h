/// Where captions hide in packets of video: the bytes of cc_data (CTA-708, 4.4) as ATSC A/53 part 4 puts them into the user data of MPEG-2 and
/// into SEI of H.264 and HEVC, as AV1 has them in metadata, and what DVDs have in the user data of a group of pictures. Nothing is decoded. Any bytes are safe. Pure; any thread.
#ifndef AVSP_MEDIA_CAPTION_DATA_H
#define AVSP_MEDIA_CAPTION_DATA_H

#include "util/base.h"

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>

/// Three for a pair: what it is, and two bytes.
#define AVSP_CAPTION_PAIR_BYTES 3
/// A packet has one or two fields, each with one cc_data of at most 31 pairs.
#define AVSP_CAPTION_DATA_MAX_BYTES (2 * 31 * AVSP_CAPTION_PAIR_BYTES)

/// @param par  what the packet is; a lossless copy (lossless.h) has them as side data.
/// @return how many bytes, whole pairs; 0 = none. What is more than there is room for is no captions.
size_t avsp_caption_data_of(const AVCodecParameters *par, const AVPacket *packet,
                            uint8_t ret_bytes[AVSP_CAPTION_DATA_MAX_BYTES]);

#endif
