#include "core/hls_attr.h"
#include "core/hls_tags.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_OR_EMPTY(attrs, name) (avsp_hls_attr(attrs, name) ? avsp_hls_attr(attrs, name) : "")

static void attribute_fault(struct avsp_hls_reader *r, enum avsp_rule rule, const char *name,
                            const char *value)
{
    avsp_findings_add(r->found, rule, r->file, r->line, "%s: \"%.60s\" is no %s", r->tag, value,
                      name);
}

static int64_t take_number(struct avsp_hls_reader *r, const struct avsp_hls_attrs *attrs,
                           const char *name)
{
    const char *text = avsp_hls_attr(attrs, name);
    int64_t value = 0;
    if (text != NULL && !avsp_parse_i64(text, 0, INT64_MAX / 1000, &value))
        attribute_fault(r, AVSP_RULE_STREAM_INF, name, text);
    return value;
}

static bool take_yes(struct avsp_hls_reader *r, const struct avsp_hls_attrs *attrs,
                     const char *name)
{
    const char *text = avsp_hls_attr(attrs, name);
    if (text != NULL && strcmp(text, "YES") != 0 && strcmp(text, "NO") != 0)
        attribute_fault(r, AVSP_RULE_MEDIA_ATTRIBUTES, name, text);
    return text != NULL && strcmp(text, "YES") == 0;
}

static void need(struct avsp_hls_reader *r, const struct avsp_hls_attrs *attrs, const char *name,
                 bool wanted)
{
    bool is_there = avsp_hls_attr(attrs, name) != NULL;
    if (is_there != wanted)
        avsp_findings_add(r->found, AVSP_RULE_MEDIA_ATTRIBUTES, r->file, r->line,
                          wanted ? "%s has no %s" : "%s may have no %s", r->tag, name);
}

/// RFC 8216 4.3.4.1: what each TYPE has and has not.
static void check_media_tag(struct avsp_hls_reader *r, const struct avsp_hls_attrs *attrs)
{
    const char *type = TEXT_OR_EMPTY(attrs, "TYPE");
    bool captions = strcmp(type, "CLOSED-CAPTIONS") == 0;
    bool subtitles = strcmp(type, "SUBTITLES") == 0;
    if (!captions && !subtitles && strcmp(type, "AUDIO") != 0 && strcmp(type, "VIDEO") != 0)
        attribute_fault(r, AVSP_RULE_MEDIA_ATTRIBUTES, "TYPE", type);
    need(r, attrs, "GROUP-ID", true);
    need(r, attrs, "NAME", true);
    need(r, attrs, "INSTREAM-ID", captions);
    if (captions || subtitles)
        need(r, attrs, "URI", subtitles);
    if (!subtitles)
        need(r, attrs, "FORCED", false);
    if (captions && strncmp(TEXT_OR_EMPTY(attrs, "INSTREAM-ID"), "SERVICE", 7) == 0)
        avsp_hls_needs(r, 7, "a SERVICE as INSTREAM-ID");
}

bool avsp_hls_take_media(struct avsp_hls_reader *r, const char *value)
{
    struct avsp_hls_attrs attrs;
    if (!avsp_hls_take_attrs(r, value, &attrs))
        return true;
    check_media_tag(r, &attrs);
    int64_t channels = 0;
    const char *rest;
    // "6" or "12/JOC": the first parameter counts the channels.
    if (!avsp_hls_decimal(TEXT_OR_EMPTY(&attrs, "CHANNELS"), 1, &channels, &rest))
        channels = 0;
    if (r->out->n_media == AVSP_HLS_RENDITIONS_MAX) {
        avsp_findings_add(r->found, AVSP_RULE_LIMIT, r->file, r->line,
                          "there are more than %d renditions", AVSP_HLS_RENDITIONS_MAX);
        return true;
    }
    r->out->media[r->out->n_media++] = (struct avsp_hls_media){
        .type = TEXT_OR_EMPTY(&attrs, "TYPE"),
        .group = TEXT_OR_EMPTY(&attrs, "GROUP-ID"),
        .name = TEXT_OR_EMPTY(&attrs, "NAME"),
        .language = TEXT_OR_EMPTY(&attrs, "LANGUAGE"),
        .uri = TEXT_OR_EMPTY(&attrs, "URI"),
        .instream_id = TEXT_OR_EMPTY(&attrs, "INSTREAM-ID"),
        .characteristics = TEXT_OR_EMPTY(&attrs, "CHARACTERISTICS"),
        .assoc_language = TEXT_OR_EMPTY(&attrs, "ASSOC-LANGUAGE"),
        .forced = take_yes(r, &attrs, "FORCED"),
        .channels = (uint32_t)channels,
        .is_default = take_yes(r, &attrs, "DEFAULT"),
        .autoselect = take_yes(r, &attrs, "AUTOSELECT"),
        .says_autoselect = avsp_hls_attr(&attrs, "AUTOSELECT") != NULL,
        .line = r->line,
    };
    return true;
}

/// "1280x720" @return false where it is not that.
static bool take_resolution(const char *text, uint32_t *ret_width, uint32_t *ret_height)
{
    int64_t width, height;
    const char *rest;
    if (!avsp_hls_decimal(text, 1, &width, &rest) || *rest != 'x' ||
        !avsp_hls_decimal(rest + 1, 1, &height, &rest) || *rest != '\0' || width == 0 ||
        height == 0 || strchr(text, '.') != NULL)
        return false;
    *ret_width = (uint32_t)width;
    *ret_height = (uint32_t)height;
    return true;
}

static bool take_stream_inf(struct avsp_hls_reader *r, const char *value, bool iframes_only)
{
    struct avsp_hls_attrs attrs;
    if (r->waiting != NULL)
        avsp_hls_no_variant_uri(r);
    if (!avsp_hls_take_attrs(r, value, &attrs))
        return true;
    const char *captions = TEXT_OR_EMPTY(&attrs, "CLOSED-CAPTIONS");
    struct avsp_hls_variant v = {
        .uri = iframes_only ? TEXT_OR_EMPTY(&attrs, "URI") : "",
        .bandwidth = take_number(r, &attrs, "BANDWIDTH"),
        .average_bandwidth = take_number(r, &attrs, "AVERAGE-BANDWIDTH"),
        .codecs = TEXT_OR_EMPTY(&attrs, "CODECS"),
        .video_range = TEXT_OR_EMPTY(&attrs, "VIDEO-RANGE"),
        .audio = TEXT_OR_EMPTY(&attrs, "AUDIO"),
        .video = TEXT_OR_EMPTY(&attrs, "VIDEO"),
        .subtitles = TEXT_OR_EMPTY(&attrs, "SUBTITLES"),
        .closed_captions = strcmp(captions, "NONE") == 0 ? "" : captions,
        .no_captions = strcmp(captions, "NONE") == 0,
        .iframes_only = iframes_only,
        .line = r->line,
    };
    const char *rest = "";
    const char *rate = avsp_hls_attr(&attrs, "FRAME-RATE");
    if (rate != NULL && (!avsp_hls_decimal(rate, 1000, &v.milli_fps, &rest) || *rest != '\0'))
        attribute_fault(r, AVSP_RULE_STREAM_INF, "FRAME-RATE", rate);
    const char *size = avsp_hls_attr(&attrs, "RESOLUTION");
    if (size != NULL && !take_resolution(size, &v.width_px, &v.height_px))
        attribute_fault(r, AVSP_RULE_STREAM_INF, "RESOLUTION", size);
    if (v.bandwidth == 0)
        avsp_findings_add(r->found, AVSP_RULE_STREAM_INF, r->file, r->line, "%s has no BANDWIDTH",
                          r->tag);
    if (r->out->n_variants == AVSP_HLS_RENDITIONS_MAX) {
        avsp_findings_add(r->found, AVSP_RULE_LIMIT, r->file, r->line,
                          "there are more than %d variants", AVSP_HLS_RENDITIONS_MAX);
        return true;
    }
    r->out->variants[r->out->n_variants++] = v;
    if (!iframes_only)
        r->waiting = &r->out->variants[r->out->n_variants - 1];
    return !iframes_only || v.uri[0] != '\0';
}

bool avsp_hls_take_variant(struct avsp_hls_reader *r, const char *value)
{
    return take_stream_inf(r, value, false);
}

bool avsp_hls_take_iframe_variant(struct avsp_hls_reader *r, const char *value)
{
    return take_stream_inf(r, value, true);
}

void avsp_hls_take_variant_uri(struct avsp_hls_reader *r, const char *uri)
{
    char *copy = avsp_arena_strndup(r->arena, uri, strlen(uri));
    if (copy == NULL) {
        r->no_memory = true;
        return;
    }
    if (r->waiting == NULL)
        avsp_findings_add(r->found, AVSP_RULE_STREAM_INF, r->file, r->line,
                          "there is no EXT-X-STREAM-INF before \"%.100s\"", uri);
    else
        r->waiting->uri = copy;
    r->waiting = NULL;
}

void avsp_hls_no_variant_uri(struct avsp_hls_reader *r)
{
    avsp_findings_add(r->found, AVSP_RULE_STREAM_INF, r->file, r->waiting->line,
                      "no URI follows EXT-X-STREAM-INF");
    r->waiting = NULL;
}
