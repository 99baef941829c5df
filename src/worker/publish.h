/// Publication of what an encode or audio step made: under names with a hash of the content, so that the same bytes get the
/// same name whoever makes them. One thread an attempt.
#ifndef AVSP_WORKER_PUBLISH_H
#define AVSP_WORKER_PUBLISH_H

#include "worker/run.h"

/// The output folder, or one in it, for files whose name says what is in them: a cache may keep them for ever, unless the
/// job's submitter says otherwise.
struct avsp_location avsp_publish_lasting(const struct avsp_location *folder);

/// The same for the file that another one of its name may replace.
struct avsp_location avsp_publish_fleeting(const struct avsp_location *folder);

/// Publishes the init segment and the segments in `run->made`, and replaces their names by the published ones.
/// @return OK; as avsp_storage_put; INTERNAL a file is not as it was reported; CANCELED.
enum avsp_code avsp_publish_made(struct avsp_run *run, struct avsp_err *err) AVSP_CHECKED;

/// Publishes the one file of a base job's piece in the output folder itself, as base programs expect it.
enum avsp_code avsp_publish_whole(struct avsp_run *run, struct avsp_err *err) AVSP_CHECKED;

#endif
