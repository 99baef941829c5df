/// What a packet's own bits say that its container does not: whether decoding that begins at a "keyframe" gives whole pictures
/// at once, and whether a packet is shown at all, or holds a picture at all. Any bytes are safe. Pure; any thread.
#ifndef AVSP_MEDIA_KEYFRAME_H
#define AVSP_MEDIA_KEYFRAME_H

#include "util/base.h"

#include <libavcodec/codec_par.h>

/// H.264: does the packet hold a recovery point SEI with recovery_frame_cnt > 0 (ITU-T H.264, D.1.8), that is, is the
/// picture refreshed bit by bit from here on? false for any other codec.
/// @param par  tells the codec and, by its extradata, how NAL units are delimited (Annex B or ISO/IEC 14496-15).
bool avsp_keyframe_is_gradual(const AVCodecParameters *par, const uint8_t *data, size_t len);

/// VP8: is the frame only a reference (RFC 6386, 9.1: show_frame)? false for any other codec.
bool avsp_keyframe_is_hidden(const AVCodecParameters *par, const uint8_t *data, size_t len);

/// MPEG-4 part 2: does the packet hold something else than one coded picture? So it is where B-frames were forced into AVI: two
/// pictures in one packet, and in exchange packets with a picture that is not coded (ISO/IEC 14496-2, 6.2.5: vop_coded). false
/// for any other codec.
bool avsp_keyframe_is_packed(const AVCodecParameters *par, const uint8_t *data, size_t len);

/// Is it certain that no decoder gives a picture for the packet: is it nothing but zeros, as where a file was allocated at once and never
/// filled, or, of H.264 and HEVC, does not even its first NAL unit fit into it? false where zeros may be a picture (without compression).
bool avsp_keyframe_is_void(const AVCodecParameters *par, const uint8_t *data, size_t len);

#endif
