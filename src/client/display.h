/// The progress of one job on standard error: lines redrawn in place on a terminal, now and then a plain line elsewhere.
///
///     struct avsp_display AVSP_CLEANUP(avsp_display_end) display = {.workers = true};
///     avsp_display_begin(&display);
///     … avsp_display_show(&display, job) at every change …
///
/// One thread at a time.
#ifndef AVSP_CLIENT_DISPLAY_H
#define AVSP_CLIENT_DISPLAY_H

#include "client/progress.h"

struct avsp_display {
    bool workers; ///< name the worker of each task
    bool quiet;   ///< show nothing
    bool terminal;
    bool color;
    bool begun;
    unsigned lines_drawn;
    int32_t percent_said; ///< plain: the last step of ten that was said
    bool split_said;
    bool paused_said;
    int32_t percent; ///< of the job as it was shown last
    uint32_t tasks_done;
    struct avsp_speed speed;
    struct avsp_mono drawn_at;
};

/// Looks at standard error, TERM and NO_COLOR.
void avsp_display_begin(struct avsp_display *display);

void avsp_display_show(struct avsp_display *display, const struct avsp_job *job);

/// Takes the lines off the terminal, so that what is said next stands alone; safe to call twice.
void avsp_display_end(struct avsp_display *display);

#endif
