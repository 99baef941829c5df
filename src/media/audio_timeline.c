#include "media/audio_timeline.h"

#include <libavutil/mathematics.h>

static const int64_t trust_ms[] = {
    [AVSP_AUDIO_TRUST_COUNT] = 20,
    [AVSP_AUDIO_TRUST_AFTER_LOSS] = 2,
    [AVSP_AUDIO_TRUST_PTS] = 0,
};

/// How far @p pos is from where the count says, 0 where that is not to be believed.
static int64_t disagreement(const struct avsp_audio_timeline *tl, int64_t pos, int rate)
{
    int64_t gap = 0;
    if (pos == AVSP_AUDIO_NO_POSITION || __builtin_sub_overflow(pos, tl->next, &gap))
        return 0;
    int64_t trust = trust_ms[tl->trust] * rate / 1000;
    return gap >= trust || gap <= -trust ? gap : 0;
}

struct avsp_audio_place avsp_audio_timeline_add(struct avsp_audio_timeline *tl, int64_t pos,
                                                int64_t n, int64_t end, int rate)
{
    struct avsp_audio_place place = {0};
    bool first = !tl->started;
    if (first)
        tl->next = pos == AVSP_AUDIO_NO_POSITION || pos > 0 ? 0 : pos;
    int64_t gap =
        first ? (pos == AVSP_AUDIO_NO_POSITION ? 0 : pos - tl->next) : disagreement(tl, pos, rate);
    if (gap >= 0 && (tl->next >= end || gap >= end - tl->next)) {
        // Wholly behind the end. Nothing is filled: the end is padded anyway, and a stray timestamp may be followed by good ones.
        place.skip = n;
        return place;
    }
    tl->started = true;
    if (gap < 0) {
        place.overlap = AVSP_MIN(-gap, n);
        place.skip = place.overlap;
        // The rest of an overlap is in what follows.
        tl->trust = place.skip == n ? AVSP_AUDIO_TRUST_PTS : AVSP_AUDIO_TRUST_COUNT;
    } else {
        tl->trust = AVSP_AUDIO_TRUST_COUNT;
        int64_t from = AVSP_MAX(tl->next, 0);
        tl->next += gap;
        place.silence = AVSP_MAX(tl->next - from, 0);
        place.hole = first ? 0 : place.silence;
    }
    int64_t before_zero = AVSP_MIN(AVSP_MAX(-tl->next, 0), n - place.skip);
    place.skip += before_zero;
    tl->next += before_zero;
    place.take = AVSP_MIN(n - place.skip, AVSP_MAX(end - tl->next, 0));
    tl->next += n - place.skip;
    return place;
}

void avsp_audio_timeline_lost(struct avsp_audio_timeline *tl)
{
    if (tl->trust == AVSP_AUDIO_TRUST_COUNT)
        tl->trust = AVSP_AUDIO_TRUST_AFTER_LOSS;
}

void avsp_audio_timeline_change_rate(struct avsp_audio_timeline *tl, int from, int to)
{
    tl->next = av_rescale(tl->next, to, from);
}
