/// The check of a presentation before it is published: the fast part of `avspl1t verify` (core/verify.h), on the multivariant
/// playlist and the MPD that are about to be written, and on the media playlists, init segments and segments that are in storage. One read
/// of some KiB a segment. One thread an attempt.
#ifndef AVSP_WORKER_CHECK_MADE_H
#define AVSP_WORKER_CHECK_MADE_H

#include "worker/run.h"

/// How many bytes a file of the presentation was made with; 0 = nobody said. @param path  relative to the output folder
typedef uint64_t avsp_bytes_made_fn(void *opaque, const char *path);

/// @param manifest  the multivariant playlist's text
/// @param mpd       the MPD's; empty = none is made
/// @return OK it is sound; CORRUPT a finding, with its rule, or a file of another length; UNAVAILABLE a file is not there (a
///         shared file system may show it late), or cannot be read now; CANCELED.
enum avsp_code avsp_check_made(struct avsp_run *run, const struct avsp_buf *manifest,
                               const struct avsp_buf *mpd, avsp_bytes_made_fn *bytes_made,
                               void *opaque, struct avsp_err *err) AVSP_CHECKED;

/// The same where base programs split the source: what they made is theirs, and players may forgive more than the check. So findings are a
/// warning of the job; only files that are gone, cannot be read, or have another length than they had are not.
/// @param playlist  the only one
/// @return OK; CORRUPT a file of another length; UNAVAILABLE; CANCELED; NO_MEMORY.
enum avsp_code avsp_check_base(struct avsp_run *run, const struct avsp_buf *playlist,
                               avsp_bytes_made_fn *bytes_made, void *opaque,
                               struct avsp_err *err) AVSP_CHECKED;

#endif
