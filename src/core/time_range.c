#include "core/time_range.h"

#include <inttypes.h>
#include <string.h>

#define US_PER_S INT64_C(1000000)
#define FIELDS_MAX 3  ///< hours, minutes, seconds
#define DIGITS_MAX 10 ///< of the first of them

/// Takes digits. @return how many there were.
static size_t take_digits(const char **text, int64_t *ret_value)
{
    size_t n = strspn(*text, "0123456789");
    *ret_value = 0;
    for (size_t i = 0; i < n && n <= DIGITS_MAX; i++)
        *ret_value = 10 * *ret_value + ((*text)[i] - '0');
    *text += n;
    return n;
}

/// Takes what stands behind the point. @return false: that is none.
static bool take_fraction(const char **text, int64_t *ret_us)
{
    const char *from = ++*text;
    size_t n = take_digits(text, ret_us);
    for (size_t i = n; i < 6; i++)
        *ret_us *= 10;
    return *text > from && n <= 6;
}

bool avsp_time_parse(const char *text, int64_t *ret_us)
{
    int64_t seconds = 0;
    int64_t us = 0;
    for (int i = 0; i < FIELDS_MAX; i++) {
        int64_t value = 0;
        size_t n = take_digits(&text, &value);
        if (n == 0 || n > DIGITS_MAX || (i > 0 && (n > 2 || value >= 60)))
            return false;
        seconds = 60 * seconds + value;
        if (*text != ':')
            break;
        text += i + 1 < FIELDS_MAX;
    }
    if (*text == '.' && !take_fraction(&text, &us))
        return false;
    if (*text != '\0' || seconds > AVSP_TIME_MAX_US / US_PER_S ||
        seconds * US_PER_S + us > AVSP_TIME_MAX_US)
        return false;
    *ret_us = seconds * US_PER_S + us;
    return true;
}

const char *avsp_time_write(int64_t us, char ret_text[AVSP_TIME_TEXT_BYTES])
{
    int64_t s = us / US_PER_S;
    int n = s < 60 ? snprintf(ret_text, AVSP_TIME_TEXT_BYTES, "%" PRId64, s)
                   : snprintf(ret_text, AVSP_TIME_TEXT_BYTES, "%" PRId64 ":%02d:%02d", s / 3600,
                              (int)(s / 60 % 60), (int)(s % 60));
    if (us % US_PER_S == 0)
        return ret_text;
    n += snprintf(ret_text + n, AVSP_TIME_TEXT_BYTES - (size_t)n, ".%06d", (int)(us % US_PER_S));
    while (ret_text[n - 1] == '0')
        ret_text[--n] = '\0';
    return ret_text;
}

enum avsp_code avsp_time_range_check(const struct avsp_time_range *range, struct avsp_err *err)
{
    char start[AVSP_TIME_TEXT_BYTES];
    char end[AVSP_TIME_TEXT_BYTES];
    if (range->start_us < 0 || range->start_us > AVSP_TIME_MAX_US)
        return avsp_err_set(err, AVSP_INVALID, "range.start_us: %" PRId64 " is no time",
                            range->start_us);
    if (range->end_us < 0 || range->end_us > AVSP_TIME_MAX_US)
        return avsp_err_set(err, AVSP_INVALID, "range.end_us: %" PRId64 " is no time",
                            range->end_us);
    if (range->end_us > 0 && range->end_us <= range->start_us)
        return avsp_err_set(err, AVSP_INVALID,
                            "range: nothing lies between the start, %s, and the end, %s: the end "
                            "has to come after the start",
                            avsp_time_write(range->start_us, start),
                            avsp_time_write(range->end_us, end));
    return AVSP_OK;
}

bool avsp_time_range_is_all(const struct avsp_time_range *range)
{
    return range->start_us == 0 && range->end_us == 0;
}

bool avsp_time_range_equal(const struct avsp_time_range *a, const struct avsp_time_range *b)
{
    return a->start_us == b->start_us && a->end_us == b->end_us;
}
