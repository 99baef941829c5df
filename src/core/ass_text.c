#include "core/ass_text.h"

#include <string.h>

/// ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect: what stands before the text (libavcodec/ass.h).
#define FIELDS_BEFORE_TEXT 8
#define REPLACEMENT "\xef\xbf\xbd" // U+FFFD

enum style {
    BOLD = 1,
    ITALIC = 2,
    UNDERLINED = 4,
};
static const struct {
    unsigned style;
    char letter;
} styles[] = {{BOLD, 'b'}, {ITALIC, 'i'}, {UNDERLINED, 'u'}};

struct writer {
    struct avsp_buf *buf;
    unsigned wanted;   ///< styles of the text that comes
    unsigned open;     ///< whose tags are open
    bool drawing;      ///< what comes is no text but shapes
    bool began;        ///< something readable was written
    bool line_pending; ///< a line feed comes before the next readable character
    unsigned place;
};

static void put_tags(struct writer *w, unsigned which, bool close)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(styles); i++) {
        size_t at = close ? AVSP_ARRAY_LEN(styles) - 1 - i : i;
        if ((which & styles[at].style) != 0)
            avsp_buf_printf(w->buf, "<%s%c>", close ? "/" : "", styles[at].letter);
    }
}

/// Tags are always opened in one order, so that they never cross.
static void use_styles(struct writer *w, unsigned wanted)
{
    if (w->open == wanted)
        return;
    put_tags(w, w->open, true);
    put_tags(w, wanted, false);
    w->open = wanted;
}

static void put_visible(struct writer *w, const char *text, size_t len)
{
    if (w->drawing)
        return;
    if (w->line_pending && w->began) {
        use_styles(w, w->open & w->wanted);
        avsp_buf_puts(w->buf, "\n"); // one: an empty line would end the cue
    }
    w->line_pending = false;
    w->began = true;
    use_styles(w, w->wanted);
    avsp_buf_append(w->buf, text, len);
}

static void put_space(struct writer *w, const char *space)
{
    if (!w->began || w->line_pending || w->drawing)
        return;
    use_styles(w, w->open & w->wanted);
    avsp_buf_puts(w->buf, space);
}

/// How long the character at @p text is; 0 where it is not UTF-8 (RFC 3629).
static size_t utf8_length(const unsigned char *text, size_t len)
{
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xc2 ? 0
               : text[0] < 0xe0 ? 2
               : text[0] < 0xf0 ? 3
                                : 4;
    if (n == 0 || n > len || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xed && text[1] >= 0xa0) || (text[0] == 0xf4 && text[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

/// Writes one character. @return how long it was
static size_t put_character(struct writer *w, const char *text, size_t len)
{
    unsigned char c = (unsigned char)text[0];
    size_t n = utf8_length((const unsigned char *)text, len);
    bool c1 = n == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0;
    if (c == '\n')
        w->line_pending = true;
    else if (c == ' ' || c == '\t')
        put_space(w, " ");
    else if (c == '&')
        put_visible(w, "&amp;", 5);
    else if (c == '<')
        put_visible(w, "&lt;", 4);
    else if (c == '>')
        put_visible(w, "&gt;", 4);
    else if (n == 0)
        put_visible(w, REPLACEMENT, sizeof REPLACEMENT - 1);
    else if (c >= ' ' && c != 0x7f && !c1)
        put_visible(w, text, n);
    return n > 0 ? n : 1;
}

/// Is what follows the tag @p name and a number? "i1" is italic, "iclip(…)" is not. @param ret_number  0 where it is left out
static bool is_tag(const char *text, size_t len, const char *name, unsigned *ret_number)
{
    size_t at = strlen(name);
    if (len < at || memcmp(text, name, at) != 0)
        return false;
    unsigned number = 0;
    for (; at < len && text[at] >= '0' && text[at] <= '9' && number < 10000; at++)
        number = 10 * number + (unsigned)(text[at] - '0');
    *ret_number = number;
    return at == len || text[at] == ' ';
}

static void set_style(struct writer *w, unsigned style, bool on)
{
    w->wanted = on ? w->wanted | style : w->wanted & ~style;
}

/// One tag of an override block, without its backslash.
static void take_tag(struct writer *w, const char *text, size_t len)
{
    unsigned n = 0;
    if (is_tag(text, len, "b", &n))
        set_style(w, BOLD, n == 1 || n >= 600); // or a weight
    else if (is_tag(text, len, "i", &n))
        set_style(w, ITALIC, n == 1);
    else if (is_tag(text, len, "u", &n))
        set_style(w, UNDERLINED, n == 1);
    else if (is_tag(text, len, "an", &n) && n >= 1 && n <= 9)
        w->place = n;
    else if (is_tag(text, len, "p", &n))
        w->drawing = n > 0;
    else if (len > 0 && text[0] == 'r')
        w->wanted = 0;
}

static void take_block(struct writer *w, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        const char *slash = memchr(text + at, '\\', len - at);
        if (slash == NULL)
            return;
        size_t from = (size_t)(slash - text) + 1;
        const char *next = from < len ? memchr(text + from, '\\', len - from) : NULL;
        size_t end = next != NULL ? (size_t)(next - text) : len;
        take_tag(w, text + from, end - from);
        at = end;
    }
}

/// A backslash and what it means. @return how long it was; 0 where it is a plain one
static size_t take_escape(struct writer *w, const char *text, size_t len)
{
    if (len < 2)
        return 0;
    switch (text[1]) {
    case 'N':
    case 'n':
        w->line_pending = true;
        return 2;
    case 'h':
        put_space(w, "\xc2\xa0"); // U+00A0
        return 2;
    case '{':
    case '}':
        put_visible(w, &text[1], 1);
        return 2;
    default:
        return 0;
    }
}

static const char *text_of(const char *event, size_t *len)
{
    const char *text = event;
    for (unsigned i = 0; i < FIELDS_BEFORE_TEXT; i++) {
        const char *comma = memchr(text, ',', *len - (size_t)(text - event));
        if (comma == NULL)
            return NULL;
        text = comma + 1;
    }
    *len -= (size_t)(text - event);
    return text;
}

void avsp_ass_text_convert(const char *event, size_t len, struct avsp_buf *buf, unsigned *place)
{
    struct writer w = {.buf = buf, .place = *place};
    const char *text = len > 0 ? text_of(event, &len) : NULL;
    if (text == NULL)
        return;
    for (size_t at = 0; at < len;) {
        size_t n = 0;
        const char *end = text[at] == '{' ? memchr(text + at, '}', len - at) : NULL;
        if (end != NULL) {
            n = (size_t)(end - text) - at + 1;
            take_block(&w, text + at + 1, n - 2);
        } else if (text[at] == '\\') {
            n = take_escape(&w, text + at, len - at);
        }
        at += n > 0 ? n : put_character(&w, text + at, len - at);
    }
    use_styles(&w, 0);
    *place = w.place;
}
