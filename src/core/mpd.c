#include "core/mpd.h"

#include "core/hls_attr.h"
#include "core/xml.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define NAMESPACE "urn:mpeg:dash:schema:mpd:2011"
#define TICKS_MAX (INT64_MAX / 1000000)

/// Where in the document the reader is.
struct reader {
    struct avsp_arena *arena;
    struct avsp_mpd *out;
    struct avsp_xml xml;
    const struct avsp_xml_event *event;
    struct avsp_err *err;
    struct avsp_mpd_representation set; ///< what the AdaptationSet at hand says
    struct avsp_mpd_representation *at; ///< the Representation at hand; NULL = none
    bool has_period;
    size_t n_things;      ///< segments and times, against their limit
    size_t skipped_depth; ///< of an element that is not read; 0 = none
    bool in_base;         ///< the text of a BaseURL comes
};

static void reader_deinit(struct reader *r)
{
    avsp_xml_deinit(&r->xml);
}

static bool refuse(struct reader *r, enum avsp_code code, const char *what, const char *name)
{
    (void)!avsp_err_set(r->err, code, "line %" PRIu32 ": %s %s", r->event->line, what, name);
    return false;
}

static const char *attr(const struct reader *r, const char *name)
{
    return avsp_xml_attr(r->event, name);
}

static bool take_text(struct reader *r, const char *name, const char **text)
{
    const char *value = attr(r, name);
    if (value == NULL)
        return true;
    *text = avsp_arena_strdup(r->arena, value);
    if (*text == NULL)
        (void)!avsp_arena_failed(r->arena, r->err);
    return *text != NULL;
}

static bool take_number(struct reader *r, const char *name, int64_t max, int64_t *number)
{
    const char *value = attr(r, name);
    return value == NULL || avsp_parse_i64(value, 0, max, number) ||
           refuse(r, AVSP_CORRUPT, "it cannot be read:", name);
}

static bool take_u32(struct reader *r, const char *name, uint32_t *number)
{
    int64_t value = *number;
    bool good = take_number(r, name, UINT32_MAX, &value);
    *number = (uint32_t)value;
    return good;
}

/// "30000/1001" or "25".
static bool take_rate(struct reader *r, int64_t *milli_fps)
{
    const char *value = attr(r, "frameRate");
    char num[16], den[16] = "1";
    int64_t n = 0, d = 1;
    if (value == NULL)
        return true;
    size_t at = strcspn(value, "/");
    bool good = at < sizeof num && strlen(value + at) < sizeof den;
    if (good) {
        snprintf(num, sizeof num, "%.*s", (int)at, value);
        if (value[at] == '/')
            snprintf(den, sizeof den, "%s", value + at + 1);
        good = avsp_parse_i64(num, 1, INT32_MAX, &n) && avsp_parse_i64(den, 1, INT32_MAX, &d);
    }
    if (!good)
        return refuse(r, AVSP_CORRUPT, "it cannot be read:", "frameRate");
    *milli_fps = (n * 1000 + d / 2) / d;
    return true;
}

/// An xs:duration as we write it: "PT12.345678S", and with hours and minutes before.
static bool take_duration(struct reader *r, const char *name, int64_t *us)
{
    const char *text = attr(r, name);
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'H', 3600}, {'M', 60}, {'S', 1}};
    if (text == NULL)
        return true;
    bool good = strncmp(text, "PT", 2) == 0 && text[2] != '\0';
    const char *rest = good ? text + 2 : text;
    *us = 0;
    for (size_t i = 0; good && i < AVSP_ARRAY_LEN(units) && *rest != '\0'; i++) {
        int64_t value;
        const char *end;
        if (!avsp_hls_decimal(rest, 1000000, &value, &end))
            good = false;
        else if (*end == units[i].unit) {
            *us += value * units[i].seconds;
            rest = end + 1;
        }
    }
    return (good && *rest == '\0') || refuse(r, AVSP_CORRUPT, "it cannot be read:", name);
}

/// What both an AdaptationSet and a Representation may say.
static bool take_common(struct reader *r, struct avsp_mpd_representation *to)
{
    return take_text(r, "codecs", &to->codecs) && take_u32(r, "width", &to->width_px) &&
           take_u32(r, "height", &to->height_px) && take_rate(r, &to->milli_fps);
}

static bool begin_mpd(struct reader *r)
{
    const char *space = attr(r, "xmlns"), *type = attr(r, "type");
    if (space == NULL || strcmp(space, NAMESPACE) != 0)
        return refuse(r, AVSP_CORRUPT, "its namespace is not that of", "an MPD");
    if (type != NULL && strcmp(type, "static") != 0)
        return refuse(r, AVSP_UNSUPPORTED, "what is still written is not compared:", "type");
    return take_duration(r, "mediaPresentationDuration", &r->out->duration_us);
}

static bool begin_period(struct reader *r)
{
    if (r->has_period)
        return refuse(r, AVSP_UNSUPPORTED, "more than one is not compared:", "Period");
    r->has_period = true;
    return true;
}

static bool begin_set(struct reader *r)
{
    r->set = (struct avsp_mpd_representation){.id = "",
                                              .content = "",
                                              .codecs = "",
                                              .language = "",
                                              .role = "",
                                              .accessibility = "",
                                              .file = "",
                                              .init = ""};
    return take_text(r, "contentType", &r->set.content) && take_text(r, "lang", &r->set.language) &&
           take_common(r, &r->set);
}

static bool begin_representation(struct reader *r)
{
    if (r->out->n_representations == AVSP_MPD_REPRESENTATIONS_MAX)
        return refuse(r, AVSP_LIMIT, "there are too many:", "Representation");
    r->at = &r->out->representations[r->out->n_representations++];
    *r->at = r->set;
    r->at->line = r->event->line;
    return take_text(r, "id", &r->at->id) &&
           take_number(r, "bandwidth", INT64_MAX / 1000, &r->at->bandwidth) &&
           take_common(r, r->at);
}

/// Role, Accessibility and their like: a scheme and a value.
/// How many channels a layout of ISO/IEC 23091-3 has: up to 5.1 its number, and more where that is known here.
static uint32_t channels_of(uint32_t layout)
{
    static const uint32_t counts[] = {[7] = 8, [9] = 3, [10] = 4, [11] = 7, [12] = 8, [14] = 8};
    return layout <= 6 ? layout : layout < AVSP_ARRAY_LEN(counts) ? counts[layout] : 0;
}

static bool take_property(struct reader *r)
{
    struct avsp_mpd_representation *to = r->at != NULL ? r->at : &r->set;
    const char *name = r->event->name, *scheme = attr(r, "schemeIdUri");
    if (scheme == NULL)
        return refuse(r, AVSP_CORRUPT, "it has no schemeIdUri:", name);
    if (strcmp(name, "Role") == 0)
        return strcmp(scheme, "urn:mpeg:dash:role:2011") != 0 || take_text(r, "value", &to->role);
    if (strcmp(name, "Accessibility") == 0)
        return take_text(r, "value", &to->accessibility);
    if (strcmp(scheme, "urn:mpeg:mpegB:cicp:TransferCharacteristics") == 0)
        return take_u32(r, "value", &to->transfer);
    uint32_t layout = 0;
    if (strcmp(scheme, "urn:mpeg:mpegB:cicp:ChannelConfiguration") != 0)
        return true;
    if (!take_u32(r, "value", &layout))
        return false;
    to->channels = channels_of(layout);
    return true;
}

static bool begin_list(struct reader *r)
{
    r->at->timescale = 1;
    return take_u32(r, "timescale", &r->at->timescale) &&
           (r->at->timescale > 0 || refuse(r, AVSP_CORRUPT, "it is 0:", "timescale"));
}

/// Makes room for one more. @return the array, or NULL with the error set.
static void *grow(struct reader *r, void *items, size_t n, size_t *cap, size_t item_bytes)
{
    if (r->n_things++ == AVSP_MPD_SEGMENTS_MAX) {
        (void)refuse(r, AVSP_LIMIT, "there are too many segments:", r->event->name);
        return NULL;
    }
    if (n < *cap)
        return items;
    size_t wanted = AVSP_MAX(2 * *cap, (size_t)16);
    void *more = avsp_arena_array(r->arena, wanted, item_bytes);
    if (more == NULL)
        (void)!avsp_arena_failed(r->arena, r->err);
    else if (n > 0)
        memcpy(more, items, n * item_bytes);
    *cap = more != NULL ? wanted : *cap;
    return more;
}

static bool take_segment(struct reader *r)
{
    struct avsp_mpd_representation *to = r->at;
    if (attr(r, "media") == NULL || attr(r, "mediaRange") != NULL)
        return refuse(r, AVSP_UNSUPPORTED, "it is no whole file:", "SegmentURL");
    const char **more =
        grow(r, to->segments, to->n_segments, &to->segments_cap, sizeof *to->segments);
    if (more == NULL)
        return false;
    to->segments = more;
    return take_text(r, "media", &to->segments[to->n_segments++]);
}

static bool take_times(struct reader *r)
{
    struct avsp_mpd_representation *to = r->at;
    const char *repeats = attr(r, "r");
    if (attr(r, "d") == NULL)
        return refuse(r, AVSP_CORRUPT, "it has no length:", "S");
    if (repeats != NULL && repeats[0] == '-')
        return refuse(r, AVSP_UNSUPPORTED, "a number that is open is not compared:", "r");
    struct avsp_mpd_times *more =
        grow(r, to->times, to->n_times, &to->times_cap, sizeof *to->times);
    if (more == NULL)
        return false;
    to->times = more;
    struct avsp_mpd_times *s = &to->times[to->n_times++];
    *s = (struct avsp_mpd_times){.has_start = attr(r, "t") != NULL};
    return take_number(r, "t", TICKS_MAX, &s->start) &&
           take_number(r, "d", TICKS_MAX, &s->length) &&
           take_number(r, "r", AVSP_MPD_SEGMENTS_MAX, &s->repeats);
}

static bool take_init(struct reader *r)
{
    return attr(r, "range") == NULL
               ? take_text(r, "sourceURL", &r->at->init)
               : refuse(r, AVSP_UNSUPPORTED, "it is no whole file:", "Initialization");
}

static bool begin_base(struct reader *r)
{
    r->in_base = true;
    return r->at != NULL || refuse(r, AVSP_UNSUPPORTED,
                                   "outside of a Representation it is not compared:", "BaseURL");
}

static bool refuse_form(struct reader *r)
{
    return refuse(r, AVSP_UNSUPPORTED,
                  "of what lists its segments otherwise nothing is compared:", r->event->name);
}

/// Elements by their place; those without a function are passed through. What is not here is skipped with all that is in it.
static const struct {
    const char *name;
    const char *parent; ///< "" = the root
    bool (*begin)(struct reader *r);
} elements[] = {
    {"MPD", "", begin_mpd},
    {"Period", "MPD", begin_period},
    {"AdaptationSet", "Period", begin_set},
    {"Role", "AdaptationSet", take_property},
    {"Accessibility", "AdaptationSet", take_property},
    {"EssentialProperty", "AdaptationSet", take_property},
    {"SupplementalProperty", "AdaptationSet", take_property},
    {"AudioChannelConfiguration", "AdaptationSet", take_property},
    {"Representation", "AdaptationSet", begin_representation},
    {"AudioChannelConfiguration", "Representation", take_property},
    {"BaseURL", "MPD", begin_base},
    {"BaseURL", "Period", begin_base},
    {"BaseURL", "AdaptationSet", begin_base},
    {"BaseURL", "Representation", begin_base},
    {"SegmentTemplate", "Period", refuse_form},
    {"SegmentTemplate", "AdaptationSet", refuse_form},
    {"SegmentTemplate", "Representation", refuse_form},
    {"SegmentBase", "Representation", refuse_form},
    {"SegmentList", "AdaptationSet", refuse_form},
    {"SegmentList", "Representation", begin_list},
    {"Initialization", "SegmentList", take_init},
    {"SegmentTimeline", "SegmentList", NULL},
    {"S", "SegmentTimeline", take_times},
    {"SegmentURL", "SegmentList", take_segment},
};

static bool begin(struct reader *r)
{
    size_t depth = r->xml.depth;
    const char *parent = depth > 1 ? r->xml.open[depth - 2] : "";
    for (size_t i = 0; r->skipped_depth == 0 && i < AVSP_ARRAY_LEN(elements); i++)
        if (strcmp(elements[i].name, r->event->name) == 0 &&
            strcmp(elements[i].parent, parent) == 0)
            return elements[i].begin == NULL || elements[i].begin(r);
    if (depth == 1)
        return refuse(r, AVSP_CORRUPT, "the root is no MPD:", r->event->name);
    if (r->skipped_depth == 0)
        r->skipped_depth = depth;
    return true;
}

static void end(struct reader *r)
{
    if (r->skipped_depth > 0) {
        if (r->xml.depth < r->skipped_depth)
            r->skipped_depth = 0;
        return;
    }
    r->in_base = false;
    if (strcmp(r->event->name, "Representation") == 0)
        r->at = NULL;
}

static bool take_content(struct reader *r)
{
    if (!r->in_base || r->skipped_depth > 0 || r->at == NULL)
        return true;
    r->at->file = avsp_arena_strdup(r->arena, r->event->text);
    if (r->at->file == NULL)
        (void)!avsp_arena_failed(r->arena, r->err);
    return r->at->file != NULL;
}

enum avsp_code avsp_mpd_parse(struct avsp_arena *arena, const char *bytes, size_t len,
                              struct avsp_mpd *ret_mpd, struct avsp_err *err)
{
    *ret_mpd = (struct avsp_mpd){0};
    ret_mpd->representations =
        avsp_arena_array(arena, AVSP_MPD_REPRESENTATIONS_MAX, sizeof *ret_mpd->representations);
    if (ret_mpd->representations == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_xml_event event = {0};
    struct reader AVSP_CLEANUP(reader_deinit)
        r = {.arena = arena, .out = ret_mpd, .event = &event, .err = err};
    avsp_xml_init(&r.xml, bytes, len);
    for (;;) {
        enum avsp_code rc = avsp_xml_next(&r.xml, &event, err);
        if (rc != AVSP_OK || event.kind == AVSP_XML_END_OF_FILE)
            return rc;
        bool good = true;
        if (event.kind == AVSP_XML_BEGIN)
            good = begin(&r);
        else if (event.kind == AVSP_XML_TEXT)
            good = take_content(&r);
        else
            end(&r);
        if (!good)
            return err->code;
    }
}
