/// The child's side of its conversation with whoever started it (core/step.h): the request in, reports out, flow control.
///
///     struct avsp_control *ctl = avsp_control_open(AVSP_STEP_CONTROL_FD, &step, err);
///     avsp_control_progress(ctl, done, total);             // at most a few a second leave the process
///     avsp_control_report(ctl, &report, err);              // PIECE, SEGMENT, CHECKED wait while max_pending are unacknowledged
///
/// A parent that went away is an error (CANCELED) at the next report: the step ends at once. One thread.
#ifndef AVSP_MEDIA_CONTROL_H
#define AVSP_MEDIA_CONTROL_H

#include "core/step.h"

struct avsp_control;

/// Reads the request, whose texts live as long as the control. @return free with avsp_control_close; NULL with @p err.
struct avsp_control *avsp_control_open(int fd, struct avsp_step *ret_step,
                                       struct avsp_err *err) AVSP_CHECKED;
void avsp_control_close(struct avsp_control *ctl);

/// Sends one report; may wait for acknowledgements. @return OK; CANCELED the parent is gone; INVALID a line too long.
enum avsp_code avsp_control_report(struct avsp_control *ctl, const struct avsp_report *report,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Notes progress and sends it when 200 ms have passed since the last one. Failure shows at the next report.
void avsp_control_progress(struct avsp_control *ctl, uint64_t frames_done, uint64_t frames_total);

/// Sends a warning for the person who submitted the job, at most AVSP_WARNINGS_MAX in all.
enum avsp_code avsp_control_warn(struct avsp_control *ctl, struct avsp_err *err, const char *fmt,
                                 ...) AVSP_PRINTF(3, 4) AVSP_CHECKED;

/// Waits until every reported file is acknowledged (before DONE).
enum avsp_code avsp_control_drain(struct avsp_control *ctl, struct avsp_err *err) AVSP_CHECKED;

/// How many threads the step is to have, as far as the answers that were read say.
unsigned avsp_control_threads(const struct avsp_control *ctl);

#endif
