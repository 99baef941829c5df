/// The folder that `encode` writes to: checked before, and put back as it was where nothing came of it.
///
///     avsp_output_open(&output, path, overwrite, err);
///     avsp_output_look(&output, overwrite, err)               // begins
///         or avsp_output_recall(&output, …, err)              // goes on with what was interrupted
///     … the job …
///     avsp_output_undo(&output);      // only where nothing shall be left of it
///     avsp_output_close(&output);
///
/// Only files with names of ours (core/naming.h) in folders of renditions, and unfinished ones, are ever removed, and none that
/// was there before. One thread.
#ifndef AVSP_CLIENT_OUTPUT_H
#define AVSP_CLIENT_OUTPUT_H

#include "core/model.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

struct avsp_output {
    const char *path; ///< borrowed
    int fd;           ///< the folder; -1 = closed
    size_t
        made_len; ///< the first so many bytes of `path` name the topmost folder made for it; 0 = none was
    char **before; ///< names of ours that were there, "v0/…", sorted
    size_t n_before;
    size_t cap_before;
    char before_hash[AVSP_SHA256_HEX_BYTES]; ///< of the manifest that was there before; "" = none
    char found_hash[AVSP_SHA256_HEX_BYTES];  ///< of the one that this run found
};

/// Makes the folder with those on the way to it.
/// @param path  absolute, borrowed until close
/// @return OK; EXISTS a finished presentation, and not @p overwrite; INVALID not a folder; DENIED, NO_SPACE, …. After a failure
///         the folders made are gone again.
enum avsp_code avsp_output_open(struct avsp_output *output, const char *path, bool overwrite,
                                struct avsp_err *err) AVSP_CHECKED;

/// Remembers what is there. @return OK; EXISTS a presentation, and not @p overwrite; LIMIT; NO_MEMORY.
enum avsp_code avsp_output_look(struct avsp_output *output, bool overwrite,
                                struct avsp_err *err) AVSP_CHECKED;

/// What was there, one name a line, for avsp_output_recall.
void avsp_output_put_before(const struct avsp_output *output, struct avsp_buf *buf);

/// Remembers what was there when an encode began that was interrupted.
/// @param before    as avsp_output_put_before wrote it
/// @param manifest  `before_hash` of then
/// @param made_len  likewise
/// @return OK; LIMIT, NO_MEMORY.
enum avsp_code avsp_output_recall(struct avsp_output *output, const char *before,
                                  const char *manifest, size_t made_len,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Says that another presentation is in the folder. @return EXISTS.
enum avsp_code avsp_output_taken(const char *path, struct avsp_err *err);

/// Forgets the names that were there: they are remains of a run that was killed and left no word of them, and may go.
void avsp_output_disown(struct avsp_output *output);

/// Removes what has come since the encode began; a new manifest first. A presentation that took the place of one that was
/// there before stays, for its predecessor is gone; so does one that came between two runs.
void avsp_output_undo(struct avsp_output *output);

/// Closes; removes the folders made for it where they are empty. Safe on a zeroed value.
void avsp_output_close(struct avsp_output *output);

#endif
