/// What an attempt says to the coordinator, with patience: a call is repeated while the coordinator is away, until the
/// attempt is clearly in vain. One thread an attempt.
#ifndef AVSP_WORKER_UPSTREAM_H
#define AVSP_WORKER_UPSTREAM_H

#include "worker/run.h"

/// Reports what was made so far. @return OK; CANCELED the attempt is in vain, or the worker stops; UNAVAILABLE the
/// coordinator stayed away; else what it said.
enum avsp_code avsp_upstream_report(struct avsp_run *run, const struct avsp_outputs *outputs,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Reports the end of the attempt. @return OK; CONFLICT another attempt has the task; UNAVAILABLE; else what it said.
enum avsp_code avsp_upstream_finish(struct avsp_run *run, const struct avsp_finish *finish,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Hands the task back. One short try: the lease runs out anyway.
void avsp_upstream_release(struct avsp_run *run);

/// One page of what the job made; strings in @p arena. @return as avsp_upstream_report.
enum avsp_code avsp_upstream_outputs(struct avsp_run *run, const char *page,
                                     struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                     struct avsp_err *err) AVSP_CHECKED;

#endif
