/// Where one `encode` is at home: OUTPUT and the folder in it that keeps what an interrupted run needs to be gone on with.
///
///     avsp_place_open(&place, &asked, restart, arena, err);   // anew, or goes on (place.is_resumed)
///     … the job, with place.work and place.priv …
///     avsp_place_keep(&place)                                 // the same encode goes on from here
///         or avsp_place_close(&place, is_finished)            // nothing stays but a finished presentation
///
/// An interrupted encode is gone on with by the same one only: another input or other options are refused, unless the caller
/// says that all begins anew (`restart`) or that what is there may be replaced (`asked->overwrite`). Segments that are done
/// stay where they will be in the end; without the manifest, which comes last, they are no presentation. One thread.
#ifndef AVSP_CLIENT_PLACE_H
#define AVSP_CLIENT_PLACE_H

#include "client/output.h"
#include "client/private.h"

struct avsp_place {
    struct avsp_output output;
    struct avsp_private priv; ///< `identity` is what this run does, also when it goes on
    const char *work;         ///< the folder for pieces; in the arena
    bool is_resumed;
};

/// @param path   of OUTPUT, absolute; borrowed until the end
/// @param asked  its strings live as long as @p place
/// @return OK; EXISTS another presentation; PRECONDITION another encode runs there, or another one was interrupted there; as
///         avsp_output_open and avsp_private_open say. After a failure all is as it was; after one that comes later than the
///         decision to begin anew, what was kept is gone.
enum avsp_code avsp_place_open(struct avsp_place *place, const char *path,
                               const struct avsp_identity *asked, bool restart,
                               struct avsp_arena *arena, struct avsp_err *err) AVSP_CHECKED;

/// Leaves everything for the next run. Safe on a zeroed value, like avsp_place_close.
void avsp_place_keep(struct avsp_place *place);

void avsp_place_close(struct avsp_place *place, bool is_finished);

#endif
