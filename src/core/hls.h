/// Reads HLS playlists that others wrote: RFC 8216, and what of its successor draft changes nothing for a reader.
///
///     struct avsp_hls_playlist p;
///     rc = avsp_hls_parse(&arena, bytes, len, "v0/p.m3u8", &found, &p, err);
///
/// Faults become findings, and what can still be understood is given; so a caller goes on with what there is. Any input is
/// safe; time is linear in its length and memory about 100 bytes a segment. Playlists are not followed here: URIs are
/// given as they stand (core/uri.h makes paths of them). One thread at a time.
#ifndef AVSP_CORE_HLS_H
#define AVSP_CORE_HLS_H

#include "core/finding.h"
#include "core/model.h"

#define AVSP_HLS_LINE_MAX_BYTES 16384
#define AVSP_HLS_RENDITIONS_MAX 500 ///< variants, and EXT-X-MEDIA tags, of one playlist
#define AVSP_HLS_PLAYLIST_MAX_BYTES ((size_t)128 << 20)

/// Part of a file; `bytes` 0 = all of it.
struct avsp_hls_range {
    uint64_t offset;
    uint64_t bytes;
};

struct avsp_hls_map {
    const char *uri;
    struct avsp_hls_range range;
    uint32_t line;
};

struct avsp_hls_segment {
    const char *uri;
    struct avsp_hls_range range;
    int64_t duration_us; ///< 0 where there is no EXTINF
    bool has_duration;
    uint32_t line; ///< of its URI
    uint32_t map;  ///< index of its EXT-X-MAP plus one; 0 = none
    bool discontinuity;
    bool encrypted;
    bool is_gap; ///< EXT-X-GAP: there is no file
};

/// EXT-X-MEDIA; absent texts are "".
struct avsp_hls_media {
    const char *type;
    const char *group;
    const char *name;
    const char *language;
    const char *uri;
    const char *instream_id;
    const char *characteristics;
    const char *assoc_language;
    bool forced;
    uint32_t channels; ///< 0 = not said
    bool is_default;
    bool autoselect;
    bool says_autoselect;
    uint32_t line;
};

/// EXT-X-STREAM-INF and EXT-X-I-FRAME-STREAM-INF; absent texts are "".
struct avsp_hls_variant {
    const char *uri;
    int64_t bandwidth;         ///< 0 = not said
    int64_t average_bandwidth; ///< 0 = not said
    const char *codecs;
    uint32_t width_px; ///< 0 = not said
    uint32_t height_px;
    int64_t milli_fps; ///< 0 = not said
    const char *video_range;
    const char *audio; ///< group
    const char *video;
    const char *subtitles;
    const char *closed_captions; ///< group; "" also for NONE
    bool no_captions;            ///< CLOSED-CAPTIONS=NONE
    bool iframes_only;
    uint32_t line;
};

struct avsp_hls_playlist {
    bool is_multivariant;
    int32_t version; ///< 1 where not said
    bool independent;
    bool unfinished; ///< a media playlist without EXT-X-ENDLIST
    bool iframes_only;
    bool is_vod;
    int64_t target_s; ///< 0 = not said
    struct avsp_hls_segment *segments;
    size_t n_segments;
    struct avsp_hls_map *maps;
    size_t n_maps;
    struct avsp_hls_variant *variants;
    size_t n_variants;
    struct avsp_hls_media *media;
    size_t n_media;
};

/// @param bytes  any; borrowed for the call
/// @param file   for the findings
/// @return OK, also where there are findings; NO_MEMORY.
enum avsp_code avsp_hls_parse(struct avsp_arena *arena, const char *bytes, size_t len,
                              const char *file, struct avsp_findings *found,
                              struct avsp_hls_playlist *ret_playlist,
                              struct avsp_err *err) AVSP_CHECKED;

#endif
