/// One track of subtitles → a WebVTT rendition: its packets are decoded as they come, and written once the presentation's range
/// is known. One thread at a time.
///
///     avsp_text_track_open(&track, stream, err);
///     avsp_text_track_put(&track, packet, err); …
///     avsp_text_track_finish(&track, ctl, &range, &rendition, err);      // "s0.vtt", a RENDITION and a SEGMENT report
///     avsp_text_track_close(&track);
///
/// One file holds the whole track: RFC 8216 allows it, Apple's authoring specification too (5.7), no cue is told twice, and an hour
/// of speech is 50 kB. Memory: 8 MiB of text and 250,000 cues; what is beyond is left out, with a warning.
#ifndef AVSP_MEDIA_TEXT_TRACK_H
#define AVSP_MEDIA_TEXT_TRACK_H

#include "media/control.h"
#include "util/buf.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

struct avsp_text_cue {
    int64_t start_us; ///< on the source's own timeline
    int64_t end_us;   ///< <= start_us: nobody said when it ends
    unsigned place;   ///< as core/ass_text.h has it
    uint32_t order;   ///< as they came
    size_t text_at;   ///< in `texts`
};

struct avsp_text_track {
    const AVStream *stream; ///< borrowed
    AVCodecContext *decoder;
    struct avsp_text_cue *cues; ///< owned
    size_t n_cues;
    size_t cap;
    struct avsp_buf texts; ///< strings, one behind the other
    uint64_t n_damaged;    ///< packets that could not be decoded
    uint64_t n_beyond;     ///< cues for which there was no more room
    uint64_t n_put;        ///< packets that came
    uint64_t n_past;       ///< of those that come again, how many are still to come
};

/// What is shown of the source's timeline.
struct avsp_text_range {
    int64_t origin_us; ///< presentation time 0
    int64_t end_us;    ///< > origin_us
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
/// @param rendition  name, language, title, purposes; the rest is filled here.
enum avsp_code avsp_text_track_finish(struct avsp_text_track *track, struct avsp_control *ctl,
                                      const struct avsp_text_range *range,
                                      const struct avsp_rendition *rendition,
                                      struct avsp_err *err) AVSP_CHECKED;

#endif
