/// A source's packets, front to back, with what is damaged passed over: the loop around av_read_frame that the split reads
/// through. One thread at a time.
#ifndef AVSP_MEDIA_READER_H
#define AVSP_MEDIA_READER_H

#include "media/tracks.h"

struct avsp_reader {
    AVFormatContext *ctx; ///< borrowed
    struct avsp_tracks tracks;
    bool began;            ///< a key of the video was seen
    bool in_damage;        ///< the last video packet was damaged
    uint64_t n_video;      ///< video packets read, whether they are used or not
    uint64_t n_audio;      ///< packets of sound read
    uint64_t n_damaged;    ///< reads that failed, and stretches of video packets that are damaged
    uint64_t n_before_key; ///< video packets before the first key: left out
    uint64_t n_untimed;    ///< video packets without a usable time: never shown
};

/// Reads the next packet of the chosen streams. Video begins with a key, is never empty, and has a pts within
/// +-AVSP_READER_SECONDS_MAX.
/// @param packet     blank; receives a reference.
/// @param ret_end    true: there is no more; the packet stays blank.
/// @param ret_shown  false: the packet is only decoded (edit list, or no usable time).
/// @return OK; UNSUPPORTED encrypted, without presentation times, or with parameters that change; UNAVAILABLE and others the
/// input itself could not be read.
enum avsp_code avsp_reader_next(struct avsp_reader *reader, AVPacket *packet, bool *ret_end,
                                bool *ret_shown, struct avsp_err *err) AVSP_CHECKED;

/// Once the end was reached: how many packets of the picture (of the sound where there is none) the container's index promises
/// beyond those that came. They tell of a file that is cut off.
uint64_t avsp_reader_n_missing(const struct avsp_reader *reader);

#define AVSP_READER_SECONDS_MAX (1LL << 31)

#endif
