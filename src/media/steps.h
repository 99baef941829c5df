/// The steps that avspl1t-media can run, one function each. All read the input from descriptor `input_fd`, write files to the
/// working folder, and report through @p ctl; none prints or exits. A failed step leaves files behind: the parent removes the
/// folder. @return OK (the caller sends DONE) or what went wrong (the caller sends FAILED).
#ifndef AVSP_MEDIA_STEPS_H
#define AVSP_MEDIA_STEPS_H

#include "media/control.h"

/// What is in the file, and the plan for it (probe.c).
enum avsp_code avsp_probe_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err) AVSP_CHECKED;

/// The source, read once from front to back, → video pieces as they come and the default audio track's piece at the end
/// (split.c).
enum avsp_code avsp_split_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err) AVSP_CHECKED;

/// A video piece → an init segment and one segment for each segment place it covers (encode.c).
enum avsp_code avsp_encode_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                               struct avsp_err *err) AVSP_CHECKED;

/// An audio piece → an init segment and segments (audio.c).
enum avsp_code avsp_audio_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err) AVSP_CHECKED;

/// A file of subtitles → a rendition of text, of the part of its times that is wanted (sidecar.c).
enum avsp_code avsp_sidecar_run(int input_fd, const struct avsp_step *step,
                                struct avsp_control *ctl, struct avsp_err *err) AVSP_CHECKED;

/// What is in a file of subtitles, and the plan for it (sidecar.c). Nothing is written.
enum avsp_code avsp_sidecar_probe(int input_fd, const struct avsp_step *step,
                                  struct avsp_control *ctl, struct avsp_err *err) AVSP_CHECKED;

/// Segments of a presentation, one after another in the same input file → what decoding them shows (check.c).
enum avsp_code avsp_check_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err) AVSP_CHECKED;

#endif
