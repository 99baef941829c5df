/// Where decoded sound belongs: the arithmetic of holes, overlaps and late starts, in samples. Pure; any thread.
///
/// The count of samples is trusted, not the timestamps, as long as they agree within 20 ms: timestamps jitter (Matroska's by a
/// millisecond), and every correction of a jitter is audible. Where they disagree, the difference is corrected to the
/// sample: silence for a hole, leaving out for an overlap.
#ifndef AVSP_MEDIA_AUDIO_TIMELINE_H
#define AVSP_MEDIA_AUDIO_TIMELINE_H

#include "util/base.h"

/// No timestamp: the sound follows what was before.
#define AVSP_AUDIO_NO_POSITION INT64_MIN

/// How far a timestamp may be off before it is believed.
enum avsp_audio_trust {
    AVSP_AUDIO_TRUST_COUNT = 0, ///< 20 ms
    AVSP_AUDIO_TRUST_AFTER_LOSS, ///< 2 ms: sound was lost, but a container's rounding to milliseconds is still no hole
    AVSP_AUDIO_TRUST_PTS, ///< nothing: in the middle of an overlap
};

/// Positions are samples since presentation time 0; zero = nothing was placed yet.
struct avsp_audio_timeline {
    bool started;
    int64_t next; ///< where the next sample goes if the count is trusted; may be before 0
    enum avsp_audio_trust trust;
};

/// What to do with a run of samples: `silence` samples first, then `take` of its own, after leaving out `skip`.
struct avsp_audio_place {
    int64_t silence;
    int64_t skip;
    int64_t take;
    int64_t hole;    ///< of the silence, what is a hole between sounds
    int64_t overlap; ///< of what is left out, what overlapped the sound before
};

/// Places @p n samples that say they begin at @p pos; nothing is placed before 0, or at @p end and after.
/// @param rate  samples a second.
struct avsp_audio_place avsp_audio_timeline_add(struct avsp_audio_timeline *tl, int64_t pos,
                                                int64_t n, int64_t end, int rate);

/// Packets were damaged: what is missing will show at the next timestamp.
void avsp_audio_timeline_lost(struct avsp_audio_timeline *tl);

/// The sound goes on at another rate.
void avsp_audio_timeline_change_rate(struct avsp_audio_timeline *tl, int from, int to);

#endif
