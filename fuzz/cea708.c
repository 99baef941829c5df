/// Captions of the services of CEA-708 (core/cea708.h) and their text (core/ass_text.h). Input: a byte that says which form, then triplets: frames that pass and
/// whether the pair begins a packet, and the pair (form 0); or, for many services at once, frames that pass, a service's number and how many bytes
/// of it follow, which are put into packets (form 1).
#include "core/cea708.h"
#include "core/ass_text.h"
#include "fuzz.h"

#define FRAME_US 33367
#define PLACES 10

struct heard {
    int64_t now_us;
    /// Of each service, for each place on the screen: no two captions are there at once.
    int64_t last_end_us[AVSP_CEA708_NUMBER_MAX + 1][PLACES];
};

static enum avsp_code check(void *opaque, const struct avsp_caption *caption, struct avsp_err *err)
{
    struct heard *heard = opaque;
    (void)err;
    AVSP_ASSERT(caption->channel >= 1 && caption->channel <= AVSP_CEA708_NUMBER_MAX);
    AVSP_ASSERT(caption->end_us > caption->start_us && caption->end_us <= heard->now_us);
    AVSP_ASSERT(caption->text.len == strlen(caption->text.bytes));
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 1 << 20);
    unsigned place = AVSP_CUE_PLACE_DEFAULT;
    avsp_ass_text_convert(caption->text.bytes, caption->text.len, &buf, &place);
    AVSP_ASSERT(buf.sticky != AVSP_OK || buf.len > 0);
    AVSP_ASSERT(place == 2 || place == 5 || place == 8);
    int64_t *last = &heard->last_end_us[caption->channel][place];
    AVSP_ASSERT(caption->start_us >= *last);
    *last = caption->end_us;
    return AVSP_OK;
}

static void put(struct avsp_cea708 *captions, struct heard *heard, bool is_start,
                const uint8_t *pair)
{
    struct avsp_err err = {0};
    AVSP_ASSERT(avsp_cea708_put(captions, is_start, pair, heard->now_us, &err) == AVSP_OK);
    AVSP_ASSERT(captions->n_services <= AVSP_CEA708_SERVICES_MAX);
}

/// A packet with one block.
static void put_block(struct avsp_cea708 *captions, struct heard *heard, unsigned service,
                      const uint8_t *bytes, size_t len)
{
    uint8_t packet[AVSP_CEA708_PACKET_BYTES] = {0};
    size_t at = 1;
    packet[at++] = (uint8_t)((service < 7 ? service : 7) << 5 | len);
    if (service >= 7)
        packet[at++] = (uint8_t)service;
    memcpy(packet + at, bytes, len);
    at += len + (at + len) % 2;
    packet[0] = (uint8_t)(at / 2);
    for (size_t i = 0; i < at; i += 2)
        put(captions, heard, i == 0, packet + i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard heard = {0};
    struct avsp_cea708 AVSP_CLEANUP(avsp_cea708_deinit)
        captions = {.take = check, .opaque = &heard};
    bool framed = size > 0 && data[0] % 2 == 0;
    for (size_t i = 1; i + 3 <= size;) {
        heard.now_us += (data[i] >> 2) * (int64_t)FRAME_US;
        size_t len = AVSP_MIN(data[i + 2] & 0x1fu, size - i - 3);
        if (framed)
            put(&captions, &heard, (data[i] & 1) != 0, data + i + 1);
        else
            put_block(&captions, &heard, data[i + 1] & AVSP_CEA708_NUMBER_MAX, data + i + 3, len);
        i += 3 + (framed ? 0 : len);
    }
    heard.now_us += 30 * INT64_C(1000000); // longer than any delay
    struct avsp_err err = {0};
    AVSP_ASSERT(avsp_cea708_end(&captions, heard.now_us, &err) == AVSP_OK);
    return 0;
}
