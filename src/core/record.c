#include "core/record.h"

#include "util/parse.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

static const char word_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/// Undoes %XX in place. False where it is malformed, or stands for NUL.
static bool unescape(char *text)
{
    char *to = text;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '%') {
            *to++ = *c;
            continue;
        }
        int high = hex_value(c[1]);
        int low = high < 0 ? -1 : hex_value(c[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *to++ = (char)(high * 16 + low);
        c += 2;
    }
    *to = '\0';
    return true;
}

/// Takes the "key=value" at @p field apart and adds it.
static bool add_field(struct avsp_record *rec, char *field)
{
    size_t n = strspn(field, word_chars);
    if (n == 0 || field[n] != '=' || rec->n_fields == AVSP_RECORD_FIELDS_MAX)
        return false;
    field[n] = '\0';
    char *value = field + n + 1;
    if (strchr(value, '=') != NULL || !unescape(value) || !avsp_utf8_is_valid(value) ||
        avsp_record_has(rec, field))
        return false;
    rec->fields[rec->n_fields].key = field;
    rec->fields[rec->n_fields].value = value;
    rec->n_fields++;
    return true;
}

enum avsp_code avsp_record_parse(struct avsp_arena *arena, const char *line,
                                 struct avsp_record *ret_record, struct avsp_err *err)
{
    size_t len = strnlen(line, AVSP_RECORD_MAX_BYTES + 1);
    if (len > AVSP_RECORD_MAX_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "a record longer than %d bytes",
                            AVSP_RECORD_MAX_BYTES);
    while (len > 0 && line[len - 1] == '\n')
        len--;
    char *text = avsp_arena_strndup(arena, line, len);
    if (text == NULL)
        return avsp_arena_failed(arena, err);
    memset(ret_record, 0, sizeof *ret_record);
    size_t n = strspn(text, word_chars);
    if (n == 0 || (text[n] != ' ' && text[n] != '\0'))
        return avsp_err_set(err, AVSP_INVALID, "a record without a verb");
    ret_record->verb = text;
    for (char *rest = text[n] == ' ' ? text + n : NULL; rest != NULL;) {
        *rest++ = '\0';
        char *next = strchr(rest, ' ');
        if (next != NULL)
            *next = '\0';
        if (!add_field(ret_record, rest))
            return avsp_err_set(err, AVSP_INVALID, "record \"%.40s\": field %zu is malformed", text,
                                ret_record->n_fields + 1);
        rest = next;
    }
    return AVSP_OK;
}

static const char *find(const struct avsp_record *rec, const char *key)
{
    for (size_t i = 0; i < rec->n_fields; i++)
        if (strcmp(rec->fields[i].key, key) == 0)
            return rec->fields[i].value;
    return NULL;
}

bool avsp_record_has(const struct avsp_record *rec, const char *key)
{
    return find(rec, key) != NULL;
}

/// Remembers the first problem.
static void problem(struct avsp_record *rec, const char *key, const char *what)
{
    if (rec->problem.code == AVSP_OK)
        (void)avsp_err_set(&rec->problem, AVSP_INVALID, "record \"%.40s\": %s %s", rec->verb, key,
                           what);
}

const char *avsp_record_str(struct avsp_record *rec, const char *key)
{
    const char *value = find(rec, key);
    if (value == NULL) {
        problem(rec, key, "is missing");
        return "";
    }
    return value;
}

int64_t avsp_record_i64(struct avsp_record *rec, const char *key, int64_t min, int64_t max)
{
    int64_t value = min;
    if (!avsp_parse_i64(avsp_record_str(rec, key), min, max, &value))
        problem(rec, key, "is not a number within its range");
    return value;
}

struct avsp_rational avsp_record_rational(struct avsp_record *rec, const char *key)
{
    const char *value = avsp_record_str(rec, key);
    char num_text[16];
    int64_t num = 0;
    int64_t den = 1;
    size_t n = strcspn(value, "/");
    bool ok = n < sizeof num_text && value[n] == '/';
    if (ok) {
        memcpy(num_text, value, n);
        num_text[n] = '\0';
        ok = avsp_parse_i64(num_text, INT32_MIN, INT32_MAX, &num) &&
             avsp_parse_i64(value + n + 1, 0, INT32_MAX, &den) && (den > 0 || num == 0);
    }
    if (!ok) {
        problem(rec, key, "is not a fraction");
        return (struct avsp_rational){0, 1};
    }
    return (struct avsp_rational){(int32_t)num, (int32_t)den};
}

const char *avsp_record_str_or(struct avsp_record *rec, const char *key, const char *absent)
{
    const char *value = find(rec, key);
    return value != NULL ? value : absent;
}

int64_t avsp_record_i64_or(struct avsp_record *rec, const char *key, int64_t min, int64_t max,
                           int64_t absent)
{
    return avsp_record_has(rec, key) ? avsp_record_i64(rec, key, min, max) : absent;
}

enum avsp_code avsp_record_check(const struct avsp_record *rec, struct avsp_err *err)
{
    if (rec->problem.code != AVSP_OK)
        *err = rec->problem;
    return rec->problem.code;
}

void avsp_record_begin(struct avsp_buf *buf, const char *verb)
{
    avsp_buf_puts(buf, verb);
}

void avsp_record_put_str(struct avsp_buf *buf, const char *key, const char *value)
{
    avsp_buf_printf(buf, " %s=", key);
    for (const char *c = value; *c != '\0';) {
        size_t plain = 0;
        while ((unsigned char)c[plain] > 0x20 && c[plain] != '%' && c[plain] != '=' &&
               c[plain] != 0x7f)
            plain++;
        avsp_buf_append(buf, c, plain);
        c += plain;
        if (*c != '\0') {
            avsp_buf_printf(buf, "%%%02X", (unsigned char)*c);
            c++;
        }
    }
}

void avsp_record_put_i64(struct avsp_buf *buf, const char *key, int64_t value)
{
    avsp_buf_printf(buf, " %s=%" PRId64, key, value);
}

void avsp_record_put_rational(struct avsp_buf *buf, const char *key, struct avsp_rational value)
{
    avsp_buf_printf(buf, " %s=%" PRId32 "/%" PRId32, key, value.num, value.den);
}

void avsp_record_end(struct avsp_buf *buf)
{
    avsp_buf_puts(buf, "\n");
}

/// One row a stored field of a location.
static const struct {
    const char *suffix;
    size_t offset;
} location_fields[] = {
    {"path", offsetof(struct avsp_location, path)},
    {"bucket", offsetof(struct avsp_location, bucket)},
    {"region", offsetof(struct avsp_location, region)},
    {"endpoint", offsetof(struct avsp_location, endpoint)},
    {"cache", offsetof(struct avsp_location, cache_control)},
};

#define KEY_BYTES 64

void avsp_record_put_location(struct avsp_buf *buf, const char *prefix,
                              const struct avsp_location *loc)
{
    static const char *const kinds[] = {"none", "fs", "s3"};
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s_kind", prefix);
    avsp_record_put_str(buf, key, kinds[loc->kind]);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(location_fields); i++) {
        const char *text = *(const char *const *)((const char *)loc + location_fields[i].offset);
        if (text == NULL || text[0] == '\0')
            continue;
        snprintf(key, sizeof key, "%s_%s", prefix, location_fields[i].suffix);
        avsp_record_put_str(buf, key, text);
    }
    snprintf(key, sizeof key, "%s_style", prefix);
    if (loc->style != AVSP_S3_STYLE_AUTO)
        avsp_record_put_i64(buf, key, loc->style);
    snprintf(key, sizeof key, "%s_anonymous", prefix);
    if (loc->anonymous)
        avsp_record_put_i64(buf, key, 1);
}

struct avsp_location avsp_record_location(struct avsp_record *rec, const char *prefix)
{
    struct avsp_location loc = avsp_location_none();
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s_kind", prefix);
    const char *kind = avsp_record_str(rec, key);
    if (strcmp(kind, "fs") == 0)
        loc.kind = AVSP_LOCATION_FS;
    else if (strcmp(kind, "s3") == 0)
        loc.kind = AVSP_LOCATION_S3;
    else if (strcmp(kind, "none") != 0)
        problem(rec, key, "is not a kind of location");
    for (size_t i = 0; i < AVSP_ARRAY_LEN(location_fields); i++) {
        snprintf(key, sizeof key, "%s_%s", prefix, location_fields[i].suffix);
        *(const char **)((char *)&loc + location_fields[i].offset) =
            avsp_record_str_or(rec, key, "");
    }
    snprintf(key, sizeof key, "%s_style", prefix);
    loc.style = (enum avsp_s3_style)avsp_record_i64_or(rec, key, AVSP_S3_STYLE_AUTO,
                                                       AVSP_S3_STYLE_VIRTUAL, AVSP_S3_STYLE_AUTO);
    snprintf(key, sizeof key, "%s_anonymous", prefix);
    loc.anonymous = avsp_record_i64_or(rec, key, 0, 1, 0) == 1;
    return loc;
}
