/// The segments of a presentation, decoded: frames counted, damage counted, as a player meets them.
///
/// The input file holds an init segment and a segment, or a segment that needs none; after each report and its "ack" it
/// holds the next one. Where segments are independent, each gets a decoder of its own. Else the decoder goes on from one to
/// the next, so that what refers to pictures before is not taken for damage; frames that it holds back then count for the
/// segment in which they come out.
#include "media/decoder.h"
#include "media/source.h"
#include "media/steps.h"

#include <string.h>

/// One kind of stream: its decoder lives from segment to segment.
struct half {
    enum AVMediaType type;
    struct avsp_decoder dec;
    AVCodecParameters *par; ///< that the decoder was opened for; NULL = it is not open
    struct avsp_checked_stream seen;
    AVRational time_base;
};

struct check {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct half halves[2];
    AVPacket *packet;
    AVFrame *frame;
    uint64_t n_frames;
};

static void half_close(struct half *half)
{
    avsp_decoder_close(&half->dec);
    avcodec_parameters_free(&half->par);
}

static void check_deinit(struct check *check)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(check->halves); i++)
        half_close(&check->halves[i]);
    av_packet_free(&check->packet);
    av_frame_free(&check->frame);
}

/// Takes all frames that are ready.
static enum avsp_code take_frames(struct check *check, struct half *half, struct avsp_err *err)
{
    for (;;) {
        bool got = false;
        enum avsp_code rc = avsp_decoder_receive(&half->dec, check->frame, &got, err);
        if (rc != AVSP_OK || !got)
            return rc;
        struct avsp_checked_stream *seen = &half->seen;
        int64_t pts = check->frame->pts;
        if (pts != AV_NOPTS_VALUE) {
            int64_t us = av_rescale_q(pts, half->time_base, AV_TIME_BASE_Q);
            us = AVSP_MIN(AVSP_MAX(us, INT64_MIN / 4), INT64_MAX / 4);
            seen->first_us = seen->n_frames == 0 ? us : AVSP_MIN(seen->first_us, us);
        }
        if (seen->n_frames == 0 && half->type == AVMEDIA_TYPE_VIDEO) {
            seen->width_px = (uint32_t)check->frame->width;
            seen->height_px = (uint32_t)check->frame->height;
        }
        seen->n_frames++;
        check->n_frames += half->type == AVMEDIA_TYPE_VIDEO;
        avsp_control_progress(check->ctl, check->n_frames, 0);
        av_frame_unref(check->frame);
    }
}

/// What the decoder holds back comes out; it is closed then.
static enum avsp_code drain(struct check *check, struct half *half, struct avsp_err *err)
{
    if (half->par == NULL)
        return AVSP_OK;
    enum avsp_code rc = avsp_decoder_send(&half->dec, NULL, err);
    if (rc == AVSP_OK)
        rc = take_frames(check, half, err);
    half->seen.n_damaged += half->dec.n_damaged;
    half->dec.n_damaged = 0;
    half_close(half);
    return rc;
}

static bool same_parameters(const AVCodecParameters *a, const AVCodecParameters *b)
{
    return a->codec_id == b->codec_id && a->extradata_size == b->extradata_size &&
           (a->extradata_size == 0 ||
            memcmp(a->extradata, b->extradata, (size_t)a->extradata_size) == 0);
}

/// Makes the decoder ready for a stream of the segment at hand.
static enum avsp_code get_decoder(struct check *check, struct half *half, const AVStream *stream,
                                  struct avsp_err *err)
{
    half->seen.codec = avcodec_get_name(stream->codecpar->codec_id);
    half->time_base = stream->time_base;
    if (half->par != NULL && !same_parameters(half->par, stream->codecpar)) {
        enum avsp_code rc = drain(check, half, err);
        if (rc != AVSP_OK)
            return rc;
    }
    if (half->par != NULL) {
        half->dec.stream = stream;
        half->dec.ctx->pkt_timebase = stream->time_base;
        return AVSP_OK;
    }
    half->par = avcodec_parameters_alloc();
    if (half->par == NULL || avcodec_parameters_copy(half->par, stream->codecpar) < 0)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a decoder");
    enum avsp_code rc =
        avsp_decoder_open(&half->dec, stream, AVSP_MAX(check->step->threads, 1u), err);
    if (rc != AVSP_OK)
        avcodec_parameters_free(&half->par);
    else
        half->dec.ctx->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL; // priming counts as well
    return rc;
}

/// Only the demuxer's first packet of the stream tells how the segment begins.
static enum avsp_code take_packet(struct check *check, struct half *half, struct avsp_err *err)
{
    struct avsp_checked_stream *seen = &half->seen;
    if (seen->n_packets++ == 0)
        seen->starts_with_key = (check->packet->flags & AV_PKT_FLAG_KEY) != 0;
    enum avsp_code rc = avsp_decoder_send(&half->dec, check->packet, err);
    return rc == AVSP_OK ? take_frames(check, half, err) : rc;
}

static enum avsp_code decode(struct check *check, AVFormatContext *ctx,
                             struct half *const *of_streams, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK) {
        int av = av_read_frame(ctx, check->packet);
        if (av < 0)
            break; // the end, or where it is cut off: the counts tell
        unsigned idx = (unsigned)check->packet->stream_index;
        struct half *half = idx < ctx->nb_streams && idx < 64 ? of_streams[idx] : NULL;
        if (half != NULL && check->packet->size > 0)
            rc = take_packet(check, half, err);
        av_packet_unref(check->packet);
    }
    return rc;
}

/// The first stream of each kind goes to its decoder.
static enum avsp_code choose_streams(struct check *check, const AVFormatContext *ctx,
                                     struct half **ret_of_streams, struct avsp_err *err)
{
    for (size_t h = 0; h < AVSP_ARRAY_LEN(check->halves); h++)
        for (unsigned i = 0; i < ctx->nb_streams && i < 64; i++) {
            if (ctx->streams[i]->codecpar->codec_type != check->halves[h].type)
                continue;
            enum avsp_code rc = get_decoder(check, &check->halves[h], ctx->streams[i], err);
            if (rc != AVSP_OK)
                return rc;
            ret_of_streams[i] = &check->halves[h];
            break;
        }
    return AVSP_OK;
}

/// Decodes the segment that is in the file now. What is wrong with it is @p fault; the call fails only where we do.
static enum avsp_code check_segment(struct check *check, int fd, bool is_last,
                                    struct avsp_err *fault, struct avsp_err *err)
{
    struct avsp_source AVSP_CLEANUP(avsp_source_close) source = {0};
    struct half *of_streams[64] = {NULL};
    enum avsp_code rc = avsp_source_open(fd, &source, fault);
    if (rc == AVSP_OK)
        rc = choose_streams(check, source.ctx, of_streams, fault);
    if (rc == AVSP_OK)
        rc = decode(check, source.ctx, of_streams, fault);
    for (size_t h = 0; h < AVSP_ARRAY_LEN(check->halves); h++) {
        struct half *half = &check->halves[h];
        if (rc == AVSP_OK && (check->step->independent || is_last))
            rc = drain(check, half, fault);
        half->seen.n_damaged += half->dec.n_damaged;
        half->dec.n_damaged = 0;
        half->dec.stream = NULL; // it goes with the source
        if (rc != AVSP_OK)
            half_close(half);
    }
    if (rc != AVSP_NO_MEMORY)
        return AVSP_OK;
    *err = *fault;
    return rc;
}

enum avsp_code avsp_check_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err)
{
    struct check AVSP_CLEANUP(check_deinit) check = {
        .step = step,
        .ctl = ctl,
        .halves = {{.type = AVMEDIA_TYPE_VIDEO}, {.type = AVMEDIA_TYPE_AUDIO}},
        .packet = av_packet_alloc(),
        .frame = av_frame_alloc(),
    };
    if (check.packet == NULL || check.frame == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to decode");
    enum avsp_code rc = AVSP_OK;
    for (uint32_t i = 0; rc == AVSP_OK && i < step->n_segments; i++) {
        struct avsp_err fault = {0};
        for (size_t h = 0; h < AVSP_ARRAY_LEN(check.halves); h++)
            check.halves[h].seen = (struct avsp_checked_stream){.codec = ""};
        rc = check_segment(&check, input_fd, i + 1 == step->n_segments, &fault, err);
        struct avsp_report report = {
            .kind = AVSP_REPORT_CHECKED,
            .checked = {i, fault.text, check.halves[0].seen, check.halves[1].seen},
        };
        if (rc == AVSP_OK)
            rc = avsp_control_report(ctl, &report, err);
        if (rc == AVSP_OK)
            rc = avsp_control_drain(ctl, err);
    }
    return rc;
}
