#include "worker/need.h"

#include "core/ladder.h"

#define MIB ((uint64_t)1 << 20)

/// Of the program with its libraries (measured: 40).
#define PROGRAM_BYTES (45 * MIB)
/// Of a decoder: its reference pictures, and those on their way to the encoders, for each pixel; 10 bits take two bytes.
#define DECODER_PICTURES 16
/// Of SVT-AV1 (1.4.1) at presets from 7 on: whatever the size of its pictures, and for each pixel of 8 bits. Most of it is pools of pictures,
/// and there are more of all with several threads. (Measured at 240 to 2160 lines: tests/worker/need_test.c has the figures.)
#define AV1_BYTES (60 * MIB)
#define AV1_PIXEL_BYTES 200
#define AV1_THREADS_BYTES (120 * MIB)
#define AV1_THREADS_PIXEL_BYTES 230
/// Of x264, likewise: it looks 40 to 60 pictures ahead.
#define H264_BYTES (30 * MIB)
#define H264_PIXEL_BYTES 150

/// Of what those presets take: slower ones keep more.
static uint64_t percent_for(int32_t preset)
{
    static const uint64_t percents[] = {220, 220, 220, 160, 160, 120, 120, 100};
    return percents[AVSP_MIN((size_t)AVSP_MAX(preset, 0), AVSP_ARRAY_LEN(percents) - 1)];
}

static uint64_t encoder_bytes(const struct avsp_ladder_rung *rung, bool is_deep, unsigned threads)
{
    uint64_t px = (uint64_t)rung->width_px * rung->height_px;
    if (rung->codec == AVSP_CODEC_H264)
        return H264_BYTES + px * H264_PIXEL_BYTES;
    bool has_one = avsp_ladder_av1_threads(px, threads) == 1;
    uint64_t px_bytes = px * (has_one ? AV1_PIXEL_BYTES : AV1_THREADS_PIXEL_BYTES);
    if (is_deep && !rung->sdr)
        px_bytes = px_bytes * 8 / 5;
    return ((has_one ? AV1_BYTES : AV1_THREADS_BYTES) + px_bytes) * percent_for(rung->preset) / 100;
}

uint64_t avsp_need_bytes(const struct avsp_piece_header *piece,
                         const struct avsp_picture_options *picture, int32_t preset,
                         unsigned threads)
{
    struct avsp_ladder_rung rungs[AVSP_PICTURES_MAX];
    size_t n = avsp_ladder_plan(picture, avsp_piece_is_hdr(piece), piece->width_px & ~1u,
                                piece->height_px & ~1u, 0, preset, rungs);
    unsigned shares[AVSP_PICTURES_MAX];
    avsp_ladder_share(rungs, n, threads, shares);
    bool is_deep = piece->bit_depth > 8;
    uint64_t picture_bytes = (uint64_t)piece->width_px * piece->height_px * (is_deep ? 6 : 3) / 2;
    uint64_t bytes = PROGRAM_BYTES + DECODER_PICTURES * picture_bytes;
    for (size_t i = 0; i < n; i++)
        bytes += encoder_bytes(&rungs[i], is_deep, shares[i]);
    return bytes;
}

unsigned avsp_need_slots(uint64_t bytes, uint64_t slot_bytes, unsigned n_slots)
{
    uint64_t n = bytes / slot_bytes + (bytes % slot_bytes != 0);
    return (unsigned)AVSP_MIN(AVSP_MAX(n, (uint64_t)1), (uint64_t)n_slots);
}
