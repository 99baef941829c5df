#include "core/sound_options.h"
#include "media/audio_copy.h"
#include "media/audio_encoder.h"
#include "media/audio_rendition.h"
#include "media/audio_stretch.h"
#include "media/audio_track.h"
#include "media/averr.h"
#include "media/decoder.h"
#include "media/loudness.h"
#include "media/source.h"
#include "media/steps.h"

#include <inttypes.h>
#include <math.h>

#define ARENA_BYTES 65536
#define AAC_LC_CODECS "mp4a.40.2" ///< RFC 6381 and ISO/IEC 14496-3: MPEG-4 audio, object type 2
#define OPUS_CODECS                                                                                \
    "Opus" ///< Encapsulation of Opus in ISO Base Media File Format 4.4: the sample entry's name
#define MS_PER_S 1000
#define N_STEREO 2

/// One form in which the track is made.
struct form {
    struct avsp_audio_encoder *encoder; ///< NULL: this one is not
    AVCodecParameters *par;             ///< what it makes
    struct avsp_audio_rendition *made;
};

/// The work on one track.
struct run {
    const struct avsp_step *step;
    int input_fd;
    struct avsp_control *ctl;
    struct avsp_arena *arena;
    bool measures;               ///< this is the pass that measures, not the one that encodes
    struct avsp_loudness *meter; ///< from its first samples on
    struct avsp_loudness_measured measured;
    double gain_db;
    struct avsp_audio_copied copied; ///< is made already
    // Of one pass.
    struct avsp_piece_header header;
    struct avsp_source source;
    struct avsp_decoder decoder;
    struct avsp_audio_track *track;
    struct avsp_audio_stretch *stretch; ///< NULL: nothing drifts
    bool opened;                        ///< the forms are
    struct form forms[AVSP_SOUND_N_FORMS];
    AVPacket *pkt;
    AVFrame *frame;
    AVFrame *stretched;
    uint64_t n_decoded;          ///< frames
    uint64_t n_refused;          ///< of these, in a form that cannot be converted
    struct avsp_err undecodable; ///< why nothing can be decoded; all zeros where that is not so
};

static void end_pass(struct run *run)
{
    avsp_audio_track_free(&run->track);
    avsp_audio_stretch_free(&run->stretch);
    avsp_decoder_close(&run->decoder);
    avsp_source_close(&run->source);
    avsp_loudness_free(&run->meter);
    run->n_decoded = run->n_refused = 0;
    run->undecodable = (struct avsp_err){0};
}

static void run_deinit(struct run *run)
{
    end_pass(run);
    for (size_t i = 0; i < AVSP_SOUND_N_FORMS; i++) {
        avsp_audio_rendition_free(&run->forms[i].made);
        avsp_audio_encoder_free(&run->forms[i].encoder);
        avcodec_parameters_free(&run->forms[i].par);
    }
    av_packet_free(&run->pkt);
    av_frame_free(&run->frame);
    av_frame_free(&run->stretched);
}

static enum avsp_code on_packet(void *ctx, AVPacket *pkt, struct avsp_err *err)
{
    struct form *form = ctx;
    return avsp_audio_rendition_put(form->made, pkt, err);
}

static enum avsp_code open_form(struct run *run, enum avsp_sound_form which,
                                const struct avsp_audio_format *out, struct avsp_err *err)
{
    struct form *form = &run->forms[which];
    bool opus = which == AVSP_SOUND_OPUS;
    const struct avsp_audio_encoder_options options = {
        .codec = opus ? AVSP_AUDIO_OPUS : AVSP_AUDIO_AAC,
        .in = *avsp_audio_track_format(run->track),
        .out = *out,
        .is_mixed = avsp_audio_track_is_mixed(run->track),
        .on_packet = on_packet,
        .ctx = form,
    };
    enum avsp_code rc = avsp_audio_encoder_new(&options, &form->encoder, err);
    if (rc != AVSP_OK)
        return rc;
    form->par = avcodec_parameters_alloc();
    if (form->par == NULL ||
        avcodec_parameters_from_context(form->par, avsp_audio_encoder_context(form->encoder)) < 0)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    const struct avsp_audio_rendition_facts facts = {
        .ctl = run->ctl,
        .name = avsp_sound_name(run->arena, run->header.track, which),
        .codecs = opus ? OPUS_CODECS : AAC_LC_CODECS,
        .header = &run->header,
        .par = form->par,
        .priming = form->par->initial_padding,
        .segment_seconds = run->step->segment_seconds,
    };
    return facts.name != NULL ? avsp_audio_rendition_new(&facts, &form->made, err)
                              : avsp_arena_failed(run->arena, err);
}

/// What the track is made in follows from its own form, which its first samples tell.
static enum avsp_code open_forms(struct run *run, struct avsp_err *err)
{
    struct avsp_audio_format format = *avsp_audio_track_format(run->track);
    enum avsp_code rc = AVSP_OK;
    run->opened = true;
    if (run->copied.form != AVSP_SOUND_MAIN)
        rc = open_form(run, AVSP_SOUND_MAIN, &format, err);
    struct avsp_audio_format stereo = {format.rate, N_STEREO};
    if (rc == AVSP_OK && format.n_channels > N_STEREO)
        rc = open_form(run, AVSP_SOUND_STEREO, &stereo, err);
    struct avsp_audio_format opus = {AVSP_AUDIO_OPUS_RATE, format.n_channels};
    if (rc == AVSP_OK && run->step->sound.opus)
        rc = open_form(run, AVSP_SOUND_OPUS, &opus, err);
    // That is no fault of the frame at hand.
    if (rc == AVSP_UNSUPPORTED)
        err->code = rc = AVSP_INTERNAL;
    return rc;
}

static void amplify(AVFrame *frame, double gain_db)
{
    float factor = (float)pow(10, gain_db / 20);
    for (int c = 0; c < frame->ch_layout.nb_channels; c++) {
        float *samples = (float *)(void *)frame->extended_data[c];
        for (int i = 0; i < frame->nb_samples; i++)
            samples[i] *= factor;
    }
}

static enum avsp_code measure(struct run *run, const AVFrame *frame, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    if (run->meter == NULL)
        rc = avsp_loudness_new(avsp_audio_track_format(run->track), &run->meter, err);
    // That is no fault of the frame at hand.
    if (rc == AVSP_UNSUPPORTED)
        err->code = rc = AVSP_INTERNAL;
    return rc == AVSP_OK ? avsp_loudness_add(run->meter, frame, err) : rc;
}

static enum avsp_code on_samples(void *ctx, AVFrame *frame, struct avsp_err *err)
{
    struct run *run = ctx;
    enum avsp_code rc = AVSP_OK;
    if (run->measures)
        return measure(run, frame, err);
    if (run->gain_db != 0)
        amplify(frame, run->gain_db);
    if (!run->opened)
        rc = open_forms(run, err);
    for (size_t i = 0; rc == AVSP_OK && i < AVSP_SOUND_N_FORMS; i++)
        if (run->forms[i].encoder != NULL)
            rc = avsp_audio_encoder_add(run->forms[i].encoder, frame, err);
    return rc;
}

static enum avsp_code end_forms(struct run *run, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < AVSP_SOUND_N_FORMS; i++) {
        if (run->forms[i].encoder == NULL)
            continue;
        rc = avsp_audio_encoder_end(run->forms[i].encoder, err);
        if (rc == AVSP_OK)
            rc = avsp_audio_rendition_end(run->forms[i].made, err);
    }
    return rc;
}

static void tell_progress(struct run *run)
{
    uint64_t done = 0;
    uint64_t total = 0;
    avsp_audio_track_progress(run->track, &done, &total);
    // Where there are two passes, both count half.
    if (run->step->sound.loudness_lufs != 0)
        done = run->measures ? done / 2 : (done + total) / 2;
    avsp_control_progress(run->ctl, done, total);
}

/// Adds decoded sound (NULL: there is no more) to the track, without its drift.
static enum avsp_code add_to_track(struct run *run, const AVFrame *frame, bool lost,
                                   struct avsp_err *err)
{
    if (run->stretch == NULL)
        return frame != NULL ? avsp_audio_track_add(run->track, frame, lost, err) : AVSP_OK;
    enum avsp_code rc = avsp_audio_stretch_frame(run->stretch, frame, run->stretched, err);
    if (rc == AVSP_OK && run->stretched->nb_samples > 0)
        rc = avsp_audio_track_add(run->track, run->stretched, lost, err);
    return rc;
}

/// Adds the frame that was decoded. What cannot be converted is as lost as what cannot be decoded.
static enum avsp_code take_frame(struct run *run, struct avsp_err *err)
{
    bool lost = run->decoder.damaged;
    run->decoder.damaged = false;
    run->n_decoded++;
    enum avsp_code rc = add_to_track(run, run->frame, lost, err);
    av_frame_unref(run->frame);
    if (rc != AVSP_UNSUPPORTED)
        return rc;
    run->n_refused++;
    run->decoder.damaged = true;
    return AVSP_OK;
}

static enum avsp_code decode_all(struct run *run, struct avsp_err *err)
{
    for (bool got = true; run->undecodable.code == AVSP_OK;) {
        enum avsp_code rc =
            avsp_decoder_read(&run->decoder, run->source.ctx, run->pkt, run->frame, &got, err);
        if (rc == AVSP_OK && got)
            rc = take_frame(run, err);
        if (rc != AVSP_OK || !got)
            return rc;
        tell_progress(run);
    }
    return AVSP_OK;
}

/// Everything that the track has, from the first sample to the last.
static enum avsp_code read_track(struct run *run, struct avsp_err *err)
{
    enum avsp_code rc = decode_all(run, err);
    if (rc == AVSP_OK)
        rc = add_to_track(run, NULL, false, err);
    // A picture is worth showing without its sound; sound that is nothing but silence is not a presentation.
    bool needed = run->header.alone || run->header.named;
    if (rc == AVSP_OK && needed && run->n_decoded == run->n_refused)
        rc = avsp_err_set(err, AVSP_CORRUPT, "none of it can be decoded%s%s",
                          run->undecodable.code != AVSP_OK ? ": " : "", run->undecodable.text);
    return rc == AVSP_OK ? avsp_audio_track_end(run->track, err) : rc;
}

static enum avsp_code warn_of_repairs(struct run *run, struct avsp_err *err)
{
    struct avsp_audio_track_repairs r = avsp_audio_track_get_repairs(run->track);
    int64_t rate = avsp_audio_track_format(run->track)->rate;
    enum avsp_code rc = AVSP_OK;
    if (run->undecodable.code != AVSP_OK)
        rc =
            avsp_control_warn(run->ctl, err, "the sound became silence: %s", run->undecodable.text);
    if (rc == AVSP_OK && run->n_refused > 0)
        rc = avsp_control_warn(run->ctl, err,
                               "sound: %" PRIu64 " frames of a form that cannot be converted "
                               "became silence",
                               run->n_refused);
    if (rc == AVSP_OK && run->decoder.n_damaged > 0)
        rc = avsp_control_warn(run->ctl, err, "sound: %" PRIu64 " damaged packets became silence",
                               run->decoder.n_damaged);
    if (rc == AVSP_OK && run->header.drift_ppb != 0)
        rc = avsp_control_warn(run->ctl, err,
                               "sound a%" PRIu32
                               ": its clock drifts by %.1f ms an hour against its times: it is "
                               "stretched to them",
                               run->header.track, (double)run->header.drift_ppb * 3600 / 1e6);
    if (rc == AVSP_OK && r.n_holes > 0)
        rc = avsp_control_warn(run->ctl, err,
                               "sound: %" PRIu64 " holes, %" PRId64
                               " ms in all, are filled with silence",
                               r.n_holes, r.hole_samples * MS_PER_S / rate);
    if (rc == AVSP_OK && r.n_overlaps > 0)
        rc = avsp_control_warn(run->ctl, err,
                               "sound: %" PRIu64 " packets overlap the sound before them; %" PRId64
                               " ms in all are left out",
                               r.n_overlaps, r.overlap_samples * MS_PER_S / rate);
    return rc;
}

static enum avsp_code begin_pass(struct run *run, struct avsp_err *err)
{
    enum avsp_code rc =
        avsp_source_open_piece(run->input_fd, run->arena, &run->header, &run->source, err);
    if (rc != AVSP_OK)
        return rc;
    if (run->header.kind != AVSP_MEDIA_AUDIO || run->step->segment_seconds < 1)
        return avsp_err_set(err, AVSP_INVALID, "not a piece of sound");
    int stream = av_find_best_stream(run->source.ctx, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (stream < 0)
        return avsp_averr_set(err, stream, "find the sound of the piece");
    const AVStream *st = run->source.ctx->streams[stream];
    struct avsp_audio_track_options options = {
        .on_frame = on_samples,
        .ctx = run,
        .time_base = st->time_base,
        .origin_pts = run->header.origin_pts,
        .end_pts = run->header.end_pts,
        .origin_time_base = {run->header.origin_time_base.num, run->header.origin_time_base.den},
        .in_pts = run->header.in_pts,
        .out_pts = run->header.out_pts,
    };
    rc = avsp_decoder_open(&run->decoder, st, 1, err);
    if (rc == AVSP_CORRUPT || rc == AVSP_UNSUPPORTED) {
        run->undecodable = *err;
        rc = AVSP_OK;
    }
    if (rc == AVSP_OK && run->header.drift_ppb != 0)
        rc = avsp_audio_stretch_new(run->header.drift_ppb, st->time_base, &run->stretch, err);
    if (rc == AVSP_OK)
        rc = avsp_audio_track_new(&options, &run->track, err);
    return rc;
}

static enum avsp_code warn_of_loudness(struct run *run, bool is_reached, struct avsp_err *err)
{
    int32_t goal = run->step->sound.loudness_lufs;
    if (is_reached)
        return AVSP_OK;
    if (run->measured.lufs <= AVSP_LOUDNESS_SILENCE_LUFS)
        return avsp_control_warn(run->ctl, err,
                                 "sound a%" PRIu32 ": too quiet for its loudness to be measured: "
                                 "it stays as it is",
                                 run->header.track);
    return avsp_control_warn(run->ctl, err,
                             "sound a%" PRIu32 ": it becomes %.1f LUFS, not %" PRId32
                             ": more would lift its true peak over %.0f dBTP",
                             run->header.track, run->measured.lufs + run->gain_db, goal,
                             AVSP_LOUDNESS_PEAK_MAX_DB);
}

/// The first of two passes, where one is asked for: the same samples as the second, which get one gain for all of them.
static enum avsp_code find_gain(struct run *run, struct avsp_err *err)
{
    bool is_reached = false;
    if (run->step->sound.loudness_lufs == 0)
        return AVSP_OK;
    run->measures = true;
    enum avsp_code rc = begin_pass(run, err);
    if (rc == AVSP_OK)
        rc = read_track(run, err);
    if (rc == AVSP_OK)
        rc = avsp_loudness_end(run->meter, &run->measured, err);
    if (rc != AVSP_OK)
        return rc;
    run->gain_db =
        avsp_loudness_gain_db(&run->measured, run->step->sound.loudness_lufs, &is_reached);
    end_pass(run);
    run->measures = false;
    return warn_of_loudness(run, is_reached, err);
}

static enum avsp_code encode_track(struct run *run, struct avsp_err *err)
{
    enum avsp_code rc = begin_pass(run, err);
    if (rc == AVSP_OK)
        rc = read_track(run, err);
    if (rc == AVSP_OK)
        rc = end_forms(run, err);
    return rc == AVSP_OK ? warn_of_repairs(run, err) : rc;
}

static enum avsp_code encode(struct run *run, struct avsp_err *err)
{
    enum avsp_code rc = find_gain(run, err);
    return rc == AVSP_OK ? encode_track(run, err) : rc;
}

/// Is there nothing to be made beside what was copied?
static bool is_made(const struct run *run)
{
    return run->copied.form == AVSP_SOUND_MAIN && run->copied.n_channels <= N_STEREO &&
           !run->step->sound.opus;
}

enum avsp_code avsp_audio_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct run AVSP_CLEANUP(run_deinit)
        run = {.step = step, .input_fd = input_fd, .ctl = ctl, .arena = &arena};
    run.pkt = av_packet_alloc();
    run.frame = av_frame_alloc();
    run.stretched = av_frame_alloc();
    run.copied.form = AVSP_SOUND_N_FORMS;
    enum avsp_code rc = run.pkt != NULL && run.frame != NULL && run.stretched != NULL
                            ? AVSP_OK
                            : avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    if (rc == AVSP_OK && step->sound.copy)
        rc = avsp_audio_copy_run(input_fd, step, ctl, &run.copied, err);
    if (rc == AVSP_OK && !is_made(&run))
        rc = encode(&run, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "encode the sound");
}
