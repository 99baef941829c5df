#include "core/hls.h"

#include "core/hls_attr.h"
#include "core/hls_tags.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

/// What kinds of playlist a tag belongs to; RFC 8216 4.3.
enum where { ANYWHERE, MEDIA, MULTI };

struct tag {
    const char *name;
    enum where where;
    bool once;
    bool has_value;
    bool (*take)(struct avsp_hls_reader *r, const char *value);
};

static bool take_version(struct avsp_hls_reader *r, const char *value)
{
    int64_t version = 0;
    if (!avsp_parse_i64(value, 1, 1000, &version))
        return false;
    r->out->version = (int32_t)version;
    return true;
}

static bool take_independent(struct avsp_hls_reader *r, const char *value)
{
    (void)value;
    r->out->independent = true;
    return true;
}

static bool take_nothing(struct avsp_hls_reader *r, const char *value)
{
    (void)r;
    (void)value;
    return true;
}

static bool take_unsupported(struct avsp_hls_reader *r, const char *value)
{
    (void)value;
    avsp_findings_add(r->found, AVSP_RULE_UNSUPPORTED, r->file, r->line,
                      "%s is not understood here", r->tag);
    return true;
}

static const struct tag tags[] = {
    {"EXT-X-VERSION", ANYWHERE, true, true, take_version},
    {"EXT-X-INDEPENDENT-SEGMENTS", ANYWHERE, true, false, take_independent},
    {"EXT-X-START", ANYWHERE, true, true, take_nothing},
    {"EXT-X-DEFINE", ANYWHERE, false, true, take_unsupported},
    {"EXTINF", MEDIA, false, true, avsp_hls_take_extinf},
    {"EXT-X-BYTERANGE", MEDIA, false, true, avsp_hls_take_byterange},
    {"EXT-X-DISCONTINUITY", MEDIA, false, false, avsp_hls_take_discontinuity},
    {"EXT-X-KEY", MEDIA, false, true, avsp_hls_take_key},
    {"EXT-X-MAP", MEDIA, false, true, avsp_hls_take_map},
    {"EXT-X-PROGRAM-DATE-TIME", MEDIA, false, true, take_nothing},
    {"EXT-X-DATERANGE", MEDIA, false, true, take_nothing},
    {"EXT-X-GAP", MEDIA, false, false, avsp_hls_take_gap},
    {"EXT-X-BITRATE", MEDIA, false, true, take_nothing},
    {"EXT-X-PART", MEDIA, false, true, take_unsupported},
    {"EXT-X-SKIP", MEDIA, false, true, take_unsupported},
    {"EXT-X-TARGETDURATION", MEDIA, true, true, avsp_hls_take_target},
    {"EXT-X-MEDIA-SEQUENCE", MEDIA, true, true, avsp_hls_take_sequence},
    {"EXT-X-DISCONTINUITY-SEQUENCE", MEDIA, true, true, avsp_hls_take_sequence},
    {"EXT-X-ENDLIST", MEDIA, true, false, avsp_hls_take_endlist},
    {"EXT-X-PLAYLIST-TYPE", MEDIA, true, true, avsp_hls_take_type},
    {"EXT-X-I-FRAMES-ONLY", MEDIA, true, false, avsp_hls_take_iframes},
    {"EXT-X-MEDIA", MULTI, false, true, avsp_hls_take_media},
    {"EXT-X-STREAM-INF", MULTI, false, true, avsp_hls_take_variant},
    {"EXT-X-I-FRAME-STREAM-INF", MULTI, false, true, avsp_hls_take_iframe_variant},
    {"EXT-X-SESSION-DATA", MULTI, false, true, take_nothing},
    {"EXT-X-SESSION-KEY", MULTI, false, true, take_nothing},
    {"EXT-X-CONTENT-STEERING", MULTI, true, true, take_nothing},
};
_Static_assert(AVSP_ARRAY_LEN(tags) <= 64, "one bit each in `seen`");

void avsp_hls_needs(struct avsp_hls_reader *r, int32_t version, const char *what)
{
    if (version <= r->needed_version)
        return;
    r->needed_version = version;
    r->needed_for = what;
    r->needed_line = r->line;
}

static const struct tag *find_tag(const char *name, size_t len)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(tags); i++)
        if (strlen(tags[i].name) == len && memcmp(tags[i].name, name, len) == 0)
            return &tags[i];
    return NULL;
}

static void note_kind(struct avsp_hls_reader *r, enum where where)
{
    r->is_media |= where == MEDIA;
    r->is_multi |= where == MULTI;
    if (!r->is_media || !r->is_multi || r->is_mixed)
        return;
    r->is_mixed = true;
    avsp_findings_add(r->found, AVSP_RULE_MIXED, r->file, r->line,
                      "%s does not belong into the same playlist as the tags before it", r->tag);
}

/// A line that begins with '#', in a buffer of its own.
static void take_tag(struct avsp_hls_reader *r, char *line)
{
    if (strncmp(line, "#EXT", 4) != 0)
        return; // a comment
    size_t len = strcspn(line + 1, ":");
    const struct tag *tag = find_tag(line + 1, len);
    if (tag == NULL)
        return; // a tag that is not known is passed over: RFC 8216 6.3.1
    const char *value = line[1 + len] == ':' ? line + 1 + len + 1 : "";
    r->tag = tag->name;
    note_kind(r, tag->where);
    uint64_t bit = UINT64_C(1) << (tag - tags);
    if (tag->once && (r->seen & bit) != 0)
        avsp_findings_add(r->found, AVSP_RULE_TAG_REPEATED, r->file, r->line,
                          "%s stands there a second time", tag->name);
    r->seen |= bit;
    bool has_value = line[1 + len] == ':' && value[0] != '\0';
    if (has_value != tag->has_value || !tag->take(r, value))
        avsp_findings_add(
            r->found, strcmp(tag->name, "EXT-X-VERSION") == 0 ? AVSP_RULE_VERSION : AVSP_RULE_TAG,
            r->file, r->line, "\"%.60s\" is not how %s is written", value, tag->name);
}

/// A line that is no text is passed over; where it is a URI, what waits for that is content.
static void drop_line(struct avsp_hls_reader *r, const char *line, const char *why)
{
    avsp_findings_add(r->found, AVSP_RULE_TEXT, r->file, r->line, "%s", why);
    if (line[0] == '#')
        return;
    r->dropped = true;
    r->has_extinf = false;
    r->waiting = NULL;
}

static void take_line(struct avsp_hls_reader *r, char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t'))
        line[--len] = '\0';
    if (r->line == 1) {
        if (strcmp(line, "#EXTM3U") != 0)
            avsp_findings_add(r->found, AVSP_RULE_EXTM3U, r->file, 1,
                              "the first line is not #EXTM3U");
        else
            return;
    }
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f) {
            drop_line(r, line, "there is a control character in it");
            return;
        }
    if (!avsp_utf8_is_valid(line)) {
        drop_line(r, line, "it is not UTF-8");
        return;
    }
    if (len == 0)
        return;
    if (line[0] == '#')
        take_tag(r, line);
    else
        avsp_hls_take_uri(r, line);
}

/// How many lines begin with @p prefix: no array has to grow.
static size_t count_lines(const char *bytes, size_t len, const char *prefix)
{
    size_t n = 0, prefix_len = strlen(prefix);
    for (const char *at = bytes, *end = bytes + len; at < end;) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        if ((size_t)(end - at) >= prefix_len && memcmp(at, prefix, prefix_len) == 0)
            n++;
        at = feed != NULL ? feed + 1 : end;
    }
    return n;
}

static size_t count_uris(const char *bytes, size_t len)
{
    return count_lines(bytes, len, "") - count_lines(bytes, len, "#");
}

static bool allocate(struct avsp_hls_reader *r, const char *bytes, size_t len)
{
    struct avsp_hls_playlist *out = r->out;
    r->segments_cap = AVSP_MIN(count_uris(bytes, len), (size_t)AVSP_SEGMENTS_MAX);
    r->maps_cap = AVSP_MIN(count_lines(bytes, len, "#EXT-X-MAP:"), (size_t)AVSP_SEGMENTS_MAX);
    out->segments = avsp_arena_array(r->arena, r->segments_cap, sizeof *out->segments);
    out->maps = avsp_arena_array(r->arena, r->maps_cap, sizeof *out->maps);
    size_t n_variants = count_lines(bytes, len, "#EXT-X-STREAM-INF:") +
                        count_lines(bytes, len, "#EXT-X-I-FRAME-STREAM-INF:");
    size_t n_media = count_lines(bytes, len, "#EXT-X-MEDIA:");
    out->variants = avsp_arena_array(
        r->arena, AVSP_MIN(n_variants, (size_t)AVSP_HLS_RENDITIONS_MAX), sizeof *out->variants);
    out->media = avsp_arena_array(r->arena, AVSP_MIN(n_media, (size_t)AVSP_HLS_RENDITIONS_MAX),
                                  sizeof *out->media);
    return out->segments != NULL && out->maps != NULL && out->variants != NULL &&
           out->media != NULL;
}

static void take_lines(struct avsp_hls_reader *r, const char *bytes, size_t len)
{
    for (const char *at = bytes, *end = bytes + len; at < end && !r->no_memory;) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((feed != NULL ? feed : end) - at);
        r->line += r->line < UINT32_MAX;
        char line[AVSP_HLS_LINE_MAX_BYTES + 1];
        if (n > AVSP_HLS_LINE_MAX_BYTES) {
            avsp_findings_add(r->found, AVSP_RULE_LIMIT, r->file, r->line,
                              "the line is longer than %d bytes", AVSP_HLS_LINE_MAX_BYTES);
        } else {
            memcpy(line, at, n);
            line[n] = '\0';
            if (memchr(line, '\0', n) != NULL)
                drop_line(r, line, "there is a control character in it");
            else
                take_line(r, line, n);
        }
        at = feed != NULL ? feed + 1 : end;
    }
}

static void check_version(struct avsp_hls_reader *r)
{
    if (r->needed_version > r->out->version)
        avsp_findings_add(r->found, AVSP_RULE_VERSION, r->file, r->needed_line,
                          "%s needs version %" PRId32 ", and the playlist is of version %" PRId32,
                          r->needed_for, r->needed_version, r->out->version);
}

/// All segments that are too long are one mistake.
static void check_target(struct avsp_hls_reader *r)
{
    const struct avsp_hls_playlist *p = r->out;
    const struct avsp_hls_segment *first = NULL;
    size_t n = 0;
    for (size_t i = 0; p->target_s > 0 && i < p->n_segments; i++)
        if ((p->segments[i].duration_us + 500000) / 1000000 > p->target_s) {
            first = first != NULL ? first : &p->segments[i];
            n++;
        }
    if (n > 0)
        avsp_findings_add(r->found, AVSP_RULE_TARGETDURATION, r->file, first->line,
                          "EXT-X-TARGETDURATION is %" PRId64 ", and %zu segment%s last%s longer, "
                          "this one %.3f s",
                          p->target_s, n, n == 1 ? "" : "s", n == 1 ? "s" : "",
                          (double)first->duration_us / 1e6);
}

static void check_media(struct avsp_hls_reader *r)
{
    const struct avsp_hls_playlist *p = r->out;
    if (p->n_segments == 0 && !r->dropped)
        avsp_findings_add(r->found, AVSP_RULE_EMPTY, r->file, 0, "it has no segments");
    if (p->target_s == 0 && p->n_segments > 0)
        avsp_findings_add(r->found, AVSP_RULE_TARGETDURATION_MISSING, r->file, 0,
                          "there is no EXT-X-TARGETDURATION");
    if (p->unfinished)
        avsp_findings_add_as(r->found, AVSP_RULE_ENDLIST, p->is_vod ? AVSP_ERROR : AVSP_WARNING,
                             r->file, 0,
                             p->is_vod ? "a VOD playlist without EXT-X-ENDLIST: its end is missing"
                                       : "there is no EXT-X-ENDLIST: this is a live playlist, or "
                                         "its end is missing");
    check_target(r);
}

enum avsp_code avsp_hls_parse(struct avsp_arena *arena, const char *bytes, size_t len,
                              const char *file, struct avsp_findings *found,
                              struct avsp_hls_playlist *ret_playlist, struct avsp_err *err)
{
    *ret_playlist = (struct avsp_hls_playlist){.version = 1};
    struct avsp_hls_reader r = {.arena = arena,
                                .found = found,
                                .file = file,
                                .out = ret_playlist,
                                .needed_version = 1,
                                .tag = ""};
    if (len == 0) {
        bytes = ""; // a buffer that nothing was put in has none
        avsp_findings_add(found, AVSP_RULE_EXTM3U, file, 0, "the file is empty");
    }
    if (!allocate(&r, bytes, len))
        return avsp_arena_failed(arena, err);
    take_lines(&r, bytes, len);
    if (r.no_memory)
        return avsp_arena_failed(arena, err);
    avsp_hls_end(&r);
    ret_playlist->is_multivariant = r.is_multi && ret_playlist->n_segments == 0;
    ret_playlist->unfinished = !ret_playlist->is_multivariant && !r.has_endlist;
    check_version(&r);
    if (ret_playlist->is_multivariant) {
        if (ret_playlist->n_variants == 0)
            avsp_findings_add(found, AVSP_RULE_EMPTY, file, 0, "it has no variants");
    } else if (len > 0) {
        check_media(&r);
    }
    return AVSP_OK;
}
