#include "util/log.h"

#include "util/log_json.h"
#include "util/parse.h"
#include "util/time.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_BYTES 4096
/// Escapes are longer in JSON.
#define LINE_BYTES 8192

static const char *const level_names[] = {
    [AVSP_LOG_ERROR] = "error",
    [AVSP_LOG_WARN] = "warn",
    [AVSP_LOG_INFO] = "info",
    [AVSP_LOG_DEBUG] = "debug",
};

static struct avsp_log_options how = {.level = AVSP_LOG_INFO};

void avsp_log_begin(const struct avsp_log_options *options)
{
    how = *options;
}

static bool read_level(const char *text, enum avsp_log_level *ret_level)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum avsp_log_level)i;
            return true;
        }
    return false;
}

enum avsp_code avsp_log_read_options(const struct avsp_cli_parsed *args,
                                     struct avsp_log_options *ret_options, struct avsp_err *err)
{
    const char *level = avsp_cli_str(args, "log-level");
    if (!read_level(level, &ret_options->level))
        return avsp_err_set(err, AVSP_INVALID,
                            "--log-level: \"%.64s\" is not error, warn, info or debug", level);
    const char *format = avsp_cli_str(args, "log-format");
    bool is_auto = strcmp(format, "auto") == 0;
    ret_options->is_json = is_auto ? isatty(STDERR_FILENO) == 0 : strcmp(format, "json") == 0;
    if (!is_auto && !ret_options->is_json && strcmp(format, "text") != 0)
        return avsp_err_set(err, AVSP_INVALID, "--log-format: \"%.64s\" is not text, json or auto",
                            format);
    return AVSP_OK;
}

/// @param line  room for LINE_BYTES. @return its length, without a line feed.
static size_t put_text(char *line, enum avsp_log_level level, const char *event, const char *when,
                       const char *fields)
{
    int n = isatty(STDERR_FILENO) ? snprintf(line, LINE_BYTES, "%.8s %s %s %s", when + 11,
                                             level_names[level], event, fields)
                                  : snprintf(line, LINE_BYTES, "time=%s level=%s event=%s %s", when,
                                             level_names[level], event, fields);
    return AVSP_MIN((size_t)AVSP_MAX(n, 0), (size_t)LINE_BYTES - 1);
}

static size_t put_json(char *line, enum avsp_log_level level, const char *event, const char *when,
                       const char *fields)
{
    int n = snprintf(line, LINE_BYTES, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when,
                     level_names[level], event);
    AVSP_ASSERT(n > 0 && n < LINE_BYTES / 2);
    size_t len = (size_t)n;
    len += avsp_log_json(fields, line + len, LINE_BYTES - 1 - len);
    line[len++] = '}';
    return len;
}

void avsp_log(enum avsp_log_level level, const char *event, const char *fmt, ...)
{
    if (level > how.level)
        return;
    char fields[FIELDS_BYTES];
    char line[LINE_BYTES + 1];
    char when[AVSP_WALL_TEXT_BYTES];
    avsp_wall_format(avsp_wall_now(), when);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(fields, sizeof fields, fmt, ap);
    va_end(ap);
    if (n < 0)
        fields[0] = '\0';
    avsp_text_tame(fields, '?', false);
    size_t len = how.is_json ? put_json(line, level, event, when, fields)
                             : put_text(line, level, event, when, fields);
    line[len++] = '\n';
    // Nothing useful can be done where stderr itself fails.
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored;
}

const char *avsp_log_quote(const char *value, char ret_text[AVSP_LOG_Q_BYTES])
{
    size_t n = 0;
    ret_text[n++] = '"';
    for (const char *c = value; *c != '\0' && n < AVSP_LOG_Q_BYTES - 6; c++) {
        if (*c == '"' || *c == '\\') {
            ret_text[n++] = '\\';
            ret_text[n++] = *c;
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            n += (size_t)snprintf(ret_text + n, 5, "\\x%02x", (unsigned char)*c);
        } else {
            ret_text[n++] = *c;
        }
    }
    ret_text[n++] = '"';
    ret_text[n] = '\0';
    return ret_text;
}
