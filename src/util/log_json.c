#include "util/log_json.h"

#include <ctype.h>
#include <string.h>

/// More digits than a double holds are for a string.
#define DIGITS_MAX 15

struct writer {
    char *out;
    size_t len;
    size_t at;
    bool is_full;
};

static void put(struct writer *w, const char *text, size_t n)
{
    if (w->at + n + 1 > w->len) {
        w->is_full = true;
        return;
    }
    memcpy(w->out + w->at, text, n);
    w->at += n;
}

static void put_escaped(struct writer *w, char c)
{
    if (c == '"' || c == '\\')
        put(w, "\\", 1);
    put(w, &c, 1);
}

/// A value up to its closing quote. @return behind it.
static const char *put_quoted(struct writer *w, const char *c)
{
    put(w, "\"", 1);
    for (; *c != '\0' && *c != '"'; c++) {
        if (c[0] == '\\' && c[1] == 'x' && isxdigit((unsigned char)c[2]) &&
            isxdigit((unsigned char)c[3])) {
            put(w, "\\u00", 4);
            put(w, c + 2, 2);
            c += 3;
        } else {
            c += c[0] == '\\' && (c[1] == '"' || c[1] == '\\');
            put_escaped(w, *c);
        }
    }
    put(w, "\"", 1);
    return *c == '"' ? c + 1 : c;
}

static bool is_number(const char *text, size_t n)
{
    size_t digits = n - (text[0] == '-');
    const char *first = text + n - digits;
    return digits >= 1 && digits <= DIGITS_MAX && strspn(first, "0123456789") >= digits &&
           (digits == 1 || first[0] != '0');
}

/// A value up to the next space. @return behind it.
static const char *put_bare(struct writer *w, const char *c)
{
    size_t n = strcspn(c, " ");
    if (n > 0 && is_number(c, n)) {
        put(w, c, n);
        return c + n;
    }
    put(w, "\"", 1);
    for (size_t i = 0; i < n; i++)
        put_escaped(w, c[i]);
    put(w, "\"", 1);
    return c + n;
}

static const char *put_field(struct writer *w, const char *c)
{
    size_t n = strcspn(c, "= ");
    put(w, ",\"", 2);
    for (size_t i = 0; i < n; i++)
        put_escaped(w, c[i]);
    put(w, "\":", 2);
    c += n;
    if (c[0] != '=') {
        put(w, "true", 4);
        return c;
    }
    return c[1] == '"' ? put_quoted(w, c + 2) : put_bare(w, c + 1);
}

size_t avsp_log_json(const char *fields, char *out, size_t len)
{
    struct writer w = {out, len, 0, false};
    for (const char *c = fields; *c != '\0' && !w.is_full;) {
        size_t before = w.at;
        c = *c == ' ' ? c + 1 : put_field(&w, c);
        if (w.is_full)
            w.at = before;
    }
    out[w.at] = '\0';
    return w.at;
}
