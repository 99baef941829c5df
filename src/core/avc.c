#include "core/avc.h"

#include <stdio.h>

enum {
    RECORD_HEAD = 6, ///< before the first parameter set's length
    SPS_NAL = 7,
    MACROBLOCK_PX = 16,
};

enum avsp_code avsp_avc_codecs(const char *entry, const uint8_t *avcc, size_t len,
                               char ret_codecs[AVSP_AVC_CODECS_BYTES], struct avsp_err *err)
{
    if (len < RECORD_HEAD || avcc[0] != 1)
        return avsp_err_set(err, AVSP_CORRUPT, "its avcC box cannot be read");
    // Parameter sets may be in the samples alone (avc3).
    if ((avcc[5] & 0x1f) > 0) {
        const uint8_t *sps = avcc + RECORD_HEAD + 2;
        if (len < RECORD_HEAD + 2 + 4 || (sps[0] & 0x1f) != SPS_NAL)
            return avsp_err_set(err, AVSP_CORRUPT, "its avcC box has no sequence parameter set");
        if (sps[1] != avcc[1] || sps[3] > avcc[3])
            return avsp_err_set(err, AVSP_CORRUPT,
                                "its avcC box has profile %d and level %d, and its sequence "
                                "parameter set %d and %d",
                                avcc[1], avcc[3], sps[1], sps[3]);
    }
    snprintf(ret_codecs, AVSP_AVC_CODECS_BYTES, "%.4s.%02x%02x%02x", entry, avcc[1], avcc[2],
             avcc[3]);
    return AVSP_OK;
}

/// Table A-1, its bit rates and buffers times 1.25 (High profile, table A-2).
static const struct {
    struct avsp_avc_level level;
    uint32_t max_blocks; ///< of a picture, in macroblocks
    uint32_t max_blocks_per_s;
} levels[] = {
    {{30, 12500, 12500}, 1620, 40500},          {{31, 17500, 17500}, 3600, 108000},
    {{32, 25000, 25000}, 5120, 216000},         {{40, 25000, 31250}, 8192, 245760},
    {{42, 62500, 78125}, 8704, 522240},         {{50, 168750, 168750}, 22080, 589824},
    {{51, 300000, 300000}, 36864, 983040},      {{52, 300000, 300000}, 36864, 2073600},
    {{60, 300000, 300000}, 139264, 4177920},    {{61, 600000, 600000}, 139264, 8355840},
    {{62, 1000000, 1000000}, 139264, 16711680},
};

struct avsp_avc_level avsp_avc_level_for(uint32_t width_px, uint32_t height_px,
                                         struct avsp_rational frame_rate)
{
    uint64_t width = (width_px + MACROBLOCK_PX - 1) / MACROBLOCK_PX;
    uint64_t height = (height_px + MACROBLOCK_PX - 1) / MACROBLOCK_PX;
    uint64_t num = (uint64_t)AVSP_MAX(frame_rate.num, 0);
    uint64_t den = (uint64_t)AVSP_MAX(frame_rate.den, 1);
    size_t i = 0;
    for (; i + 1 < AVSP_ARRAY_LEN(levels); i++) {
        // Neither side may be longer than the root of eight pictures (A.3.1).
        uint64_t side = AVSP_MAX(width, height);
        if (width * height <= levels[i].max_blocks &&
            side * side <= 8 * (uint64_t)levels[i].max_blocks &&
            width * height * num <= levels[i].max_blocks_per_s * den)
            break;
    }
    return levels[i].level;
}
