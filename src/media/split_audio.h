/// The default sound's packets → one piece, copied as they come. One thread at a time.
#ifndef AVSP_MEDIA_SPLIT_AUDIO_H
#define AVSP_MEDIA_SPLIT_AUDIO_H

#include "media/control.h"
#include "media/piece_writer.h"

struct avsp_split_audio {
    AVStream *stream;                 ///< borrowed; NULL = there is no sound
    struct avsp_piece_writer *writer; ///< NULL until the first packet
    uint64_t n_packets;
    int64_t end_pts;    ///< where the sound ends, in the stream's time base; INT64_MIN for none
    uint64_t n_dropped; ///< packets whose time is not usable
};

void avsp_split_audio_init(struct avsp_split_audio *audio, AVStream *stream);
void avsp_split_audio_deinit(struct avsp_split_audio *audio);

/// Copies a packet (borrowed).
/// @param shift_s  avsp_piece_shift_s, the same for the video.
enum avsp_code avsp_split_audio_put(struct avsp_split_audio *audio, const AVPacket *packet,
                                    int64_t shift_s, struct avsp_err *err) AVSP_CHECKED;

/// Completes the piece and reports it; nothing where no packet came.
/// @param origin_pts, end_pts  the presentation, in @p time_base (the video stream's).
enum avsp_code avsp_split_audio_finish(struct avsp_split_audio *audio, struct avsp_control *ctl,
                                       int32_t segment_seconds, int64_t shift_s, int64_t origin_pts,
                                       int64_t end_pts, struct avsp_rational time_base,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
