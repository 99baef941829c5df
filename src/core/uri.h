/// What a playlist names, as a path inside the folder of its presentation. Any input is safe; any thread.
#ifndef AVSP_CORE_URI_H
#define AVSP_CORE_URI_H

#include "util/arena.h"
#include "util/err.h"

/// Resolves a URI reference (RFC 3986 5.2) against the playlist that holds it: percent-decoded, without query and
/// fragment, "." and ".." taken away.
/// @param base      path of the playlist, relative to the folder: "v0/p.m3u8"
/// @param ret_path  relative to the folder, as avsp_location_join takes it; in @p arena
/// @return OK; DENIED it leads out of the folder: "..", or an absolute path; UNSUPPORTED it has a scheme or a host;
///         INVALID it names nothing, or holds what no file name can; NO_MEMORY.
enum avsp_code avsp_uri_resolve(struct avsp_arena *arena, const char *base, const char *uri,
                                const char **ret_path, struct avsp_err *err) AVSP_CHECKED;

#endif
