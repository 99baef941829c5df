#include "media/audio_track.h"

#include "media/averr.h"

#define GIVEN_SAMPLES 1024     ///< at once, at the most
#define AAC_FRAME_SAMPLES 1024 ///< what progress is counted in

struct avsp_audio_track {
    struct avsp_audio_track_options options;
    struct avsp_audio_timeline timeline;
    struct avsp_audio_convert convert;
    AVFrame *frame;
    bool began;      ///< sound was placed: the silence before its window is there
    int64_t n_given; ///< samples handed on
    int64_t n_total; ///< that will have been in all
    struct avsp_audio_track_repairs repairs;
};

enum avsp_code avsp_audio_track_new(const struct avsp_audio_track_options *options,
                                    struct avsp_audio_track **ret_track, struct avsp_err *err)
{
    if (options->end_pts <= options->origin_pts)
        return avsp_err_set(err, AVSP_INVALID, "the sound would end before it begins");
    struct avsp_audio_track *AVSP_CLEANUP(avsp_audio_track_free) track = calloc(1, sizeof *track);
    if (track == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    track->options = *options;
    track->frame = av_frame_alloc();
    if (track->frame == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    *ret_track = track;
    track = NULL;
    return AVSP_OK;
}

void avsp_audio_track_free(struct avsp_audio_track **track_ptr)
{
    struct avsp_audio_track *track = *track_ptr;
    if (track == NULL)
        return;
    avsp_audio_convert_deinit(&track->convert);
    av_frame_free(&track->frame);
    free(track);
    *track_ptr = NULL;
}

/// The form is chosen with the fifo.
static bool has_begun(const struct avsp_audio_track *track)
{
    return track->convert.fifo != NULL;
}

const struct avsp_audio_format *avsp_audio_track_format(const struct avsp_audio_track *track)
{
    return has_begun(track) ? &track->convert.out : NULL;
}

bool avsp_audio_track_is_mixed(const struct avsp_audio_track *track)
{
    return track->convert.is_mixed;
}

struct avsp_audio_track_repairs avsp_audio_track_get_repairs(const struct avsp_audio_track *track)
{
    return track->repairs;
}

void avsp_audio_track_progress(const struct avsp_audio_track *track, uint64_t *ret_done,
                               uint64_t *ret_total)
{
    *ret_done = (uint64_t)(track->n_given / AAC_FRAME_SAMPLES);
    *ret_total = (uint64_t)((track->n_total + AAC_FRAME_SAMPLES - 1) / AAC_FRAME_SAMPLES);
}

/// The presentation's length in samples of @p rate, rounded up: the sound covers it.
static int64_t end_samples(const struct avsp_audio_track *track, int rate)
{
    const struct avsp_audio_track_options *o = &track->options;
    return av_rescale_q_rnd(o->end_pts - o->origin_pts, o->origin_time_base, (AVRational){1, rate},
                            AV_ROUND_UP);
}

enum avsp_code avsp_audio_track_begin(struct avsp_audio_track *track, const AVFrame *like,
                                      struct avsp_err *err)
{
    struct avsp_audio_format format = avsp_audio_format_for(like);
    enum avsp_code rc = avsp_audio_convert_init(&track->convert, &format, err);
    if (rc != AVSP_OK)
        return rc;
    track->n_total = end_samples(track, format.rate);
    return AVSP_OK;
}

/// Hands on @p n samples: from the fifo, or silence.
static enum avsp_code give(struct avsp_audio_track *track, int n, bool silence,
                           struct avsp_err *err)
{
    AVFrame *frame = track->frame;
    frame->nb_samples = n;
    frame->format = AV_SAMPLE_FMT_FLTP;
    frame->sample_rate = track->convert.out.rate;
    frame->ch_layout = avsp_audio_layout_of(&track->convert.out);
    frame->pts = track->n_given;
    int av = av_frame_get_buffer(frame, 0);
    if (av >= 0)
        av = silence ? av_samples_set_silence(frame->extended_data, 0, n,
                                              frame->ch_layout.nb_channels, AV_SAMPLE_FMT_FLTP)
                     : av_audio_fifo_read(track->convert.fifo, (void **)frame->extended_data, n);
    enum avsp_code rc = av >= 0 ? track->options.on_frame(track->options.ctx, frame, err)
                                : avsp_averr_set(err, av, "convert sound");
    av_frame_unref(frame);
    track->n_given += n;
    return rc;
}

/// Hands on what the fifo has, never past the end.
static enum avsp_code give_fifo(struct avsp_audio_track *track, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK) {
        int64_t left = track->n_total - track->n_given;
        int have = av_audio_fifo_size(track->convert.fifo);
        int n = (int)AVSP_MIN(AVSP_MIN(left, GIVEN_SAMPLES), have);
        if (n == 0)
            break;
        rc = give(track, n, false, err);
    }
    if (track->n_given == track->n_total)
        av_audio_fifo_reset(track->convert.fifo);
    return rc;
}

static enum avsp_code add_silence(struct avsp_audio_track *track, int64_t n, struct avsp_err *err)
{
    while (n > 0) {
        int done = 0;
        enum avsp_code rc = avsp_audio_convert_silence(&track->convert, n, &done, err);
        if (rc == AVSP_OK)
            rc = give_fifo(track, err);
        if (rc != AVSP_OK)
            return rc;
        n -= done;
    }
    return AVSP_OK;
}

/// A time as samples of @p rate since presentation time 0. @return false: it is none, or is too far away.
static bool position_of(const struct avsp_audio_track *track, int64_t time, int rate,
                        int64_t *ret_pos)
{
    const struct avsp_audio_track_options *o = &track->options;
    AVRational samples = {1, rate};
    int64_t pts = av_rescale_q(time, o->time_base, samples);
    int64_t origin = av_rescale_q(o->origin_pts, o->origin_time_base, samples);
    return pts != INT64_MIN && origin != INT64_MIN && !__builtin_sub_overflow(pts, origin, ret_pos);
}

/// Where sound may be heard, in samples of @p rate since presentation time 0.
struct window {
    int64_t begin;
    int64_t end;
};

static struct window window_of(const struct avsp_audio_track *track, int rate)
{
    const struct avsp_audio_track_options *o = &track->options;
    struct window w = {0, end_samples(track, rate)};
    int64_t pos = 0;
    if (o->in_pts != INT64_MIN && position_of(track, o->in_pts, rate, &pos))
        w.begin = AVSP_MIN(AVSP_MAX(pos, 0), w.end);
    if (o->out_pts != INT64_MAX && position_of(track, o->out_pts, rate, &pos))
        w.end = AVSP_MAX(AVSP_MIN(pos, w.end), w.begin);
    return w;
}

/// Where in the window a frame goes; the timeline's position 0 is the window's begin.
static struct avsp_audio_place place_frame(struct avsp_audio_track *track, const AVFrame *frame)
{
    struct window w = window_of(track, frame->sample_rate);
    int64_t pos = 0;
    if (frame->pts == AV_NOPTS_VALUE || !position_of(track, frame->pts, frame->sample_rate, &pos) ||
        __builtin_sub_overflow(pos, w.begin, &pos))
        pos = AVSP_AUDIO_NO_POSITION;
    struct avsp_audio_place place = avsp_audio_timeline_add(
        &track->timeline, pos, frame->nb_samples, w.end - w.begin, frame->sample_rate);
    if (!track->began && place.take > 0) {
        place.silence += w.begin;
        track->began = true;
    }
    return place;
}

/// Samples of the input's rate as samples of the output's.
static int64_t to_output(const struct avsp_audio_track *track, int64_t n)
{
    return av_rescale(n, track->convert.out.rate, track->convert.in_rate);
}

enum avsp_code avsp_audio_track_add(struct avsp_audio_track *track, const AVFrame *frame, bool lost,
                                    struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    if (!has_begun(track))
        rc = avsp_audio_track_begin(track, frame, err);
    int old_rate = 0;
    if (rc == AVSP_OK)
        rc = avsp_audio_convert_accept(&track->convert, frame, &old_rate, err);
    if (rc != AVSP_OK)
        return rc;
    if (old_rate != 0 && old_rate != frame->sample_rate)
        avsp_audio_timeline_change_rate(&track->timeline, old_rate, frame->sample_rate);
    if (lost)
        avsp_audio_timeline_lost(&track->timeline);
    struct avsp_audio_place place = place_frame(track, frame);
    track->repairs.n_holes += place.hole > 0;
    track->repairs.hole_samples += to_output(track, place.hole);
    track->repairs.n_overlaps += place.overlap > 0;
    track->repairs.overlap_samples += to_output(track, place.overlap);
    rc = add_silence(track, place.silence, err);
    if (rc == AVSP_OK && place.take > 0)
        rc =
            avsp_audio_convert_frame(&track->convert, frame, (int)place.skip, (int)place.take, err);
    return rc == AVSP_OK ? give_fifo(track, err) : rc;
}

void avsp_audio_track_set_end(struct avsp_audio_track *track, int64_t end_pts)
{
    track->options.end_pts = end_pts;
    if (has_begun(track))
        track->n_total = AVSP_MAX(end_samples(track, track->convert.out.rate), track->n_given);
}

enum avsp_code avsp_audio_track_end(struct avsp_audio_track *track, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    if (!has_begun(track))
        rc = avsp_audio_track_begin(track, NULL, err);
    if (rc == AVSP_OK)
        rc = avsp_audio_convert_flush(&track->convert, err);
    if (rc == AVSP_OK)
        rc = give_fifo(track, err);
    while (rc == AVSP_OK && track->n_given < track->n_total)
        rc = give(track, (int)AVSP_MIN(track->n_total - track->n_given, GIVEN_SAMPLES), true, err);
    return rc;
}
