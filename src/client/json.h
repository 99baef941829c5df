/// Results as JSON, for programs: one object on one line. The only includer of jansson.
#ifndef AVSP_CLIENT_JSON_H
#define AVSP_CLIENT_JSON_H

#include "client/media_child.h"
#include "core/model.h"
#include "core/step.h"
#include "core/verify.h"

/// As avsp_cmd_json_job, with "url" (null where @p url is "").
enum avsp_code avsp_cmd_json_status(const struct avsp_job *job, const char *url,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Prints a job: "id", "state", "percent_complete", "manifest", "error", "warnings" and more; null where there is nothing.
/// @return OK; NO_MEMORY; what the write to standard output said.
enum avsp_code avsp_cmd_json_job(const struct avsp_job *job, struct avsp_err *err) AVSP_CHECKED;

/// The same with the cursor of an event, as "cursor".
enum avsp_code avsp_cmd_json_event(const struct avsp_job *job, const char *cursor,
                                   struct avsp_err *err) AVSP_CHECKED;

/// The same with how its attempts ended, as "attempts".
enum avsp_code avsp_cmd_json_history(const struct avsp_job *job,
                                     const struct avsp_attempt_record *attempts, size_t n_attempts,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Prints what is left to say of a job that was deleted: its id, and "state": "deleted".
enum avsp_code avsp_cmd_json_deleted(const char *job_id, struct avsp_err *err) AVSP_CHECKED;

/// Prints {"workers": […]}.
enum avsp_code avsp_cmd_json_workers(const struct avsp_worker_record *workers, size_t n_workers,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Prints {"jobs": […]}.
enum avsp_code avsp_cmd_json_jobs(const struct avsp_job *jobs, size_t n_jobs,
                                  struct avsp_err *err) AVSP_CHECKED;

/// A file of subtitles, and what a probe found.
struct avsp_probed_subtitles {
    const char *file;
    const char *title; ///< "" = none
    struct avsp_probe_stream stream;
};

/// Prints what a probe found. @param warnings  n_warnings texts.
enum avsp_code avsp_cmd_json_probe(const char *path, const struct avsp_probed *probed,
                                   const struct avsp_probed_subtitles *subtitles,
                                   size_t n_subtitles, const char *const *warnings,
                                   size_t n_warnings, struct avsp_err *err) AVSP_CHECKED;

/// Prints what a check found: "ok", "findings", and "facts" with renditions, segments, frames and duration.
enum avsp_code avsp_cmd_json_verify(const char *path, bool fast, const struct avsp_verify *v,
                                    struct avsp_err *err) AVSP_CHECKED;

#endif
