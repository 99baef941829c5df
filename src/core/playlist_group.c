#include "core/playlist_group.h"

#include <inttypes.h>
#include <string.h>

/// A title with each of its characters replaced by three.
#define NAME_MAX_BYTES (3 * AVSP_TEXT_MAX_BYTES + 1)

/// A quoted string holds no line feeds or control characters (RFC 8216 4.2).
static char quotable(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c;
}

static void put_quotable(struct avsp_buf *buf, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        char safe = quotable(*c);
        // Nor quotes; and there are parsers (hls-parser 0.16.1) that take an apostrophe for one.
        if (safe == '"')
            avsp_buf_puts(buf, "\u201d");
        else if (safe == '\'')
            avsp_buf_puts(buf, "\u2019");
        else
            avsp_buf_append(buf, &safe, 1);
    }
}

static void put_quoted(struct avsp_buf *buf, const char *name, const char *text)
{
    avsp_buf_printf(buf, ",%s=\"", name);
    put_quotable(buf, text);
    avsp_buf_puts(buf, "\"");
}

/// What people are shown: the title, or the language, or what there is.
static const char *shown_name(const struct avsp_rendition *r)
{
    if (r->title[0] != '\0')
        return r->title;
    return strcmp(r->language, "und") != 0 ? r->language : r->name;
}

/// Do two names become the same one?
static bool looks_same(const char *a, const char *b)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) x;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) y;
    avsp_buf_init(&x, NAME_MAX_BYTES);
    avsp_buf_init(&y, NAME_MAX_BYTES);
    put_quotable(&x, a);
    put_quotable(&y, b);
    bool whole = x.sticky == AVSP_OK && y.sticky == AVSP_OK;
    return !whole || strcmp(avsp_buf_text(&x), avsp_buf_text(&y)) == 0;
}

/// Does it end like the names that are made unique below?
static bool ends_in_brackets(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && name[n - 1] == ')';
}

/// In what form a rendition has its track of sound. @param ret_track  NULL: not asked for.
static enum avsp_sound_form form_of(const struct avsp_rendition *r, uint32_t *ret_track)
{
    uint32_t track = UINT32_MAX;
    enum avsp_sound_form form = AVSP_SOUND_MAIN;
    (void)!avsp_sound_name_parse(r->name, &track, &form);
    if (ret_track != NULL)
        *ret_track = track;
    return form;
}

/// Does it stand for its track? The other forms of a sound are what the main one is.
static bool is_member(const struct avsp_rendition *r)
{
    return r->kind != AVSP_MEDIA_AUDIO || form_of(r, NULL) == AVSP_SOUND_MAIN;
}

/// Is the name one that another member of the group could have too? NAME is unique in its group (RFC 8216 4.3.4.1.1).
static bool needs_more(const struct avsp_playlist_set *set, size_t i)
{
    const struct avsp_rendition *r = set->renditions[i].rendition;
    const char *name = shown_name(r);
    for (size_t j = 0; j < i; j++) {
        const struct avsp_rendition *other = set->renditions[j].rendition;
        if (other->kind == r->kind && is_member(other) && looks_same(shown_name(other), name))
            return true;
    }
    return ends_in_brackets(name);
}

/// Rendition names are unique, so a name that ends with one in brackets is too, when all that end in brackets do.
static void put_name(const struct avsp_playlist_set *set, size_t i, struct avsp_buf *buf)
{
    const struct avsp_rendition *r = set->renditions[i].rendition;
    avsp_buf_puts(buf, ",NAME=\"");
    put_quotable(buf, shown_name(r));
    if (needs_more(set, i))
        avsp_buf_printf(buf, " (%s)", r->name);
    avsp_buf_puts(buf, "\"");
}

/// May a player take it by itself, going by language and needs? Not where it cannot tell it from one before (RFC 8216
/// 4.3.4.1.1), and a commentary only when it is asked for.
static bool is_autoselected(const struct avsp_playlist_set *set, size_t i)
{
    const struct avsp_rendition *r = set->renditions[i].rendition;
    if ((r->purposes & AVSP_PURPOSE_COMMENTARY) != 0)
        return false;
    const uint32_t seen = ~(uint32_t)AVSP_PURPOSE_DEFAULT; // the others tell members apart
    for (size_t j = 0; j < i; j++) {
        const struct avsp_rendition *other = set->renditions[j].rendition;
        if (other->kind == r->kind && is_member(other) &&
            (other->purposes & seen) == (r->purposes & seen) &&
            strcmp(other->language, r->language) == 0)
            return false;
    }
    return true;
}

/// Uniform type identifiers of Apple's authoring specification.
static void put_characteristics(const struct avsp_rendition *r, struct avsp_buf *buf)
{
    if ((r->purposes & AVSP_PURPOSE_DESCRIPTION) != 0)
        put_quoted(buf, "CHARACTERISTICS", "public.accessibility.describes-video");
    else if ((r->purposes & AVSP_PURPOSE_HEARING) != 0)
        put_quoted(buf, "CHARACTERISTICS",
                   r->kind == AVSP_MEDIA_TEXT
                       ? "public.accessibility.transcribes-spoken-dialog,"
                         "public.accessibility.describes-music-and-sound"
                       : "public.accessibility.enhances-speech-intelligibility");
}

bool avsp_playlist_has_group(const struct avsp_playlist_set *set, enum avsp_sound_form form)
{
    for (size_t i = 0; i < set->n_renditions; i++)
        if (set->renditions[i].rendition->kind == AVSP_MEDIA_AUDIO &&
            form_of(set->renditions[i].rendition, NULL) == form)
            return true;
    return false;
}

/// The rendition of that form of the track whose main one is @p i; that itself where there is none.
static size_t member_for(const struct avsp_playlist_set *set, enum avsp_sound_form form, size_t i)
{
    uint32_t track = 0, other = 0;
    form_of(set->renditions[i].rendition, &track);
    for (size_t j = 0; j < set->n_renditions; j++)
        if (set->renditions[j].rendition->kind == AVSP_MEDIA_AUDIO &&
            form_of(set->renditions[j].rendition, &other) == form && other == track)
            return j;
    return i;
}

bool avsp_playlist_next_member(const struct avsp_playlist_set *set, enum avsp_sound_form form,
                               size_t *i, size_t *ret_member)
{
    for (; *i < set->n_renditions; ++*i) {
        const struct avsp_rendition *r = set->renditions[*i].rendition;
        if (r->kind != AVSP_MEDIA_AUDIO || !is_member(r))
            continue;
        *ret_member = member_for(set, form, (*i)++);
        return true;
    }
    return false;
}

/// Members of one track are alike in all groups, but for CHANNELS and URI (RFC 8216 4.3.4.1.1).
/// @param main  the track's main rendition
static void put_sound(const struct avsp_playlist_set *set, enum avsp_sound_form form, size_t main,
                      bool is_first, const char *uri, struct avsp_buf *buf)
{
    const struct avsp_rendition *r = set->renditions[main].rendition;
    avsp_buf_puts(buf, "#EXT-X-MEDIA:TYPE=AUDIO");
    put_quoted(buf, "GROUP-ID", avsp_sound_group(form));
    put_name(set, main, buf);
    put_quoted(buf, "LANGUAGE", r->language);
    bool automatic = is_first || is_autoselected(set, main);
    avsp_buf_printf(buf, ",DEFAULT=%s,AUTOSELECT=%s", is_first ? "YES" : "NO",
                    automatic ? "YES" : "NO");
    put_characteristics(r, buf);
    avsp_buf_printf(buf, ",CHANNELS=\"%" PRIu32 "\"",
                    set->renditions[member_for(set, form, main)].rendition->channels);
    if (uri != NULL)
        put_quoted(buf, "URI", uri);
    avsp_buf_puts(buf, "\n");
}

void avsp_playlist_put_sounds(const struct avsp_playlist_set *set,
                              const struct avsp_playlist_uris *uris, struct avsp_buf *buf)
{
    bool alone = set->n_renditions > 0 && set->renditions[0].rendition->kind == AVSP_MEDIA_AUDIO;
    for (int form = 0; form < AVSP_SOUND_N_FORMS; form++) {
        if (!avsp_playlist_has_group(set, (enum avsp_sound_form)form))
            continue;
        bool is_first = true;
        size_t member = 0;
        for (size_t i = 0;
             avsp_playlist_next_member(set, (enum avsp_sound_form)form, &i, &member);) {
            const char *uri = alone && is_first ? NULL : uris[member].media;
            put_sound(set, (enum avsp_sound_form)form, i - 1, is_first, uri, buf);
            is_first = false;
        }
    }
}

void avsp_playlist_put_texts(const struct avsp_playlist_set *set,
                             const struct avsp_playlist_uris *uris, struct avsp_buf *buf)
{
    bool has_default = false;
    for (size_t i = 0; i < set->n_renditions; i++) {
        const struct avsp_rendition *r = set->renditions[i].rendition;
        if (r->kind != AVSP_MEDIA_TEXT)
            continue;
        bool is_default = !has_default && (r->purposes & AVSP_PURPOSE_DEFAULT) != 0;
        bool forced = (r->purposes & AVSP_PURPOSE_FORCED) != 0;
        avsp_buf_puts(buf, "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"" AVSP_TEXT_GROUP "\"");
        put_name(set, i, buf);
        put_quoted(buf, "LANGUAGE", r->language);
        bool automatic = is_default || is_autoselected(set, i);
        avsp_buf_printf(buf, ",DEFAULT=%s,AUTOSELECT=%s,FORCED=%s", is_default ? "YES" : "NO",
                        automatic ? "YES" : "NO", forced ? "YES" : "NO");
        put_characteristics(r, buf);
        put_quoted(buf, "URI", uris[i].media);
        avsp_buf_puts(buf, "\n");
        has_default |= is_default;
    }
}
