/// Static HDR metadata (core/piece.h) between libav's forms and ours. Any thread.
#ifndef AVSP_MEDIA_HDR_H
#define AVSP_MEDIA_HDR_H

#include "core/piece.h"
#include "util/buf.h"

#include <libavformat/avformat.h>
#include <libavutil/frame.h>

/// Takes what the container says; what makes no sense is passed over.
void avsp_hdr_of_stream(const AVStream *stream, struct avsp_hdr *hdr);

/// Takes what a decoded picture says, where @p hdr does not know it yet.
void avsp_hdr_of_frame(const AVFrame *frame, struct avsp_hdr *hdr);

/// Takes from @p other what @p hdr does not know yet.
void avsp_hdr_add(struct avsp_hdr *hdr, const struct avsp_hdr *other);

/// Appends SVT-AV1's parameters (1.4.1), each with a colon before it; nothing where nothing is known. The encoder writes metadata OBUs
/// with each keyframe: in fractions of 2^16 for colors, 2^8 and 2^14 for luminances, rounded (AV1 specification 5.8.4).
void avsp_hdr_put_params(const struct avsp_hdr *hdr, struct avsp_buf *buf);

/// Gives a stream the side data of which libavformat makes the boxes `mdcv` and `clli`. @return 0; an AVERROR.
int avsp_hdr_attach(const struct avsp_hdr *hdr, AVStream *stream);

#endif
