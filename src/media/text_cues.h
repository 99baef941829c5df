/// Texts and when they are shown → a WebVTT rendition: they are collected as they come, and written once the presentation's range is
/// known. One thread at a time.
///
///     avsp_text_cues_init(&cues);
///     avsp_text_cues_add(&cues, start_us, end_us, &sub, err); …
///     avsp_text_cues_finish(&cues, ctl, &range, &rendition, &n, err);     // "s0.vtt", a RENDITION and a SEGMENT report
///     avsp_text_cues_deinit(&cues);
///
/// One file holds the whole track: RFC 8216 allows it, Apple's authoring specification too (5.7), no cue is told twice, and an hour
/// of speech is 50 kB. Memory: 8 MiB of text and 250,000 cues; what is beyond is left out, with a warning.
#ifndef AVSP_MEDIA_TEXT_CUES_H
#define AVSP_MEDIA_TEXT_CUES_H

#include "media/control.h"
#include "media/nal.h"
#include "util/buf.h"

#include <libavcodec/avcodec.h>

struct avsp_text_cue {
    int64_t start_us;   ///< on the source's own timeline
    int64_t end_us;     ///< <= start_us: nobody said when it ends
    unsigned place;     ///< as core/ass_text.h has it
    uint32_t order;     ///< as they came
    size_t text_at;     ///< in `texts`
    size_t settings_at; ///< likewise, of what the source itself says of its place; may be ""
};

struct avsp_text_cues {
    struct avsp_text_cue *cues; ///< owned
    size_t n_cues;
    size_t cap;
    struct avsp_buf texts; ///< strings, one behind the other
    uint64_t n_beyond;     ///< cues for which there was no more room
};

/// What is shown of the source's timeline.
struct avsp_text_range {
    int64_t origin_us; ///< presentation time 0
    int64_t end_us;    ///< > origin_us
};

void avsp_text_cues_init(struct avsp_text_cues *cues);
/// Safe on a zeroed value.
void avsp_text_cues_deinit(struct avsp_text_cues *cues);

/// Adds the texts of @p sub, which are shown at one time, as one cue; nothing where there is nothing to read in them.
/// @param settings  of a source that is WebVTT, any bytes.
/// @return OK, also where there is no more room; NO_MEMORY.
enum avsp_code avsp_text_cues_add(struct avsp_text_cues *cues, int64_t start_us, int64_t end_us,
                                  const AVSubtitle *sub, struct avsp_view settings,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Writes the file, reports it, and warns of what there was no room for; nothing where no cue is within the range.
/// @param rendition  name, language, title, purposes; the rest is filled here.
/// @param ret_n      how many cues were written
enum avsp_code avsp_text_cues_finish(struct avsp_text_cues *cues, struct avsp_control *ctl,
                                     const struct avsp_text_range *range,
                                     const struct avsp_rendition *rendition, uint64_t *ret_n,
                                     struct avsp_err *err) AVSP_CHECKED;

#endif
