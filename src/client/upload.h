/// Putting a local input into a store, for workers that do not see this machine's files.
///
/// Threads of the storage move the bytes; the caller waits, and a line on standard error says how far it is. Of one that is
/// interrupted (SIGINT, SIGTERM, SIGHUP) nothing stays in the store, and the storage is of no use any more; a second signal ends the
/// program at once.
#ifndef AVSP_CLIENT_UPLOAD_H
#define AVSP_CLIENT_UPLOAD_H

#include "storage/storage.h"

/// Uploads the local file @p input into @p folder under its own name, and makes @p input the uploaded one. Nothing is replaced; what an
/// earlier call has uploaded is taken as it is (client/identity.h says what is compared).
/// @return OK; CANCELED it was interrupted; EXISTS another file of that name is there; INVALID an input that is not local, a folder that is not S3; as
///         avsp_storage_put. Strings are in @p arena.
enum avsp_code avsp_upload(struct avsp_storage *store, const struct avsp_location *folder,
                           struct avsp_location *input, struct avsp_arena *arena,
                           struct avsp_err *err) AVSP_CHECKED;

#endif
