/// How a job is told to people. One thread at a time.
#ifndef AVSP_CLIENT_REPORT_H
#define AVSP_CLIENT_REPORT_H

#include "core/model.h"

/// Prints all about a job to standard output, a line each. @param url  where its presentation is played; "" = not known
/// @return OK, NO_MEMORY or what the write said.
enum avsp_code avsp_cmd_report_job(const struct avsp_job *job, const char *url,
                                   struct avsp_err *err) AVSP_CHECKED;

/// The same, with a line for each attempt that ended, and below it the tail of its log.
enum avsp_code avsp_cmd_report_history(const struct avsp_job *job,
                                       const struct avsp_attempt_record *attempts,
                                       size_t n_attempts, struct avsp_err *err) AVSP_CHECKED;

/// Prints one line a job to standard output. @return as above.
enum avsp_code avsp_cmd_report_jobs(const struct avsp_job *jobs, size_t n_jobs,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Prints the line of one job alone, for what changed.
enum avsp_code avsp_cmd_report_event(const struct avsp_job *job, struct avsp_err *err) AVSP_CHECKED;

/// Prints one line a worker to standard output. @return as above.
enum avsp_code avsp_cmd_report_workers(const struct avsp_worker_record *workers, size_t n_workers,
                                       struct avsp_err *err) AVSP_CHECKED;

/// Says a job's warnings to standard error.
void avsp_cmd_say_warnings(const struct avsp_job *job);

/// Ends a command that followed a job to its end: warnings and failure to standard error, the manifest's place (or with
/// @p json the job) to standard output.
/// @return the exit code.
int avsp_cmd_conclude(const struct avsp_job *job, bool json, bool verbose);

#endif
