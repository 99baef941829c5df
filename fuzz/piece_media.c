/// A whole piece, header and media, through the step that it is for (media/steps.h): storage may be somebody else's.
#include "core/piece.h"
#include "core/plan.h"
#include "fuzz.h"
#include "step_kit.h"

#include <unistd.h>

/// Larger pictures only cost the encoder's time.
#define AREA_MAX_PX (128 * 128)
/// Longer sound, which may all be silence, likewise.
#define SOUND_MAX_S 60

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    step_kit_init();
    setenv("SVT_LOG", "-1", 1);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct avsp_step encode = {.kind = AVSP_STEP_ENCODE,
                                            .max_pending = 2,
                                            .crf = 50,
                                            .preset = 13,
                                            .threads = 1,
                                            .described = true};
    static const struct avsp_step audio = {
        .kind = AVSP_STEP_AUDIO, .segment_seconds = 1, .max_pending = 2, .sound = {.copy = true}};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_piece_header header;
    struct avsp_err err = {0};
    avsp_arena_init(&arena, 1 << 20);
    if (size < AVSP_PIECE_HEADER_BYTES ||
        avsp_piece_header_parse(&arena, (const char *)data, &header, &err) != AVSP_OK)
        return 0;
    bool is_sound = header.kind == AVSP_MEDIA_AUDIO;
    if (!is_sound && (uint64_t)header.width_px * header.height_px > AREA_MAX_PX)
        return 0;
    if (is_sound && avsp_plan_ticks(header.end_pts, header.origin_pts, header.origin_time_base, 1) >
                        SOUND_MAX_S)
        return 0;
    int fd = step_kit_file(data, size);
    step_kit_run(is_sound ? avsp_audio_run : avsp_encode_run, is_sound ? &audio : &encode, fd);
    close(fd);
    return 0;
}
