/// A sound track from decoded frames to samples in one form: placed on the timeline, in one layout and rate that players take, exactly
/// as long as it should be.
///
///     struct avsp_audio_track *AVSP_CLEANUP(avsp_audio_track_free) track = NULL;
///     avsp_audio_track_new(&options, &track, err);
///     avsp_audio_track_add(track, frame, position_us…, err); …
///     avsp_audio_track_end(track, err);
///
/// Layout and rate follow from the first frame; what comes in another form later is converted to them. Mono and stereo stay,
/// everything with surround channels becomes 5.1, the rest stereo; rates that AAC does not have, and those above 48 kHz,
/// become 48 kHz. Memory: a few frames. One thread at a time.
#ifndef AVSP_MEDIA_AUDIO_TRACK_H
#define AVSP_MEDIA_AUDIO_TRACK_H

#include "media/audio_convert.h"
#include "media/audio_timeline.h"
#include "util/err.h"

#include <libavcodec/avcodec.h>

struct avsp_audio_track;

struct avsp_audio_track_options {
    /// Called for all samples in order: planar float in the track's form, a few thousand at the most; borrowed for the call, in which
    /// they may be changed.
    enum avsp_code (*on_frame)(void *ctx, AVFrame *frame, struct avsp_err *err);
    void *ctx;
    AVRational time_base; ///< of the frames' pts
    int64_t origin_pts;   ///< presentation time 0 …
    int64_t end_pts;      ///< … and its end, in …
    AVRational origin_time_base;
    int64_t in_pts;  ///< what comes before is not heard, nor what comes at or after …
    int64_t out_pts; ///< … in time_base; INT64_MIN, INT64_MAX = no limit
};

/// What had to be done to the sound, in samples of the output.
struct avsp_audio_track_repairs {
    uint64_t n_holes;
    int64_t hole_samples;
    uint64_t n_overlaps;
    int64_t overlap_samples;
};

/// @return OK; NO_MEMORY; INVALID an end that is not after the origin.
enum avsp_code avsp_audio_track_new(const struct avsp_audio_track_options *options,
                                    struct avsp_audio_track **ret_track,
                                    struct avsp_err *err) AVSP_CHECKED;
void avsp_audio_track_free(struct avsp_audio_track **track);

/// Chooses layout and rate before the first frame comes. Without this call the first frame decides.
/// @param like  borrowed; only sample_rate and ch_layout are read. NULL = there is no sound: stereo silence.
enum avsp_code avsp_audio_track_begin(struct avsp_audio_track *track, const AVFrame *like,
                                      struct avsp_err *err) AVSP_CHECKED;

/// @param frame  borrowed. @param lost  packets before it could not be decoded.
/// @return OK; UNSUPPORTED sound that cannot be converted; NO_MEMORY; or what on_frame says.
enum avsp_code avsp_audio_track_add(struct avsp_audio_track *track, const AVFrame *frame, bool lost,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Moves the end, which was only a guess, before avsp_audio_track_end; samples that were given already stay.
/// @param end_pts  after the origin, as in the options.
void avsp_audio_track_set_end(struct avsp_audio_track *track, int64_t end_pts);

/// Fills up to the end with silence. A track without any sound becomes silence as a whole.
enum avsp_code avsp_audio_track_end(struct avsp_audio_track *track,
                                    struct avsp_err *err) AVSP_CHECKED;

/// The form of the samples: NULL before the track has begun.
const struct avsp_audio_format *avsp_audio_track_format(const struct avsp_audio_track *track);
/// Was it mixed down? Peaks may be over full scale then.
bool avsp_audio_track_is_mixed(const struct avsp_audio_track *track);
struct avsp_audio_track_repairs avsp_audio_track_get_repairs(const struct avsp_audio_track *track);

/// AAC frames' worth of samples that were given, and that will have been at the end (0 before the track has begun).
void avsp_audio_track_progress(const struct avsp_audio_track *track, uint64_t *ret_done,
                               uint64_t *ret_total);

#endif
