/// The MPD beside the playlists: the same renditions, files and times, and the same said of them.
#include "core/verify_private.h"

#include "core/mpd.h"
#include "core/naming.h"
#include "core/uri.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define TIME_OFF_US 1000      ///< printed microseconds and ticks, one after another
#define DURATION_OFF_US 50000 ///< of the whole
#define NO_MATCH SIZE_MAX

__extension__ typedef __int128 wide;

struct avsp_verify_dash {
    const char *path;
    struct avsp_mpd mpd;
    // Of each Representation: what its init segment and its first file are in the folder; NULL where that is nothing.
    const char *inits[AVSP_MPD_REPRESENTATIONS_MAX];
    const char *firsts[AVSP_MPD_REPRESENTATIONS_MAX];
    bool is_used[AVSP_MPD_REPRESENTATIONS_MAX];
};

static void say(struct avsp_verify *v, enum avsp_rule rule,
                const struct avsp_mpd_representation *rep, const char *fmt, ...) AVSP_PRINTF(4, 5);

static void say(struct avsp_verify *v, enum avsp_rule rule,
                const struct avsp_mpd_representation *rep, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    avsp_findings_add(v->found, rule, v->dash->path, rep != NULL ? rep->line : 0, "%s", text);
}

/// A URI of the MPD as a path; NULL where it is none, which is said.
static const char *resolve(struct avsp_verify *v, struct avsp_arena *arena, uint32_t line,
                           const char *uri, struct avsp_err *err)
{
    return uri[0] != '\0' ? avsp_verify_resolve(v, arena, v->dash->path, line, uri, err) : NULL;
}

static enum avsp_code resolve_names(struct avsp_verify *v, struct avsp_err *err)
{
    struct avsp_verify_dash *dash = v->dash;
    for (size_t i = 0; i < dash->mpd.n_representations; i++) {
        const struct avsp_mpd_representation *rep = &dash->mpd.representations[i];
        dash->inits[i] = resolve(v, &v->arena, rep->line, rep->init, err);
        dash->firsts[i] = resolve(v, &v->arena, rep->line,
                                  rep->n_segments > 0 ? rep->segments[0] : rep->file, err);
        if (err->code != AVSP_OK)
            return err->code;
    }
    return AVSP_OK;
}

/// Takes in what was read. An MPD of another form is not compared.
static enum avsp_code take_mpd(struct avsp_verify *v, const char *path, const struct avsp_buf *text,
                               struct avsp_err *err)
{
    struct avsp_err fault = {0};
    struct avsp_verify_dash *dash = avsp_arena_alloc(&v->arena, sizeof *dash);
    if (dash == NULL)
        return avsp_arena_failed(&v->arena, err);
    dash->path = path;
    enum avsp_code rc =
        avsp_mpd_parse(&v->arena, avsp_buf_text(text), text->len, &dash->mpd, &fault);
    if (rc == AVSP_NO_MEMORY) {
        *err = fault;
        return rc;
    }
    if (rc != AVSP_OK) {
        avsp_findings_add(v->found, rc == AVSP_CORRUPT ? AVSP_RULE_DASH_XML : AVSP_RULE_DASH_FORM,
                          path, 0, "%s", fault.text);
        return AVSP_OK;
    }
    v->dash = dash;
    return resolve_names(v, err);
}

enum avsp_code avsp_verify_dash_read(struct avsp_verify *v, const char *path, struct avsp_err *err)
{
    if (strcmp(path, AVSP_MANIFEST_NAME) != 0)
        return AVSP_OK;
    struct avsp_verify_part part = {.path = AVSP_MPD_NAME};
    char first[1];
    size_t n = 0;
    uint64_t file_bytes = 0;
    struct avsp_err fault = {0};
    enum avsp_code rc =
        v->files.read(v->files.opaque, part.path, 0, first, 1, &n, &file_bytes, &fault);
    // Who may not list a bucket is not told that there is no such object, but refused.
    if (rc == AVSP_NOT_FOUND || (rc == AVSP_DENIED && fault.native != 0))
        return AVSP_OK;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, AVSP_HLS_PLAYLIST_MAX_BYTES);
    bool is_read = false;
    rc = avsp_verify_slurp(v, part.path, 0, &part, AVSP_HLS_PLAYLIST_MAX_BYTES, &text, &is_read,
                           err);
    return rc == AVSP_OK && is_read ? take_mpd(v, part.path, &text, err) : rc;
}

static bool same_path(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/// The Representation of a rendition: that which has its init segment, or else its first file.
static size_t find(const struct avsp_verify_work *w)
{
    const struct avsp_verify_dash *dash = w->v->dash;
    const struct avsp_verify_segment *s = &w->segments[0];
    for (size_t i = 0; i < dash->mpd.n_representations; i++)
        if (!dash->is_used[i] && same_path(dash->inits[i], s->init.path))
            return i;
    for (size_t i = 0; i < dash->mpd.n_representations; i++)
        if (!dash->is_used[i] && same_path(dash->firsts[i], s->part.path))
            return i;
    return NO_MATCH;
}

static void compare_files(struct avsp_verify_work *w, size_t at, struct avsp_err *err)
{
    const struct avsp_verify_dash *dash = w->v->dash;
    const struct avsp_mpd_representation *rep = &dash->mpd.representations[at];
    size_t n = w->playlist.n_segments, theirs = rep->file[0] != '\0' ? 1 : rep->n_segments;
    if (!w->r->is_subtitles && !same_path(dash->inits[at], w->segments[0].init.path))
        say(w->v, AVSP_RULE_DASH_FILES, rep, "Initialization is \"%.100s\", and %s has %s",
            rep->init, w->r->path, w->segments[0].init.path != NULL ? "another" : "none");
    for (size_t i = 0; i < AVSP_MIN(n, theirs); i++) {
        const char *uri = rep->file[0] != '\0' ? rep->file : rep->segments[i];
        const char *path = resolve(w->v, w->arena, rep->line, uri, err);
        if (path == NULL) // said, or there is no memory
            return;
        if (same_path(path, w->segments[i].part.path))
            continue;
        say(w->v, AVSP_RULE_DASH_FILES, rep, "segment %zu is %s, and in %s it is %s", i, path,
            w->r->path, w->segments[i].part.path != NULL ? w->segments[i].part.path : "a gap");
        return;
    }
    if (n != theirs)
        say(w->v, AVSP_RULE_DASH_FILES, rep, "it has %zu segments, and %s has %zu", theirs,
            w->r->path, n);
}

static int64_t scaled_us(const struct avsp_mpd_representation *rep, int64_t ticks)
{
    return (int64_t)((wide)ticks * 1000000 / rep->timescale);
}

/// @return false where the times part, which is said
static bool is_at(struct avsp_verify_work *w, const struct avsp_mpd_representation *rep, size_t i,
                  int64_t ticks)
{
    int64_t here = avsp_verify_listed_us(w, i), there = scaled_us(rep, ticks);
    if (there - here <= TIME_OFF_US && here - there <= TIME_OFF_US)
        return true;
    say(w->v, AVSP_RULE_DASH_TIMES, rep, "segment %zu %s at %.6f s, and in %s at %.6f s", i,
        i < w->playlist.n_segments ? "begins" : "would begin", (double)there / 1e6, w->r->path,
        (double)here / 1e6);
    return false;
}

static void compare_times(struct avsp_verify_work *w, const struct avsp_mpd_representation *rep)
{
    size_t n = w->playlist.n_segments, i = 0;
    int64_t ticks = 0;
    w->sum_at = 0;
    w->sum_us = 0;
    for (size_t k = 0; k < rep->n_times; k++) {
        const struct avsp_mpd_times *s = &rep->times[k];
        ticks = s->has_start ? s->start : ticks;
        for (int64_t j = 0; j <= s->repeats && i < n; j++, i++) {
            if (!is_at(w, rep, i, ticks))
                return;
            if (__builtin_add_overflow(ticks, s->length, &ticks) || ticks > INT64_MAX / 1000000)
                ticks = INT64_MAX / 1000000;
        }
    }
    if (i < n)
        say(w->v, AVSP_RULE_DASH_TIMES, rep, "its SegmentTimeline ends before segment %zu", i);
    else
        (void)is_at(w, rep, n, ticks);
}

enum avsp_code avsp_verify_dash_segments(struct avsp_verify_work *w, struct avsp_err *err)
{
    if (w->v->dash == NULL || w->playlist.n_segments == 0 || w->r->iframes_only)
        return AVSP_OK;
    size_t at = find(w);
    if (at == NO_MATCH)
        return AVSP_OK;
    const struct avsp_mpd_representation *rep = &w->v->dash->mpd.representations[at];
    w->v->dash->is_used[at] = true;
    w->r->dash = at + 1;
    uint64_t before = w->v->found->counts[AVSP_RULE_DASH_FILES];
    compare_files(w, at, err);
    // Of other files, other times.
    if (rep->file[0] == '\0' && w->v->found->counts[AVSP_RULE_DASH_FILES] == before &&
        !w->r->unmeasured)
        compare_times(w, rep);
    return err->code;
}

/// A rendition that the MPD has as well.
struct pair {
    struct avsp_verify *v;
    const struct avsp_verify_rendition *r;
    const struct avsp_mpd_representation *rep;
    const struct avsp_mp4_track *track; ///< NULL = not known
};

static void compare_media(const struct pair *p)
{
    const struct avsp_mp4_track *track = p->track;
    const struct avsp_mpd_representation *rep = p->rep;
    if (track == NULL || p->r->is_mismatched)
        return;
    if (track->codecs[0] != '\0' && !avsp_verify_same_codec(rep->codecs, track->codecs))
        say(p->v, AVSP_RULE_DASH_CODECS, rep, "codecs is \"%.60s\", and %s has %s", rep->codecs,
            p->r->path, track->codecs);
    int64_t peak = p->r->peak_bps;
    if (!p->r->unmeasured &&
        (rep->bandwidth < peak - peak / 100 || rep->bandwidth > peak + peak / 10 + 10000))
        say(p->v, AVSP_RULE_DASH_BANDWIDTH, rep,
            "bandwidth is %" PRId64 ", and %" PRId64 " bits a second were measured", rep->bandwidth,
            peak);
    if (track->kind == AVSP_MEDIA_AUDIO && track->channels > 0 && rep->channels != track->channels)
        say(p->v, AVSP_RULE_DASH_CHANNELS, rep,
            "AudioChannelConfiguration is %" PRIu32 ", and the sound has %" PRIu32, rep->channels,
            track->channels);
    if (track->kind != AVSP_MEDIA_VIDEO)
        return;
    bool is_coded = track->coded_width_px > 0;
    uint32_t width = is_coded ? track->coded_width_px : track->width_px;
    uint32_t height = is_coded ? track->coded_height_px : track->height_px;
    if (rep->width_px != width || rep->height_px != height)
        say(p->v, AVSP_RULE_DASH_SIZE, rep,
            "it says %" PRIu32 "x%" PRIu32 ", and the pictures have %" PRIu32 "x%" PRIu32,
            rep->width_px, rep->height_px, width, height);
    enum { PQ = 16, HLG = 18 };
    bool hdr = track->transfer == PQ || track->transfer == HLG;
    if (hdr ? rep->transfer != track->transfer : rep->transfer == PQ || rep->transfer == HLG)
        say(p->v, AVSP_RULE_DASH_TRANSFER, rep,
            "TransferCharacteristics is %" PRIu32 ", and that of the pictures %" PRIu32,
            rep->transfer, track->transfer);
}

static bool has(const struct avsp_hls_media *media, const char *characteristic)
{
    return strstr(media->characteristics, characteristic) != NULL;
}

/// What Role should be; NULL = several are right.
static const char *role_of(const struct avsp_hls_media *media)
{
    if (strcmp(media->type, "SUBTITLES") == 0)
        return media->forced                             ? "forced-subtitle"
               : has(media, "transcribes-spoken-dialog") ? "caption"
                                                         : "subtitle";
    return NULL;
}

static void compare_role(const struct pair *p, const struct avsp_hls_media *media)
{
    const char *role = role_of(media);
    bool sound = role == NULL, is_main = strcmp(p->rep->role, "main") == 0;
    if (!sound && strcmp(p->rep->role, role) != 0)
        say(p->v, AVSP_RULE_DASH_ROLE, p->rep, "Role is \"%.40s\", and it should be \"%s\"",
            p->rep->role, role);
    else if (sound && is_main != media->is_default && strcmp(p->rep->role, "commentary") != 0)
        say(p->v, AVSP_RULE_DASH_ROLE, p->rep, "Role is \"%.40s\", and \"%.60s\" has DEFAULT=%s",
            p->rep->role, media->name, media->is_default ? "YES" : "NO");
    const char *need = has(media, "describes-video")                   ? "1"
                       : has(media, "enhances-speech-intelligibility") ? "2"
                                                                       : "";
    if (sound && strcmp(p->rep->accessibility, need) != 0)
        say(p->v, AVSP_RULE_DASH_ROLE, p->rep,
            "Accessibility is \"%.40s\", and by CHARACTERISTICS it is \"%s\"",
            p->rep->accessibility, need);
}

static void compare_named(const struct pair *p, const struct avsp_hls_media *media)
{
    if (strcasecmp(p->rep->language, media->language) != 0)
        say(p->v, AVSP_RULE_DASH_LANGUAGE, p->rep, "lang is \"%.40s\", and \"%.60s\" has \"%.40s\"",
            p->rep->language, media->name, media->language);
    compare_role(p, media);
}

/// The tag that speaks of a rendition: its own, or, where sound is the variant, the one without URI.
static const struct avsp_hls_media *media_of(const struct avsp_hls_playlist *p,
                                             struct avsp_verify_rendition *const *of_media,
                                             const struct avsp_verify_rendition *r)
{
    for (size_t i = 0; i < p->n_media; i++)
        if (of_media[i] == r)
            return &p->media[i];
    bool sound = r->init.n_tracks > 0 && r->init.tracks[r->primary].kind == AVSP_MEDIA_AUDIO;
    for (size_t i = 0; sound && i < p->n_media; i++)
        if (strcmp(p->media[i].type, "AUDIO") == 0 && p->media[i].uri[0] == '\0')
            return &p->media[i];
    return NULL;
}

static void compare_rate(const struct pair *p, const struct avsp_hls_playlist *playlist,
                         struct avsp_verify_rendition *const *of_variants)
{
    for (size_t i = 0; i < playlist->n_variants; i++) {
        int64_t rate = playlist->variants[i].milli_fps;
        if (of_variants[i] != p->r || playlist->variants[i].iframes_only || rate == 0 ||
            llabs(rate - p->rep->milli_fps) <= 1)
            continue;
        say(p->v, AVSP_RULE_DASH_FRAME_RATE, p->rep, "frameRate is %.3f, and FRAME-RATE is %.3f",
            (double)p->rep->milli_fps / 1e3, (double)rate / 1e3);
        return;
    }
}

static void check_duration(struct avsp_verify *v)
{
    int64_t longest = 0;
    for (size_t i = 0; i < v->n_renditions; i++) {
        const struct avsp_verify_rendition *r = &v->renditions[i];
        if (r->unmeasured && !r->is_subtitles)
            return;
        if (!r->is_subtitles && !r->iframes_only)
            longest = AVSP_MAX(longest, r->duration_us);
    }
    int64_t said = v->dash->mpd.duration_us;
    if (llabs(said - longest) > DURATION_OFF_US)
        say(v, AVSP_RULE_DASH_DURATION, NULL,
            "mediaPresentationDuration is %.6f s, and the playlists last %.6f s",
            (double)said / 1e6, (double)longest / 1e6);
}

void avsp_verify_dash(struct avsp_verify *v, const struct avsp_hls_playlist *p,
                      struct avsp_verify_rendition *const *of_variants,
                      struct avsp_verify_rendition *const *of_media)
{
    if (v->dash == NULL)
        return;
    for (size_t i = 0; i < v->n_renditions; i++) {
        const struct avsp_verify_rendition *r = &v->renditions[i];
        if (!r->is_read || r->iframes_only)
            continue;
        if (r->dash == 0) {
            say(v, AVSP_RULE_DASH_RENDITIONS, NULL, "it has no Representation of %s", r->path);
            continue;
        }
        const struct pair pair = {v, r, &v->dash->mpd.representations[r->dash - 1],
                                  r->init.n_tracks > 0 ? &r->init.tracks[r->primary] : NULL};
        compare_media(&pair);
        compare_rate(&pair, p, of_variants);
        const struct avsp_hls_media *media = media_of(p, of_media, r);
        if (media != NULL)
            compare_named(&pair, media);
    }
    for (size_t i = 0; i < v->dash->mpd.n_representations; i++)
        if (!v->dash->is_used[i])
            say(v, AVSP_RULE_DASH_RENDITIONS, &v->dash->mpd.representations[i],
                "no playlist has the Representation \"%.60s\"", v->dash->mpd.representations[i].id);
    check_duration(v);
}
