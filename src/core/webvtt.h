/// WebVTT as HLS uses it: writing a file of cues, and reading for a check what others wrote.
///
///     avsp_webvtt_begin(&buf);
///     for (…) avsp_webvtt_put(&buf, &cue);                   // its settings perhaps by avsp_webvtt_settings
///
/// Sources: WebVTT (W3C) 4 and 6; RFC 8216 3.5. Pure; any thread.
#ifndef AVSP_CORE_WEBVTT_H
#define AVSP_CORE_WEBVTT_H

#include "util/buf.h"

/// A text and when it is shown, in milliseconds since presentation time 0.
struct avsp_cue {
    int64_t start_ms; ///< >= 0
    int64_t end_ms;   ///< > start_ms
    unsigned place;   ///< as avsp_ass_text_convert has it
    const char *text; ///< as avsp_ass_text_convert writes it; not empty
    const char
        *settings; ///< as avsp_webvtt_settings writes them, instead of the place; NULL or "" = none
};

/// Writes the header. Times are those of the presentation: 0 is 0 of the media (X-TIMESTAMP-MAP).
void avsp_webvtt_begin(struct avsp_buf *buf);

/// Writes a cue. @pre cues come in the order of their beginnings.
void avsp_webvtt_put(struct avsp_buf *buf, const struct avsp_cue *cue);

/// Appends those of a cue's settings that are valid: where it stands, how wide it is, its direction. Those of regions, which another part of their file defines, are
/// left out. @param settings  any bytes, as a source has them behind a cue's times.
void avsp_webvtt_settings(const char *settings, size_t len, struct avsp_buf *buf);

/// What a file that anybody wrote says.
struct avsp_webvtt_facts {
    bool is_webvtt;      ///< it begins as it must; the rest is valid
    bool has_map;        ///< there is an X-TIMESTAMP-MAP …
    bool map_is_bad;     ///< … which cannot be read
    int64_t map_ms;      ///< what is added to cue times: MPEGTS - LOCAL; 0 without a map
    uint64_t n_cues;     ///< whose times can be read
    uint32_t bad_line;   ///< the first timing line that cannot be read; 0 = none
    uint32_t empty_line; ///< the first cue that ends before it begins, or has no length; 0 = none
    uint32_t order_line; ///< the first cue that begins before the one in front of it; 0 = none
    int64_t first_ms;    ///< the earliest begin; with n_cues > 0, like the next
    int64_t last_ms;     ///< the latest end
    int64_t latest_start_ms;
    int64_t earliest_end_ms;
};

/// Reads any bytes.
void avsp_webvtt_read(const char *bytes, size_t len, struct avsp_webvtt_facts *ret_facts);

#endif
