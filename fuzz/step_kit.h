/// Runs a media step in this process, on bytes, in a temporary folder: what the parent would do is done by a thread, which also
/// insists that every report is one that a parent takes.
#ifndef AVSP_FUZZ_STEP_KIT_H
#define AVSP_FUZZ_STEP_KIT_H

#include "media/steps.h"

typedef enum avsp_code step_run(int input_fd, const struct avsp_step *step,
                                struct avsp_control *ctl, struct avsp_err *err);

/// Makes the temporary folder the working folder, and bounds libav: call once.
void step_kit_init(void);

/// A file with these bytes, in memory. @return close it.
int step_kit_file(const uint8_t *data, size_t size);

/// Runs one step to its end, and removes what it wrote.
void step_kit_run(step_run *run, const struct avsp_step *step, int input_fd);

#endif
