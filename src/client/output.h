/// The folder that `encode` writes to: checked before, and put back as it was where nothing came of it.
///
///     avsp_output_open(&output, path, overwrite, err);
///     … the job …
///     avsp_output_undo(&output);      // only where it did not finish
///     avsp_output_close(&output);
///
/// Only files with names of ours (core/naming.h) in folders of renditions, and unfinished ones, are ever removed, and none that
/// was there before. One thread.
#ifndef AVSP_CLIENT_OUTPUT_H
#define AVSP_CLIENT_OUTPUT_H

#include "util/arena.h"
#include "util/err.h"

struct avsp_output {
    const char *path; ///< borrowed
    int fd;           ///< the folder; -1 = closed
    size_t
        made_len; ///< the first so many bytes of `path` name the topmost folder made for it; 0 = none was
    char **before; ///< names of ours that were there, "v0/…", sorted
    size_t n_before;
    size_t cap_before;
    uint64_t manifest_ino; ///< of a presentation that was there; 0 = none
};

/// Makes the folder with those on the way to it, and looks at what is there.
/// @param path  absolute, borrowed until close
/// @return OK; EXISTS another presentation, and not @p overwrite; INVALID not a folder; DENIED, LIMIT, …; NO_MEMORY. After a
///         failure the folders made are gone again.
enum avsp_code avsp_output_open(struct avsp_output *output, const char *path, bool overwrite,
                                struct avsp_err *err) AVSP_CHECKED;

/// Says that another presentation is in the folder. @return EXISTS.
enum avsp_code avsp_output_taken(const char *path, struct avsp_err *err);

/// Forgets the names that were there: they are remains of a run that was killed, and may go.
void avsp_output_disown(struct avsp_output *output);

/// Removes what has come since open; a new manifest first. A presentation that took the place of one that was there before
/// stays: its predecessor is gone.
void avsp_output_undo(struct avsp_output *output);

/// Closes; removes the folders made for it where they are empty. Safe on a zeroed value.
void avsp_output_close(struct avsp_output *output);

#endif
