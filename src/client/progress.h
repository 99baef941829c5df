/// What a job's progress looks like, as text: pure functions. One thread at a time.
#ifndef AVSP_CLIENT_PROGRESS_H
#define AVSP_CLIENT_PROGRESS_H

#include "core/model.h"
#include "util/buf.h"
#include "util/time.h"

#define AVSP_PROGRESS_SAMPLES 64

/// How fast a job has gone lately: frames done at instants, at most one a quarter of a second. All zeros = none yet.
struct avsp_speed {
    struct {
        struct avsp_mono when;
        uint64_t frames;
    } samples[AVSP_PROGRESS_SAMPLES];
    unsigned n_samples; ///< the newest is the last
};

void avsp_speed_add(struct avsp_speed *speed, struct avsp_mono now, uint64_t frames);

/// Frames per 1000 seconds over the samples kept; 0 = not known.
uint64_t avsp_speed_milli_fps(const struct avsp_speed *speed);

struct avsp_progress_look {
    unsigned width; ///< columns; a line is cut one short of it
    unsigned lines; ///< at most
    bool color;
    bool workers; ///< name the worker of each task
};

/// Writes the lines of a terminal's display: the job, then one for each task that runs.
/// @return how many lines.
unsigned avsp_progress_lines(const struct avsp_job *job, uint64_t milli_fps,
                             const struct avsp_progress_look *look, struct avsp_buf *buf);

/// Writes one line for a log, without its line feed: "40 %: 116 of 290 frames, 38.2 fps, 1:10 left".
void avsp_progress_plain(const struct avsp_job *job, uint64_t milli_fps, struct avsp_buf *buf);

#define AVSP_DURATION_BYTES 24

/// "0:43", "1:02:03". @return @p ret_text.
const char *avsp_duration_text(uint64_t seconds, char ret_text[AVSP_DURATION_BYTES]);

/// "38.2 fps", from frames per 1000 seconds. @return @p ret_text.
const char *avsp_fps_text(uint64_t milli_fps, char ret_text[AVSP_DURATION_BYTES]);

#endif
