/// A whole file from a stranger, through probe and split, of all and of a part of it, and as subtitles (media/steps.h). What goes wrong inside libav is for its own fuzzers:
/// this looks for what its odd answers do to us.
#include "fuzz.h"
#include "step_kit.h"

#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    step_kit_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct avsp_step probe = {
        .kind = AVSP_STEP_PROBE, .segment_seconds = 1, .max_pending = 1};
    static const struct avsp_step split = {
        .kind = AVSP_STEP_SPLIT, .segment_seconds = 1, .max_pending = 2};
    static const struct avsp_step part = {.kind = AVSP_STEP_SPLIT,
                                          .segment_seconds = 1,
                                          .max_pending = 2,
                                          .choice = {.range = {300000, 1100000}}};
    static const struct avsp_step text = {.kind = AVSP_STEP_TEXT,
                                          .max_pending = 2,
                                          .language = "en",
                                          .title = "",
                                          .choice = {.range = {0, 3600000000}}};
    int fd = step_kit_file(data, size);
    step_kit_run(avsp_probe_run, &probe, fd);
    step_kit_run(avsp_split_run, &split, fd);
    step_kit_run(avsp_split_run, &part, fd);
    step_kit_run(avsp_sidecar_run, &text, fd);
    close(fd);
    return 0;
}
