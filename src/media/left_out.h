/// What of a source is not in the presentation, and why: the same words in a probe's plan and in a job's warnings, so that nothing
/// is dropped in silence. Pure; any thread.
#ifndef AVSP_MEDIA_LEFT_OUT_H
#define AVSP_MEDIA_LEFT_OUT_H

#include "media/tracks.h"

/// What a stream is, in one word: "video", "audio", "subtitle", "data", "picture" (cover art).
const char *avsp_left_out_type(const AVStream *stream);

/// Why @p stream is not used. @param tracks all zeros where the file cannot be encoded at all.
/// @return static text; "" for a stream that is used.
const char *avsp_left_out_why(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                              const AVStream *stream);

/// One line that names them all, with their numbers; nothing where there is none.
/// @param buf  with room for AVSP_TEXT_MAX_BYTES; more than fits is only counted.
void avsp_left_out_list(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                        struct avsp_buf *buf);

#endif
