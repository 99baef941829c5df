/// One track of subtitles → a WebVTT rendition: its packets are decoded as they come, and written once the presentation's range
/// is known. A track of captions is several, for it has channels: who opens it writes them (split_text.h). One thread at a time.
///
///     avsp_text_track_open(&track, stream, err);
///     avsp_text_track_put(&track, packet, err); …
///     avsp_text_track_finish(&track, ctl, &range, &rendition, err);      // "s0.vtt", a RENDITION and a SEGMENT report
///     avsp_text_track_close(&track);
#ifndef AVSP_MEDIA_TEXT_TRACK_H
#define AVSP_MEDIA_TEXT_TRACK_H

#include "media/captions.h"

#include <libavformat/avformat.h>

struct avsp_text_track {
    const AVStream *stream;         ///< borrowed
    AVCodecContext *decoder;        ///< NULL where the track is one of captions
    struct avsp_captions *captions; ///< owned; NULL where it is not
    struct avsp_text_cues cues;     ///< what the decoder gave
    uint64_t n_damaged;             ///< packets that could not be decoded
    uint64_t n_put;                 ///< packets that came
    uint64_t n_past;                ///< of those that come again, how many are still to come
};

/// @return OK; UNSUPPORTED, CORRUPT it cannot be decoded; NO_MEMORY. Close it whatever the result.
enum avsp_code avsp_text_track_open(struct avsp_text_track *track, const AVStream *stream,
                                    struct avsp_err *err) AVSP_CHECKED;
void avsp_text_track_close(struct avsp_text_track *track);

/// The source was opened again, and the track goes on as this stream: what came already comes once more, and is passed over.
void avsp_text_track_move(struct avsp_text_track *track, const AVStream *stream);

/// Decodes a packet (borrowed; its times in the stream's time base). What is damaged is counted. @return OK; NO_MEMORY.
enum avsp_code avsp_text_track_put(struct avsp_text_track *track, const AVPacket *packet,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Writes the file, reports it, and warns of what was damaged; where there is no text at all it only warns.
/// @pre it is no track of captions.
/// @param rendition  name, language, title, purposes; the rest is filled here.
enum avsp_code avsp_text_track_finish(struct avsp_text_track *track, struct avsp_control *ctl,
                                      const struct avsp_text_range *range,
                                      const struct avsp_rendition *rendition,
                                      struct avsp_err *err) AVSP_CHECKED;

#endif
