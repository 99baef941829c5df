#include "core/ladder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/// Where SVT-AV1 (1.4.1, EbEncHandle.c) takes pictures for 4K, from 0x535200 pixels on, it looks ahead less when it is to have one
/// processor than with two and more, and other bytes come out. Its sizes are rounded up to eights: this is somewhat below.
#define AV1_LARGE_PX ((uint64_t)5 << 20)
#define AV1_LARGE_THREADS_MIN 2u

/// Heights that players and people expect. Each rung is at most three quarters of the one above: less would hardly show.
static const int32_t usual[] = {4320, 2160, 1440, 1080, 720, 540, 360, 240};
#define STEP_NUM 3
#define STEP_DEN 4
#define AUTO_MAX 6 ///< rungs; more only cost

static uint32_t shorter(uint32_t width, uint32_t height)
{
    return AVSP_MIN(width, height);
}

/// @p px scaled by to / from, to the nearest even number.
static uint32_t scale(uint32_t px, uint32_t to, uint32_t from)
{
    return (uint32_t)(((uint64_t)px * to + from) / (2 * (uint64_t)from) * 2);
}

/// The usual sizes below the source's own.
static struct avsp_ladder choose(uint32_t source)
{
    struct avsp_ladder ladder = {.n_rungs = 1, .rungs = {{.height_px = (int32_t)source}}};
    int64_t above = source;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(usual) && ladder.n_rungs < AUTO_MAX; i++) {
        if (usual[i] * (int64_t)STEP_DEN > above * STEP_NUM)
            continue;
        ladder.rungs[ladder.n_rungs++].height_px = usual[i];
        above = usual[i];
    }
    return ladder;
}

static uint64_t pixels(const struct avsp_ladder_rung *rung)
{
    return (uint64_t)rung->width_px * rung->height_px;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = pixels(a);
    uint64_t y = pixels(b);
    return (x < y) - (x > y);
}

/// Adds a rung unless there is one of that size, or it would be smaller than encoders take.
static void add(struct avsp_ladder_rung *rungs, size_t *n, const struct avsp_ladder_rung *rung,
                bool is_scaled)
{
    if (is_scaled && shorter(rung->width_px, rung->height_px) < AVSP_RUNG_MIN_PX)
        return;
    for (size_t i = 0; i < *n; i++)
        if (rungs[i].width_px == rung->width_px && rungs[i].height_px == rung->height_px)
            return;
    rungs[(*n)++] = *rung;
}

/// The sizes, from the largest down.
static size_t plan_sizes(const struct avsp_ladder *ladder, uint32_t width_px, uint32_t height_px,
                         int32_t crf, int32_t preset, struct avsp_ladder_rung *ret_rungs)
{
    uint32_t source = shorter(width_px, height_px);
    struct avsp_ladder wanted = ladder->is_auto ? choose(source) : *ladder;
    const struct avsp_ladder_rung own = {
        .width_px = width_px, .height_px = height_px, .crf = crf, .preset = preset};
    size_t n = 0;
    for (uint32_t i = 0; i < wanted.n_rungs; i++) {
        const struct avsp_rung *asked = &wanted.rungs[i];
        struct avsp_ladder_rung rung = own;
        bool is_scaled = (uint32_t)asked->height_px < source;
        if (is_scaled) {
            rung.width_px = scale(width_px, (uint32_t)asked->height_px, source);
            rung.height_px = scale(height_px, (uint32_t)asked->height_px, source);
        }
        rung.crf = asked->crf > 0 ? asked->crf : crf;
        rung.preset = asked->preset > 0 ? asked->preset : preset;
        add(ret_rungs, &n, &rung, is_scaled);
    }
    if (n == 0)
        ret_rungs[n++] = own;
    qsort(ret_rungs, n, sizeof *ret_rungs, by_size);
    return n;
}

/// Adds the sizes once more. @return how many there are then.
static size_t repeat(struct avsp_ladder_rung *rungs, size_t n_sizes, size_t n, bool sdr,
                     enum avsp_codec codec)
{
    for (size_t i = 0; i < n_sizes; i++, n++) {
        rungs[n] = rungs[i];
        rungs[n].sdr = sdr;
        rungs[n].codec = codec;
    }
    return n;
}

size_t avsp_ladder_plan(const struct avsp_picture_options *options, bool is_hdr, uint32_t width_px,
                        uint32_t height_px, int32_t crf, int32_t preset,
                        struct avsp_ladder_rung ret_rungs[AVSP_PICTURES_MAX])
{
    size_t n_sizes = plan_sizes(&options->ladder, width_px, height_px, crf, preset, ret_rungs);
    size_t n = n_sizes;
    for (size_t i = 0; i < n_sizes; i++)
        ret_rungs[i].sdr = is_hdr && options->hdr == AVSP_HDR_SDR;
    if (is_hdr && options->hdr == AVSP_HDR_BOTH)
        n = repeat(ret_rungs, n_sizes, n, true, AVSP_CODEC_AV1);
    if (options->fallback == AVSP_FALLBACK_H264)
        n = repeat(ret_rungs, n_sizes, n, is_hdr, AVSP_CODEC_H264);
    for (size_t i = 0; i < n; i++)
        snprintf(ret_rungs[i].name, sizeof ret_rungs[i].name, "v%u", (unsigned)i % 100);
    return n;
}

void avsp_ladder_share(const struct avsp_ladder_rung *rungs, size_t n, unsigned threads,
                       unsigned ret_threads[AVSP_PICTURES_MAX])
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += pixels(&rungs[i]);
    for (size_t i = 0; i < n; i++) {
        uint64_t share = all > 0 ? (threads * pixels(&rungs[i]) + all / 2) / all : 0;
        ret_threads[i] = (unsigned)AVSP_MAX(share, (uint64_t)1);
    }
}

unsigned avsp_ladder_av1_threads(uint64_t pixels, unsigned threads)
{
    return pixels >= AV1_LARGE_PX ? AVSP_MAX(threads, AV1_LARGE_THREADS_MIN) : threads;
}
