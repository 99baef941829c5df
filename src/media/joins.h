/// A source whose clock jumps in the middle, as where two recordings were put together → one timeline that goes on.
///
/// A jump is a decode time that lies more than AVSP_JOIN_FORWARD_S after the one before (in containers whose clocks are
/// known to jump: MPEG-TS, MPEG-PS, Ogg; elsewhere that is a hole, which is a longer frame), or before it (by 0.1 s there, by
/// AVSP_JOIN_BACKWARD_S elsewhere). So is, in any container, a hole that is longer than a picture can be shown. From there on all times are shifted, so that the first picture follows the last one by its
/// duration. Sound is shifted by the same: where its times jump before the picture's do, its packets wait for the picture. A
/// picture that jumps ahead to where the sound is already has only been away, and keeps its time.
///
/// Pure, on the packets' own times, which must be within AVSP_READER_SECONDS_MAX. One thread at a time.
#ifndef AVSP_MEDIA_JOINS_H
#define AVSP_MEDIA_JOINS_H

#include "util/base.h"

#include <libavcodec/packet.h>

#define AVSP_JOIN_FORWARD_S 10
#define AVSP_JOIN_BACKWARD_S 10
#define AVSP_JOIN_AUDIO_MAX 32

struct avsp_join_track {
    AVRational time_base;
    int64_t shift;    ///< what is added to times
    int64_t last;     ///< decode time of the last packet, as it came; AV_NOPTS_VALUE for none
    int64_t duration; ///< of the last packet
    uint64_t epoch;   ///< number of the picture's jump that `shift` belongs to
    bool waits;       ///< of sound: its times have jumped, the picture's have not yet
};

struct avsp_joins {
    bool clocks_jump;             ///< in this kind of container
    int64_t hole_max;             ///< of the picture, in its time base
    struct avsp_join_track video; ///< or the default sound, where there is no picture
    struct avsp_join_track audio[AVSP_JOIN_AUDIO_MAX];
    size_t n_audio;
    int64_t shown_end; ///< where the latest picture ends, shifted; AV_NOPTS_VALUE for none
    int64_t
        lead_until; ///< pictures before it lean on what is on the other side of the join; AV_NOPTS_VALUE = none do
    bool audio_waits; ///< one track of it at least
    uint64_t n_jumps;
};

/// @param video_time_base  num, den >= 1.
void avsp_joins_init(struct avsp_joins *joins, bool clocks_jump, AVRational video_time_base);

/// Adds a track of sound, whose number is how many there were. @pre fewer than AVSP_JOIN_AUDIO_MAX.
void avsp_joins_add_audio(struct avsp_joins *joins, AVRational time_base);

/// Shifts a packet of the picture. @return false: behind a join, leans on what is before it, and cannot be shown.
bool avsp_joins_video(struct avsp_joins *joins, AVPacket *packet);

/// Shifts a packet of track @p i of the sound. @return false: nothing was done, and it must be kept until `audio_waits` is false
/// again.
bool avsp_joins_audio(struct avsp_joins *joins, size_t i, AVPacket *packet);

/// Shifts a packet of text by what the picture is shifted by now, and takes it as it is where it has no time.
void avsp_joins_text(const struct avsp_joins *joins, AVRational time_base, AVPacket *packet);

/// The picture does not come: track @p i of the sound goes on by itself. To be called for all tracks that wait, so that none's
/// packets pass each other.
void avsp_joins_wait_no_longer(struct avsp_joins *joins, size_t i, const AVPacket *first_waiting);

#endif
