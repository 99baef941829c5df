#include "media/adts.h"

#include <libavutil/error.h>
#include <string.h>

#define HEADER_BYTES 7
#define FRAME_MAX_BYTES ((1 << 13) - 1)
#define TYPE_SBR 5
#define TYPE_PS 29
#define TYPE_MAX 4     ///< the profile has two bits
#define RATE_ESCAPE 15 ///< a rate without a number

/// Takes the next @p width bits, most significant first; zeros behind the end.
static unsigned take(const uint8_t *data, size_t n, size_t *at, unsigned width)
{
    unsigned value = 0;
    for (; width > 0; width--, ++*at)
        value = value << 1 | (*at / 8 < n ? data[*at / 8] >> (7 - *at % 8) & 1u : 0);
    return value;
}

bool avsp_adts_of_config(const uint8_t *config, size_t n, struct avsp_adts *ret_adts)
{
    size_t at = 0;
    struct avsp_adts adts = {0};
    adts.type = take(config, n, &at, 5);
    adts.rate = take(config, n, &at, 4);
    adts.channels = take(config, n, &at, 4);
    if (adts.type == TYPE_SBR || adts.type == TYPE_PS) {
        // The rate is that of the core; decoders find the rest in its frames.
        unsigned doubled = take(config, n, &at, 4);
        if (doubled == RATE_ESCAPE)
            return false;
        adts.type = take(config, n, &at, 5);
    }
    bool is_short = take(config, n, &at, 1) != 0; // frameLengthFlag: 960 samples
    *ret_adts = adts;
    return n >= 2 && at <= 8 * n && adts.type >= 1 && adts.type <= TYPE_MAX && adts.rate < 13 &&
           adts.channels >= 1 && adts.channels <= 7 && !is_short;
}

int avsp_adts_make(const struct avsp_adts *adts, const AVPacket *packet, AVPacket *out)
{
    if (packet->size > FRAME_MAX_BYTES - HEADER_BYTES)
        return AVERROR(EINVAL);
    int av = av_new_packet(out, packet->size + HEADER_BYTES);
    if (av < 0)
        return av;
    unsigned size = (unsigned)out->size;
    // MPEG-4, no CRC, a buffer of any fullness, one frame.
    const uint8_t header[HEADER_BYTES] = {
        0xff,
        0xf1,
        (uint8_t)((adts->type - 1) << 6 | adts->rate << 2 | adts->channels >> 2),
        (uint8_t)(adts->channels << 6 | size >> 11),
        (uint8_t)(size >> 3),
        (uint8_t)(size << 5 | 0x1f),
        0xfc,
    };
    memcpy(out->data, header, HEADER_BYTES);
    memcpy(out->data + HEADER_BYTES, packet->data, (size_t)packet->size);
    out->flags = packet->flags;
    return 0;
}
