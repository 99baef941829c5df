/// Captions of one field (core/cea608.h) and their text (core/ass_text.h). Input: pairs of bytes; the parity bit is set where it is missing.
#include "core/cea608.h"
#include "core/ass_text.h"
#include "fuzz.h"

static int64_t last_end_us[AVSP_CEA608_CHANNELS];

static void check(const struct avsp_caption *caption)
{
    AVSP_ASSERT(caption->channel < AVSP_CEA608_CHANNELS);
    AVSP_ASSERT(caption->end_us > caption->start_us);
    AVSP_ASSERT(caption->start_us >= last_end_us[caption->channel]); // none overlap
    AVSP_ASSERT(caption->text.len == strlen(caption->text.bytes));
    last_end_us[caption->channel] = caption->end_us;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 1 << 20);
    unsigned place = AVSP_CUE_PLACE_DEFAULT;
    avsp_ass_text_convert(caption->text.bytes, caption->text.len, &buf, &place);
    AVSP_ASSERT(buf.sticky != AVSP_OK || buf.len > 0);
    AVSP_ASSERT(place == 2 || place == 5 || place == 8);
}

static uint8_t odd(uint8_t byte)
{
    return __builtin_parity(byte) != 0 ? byte : byte ^ 0x80;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct avsp_cea608 field;
    struct avsp_caption caption;
    int64_t now_us = 0;
    avsp_cea608_init(&field);
    memset(last_end_us, 0, sizeof last_end_us);
    for (size_t i = 0; i + 2 <= size; i += 2) {
        // Pairs that say nothing are pauses of different lengths.
        now_us += data[i] == 0 ? data[i + 1] * 10000 : 33367;
        const uint8_t pair[2] = {odd(data[i]), odd(data[i + 1])};
        if (avsp_cea608_put(&field, pair, now_us, &caption))
            check(&caption);
    }
    for (unsigned i = 0; i < AVSP_CEA608_CHANNELS; i++)
        if (avsp_cea608_end(&field, i, now_us + 1, &caption))
            check(&caption);
    return 0;
}
