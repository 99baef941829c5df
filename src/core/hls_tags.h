/// The tags of a playlist, one function each; private to the parser (core/hls.c). A function gets the tag's value and
/// returns false where that is not how the tag is written.
#ifndef AVSP_CORE_HLS_TAGS_H
#define AVSP_CORE_HLS_TAGS_H

#include "core/hls.h"

struct avsp_hls_reader {
    struct avsp_arena *arena;
    struct avsp_findings *found;
    const char *file;
    struct avsp_hls_playlist *out;
    size_t segments_cap, maps_cap;
    uint32_t line;
    const char *tag; ///< the one at hand
    uint64_t seen;   ///< a bit for each tag of the table
    bool is_media, is_multi, is_mixed, has_endlist, no_memory;
    bool dropped; ///< a URI that is no text was passed over

    // The version that what was read needs.
    int32_t needed_version;
    const char *needed_for;
    uint32_t needed_line;

    // For the segment whose URI comes next.
    bool has_extinf, has_duration, has_range, has_range_offset, discontinuity, is_gap;
    int64_t duration_us;
    struct avsp_hls_range range;
    uint32_t range_line;
    // For all that follow.
    uint32_t map;
    bool encrypted;
    // An EXT-X-STREAM-INF that waits for its URI.
    struct avsp_hls_variant *waiting;
};

/// Notes that @p what is not in versions below @p version.
void avsp_hls_needs(struct avsp_hls_reader *r, int32_t version, const char *what);

bool avsp_hls_take_extinf(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_byterange(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_discontinuity(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_key(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_map(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_gap(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_target(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_sequence(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_endlist(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_type(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_iframes(struct avsp_hls_reader *r, const char *value);

bool avsp_hls_take_media(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_variant(struct avsp_hls_reader *r, const char *value);
bool avsp_hls_take_iframe_variant(struct avsp_hls_reader *r, const char *value);

/// A line that is a URI: of a segment, or of the variant that waits for it.
void avsp_hls_take_uri(struct avsp_hls_reader *r, const char *uri);

/// After the last line: what waits for something is a fault.
void avsp_hls_end(struct avsp_hls_reader *r);

/// The URI of an EXT-X-STREAM-INF.
void avsp_hls_take_variant_uri(struct avsp_hls_reader *r, const char *uri);
void avsp_hls_no_variant_uri(struct avsp_hls_reader *r);

/// "length[@offset]" @return false where it is not one.
bool avsp_hls_range_parse(const char *text, struct avsp_hls_range *ret_range, bool *ret_has_offset);

/// An attribute list, its faults said. @return false where memory ran out.
struct avsp_hls_attrs;
bool avsp_hls_take_attrs(struct avsp_hls_reader *r, const char *value,
                         struct avsp_hls_attrs *ret_attrs);

#endif
