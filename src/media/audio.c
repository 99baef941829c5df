#include "core/plan.h"
#include "media/audio_track.h"
#include "media/averr.h"
#include "media/decoder.h"
#include "media/encode_segment.h"
#include "media/fmp4.h"
#include "media/source.h"
#include "media/steps.h"

#include <inttypes.h>

#define ARENA_BYTES 65536
#define INIT_NAME "init.mp4"
#define AAC_LC_CODECS "mp4a.40.2" ///< RFC 6381 and ISO/IEC 14496-3: MPEG-4 audio, object type 2
#define MS_PER_S 1000
#define TAIL_MS 450 ///< see last_place

/// The work on one track.
struct run {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_piece_header header;
    struct avsp_source source;
    struct avsp_decoder decoder;
    struct avsp_audio_track *track;
    struct avsp_fmp4 *mux; ///< opened with the first packet
    AVPacket *pkt;
    AVFrame *frame;
    char name[16];               ///< of the rendition
    uint32_t idx;                ///< of the segment in the making
    int64_t last_idx;            ///< the last segment's
    int64_t n_in_it;             ///< its packets
    int64_t start;               ///< presentation time of its first packet, in samples
    int64_t end;                 ///< where its last packet ends
    int64_t priming;             ///< samples that the encoder puts before presentation time 0
    bool told;                   ///< the rendition was reported
    uint64_t n_decoded;          ///< frames
    uint64_t n_refused;          ///< of these, in a form that cannot be converted
    struct avsp_err undecodable; ///< why nothing can be decoded; all zeros where that is not so
};

static void run_deinit(struct run *run)
{
    avsp_fmp4_free(&run->mux);
    avsp_audio_track_free(&run->track);
    avsp_decoder_close(&run->decoder);
    avsp_source_close(&run->source);
    av_packet_free(&run->pkt);
    av_frame_free(&run->frame);
}

static enum avsp_code report_rendition(struct run *run, struct avsp_err *err)
{
    const struct avsp_buf *init = avsp_fmp4_init(run->mux);
    const AVCodecContext *enc = avsp_audio_track_encoder(run->track);
    struct avsp_fmp4_file file = {0};
    enum avsp_code rc = avsp_fmp4_save(INIT_NAME, init->data, init->len, &file, err);
    if (rc != AVSP_OK)
        return rc;
    run->told = true;
    struct avsp_report report = {
        .kind = AVSP_REPORT_RENDITION,
        .rendition =
            {
                .name = run->name,
                .kind = AVSP_MEDIA_AUDIO,
                .init_name = INIT_NAME,
                .init_bytes = file.bytes,
                .init_sha256 = file.sha256,
                .codecs = AAC_LC_CODECS,
                .timescale = (uint32_t)enc->sample_rate,
                .priming_ticks = run->priming,
                .video_range = "",
                .channels = (uint32_t)enc->ch_layout.nb_channels,
                .language = run->header.language,
                .title = run->header.title,
                .purposes = run->header.purposes,
            },
    };
    return avsp_control_report(run->ctl, &report, err);
}

/// Writes and reports the segment in the making.
static enum avsp_code cut(struct run *run, struct avsp_err *err)
{
    char name[AVSP_SEGMENT_NAME_BYTES];
    avsp_segment_name(run->name, run->idx, name);
    struct avsp_fmp4_file file = {0};
    enum avsp_code rc = avsp_fmp4_cut(run->mux, name, &file, err);
    if (rc == AVSP_OK && !run->told)
        rc = report_rendition(run, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_report report = {
        .kind = AVSP_REPORT_SEGMENT,
        .segment =
            {
                .rendition = run->name,
                .idx = run->idx,
                .name = name,
                .start_ticks = run->start + run->priming, // tfdt counts from the first sample
                .duration_ticks = run->end - run->start,
                .frames = (uint64_t)run->n_in_it,
                .bytes = file.bytes,
                .sha256 = file.sha256,
            },
    };
    run->n_in_it = 0;
    return avsp_control_report(run->ctl, &report, err);
}

/// The last place that gets a segment of its own. A tail of less than TAIL_MS joins the segment before it: hls.js (1.7.4)
/// never comes to the end of a track whose last segment is a single AAC frame. TARGETDURATION, in whole seconds, stays.
static int64_t last_place(const struct run *run, int32_t sample_rate)
{
    const struct avsp_piece_header *h = &run->header;
    int64_t samples =
        avsp_plan_ticks(h->end_pts, h->origin_pts, h->origin_time_base, (uint32_t)sample_rate);
    int64_t tail = (int64_t)sample_rate * TAIL_MS / MS_PER_S;
    int64_t last = (samples - 1 - tail) / ((int64_t)run->step->segment_seconds * sample_rate);
    return AVSP_MAX(last, (int64_t)0);
}

static enum avsp_code open_mux(struct run *run, struct avsp_err *err)
{
    const AVCodecContext *enc = avsp_audio_track_encoder(run->track);
    run->priming = enc->initial_padding;
    run->last_idx = last_place(run, enc->sample_rate);
    struct avsp_fmp4_track track = {
        .encoder = enc,
        .timescale = (uint32_t)enc->sample_rate,
        .sequence = 1,
    };
    return avsp_fmp4_open(&track, &run->mux, err);
}

/// A segment begins with the first packet at or after its boundary.
static enum avsp_code on_packet(void *ctx, AVPacket *pkt, struct avsp_err *err)
{
    struct run *run = ctx;
    enum avsp_code rc = AVSP_OK;
    if (run->mux == NULL)
        rc = open_mux(run, err);
    int64_t segment_samples =
        (int64_t)run->step->segment_seconds * avsp_audio_track_encoder(run->track)->sample_rate;
    int64_t idx = pkt->pts > 0 ? AVSP_MIN(pkt->pts / segment_samples, run->last_idx) : 0;
    if (idx >= AVSP_SEGMENTS_MAX)
        return avsp_err_set(err, AVSP_LIMIT, "the sound has more than %d segments",
                            AVSP_SEGMENTS_MAX);
    if (rc == AVSP_OK && run->n_in_it > 0 && idx != run->idx)
        rc = cut(run, err);
    if (rc != AVSP_OK)
        return rc;
    if (run->n_in_it == 0) {
        run->idx = (uint32_t)idx;
        run->start = pkt->pts;
    }
    run->n_in_it++;
    run->end = pkt->pts + pkt->duration;
    return avsp_fmp4_write(run->mux, pkt, err);
}

static void tell_progress(struct run *run)
{
    uint64_t done = 0;
    uint64_t total = 0;
    avsp_audio_track_progress(run->track, &done, &total);
    avsp_control_progress(run->ctl, done, total);
}

/// Adds the frame that was decoded. What cannot be converted is as lost as what cannot be decoded.
static enum avsp_code take_frame(struct run *run, struct avsp_err *err)
{
    bool lost = run->decoder.damaged;
    run->decoder.damaged = false;
    run->n_decoded++;
    enum avsp_code rc = avsp_audio_track_add(run->track, run->frame, lost, err);
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

static enum avsp_code encode_all(struct run *run, struct avsp_err *err)
{
    enum avsp_code rc = decode_all(run, err);
    // A picture is worth showing without its sound; sound that is nothing but silence is not a presentation.
    bool needed = run->header.alone || run->header.named;
    if (rc == AVSP_OK && needed && run->n_decoded == run->n_refused)
        rc = avsp_err_set(err, AVSP_CORRUPT, "none of it can be decoded%s%s",
                          run->undecodable.code != AVSP_OK ? ": " : "", run->undecodable.text);
    if (rc == AVSP_OK)
        rc = avsp_audio_track_end(run->track, err);
    return rc == AVSP_OK ? cut(run, err) : rc;
}

static enum avsp_code warn_of_repairs(struct run *run, struct avsp_err *err)
{
    struct avsp_audio_track_repairs r = avsp_audio_track_get_repairs(run->track);
    int64_t rate = avsp_audio_track_encoder(run->track)->sample_rate;
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

static enum avsp_code run_open(struct run *run, int input_fd, struct avsp_arena *arena,
                               struct avsp_err *err)
{
    enum avsp_code rc = avsp_source_open_piece(input_fd, arena, &run->header, &run->source, err);
    if (rc != AVSP_OK)
        return rc;
    if (run->header.kind != AVSP_MEDIA_AUDIO || run->step->segment_seconds < 1)
        return avsp_err_set(err, AVSP_INVALID, "not a piece of sound");
    int stream = av_find_best_stream(run->source.ctx, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (stream < 0)
        return avsp_averr_set(err, stream, "find the sound of the piece");
    const AVStream *st = run->source.ctx->streams[stream];
    struct avsp_audio_track_options options = {
        .on_packet = on_packet,
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
    if (rc == AVSP_OK)
        rc = avsp_audio_track_new(&options, &run->track, err);
    if (rc != AVSP_OK)
        return rc;
    snprintf(run->name, sizeof run->name, "a%" PRIu32, run->header.track);
    run->pkt = av_packet_alloc();
    run->frame = av_frame_alloc();
    if (run->pkt == NULL || run->frame == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    return AVSP_OK;
}

enum avsp_code avsp_audio_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct run AVSP_CLEANUP(run_deinit) run = {.step = step, .ctl = ctl};
    enum avsp_code rc = run_open(&run, input_fd, &arena, err);
    if (rc == AVSP_OK)
        rc = encode_all(&run, err);
    if (rc == AVSP_OK)
        rc = warn_of_repairs(&run, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "encode the sound");
}
