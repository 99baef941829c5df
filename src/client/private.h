/// The folders that one `encode` has for itself while it runs, and removes at its end.
///
///     OUTPUT/.avspl1t/          pieces and the worker's temporary files: beside the result, so that publishing is a rename
///         lock                  held by the encode that owns the folder
///         state -> …            a folder under TMPDIR: the database, the socket and the logs
///
/// The state is elsewhere because OUTPUT may be on a network file system (no database, perhaps no sockets there), and because
/// a job whose disk is full must still be able to say so. What a killed encode left behind is removed by the next one on
/// the same OUTPUT. One thread.
#ifndef AVSP_CLIENT_PRIVATE_H
#define AVSP_CLIENT_PRIVATE_H

#include "util/arena.h"
#include "util/err.h"

#define AVSP_PRIVATE_NAME ".avspl1t"

struct avsp_private {
    const char *path;       ///< OUTPUT/.avspl1t; in the arena
    const char *state_path; ///< in the arena
    int lock_fd;
    int state_fd;   ///< the folder
    bool was_stale; ///< an encode that was killed had left its remains in OUTPUT
    bool open;
};

/// Makes both folders, and takes the lock.
/// @param output  an existing folder
/// @return OK; PRECONDITION another encode runs there; DENIED, LIMIT, …: nothing is left behind.
enum avsp_code avsp_private_open(struct avsp_private *priv, const char *output,
                                 struct avsp_arena *arena, struct avsp_err *err) AVSP_CHECKED;

/// Removes both with everything in them; safe on a zeroed value and when called twice.
void avsp_private_remove(struct avsp_private *priv);

#endif
