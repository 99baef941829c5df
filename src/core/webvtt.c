#include "core/webvtt.h"

#include <inttypes.h>
#include <string.h>

#define MS_PER_H 3600000
#define MPEGTS_PER_MS 90
#define HOURS_MAX 1000000

void avsp_webvtt_begin(struct avsp_buf *buf)
{
    avsp_buf_puts(buf, "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n");
}

static void put_time(struct avsp_buf *buf, int64_t ms)
{
    avsp_buf_printf(buf, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64, ms / MS_PER_H,
                    ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

void avsp_webvtt_put(struct avsp_buf *buf, const struct avsp_cue *cue)
{
    static const char *const lines[] = {"", " line:50%", " line:0"};
    static const char *const aligns[] = {" align:start", "", " align:end"};
    unsigned place = cue->place >= 1 && cue->place <= 9 ? cue->place - 1 : 1;
    avsp_buf_puts(buf, "\n");
    put_time(buf, cue->start_ms);
    avsp_buf_puts(buf, " --> ");
    put_time(buf, cue->end_ms);
    if (cue->settings != NULL && cue->settings[0] != '\0')
        avsp_buf_printf(buf, " %s\n%s\n", cue->settings, cue->text);
    else
        avsp_buf_printf(buf, "%s%s\n%s\n", lines[place / 3], aligns[place % 3], cue->text);
}

// --- reading

/// A line of the input, without its end.
struct line {
    const char *text;
    size_t len;
};

static bool next_line(const char **rest, size_t *len, struct line *ret_line)
{
    if (*len == 0)
        return false;
    size_t n = 0;
    while (n < *len && (*rest)[n] != '\n' && (*rest)[n] != '\r')
        n++;
    *ret_line = (struct line){*rest, n};
    size_t end = n < *len ? 1 : 0;
    if (end > 0 && (*rest)[n] == '\r' && n + 1 < *len && (*rest)[n + 1] == '\n')
        end = 2;
    *rest += n + end;
    *len -= n + end;
    return true;
}

static bool take_number(struct line *line, int64_t max, size_t digits_min, int64_t *ret_value)
{
    int64_t value = 0;
    size_t n = 0;
    for (; n < line->len && line->text[n] >= '0' && line->text[n] <= '9'; n++) {
        value = 10 * value + (line->text[n] - '0');
        if (value > max)
            return false;
    }
    line->text += n;
    line->len -= n;
    *ret_value = value;
    return n >= digits_min;
}

static bool take_char(struct line *line, char c)
{
    if (line->len == 0 || line->text[0] != c)
        return false;
    line->text++;
    line->len--;
    return true;
}

static bool take_spaces(struct line *line)
{
    size_t before = line->len;
    while (take_char(line, ' ') || take_char(line, '\t'))
        continue;
    return line->len < before;
}

/// "12:34:56.789", or without the hours. WebVTT 4.4 (a timestamp).
static bool take_time(struct line *line, int64_t *ret_ms)
{
    int64_t h = 0, m = 0, s = 0, ms = 0;
    if (!take_number(line, HOURS_MAX, 2, &m) || !take_char(line, ':') ||
        !take_number(line, 59, 2, &s))
        return false;
    if (take_char(line, ':')) {
        h = m;
        m = s;
        if (!take_number(line, 59, 2, &s))
            return false;
    }
    size_t before = 0;
    if (m > 59 || !take_char(line, '.') || (before = line->len) < 3 ||
        !take_number(line, 999, 3, &ms) || before - line->len != 3)
        return false;
    *ret_ms = h * MS_PER_H + m * 60000 + s * 1000 + ms;
    return true;
}

static bool take_word(struct line *line, const char *word)
{
    size_t n = strlen(word);
    if (line->len < n || memcmp(line->text, word, n) != 0)
        return false;
    line->text += n;
    line->len -= n;
    return true;
}

static bool holds_arrow(const struct line *line)
{
    return memmem(line->text, line->len, "-->", 3) != NULL;
}

/// "LOCAL:00:00:00.000,MPEGTS:900000", in either order. RFC 8216 3.5.
static void take_map(struct line line, struct avsp_webvtt_facts *facts)
{
    int64_t local_ms = 0, ticks = 0;
    bool has_local = false, has_ticks = false, good = true;
    do {
        if (take_word(&line, "LOCAL:"))
            good = good && take_time(&line, &local_ms), has_local = true;
        else if (take_word(&line, "MPEGTS:"))
            good = good && take_number(&line, (INT64_C(1) << 33) - 1, 1, &ticks), has_ticks = true;
        else
            good = false;
    } while (good && take_char(&line, ','));
    take_spaces(&line);
    facts->has_map = true;
    facts->map_is_bad = !good || !has_local || !has_ticks || line.len > 0;
    facts->map_ms = facts->map_is_bad ? 0 : ticks / MPEGTS_PER_MS - local_ms;
}

// --- settings (WebVTT 4.4)

static const struct {
    const char *name;
    const char *words;  ///< what may stand in place of a number
    bool percent;       ///< a percentage may,
    bool number;        ///< … or a number of lines
    const char *behind; ///< what may stand behind these and a comma
} settings_table[] = {
    {"vertical", "|rl|lr|", false, false, "|"},
    {"line", "|", true, true, "|start|center|end|"},
    {"position", "|", true, false, "|line-left|center|line-right|"},
    {"size", "|", true, false, "|"},
    {"align", "|start|center|end|left|right|", false, false, "|"},
};

static bool is_among(struct line word, const char *words)
{
    for (const char *at = words; word.len > 0 && (at = strchr(at, '|')) != NULL; at++)
        if (strcspn(at + 1, "|") == word.len && memcmp(at + 1, word.text, word.len) == 0)
            return true;
    return false;
}

/// "50%", "12.5%"; or "-1", a line counted from below. At most 100 of a hundred.
static bool is_amount(struct line value, bool percent, bool number)
{
    bool is_percent = value.len > 0 && value.text[value.len - 1] == '%';
    int64_t whole = 0, part = 0;
    if (is_percent)
        value.len--;
    else
        (void)take_char(&value, '-');
    if (!take_number(&value, is_percent ? 100 : 1000, 1, &whole))
        return false;
    if (is_percent && take_char(&value, '.') && !take_number(&value, 999999999, 1, &part))
        return false;
    return value.len == 0 && (whole < 100 || part == 0 || !is_percent) &&
           (is_percent ? percent : number);
}

/// @param setting  "line:50%,end"
static bool is_setting(struct line setting)
{
    const char *colon = memchr(setting.text, ':', setting.len);
    if (colon == NULL)
        return false;
    struct line name = {setting.text, (size_t)(colon - setting.text)};
    struct line value = {colon + 1, setting.len - name.len - 1};
    const char *comma = memchr(value.text, ',', value.len);
    struct line behind = {"", 0};
    if (comma != NULL) {
        behind = (struct line){comma + 1, value.len - (size_t)(comma - value.text) - 1};
        value.len = (size_t)(comma - value.text);
    }
    for (size_t i = 0; i < AVSP_ARRAY_LEN(settings_table); i++)
        if (strlen(settings_table[i].name) == name.len &&
            memcmp(settings_table[i].name, name.text, name.len) == 0)
            return (is_among(value, settings_table[i].words) ||
                    is_amount(value, settings_table[i].percent, settings_table[i].number)) &&
                   (comma == NULL || is_among(behind, settings_table[i].behind));
    return false;
}

void avsp_webvtt_settings(const char *settings, size_t len, struct avsp_buf *buf)
{
    size_t n = 0;
    while (len > 0) {
        size_t at = 0;
        while (at < len && settings[at] != ' ' && settings[at] != '\t')
            at++;
        if (is_setting((struct line){settings, at})) {
            avsp_buf_puts(buf, n++ > 0 ? " " : "");
            avsp_buf_append(buf, settings, at);
        }
        at += at < len;
        settings += at;
        len -= at;
    }
}

static void take_timing(struct line line, uint32_t number, int64_t *last_start,
                        struct avsp_webvtt_facts *facts)
{
    int64_t start = 0, end = 0;
    (void)take_spaces(&line);
    bool good = take_time(&line, &start) && take_spaces(&line) && take_word(&line, "-->") &&
                take_spaces(&line) && take_time(&line, &end) &&
                (line.len == 0 || take_spaces(&line));
    if (!good) {
        if (facts->bad_line == 0)
            facts->bad_line = number;
        return;
    }
    if (end <= start && facts->empty_line == 0)
        facts->empty_line = number;
    if (start < *last_start && facts->order_line == 0)
        facts->order_line = number;
    *last_start = start;
    facts->first_ms = facts->n_cues == 0 ? start : AVSP_MIN(facts->first_ms, start);
    facts->last_ms = facts->n_cues == 0 ? end : AVSP_MAX(facts->last_ms, end);
    facts->latest_start_ms = facts->n_cues == 0 ? start : AVSP_MAX(facts->latest_start_ms, start);
    facts->earliest_end_ms = facts->n_cues == 0 ? end : AVSP_MIN(facts->earliest_end_ms, end);
    facts->n_cues++;
}

/// "WEBVTT", perhaps behind a byte order mark, alone or with a comment.
static bool is_first_line(struct line line)
{
    (void)take_word(&line, "\xef\xbb\xbf");
    return take_word(&line, "WEBVTT") && (line.len == 0 || take_spaces(&line));
}

void avsp_webvtt_read(const char *bytes, size_t len, struct avsp_webvtt_facts *ret_facts)
{
    *ret_facts = (struct avsp_webvtt_facts){0};
    struct line line;
    if (!next_line(&bytes, &len, &line) || !is_first_line(line))
        return;
    ret_facts->is_webvtt = true;
    bool in_header = true, in_text = false;
    int64_t last_start = INT64_MIN;
    for (uint32_t number = 2; next_line(&bytes, &len, &line); number++) {
        if (line.len == 0) {
            in_header = in_text = false;
        } else if (in_header && take_word(&line, "X-TIMESTAMP-MAP=")) {
            take_map(line, ret_facts);
        } else if (!in_text && holds_arrow(&line)) {
            in_header = false;
            in_text = true;
            take_timing(line, number, &last_start, ret_facts);
        }
    }
}
