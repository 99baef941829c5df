/// HDR pictures (PQ, HLG) → SDR ones: BT.709 in 8 bit 4:2:0, tone mapped by libavfilter's zscale and tonemap.
///
/// Reference white of HDR (203 cd/m², ITU-R BT.2408) becomes that of SDR; what is brighter, up to the brightest pixel that the metadata
/// tell of (1000 cd/m² where they tell none), is pressed together above it. Floating point: the same bytes on one kind of processor.
/// One thread at a time.
#ifndef AVSP_MEDIA_TONE_H
#define AVSP_MEDIA_TONE_H

#include "core/piece.h"
#include "media/graph.h"

struct avsp_tone {
    struct avsp_hdr hdr; ///< of the source
    struct avsp_graph graph;
};

/// Safe on a zeroed value.
void avsp_tone_deinit(struct avsp_tone *tone);

/// @param frame  a picture with its colors set; replaced by the SDR one.
/// @return OK; UNSUPPORTED this FFmpeg has no zscale or tonemap, or they do not take such pictures; NO_MEMORY.
enum avsp_code avsp_tone_map(struct avsp_tone *tone, AVFrame *frame,
                             struct avsp_err *err) AVSP_CHECKED;

#endif
