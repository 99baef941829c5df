/// CODECS of a variant against what its renditions are. RFC 8216 4.3.4.2, RFC 6381, AV1 in ISOBMFF 5.
#include "core/verify_private.h"

#include <string.h>
#include <strings.h>

#define ELEMENTS_MAX 32
#define ELEMENT_BYTES 64

enum match { NOT_THERE, OTHER_COLOR, EQUAL };

/// The elements of a CODECS value.
struct elements {
    size_t n;
    char texts[ELEMENTS_MAX][ELEMENT_BYTES];
    bool used[ELEMENTS_MAX];
};

static void split(const char *codecs, struct elements *e)
{
    while (*codecs != '\0' && e->n < ELEMENTS_MAX) {
        codecs += strspn(codecs, ", ");
        size_t n = strcspn(codecs, ",");
        if (n > 0)
            snprintf(e->texts[e->n++], ELEMENT_BYTES, "%.*s", (int)AVSP_MIN(n, (size_t)60), codecs);
        codecs += n;
    }
}

/// How many bytes the first @p n fields take.
static size_t fields(const char *text, unsigned n)
{
    size_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        at += strcspn(text + at, ".");
        if (i + 1 < n && text[at] == '.')
            at++;
    }
    return at;
}

static bool same_fields(const char *a, const char *b, unsigned n)
{
    size_t len = fields(a, n);
    return len == fields(b, n) && strncasecmp(a, b, len) == 0;
}

/// @param wanted  from the media
static enum match compare(const char *given, const char *wanted)
{
    if (strcasecmp(given, wanted) == 0)
        return EQUAL;
    if (strncmp(wanted, "av01.", 5) == 0 && same_fields(given, wanted, 4)) {
        // All or none of the optional fields; none stand for BT.709, studio range, 4:2:0.
        static const char defaults[] = ".0.110.01.01.01.0";
        const char *a = given + fields(given, 4), *b = wanted + fields(wanted, 4);
        return strcmp(*a != '\0' ? a : defaults, *b != '\0' ? b : defaults) == 0 ? EQUAL
                                                                                 : OTHER_COLOR;
    }
    // The rest of an HEVC string are flags that packagers write as they like.
    bool hevc = strncmp(wanted, "hvc1.", 5) == 0 || strncmp(wanted, "hev1.", 5) == 0;
    if (hevc && same_fields(given, wanted, 2))
        return EQUAL;
    return NOT_THERE;
}

bool avsp_verify_same_codec(const char *given, const char *wanted)
{
    return compare(given, wanted) == EQUAL;
}

static void expect(struct avsp_verify *v, const char *path, const struct avsp_hls_variant *variant,
                   struct elements *e, const char *wanted, const char *of)
{
    enum match best = NOT_THERE;
    size_t at = 0;
    for (size_t i = 0; i < e->n; i++) {
        enum match match = compare(e->texts[i], wanted);
        if (match > best) {
            best = match;
            at = i;
        }
    }
    if (best != NOT_THERE)
        e->used[at] = true;
    if (best == NOT_THERE)
        avsp_findings_add(v->found, AVSP_RULE_CODECS, path, variant->line,
                          "CODECS is \"%.100s\", and %s has %s", variant->codecs, of, wanted);
    else if (best == OTHER_COLOR)
        avsp_findings_add(v->found, AVSP_RULE_CODECS_COLOR, path, variant->line,
                          "CODECS has %s, and the bitstream of %s is %s", e->texts[at], of, wanted);
}

/// Where only a decoder's name is known: the families that it may be called by.
static bool is_family(const char *codec, const char *given)
{
    static const struct {
        const char *codec;
        const char *prefix;
    } families[] = {{"h264", "avc1."}, {"h264", "avc3."}, {"hevc", "hvc1."}, {"hevc", "hev1."},
                    {"av1", "av01."},  {"aac", "mp4a."},  {"mp3", "mp4a."},  {"mp2", "mp4a."},
                    {"ac3", "ac-3"},   {"eac3", "ec-3"},  {"opus", "opus"},  {"flac", "flac"}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(families); i++)
        if (strcmp(families[i].codec, codec) == 0 &&
            strncasecmp(families[i].prefix, given, strlen(families[i].prefix)) == 0)
            return true;
    return false;
}

static void expect_family(struct avsp_verify *v, const char *path,
                          const struct avsp_hls_variant *variant, struct elements *e,
                          const char *codec, const char *of)
{
    if (codec == NULL)
        return;
    for (size_t i = 0; i < e->n; i++)
        if (is_family(codec, e->texts[i])) {
            e->used[i] = true;
            return;
        }
    avsp_findings_add(v->found, AVSP_RULE_CODECS, path, variant->line,
                      "CODECS is \"%.100s\", and %s has %s", variant->codecs, of, codec);
}

void avsp_verify_codecs(struct avsp_verify *v, const char *path,
                        const struct avsp_hls_variant *variant,
                        const struct avsp_verify_rendition *const *members, size_t n, bool whole)
{
    struct elements e = {0};
    if (variant->codecs[0] == '\0') {
        avsp_findings_add(v->found, AVSP_RULE_CODECS_MISSING, path, variant->line,
                          "the variant has no CODECS");
        return;
    }
    split(variant->codecs, &e);
    bool all_known = whole;
    for (size_t i = 0; i < n; i++) {
        const struct avsp_verify_rendition *r = members[i];
        bool known = (r->init.n_tracks > 0 || r->video_codec != NULL || r->audio_codec != NULL) &&
                     !r->is_mismatched;
        for (size_t t = 0; known && t < r->init.n_tracks; t++) {
            const struct avsp_mp4_track *track = &r->init.tracks[t];
            if (track->codecs[0] != '\0')
                expect(v, path, variant, &e, track->codecs, r->path);
            else
                known = false;
        }
        expect_family(v, path, variant, &e, r->video_codec, r->path);
        expect_family(v, path, variant, &e, r->audio_codec, r->path);
        all_known &= known;
    }
    // Of subtitles and of what could not be read, nothing is known.
    for (size_t i = 0; all_known && variant->subtitles[0] == '\0' && i < e.n; i++)
        if (!e.used[i] && v->found->counts[AVSP_RULE_CODECS] == 0)
            avsp_findings_add(v->found, AVSP_RULE_CODECS, path, variant->line,
                              "CODECS has %s, and no rendition of the variant is that", e.texts[i]);
}
