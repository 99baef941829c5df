#include "core/playlist_measure.h"

#include "core/peak.h"

#include <stdlib.h>

__extension__ typedef __int128 wide;

static int64_t ticks_us(const struct avsp_rendition *r, int64_t ticks)
{
    int64_t shown = ticks > r->priming_ticks ? ticks - r->priming_ticks : 0;
    return (int64_t)(((wide)shown * 1000000 + r->timescale / 2) / r->timescale);
}

int64_t avsp_playlist_start_us(const struct avsp_playlist_rendition *p, size_t i)
{
    return ticks_us(p->rendition, p->segments[i].start_ticks);
}

int64_t avsp_playlist_end_us(const struct avsp_playlist_rendition *p, size_t i)
{
    return ticks_us(p->rendition, p->segments[i].start_ticks + p->segments[i].duration_ticks);
}

int64_t avsp_playlist_track_end_us(const struct avsp_playlist_rendition *p)
{
    return avsp_playlist_end_us(p, p->n_segments - 1);
}

int64_t avsp_playlist_target_of_s(const struct avsp_playlist_rendition *p)
{
    int64_t target = 1;
    for (size_t i = 0; i < p->n_segments; i++)
        target = AVSP_MAX(
            target, (avsp_playlist_end_us(p, i) - avsp_playlist_start_us(p, i) + 500000) / 1000000);
    return target;
}

int64_t avsp_playlist_target_s(const struct avsp_playlist_set *set)
{
    int64_t target = 1;
    for (size_t r = 0; r < set->n_renditions; r++)
        if (set->renditions[r].rendition->kind != AVSP_MEDIA_TEXT)
            target = AVSP_MAX(target, avsp_playlist_target_of_s(&set->renditions[r]));
    return target;
}

/// What a list makes a player fetch of a segment.
static uint64_t listed_bytes(const struct avsp_segment *s, bool iframes)
{
    return iframes ? s->key_bytes : s->bytes;
}

int64_t avsp_playlist_peak_bps(const struct avsp_playlist_rendition *p, int64_t target_s,
                               bool iframes, struct avsp_buf *buf)
{
    struct avsp_peak *marks = calloc(p->n_segments + 1, sizeof *marks);
    if (marks == NULL) {
        buf->sticky = AVSP_NO_MEMORY;
        return 0;
    }
    marks[0].us = avsp_playlist_start_us(p, 0);
    for (size_t i = 0; i < p->n_segments; i++) {
        marks[i + 1].us = avsp_playlist_end_us(p, i);
        marks[i + 1].bytes = marks[i].bytes + listed_bytes(&p->segments[i], iframes);
    }
    int64_t peak = avsp_peak_bps(marks, p->n_segments + 1, target_s * 1000000);
    free(marks);
    return peak > 0 ? peak : avsp_playlist_average_bps(p, iframes);
}

int64_t avsp_playlist_average_bps(const struct avsp_playlist_rendition *p, bool iframes)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->n_segments; i++)
        bytes += listed_bytes(&p->segments[i], iframes);
    return avsp_peak_rate(bytes, avsp_playlist_track_end_us(p));
}
