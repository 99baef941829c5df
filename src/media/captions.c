#include "media/captions.h"

#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>
#include <string.h>

/// The first byte of a pair (CTA-708, 4.4): is it valid, and what is it?
#define PAIR_VALID 4
#define PAIR_TYPE 3  ///< 0, 1: CEA-608 of the first or second field; 2, 3: CEA-708
#define PAIR_START 3 ///< of CEA-708, the first of a packet

/// A frame of NTSC: line 21 has a pair in each field.
static const AVRational line_21 = {1001, 30000};

void avsp_captions_init(struct avsp_captions *captions)
{
    *captions = (struct avsp_captions){.last_us = INT64_MIN};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(captions->fields); i++)
        avsp_cea608_init(&captions->fields[i]);
    for (size_t i = 0; i < AVSP_CAPTION_TRACKS; i++)
        avsp_text_cues_init(&captions->channels[i]);
}

void avsp_captions_deinit(struct avsp_captions *captions)
{
    for (size_t i = 0; i < AVSP_CAPTION_TRACKS; i++)
        avsp_text_cues_deinit(&captions->channels[i]);
}

static enum avsp_code add(struct avsp_captions *captions, unsigned field,
                          struct avsp_caption *caption, struct avsp_err *err)
{
    AVSubtitleRect rect = {.ass = caption->text};
    AVSubtitleRect *rects = &rect;
    const AVSubtitle sub = {.num_rects = 1, .rects = &rects};
    unsigned channel = field * AVSP_CEA608_CHANNELS + caption->channel;
    return avsp_text_cues_add(&captions->channels[channel], caption->start_us, caption->end_us,
                              &sub, err);
}

static enum avsp_code take_pair(struct avsp_captions *captions, const uint8_t *pair, int64_t pts_us,
                                struct avsp_err *err)
{
    unsigned type = pair[0] & PAIR_TYPE;
    if ((pair[0] & PAIR_VALID) == 0)
        return AVSP_OK;
    if (type > 1) {
        avsp_cea708_put(&captions->digital, type == PAIR_START, pair + 1);
        return AVSP_OK;
    }
    struct avsp_caption caption;
    return avsp_cea608_put(&captions->fields[type], pair + 1, pts_us, &caption)
               ? add(captions, type, &caption, err)
               : AVSP_OK;
}

enum avsp_code avsp_captions_take(struct avsp_captions *captions, int64_t pts_us,
                                  const uint8_t *bytes, size_t len, struct avsp_err *err)
{
    int64_t n[PAIR_TYPE + 1] = {0};
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i + AVSP_CAPTION_PAIR_BYTES <= len && rc == AVSP_OK;
         i += AVSP_CAPTION_PAIR_BYTES) {
        int64_t after_us = av_rescale_q(n[bytes[i] & PAIR_TYPE]++, line_21, AV_TIME_BASE_Q);
        rc = take_pair(captions, bytes + i, pts_us + after_us, err);
    }
    return rc;
}

static enum avsp_code take_first(struct avsp_captions *captions, struct avsp_err *err)
{
    const struct avsp_captions_waiting *first = &captions->waiting[0];
    enum avsp_code rc = avsp_captions_take(captions, first->pts_us, first->bytes, first->len, err);
    captions->last_us = first->pts_us;
    captions->n_waiting--;
    memmove(captions->waiting, captions->waiting + 1,
            captions->n_waiting * sizeof captions->waiting[0]);
    return rc;
}

enum avsp_code avsp_captions_put(struct avsp_captions *captions, int64_t pts_us,
                                 const uint8_t *bytes, size_t len, struct avsp_err *err)
{
    captions->has_data = captions->has_data || len > 0;
    if (pts_us <= captions->last_us)
        return AVSP_OK;
    size_t at = captions->n_waiting;
    while (at > 0 && captions->waiting[at - 1].pts_us > pts_us)
        at--;
    struct avsp_captions_waiting *place = &captions->waiting[at];
    memmove(place + 1, place, (captions->n_waiting - at) * sizeof *place);
    place->pts_us = pts_us;
    place->len = AVSP_MIN(len, sizeof place->bytes);
    memcpy(place->bytes, bytes, place->len);
    captions->n_waiting++;
    return captions->n_waiting > AVSP_CAPTIONS_WAITING_MAX ? take_first(captions, err) : AVSP_OK;
}

enum avsp_code avsp_captions_put_packet(struct avsp_captions *captions, const AVStream *video,
                                        const AVPacket *packet, struct avsp_err *err)
{
    uint8_t bytes[AVSP_CAPTION_DATA_MAX_BYTES];
    size_t len = avsp_caption_data_of(video->codecpar, packet, bytes);
    int64_t pts_us = av_rescale_q(packet->pts, video->time_base, AV_TIME_BASE_Q);
    return avsp_captions_put(captions, pts_us, bytes, len, err);
}

void avsp_captions_restart(struct avsp_captions *captions)
{
    captions->n_waiting = 0;
}

enum avsp_code avsp_captions_end(struct avsp_captions *captions, int64_t end_us,
                                 struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    while (captions->n_waiting > 0 && rc == AVSP_OK)
        rc = take_first(captions, err);
    struct avsp_caption caption;
    for (unsigned i = 0; i < AVSP_CAPTION_TRACKS && rc == AVSP_OK; i++) {
        unsigned field = i / AVSP_CEA608_CHANNELS;
        if (avsp_cea608_end(&captions->fields[field], i % AVSP_CEA608_CHANNELS, end_us, &caption))
            rc = add(captions, field, &caption, err);
    }
    return rc;
}

unsigned avsp_captions_list(const struct avsp_captions *captions, unsigned which,
                            struct avsp_buf *buf)
{
    unsigned n = 0;
    for (unsigned i = 0; i < AVSP_CAPTION_TRACKS; i++)
        if ((which >> i & 1) != 0 && captions->channels[i].n_cues > 0)
            avsp_buf_printf(buf, "%sCC%u", n++ > 0 ? ", " : "", i + 1);
    return n;
}
