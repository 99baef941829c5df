#include "media/captions.h"

#include "media/caption_words.h"

#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>
#include <string.h>

/// The first byte of a pair (CTA-708, 4.4): is it valid, and what is it?
#define PAIR_VALID 4
#define PAIR_TYPE 3  ///< 0, 1: CEA-608 of the first or second field; 2, 3: CEA-708
#define PAIR_START 3 ///< of CEA-708, the first of a packet

/// A frame of NTSC: line 21 has a pair in each field.
static const AVRational line_21 = {1001, 30000};

static enum avsp_code add(struct avsp_text_cues *cues, const struct avsp_caption *caption,
                          struct avsp_err *err)
{
    char *text =
        (char *)(uintptr_t)caption->text.bytes; // read only; libavcodec's type says otherwise
    AVSubtitleRect rect = {.ass = text};
    AVSubtitleRect *rects = &rect;
    const AVSubtitle sub = {.num_rects = 1, .rects = &rects};
    return avsp_text_cues_add(cues, caption->start_us, caption->end_us, &sub,
                              (struct avsp_view){NULL, 0}, err);
}

static struct avsp_text_cues *cues_of_service(struct avsp_captions *captions, unsigned number)
{
    for (size_t i = 0; i < captions->digital.n_services; i++)
        if (avsp_cea708_number(&captions->digital, i) == number)
            return &captions->services[i];
    return NULL;
}

static enum avsp_code take_digital(void *opaque, const struct avsp_caption *caption,
                                   struct avsp_err *err)
{
    return add(cues_of_service(opaque, caption->channel), caption, err);
}

void avsp_captions_init(struct avsp_captions *captions)
{
    *captions = (struct avsp_captions){.last_us = INT64_MIN};
    captions->digital.take = take_digital;
    captions->digital.opaque = captions;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(captions->fields); i++)
        avsp_cea608_init(&captions->fields[i]);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(captions->channels); i++)
        avsp_text_cues_init(&captions->channels[i]);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(captions->services); i++)
        avsp_text_cues_init(&captions->services[i]);
}

void avsp_captions_deinit(struct avsp_captions *captions)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(captions->channels); i++)
        avsp_text_cues_deinit(&captions->channels[i]);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(captions->services); i++)
        avsp_text_cues_deinit(&captions->services[i]);
    avsp_cea708_deinit(&captions->digital);
}

static enum avsp_code add_line_21(struct avsp_captions *captions, unsigned field,
                                  const struct avsp_caption *caption, struct avsp_err *err)
{
    unsigned channel = field * AVSP_CEA608_CHANNELS + caption->channel;
    return add(&captions->channels[channel], caption, err);
}

/// @param line_21_us  when a pair of CEA-608 is; those of CEA-708 belong to their picture.
static enum avsp_code take_pair(struct avsp_captions *captions, const uint8_t *pair, int64_t pts_us,
                                int64_t line_21_us, struct avsp_err *err)
{
    unsigned type = pair[0] & PAIR_TYPE;
    if ((pair[0] & PAIR_VALID) == 0)
        return AVSP_OK;
    if (type > 1)
        return avsp_cea708_put(&captions->digital, type == PAIR_START, pair + 1, pts_us, err);
    struct avsp_caption caption;
    return avsp_cea608_put(&captions->fields[type], pair + 1, line_21_us, &caption)
               ? add_line_21(captions, type, &caption, err)
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
        rc = take_pair(captions, bytes + i, pts_us, pts_us + after_us, err);
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
    for (unsigned i = 0; i < AVSP_CAPTIONS_LINE_21 && rc == AVSP_OK; i++) {
        unsigned field = i / AVSP_CEA608_CHANNELS;
        if (avsp_cea608_end(&captions->fields[field], i % AVSP_CEA608_CHANNELS, end_us, &caption))
            rc = add_line_21(captions, field, &caption, err);
    }
    return rc == AVSP_OK ? avsp_cea708_end(&captions->digital, end_us, err) : rc;
}

struct avsp_text_cues *avsp_captions_cues(struct avsp_captions *captions, unsigned caption)
{
    struct avsp_text_cues *cues =
        caption < AVSP_CAPTIONS_LINE_21
            ? &captions->channels[caption]
            : cues_of_service(captions, caption - AVSP_CAPTIONS_LINE_21 + 1);
    return cues != NULL && cues->n_cues > 0 ? cues : NULL;
}

const char *avsp_captions_name(unsigned caption, char ret_name[AVSP_CAPTION_NAME_BYTES])
{
    bool is_service = caption >= AVSP_CAPTIONS_LINE_21;
    snprintf(ret_name, AVSP_CAPTION_NAME_BYTES, is_service ? "Service %u" : "CC%u",
             (is_service ? caption - AVSP_CAPTIONS_LINE_21 : caption) + 1);
    return ret_name;
}

unsigned avsp_captions_list(struct avsp_captions *captions, const struct avsp_caption_set *which,
                            struct avsp_buf *buf)
{
    unsigned n = 0;
    char name[AVSP_CAPTION_NAME_BYTES];
    for (unsigned i = 0; i < AVSP_CAPTIONS_MAX; i++)
        if (which->has[i] && avsp_captions_cues(captions, i) != NULL)
            avsp_buf_printf(buf, "%s%s", n++ > 0 ? ", " : "", avsp_captions_name(i, name));
    return n;
}

// --- captions that say the same

/// Is a service what people are better served with than this channel or other service, where both say the same?
static bool is_better(const struct avsp_captions *captions, unsigned than,
                      const struct avsp_caption_words *own, const struct avsp_caption_words *theirs)
{
    if (than >= AVSP_CAPTIONS_LINE_21)
        return false;
    bool is_damaged = captions->fields[than / AVSP_CEA608_CHANNELS].n_damaged > 0;
    return (is_damaged && captions->digital.n_damaged == 0) || own->n > theirs->n + theirs->n / 20;
}

/// A service against all that stands before it: which of them stays.
static enum avsp_code compare_service(struct avsp_captions *captions, unsigned service,
                                      const struct avsp_caption_set *among,
                                      struct avsp_captions_same *same, struct avsp_err *err)
{
    struct avsp_caption_words AVSP_CLEANUP(avsp_caption_words_deinit) own = {0};
    enum avsp_code rc = avsp_caption_words_init(&own, avsp_captions_cues(captions, service), err);
    for (unsigned i = 0; i < service && rc == AVSP_OK && same->as[service] == 0; i++) {
        struct avsp_caption_words AVSP_CLEANUP(avsp_caption_words_deinit) theirs = {0};
        struct avsp_text_cues *cues = avsp_captions_cues(captions, i);
        if (cues == NULL || !among->has[i] || same->as[i] != 0)
            continue;
        rc = avsp_caption_words_init(&theirs, cues, err);
        if (rc != AVSP_OK || !avsp_caption_words_are_same(&own, &theirs))
            continue;
        if (is_better(captions, i, &own, &theirs))
            same->as[i] = (uint8_t)(service + 1);
        else
            same->as[service] = (uint8_t)(i + 1);
    }
    return rc;
}

enum avsp_code avsp_captions_compare(struct avsp_captions *captions,
                                     const struct avsp_caption_set *among,
                                     struct avsp_captions_same *ret_same, struct avsp_err *err)
{
    *ret_same = (struct avsp_captions_same){0};
    enum avsp_code rc = AVSP_OK;
    for (unsigned i = AVSP_CAPTIONS_LINE_21; i < AVSP_CAPTIONS_MAX && rc == AVSP_OK; i++)
        if (among->has[i] && avsp_captions_cues(captions, i) != NULL)
            rc = compare_service(captions, i, among, ret_same, err);
    return rc;
}
