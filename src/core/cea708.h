/// Captions of CEA-708 are not read here, only noticed: which of their services say anything.
///
///     struct avsp_cea708 captions = {0};
///     while (…) avsp_cea708_put(&captions, is_start, pair);
///     … captions.services …
///
/// Any bytes are safe. Pure; one thread at a time. Source: CTA-708-E, 5 (packets), 6 (service blocks), 7 (their codes).
#ifndef AVSP_CORE_CEA708_H
#define AVSP_CORE_CEA708_H

#include "util/base.h"

#define AVSP_CEA708_PACKET_BYTES 128

struct avsp_cea708 {
    uint64_t services; ///< bit i: service i has letters
    uint8_t packet[AVSP_CEA708_PACKET_BYTES];
    size_t len;  ///< of it, so far
    size_t size; ///< as it says; 0 = none has begun
};

/// Takes two bytes of the channel. @param is_start  they begin a packet (cc_type 3)
void avsp_cea708_put(struct avsp_cea708 *captions, bool is_start, const uint8_t pair[2]);

#endif
