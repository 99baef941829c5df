/// Times and bit rates of a rendition, as its lists tell them. Pure functions.
#ifndef AVSP_CORE_PLAYLIST_MEASURE_H
#define AVSP_CORE_PLAYLIST_MEASURE_H

#include "core/playlist.h"

/// Presentation time at which segment @p i begins and ends: less the priming, rounded to the nearest microsecond. Rounding the
/// boundaries, not the durations, keeps every sum of EXTINFs within a microsecond of the media.
int64_t avsp_playlist_start_us(const struct avsp_playlist_rendition *p, size_t i);
int64_t avsp_playlist_end_us(const struct avsp_playlist_rendition *p, size_t i);
int64_t avsp_playlist_track_end_us(const struct avsp_playlist_rendition *p);

/// Every EXTINF, rounded to whole seconds, is at most this. RFC 8216 4.3.3.1.
int64_t avsp_playlist_target_of_s(const struct avsp_playlist_rendition *p);

/// One value for all playlists of pictures and sound; that of text, which is one file, is its own. RFC 8216 6.2.4.
int64_t avsp_playlist_target_s(const struct avsp_playlist_set *set);

/// The peak segment bit rate (core/peak.h). A track that is shorter than half a target duration counts as a whole.
/// @param iframes  of the keyframes alone
/// @param buf      what is written: its sticky error is set where memory runs out
int64_t avsp_playlist_peak_bps(const struct avsp_playlist_rendition *p, int64_t target_s,
                               bool iframes, struct avsp_buf *buf);
int64_t avsp_playlist_average_bps(const struct avsp_playlist_rendition *p, bool iframes);

#endif
