#include "util/log.h"

#include "util/time.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096

static const char *const level_names[] = {
    [AVSP_LOG_ERROR] = "error",
    [AVSP_LOG_WARN] = "warn",
    [AVSP_LOG_INFO] = "info",
    [AVSP_LOG_DEBUG] = "debug",
};

static enum avsp_log_level max_level = AVSP_LOG_INFO;

void avsp_log_set_level(enum avsp_log_level level)
{
    max_level = level;
}

bool avsp_log_level_parse(const char *text, enum avsp_log_level *ret_level)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum avsp_log_level)i;
            return true;
        }
    return false;
}

void avsp_log(enum avsp_log_level level, const char *event, const char *fmt, ...)
{
    if (level > max_level)
        return;
    char line[LINE_BYTES];
    char when[AVSP_WALL_TEXT_BYTES];
    avsp_wall_format(avsp_wall_now(), when);
    int n = isatty(STDERR_FILENO)
                ? snprintf(line, sizeof line, "%.8s %s %s ", when + 11, level_names[level], event)
                : snprintf(line, sizeof line, "time=%s level=%s event=%s ", when,
                           level_names[level], event);
    AVSP_ASSERT(n > 0 && (size_t)n < sizeof line - 1);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (m < 0 ? 0 : AVSP_MIN((size_t)m, sizeof line - (size_t)n - 2));
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
