#include "core/xml.h"

#include "util/buf.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define ARENA_BYTES ((size_t)4 << 20)

void avsp_xml_init(struct avsp_xml *xml, const char *bytes, size_t len)
{
    *xml = (struct avsp_xml){.bytes = bytes, .len = len, .line = 1};
    avsp_arena_init(&xml->arena, ARENA_BYTES);
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        xml->at = 3;
}

void avsp_xml_deinit(struct avsp_xml *xml)
{
    avsp_arena_deinit(&xml->arena);
}

const char *avsp_xml_attr(const struct avsp_xml_event *event, const char *name)
{
    for (size_t i = 0; i < event->n_attrs; i++)
        if (strcmp(event->attrs[i].name, name) == 0)
            return event->attrs[i].value;
    return NULL;
}

static enum avsp_code fault(const struct avsp_xml *x, enum avsp_code code, const char *what,
                            struct avsp_err *err)
{
    return avsp_err_set(err, code, "line %" PRIu32 ": %s", x->line, what);
}

static bool starts(const struct avsp_xml *x, const char *word)
{
    size_t n = strlen(word);
    return x->len - x->at >= n && memcmp(x->bytes + x->at, word, n) == 0;
}

static void advance(struct avsp_xml *x, size_t n)
{
    for (; n > 0; n--)
        x->line += x->bytes[x->at++] == '\n';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct avsp_xml *x)
{
    while (x->at < x->len && is_space(x->bytes[x->at]))
        advance(x, 1);
}

/// Steps over what ends with @p end. @return false where that does not come.
static bool skip_to(struct avsp_xml *x, const char *end)
{
    const char *found = memmem(x->bytes + x->at, x->len - x->at, end, strlen(end));
    if (found == NULL)
        return false;
    advance(x, (size_t)(found - (x->bytes + x->at)) + strlen(end));
    return true;
}

static bool is_name_char(char c, bool first)
{
    unsigned char u = (unsigned char)c;
    bool letter =
        (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u == '_' || u == ':' || u >= 0x80;
    return letter || (!first && ((u >= '0' && u <= '9') || u == '-' || u == '.'));
}

static enum avsp_code take_name(struct avsp_xml *x, char ret_name[AVSP_XML_NAME_MAX_BYTES],
                                struct avsp_err *err)
{
    size_t n = 0;
    while (x->at + n < x->len && is_name_char(x->bytes[x->at + n], n == 0))
        n++;
    if (n == 0)
        return fault(x, AVSP_CORRUPT, "a name is missing", err);
    if (n >= AVSP_XML_NAME_MAX_BYTES)
        return fault(x, AVSP_LIMIT, "a name is too long", err);
    memcpy(ret_name, x->bytes + x->at, n);
    ret_name[n] = '\0';
    x->at += n;
    return AVSP_OK;
}

/// A character by its number, as UTF-8. @return false where XML 1.0 2.2 has no such character.
static bool put_char(struct avsp_buf *buf, uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff ||
        (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
        return false;
    char out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(leads[n == 1 ? 0 : n] | c);
    avsp_buf_append(buf, out, n);
    return true;
}

/// "#38" or "#x26". @param len  up to the ";"
static bool put_number(struct avsp_buf *buf, const char *text, size_t len)
{
    bool hex = len > 1 && text[1] == 'x';
    uint32_t value = 0;
    size_t at = hex ? 2 : 1;
    if (at == len || len > 10)
        return false;
    for (; at < len; at++) {
        char c = text[at];
        uint32_t digit = c >= '0' && c <= '9'          ? (uint32_t)(c - '0')
                         : hex && c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : hex && c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                       : 16;
        if (digit >= (hex ? 16u : 10u) || value > 0x10ffff)
            return false;
        value = value * (hex ? 16 : 10) + digit;
    }
    return put_char(buf, value);
}

/// A reference, from its "&" on. Others than XML's own five do not exist where there is no DTD.
static bool take_reference(struct avsp_xml *x, size_t end, struct avsp_buf *buf)
{
    static const struct {
        const char *name;
        char c;
    } own[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    const char *text = x->bytes + x->at + 1;
    size_t left = end - x->at - 1;
    const char *stop = memchr(text, ';', AVSP_MIN(left, (size_t)12));
    if (stop == NULL)
        return false;
    size_t n = (size_t)(stop - text);
    x->at += n + 2;
    if (n > 0 && text[0] == '#')
        return put_number(buf, text, n);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(own); i++)
        if (strlen(own[i].name) == n && memcmp(own[i].name, text, n) == 0) {
            avsp_buf_append(buf, &own[i].c, 1);
            return true;
        }
    return false;
}

/// Characters up to @p end, with references replaced; NULL with @p err set.
static const char *take_text(struct avsp_xml *x, size_t end, bool is_value, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_XML_VALUE_MAX_BYTES);
    while (x->at < end) {
        char c = x->bytes[x->at];
        if (c == '&') {
            if (!take_reference(x, end, &buf))
                return fault(x, AVSP_CORRUPT, "there is no such entity", err), NULL;
            continue;
        }
        if (((unsigned char)c < 0x20 && !is_space(c)) || (is_value && c == '<'))
            return fault(x, AVSP_CORRUPT, "a character that may not stand there", err), NULL;
        char put = is_value && is_space(c) ? ' ' : c; // XML 1.0 3.3.3
        avsp_buf_append(&buf, &put, 1);
        advance(x, 1);
    }
    if (buf.sticky != AVSP_OK)
        return fault(x, AVSP_LIMIT, "a text is too long", err), NULL;
    if (!avsp_utf8_is_valid(avsp_buf_text(&buf)))
        return fault(x, AVSP_CORRUPT, "a text is no UTF-8", err), NULL;
    const char *copy = avsp_arena_strndup(&x->arena, avsp_buf_text(&buf), buf.len);
    if (copy == NULL)
        avsp_arena_failed(&x->arena, err);
    return copy;
}

static enum avsp_code take_attribute(struct avsp_xml *x, struct avsp_xml_event *event,
                                     struct avsp_err *err)
{
    char name[AVSP_XML_NAME_MAX_BYTES];
    enum avsp_code rc = take_name(x, name, err);
    if (rc != AVSP_OK)
        return rc;
    skip_space(x);
    if (!starts(x, "="))
        return fault(x, AVSP_CORRUPT, "an attribute without value", err);
    advance(x, 1);
    skip_space(x);
    char quote = x->at < x->len ? x->bytes[x->at] : '\0';
    if (quote != '"' && quote != '\'')
        return fault(x, AVSP_CORRUPT, "a value without quotes", err);
    x->at++;
    const char *end = memchr(x->bytes + x->at, quote, x->len - x->at);
    if (end == NULL)
        return fault(x, AVSP_CORRUPT, "a value that does not end", err);
    if (event->n_attrs == AVSP_XML_ATTRS_MAX)
        return fault(x, AVSP_LIMIT, "an element has too many attributes", err);
    if (avsp_xml_attr(event, name) != NULL)
        return fault(x, AVSP_CORRUPT, "an attribute stands twice", err);
    const char *value = take_text(x, (size_t)(end - x->bytes), true, err);
    const char *copy = avsp_arena_strdup(&x->arena, name);
    if (value == NULL || copy == NULL)
        return value == NULL ? err->code : avsp_arena_failed(&x->arena, err);
    x->at++;
    event->attrs[event->n_attrs].name = copy;
    event->attrs[event->n_attrs++].value = value;
    return AVSP_OK;
}

static enum avsp_code take_begin(struct avsp_xml *x, struct avsp_xml_event *event,
                                 struct avsp_err *err)
{
    if (x->depth == AVSP_XML_DEPTH_MAX)
        return fault(x, AVSP_LIMIT, "elements are nested too deeply", err);
    if (x->depth == 0 && x->has_root)
        return fault(x, AVSP_CORRUPT, "there is a second root", err);
    x->at++;
    enum avsp_code rc = take_name(x, x->open[x->depth], err);
    if (rc != AVSP_OK)
        return rc;
    event->kind = AVSP_XML_BEGIN;
    event->name = x->open[x->depth];
    for (;;) {
        size_t before = x->at;
        skip_space(x);
        if (starts(x, ">") || starts(x, "/>"))
            break;
        if (x->at == before)
            return fault(x, AVSP_CORRUPT, "a tag that does not end", err);
        rc = take_attribute(x, event, err);
        if (rc != AVSP_OK)
            return rc;
    }
    x->is_empty_element = starts(x, "/>");
    x->at += x->is_empty_element ? 2 : 1;
    x->has_root = true;
    x->depth++;
    return AVSP_OK;
}

static enum avsp_code end_element(struct avsp_xml *x, struct avsp_xml_event *event)
{
    x->is_empty_element = false;
    x->depth--;
    event->kind = AVSP_XML_END;
    event->name = x->open[x->depth];
    return AVSP_OK;
}

static enum avsp_code take_end(struct avsp_xml *x, struct avsp_xml_event *event,
                               struct avsp_err *err)
{
    char name[AVSP_XML_NAME_MAX_BYTES];
    x->at += 2;
    enum avsp_code rc = take_name(x, name, err);
    if (rc != AVSP_OK)
        return rc;
    skip_space(x);
    if (x->depth == 0 || strcmp(name, x->open[x->depth - 1]) != 0 || !starts(x, ">"))
        return fault(x, AVSP_CORRUPT, "an end tag that fits no begin", err);
    x->at++;
    return end_element(x, event);
}

/// Text up to the next markup. @param ret_is_there  it is more than white space
static enum avsp_code take_content(struct avsp_xml *x, struct avsp_xml_event *event,
                                   bool *ret_is_there, struct avsp_err *err)
{
    const char *next = memchr(x->bytes + x->at, '<', x->len - x->at);
    size_t end = next != NULL ? (size_t)(next - x->bytes) : x->len;
    size_t begin = x->at;
    uint32_t line = x->line;
    skip_space(x);
    *ret_is_there = x->at < end;
    if (!*ret_is_there)
        return AVSP_OK;
    if (x->depth == 0)
        return fault(x, AVSP_CORRUPT, "text outside of the root", err);
    x->at = begin;
    x->line = line;
    event->kind = AVSP_XML_TEXT;
    event->text = take_text(x, end, false, err);
    return event->text != NULL ? AVSP_OK : err->code;
}

/// What stands between "<!" or "<?" and its end.
static enum avsp_code skip_markup(struct avsp_xml *x, struct avsp_err *err)
{
    if (starts(x, "<!DOCTYPE"))
        return fault(x, AVSP_UNSUPPORTED, "a document type declaration is not read", err);
    if (starts(x, "<![CDATA["))
        return fault(x, AVSP_UNSUPPORTED, "CDATA is not read", err);
    bool comment = starts(x, "<!--"), instruction = starts(x, "<?");
    if (!comment && !instruction)
        return fault(x, AVSP_CORRUPT, "markup that there is not", err);
    advance(x, comment ? 4 : 2);
    return skip_to(x, comment ? "-->" : "?>")
               ? AVSP_OK
               : fault(x, AVSP_CORRUPT, "a comment or an instruction that does not end", err);
}

enum avsp_code avsp_xml_next(struct avsp_xml *x, struct avsp_xml_event *event, struct avsp_err *err)
{
    avsp_arena_clear(&x->arena);
    *event = (struct avsp_xml_event){.kind = AVSP_XML_END_OF_FILE, .name = "", .text = ""};
    if (x->is_empty_element) {
        event->line = x->line;
        return end_element(x, event);
    }
    for (;;) {
        bool has_text = false;
        event->line = x->line;
        enum avsp_code rc = take_content(x, event, &has_text, err);
        if (rc != AVSP_OK || has_text)
            return rc;
        event->line = x->line;
        if (x->at == x->len)
            return x->depth == 0 && x->has_root
                       ? AVSP_OK
                       : fault(x, AVSP_CORRUPT, "it ends before its root does", err);
        if (starts(x, "</"))
            return take_end(x, event, err);
        if (!starts(x, "<!") && !starts(x, "<?"))
            return take_begin(x, event, err);
        rc = skip_markup(x, err);
        if (rc != AVSP_OK)
            return rc;
    }
}
