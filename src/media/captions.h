/// The captions of one picture, or of one track of them (c608 in QuickTime) → texts and their times, for each of the channels CC1 to CC4
/// (core/cea608.h).
///
///     avsp_captions_init(&captions);
///     avsp_captions_put(&captions, pts_us, bytes, len, err); …       // for every packet of the picture, in decode order
///     avsp_captions_end(&captions, end_us, err);
///     … captions.channels[i] …
///     avsp_captions_deinit(&captions);
///
/// Packets are put into order of presentation: each waits until as many later ones have come as any codec reorders. Memory: those, and what
/// text_cues.h says for each channel. One thread at a time.
#ifndef AVSP_MEDIA_CAPTIONS_H
#define AVSP_MEDIA_CAPTIONS_H

#include "core/cea608.h"
#include "core/cea708.h"
#include "media/caption_data.h"
#include "media/text_cues.h"
#include "media/tracks.h"

/// No codec holds back more than 16 frames, each of two fields at most, which may be packets of their own.
#define AVSP_CAPTIONS_WAITING_MAX 32

struct avsp_captions_waiting {
    int64_t pts_us;
    size_t len;
    uint8_t bytes[AVSP_CAPTION_DATA_MAX_BYTES];
};

struct avsp_captions {
    struct avsp_cea608 fields[2];
    struct avsp_cea708 digital; ///< is not read, only noticed
    struct avsp_text_cues channels[AVSP_CAPTION_TRACKS];
    struct avsp_captions_waiting
        waiting[AVSP_CAPTIONS_WAITING_MAX + 1]; ///< in order of presentation
    size_t n_waiting;
    int64_t last_us; ///< of what waits no longer; INT64_MIN = nothing yet
    bool has_data;   ///< there is something of any kind
};

void avsp_captions_init(struct avsp_captions *captions);
/// Safe on a zeroed value.
void avsp_captions_deinit(struct avsp_captions *captions);

/// Takes what a packet has of them (caption_data.h), which may be nothing. What comes too late is left out.
/// @return OK; NO_MEMORY.
enum avsp_code avsp_captions_put(struct avsp_captions *captions, int64_t pts_us,
                                 const uint8_t *bytes, size_t len,
                                 struct avsp_err *err) AVSP_CHECKED;

/// The same for a packet (borrowed) of the picture, which has a time.
enum avsp_code avsp_captions_put_packet(struct avsp_captions *captions, const AVStream *video,
                                        const AVPacket *packet, struct avsp_err *err) AVSP_CHECKED;

/// The same for what comes in order of presentation anyway, in any number of pairs: those of a field follow each other at the pace of
/// NTSC.
enum avsp_code avsp_captions_take(struct avsp_captions *captions, int64_t pts_us,
                                  const uint8_t *bytes, size_t len,
                                  struct avsp_err *err) AVSP_CHECKED;

/// What waits comes once more, in other packets, and what does not wait any longer is passed over when it does.
void avsp_captions_restart(struct avsp_captions *captions);

/// There is no more: what is still shown is shown until @p end_us. @return OK; NO_MEMORY.
enum avsp_code avsp_captions_end(struct avsp_captions *captions, int64_t end_us,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Appends the names of the channels that have texts, "CC1, CC3". @param which  bits, as struct avsp_tracks has them
/// @return how many
unsigned avsp_captions_list(const struct avsp_captions *captions, unsigned which,
                            struct avsp_buf *buf);

#endif
