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

void avsp_verify_authoring(struct avsp_verify *v, const char *path,
                           const struct avsp_hls_playlist *p,
                           struct avsp_verify_rendition *const *of_variants)
{
    bool pictures = false, iframes = false;
    for (size_t i = 0; i < p->n_variants; i++) {
        const struct avsp_hls_variant *variant = &p->variants[i];
        iframes |= variant->iframes_only;
        if (variant->iframes_only || !has_picture(of_variants[i]))
            continue;
        pictures = true;
        if (variant->milli_fps == 0)
            say(v, AVSP_RULE_FRAME_RATE_MISSING, path, variant->line,
                "the variant has no FRAME-RATE");
        if (variant->width_px == 0)
            say(v, AVSP_RULE_RESOLUTION_MISSING, path, variant->line,
                "the variant has no RESOLUTION");
    }
    if (pictures && !iframes)
        say(v, AVSP_RULE_IFRAME_MISSING, path, 0, "there is no list of keyframes");
    for (size_t i = 0; i < p->n_media; i++)
        if (strcmp(p->media[i].type, "AUDIO") == 0 && p->media[i].channels == 0)
            avsp_findings_add(v->found, AVSP_RULE_CHANNELS_MISSING, path, p->media[i].line,
                              "\"%.60s\" has no CHANNELS", p->media[i].name);
    check_captions(v, path, p);
    const struct avsp_verify_rendition *few = sound_for_few(v);
    if (few != NULL)
        say(v, AVSP_RULE_AAC_MISSING, few->path, 0, "there is no sound in AAC beside it");
}
