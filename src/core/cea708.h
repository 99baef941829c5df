/// Captions of CEA-708 ("DTVCC"): the pairs of bytes of their channel → what each of its services shows, and when.
///
///     struct avsp_cea708 captions = {.take = take, .opaque = …};
///     while (…) avsp_cea708_put(&captions, is_start, pair, now_us, err);      // in order of presentation
///     avsp_cea708_end(&captions, end_us, err);
///     avsp_cea708_deinit(&captions);
///
/// What stands in visible windows is a caption, one for each of the three parts of the screen (top, middle, bottom) that have any, windows in the order in which
/// they stand there. It is over when a command changes it. Letters that come into a visible window within a second belong to the same caption; where a full
/// window rolls, its last line is still to be read until the first letter of the next one comes (so does core/cea608.h).
///
/// Delays are kept. Italic and underlined are kept; colors, columns, sizes, edges, fades, wipes, and priorities of windows that lie over each other are left out, and so
/// is a window's width: a line may have up to 42 letters. Text is in the order in which it is written, whatever its direction on the screen. Codes of 16 bits
/// are Unicode.
///
/// Memory: some 45 KiB for each of the first AVSP_CEA708_SERVICES_MAX services that define a window. Any bytes are safe. Pure; one thread at a time. Sources:
/// CTA-708-E, 5 (packets), 6 (service blocks), 7 (codes), 8 (windows and pens); 47 CFR 79.102.
#ifndef AVSP_CORE_CEA708_H
#define AVSP_CORE_CEA708_H

#include "core/caption_text.h"
#include "util/err.h"

#define AVSP_CEA708_PACKET_BYTES 128
#define AVSP_CEA708_NUMBER_MAX 63  ///< services are numbered from 1 on
#define AVSP_CEA708_SERVICES_MAX 8 ///< that are read

struct avsp_cea708_service;

struct avsp_cea708 {
    /// Is told of each caption (borrowed for the call) when it is over, of each service in order. Its failure is what put and end return.
    enum avsp_code (*take)(void *opaque, const struct avsp_caption *caption, struct avsp_err *err);
    void *opaque;
    struct avsp_cea708_service *services[AVSP_CEA708_SERVICES_MAX]; ///< owned; as they came
    size_t n_services;
    uint64_t beyond;    ///< bit i: service i has windows, and there is no room for it
    uint64_t n_damaged; ///< packets that are missing or cut off
    uint8_t packet[AVSP_CEA708_PACKET_BYTES];
    size_t len;             ///< of it, so far
    size_t size;            ///< as it says; 0 = none has begun
    unsigned next_sequence; ///< of the next packet, and one more; 0 = nobody knows
};

/// The number of a service that is read. @param idx  < n_services.
unsigned avsp_cea708_number(const struct avsp_cea708 *captions, size_t idx);

/// Safe on a zeroed value.
void avsp_cea708_deinit(struct avsp_cea708 *captions);

/// Takes two bytes of the channel. @param is_start  they begin a packet (cc_type 3). @return OK; NO_MEMORY; what `take` returns.
enum avsp_code avsp_cea708_put(struct avsp_cea708 *captions, bool is_start, const uint8_t pair[2],
                               int64_t now_us, struct avsp_err *err) AVSP_CHECKED;

/// There is no more: what is shown is shown until now. @return OK; what `take` returns.
enum avsp_code avsp_cea708_end(struct avsp_cea708 *captions, int64_t now_us,
                               struct avsp_err *err) AVSP_CHECKED;

#endif
