#include "core/hls_attr.h"

#include <string.h>

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

/// Attributes whose value is a quoted string; all others that we know are not. RFC 8216 4.3.2.4, 4.3.2.5, 4.3.4.
static const char *const quoted_names[] = {
    "ASSOC-LANGUAGE",
    "AUDIO",
    "BYTERANGE",
    "CHANNELS",
    "CHARACTERISTICS",
    "CODECS",
    "GROUP-ID",
    "INSTREAM-ID",
    "KEYFORMAT",
    "KEYFORMATVERSIONS",
    "LANGUAGE",
    "NAME",
    "SUBTITLES",
    "URI",
    "VIDEO",
    "STABLE-VARIANT-ID",
    "STABLE-RENDITION-ID",
    "SUPPLEMENTAL-CODECS",
};
static const char *const plain_names[] = {
    "AUTOSELECT", "AVERAGE-BANDWIDTH", "BANDWIDTH",  "DEFAULT",
    "FORCED",     "FRAME-RATE",        "HDCP-LEVEL", "METHOD",
    "RESOLUTION", "TIME-OFFSET",       "TYPE",       "VIDEO-RANGE",
};

static bool is_in(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

const char *avsp_hls_attr(const struct avsp_hls_attrs *attrs, const char *name)
{
    for (size_t i = 0; i < attrs->n; i++)
        if (strcmp(attrs->items[i].name, name) == 0)
            return attrs->items[i].value;
    return NULL;
}

/// Notes the first fault.
#define FAULT(fault, ...)                                                                          \
    do {                                                                                           \
        if ((fault)->code == AVSP_OK)                                                              \
            avsp_err_set(fault, AVSP_INVALID, __VA_ARGS__);                                        \
    } while (0)

static void check_quotes(const char *name, bool quoted, struct avsp_err *fault)
{
    if (!quoted && is_in(name, quoted_names, AVSP_ARRAY_LEN(quoted_names)))
        FAULT(fault, "the value of %s is not quoted", name);
    else if (quoted && is_in(name, plain_names, AVSP_ARRAY_LEN(plain_names)))
        FAULT(fault, "the value of %s is quoted", name);
}

/// Reads one value. @return how many bytes it took, quotes included; @p ret_value is NULL where memory ran out.
static size_t take_value(struct avsp_arena *arena, const char *text, const char *name,
                         char **ret_value, struct avsp_err *fault)
{
    bool quoted = text[0] == '"';
    size_t len = quoted ? strcspn(text + 1, "\"") : strcspn(text, ",");
    *ret_value = avsp_arena_strndup(arena, text + quoted, len);
    check_quotes(name, quoted, fault);
    if (!quoted) {
        if (len == 0)
            FAULT(fault, "%s has no value", name);
        else if (memchr(text, '"', len) != NULL || memchr(text, ' ', len) != NULL)
            FAULT(fault, "the value of %s holds a quote or a space", name);
        return len;
    }
    if (text[1 + len] != '"') {
        FAULT(fault, "the quotes of %s are not closed", name);
        return 1 + len;
    }
    return len + 2;
}

enum avsp_code avsp_hls_attrs_parse(struct avsp_arena *arena, const char *text,
                                    struct avsp_hls_attrs *ret_attrs, struct avsp_err *ret_fault)
{
    ret_attrs->n = 0;
    while (*text != '\0') {
        size_t space = strspn(text, " \t");
        if (space > 0)
            FAULT(ret_fault, "there is a space before an attribute");
        text += space;
        size_t n = strspn(text, NAME_CHARS);
        if (n == 0 || text[n] != '=') {
            FAULT(ret_fault, "\"%.40s\" is no NAME=value", text);
            text += strcspn(text, ",");
            text += *text == ',';
            continue;
        }
        char *name = avsp_arena_strndup(arena, text, n);
        char *value = NULL;
        if (name == NULL)
            return AVSP_NO_MEMORY;
        text += n + 1;
        text += take_value(arena, text, name, &value, ret_fault);
        if (value == NULL)
            return AVSP_NO_MEMORY;
        if (ret_attrs->n == AVSP_HLS_ATTRS_MAX) {
            FAULT(ret_fault, "there are more than %d attributes", AVSP_HLS_ATTRS_MAX);
            return AVSP_OK;
        }
        if (avsp_hls_attr(ret_attrs, name) != NULL)
            FAULT(ret_fault, "%s stands there twice", name);
        ret_attrs->items[ret_attrs->n].name = name;
        ret_attrs->items[ret_attrs->n++].value = value;
        if (*text == '\0')
            break;
        if (*text != ',' || text[1] == '\0')
            FAULT(ret_fault, "\"%.20s\" follows the value of %s", text, name);
        text += strcspn(text, ",");
        text += *text == ',';
    }
    return AVSP_OK;
}

bool avsp_hls_decimal(const char *text, int64_t scale, int64_t *ret_value, const char **ret_rest)
{
    static const char digits[] = "0123456789";
    size_t n = strspn(text, digits);
    size_t zeros = strspn(text, "0");
    if (n == 0 || n - AVSP_MIN(zeros, n) > 9)
        return false;
    int64_t whole = 0;
    for (size_t i = 0; i < n; i++)
        whole = whole * 10 + (text[i] - '0');
    text += n;
    int64_t nano = 0, unit = 100000000;
    if (*text == '.') {
        n = strspn(++text, digits);
        for (size_t i = 0; i < n && i < 9; i++, unit /= 10)
            nano += (text[i] - '0') * unit;
        text += n;
    }
    // 10^9 times at most 10^6, and 10^9 times 10^6: both fit.
    *ret_value = whole * scale + (nano * scale + 500000000) / 1000000000;
    *ret_rest = text;
    return true;
}
