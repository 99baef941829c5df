/// A piece that a base worker's split made: any media file, without a description of its own.
#ifndef AVSP_MEDIA_ENCODE_WHOLE_H
#define AVSP_MEDIA_ENCODE_WHOLE_H

#include "media/control.h"

/// Encodes the input's video, and its default sound to AAC, into one fragmented MP4 that needs no other file: "whole.mp4",
/// reported as one segment of rendition "v0" with `step->idx`; no rendition is reported, and its duration is in microseconds. Its
/// timeline begins at its own first frame.
/// @return OK; CORRUPT, UNSUPPORTED, LIMIT, NO_MEMORY as the other steps.
enum avsp_code avsp_encode_whole(int input_fd, const struct avsp_step *step,
                                 struct avsp_control *ctl, struct avsp_err *err) AVSP_CHECKED;

#endif
