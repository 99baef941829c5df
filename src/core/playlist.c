#include "core/playlist.h"

#include "core/naming.h"
#include "core/playlist_group.h"
#include "core/playlist_measure.h"

#include <inttypes.h>
#include <string.h>

#define VERSION_AND_ALL "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"

static enum avsp_code check_rendition(const struct avsp_playlist_rendition *p, struct avsp_err *err)
{
    const struct avsp_rendition *r = p->rendition;
    if (p->n_segments == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "%s has no segments", r->name);
    bool has_init = r->kind != AVSP_MEDIA_TEXT;
    if (!avsp_name_is_safe(r->name) || (has_init && !avsp_name_is_safe(r->init_name)) ||
        r->timescale == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "%.40s has a bad name or timescale", r->name);
    int64_t expected = 0;
    for (size_t i = 0; i < p->n_segments; i++) {
        const struct avsp_segment *s = &p->segments[i];
        if (!avsp_name_is_safe(s->name) || s->duration_ticks <= 0)
            return avsp_err_set(err, AVSP_CORRUPT,
                                "%s: segment %" PRIu32 " has a bad name or no "
                                "duration",
                                r->name, s->idx);
        if (s->start_ticks != expected)
            return avsp_err_set(err, AVSP_CORRUPT,
                                "%s: segment %" PRIu32 " begins at %" PRId64 ", not at %" PRId64
                                " where the one before it ends (1/%" PRIu32 " s)",
                                r->name, s->idx, s->start_ticks, expected, r->timescale);
        if (__builtin_add_overflow(s->start_ticks, s->duration_ticks, &expected))
            return avsp_err_set(err, AVSP_CORRUPT, "%s: segment %" PRIu32 " never ends", r->name,
                                s->idx);
    }
    return AVSP_OK;
}

enum avsp_code avsp_playlist_check(const struct avsp_playlist_set *set, struct avsp_err *err)
{
    if (set->n_renditions == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "there is nothing to play");
    int64_t first_end = INT64_MAX;
    int64_t last_end = 0;
    for (size_t r = 0; r < set->n_renditions; r++) {
        enum avsp_code rc = check_rendition(&set->renditions[r], err);
        if (rc != AVSP_OK)
            return rc;
        first_end = AVSP_MIN(first_end, avsp_playlist_track_end_us(&set->renditions[r]));
        last_end = AVSP_MAX(last_end, avsp_playlist_track_end_us(&set->renditions[r]));
    }
    if (last_end - first_end > avsp_playlist_target_s(set) * 1000000)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "the tracks end %" PRId64 " ms apart, more than a segment",
                            (last_end - first_end) / 1000);
    return AVSP_OK;
}

static void put_seconds(struct avsp_buf *buf, int64_t us)
{
    avsp_buf_printf(buf, "#EXTINF:%" PRId64 ".%06" PRId64 ",\n", us / 1000000, us % 1000000);
}

static void put_list(const struct avsp_playlist_set *set, const struct avsp_playlist_rendition *p,
                     bool iframes, struct avsp_buf *buf)
{
    avsp_buf_puts(buf, VERSION_AND_ALL);
    bool text = p->rendition->kind == AVSP_MEDIA_TEXT;
    avsp_buf_printf(buf, "#EXT-X-TARGETDURATION:%" PRId64 "\n",
                    text ? avsp_playlist_target_of_s(p) : avsp_playlist_target_s(set));
    avsp_buf_puts(buf, "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    avsp_buf_puts(buf, iframes ? "#EXT-X-I-FRAMES-ONLY\n" : "");
    if (!text)
        avsp_buf_printf(buf, "#EXT-X-MAP:URI=\"%s\"\n", p->rendition->init_name);
    for (size_t s = 0; s < p->n_segments; s++) {
        put_seconds(buf, avsp_playlist_end_us(p, s) - avsp_playlist_start_us(p, s));
        if (iframes)
            avsp_buf_printf(buf, "#EXT-X-BYTERANGE:%" PRIu64 "@0\n", p->segments[s].key_bytes);
        avsp_buf_printf(buf, "%s\n", p->segments[s].name);
    }
    avsp_buf_puts(buf, "#EXT-X-ENDLIST\n");
}

void avsp_playlist_media(const struct avsp_playlist_set *set, size_t i, struct avsp_buf *buf)
{
    put_list(set, &set->renditions[i], false, buf);
}

bool avsp_playlist_has_iframes(const struct avsp_playlist_set *set, size_t i)
{
    const struct avsp_playlist_rendition *p = &set->renditions[i];
    bool known = p->rendition->kind == AVSP_MEDIA_VIDEO;
    for (size_t s = 0; known && s < p->n_segments; s++)
        known = p->segments[s].key_bytes > 0 && p->segments[s].key_bytes <= p->segments[s].bytes;
    return known;
}

void avsp_playlist_iframes(const struct avsp_playlist_set *set, size_t i, struct avsp_buf *buf)
{
    put_list(set, &set->renditions[i], true, buf);
}

#define CODECS_BYTES 128

/// What a variant has beside its picture: one group of sound, of which the dearest member counts.
struct audio_sum {
    const char *group;         ///< "" without sound
    char codecs[CODECS_BYTES]; ///< of all members
    int64_t peak_bps;
    int64_t average_bps;
};

static void put_variant(const struct avsp_playlist_rendition *p, const char *uri, int64_t target_s,
                        const struct audio_sum *audio, bool has_text, struct avsp_buf *buf)
{
    const struct avsp_rendition *r = p->rendition;
    int64_t milli_fps = ((int64_t)r->frame_rate.num * 1000 + r->frame_rate.den / 2) /
                        AVSP_MAX(r->frame_rate.den, 1);
    avsp_buf_printf(buf, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRId64 ",AVERAGE-BANDWIDTH=%" PRId64,
                    avsp_playlist_peak_bps(p, target_s, false, buf) + audio->peak_bps,
                    avsp_playlist_average_bps(p, false) + audio->average_bps);
    avsp_buf_printf(buf, ",CODECS=\"%s%s%s\"", r->codecs, audio->group[0] != '\0' ? "," : "",
                    audio->codecs);
    avsp_buf_printf(buf, ",RESOLUTION=%" PRIu32 "x%" PRIu32, r->width_px, r->height_px);
    avsp_buf_printf(buf, ",FRAME-RATE=%" PRId64 ".%03" PRId64, milli_fps / 1000, milli_fps % 1000);
    avsp_buf_printf(buf, ",VIDEO-RANGE=%s", r->video_range);
    if (audio->group[0] != '\0')
        avsp_buf_printf(buf, ",AUDIO=\"%s\"", audio->group);
    if (has_text)
        avsp_buf_puts(buf, ",SUBTITLES=\"" AVSP_TEXT_GROUP "\"");
    avsp_buf_printf(buf, ",CLOSED-CAPTIONS=NONE\n%s\n", uri);
}

/// A list of keyframes, for winding and previews. RFC 8216 4.3.4.3.
static void put_iframes(const struct avsp_playlist_rendition *p, const char *uri, int64_t target_s,
                        struct avsp_buf *buf)
{
    const struct avsp_rendition *r = p->rendition;
    avsp_buf_printf(
        buf, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=%" PRId64 ",AVERAGE-BANDWIDTH=%" PRId64,
        avsp_playlist_peak_bps(p, target_s, true, buf), avsp_playlist_average_bps(p, true));
    avsp_buf_printf(buf, ",CODECS=\"%s\",RESOLUTION=%" PRIu32 "x%" PRIu32, r->codecs, r->width_px,
                    r->height_px);
    avsp_buf_printf(buf, ",VIDEO-RANGE=%s,URI=\"%s\"\n", r->video_range, uri);
}

/// Sound without a picture is a variant of its own, without what there is to say of a picture (RFC 8216 4.3.4.2). The variant is
/// the default sound.
static void put_sound_variant(const char *uri, const struct audio_sum *audio, bool has_text,
                              struct avsp_buf *buf)
{
    avsp_buf_printf(buf,
                    "#EXT-X-STREAM-INF:BANDWIDTH=%" PRId64 ",AVERAGE-BANDWIDTH=%" PRId64
                    ",CODECS=\"%s\",AUDIO=\"%s\"%s\n%s\n",
                    audio->peak_bps, audio->average_bps, audio->codecs, audio->group,
                    has_text ? ",SUBTITLES=\"" AVSP_TEXT_GROUP "\"" : "", uri);
}

/// Adds a codec that is not there yet.
static void add_codecs(char codecs[CODECS_BYTES], const char *more)
{
    size_t len = strlen(codecs), n = strlen(more);
    for (const char *at = codecs; n > 0 && (at = strstr(at, more)) != NULL; at += n)
        if ((at == codecs || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
            return;
    snprintf(codecs + len, CODECS_BYTES - len, "%s%s", len > 0 ? "," : "", more);
}

static struct audio_sum sum_audio(const struct avsp_playlist_set *set, enum avsp_sound_form form,
                                  int64_t target_s, struct avsp_buf *buf)
{
    struct audio_sum audio = {.group = avsp_sound_group(form)};
    size_t member = 0;
    for (size_t i = 0; avsp_playlist_next_member(set, form, &i, &member);) {
        const struct avsp_playlist_rendition *p = &set->renditions[member];
        add_codecs(audio.codecs, p->rendition->codecs);
        audio.peak_bps = AVSP_MAX(audio.peak_bps, avsp_playlist_peak_bps(p, target_s, false, buf));
        audio.average_bps = AVSP_MAX(audio.average_bps, avsp_playlist_average_bps(p, false));
    }
    return audio;
}

/// The variants of one group of sound: each picture with it, or where there is none the first of its members.
static void put_variants(const struct avsp_playlist_set *set, const struct avsp_playlist_uris *uris,
                         const struct audio_sum *audio, size_t first_sound, struct avsp_buf *buf)
{
    int64_t target_s = avsp_playlist_target_s(set);
    bool has_text = false;
    for (size_t i = 0; i < set->n_renditions; i++)
        has_text |= set->renditions[i].rendition->kind == AVSP_MEDIA_TEXT;
    if (set->n_renditions > 0 && set->renditions[0].rendition->kind == AVSP_MEDIA_AUDIO)
        put_sound_variant(uris[first_sound].media, audio, has_text, buf);
    for (size_t i = 0; i < set->n_renditions; i++)
        if (set->renditions[i].rendition->kind == AVSP_MEDIA_VIDEO)
            put_variant(&set->renditions[i], uris[i].media, target_s, audio, has_text, buf);
}

void avsp_playlist_multivariant(const struct avsp_playlist_set *set,
                                const struct avsp_playlist_uris *uris, struct avsp_buf *buf)
{
    int64_t target_s = avsp_playlist_target_s(set);
    bool has_sound = false;
    avsp_buf_puts(buf, VERSION_AND_ALL);
    avsp_playlist_put_sounds(set, uris, buf);
    avsp_playlist_put_texts(set, uris, buf);
    for (int form = 0; form < AVSP_SOUND_N_FORMS; form++) {
        enum avsp_sound_form which = (enum avsp_sound_form)form;
        size_t i = 0, first = 0;
        if (!avsp_playlist_has_group(set, which) ||
            !avsp_playlist_next_member(set, which, &i, &first))
            continue;
        has_sound = true;
        struct audio_sum audio = sum_audio(set, which, target_s, buf);
        put_variants(set, uris, &audio, first, buf);
    }
    if (!has_sound)
        put_variants(set, uris, &(struct audio_sum){.group = ""}, 0, buf);
    for (size_t i = 0; i < set->n_renditions; i++)
        if (uris[i].iframes != NULL)
            put_iframes(&set->renditions[i], uris[i].iframes, target_s, buf);
}

void avsp_playlist_parts(const struct avsp_playlist_part *parts, size_t n_parts,
                         struct avsp_buf *buf)
{
    int64_t target = 1;
    for (size_t i = 0; i < n_parts; i++)
        target = AVSP_MAX(target, (parts[i].duration_us + 500000) / 1000000);
    avsp_buf_puts(buf, "#EXTM3U\n#EXT-X-VERSION:7\n");
    avsp_buf_printf(buf, "#EXT-X-TARGETDURATION:%" PRId64 "\n", target);
    avsp_buf_puts(buf, "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    for (size_t i = 0; i < n_parts; i++) {
        const struct avsp_playlist_part *p = &parts[i];
        if (i > 0)
            avsp_buf_puts(buf, "#EXT-X-DISCONTINUITY\n");
        if (p->init_bytes > 0)
            avsp_buf_printf(buf, "#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%" PRIu64 "@0\"\n", p->uri,
                            p->init_bytes);
        put_seconds(buf, p->duration_us);
        if (p->init_bytes > 0)
            avsp_buf_printf(buf, "#EXT-X-BYTERANGE:%" PRIu64 "@%" PRIu64 "\n",
                            p->bytes - p->init_bytes, p->init_bytes);
        avsp_buf_printf(buf, "%s\n", p->uri);
    }
    avsp_buf_puts(buf, "#EXT-X-ENDLIST\n");
}
