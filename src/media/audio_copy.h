/// Sound as the source has it: the packets of a piece become a rendition without being encoded.
///
/// Packets follow each other without a gap from the one that holds presentation time 0, of which an edit list hides what comes before, up
/// to the end. Where the sound begins late, ends early or has holes as long as whole packets, packets of silence of the same kind
/// stand for what is missing, as for single packets that are damaged. A track that this is not enough for — holes of another length, more damage, a change of parameters — is not
/// copied: that shows in a pass of its own over all of it, before anything is written, and a warning says why. One thread at a time.
#ifndef AVSP_MEDIA_AUDIO_COPY_H
#define AVSP_MEDIA_AUDIO_COPY_H

#include "core/sound_options.h"
#include "media/control.h"

/// What was copied; all zeros but for the form, AVSP_SOUND_N_FORMS: nothing.
struct avsp_audio_copied {
    enum avsp_sound_form form;
    int n_channels;
};

/// Copies the piece's sound, where that can be done, and reports the rendition.
/// @return OK; what reading, writing and reporting say.
enum avsp_code avsp_audio_copy_run(int input_fd, const struct avsp_step *step,
                                   struct avsp_control *ctl, struct avsp_audio_copied *ret_copied,
                                   struct avsp_err *err) AVSP_CHECKED;

#endif
