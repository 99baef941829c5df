#include "media/encode_whole.h"

#include "core/plan.h"
#include "media/audio_encoder.h"
#include "media/audio_track.h"
#include "media/averr.h"
#include "media/decoder.h"
#include "media/encoder.h"
#include "media/picture.h"
#include "media/tracks.h"
#include "media/whole_file.h"

#include <inttypes.h>

#define FILE_NAME "whole.mp4"
#define RENDITION_NAME "v0"
#define US_PER_S 1000000
#define GOP_SECONDS 5
#define TIMESCALE_ELSE 90000 ///< where the source's time base gives none
/// How long sound is taken to be at most, until the end of the video is known: a year.
#define LONGEST_S (366 * 24 * 3600LL)

/// The work on one file.
struct whole {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_source source;
    struct avsp_tracks tracks;
    struct avsp_piece_header header; ///< what a split of ours would have said
    struct avsp_decoder video;
    struct avsp_decoder audio;
    struct avsp_picture *picture;
    AVCodecContext *encoder;
    struct avsp_audio_track *sound; ///< NULL = there is none
    struct avsp_audio_encoder *sound_encoder;
    struct avsp_whole_file *file;
    AVPacket *pkt;
    AVPacket *encoded;
    AVPacket *held; ///< the encoder's packet before: its duration is known once the next one is
    AVFrame *frame;
    AVFrame *made;
    int64_t last_ticks;
    int64_t frame_ticks; ///< the distance of the last two frames
    uint64_t n_frames;
    uint64_t n_left_out; ///< frames whose time is not after the one before
};

static void whole_deinit(struct whole *w)
{
    avsp_whole_file_free(&w->file);
    avsp_audio_track_free(&w->sound);
    avsp_audio_encoder_free(&w->sound_encoder);
    avsp_encoder_close(&w->encoder, w->n_frames > 0);
    avsp_picture_free(&w->picture);
    avsp_decoder_close(&w->audio);
    avsp_decoder_close(&w->video);
    avsp_source_close(&w->source);
    av_packet_free(&w->pkt);
    av_packet_free(&w->encoded);
    av_packet_free(&w->held);
    av_frame_free(&w->frame);
    av_frame_free(&w->made);
}

static int64_t ticks_of(const struct whole *w, int64_t pts)
{
    return avsp_plan_ticks(pts, w->header.origin_pts, w->header.time_base, w->header.timescale);
}

/// Where the video ends, if it ended now.
static int64_t end_ticks(const struct whole *w)
{
    return w->last_ticks + w->frame_ticks;
}

static enum avsp_code on_sound(void *ctx, AVPacket *pkt, struct avsp_err *err)
{
    struct whole *w = ctx;
    return avsp_whole_file_put(w->file, true, pkt, err);
}

static enum avsp_code on_samples(void *ctx, AVFrame *frame, struct avsp_err *err)
{
    struct whole *w = ctx;
    return avsp_audio_encoder_add(w->sound_encoder, frame, err);
}

/// Gives the file the packet before, which ends at @p end.
static enum avsp_code release_held(struct whole *w, int64_t end, struct avsp_err *err)
{
    if (w->held->data == NULL)
        return AVSP_OK;
    w->held->dts = w->held->pts;
    w->held->duration = end - w->held->pts;
    enum avsp_code rc = avsp_whole_file_put(w->file, false, w->held, err);
    av_packet_unref(w->held);
    return rc;
}

static enum avsp_code receive_video(struct whole *w, struct avsp_err *err)
{
    for (;;) {
        int av = avcodec_receive_packet(w->encoder, w->encoded);
        if (av == AVERROR(EAGAIN) || av == AVERROR_EOF)
            return AVSP_OK;
        if (av < 0)
            return avsp_averr_set(err, av, "encode");
        enum avsp_code rc = release_held(w, w->encoded->pts, err);
        av_packet_move_ref(w->held, w->encoded);
        if (rc != AVSP_OK)
            return rc;
    }
}

static enum avsp_code take_picture(struct whole *w, struct avsp_err *err)
{
    int64_t ticks = end_ticks(w);
    if (w->frame->pts != AV_NOPTS_VALUE)
        ticks = ticks_of(w, w->frame->pts);
    if (ticks < 0 || (w->n_frames > 0 && ticks <= w->last_ticks)) {
        w->n_left_out++;
        return AVSP_OK;
    }
    enum avsp_code rc = avsp_picture_make(w->picture, w->frame, w->made, err);
    if (rc != AVSP_OK)
        return rc;
    if (w->n_frames > 0)
        w->frame_ticks = ticks - w->last_ticks;
    w->last_ticks = ticks;
    w->n_frames++;
    w->made->pts = ticks;
    int av = avcodec_send_frame(w->encoder, w->made);
    av_frame_unref(w->made);
    if (av < 0)
        return avsp_averr_set(err, av, "give a frame to the encoder");
    avsp_control_progress(w->ctl, w->n_frames, 0);
    return receive_video(w, err);
}

static enum avsp_code take_sound(struct whole *w, struct avsp_err *err)
{
    bool lost = w->audio.damaged;
    w->audio.damaged = false;
    return avsp_audio_track_add(w->sound, w->frame, lost, err);
}

/// Gives a decoder one packet, or NULL at the end, and takes all frames that come out.
static enum avsp_code decode(struct whole *w, struct avsp_decoder *dec, const AVPacket *pkt,
                             struct avsp_err *err)
{
    enum avsp_code rc = avsp_decoder_send(dec, pkt, err);
    for (bool got = true; rc == AVSP_OK && got;) {
        rc = avsp_decoder_receive(dec, w->frame, &got, err);
        if (rc == AVSP_OK && got)
            rc = dec == &w->video ? take_picture(w, err) : take_sound(w, err);
        av_frame_unref(w->frame);
    }
    return rc;
}

static enum avsp_code read_all(struct whole *w, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK) {
        int av = av_read_frame(w->source.ctx, w->pkt);
        if (av == AVERROR_EOF)
            break;
        if (av < 0)
            return avsp_averr_set(err, av, "read the piece");
        if (w->pkt->stream_index == w->video.stream->index)
            rc = decode(w, &w->video, w->pkt, err);
        else if (w->sound != NULL && w->pkt->stream_index == w->audio.stream->index)
            rc = decode(w, &w->audio, w->pkt, err);
        av_packet_unref(w->pkt);
    }
    if (rc == AVSP_OK)
        rc = decode(w, &w->video, NULL, err);
    if (rc == AVSP_OK && w->sound != NULL)
        rc = decode(w, &w->audio, NULL, err);
    return rc;
}

static enum avsp_code end_video(struct whole *w, struct avsp_err *err)
{
    if (w->n_frames == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "it has no picture that can be decoded");
    int av = avcodec_send_frame(w->encoder, NULL);
    enum avsp_code rc =
        av >= 0 ? receive_video(w, err) : avsp_averr_set(err, av, "end the encoder");
    return rc == AVSP_OK ? release_held(w, end_ticks(w), err) : rc;
}

/// The sound ends with the video.
static enum avsp_code end_sound(struct whole *w, struct avsp_err *err)
{
    if (w->sound == NULL)
        return AVSP_OK;
    AVRational ticks = {1, (int)w->header.timescale};
    AVRational base = {w->header.time_base.num, w->header.time_base.den};
    int64_t length = av_rescale_q_rnd(end_ticks(w), ticks, base, AV_ROUND_UP);
    avsp_audio_track_set_end(w->sound, w->header.origin_pts + AVSP_MAX(length, 1));
    enum avsp_code rc = avsp_audio_track_end(w->sound, err);
    return rc == AVSP_OK ? avsp_audio_encoder_end(w->sound_encoder, err) : rc;
}

static enum avsp_code report(struct whole *w, struct avsp_err *err)
{
    struct avsp_fmp4_file file = {0};
    enum avsp_code rc = avsp_whole_file_close(w->file, &file, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_report report = {
        .kind = AVSP_REPORT_SEGMENT,
        .segment =
            {
                .rendition = RENDITION_NAME,
                .idx = w->step->idx,
                .name = FILE_NAME,
                .duration_ticks = av_rescale(end_ticks(w), US_PER_S, w->header.timescale),
                .frames = w->n_frames,
                .bytes = file.bytes,
                .sha256 = file.sha256,
            },
    };
    return avsp_control_report(w->ctl, &report, err);
}

static enum avsp_code warn_of_damage(struct whole *w, struct avsp_err *err)
{
    uint64_t n_damaged = w->video.n_damaged + w->audio.n_damaged;
    if (n_damaged == 0 && w->n_left_out == 0)
        return AVSP_OK;
    return avsp_control_warn(w->ctl, err,
                             "file %" PRIu32 ": the source is damaged: %" PRIu64 " errors, %" PRIu64
                             " frames out of order are left out",
                             w->step->idx, n_damaged, w->n_left_out);
}

/// What a split of ours would have said about the video.
static void describe(struct whole *w)
{
    AVStream *video = w->tracks.video;
    struct avsp_piece_header *h = &w->header;
    bool odd_rotation = false;
    struct avsp_glance glance;
    avsp_glance_init(&glance);
    avsp_tracks_describe(w->source.ctx, video, &glance, h, &odd_rotation);
    h->time_base = (struct avsp_rational){video->time_base.num, video->time_base.den};
    h->origin_pts = video->start_time != AV_NOPTS_VALUE ? video->start_time : 0;
    h->timescale = avsp_plan_timescale(h->time_base);
    if (h->timescale == 0 || h->timescale > INT32_MAX)
        h->timescale = TIMESCALE_ELSE;
    AVRational rate = av_guess_frame_rate(w->source.ctx, video, NULL);
    int64_t distance = 0;
    if (rate.num > 0 && rate.den > 0)
        distance = av_rescale_q(1, av_inv_q(rate), video->time_base);
    h->frame_rate = avsp_plan_frame_rate(&distance, distance > 0, h->time_base);
    w->frame_ticks = AVSP_MAX(av_rescale(h->timescale, h->frame_rate.den, h->frame_rate.num), 1);
}

static enum avsp_code open_video(struct whole *w, struct avsp_err *err)
{
    describe(w);
    enum avsp_code rc = avsp_decoder_open(&w->video, w->tracks.video, 1, err);
    if (rc == AVSP_OK)
        rc = avsp_picture_new(&w->header, NULL, AVSP_PICTURE_AS_IS, &w->picture, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_encoder_options options = {
        .codec = AVSP_CODEC_AV1,
        .format = avsp_picture_get_format(w->picture),
        .timescale = w->header.timescale,
        .frame_rate = w->header.frame_rate,
        .crf = w->step->crf,
        .preset = w->step->preset,
        .film_grain = w->step->picture.film_grain,
        .threads = w->step->threads,
        .gop_frames =
            AVSP_MAX(GOP_SECONDS * w->header.frame_rate.num / w->header.frame_rate.den, 1),
    };
    return avsp_encoder_open(&options, &w->encoder, err);
}

static enum avsp_code open_sound(struct whole *w, struct avsp_err *err)
{
    const AVStream *audio = w->tracks.n_audio > 0 ? w->tracks.audio[0] : NULL;
    if (audio == NULL)
        return AVSP_OK;
    AVRational base = {w->header.time_base.num, w->header.time_base.den};
    struct avsp_audio_track_options options = {
        .on_frame = on_samples,
        .ctx = w,
        .time_base = audio->time_base,
        .origin_pts = w->header.origin_pts,
        .end_pts = w->header.origin_pts + av_rescale_q(LONGEST_S, (AVRational){1, 1}, base),
        .origin_time_base = base,
        .in_pts = INT64_MIN, // the decoder leaves out priming and padding itself
        .out_pts = INT64_MAX,
    };
    enum avsp_code rc = avsp_decoder_open(&w->audio, audio, 1, err);
    if (rc == AVSP_OK)
        rc = avsp_audio_track_new(&options, &w->sound, err);
    if (rc != AVSP_OK)
        return rc;
    w->frame->sample_rate = audio->codecpar->sample_rate;
    int av = av_channel_layout_copy(&w->frame->ch_layout, &audio->codecpar->ch_layout);
    rc = av >= 0 ? avsp_audio_track_begin(w->sound, w->frame, err)
                 : avsp_averr_set(err, av, "open the sound");
    av_frame_unref(w->frame);
    if (rc != AVSP_OK)
        return rc;
    const struct avsp_audio_format *format = avsp_audio_track_format(w->sound);
    const struct avsp_audio_encoder_options aac = {
        .codec = AVSP_AUDIO_AAC,
        .in = *format,
        .out = *format,
        .is_mixed = audio->codecpar->ch_layout.nb_channels > format->n_channels,
        .on_packet = on_sound,
        .ctx = w,
    };
    return avsp_audio_encoder_new(&aac, &w->sound_encoder, err);
}

static enum avsp_code whole_open(struct whole *w, int input_fd, struct avsp_err *err)
{
    w->pkt = av_packet_alloc();
    w->encoded = av_packet_alloc();
    w->held = av_packet_alloc();
    w->frame = av_frame_alloc();
    w->made = av_frame_alloc();
    if (w->pkt == NULL || w->encoded == NULL || w->held == NULL || w->frame == NULL ||
        w->made == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for frames");
    enum avsp_code rc = avsp_source_open(input_fd, &w->source, err);
    if (rc == AVSP_OK)
        rc = avsp_tracks_choose(w->source.ctx, &(struct avsp_choice){0}, &w->tracks, err);
    if (rc == AVSP_OK && w->tracks.video == NULL)
        rc = avsp_err_set(err, AVSP_UNSUPPORTED,
                          "it has no video: sound alone takes a worker of ours for its split");
    if (rc == AVSP_OK)
        rc = open_video(w, err);
    if (rc == AVSP_OK)
        rc = open_sound(w, err);
    if (rc != AVSP_OK)
        return rc;
    const AVCodecContext *sound =
        w->sound != NULL ? avsp_audio_encoder_context(w->sound_encoder) : NULL;
    return avsp_whole_file_open(FILE_NAME, w->encoder, sound, &w->file, err);
}

enum avsp_code avsp_encode_whole(int input_fd, const struct avsp_step *step,
                                 struct avsp_control *ctl, struct avsp_err *err)
{
    struct whole AVSP_CLEANUP(whole_deinit) w = {.step = step, .ctl = ctl};
    enum avsp_code rc = whole_open(&w, input_fd, err);
    if (rc == AVSP_OK)
        rc = read_all(&w, err);
    if (rc == AVSP_OK)
        rc = end_video(&w, err);
    if (rc == AVSP_OK)
        rc = end_sound(&w, err);
    if (rc == AVSP_OK)
        rc = report(&w, err);
    if (rc == AVSP_OK)
        rc = warn_of_damage(&w, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "encode the file");
}
