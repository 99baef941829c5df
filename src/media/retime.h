/// Times of pictures, in the order in which a decoder gives them, of which some are damaged → times that grow. Of the next ones the longest
/// series that grows is believed; what is not in it lies evenly between its neighbours. So no picture is lost for its time.
///
///     struct avsp_retime r;
///     avsp_retime_init(&r, usual_ticks);
///     avsp_retime_put(&r, pts); …
///     while (avsp_retime_take(&r, enough, &pts, &believed)) …     // the oldest one's
///
/// Sound times come out as they went in. Pure. One thread at a time.
#ifndef AVSP_MEDIA_RETIME_H
#define AVSP_MEDIA_RETIME_H

#include "util/base.h"

#define AVSP_RETIME_AHEAD 32 ///< pictures that are looked at, at the most

struct avsp_retime {
    int64_t ahead[AVSP_RETIME_AHEAD];
    size_t n;
    int64_t usual_ticks;
    int64_t last; ///< that was taken; INT64_MIN = none
};

/// @param usual_ticks  from picture to picture, where nothing else tells; > 0.
void avsp_retime_init(struct avsp_retime *r, int64_t usual_ticks);

/// @pre fewer than AVSP_RETIME_AHEAD wait. @param pts  INT64_MIN: not known.
void avsp_retime_put(struct avsp_retime *r, int64_t pts);

/// The time of the oldest picture that waits.
/// @param now  no more are waited for: memory is short, or there are none.
/// @param ret_believed  it is what was put.
/// @return false: none waits, or more must be put first.
bool avsp_retime_take(struct avsp_retime *r, bool now, int64_t *ret_pts, bool *ret_believed);

#endif
