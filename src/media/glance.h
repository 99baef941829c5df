/// What the first decoded pictures of a source show that neither its container nor its packets tell: static HDR metadata,
/// dynamic ones and captions that will be left out, fields. A split decides by it once, for all its pieces. One thread at a time.
#ifndef AVSP_MEDIA_GLANCE_H
#define AVSP_MEDIA_GLANCE_H

#include "core/piece.h"

#include <libavutil/frame.h>

#define AVSP_GLANCE_PICTURES 16 ///< enough for what is said with each keyframe or each picture

struct avsp_glance {
    int64_t first_pts; ///< of the first picture; AV_NOPTS_VALUE = there is none, or it has no time
    unsigned n_pictures;
    unsigned n_interlaced;
    struct avsp_hdr hdr;
    bool has_hdr10_plus;   ///< SMPTE ST 2094-40
    bool has_dolby_vision; ///< reference processing units
    bool has_captions;     ///< CEA-608 or 708, as ATSC A/53 puts them into pictures
    bool
        has_clear_pixels; ///< of pictures with a palette, as they are or as RGB: some let through what is behind them
};

void avsp_glance_init(struct avsp_glance *glance);

/// Takes note of the next picture.
void avsp_glance_at(struct avsp_glance *glance, const AVFrame *frame);

/// Adds what another look at the same source showed.
void avsp_glance_merge(struct avsp_glance *glance, const struct avsp_glance *other);

#endif
