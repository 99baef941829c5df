/// Following a job to its end through broken streams and coordinators that restart. One thread.
#ifndef AVSP_CLIENT_FOLLOW_H
#define AVSP_CLIENT_FOLLOW_H

#include "client/display.h"
#include "rpc/client.h"

/// Shows the job's progress until it is over, then reads it once more as it ended.
/// @param ret_job  strings in @p arena
/// @return OK it is over; TIMEOUT the deadline; CANCELED the client was shut down; NOT_FOUND; others as the call said.
enum avsp_code avsp_cmd_follow(struct avsp_client *cli, const char *job_id,
                               struct avsp_display *display, struct avsp_mono deadline,
                               struct avsp_arena *arena, struct avsp_job *ret_job,
                               struct avsp_err *err) AVSP_CHECKED;

#endif
