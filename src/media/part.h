/// The part of a source that is wanted (--start, --end), on the source's own clock.
///
/// A part begins with the first tick at or after its start, and ends before the first one at or after its end; both count from where the
/// presentation of the whole source begins (extent.h). What lies before it is read only where it must be: containers whose index
/// tells of the keyframes and whose clock does not jump (MP4, Matroska) are sought in, to a keyframe some seconds before the start; all
/// others are read through. One thread at a time.
#ifndef AVSP_MEDIA_PART_H
#define AVSP_MEDIA_PART_H

#include "media/extent.h"

/// So much sound around the part goes with it: before it, what decoders need to warm up (MP3's reservoir included), and then some.
#define AVSP_PART_SOUND_BEFORE_S 2
#define AVSP_PART_SOUND_BEHIND_S 1

struct avsp_part {
    struct avsp_time_range range; ///< as it was asked for
    AVRational time_base;         ///< of what follows: the extent's
    int64_t source_pts;           ///< presentation time 0 of the whole source
    int64_t start_pts;            ///< the first tick in it
    int64_t end_pts;              ///< the first behind it; INT64_MAX = there is none
    bool sought;                  ///< the source is not read from its beginning
    uint64_t n_behind;            ///< packets that came from far behind its end
};

/// @param extent  of the whole source, as it begins; borrowed for the call.
void avsp_part_init(struct avsp_part *part, const struct avsp_time_range *range,
                    const struct avsp_extent *extent);

/// Does it leave out the source's beginning, its end?
bool avsp_part_has_start(const struct avsp_part *part);
bool avsp_part_has_end(const struct avsp_part *part);

enum avsp_part_found {
    AVSP_PART_READ_ON, ///< nothing was tried: the source is read as it stands
    AVSP_PART_SOUGHT,  ///< what comes next are the packets from some seconds before the part on
    AVSP_PART_LOST,    ///< it was tried in vain: the source must be opened again
};

/// Seeks to where the part can be read from, where that is sound; the same source gives the same place each time. A reader of it must be made anew.
enum avsp_part_found avsp_part_seek(struct avsp_part *part, AVFormatContext *ctx,
                                    const struct avsp_tracks *tracks);

/// Takes note of a packet. @return so many came from so far behind the end that nothing of the part can follow.
bool avsp_part_is_past(struct avsp_part *part, const AVPacket *packet, AVRational time_base);

/// Says that there is nothing in the part. @param source_end  where the source ends, INT64_MIN = not known. @return INVALID.
enum avsp_code avsp_part_is_empty(const struct avsp_part *part, int64_t source_end,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Warns where the source ends before the part does.
enum avsp_code avsp_part_warn_of_end(const struct avsp_part *part, int64_t source_end,
                                     struct avsp_control *ctl, struct avsp_err *err) AVSP_CHECKED;

#endif
