/// Removing what a job leaves behind. Failures are logged, not returned: nothing of it decides over a job. One thread an
/// attempt.
#ifndef AVSP_WORKER_TIDY_H
#define AVSP_WORKER_TIDY_H

#include "worker/run.h"

/// Removes what our workers put into the job's output, and temporaries of those that were killed; then the renditions' folders
/// that are empty. Files of other names stay. No other job may be at work there.
/// @param keep  says of a file of ours whether it stays; NULL = none does.
void avsp_tidy_output(struct avsp_run *run, bool (*keep)(void *opaque, const char *name),
                      void *opaque);

/// Removes the job's pieces, unless they are to be kept, and the default work folder once no other job has files there.
void avsp_tidy_work(struct avsp_run *run);

/// Logs a removal that did not work.
void avsp_tidy_failed(const struct avsp_run *run, const struct avsp_err *err);

#endif
