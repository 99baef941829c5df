/// The EXT-X-MEDIA tags of a multivariant playlist: which sounds and subtitles there are to choose from. Private to core/playlist.h.
///
/// A title is anybody's text: it is told so that it can neither leave its quotes nor be taken for another member of its group.
#ifndef AVSP_CORE_PLAYLIST_GROUP_H
#define AVSP_CORE_PLAYLIST_GROUP_H

#include "core/playlist.h"
#include "core/sound_options.h"

#define AVSP_TEXT_GROUP "subtitles"

/// Is there sound of that form? Then it is a group, in which each track has a member: its own of that form, or else the main one.
bool avsp_playlist_has_group(const struct avsp_playlist_set *set, enum avsp_sound_form form);

/// Goes through the members of a group, in the order of the tracks. @param i  0 at first.
/// @param ret_member  a rendition's index. @return false: that was all.
bool avsp_playlist_next_member(const struct avsp_playlist_set *set, enum avsp_sound_form form,
                               size_t *i, size_t *ret_member);

/// Writes tags for all groups of sound: one for each of their members. The first one is the default; without a picture it is the variant
/// itself, and has no URI.
/// @param uris  one for each rendition of the set.
void avsp_playlist_put_sounds(const struct avsp_playlist_set *set,
                              const struct avsp_playlist_uris *uris, struct avsp_buf *buf);

/// Writes a tag for each track of text. One is the default where the source says so.
void avsp_playlist_put_texts(const struct avsp_playlist_set *set,
                             const struct avsp_playlist_uris *uris, struct avsp_buf *buf);

#endif
