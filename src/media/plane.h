/// Plain pixel work on planar 4:2:0 frames of 8 bits, or of 16-bit words. Deterministic; any thread.
#ifndef AVSP_MEDIA_PLANE_H
#define AVSP_MEDIA_PLANE_H

#include "util/base.h"

#include <libavutil/frame.h>

/// Turns @p in clockwise by @p degrees (0, 90, 180, 270), then mirrors it left to right where @p hflip.
/// @param out  has buffers of the turned size and the same pixel format.
void avsp_plane_turn(const AVFrame *in, int degrees, bool hflip, AVFrame *out);

/// Puts @p in into the middle of the larger @p out, with black around it.
void avsp_plane_pad(const AVFrame *in, bool full_range, AVFrame *out);

#endif
