/// What a split met and passed over, as warnings of its job: nothing is dropped in silence. One thread at a time.
#ifndef AVSP_MEDIA_SPLIT_WARN_H
#define AVSP_MEDIA_SPLIT_WARN_H

#include "media/control.h"
#include "media/gaps.h"
#include "media/reader.h"

struct avsp_split_seen {
    const struct avsp_reader *reader;
    const struct avsp_gaps *gaps; ///< between the pictures
    uint64_t n_leading;       ///< pictures at the start that lean on others, which are not there
    uint64_t n_late;          ///< pictures that came after their place was over
    uint64_t n_sound_dropped; ///< packets without a time …
    uint64_t n_sound_unknown; ///< … and such of a form that cannot be told
    bool is_endless;          ///< avsp_split_video_is_endless
    bool from_start;          ///< the presentation begins where the source does …
    bool to_end;              ///< … and the source was read to its end
};

/// @return as avsp_control_warn.
enum avsp_code avsp_split_warn(struct avsp_control *ctl, const struct avsp_split_seen *seen,
                               struct avsp_err *err) AVSP_CHECKED;

#endif
