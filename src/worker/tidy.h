/// Removing what a job leaves behind.
///
///     struct avsp_remains left = {0};
///     avsp_tidy_work(run, &left);
///     avsp_tidy_output(run, keep, opaque, &left);
///     rc = avsp_tidy_check(&left, err);
///
/// What cannot be removed keeps nothing else from going. What is not there, somebody else has removed: that is no fault. Before each
/// removal it is looked whether the attempt holds its task for certain; a coordinator that is away is waited for, since what lies there
/// may be another job's by then. One thread an attempt.
#ifndef AVSP_WORKER_TIDY_H
#define AVSP_WORKER_TIDY_H

#include "worker/run.h"

/// What is left, and why. Zero it; it is filled by the calls below, which do nothing more once it is over.
struct avsp_remains {
    size_t n;            ///< removals that failed
    size_t n_passing;    ///< of these: where another attempt may help
    struct avsp_err why; ///< of one of these, else of the first
    bool is_over;        ///< storage is away, the attempt in vain, or the worker stops
};

/// Removes what our workers put into the job's output, and temporaries of those that were killed; then the renditions' folders
/// that are empty. Files of other names stay. No other job may be at work there.
/// @param keep  says of a file of ours whether it stays; NULL = none does.
void avsp_tidy_output(struct avsp_run *run, bool (*keep)(void *opaque, const char *name),
                      void *opaque, struct avsp_remains *left);

/// Removes the job's pieces, unless they are to be kept, and the default work folder once no other job has files there.
void avsp_tidy_work(struct avsp_run *run, struct avsp_remains *left);

/// Notes a removal, or a look at what is to be removed, that failed. NOT_FOUND is no fault.
void avsp_tidy_failed(const struct avsp_run *run, const struct avsp_err *err,
                      struct avsp_remains *left);

/// @return OK nothing is left; CANCELED the attempt is in vain, or the worker stops; else `why`, with the number of removals that failed.
enum avsp_code avsp_tidy_check(const struct avsp_remains *left, struct avsp_err *err) AVSP_CHECKED;

/// The same for a job that is done: what is left becomes a warning of the job, and only a stop is an error.
enum avsp_code avsp_tidy_warn(struct avsp_run *run, const struct avsp_remains *left,
                              struct avsp_err *err) AVSP_CHECKED;

#endif
