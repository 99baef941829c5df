#include "core/dash.h"

#include "core/playlist_measure.h"
#include "core/sound_options.h"

#include <inttypes.h>
#include <string.h>

/// XML 1.0: no markup in a value, and none of the characters that it does not take; a title is anybody's text.
static void put_value(struct avsp_buf *buf, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        switch (*c) {
        case '&':
            avsp_buf_puts(buf, "&amp;");
            break;
        case '<':
            avsp_buf_puts(buf, "&lt;");
            break;
        case '>':
            avsp_buf_puts(buf, "&gt;");
            break;
        case '"':
            avsp_buf_puts(buf, "&quot;");
            break;
        default:
            avsp_buf_append(buf, (unsigned char)*c < 0x20 || *c == 0x7f ? " " : c, 1);
        }
}

static void put_attribute(struct avsp_buf *buf, const char *name, const char *text)
{
    avsp_buf_printf(buf, " %s=\"", name);
    put_value(buf, text);
    avsp_buf_puts(buf, "\"");
}

/// An xs:duration.
static void put_duration(struct avsp_buf *buf, const char *name, int64_t us)
{
    avsp_buf_printf(buf, " %s=\"PT%" PRId64 ".%06" PRId64 "S\"", name, us / 1000000, us % 1000000);
}

static void put_property(struct avsp_buf *buf, const char *element, const char *scheme,
                         const char *value)
{
    avsp_buf_printf(buf, "      <%s schemeIdUri=\"%s\" value=\"%s\"/>\n", element, scheme, value);
}

/// Presentation time of a tick, in ticks: an edit list hides the priming.
static int64_t shown(const struct avsp_rendition *r, int64_t ticks)
{
    return AVSP_MAX(ticks - r->priming_ticks, (int64_t)0);
}

static int64_t length_of(const struct avsp_playlist_rendition *p, size_t i)
{
    const struct avsp_segment *s = &p->segments[i];
    return shown(p->rendition, s->start_ticks + s->duration_ticks) -
           shown(p->rendition, s->start_ticks);
}

/// Segments of one length after each other are one entry: they meet exactly, so only the first has to say its time.
static void put_timeline(const struct avsp_playlist_rendition *p, struct avsp_buf *buf)
{
    avsp_buf_puts(buf, "          <SegmentTimeline>\n");
    for (size_t i = 0, n = 0; i < p->n_segments; i += n) {
        int64_t length = length_of(p, i);
        for (n = 1; i + n < p->n_segments && length_of(p, i + n) == length;)
            n++;
        avsp_buf_puts(buf, i == 0 ? "            <S t=\"0\"" : "            <S");
        avsp_buf_printf(buf, " d=\"%" PRId64 "\"", length);
        if (n > 1)
            avsp_buf_printf(buf, " r=\"%zu\"", n - 1);
        avsp_buf_puts(buf, "/>\n");
    }
    avsp_buf_puts(buf, "          </SegmentTimeline>\n");
}

static void put_segments(const struct avsp_playlist_rendition *p, struct avsp_buf *buf)
{
    const struct avsp_rendition *r = p->rendition;
    avsp_buf_printf(buf, "        <SegmentList timescale=\"%" PRIu32 "\">\n", r->timescale);
    avsp_buf_printf(buf, "          <Initialization sourceURL=\"%s/%s\"/>\n", r->name,
                    r->init_name);
    put_timeline(p, buf);
    for (size_t i = 0; i < p->n_segments; i++)
        avsp_buf_printf(buf, "          <SegmentURL media=\"%s/%s\"/>\n", r->name,
                        p->segments[i].name);
    avsp_buf_puts(buf, "        </SegmentList>\n");
}

static void begin_representation(const struct avsp_playlist_rendition *p, int64_t target_s,
                                 struct avsp_buf *buf)
{
    avsp_buf_printf(buf, "      <Representation id=\"%s\" bandwidth=\"%" PRId64 "\"",
                    p->rendition->name, avsp_playlist_peak_bps(p, target_s, false, buf));
}

static void put_picture(const struct avsp_playlist_rendition *p, int64_t target_s,
                        struct avsp_buf *buf)
{
    const struct avsp_rendition *r = p->rendition;
    begin_representation(p, target_s, buf);
    put_attribute(buf, "codecs", r->codecs);
    avsp_buf_printf(buf,
                    " width=\"%" PRIu32 "\" height=\"%" PRIu32 "\" frameRate=\"%" PRId32 "/%" PRId32
                    "\">\n",
                    r->width_px, r->height_px, r->frame_rate.num, r->frame_rate.den);
    put_segments(p, buf);
    avsp_buf_puts(buf, "      </Representation>\n");
}

/// ISO/IEC 23091-2: what the playlists call PQ and HLG.
static void put_transfer(const struct avsp_rendition *r, struct avsp_buf *buf)
{
    bool pq = strcmp(r->video_range, "PQ") == 0, hlg = strcmp(r->video_range, "HLG") == 0;
    if (pq || hlg)
        put_property(buf, "SupplementalProperty", "urn:mpeg:mpegB:cicp:TransferCharacteristics",
                     pq ? "16" : "18");
}

/// May a player go from one to the other at a segment? Hardly any does between SDR and HDR, or between codecs.
static bool is_picture_like(const struct avsp_rendition *r, const struct avsp_rendition *other)
{
    size_t n = strcspn(r->codecs, "."); // "av01", "avc1"
    return r->kind == AVSP_MEDIA_VIDEO && other->kind == AVSP_MEDIA_VIDEO &&
           strcmp(r->video_range, other->video_range) == 0 && n == strcspn(other->codecs, ".") &&
           strncmp(r->codecs, other->codecs, n) == 0;
}

static bool is_first_of_its_like(const struct avsp_playlist_set *set, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (is_picture_like(set->renditions[j].rendition, set->renditions[i].rendition))
            return false;
    return true;
}

/// All pictures of one codec and range.
static void put_pictures(const struct avsp_playlist_set *set, size_t first, struct avsp_buf *buf)
{
    const struct avsp_rendition *r = set->renditions[first].rendition;
    avsp_buf_puts(buf, "    <AdaptationSet contentType=\"video\" mimeType=\"video/mp4\""
                       " segmentAlignment=\"true\" startWithSAP=\"1\">\n");
    put_transfer(r, buf);
    for (size_t i = first; i < set->n_renditions; i++)
        if (is_picture_like(set->renditions[i].rendition, r))
            put_picture(&set->renditions[i], avsp_playlist_target_s(set), buf);
    avsp_buf_puts(buf, "    </AdaptationSet>\n");
}

/// In front of what an AdaptationSet has of its own: the schema of ISO/IEC 23009-1 has an order.
static void put_label(const struct avsp_rendition *r, struct avsp_buf *buf)
{
    if (r->title[0] == '\0')
        return;
    avsp_buf_puts(buf, "      <Label>");
    put_value(buf, r->title);
    avsp_buf_puts(buf, "</Label>\n");
}

static void put_role(const char *role, struct avsp_buf *buf)
{
    put_property(buf, "Role", "urn:mpeg:dash:role:2011", role);
}

static void put_sound_purposes(const struct avsp_rendition *r, bool is_main, struct avsp_buf *buf)
{
    static const char purposes[] = "urn:tva:metadata:cs:AudioPurposeCS:2007";
    if ((r->purposes & AVSP_PURPOSE_DESCRIPTION) != 0)
        put_property(buf, "Accessibility", purposes, "1");
    else if ((r->purposes & AVSP_PURPOSE_HEARING) != 0)
        put_property(buf, "Accessibility", purposes, "2");
    put_role((r->purposes & AVSP_PURPOSE_COMMENTARY) != 0 ? "commentary"
             : is_main                                    ? "main"
                                                          : "alternate",
             buf);
}

/// The layout that so many channels most likely have, by its number in ISO/IEC 23091-3.
static uint32_t layout_of(uint32_t channels)
{
    return channels == 7 ? 11 : channels == 8 ? 12 : channels; // 6.1, 7.1
}

static void put_sound(const struct avsp_playlist_set *set, size_t i, bool is_main,
                      struct avsp_buf *buf)
{
    const struct avsp_playlist_rendition *p = &set->renditions[i];
    const struct avsp_rendition *r = p->rendition;
    avsp_buf_puts(buf, "    <AdaptationSet contentType=\"audio\" mimeType=\"audio/mp4\""
                       " segmentAlignment=\"true\" startWithSAP=\"1\"");
    put_attribute(buf, "lang", r->language);
    avsp_buf_puts(buf, ">\n");
    put_label(r, buf);
    put_sound_purposes(r, is_main, buf);
    begin_representation(p, avsp_playlist_target_s(set), buf);
    put_attribute(buf, "codecs", r->codecs);
    avsp_buf_printf(buf, " audioSamplingRate=\"%" PRIu32 "\">\n", r->timescale);
    avsp_buf_printf(buf,
                    "        <AudioChannelConfiguration"
                    " schemeIdUri=\"urn:mpeg:mpegB:cicp:ChannelConfiguration\" value=\"%" PRIu32
                    "\"/>\n",
                    layout_of(r->channels));
    put_segments(p, buf);
    avsp_buf_puts(buf, "      </Representation>\n    </AdaptationSet>\n");
}

/// A track of text is one file.
static void put_text(const struct avsp_playlist_rendition *p, struct avsp_buf *buf)
{
    const struct avsp_rendition *r = p->rendition;
    avsp_buf_puts(buf, "    <AdaptationSet contentType=\"text\" mimeType=\"text/vtt\"");
    put_attribute(buf, "lang", r->language);
    avsp_buf_puts(buf, ">\n");
    put_label(r, buf);
    put_role((r->purposes & AVSP_PURPOSE_FORCED) != 0    ? "forced-subtitle"
             : (r->purposes & AVSP_PURPOSE_HEARING) != 0 ? "caption"
                                                         : "subtitle",
             buf);
    avsp_buf_printf(buf, "      <Representation id=\"%s\" bandwidth=\"%" PRId64 "\">\n", r->name,
                    AVSP_MAX(avsp_playlist_average_bps(p, false), (int64_t)1));
    avsp_buf_printf(buf, "        <BaseURL>%s/%s</BaseURL>\n", r->name, p->segments[0].name);
    avsp_buf_puts(buf, "      </Representation>\n    </AdaptationSet>\n");
}

static void put_head(const struct avsp_playlist_set *set, struct avsp_buf *buf)
{
    int64_t end_us = 0;
    for (size_t i = 0; i < set->n_renditions; i++)
        if (set->renditions[i].rendition->kind != AVSP_MEDIA_TEXT)
            end_us = AVSP_MAX(end_us, avsp_playlist_track_end_us(&set->renditions[i]));
    int64_t target_us = avsp_playlist_target_s(set) * 1000000;
    avsp_buf_puts(buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                       "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\""
                       " profiles=\"urn:mpeg:dash:profile:isoff-main:2011,"
                       "urn:mpeg:dash:profile:cmaf:2019\" type=\"static\"");
    put_duration(buf, "mediaPresentationDuration", end_us);
    put_duration(buf, "minBufferTime", target_us);
    put_duration(buf, "maxSegmentDuration", target_us);
    avsp_buf_puts(buf, ">\n  <Period id=\"0\" start=\"PT0S\">\n");
}

/// Are they forms of one track of sound?
static bool is_same_track(const struct avsp_rendition *a, const struct avsp_rendition *b)
{
    uint32_t x = 0, y = 0;
    enum avsp_sound_form form;
    return strcmp(a->name, b->name) == 0 || (avsp_sound_name_parse(a->name, &x, &form) &&
                                             avsp_sound_name_parse(b->name, &y, &form) && x == y);
}

void avsp_dash_mpd(const struct avsp_playlist_set *set, struct avsp_buf *buf)
{
    put_head(set, buf);
    const struct avsp_rendition *first_sound = NULL;
    for (size_t i = 0; i < set->n_renditions; i++) {
        const struct avsp_rendition *r = set->renditions[i].rendition;
        if (r->kind == AVSP_MEDIA_VIDEO && is_first_of_its_like(set, i))
            put_pictures(set, i, buf);
        if (r->kind == AVSP_MEDIA_TEXT)
            put_text(&set->renditions[i], buf);
        if (r->kind != AVSP_MEDIA_AUDIO)
            continue;
        first_sound = first_sound != NULL ? first_sound : r;
        put_sound(set, i, is_same_track(r, first_sound), buf);
    }
    avsp_buf_puts(buf, "  </Period>\n</MPD>\n");
}
