/// Fragmented MP4 (core/mp4.h): an init segment, and the movie fragments behind it. Input: a whole file.
#include "core/mp4.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *AVSP_CLEANUP(avsp_free_ptr) bytes = fuzz_bytes(data, size);
    struct avsp_bytes rest = {bytes, size};
    struct avsp_mp4_init init;
    struct avsp_mp4_segment segment = {.data_from = UINT64_MAX};
    struct avsp_err err = {0};
    if (avsp_mp4_init_parse(rest, &init, &err) != AVSP_OK)
        return 0;
    AVSP_ASSERT(init.n_tracks <= AVSP_MP4_TRACKS_MAX);
    uint64_t offset = 0;
    for (struct avsp_box box; avsp_box_next(&rest, &box); offset += box.bytes)
        if (strcmp(box.type, "moof") == 0)
            (void)!avsp_mp4_moof_add(box.body, offset, &init, &segment, &err);
    return 0;
}
