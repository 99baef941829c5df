/// Which streams of a source make the presentation, and what an encode must know about the picture that a stream copy
/// loses. Everything here comes from the file and is checked. One thread at a time.
#ifndef AVSP_MEDIA_TRACKS_H
#define AVSP_MEDIA_TRACKS_H

#include "media/glance.h"
#include "media/source.h"

/// Ceilings on the coded picture: SVT-AV1's largest side, and the area of AV1's highest level.
#define AVSP_PICTURE_SIDE_MAX_PX 16384
#define AVSP_PICTURE_AREA_MAX_PX (16384 * 8704)

/// The streams that are used; borrowed from the source. At least one is not NULL.
struct avsp_tracks {
    AVStream *video; ///< NULL = the presentation is sound alone
    AVStream *audio; ///< NULL = the presentation has no sound
};

/// Picks the picture and the sound, and discards the other streams: of several the one that can be decoded, then the one marked
/// as default, then the largest picture, the plain sound of the picture's program, the first. Still pictures (cover art) are no
/// video: a file with nothing but those and sound is sound alone.
/// @return OK; UNSUPPORTED nothing to play, no decoder for the video, encrypted, or larger than the ceilings; CORRUPT no picture
/// could be found out about.
enum avsp_code avsp_tracks_choose(AVFormatContext *ctx, struct avsp_tracks *ret_tracks,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Is it a picture that belongs to the sound or to the chapters?
bool avsp_tracks_is_still(const AVStream *stream);

bool avsp_tracks_is_encrypted(const AVStream *stream);

/// Fills what a piece's header says about the picture: size, depth, colour, HDR metadata, aspect, rotation.
/// @param glance            at its first pictures.
/// @param ret_odd_rotation  true: turned by something else than a quarter turn; the header says 0.
void avsp_tracks_describe(AVFormatContext *ctx, AVStream *video, const struct avsp_glance *glance,
                          struct avsp_piece_header *ret_header, bool *ret_odd_rotation);

/// The language as BCP 47, "und" where it is unknown; static storage or the stream's own memory.
const char *avsp_tracks_language(const AVStream *stream);

/// The title, "" where there is none or it is not proper text; the stream's own memory.
const char *avsp_tracks_title(const AVStream *stream);

/// libav's fraction as ours; 0/0 where it is not one.
struct avsp_rational avsp_tracks_rational(AVRational q);

#endif
