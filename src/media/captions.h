/// The captions of one picture, or of one track of them (c608 in QuickTime) → texts and their times, for each of the channels CC1 to CC4
/// (core/cea608.h) and each service of CEA-708 (core/cea708.h). Which is which says core/choice.h.
///
///     avsp_captions_init(&captions);
///     avsp_captions_put(&captions, pts_us, bytes, len, err); …       // for every packet of the picture, in decode order
///     avsp_captions_end(&captions, end_us, err);
///     … avsp_captions_cues(&captions, i) …
///     avsp_captions_deinit(&captions);
///
/// Packets are put into order of presentation: each waits until as many later ones have come as any codec reorders. Memory: those, and what
/// core/cea708.h and text_cues.h say for each channel and service. One thread at a time.
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

/// Must not be moved.
struct avsp_captions {
    struct avsp_cea608 fields[2];
    struct avsp_cea708 digital;
    struct avsp_text_cues channels[AVSP_CAPTIONS_LINE_21];
    struct avsp_text_cues services[AVSP_CEA708_SERVICES_MAX]; ///< as `digital` has them
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

/// The texts of one of the captions, NULL where it says nothing. @param caption  < AVSP_CAPTIONS_MAX
struct avsp_text_cues *avsp_captions_cues(struct avsp_captions *captions, unsigned caption);

#define AVSP_CAPTION_NAME_BYTES 16
/// "CC1", "Service 1". @return @p ret_name
const char *avsp_captions_name(unsigned caption, char ret_name[AVSP_CAPTION_NAME_BYTES]);

/// Appends the names of those that have texts, "CC1, Service 2". @return how many
unsigned avsp_captions_list(struct avsp_captions *captions, const struct avsp_caption_set *which,
                            struct avsp_buf *buf);

/// Which captions say what others say.
struct avsp_captions_same {
    uint8_t as[AVSP_CAPTIONS_MAX]; ///< which, and one more; 0 = none
};

/// Compares the texts of captions: broadcasts carry the same ones as CEA-608 and as CEA-708. Of two that say the same (caption_words.h) a channel of CEA-608 stays, for all
/// decoders agree about these, unless pairs of it are damaged and no packets of CEA-708 are, or it says less.
/// @param among  those that are compared. @return OK; NO_MEMORY.
enum avsp_code avsp_captions_compare(struct avsp_captions *captions,
                                     const struct avsp_caption_set *among,
                                     struct avsp_captions_same *ret_same,
                                     struct avsp_err *err) AVSP_CHECKED;

#endif
