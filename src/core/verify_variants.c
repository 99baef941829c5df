/// The rules of a multivariant playlist: groups, and what each variant says of its renditions.
#include "core/verify_private.h"

#include <inttypes.h>
#include <string.h>

#define APART_WARN_US                                                                              \
    100000              ///< tracks that begin or end further apart: more than frames' granularity
#define APART_US 500000 ///< and this is heard and seen

/// A multivariant playlist with its renditions.
struct multi {
    struct avsp_verify *v;
    const char *path;
    const struct avsp_hls_playlist *p;
    struct avsp_verify_rendition *const *of_variants;
    struct avsp_verify_rendition *const *of_media;
};

static bool same_group(const struct avsp_hls_media *a, const struct avsp_hls_media *b)
{
    return strcmp(a->type, b->type) == 0 && strcmp(a->group, b->group) == 0;
}

static void check_members(const struct multi *m)
{
    for (size_t i = 0; i < m->p->n_media; i++) {
        const struct avsp_hls_media *a = &m->p->media[i];
        bool named = false, second_default = false;
        for (size_t j = 0; j < i; j++) {
            const struct avsp_hls_media *b = &m->p->media[j];
            named |= same_group(a, b) && strcmp(a->name, b->name) == 0;
            second_default |= same_group(a, b) && a->is_default && b->is_default;
        }
        if (named)
            avsp_findings_add(m->v->found, AVSP_RULE_NAME, m->path, a->line,
                              "the group \"%.60s\" has a rendition \"%.60s\" already", a->group,
                              a->name);
        if (second_default || (a->is_default && a->says_autoselect && !a->autoselect))
            avsp_findings_add(m->v->found, AVSP_RULE_DEFAULT, m->path, a->line,
                              second_default ? "a second rendition of \"%.60s\" has DEFAULT=YES"
                                             : "a rendition of \"%.60s\" has DEFAULT=YES and "
                                               "AUTOSELECT=NO",
                              a->group);
    }
}

/// RFC 5646, roughly: letters, then perhaps more words behind dashes.
static bool is_language(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t n = strspn(text, letters);
    return n >= 1 && n <= 8 && (text[n] == '\0' || text[n] == '-') &&
           strspn(text, others) == strlen(text);
}

/// Could a player that goes by language and needs take either?
static bool looks_alike(const struct avsp_hls_media *a, const struct avsp_hls_media *b)
{
    return same_group(a, b) && a->autoselect && b->autoselect && a->forced == b->forced &&
           strcmp(a->language, b->language) == 0 &&
           strcmp(a->assoc_language, b->assoc_language) == 0 &&
           strcmp(a->characteristics, b->characteristics) == 0;
}

static void check_languages(const struct multi *m)
{
    for (size_t i = 0; i < m->p->n_media; i++) {
        const struct avsp_hls_media *a = &m->p->media[i];
        bool talks = strcmp(a->type, "AUDIO") == 0 || strcmp(a->type, "SUBTITLES") == 0;
        if (talks && !is_language(a->language))
            avsp_findings_add_as(m->v->found, AVSP_RULE_LANGUAGE,
                                 a->language[0] == '\0' ? AVSP_WARNING : AVSP_ERROR, m->path,
                                 a->line,
                                 a->language[0] == '\0' ? "\"%.60s\" has no LANGUAGE%.0s"
                                                        : "\"%.60s\" has \"%.40s\" as "
                                                          "LANGUAGE",
                                 a->name, a->language);
        for (size_t j = 0; j < i; j++)
            if (looks_alike(a, &m->p->media[j])) {
                avsp_findings_add(m->v->found, AVSP_RULE_AUTOSELECT, m->path, a->line,
                                  "\"%.60s\" and \"%.60s\" have AUTOSELECT=YES and cannot be told "
                                  "apart",
                                  m->p->media[j].name, a->name);
                break;
            }
    }
}

static size_t count_group(const struct multi *m, const char *type, const char *group)
{
    size_t n = 0;
    for (size_t i = 0; i < m->p->n_media; i++)
        n += strcmp(m->p->media[i].type, type) == 0 && strcmp(m->p->media[i].group, group) == 0;
    return n;
}

/// Are all attributes the same but those that may differ between groups (RFC 8216 4.3.4.1.1)? A LANGUAGE that is missing is said anyway.
static bool is_same_member(const struct avsp_hls_media *a, const struct avsp_hls_media *b)
{
    bool says_languages = a->language[0] != '\0' && b->language[0] != '\0';
    return a->is_default == b->is_default && a->autoselect == b->autoselect &&
           a->forced == b->forced && (!says_languages || strcmp(a->language, b->language) == 0) &&
           strcmp(a->assoc_language, b->assoc_language) == 0 &&
           strcmp(a->characteristics, b->characteristics) == 0;
}

static const struct avsp_hls_media *find_member(const struct multi *m,
                                                const struct avsp_hls_media *of, const char *name)
{
    for (size_t i = 0; i < m->p->n_media; i++)
        if (same_group(&m->p->media[i], of) && strcmp(m->p->media[i].name, name) == 0)
            return &m->p->media[i];
    return NULL;
}

/// The first member of a group that differs from that of the first group of its type; NULL = none, or they have other members.
static const struct avsp_hls_media *find_other(const struct multi *m,
                                               const struct avsp_hls_media *group,
                                               const struct avsp_hls_media *first)
{
    for (size_t i = 0; i < m->p->n_media; i++) {
        const struct avsp_hls_media *a = &m->p->media[i];
        const struct avsp_hls_media *b = find_member(m, first, a->name);
        if (same_group(a, group) && b != NULL && !is_same_member(a, b))
            return a;
    }
    return NULL;
}

static void compare_groups(const struct multi *m, const struct avsp_hls_media *group,
                           const struct avsp_hls_media *first)
{
    bool equal =
        count_group(m, group->type, group->group) == count_group(m, first->type, first->group);
    for (size_t i = 0; equal && i < m->p->n_media; i++)
        if (same_group(&m->p->media[i], group))
            equal = find_member(m, first, m->p->media[i].name) != NULL;
    const struct avsp_hls_media *other = equal ? find_other(m, group, first) : NULL;
    if (!equal)
        avsp_findings_add(m->v->found, AVSP_RULE_GROUP_MEMBERS, m->path, group->line,
                          "the groups \"%.60s\" and \"%.60s\" have other members", first->group,
                          group->group);
    if (other != NULL)
        avsp_findings_add(m->v->found, AVSP_RULE_GROUP_MEMBERS, m->path, other->line,
                          "\"%.60s\" has other attributes in the groups \"%.60s\" and \"%.60s\"",
                          other->name, first->group, other->group);
}

/// Each group is compared with the first one of its type.
static void check_groups(const struct multi *m)
{
    for (size_t i = 0; i < m->p->n_media; i++) {
        const struct avsp_hls_media *a = &m->p->media[i], *first = a;
        bool is_new = true;
        for (size_t j = i; j-- > 0;) {
            if (strcmp(m->p->media[j].type, a->type) == 0)
                first = &m->p->media[j];
            is_new &= !same_group(&m->p->media[j], a);
        }
        if (is_new && first != a)
            compare_groups(m, a, first);
    }
}

static void check_reference(const struct multi *m, const struct avsp_hls_variant *variant,
                            const char *type, const char *group)
{
    if (group[0] != '\0' && count_group(m, type, group) == 0)
        avsp_findings_add(m->v->found, AVSP_RULE_GROUP_MISSING, m->path, variant->line,
                          "there is no %s group \"%.60s\"", type, group);
}

static void check_bandwidth(const struct multi *m, const struct avsp_hls_variant *variant,
                            int64_t peak, int64_t average)
{
    struct avsp_findings *found = m->v->found;
    // Packagers that leave out the overhead of MPEG-TS are some 8 % low: players live with that.
    if (variant->bandwidth > 0 && variant->bandwidth < peak - peak / 100)
        avsp_findings_add_as(
            found, AVSP_RULE_BANDWIDTH,
            variant->bandwidth < peak - peak / 10 ? AVSP_ERROR : AVSP_WARNING, m->path,
            variant->line, "BANDWIDTH is %" PRId64 ", and %" PRId64 " bits a second were measured",
            variant->bandwidth, peak);
    else if (peak > 0 && variant->bandwidth > peak + peak / 10 + 10000)
        avsp_findings_add(found, AVSP_RULE_BANDWIDTH_LOOSE, m->path, variant->line,
                          "BANDWIDTH is %" PRId64 ", and %" PRId64 " bits a second were measured",
                          variant->bandwidth, peak);
    int64_t off = variant->average_bandwidth - average;
    if (variant->average_bandwidth > 0 && average > 0 &&
        (off > average / 10 + 10000 || off < -(average / 50)))
        avsp_findings_add(found, AVSP_RULE_AVERAGE_BANDWIDTH, m->path, variant->line,
                          "AVERAGE-BANDWIDTH is %" PRId64 ", and %" PRId64
                          " bits a second were measured",
                          variant->average_bandwidth, average);
}

static void check_resolution(const struct multi *m, const struct avsp_hls_variant *variant,
                             const struct avsp_verify_rendition *r)
{
    const struct avsp_mp4_track *track = avsp_verify_video(r);
    uint32_t width = track == NULL               ? r->width_px
                     : track->coded_width_px > 0 ? track->coded_width_px
                                                 : track->width_px;
    uint32_t height = track == NULL                ? r->height_px
                      : track->coded_height_px > 0 ? track->coded_height_px
                                                   : track->height_px;
    if (variant->width_px == 0 || width == 0)
        return;
    bool is_shown_size = track != NULL && variant->width_px == track->shown_width_px &&
                         variant->height_px == track->shown_height_px;
    if ((variant->width_px != width || variant->height_px != height) && !is_shown_size)
        avsp_findings_add(m->v->found, AVSP_RULE_RESOLUTION, m->path, variant->line,
                          "RESOLUTION is %" PRIu32 "x%" PRIu32 ", and the pictures have %" PRIu32
                          "x%" PRIu32,
                          variant->width_px, variant->height_px, width, height);
}

/// Between the average and the shortest distance of two frames. A standard rate may be up to twice what the media has; one
/// below the average is unlucky (the rate of a variable stream is found from its beginning), but players cope.
static void check_frame_rate(const struct multi *m, const struct avsp_hls_variant *variant,
                             const struct avsp_verify_rendition *r)
{
    int64_t rate = variant->milli_fps;
    if (rate == 0 || r->average_milli_fps == 0)
        return;
    bool low = rate < r->average_milli_fps - r->average_milli_fps / 10;
    bool high = r->fastest_milli_fps > 0 && rate > r->fastest_milli_fps * 21 / 10 + 500;
    if (low || high)
        avsp_findings_add_as(m->v->found, AVSP_RULE_FRAME_RATE, high ? AVSP_ERROR : AVSP_WARNING,
                             m->path, variant->line,
                             "FRAME-RATE is %.3f, and the media has %.3f frames a second",
                             (double)rate / 1000, (double)r->average_milli_fps / 1000);
}

static void check_video_range(const struct multi *m, const struct avsp_hls_variant *variant,
                              const struct avsp_verify_rendition *r)
{
    const struct avsp_mp4_track *track = avsp_verify_video(r);
    enum { UNSPECIFIED = 2, PQ = 16, HLG = 18 };
    if (track == NULL || track->transfer == UNSPECIFIED || track->transfer == 0)
        return;
    const char *range = track->transfer == PQ ? "PQ" : track->transfer == HLG ? "HLG" : "SDR";
    bool is_absent = variant->video_range[0] == '\0';
    if (strcmp(is_absent ? "SDR" : variant->video_range, range) != 0)
        avsp_findings_add_as(m->v->found, AVSP_RULE_VIDEO_RANGE,
                             is_absent ? AVSP_WARNING : AVSP_ERROR, m->path, variant->line,
                             "VIDEO-RANGE is %.20s, and the pictures are %s",
                             is_absent ? "not given" : variant->video_range, range);
}

/// Two renditions that play together cover the same time.
static void check_range(const struct multi *m, const struct avsp_verify_rendition *a,
                        const struct avsp_verify_rendition *b)
{
    if (a->unmeasured || b->unmeasured || a->n_segments == 0 || b->n_segments == 0)
        return;
    bool timed = a->has_times && b->has_times;
    int64_t begin = timed ? b->begin_us - a->begin_us : 0;
    int64_t end = timed ? b->end_us - a->end_us : b->duration_us - a->duration_us;
    int64_t far = AVSP_MAX(begin < 0 ? -begin : begin, end < 0 ? -end : end);
    if (far <= APART_WARN_US)
        return;
    bool at_begin = far == begin || far == -begin;
    avsp_findings_add_as(m->v->found, AVSP_RULE_RANGE, far > APART_US ? AVSP_ERROR : AVSP_WARNING,
                         b->path, 0, "it %s %.3f s %s than %s", at_begin ? "begins" : "ends",
                         (double)far / 1e6, (at_begin ? begin : end) > 0 ? "later" : "earlier",
                         a->path);
}

static void check_target(const struct multi *m, const struct avsp_verify_rendition *a,
                         const struct avsp_verify_rendition *b)
{
    if (a->target_s > 0 && b->target_s > 0 && a->target_s != b->target_s)
        avsp_findings_add(m->v->found, AVSP_RULE_TARGETDURATION_EQUAL, b->path, 0,
                          "EXT-X-TARGETDURATION is %" PRId64 " here, and %" PRId64 " in %s",
                          b->target_s, a->target_s, a->path);
}

static void check_variant(const struct multi *m, size_t i)
{
    const struct avsp_hls_variant *variant = &m->p->variants[i];
    const struct avsp_verify_rendition *r = m->of_variants[i];
    check_reference(m, variant, "AUDIO", variant->audio);
    check_reference(m, variant, "VIDEO", variant->video);
    check_reference(m, variant, "SUBTITLES", variant->subtitles);
    check_reference(m, variant, "CLOSED-CAPTIONS", variant->closed_captions);
    if (r == NULL || !r->is_read)
        return;
    const struct avsp_verify_rendition *members[1 + AVSP_HLS_RENDITIONS_MAX] = {r};
    size_t n = 1;
    int64_t peak = 0, average = 0;
    bool measured = !r->unmeasured;
    bool whole = variant->audio[0] == '\0' || count_group(m, "AUDIO", variant->audio) > 0;
    for (size_t k = 0; k < m->p->n_media; k++) {
        const struct avsp_hls_media *media = &m->p->media[k];
        const struct avsp_verify_rendition *other = m->of_media[k];
        if (strcmp(media->type, "AUDIO") != 0 || strcmp(media->group, variant->audio) != 0 ||
            media->uri[0] == '\0' || other == r)
            continue;
        whole &= other != NULL && other->is_read;
        if (other == NULL || !other->is_read)
            continue;
        peak = AVSP_MAX(peak, other->peak_bps);
        average = AVSP_MAX(average, other->average_bps);
        measured &= !other->unmeasured;
        members[n++] = other;
    }
    // Where the variant is sound itself, another sound is heard instead of it and not beside it.
    if (r->init.n_tracks > 0 && avsp_verify_video(r) == NULL) {
        peak = AVSP_MAX(peak - r->peak_bps, (int64_t)0);
        average = AVSP_MAX(average - r->average_bps, (int64_t)0);
    }
    if (whole && measured)
        check_bandwidth(m, variant, r->peak_bps + peak, r->average_bps + average);
    avsp_verify_codecs(m->v, m->path, variant, members, n, whole);
    if (r->is_mismatched)
        return;
    check_resolution(m, variant, r);
    if (!variant->iframes_only)
        check_frame_rate(m, variant, r);
    check_video_range(m, variant, r);
}

/// A list of keyframes lasts as long as what it is of.
static void check_iframes(const struct multi *m, const struct avsp_verify_rendition *whole,
                          const struct avsp_verify_rendition *r)
{
    if (whole == NULL || whole->unmeasured || r->unmeasured)
        return;
    int64_t missing = whole->duration_us - r->duration_us;
    if (missing > APART_US || missing < -APART_US)
        avsp_findings_add(m->v->found, AVSP_RULE_RANGE, r->path, 0,
                          "its keyframes last %.3f s, and %s lasts %.3f s",
                          (double)r->duration_us / 1e6, whole->path,
                          (double)whole->duration_us / 1e6);
}

static void check_pairs(const struct multi *m)
{
    const struct avsp_verify_rendition *first = NULL;
    for (size_t i = 0; i < m->v->n_renditions; i++) {
        const struct avsp_verify_rendition *r = &m->v->renditions[i];
        if (!r->is_read || r->is_subtitles)
            continue;
        if (r->iframes_only) {
            check_iframes(m, first, r);
            continue;
        }
        if (first != NULL) {
            check_target(m, first, r);
            if (!r->is_misaligned)
                check_range(m, first, r);
        }
        first = first != NULL ? first : r;
    }
}

/// Text spans what it belongs to (Apple 5.5), and its clock is that of the media.
static void check_texts(const struct multi *m)
{
    const struct avsp_verify_rendition *first = NULL;
    for (size_t i = 0; first == NULL && i < m->v->n_renditions; i++) {
        const struct avsp_verify_rendition *r = &m->v->renditions[i];
        if (r->is_read && !r->is_subtitles && !r->iframes_only && !r->unmeasured)
            first = r;
    }
    for (size_t i = 0; first != NULL && i < m->v->n_renditions; i++) {
        const struct avsp_verify_rendition *r = &m->v->renditions[i];
        if (!r->is_read || !r->is_subtitles || r->unmeasured)
            continue;
        int64_t missing = first->duration_us - r->duration_us;
        if (missing > APART_US)
            avsp_findings_add_as(m->v->found, AVSP_RULE_RANGE,
                                 missing > first->target_s * 1000000 ? AVSP_ERROR : AVSP_WARNING,
                                 r->path, 0, "it ends %.3f s earlier than %s",
                                 (double)missing / 1e6, first->path);
        int64_t off = first->has_times ? r->text_map_ms - first->begin_us / 1000 : 0;
        // Without a map it is as if there were one to 0 (RFC 8216 3.5), but not all players do it so.
        if (r->text_map_is_known && (off > APART_WARN_US / 1000 || off < -APART_WARN_US / 1000))
            avsp_findings_add_as(m->v->found, AVSP_RULE_TIMESTAMP_MAP,
                                 r->has_text_map ? AVSP_ERROR : AVSP_WARNING, r->path, 0,
                                 "its cues are shown %.3f s %s than they say",
                                 (double)llabs(off) / 1e3, off > 0 ? "later" : "earlier");
    }
}

static void check_channels(const struct multi *m)
{
    for (size_t i = 0; i < m->p->n_media; i++) {
        const struct avsp_hls_media *media = &m->p->media[i];
        const struct avsp_verify_rendition *r = m->of_media[i];
        if (r == NULL || media->channels == 0 || r->init.n_tracks == 0 || r->is_mismatched)
            continue;
        const struct avsp_mp4_track *track = &r->init.tracks[r->primary];
        if (track->kind == AVSP_MEDIA_AUDIO && track->channels > 0 &&
            track->channels != media->channels)
            avsp_findings_add(m->v->found, AVSP_RULE_CHANNELS, m->path, media->line,
                              "CHANNELS is %" PRIu32 ", and the sound has %" PRIu32,
                              media->channels, track->channels);
    }
}

void avsp_verify_variants(struct avsp_verify *v, const char *path,
                          const struct avsp_hls_playlist *p,
                          struct avsp_verify_rendition *const *of_variants,
                          struct avsp_verify_rendition *const *of_media)
{
    const struct multi m = {v, path, p, of_variants, of_media};
    check_members(&m);
    check_groups(&m);
    check_languages(&m);
    check_channels(&m);
    for (size_t i = 0; i < p->n_variants; i++)
        check_variant(&m, i);
    check_pairs(&m);
    check_texts(&m);
    avsp_verify_hdr_pairs(v);
    avsp_verify_authoring(v, path, p, of_variants, of_media);
}
