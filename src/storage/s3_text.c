#include "storage/s3_text.h"

#include <string.h>
#include <time.h>

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void avsp_s3_encode(struct avsp_buf *buf, const char *text, bool keep_slash)
{
    for (const char *c = text; *c != '\0'; c++)
        if (is_plain(*c) || (keep_slash && *c == '/'))
            avsp_buf_append(buf, c, 1);
        else
            avsp_buf_printf(buf, "%%%02X", (unsigned)(unsigned char)*c);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void avsp_s3_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        int high = from[0] == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        if (low < 0 || (high == 0 && low == 0)) {
            *to++ = *from;
            continue;
        }
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
}

static const char *find(struct avsp_s3_span in, const char *what, size_t len)
{
    return in.len > 0 ? memmem(in.text, in.len, what, len) : NULL;
}

static struct avsp_s3_span from_on(struct avsp_s3_span in, const char *at)
{
    return (struct avsp_s3_span){at, in.len - (size_t)(at - in.text)};
}

/// The opening tag of that name. @return where its content begins; NULL = there is none.
static const char *find_opening(struct avsp_s3_span in, const char *name)
{
    size_t n = strlen(name);
    for (const char *open; (open = find(in, "<", 1)) != NULL; in = from_on(in, open + 1)) {
        struct avsp_s3_span rest = from_on(in, open + 1);
        if (rest.len <= n || memcmp(rest.text, name, n) != 0 ||
            strchr("> \t\r\n", rest.text[n]) == NULL || rest.text[n] == '\0')
            continue;
        const char *end = find(rest, ">", 1);
        return end != NULL ? end + 1 : NULL;
    }
    return NULL;
}

struct avsp_s3_span avsp_s3_xml_next(struct avsp_s3_span *at, const char *name)
{
    const struct avsp_s3_span none = {NULL, 0};
    char closing[64];
    int n = snprintf(closing, sizeof closing, "</%s>", name);
    const char *begin = find_opening(*at, name);
    if (begin == NULL)
        return none;
    struct avsp_s3_span rest = from_on(*at, begin);
    const char *end = find(rest, closing, (size_t)n);
    if (end == NULL)
        return none;
    *at = from_on(*at, end + n);
    return (struct avsp_s3_span){begin, (size_t)(end - begin)};
}

/// Resolves the five entities of XML and numeric ones of ASCII, in place.
static void resolve_entities(char *text)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = {{"&amp;", '&'},   {"&lt;", '<'},   {"&gt;", '>'},   {"&quot;", '"'},
                    {"&apos;", '\''}, {"&#34;", '"'},  {"&#39;", '\''}, {"&#x27;", '\''},
                    {"&#13;", '\r'},  {"&#xD;", '\r'}, {"&#10;", '\n'}, {"&#xA;", '\n'}};
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        size_t n = 1;
        char c = *from;
        for (size_t i = 0; *from == '&' && i < AVSP_ARRAY_LEN(entities); i++)
            if (strncmp(from, entities[i].name, strlen(entities[i].name)) == 0) {
                n = strlen(entities[i].name);
                c = entities[i].c;
            }
        *to++ = c;
        from += n;
    }
    *to = '\0';
}

const char *avsp_s3_xml_text(struct avsp_arena *arena, struct avsp_s3_span in, const char *name)
{
    struct avsp_s3_span found = avsp_s3_xml_next(&in, name);
    if (found.text == NULL)
        return "";
    char *text = avsp_arena_strndup(arena, found.text, found.len);
    if (text != NULL)
        resolve_entities(text);
    return text;
}

/// The string that begins at a quotation mark; its escapes are taken off.
static const char *json_string(struct avsp_arena *arena, struct avsp_s3_span at)
{
    char *text = avsp_arena_alloc(arena, at.len + 1);
    size_t n = 0;
    for (size_t i = 1; text != NULL && i < at.len && at.text[i] != '"'; i++) {
        if (at.text[i] == '\\' && ++i == at.len)
            break;
        text[n++] = at.text[i];
    }
    return text;
}

static size_t skip_space(struct avsp_s3_span at, size_t i)
{
    while (i < at.len && strchr(" \t\r\n", at.text[i]) != NULL && at.text[i] != '\0')
        i++;
    return i;
}

const char *avsp_s3_json_text(struct avsp_arena *arena, struct avsp_s3_span in, const char *name)
{
    char key[64];
    int n = snprintf(key, sizeof key, "\"%s\"", name);
    for (const char *at; (at = find(in, key, (size_t)n)) != NULL; in = from_on(in, at + n)) {
        struct avsp_s3_span rest = from_on(in, at + n);
        size_t i = skip_space(rest, 0);
        if (i == rest.len || rest.text[i] != ':')
            continue;
        i = skip_space(rest, i + 1);
        if (i < rest.len && rest.text[i] == '"')
            return json_string(arena, from_on(rest, rest.text + i));
    }
    return "";
}

int64_t avsp_s3_time(const char *text)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%a, %d %b %Y %H:%M:%S"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(formats); i++) {
        struct tm tm = {0};
        if (strptime(text, formats[i], &tm) != NULL)
            return (int64_t)timegm(&tm);
    }
    return 0;
}
