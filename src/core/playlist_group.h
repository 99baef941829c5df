/// The EXT-X-MEDIA tags of a multivariant playlist: which sounds and subtitles there are to choose from. Private to core/playlist.h.
///
/// A title is anybody's text: it is told so that it can neither leave its quotes nor be taken for another member of its group.
#ifndef AVSP_CORE_PLAYLIST_GROUP_H
#define AVSP_CORE_PLAYLIST_GROUP_H

#include "core/playlist.h"

#define AVSP_AUDIO_GROUP "audio"
#define AVSP_TEXT_GROUP "subtitles"

/// Writes a tag for each sound. The first one is the default; without a picture it is the variant itself, and has no URI.
/// @param uris  one for each rendition of the set.
void avsp_playlist_put_sounds(const struct avsp_playlist_set *set,
                              const struct avsp_playlist_uris *uris, struct avsp_buf *buf);

/// Writes a tag for each track of text. One is the default where the source says so.
void avsp_playlist_put_texts(const struct avsp_playlist_set *set,
                             const struct avsp_playlist_uris *uris, struct avsp_buf *buf);

#endif
