#include "util/time.h"

#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;
    AVSP_ASSERT(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct avsp_mono avsp_mono_now(void)
{
    return (struct avsp_mono){clock_us(CLOCK_MONOTONIC)};
}

struct avsp_wall avsp_wall_now(void)
{
    return (struct avsp_wall){clock_us(CLOCK_REALTIME)};
}

struct avsp_mono avsp_mono_in_ms(int64_t ms)
{
    return (struct avsp_mono){avsp_mono_now().us + ms * 1000};
}

int avsp_mono_left_ms(struct avsp_mono deadline)
{
    int64_t left_us = deadline.us - avsp_mono_now().us;
    if (left_us <= 0)
        return 0;
    return (int)AVSP_MIN((left_us + 999) / 1000, (int64_t)INT32_MAX);
}

bool avsp_mono_passed(struct avsp_mono deadline)
{
    return avsp_mono_now().us >= deadline.us;
}

void avsp_wall_format(struct avsp_wall wall, char ret_text[AVSP_WALL_TEXT_BYTES])
{
    time_t sec = (time_t)(wall.us / 1000000);
    struct tm tm = {0};
    gmtime_r(&sec, &tm);
    size_t n = strftime(ret_text, AVSP_WALL_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text + n, AVSP_WALL_TEXT_BYTES - n, ".%03dZ", (int)(wall.us % 1000000 / 1000));
}
