/// Names of files in an output folder: made here, and recognised here, so that nothing but our own is ever removed.
///
/// Pure functions; any thread.
#ifndef AVSP_CORE_NAMING_H
#define AVSP_CORE_NAMING_H

#include "util/arena.h"
#include "util/base.h"

/// Name of the multivariant playlist; the base clients look for it.
#define AVSP_MANIFEST_NAME "manifest.m3u8"

/// Name of the MPD, where one is asked for.
#define AVSP_MPD_NAME "manifest.mpd"

/// The default work folder, inside the output.
#define AVSP_WORK_NAME ".avspl1t-work"

/// "init-0123456789abcdef.mp4" and its like; @p sha256 is 64 hex digits. NULL where memory ran out.
char *avsp_name_init(struct avsp_arena *arena, const char *sha256) AVSP_CHECKED;
char *avsp_name_segment(struct avsp_arena *arena, uint32_t idx, const char *sha256) AVSP_CHECKED;
char *avsp_name_text(struct avsp_arena *arena, uint32_t idx, const char *sha256) AVSP_CHECKED;
char *avsp_name_playlist(struct avsp_arena *arena, const char *sha256) AVSP_CHECKED;
char *avsp_name_iframes(struct avsp_arena *arena, const char *sha256) AVSP_CHECKED;

/// Are the @p len bytes at @p name the name of a rendition's folder: "v0", "a0", "a0-stereo", "s0"?
bool avsp_name_is_folder(const char *name, size_t len);

/// Is @p name (relative to an output folder) one that the functions above make, in a rendition's folder: "v0/…", "a0/…", "s0/…"?
bool avsp_name_is_ours(const char *name);

/// Is @p name a file name that one of our attempts may give a segment, init segment or playlist: 1..128 of a-z, A-Z, 0-9,
/// '-', '_', '.', not beginning with '.'?
bool avsp_name_is_safe(const char *name);

/// Is @p text 64 lower-case hex digits?
bool avsp_sha256_is_valid(const char *text);

#endif
