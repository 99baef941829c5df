/// Dolby Vision as the container describes it: a base layer that other players may or may not understand, and what a Dolby
/// Vision player makes of it. AV1 segments of ours carry the base layer alone. Pure; any thread.
///
/// Source: Dolby Vision Streams Within the ISO Base Media File Format, 2.1.2, and Dolby Vision Profiles and Levels.
#ifndef AVSP_MEDIA_DOLBY_H
#define AVSP_MEDIA_DOLBY_H

#include "core/piece.h"

#include <libavformat/avformat.h>

struct avsp_dolby {
    bool present;
    int profile;
    const char *
        base; ///< what the base layer is for others: "HDR10", "SDR", "HLG"; NULL = nothing that they understand
};

struct avsp_dolby avsp_dolby_of(const AVStream *stream);

/// Fills in the colors of the base layer where the stream does not say them.
void avsp_dolby_colors(const struct avsp_dolby *dolby, struct avsp_piece_header *header);

#endif
