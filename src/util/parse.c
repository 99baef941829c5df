#include "util/parse.h"

#include <errno.h>
#include <string.h>

bool avsp_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    // strtoll skips white space and takes '+': neither is a number here.
    if (!(text[0] == '-' || (text[0] >= '0' && text[0] <= '9')))
        return false;
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || v < min || v > max)
        return false;
    *ret_value = v;
    return true;
}

bool avsp_parse_bytes(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMGT";
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    unsigned shift = 0;
    if (*end != '\0' && strchr(units, *end) != NULL) {
        shift = 10 * (unsigned)(strchr(units, *end) - units + 1);
        end++;
        if (strcmp(end, "iB") == 0)
            end += 2;
    }
    if (*end == 'B')
        end++;
    if (*end != '\0' || v > (UINT64_MAX >> shift))
        return false;
    *ret_bytes = (uint64_t)v << shift;
    return true;
}

/// Length of the well-formed sequence at @p s, 0 where there is none. Table 3-7 of the Unicode standard.
static size_t utf8_sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
               : s[0] >= 0xe0 && s[0] <= 0xef ? 3
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0)
        return 0;
    unsigned lo = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned hi = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < lo || s[1] > hi)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/// Length of the control character at @p c, 0 where there is none.
static size_t control_character(const unsigned char *c)
{
    if (c[0] < 0x20 || c[0] == 0x7f)
        return 1;
    // C1, which some terminals obey, as UTF-8 has it.
    return c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f ? 2 : 0;
}

void avsp_text_tame(char *text, char instead, bool keep_lines)
{
    bool is_utf8 = avsp_utf8_is_valid(text);
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        size_t n = !is_utf8 && *c >= 0x80 ? 1 : control_character(c);
        if (!(keep_lines && *c == '\n'))
            memset(c, instead, n);
    }
}

bool avsp_utf8_is_valid(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0') {
        size_t n = utf8_sequence(s);
        if (n == 0)
            return false;
        s += n;
    }
    return true;
}
