/// The same presentation for players of MPEG-DASH: one MPD over the files that the HLS playlists name.
///
/// Static, one period, a SegmentList with a SegmentTimeline for each rendition: names carry hashes, so no template can make them.
/// Pictures of one codec and range are one AdaptationSet, between whose members a player may switch at every segment; each track of sound and of text is one of its own.
///
/// Sources: ISO/IEC 23009-1 (MPD, 5.3; SegmentList, 5.3.9), ISO/IEC 23000-19 (CMAF), DASH-IF Interoperability Points.
#ifndef AVSP_CORE_DASH_H
#define AVSP_CORE_DASH_H

#include "core/playlist.h"

/// Writes the MPD. Its URIs are relative to the output folder. Pure; any thread.
void avsp_dash_mpd(const struct avsp_playlist_set *set, struct avsp_buf *buf);

#endif
