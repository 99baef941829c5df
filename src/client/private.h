/// The folder that one `encode` has for itself in OUTPUT, from its beginning to its end, however often it is interrupted.
///
///     avsp_private_open(&priv, output, arena, err);           // makes it, locks it, looks what is kept in it
///     avsp_private_begin(&priv, &identity, arena, err)        // anew: whatever was kept goes
///         or avsp_private_resume(&priv, arena, err)           // goes on with what priv.identity describes
///     …
///     avsp_private_close(&priv)                               // keeps all for the next run
///         or avsp_private_remove(&priv)
///
///     OUTPUT/.avspl1t/
///         lock          held by the encode that owns the folder, and says which one that is
///         identity      what is encoded, and how (client/identity.h): without it there is nothing to go on with
///         before        what was in OUTPUT before (client/output.h)
///         jobs.db, …    the state: database, socket, log
///         pieces/       of the source, unless --work says otherwise
///         worker/       the worker's temporary files: beside the result, so that publishing is a rename
///
/// Where the file system of OUTPUT can hold no database or no socket (network, FAT), the state is in a folder of its own
/// below the user's state folder (util/folders.h) or, where that is none either, below TMPDIR; the identity names it. One
/// thread.
#ifndef AVSP_CLIENT_PRIVATE_H
#define AVSP_CLIENT_PRIVATE_H

#include "client/identity.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

#define AVSP_PRIVATE_NAME ".avspl1t"

struct avsp_private {
    const char *path;       ///< OUTPUT/.avspl1t; in the arena
    int fd;                 ///< the same folder
    const char *state_path; ///< where the database is; in the arena; NULL until begin or resume
    int state_fd;           ///< the same folder
    int lock_fd;
    bool is_open;
    bool is_kept; ///< an interrupted encode is there, and `identity` describes it
    struct avsp_identity identity;
    bool is_damaged; ///< what was kept is of no use: it has no identity, or none that can be read
};

/// Makes the folder and takes its lock.
/// @param output  an existing folder
/// @return OK; PRECONDITION another encode runs there, the text says which; DENIED the folder is another user's; NO_SPACE, …:
///         what was not there before is not there now.
enum avsp_code avsp_private_open(struct avsp_private *priv, const char *output,
                                 struct avsp_arena *arena, struct avsp_err *err) AVSP_CHECKED;

/// Removes what is kept, finds a place for the state, and stores the identity: from then on a run can be gone on with.
/// @param identity  `state` is filled in; the strings live as long as @p priv
/// @param before    written as the file "before"; NULL = none
/// @return OK; UNSUPPORTED no local file system for the state; NO_SPACE, DENIED, …: then remove it.
enum avsp_code avsp_private_begin(struct avsp_private *priv, const struct avsp_identity *identity,
                                  const struct avsp_buf *before, struct avsp_arena *arena,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Opens the state of what is kept. @return OK; NOT_FOUND its folder is gone, or is another machine's.
enum avsp_code avsp_private_resume(struct avsp_private *priv, struct avsp_err *err) AVSP_CHECKED;

/// Adds the file "before" of what is kept to @p ret_before; nothing where there is none.
enum avsp_code avsp_private_before(struct avsp_private *priv, struct avsp_buf *ret_before,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Gives the lock back and leaves everything; safe on a zeroed value and when called twice.
void avsp_private_close(struct avsp_private *priv);

/// Removes the folder, and the state where that is elsewhere; safe likewise.
void avsp_private_remove(struct avsp_private *priv);

#endif
