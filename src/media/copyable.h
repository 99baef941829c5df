/// Sound that HLS takes as it is, frame by frame: AC-3, E-AC-3, and AAC-LC. One thread at a time.
///
/// Source: Apple's HLS authoring specification 2.1 to 2.4; ETSI TS 102 366 (AC-3, E-AC-3); ISO/IEC 14496-3 (AAC).
#ifndef AVSP_MEDIA_COPYABLE_H
#define AVSP_MEDIA_COPYABLE_H

#include "core/sound_options.h"

#include <libavcodec/avcodec.h>

struct avsp_copyable {
    enum avsp_sound_form form; ///< what it is copied as
    const char *codecs;        ///< RFC 6381
    int frame_samples;         ///< of each packet
    bool warms_up;             ///< a decoder needs the packet before the first one that is heard
};

/// @return NULL: it may be copied; else why not, as in "not copied: it is dts, which HLS does not take" behind the colon, in @p room.
const char *avsp_copyable_of(const AVCodecParameters *par, const struct avsp_sound_options *options,
                             struct avsp_copyable *ret_copyable, char *room, size_t room_bytes);

/// Is @p packet one whole frame, of the same kind as @p first (which may be the same one)? @return NULL, or why not: static text.
const char *avsp_copyable_packet(const AVCodecParameters *par, const AVPacket *first,
                                 const AVPacket *packet);

/// Takes off what MP4 does not have: the header of ADTS, which says what @p par does not know yet.
/// @param packet  one that avsp_copyable_packet takes. @return libav's code.
int avsp_copyable_strip(AVCodecParameters *par, AVPacket *packet);

/// A frame of silence of the same kind, stripped. @param first  one of the sound's own packets.
/// @param ret_silence  free it; NULL: none can be made.
/// @return OK; NO_MEMORY.
enum avsp_code avsp_copyable_silence(const AVCodecParameters *par, const AVPacket *first,
                                     AVPacket **ret_silence, struct avsp_err *err) AVSP_CHECKED;

#endif
