/// What a multivariant playlist should say: rules of Apple's authoring specification, and what RFC 8216 only recommends.
#include "core/verify_private.h"

#include <string.h>

static void say(struct avsp_verify *v, enum avsp_rule rule, const char *path, uint32_t line,
                const char *text)
{
    avsp_findings_add(v->found, rule, path, line, "%s", text);
}

static bool has_picture(const struct avsp_verify_rendition *r)
{
    return r != NULL && r->is_read && (avsp_verify_video(r) != NULL || r->video_codec != NULL);
}

static bool is_aac(const struct avsp_verify_rendition *r)
{
    for (size_t i = 0; i < r->init.n_tracks; i++)
        if (strncmp(r->init.tracks[i].codecs, "mp4a.40.", 8) == 0)
            return true;
    return r->audio_codec != NULL && strcmp(r->audio_codec, "aac") == 0;
}

/// Sound in another codec only; NULL = there is none, some is AAC, or one could not be read.
static const struct avsp_verify_rendition *sound_for_few(const struct avsp_verify *v)
{
    const struct avsp_verify_rendition *other = NULL;
    for (size_t i = 0; i < v->n_renditions; i++) {
        const struct avsp_verify_rendition *r = &v->renditions[i];
        if (r->is_subtitles || r->iframes_only)
            continue;
        bool known = r->is_read && (r->init.n_tracks > 0 || r->audio_codec != NULL);
        if (is_aac(r) || (!known && r->video_codec == NULL))
            return NULL;
        for (size_t t = 0; t < r->init.n_tracks; t++)
            if (r->init.tracks[t].kind == AVSP_MEDIA_AUDIO && r->init.tracks[t].codecs[0] != '\0')
                other = r;
    }
    return other;
}

static void check_captions(struct avsp_verify *v, const char *path,
                           const struct avsp_hls_playlist *p)
{
    bool none = false;
    for (size_t i = 0; i < p->n_variants; i++)
        none |= p->variants[i].no_captions;
    for (size_t i = 0; none && i < p->n_variants; i++)
        if (!p->variants[i].no_captions && !p->variants[i].iframes_only) {
            say(v, AVSP_RULE_CLOSED_CAPTIONS, path, p->variants[i].line,
                "it has no CLOSED-CAPTIONS=NONE, and another variant has");
            return;
        }
}

static const char *group_of(const struct avsp_hls_variant *variant, const char *type)
{
    return strcmp(type, "AUDIO") == 0       ? variant->audio
           : strcmp(type, "VIDEO") == 0     ? variant->video
           : strcmp(type, "SUBTITLES") == 0 ? variant->subtitles
                                            : variant->closed_captions;
}

static bool same_group(const struct avsp_hls_media *a, const struct avsp_hls_media *b)
{
    return strcmp(a->type, b->type) == 0 && strcmp(a->group, b->group) == 0;
}

static bool begins_group(const struct avsp_hls_playlist *p, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_group(&p->media[j], &p->media[i]))
            return false;
    return true;
}

/// Groups that nobody gets to see or hear; sound that no player chooses.
static void check_groups(struct avsp_verify *v, const char *path, const struct avsp_hls_playlist *p)
{
    for (size_t i = 0; i < p->n_media; i++) {
        const struct avsp_hls_media *first = &p->media[i];
        bool is_used = false, is_chosen = false;
        for (size_t j = 0; j < p->n_variants; j++)
            is_used |= strcmp(group_of(&p->variants[j], first->type), first->group) == 0;
        for (size_t j = 0; j < p->n_media; j++)
            is_chosen |= same_group(&p->media[j], first) &&
                         (p->media[j].autoselect || p->media[j].is_default);
        if (!begins_group(p, i))
            continue;
        if (!is_used)
            avsp_findings_add(v->found, AVSP_RULE_GROUP_UNUSED, path, first->line,
                              "no variant names the %.20s group \"%.60s\"", first->type,
                              first->group);
        else if (strcmp(first->type, "AUDIO") == 0 && !is_chosen)
            avsp_findings_add(v->found, AVSP_RULE_AUTOSELECT_MISSING, path, first->line,
                              "no sound of the group \"%.60s\" has AUTOSELECT=YES", first->group);
    }
}

/// A variant with a picture and without the subtitles of others.
static void check_subtitles(struct avsp_verify *v, const char *path,
                            const struct avsp_hls_playlist *p,
                            struct avsp_verify_rendition *const *of_variants)
{
    bool any = false;
    for (size_t i = 0; i < p->n_variants; i++)
        any |= p->variants[i].subtitles[0] != '\0';
    for (size_t i = 0; any && i < p->n_variants; i++)
        if (p->variants[i].subtitles[0] == '\0' && !p->variants[i].iframes_only &&
            has_picture(of_variants[i])) {
            say(v, AVSP_RULE_SUBTITLES_MISSING, path, p->variants[i].line,
                "it has no SUBTITLES, and another variant has");
            return;
        }
}

/// How many channels a rendition has; 0 = nobody knows.
static uint32_t channels_of(const struct avsp_hls_media *media,
                            const struct avsp_verify_rendition *r)
{
    if (r != NULL && r->init.n_tracks > 0 && r->init.tracks[r->primary].channels > 0)
        return r->init.tracks[r->primary].channels;
    return media->channels;
}

/// Each sound is there in stereo, in some group.
static void check_stereo(struct avsp_verify *v, const char *path, const struct avsp_hls_playlist *p,
                         struct avsp_verify_rendition *const *of_media)
{
    for (size_t i = 0; i < p->n_media; i++) {
        const struct avsp_hls_media *a = &p->media[i];
        bool is_first = true, has_stereo = false;
        for (size_t j = 0; j < p->n_media; j++) {
            const struct avsp_hls_media *b = &p->media[j];
            if (strcmp(a->type, b->type) != 0 || strcmp(a->name, b->name) != 0)
                continue;
            is_first &= j >= i;
            has_stereo |= channels_of(b, of_media[j]) <= 2;
        }
        if (strcmp(a->type, "AUDIO") == 0 && is_first && !has_stereo)
            avsp_findings_add(v->found, AVSP_RULE_STEREO_MISSING, path, a->line,
                              "\"%.60s\" is nowhere in stereo", a->name);
    }
}

static bool is_same_kind(const struct avsp_hls_variant *a, const struct avsp_verify_rendition *of_a,
                         const struct avsp_hls_variant *b, const struct avsp_verify_rendition *of_b)
{
    const struct avsp_mp4_track *x = avsp_verify_video(of_a), *y = avsp_verify_video(of_b);
    return x == NULL || y == NULL ||
           (strcmp(x->entry, y->entry) == 0 && strcmp(a->video_range, b->video_range) == 0);
}

/// Pictures of each codec and VIDEO-RANGE have a list of keyframes, for a player may take one of them only.
static void check_iframes(struct avsp_verify *v, const char *path,
                          const struct avsp_hls_playlist *p,
                          struct avsp_verify_rendition *const *of_variants)
{
    for (size_t i = 0; i < p->n_variants; i++) {
        const struct avsp_hls_variant *a = &p->variants[i];
        bool is_there = a->iframes_only || !has_picture(of_variants[i]);
        for (size_t j = 0; j < p->n_variants && !is_there; j++)
            is_there = p->variants[j].iframes_only &&
                       (of_variants[j] == NULL ||
                        is_same_kind(a, of_variants[i], &p->variants[j], of_variants[j]));
        if (is_there)
            continue;
        avsp_findings_add(v->found, AVSP_RULE_IFRAME_MISSING, path, a->line,
                          "there is no list of keyframes of such pictures (%.40s, %.10s)",
                          a->codecs, a->video_range);
        return; // the others of its kind likewise
    }
}

void avsp_verify_authoring(struct avsp_verify *v, const char *path,
                           const struct avsp_hls_playlist *p,
                           struct avsp_verify_rendition *const *of_variants,
                           struct avsp_verify_rendition *const *of_media)
{
    bool pictures = false, iframes = false;
    for (size_t i = 0; i < p->n_variants; i++) {
        const struct avsp_hls_variant *variant = &p->variants[i];
        iframes |= variant->iframes_only;
        if (!has_picture(of_variants[i]))
            continue;
        pictures |= !variant->iframes_only;
        if (variant->milli_fps == 0 && !variant->iframes_only)
            say(v, AVSP_RULE_FRAME_RATE_MISSING, path, variant->line,
                "the variant has no FRAME-RATE");
        if (variant->width_px == 0)
            say(v, AVSP_RULE_RESOLUTION_MISSING, path, variant->line,
                "the variant has no RESOLUTION");
    }
    if (pictures && !iframes)
        say(v, AVSP_RULE_IFRAME_MISSING, path, 0, "there is no list of keyframes");
    else
        check_iframes(v, path, p, of_variants);
    check_groups(v, path, p);
    check_subtitles(v, path, p, of_variants);
    check_stereo(v, path, p, of_media);
    for (size_t i = 0; i < p->n_media; i++)
        if (strcmp(p->media[i].type, "AUDIO") == 0 && p->media[i].channels == 0)
            avsp_findings_add(v->found, AVSP_RULE_CHANNELS_MISSING, path, p->media[i].line,
                              "\"%.60s\" has no CHANNELS", p->media[i].name);
    check_captions(v, path, p);
    const struct avsp_verify_rendition *few = sound_for_few(v);
    if (few != NULL)
        say(v, AVSP_RULE_AAC_MISSING, few->path, 0, "there is no sound in AAC beside it");
}
