#include "media/extent.h"

/// Sound this much earlier than the picture is cut, as before: a recording that was cut out of a broadcast begins with sound whose
/// pictures cannot be decoded, and a first frame held for a fraction of a second would change the distance to the second one for
/// nothing. In milliseconds.
#define LEAD_CUT_MS 1000
/// Less than this is nobody's loss: encoders' priming, and the frames that B-frames delay.
#define LEAD_QUIET_MS 100

#define MS_PER_S 1000
static const AVRational millisecond = {1, MS_PER_S};

static enum avsp_code begin_with_sound(struct avsp_extent *extent, const struct avsp_tracks *tracks,
                                       const struct avsp_lookahead *ahead, struct avsp_err *err)
{
    size_t track = 0;
    if (!avsp_lookahead_first_sound(ahead, tracks, &track))
        return avsp_err_set(err, AVSP_CORRUPT,
                            "there is no sound in the file that can be heard: it is damaged or "
                            "cut off");
    extent->first_pts = extent->origin_pts =
        av_rescale_q_rnd(ahead->sound[track].from, tracks->audio[track]->time_base,
                         extent->time_base, AV_ROUND_DOWN);
    return AVSP_OK;
}

/// Decides between the first frame and the sound before it. @param heard_ms  how much of it there is
static enum avsp_code begin_with_either(struct avsp_extent *extent, int64_t sound, int64_t heard_ms,
                                        struct avsp_control *ctl, struct avsp_err *err)
{
    int64_t lead_ms = av_rescale_q(extent->first_pts - sound, extent->time_base, millisecond);
    if (lead_ms <= LEAD_QUIET_MS)
        return AVSP_OK;
    // A stray time far ahead of all others is damage, not a picture that begins late.
    bool is_cut = lead_ms <= LEAD_CUT_MS || heard_ms < lead_ms / 2;
    if (!is_cut)
        extent->origin_pts = sound;
    if (ctl == NULL)
        return AVSP_OK;
    double lead_s = (double)lead_ms / MS_PER_S;
    return is_cut ? avsp_control_warn(ctl, err,
                                      "the sound begins %.2f s before the first picture that can "
                                      "be shown: it is cut off there",
                                      lead_s)
                  : avsp_control_warn(ctl, err,
                                      "the picture begins %.2f s after the sound: its first frame "
                                      "is shown from the start",
                                      lead_s);
}

enum avsp_code avsp_extent_begin(struct avsp_extent *extent, const struct avsp_tracks *tracks,
                                 const struct avsp_lookahead *ahead, struct avsp_control *ctl,
                                 struct avsp_err *err)
{
    *extent = (struct avsp_extent){.time_base = avsp_tracks_leading(tracks)->time_base};
    if (tracks->video == NULL)
        return begin_with_sound(extent, tracks, ahead, err);
    if (ahead->n_pts == 0)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "there is not one picture in the file that can be shown: it is damaged "
                            "or cut off");
    extent->first_pts = extent->origin_pts = ahead->origin_pts;
    size_t track = 0;
    if (!avsp_lookahead_first_sound(ahead, tracks, &track))
        return AVSP_OK;
    AVRational sound_tb = tracks->audio[track]->time_base;
    int64_t sound =
        av_rescale_q_rnd(ahead->sound[track].from, sound_tb, extent->time_base, AV_ROUND_DOWN);
    int64_t heard_ms = av_rescale_q(ahead->sound[track].before, sound_tb, millisecond);
    return begin_with_either(extent, sound, heard_ms, ctl, err);
}

enum avsp_code avsp_extent_begin_at(struct avsp_extent *extent, int64_t from, int64_t first_pts,
                                    int64_t sound_from, int64_t sound_until,
                                    struct avsp_control *ctl, struct avsp_err *err)
{
    extent->first_pts = extent->origin_pts = first_pts;
    int64_t sound = AVSP_MAX(sound_from, from);
    int64_t until = AVSP_MIN(sound_until, first_pts);
    if (sound >= until)
        return AVSP_OK;
    int64_t heard_ms = av_rescale_q(until - sound, extent->time_base, millisecond);
    return begin_with_either(extent, sound, heard_ms, ctl, err);
}

enum avsp_code avsp_extent_end(struct avsp_extent *extent, const struct avsp_tracks *tracks,
                               const struct avsp_extent_ends *ends, int32_t warn_s,
                               struct avsp_control *ctl, struct avsp_err *err)
{
    AVRational tb = extent->time_base;
    int64_t sound = ends->sound;
    if (tracks->video == NULL) {
        extent->end_pts = sound;
        return sound > extent->origin_pts
                   ? AVSP_OK
                   : avsp_err_set(err, AVSP_CORRUPT, "there is nothing to hear in the file");
    }
    extent->end_pts = AVSP_MAX(ends->picture, AVSP_MIN(sound, ends->hold_max));
    double held_s = (double)(extent->end_pts - ends->picture) * av_q2d(tb);
    if (sound > extent->end_pts)
        return avsp_control_warn(ctl, err,
                                 "the sound goes on for %.1f s after the picture, longer than its "
                                 "last frame can be shown: what is beyond %.1f s is cut off",
                                 (double)(sound - ends->picture) * av_q2d(tb), held_s);
    if (held_s <= warn_s)
        return AVSP_OK;
    return avsp_control_warn(ctl, err,
                             "the sound goes on for %.1f s after the picture: the last frame is "
                             "shown until then",
                             held_s);
}
