/// Tracks of a transport stream that go on in other PIDs, as where recorders or encoders take turns: libavformat makes new streams of these.
///
///     avsp_heirs_init(&heirs, ctx, &tracks);
///     av_read_frame(ctx, packet);
///     avsp_heirs_follow(&heirs, packet);     // now it is of the stream that was chosen
///
/// A stream takes a track's place where the program's newest table has it and no longer has the one before, and where its codec and
/// its language are the same.
#ifndef AVSP_MEDIA_HEIRS_H
#define AVSP_MEDIA_HEIRS_H

#include "media/tracks.h"

#define AVSP_HEIRS_STREAMS_MAX 64 ///< as many as are opened (source.h)

/// A track, and the stream that it goes on in.
struct avsp_heir {
    const AVStream *chosen;
    const AVStream *now;
    int program; ///< that the chosen one belongs to; -1 = not known
};

struct avsp_heirs {
    const AVFormatContext *ctx; ///< NULL: tracks stay where they are
    struct avsp_tracks *chosen; ///< borrowed: takes note of heirs
    struct avsp_heir tracks[1 + AVSP_AUDIO_TRACKS_MAX];
    size_t n;
    uint8_t n_passed[AVSP_HEIRS_STREAMS_MAX]; ///< packets of others that came, as far as counted
};

/// @param ctx     borrowed. Streams that may come to be heirs are read from now on.
/// @param tracks  that were chosen; borrowed.
void avsp_heirs_init(struct avsp_heirs *heirs, AVFormatContext *ctx, struct avsp_tracks *tracks);

/// Makes a packet of a stream that stands for a chosen one a packet of that. What comes late of one that did no longer has a track: the demuxer
/// gives the last two packets in a PID at the end of the file. @return false: it is one of these.
bool avsp_heirs_follow(struct avsp_heirs *heirs, AVPacket *packet);

#endif
