/// All text of a source → its renditions: tracks of subtitles, tracks of captions, and the captions within the picture. One thread at a time.
///
///     avsp_split_text_open(&text, &tracks, origin_pts, err);
///     while (…) avsp_split_text_put(&text, track, packet, err);          // and …
///               avsp_split_text_picture(&text, video, packet, shown, err);
///     avsp_split_text_finish(&text, ctl, &range, err);                    // "s0.vtt" …, their reports, and warnings
///     avsp_split_text_close(&text);
///
/// Renditions have the numbers of their tracks; behind those come the channels of the captions that there turn out to be, which nobody knows before
/// the end.
#ifndef AVSP_MEDIA_SPLIT_TEXT_H
#define AVSP_MEDIA_SPLIT_TEXT_H

#include "media/text_track.h"

struct avsp_split_text {
    const struct avsp_tracks *tracks; ///< borrowed
    struct avsp_text_track items[AVSP_TEXT_TRACKS_MAX];
    size_t n; ///< of these
    struct avsp_captions picture;
    int64_t origin_pts;
    size_t n_names; ///< numbers that are taken
};

/// @param tracks      borrowed until close.
/// @param origin_pts  where the picture begins, in its time base.
/// @return OK; UNSUPPORTED, CORRUPT a track cannot be decoded; NO_MEMORY. Close it whatever the result.
enum avsp_code avsp_split_text_open(struct avsp_split_text *text, const struct avsp_tracks *tracks,
                                    int64_t origin_pts, struct avsp_err *err) AVSP_CHECKED;
/// Safe on a zeroed value.
void avsp_split_text_close(struct avsp_split_text *text);

/// The source was opened again: what came of its tracks already comes once more, and is passed over; of its picture, what was not
/// read yet.
void avsp_split_text_move(struct avsp_split_text *text);

/// A packet (borrowed) of a track, as struct avsp_tracks counts them.
enum avsp_code avsp_split_text_put(struct avsp_split_text *text, size_t track,
                                   const AVPacket *packet, struct avsp_err *err) AVSP_CHECKED;

/// A packet (borrowed) of the picture. @param shown  false: it is hidden, or has no usable time.
enum avsp_code avsp_split_text_picture(struct avsp_split_text *text, const AVStream *video,
                                       const AVPacket *packet, bool shown,
                                       struct avsp_err *err) AVSP_CHECKED;

/// Writes and reports all of it, and warns of what is lost.
/// @param seen  a decoder has seen captions in the picture, of whatever form.
/// @return OK; UNSUPPORTED captions that were asked for by name are not there.
enum avsp_code avsp_split_text_finish(struct avsp_split_text *text, struct avsp_control *ctl,
                                      const struct avsp_text_range *range, bool seen,
                                      struct avsp_err *err) AVSP_CHECKED;

#endif
