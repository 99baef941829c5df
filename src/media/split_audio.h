/// The packets of one track of sound → one piece, copied as they come. One thread at a time.
#ifndef AVSP_MEDIA_SPLIT_AUDIO_H
#define AVSP_MEDIA_SPLIT_AUDIO_H

#include "media/adts.h"
#include "media/control.h"
#include "media/drift.h"
#include "media/extent.h"
#include "media/heard.h"
#include "media/piece_writer.h"

/// A leap of the times over more than this is believed once as much sound has come behind it.
#define AVSP_SPLIT_AUDIO_LEAP_S 10

struct avsp_split_audio {
    AVStream *stream; ///< borrowed
    size_t track;
    bool named;                       ///< it was asked for by name
    struct avsp_piece_writer *writer; ///< NULL until the first packet
    uint64_t n_packets;
    uint64_t n_put;   ///< packets that came, written or not
    uint64_t n_past;  ///< of those that are read again, how many are still to come
    int64_t from_pts; ///< packets that end before it, or begin at or after to_pts, are left out
    int64_t to_pts;
    uint64_t n_behind; ///< packets that began at or after to_pts
    int64_t seen_to;   ///< where the latest sound ends, left out or not; INT64_MIN = none was heard
    struct avsp_hearing hearing;
    struct avsp_heard
        heard;  ///< from the first sound to the last, without leaps that were not believed
    bool began; ///< `heard` is valid
    struct avsp_heard
        leap;           ///< sound behind a leap that is not believed yet; from == to: there is none
    int64_t leap_heard; ///< how much of it came
    uint64_t n_dropped; ///< packets whose time is not usable
    enum {
        AVSP_FORM_FIRST,  ///< packets are as the stream says …
        AVSP_FORM_OTHER,  ///< … or as `adts`, …
        AVSP_FORM_UNKNOWN ///< … or of a form that cannot be written: left out
    } form;
    struct avsp_adts adts;
    uint64_t n_unknown; ///< packets of such a form
    struct avsp_drift drift;
};

/// @param track  names the piece "aN.piece".
void avsp_split_audio_init(struct avsp_split_audio *audio, size_t track, AVStream *stream);
void avsp_split_audio_deinit(struct avsp_split_audio *audio);

/// The source was opened again, and its sound goes on as this stream: what came already comes once more, and is passed over.
void avsp_split_audio_move(struct avsp_split_audio *audio, AVStream *stream);

/// Copies a packet (borrowed).
/// @param shift_s  avsp_piece_shift_s, the same for the video.
enum avsp_code avsp_split_audio_put(struct avsp_split_audio *audio, const AVPacket *packet,
                                    int64_t shift_s, struct avsp_err *err) AVSP_CHECKED;

/// Where the sound ends, in the stream's time base; INT64_MIN where none was heard.
int64_t avsp_split_audio_end(const struct avsp_split_audio *audio);

/// Completes the piece and reports it; where no packet came it is silence.
/// @param alone  there is no picture: the piece's frames are the job's.
enum avsp_code avsp_split_audio_finish(struct avsp_split_audio *audio, struct avsp_control *ctl,
                                       int32_t segment_seconds, int64_t shift_s,
                                       const struct avsp_extent *extent, bool alone,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
