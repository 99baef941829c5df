#include "core/cea708.h"

#define SERVICE_EXTENDED 7

/// How many bytes a code takes, itself included (CTA-708-E, 7.1).
static size_t code_length(uint8_t code)
{
    static const uint8_t commands[32] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1,
                                         3, 4, 3, 1, 1, 1, 1, 5, 7, 7, 7, 7, 7, 7, 7, 7};
    if (code >= 0x80 && code < 0xa0)
        return commands[code - 0x80];
    return code >= 0x20 || code < 0x10 ? 1 : code >= 0x18 ? 3 : 2;
}

/// Is there a letter in a service block, other than a space?
static bool has_letters(const uint8_t *block, size_t len)
{
    for (size_t i = 0; i < len; i += code_length(block[i]))
        if ((block[i] > ' ' && block[i] < 0x80) || block[i] >= 0xa0)
            return true;
    return false;
}

static void take_packet(struct avsp_cea708 *captions)
{
    for (size_t i = 1; i < captions->len;) {
        unsigned service = captions->packet[i] >> 5;
        size_t len = captions->packet[i] & 0x1f;
        i++;
        if (service == 0 || len == 0)
            return;
        if (service == SERVICE_EXTENDED && i < captions->len)
            service = captions->packet[i++] & 0x3f;
        len = AVSP_MIN(len, captions->len - i);
        if (has_letters(captions->packet + i, len))
            captions->services |= UINT64_C(1) << service;
        i += len;
    }
}

void avsp_cea708_put(struct avsp_cea708 *captions, bool is_start, const uint8_t pair[2])
{
    if (is_start) {
        unsigned size = pair[0] & 0x3f;
        captions->size = size == 0 ? AVSP_CEA708_PACKET_BYTES : 2 * (size_t)size;
        captions->len = 0;
    }
    if (captions->size == 0)
        return;
    captions->packet[captions->len++] = pair[0];
    captions->packet[captions->len++] = pair[1];
    if (captions->len < captions->size)
        return;
    take_packet(captions);
    captions->size = 0;
}
