/// The first packets of a source, kept back until they have told what the whole split needs to know: when the first frame is
/// shown and the first sound heard, what the first pictures show, how frames follow each other, how far back times reach. One thread at a time.
#ifndef AVSP_MEDIA_LOOKAHEAD_H
#define AVSP_MEDIA_LOOKAHEAD_H

#include "media/glance.h"
#include "media/reader.h"

#define AVSP_LOOKAHEAD_FRAMES 256        ///< shown video frames that are looked at
#define AVSP_LOOKAHEAD_BYTES (128 << 20) ///< no more is kept, even if they are fewer
#define AVSP_LOOKAHEAD_PACKETS 65536     ///< likewise: 23 minutes of AAC before the first picture

struct avsp_lookahead_sound {
    bool heard;     ///< the rest is valid
    int64_t from;   ///< the earliest sound that is heard, in its stream's time base
    int64_t before; ///< how much of it comes before the origin of the picture
};

struct avsp_lookahead {
    struct {
        AVPacket *packet; ///< owned
        bool shown;
    } * items;
    size_t n_items;
    size_t n_taken;
    size_t bytes;
    int64_t pts[AVSP_LOOKAHEAD_FRAMES]; ///< of shown video frames, from the origin on, in order
    size_t n_pts;
    int64_t origin_pts;        ///< the first shown frame that can be decoded; valid where n_pts > 0
    uint64_t n_leading;        ///< frames before it: not decodable, not shown
    struct avsp_glance glance; ///< at the first pictures
    struct avsp_lookahead_sound sound[AVSP_AUDIO_TRACKS_MAX]; ///< one for each track
    int64_t first_s; ///< the earliest time of any packet in whole seconds, 0 where none is negative
};

/// Reads ahead. @return as avsp_reader_next; NO_MEMORY. Safe to deinit after a failure.
enum avsp_code avsp_lookahead_init(struct avsp_lookahead *ahead, struct avsp_reader *reader,
                                   struct avsp_err *err) AVSP_CHECKED;
void avsp_lookahead_deinit(struct avsp_lookahead *ahead);

/// Gives the next packet that was kept back. @param packet blank; receives the reference. @return false: there is no more.
bool avsp_lookahead_take(struct avsp_lookahead *ahead, AVPacket *packet, bool *ret_shown);

/// The track whose first sound is the earliest. @return false: none is heard.
bool avsp_lookahead_first_sound(const struct avsp_lookahead *ahead,
                                const struct avsp_tracks *tracks, size_t *ret_track);

/// Distances between consecutive frames, for avsp_plan_frame_rate. @return how many.
size_t avsp_lookahead_distances(const struct avsp_lookahead *ahead,
                                int64_t ret_distances[AVSP_LOOKAHEAD_FRAMES]);

#endif
