/// Playlist text: RFC 8216 and its successor draft (8216bis), with the rules of Apple's authoring specification that
/// apply to what we make.
///
///     struct avsp_playlist_set set = {…renditions with their segments in order…};
///     avsp_playlist_media(&set, i, &buf); … name it by its hash …
///     avsp_playlist_multivariant(&set, media_names, &buf);
///
/// Pure functions; the same input gives the same bytes. One thread at a time.
#ifndef AVSP_CORE_PLAYLIST_H
#define AVSP_CORE_PLAYLIST_H

#include "core/model.h"
#include "util/buf.h"

/// One rendition and its segments, sorted by idx.
struct avsp_playlist_rendition {
    const struct avsp_rendition *rendition;
    const struct avsp_segment *segments;
    size_t n_segments;
};

struct avsp_playlist_set {
    const struct avsp_playlist_rendition
        *renditions; ///< video first, then audio, then text, each by name
    size_t n_renditions;
};

/// Checks that every rendition is whole: segments begin at 0 and follow each other without gap or overlap, names and
/// numbers are sane, all renditions have segments, and the tracks end together (within one segment of the longest).
/// @return OK; CORRUPT naming the segment and what is wrong.
enum avsp_code avsp_playlist_check(const struct avsp_playlist_set *set,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Writes the media playlist of rendition @p i.
void avsp_playlist_media(const struct avsp_playlist_set *set, size_t i, struct avsp_buf *buf);

/// Is it known of each segment of rendition @p i, a picture, where its first frame ends?
bool avsp_playlist_has_iframes(const struct avsp_playlist_set *set, size_t i);

/// Writes the playlist of the I-frames of rendition @p i: the first frame of each segment. RFC 8216 4.3.3.6.
void avsp_playlist_iframes(const struct avsp_playlist_set *set, size_t i, struct avsp_buf *buf);

/// The playlists of one rendition, relative to the multivariant one.
struct avsp_playlist_uris {
    const char *media;   ///< "v0/playlist-….m3u8"
    const char *iframes; ///< "v0/iframes-….m3u8"; NULL = there is none
};

/// Writes the multivariant playlist. Without video the first sound is the variant.
/// @param uris  one for each rendition.
void avsp_playlist_multivariant(const struct avsp_playlist_set *set,
                                const struct avsp_playlist_uris *uris, struct avsp_buf *buf);

/// One file of a job whose pieces a base worker split: joined with discontinuities.
struct avsp_playlist_part {
    const char *uri;
    int64_t duration_us;
    uint64_t
        init_bytes; ///< fMP4: length of its own init segment at the file's beginning; 0 for MPEG-TS
    uint64_t bytes; ///< of the whole file
};

/// A media playlist of parts with EXT-X-DISCONTINUITY between them.
void avsp_playlist_parts(const struct avsp_playlist_part *parts, size_t n_parts,
                         struct avsp_buf *buf);

#endif
