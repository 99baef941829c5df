/// Where a presentation begins and ends, from where its picture and its sound do. docs/SOURCES.md says what follows for people,
/// and why.
///
/// Every track covers the same range, for players want that. Presentation time 0 is the first shown frame, or the first sound of any track where
/// that is more than a second earlier: the first frame is then shown from there on. The end is the later one of both: the last frame is
/// shown until the sound is over. What is shorter or begins later in the sound is silence. Without a picture the sound is all there is.
#ifndef AVSP_MEDIA_EXTENT_H
#define AVSP_MEDIA_EXTENT_H

#include "media/control.h"
#include "media/lookahead.h"

struct avsp_extent {
    AVRational
        time_base;     ///< of what follows: the picture's, or the sound's where there is no picture
    int64_t first_pts; ///< the first shown frame: it moves to the origin
    int64_t origin_pts; ///< presentation time 0
    int64_t end_pts;    ///< its end; valid after avsp_extent_end
};

/// Finds the origin, and warns of sound that is lost or pictures that are held.
/// @param ctl  NULL: nobody is told, for it is not the source's beginning that counts.
/// @return OK; CORRUPT there is nothing that can be shown or heard.
enum avsp_code avsp_extent_begin(struct avsp_extent *extent, const struct avsp_tracks *tracks,
                                 const struct avsp_lookahead *ahead, struct avsp_control *ctl,
                                 struct avsp_err *err) AVSP_CHECKED;

/// The same where the presentation begins in the middle of the source: with a frame, or, where there is no picture, at @p from itself.
/// @param from         nothing that is before it counts; all times in the extent's time base.
/// @param first_pts    the first frame at or after it.
/// @param sound_from   the earliest sound, INT64_MAX = there is none …
/// @param sound_until  … and how far it goes.
enum avsp_code avsp_extent_begin_at(struct avsp_extent *extent, int64_t from, int64_t first_pts,
                                    int64_t sound_from, int64_t sound_until,
                                    struct avsp_control *ctl, struct avsp_err *err) AVSP_CHECKED;

/// What is known of the ends, in the extent's time base.
struct avsp_extent_ends {
    int64_t picture;  ///< where the last frame would end by itself
    int64_t hold_max; ///< where it must end at the latest
    int64_t sound;    ///< where the longest track of it ends; INT64_MIN = there is none
};

/// Finds the end, and warns as above.
/// @param warn_s  the last frame may be held so long without a word.
/// @return OK; CORRUPT nothing of the sound is heard.
enum avsp_code avsp_extent_end(struct avsp_extent *extent, const struct avsp_tracks *tracks,
                               const struct avsp_extent_ends *ends, int32_t warn_s,
                               struct avsp_control *ctl, struct avsp_err *err) AVSP_CHECKED;

#endif
