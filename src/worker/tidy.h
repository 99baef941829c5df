/// Removing what a job leaves behind. Failures are logged, not returned: nothing of it decides over a job. One thread an
/// attempt.
#ifndef AVSP_WORKER_TIDY_H
#define AVSP_WORKER_TIDY_H

#include "worker/run.h"

/// Is there a file below the folder? true where that cannot be found out.
bool avsp_tidy_has_files(struct avsp_run *run, const struct avsp_location *folder);

/// Removes a folder where no file is left in it.
void avsp_tidy_empty_folder(struct avsp_run *run, const struct avsp_location *folder);

/// Removes the job's pieces, and the default work folder once no other job has files there.
void avsp_tidy_work(struct avsp_run *run);

/// Logs a removal that did not work.
void avsp_tidy_failed(const struct avsp_run *run, const struct avsp_err *err);

#endif
