/// What becomes of a source's picture that is not simply carried over, for people: a job's warnings and the plan of `probe`.
/// One thread at a time.
#ifndef AVSP_MEDIA_NOTES_H
#define AVSP_MEDIA_NOTES_H

#include "core/piece.h"
#include "media/glance.h"

#include <libavformat/avformat.h>

#define AVSP_NOTES_MAX 12
#define AVSP_NOTE_BYTES 160

struct avsp_notes {
    char texts[AVSP_NOTES_MAX][AVSP_NOTE_BYTES];
    size_t n;
};

/// @param header   describes the picture (avsp_tracks_describe), fields included.
/// @param options  what the job asks of it.
/// @return OK; INVALID a size that is not one; NO_MEMORY.
enum avsp_code avsp_notes_of(const AVStream *video, const struct avsp_piece_header *header,
                             const struct avsp_picture_options *options,
                             const struct avsp_glance *glance, bool odd_rotation,
                             struct avsp_notes *ret_notes, struct avsp_err *err) AVSP_CHECKED;

#endif
