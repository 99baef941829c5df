#include "core/hls_attr.h"
#include "core/hls_tags.h"
#include "util/parse.h"

#include <string.h>

/// Longer than any range of a file.
#define OFFSET_MAX (INT64_MAX / 4)
/// Longer than any segment, and short enough that a million of them can be added up.
#define EXTINF_MAX_US (INT64_C(1000000) * 1000000)

bool avsp_hls_take_attrs(struct avsp_hls_reader *r, const char *value,
                         struct avsp_hls_attrs *ret_attrs)
{
    struct avsp_err fault = {0};
    if (avsp_hls_attrs_parse(r->arena, value, ret_attrs, &fault) != AVSP_OK) {
        r->no_memory = true;
        return false;
    }
    if (fault.code != AVSP_OK)
        avsp_findings_add(r->found, AVSP_RULE_ATTRIBUTES, r->file, r->line, "%s: %s", r->tag,
                          fault.text);
    return true;
}

bool avsp_hls_take_extinf(struct avsp_hls_reader *r, const char *value)
{
    const char *rest;
    r->has_extinf = true;
    r->has_duration =
        avsp_hls_decimal(value, 1000000, &r->duration_us, &rest) && r->duration_us <= EXTINF_MAX_US;
    if (!r->has_duration)
        return false;
    if (memchr(value, '.', (size_t)(rest - value)) != NULL)
        avsp_hls_needs(r, 3, "a fraction in EXTINF");
    return *rest == ',' || *rest == '\0';
}

bool avsp_hls_range_parse(const char *text, struct avsp_hls_range *ret_range, bool *ret_has_offset)
{
    char length[24];
    size_t n = strcspn(text, "@");
    int64_t bytes = 0, offset = 0;
    if (n >= sizeof length)
        return false;
    memcpy(length, text, n);
    length[n] = '\0';
    *ret_has_offset = text[n] == '@';
    if (!avsp_parse_i64(length, 1, OFFSET_MAX, &bytes) ||
        (*ret_has_offset && !avsp_parse_i64(text + n + 1, 0, OFFSET_MAX, &offset)))
        return false;
    *ret_range = (struct avsp_hls_range){(uint64_t)offset, (uint64_t)bytes};
    return true;
}

bool avsp_hls_take_byterange(struct avsp_hls_reader *r, const char *value)
{
    avsp_hls_needs(r, 4, "EXT-X-BYTERANGE");
    r->has_range = avsp_hls_range_parse(value, &r->range, &r->has_range_offset);
    r->range_line = r->line;
    return r->has_range;
}

bool avsp_hls_take_discontinuity(struct avsp_hls_reader *r, const char *value)
{
    (void)value;
    r->discontinuity = true;
    return true;
}

bool avsp_hls_take_gap(struct avsp_hls_reader *r, const char *value)
{
    (void)value;
    r->is_gap = true;
    return true;
}

bool avsp_hls_take_key(struct avsp_hls_reader *r, const char *value)
{
    struct avsp_hls_attrs attrs;
    if (!avsp_hls_take_attrs(r, value, &attrs))
        return true;
    const char *method = avsp_hls_attr(&attrs, "METHOD");
    if (method == NULL)
        return false;
    r->encrypted = strcmp(method, "NONE") != 0;
    if (avsp_hls_attr(&attrs, "IV") != NULL)
        avsp_hls_needs(r, 2, "the IV of EXT-X-KEY");
    if (avsp_hls_attr(&attrs, "KEYFORMAT") != NULL)
        avsp_hls_needs(r, 5, "the KEYFORMAT of EXT-X-KEY");
    return !r->encrypted || avsp_hls_attr(&attrs, "URI") != NULL;
}

bool avsp_hls_take_map(struct avsp_hls_reader *r, const char *value)
{
    struct avsp_hls_attrs attrs;
    if (!avsp_hls_take_attrs(r, value, &attrs))
        return true;
    avsp_hls_needs(r, r->out->iframes_only ? 5 : 6, "EXT-X-MAP");
    const char *uri = avsp_hls_attr(&attrs, "URI");
    const char *range = avsp_hls_attr(&attrs, "BYTERANGE");
    struct avsp_hls_map map = {.uri = uri, .line = r->line};
    bool has_offset;
    if (uri == NULL || (range != NULL && !avsp_hls_range_parse(range, &map.range, &has_offset)))
        return false;
    if (r->out->n_maps < r->maps_cap)
        r->out->maps[r->out->n_maps++] = map;
    r->map = (uint32_t)r->out->n_maps;
    return true;
}

bool avsp_hls_take_target(struct avsp_hls_reader *r, const char *value)
{
    return avsp_parse_i64(value, 1, 1000000, &r->out->target_s);
}

bool avsp_hls_take_sequence(struct avsp_hls_reader *r, const char *value)
{
    int64_t ignored;
    if (r->out->n_segments > 0)
        avsp_findings_add(r->found, AVSP_RULE_TAG_ORDER, r->file, r->line,
                          "%s stands behind the first segment", r->tag);
    return avsp_parse_i64(value, 0, INT64_MAX, &ignored);
}

bool avsp_hls_take_endlist(struct avsp_hls_reader *r, const char *value)
{
    (void)value;
    r->has_endlist = true;
    return true;
}

bool avsp_hls_take_type(struct avsp_hls_reader *r, const char *value)
{
    r->out->is_vod = strcmp(value, "VOD") == 0;
    return r->out->is_vod || strcmp(value, "EVENT") == 0;
}

bool avsp_hls_take_iframes(struct avsp_hls_reader *r, const char *value)
{
    (void)value;
    r->out->iframes_only = true;
    avsp_hls_needs(r, 4, "EXT-X-I-FRAMES-ONLY");
    return true;
}

/// Completes a range that goes on where the one before it ended. RFC 8216 4.3.2.2.
static void complete_range(struct avsp_hls_reader *r, const char *uri)
{
    const struct avsp_hls_playlist *p = r->out;
    if (!r->has_range || r->has_range_offset)
        return;
    const struct avsp_hls_segment *before =
        p->n_segments > 0 ? &p->segments[p->n_segments - 1] : NULL;
    if (before != NULL && before->range.bytes > 0 && strcmp(before->uri, uri) == 0 &&
        before->range.offset + before->range.bytes <= (uint64_t)OFFSET_MAX)
        r->range.offset = before->range.offset + before->range.bytes;
    else
        avsp_findings_add(
            r->found, AVSP_RULE_BYTERANGE, r->file, r->range_line,
            "it has no offset, and the segment before it is no part of the same file");
}

static void take_segment_uri(struct avsp_hls_reader *r, const char *uri)
{
    struct avsp_hls_playlist *p = r->out;
    if (!r->has_extinf)
        avsp_findings_add(r->found, AVSP_RULE_EXTINF_MISSING, r->file, r->line,
                          "there is no EXTINF before \"%.100s\"", uri);
    if (p->n_segments == r->segments_cap) {
        avsp_findings_add(r->found, AVSP_RULE_LIMIT, r->file, r->line,
                          "there are more than %d segments", AVSP_SEGMENTS_MAX);
        return;
    }
    complete_range(r, uri);
    char *copy = avsp_arena_strndup(r->arena, uri, strlen(uri));
    if (copy == NULL) {
        r->no_memory = true;
        return;
    }
    p->segments[p->n_segments++] = (struct avsp_hls_segment){
        .uri = copy,
        .range = r->has_range ? r->range : (struct avsp_hls_range){0},
        .duration_us = r->has_duration ? r->duration_us : 0,
        .has_duration = r->has_duration,
        .line = r->line,
        .map = r->map,
        .discontinuity = r->discontinuity,
        .encrypted = r->encrypted,
        .is_gap = r->is_gap,
    };
    r->has_extinf = r->has_duration = r->has_range = r->discontinuity = r->is_gap = false;
}

void avsp_hls_take_uri(struct avsp_hls_reader *r, const char *uri)
{
    if (r->waiting != NULL || (r->is_multi && !r->is_media))
        avsp_hls_take_variant_uri(r, uri);
    else
        take_segment_uri(r, uri);
}

void avsp_hls_end(struct avsp_hls_reader *r)
{
    if (r->waiting != NULL)
        avsp_hls_no_variant_uri(r);
    if (r->has_extinf)
        avsp_findings_add(r->found, AVSP_RULE_EXTINF, r->file, r->line,
                          "the last EXTINF has no segment behind it");
}
