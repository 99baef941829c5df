/// Packets of one form of a sound track → init segment and segments, reported. A segment begins with the first packet at or after
/// its boundary. One thread at a time.
///
///     struct avsp_audio_rendition *AVSP_CLEANUP(avsp_audio_rendition_free) made = NULL;
///     avsp_audio_rendition_new(&facts, &made, err);
///     avsp_audio_rendition_put(made, packet, err); …
///     avsp_audio_rendition_end(made, err);
#ifndef AVSP_MEDIA_AUDIO_RENDITION_H
#define AVSP_MEDIA_AUDIO_RENDITION_H

#include "core/piece.h"
#include "media/control.h"

#include <libavcodec/avcodec.h>

struct avsp_audio_rendition;

struct avsp_audio_rendition_facts {
    struct avsp_control *ctl;
    const char *name;
    const char *codecs;                     ///< RFC 6381
    const struct avsp_piece_header *header; ///< borrowed until free, like all here
    const AVCodecParameters *par;
    int64_t priming; ///< samples of its packets that lie before presentation time 0
    int32_t segment_seconds;
};

/// @return OK; NO_MEMORY; INTERNAL the muxer refuses the sound.
enum avsp_code avsp_audio_rendition_new(const struct avsp_audio_rendition_facts *facts,
                                        struct avsp_audio_rendition **ret_made,
                                        struct avsp_err *err) AVSP_CHECKED;
void avsp_audio_rendition_free(struct avsp_audio_rendition **made);

/// @param pkt  its times in samples, presentation time 0 = pts 0; left as it was.
/// @return OK; LIMIT too many segments; what writing and reporting say.
enum avsp_code avsp_audio_rendition_put(struct avsp_audio_rendition *made, AVPacket *pkt,
                                        struct avsp_err *err) AVSP_CHECKED;

/// Writes the last segment. @return likewise.
enum avsp_code avsp_audio_rendition_end(struct avsp_audio_rendition *made,
                                        struct avsp_err *err) AVSP_CHECKED;

#endif
