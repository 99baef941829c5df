#include "media/decoder.h"

#include "media/allow.h"
#include "media/averr.h"
#include "media/tracks.h"

#define THREADS_MAX 16
#define WHAT_BYTES 128

enum avsp_code avsp_decoder_open(struct avsp_decoder *dec, const AVStream *stream, unsigned threads,
                                 struct avsp_err *err)
{
    const AVCodec *codec = avsp_allow_decoder(stream->codecpar->codec_id);
    if (codec == NULL) {
        char what[WHAT_BYTES];
        avsp_allow_why_not(stream->codecpar, what, sizeof what);
        return avsp_err_set(err, AVSP_UNSUPPORTED, "no decoder for %s", what);
    }
    *dec = (struct avsp_decoder){
        .stream = stream, .first_pts = AV_NOPTS_VALUE, .sent_pts = AV_NOPTS_VALUE};
    dec->ctx = avcodec_alloc_context3(codec);
    if (dec->ctx == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a decoder");
    int av = avcodec_parameters_to_context(dec->ctx, stream->codecpar);
    if (av >= 0) {
        dec->ctx->pkt_timebase = stream->time_base;
        dec->ctx->thread_count = (int)AVSP_MIN(threads, (unsigned)THREADS_MAX);
        dec->ctx->thread_type =
            FF_THREAD_SLICE; // frame threads conceal damage differently from run to run, too
        dec->ctx->flags |= AV_CODEC_FLAG_BITEXACT;
        // A picture that grows in the middle of the stream is damage, and not memory that runs out.
        dec->ctx->max_pixels = AVSP_PICTURE_AREA_MAX_PX;
        av = avcodec_open2(dec->ctx, codec, NULL);
    }
    if (av >= 0)
        return AVSP_OK;
    avsp_decoder_close(dec);
    return avsp_averr_set(err, av, "open the decoder for %s", codec->name);
}

void avsp_decoder_close(struct avsp_decoder *dec)
{
    avcodec_free_context(&dec->ctx);
}

void avsp_decoder_watch(struct avsp_decoder *dec, int64_t from, int64_t to)
{
    dec->first_pts = AV_NOPTS_VALUE;
    dec->watch_from = from;
    dec->watch_to = to;
}

static bool is_watched(const struct avsp_decoder *dec, int64_t pts)
{
    return pts != AV_NOPTS_VALUE && pts >= dec->watch_from && pts < dec->watch_to;
}

static void note_damage(struct avsp_decoder *dec, int64_t pts)
{
    dec->n_damaged++;
    dec->n_watched += is_watched(dec, pts);
    dec->damaged = true;
}

static void watch(struct avsp_decoder *dec, const AVPacket *pkt)
{
    dec->sent_pts = pkt->pts;
    if (!is_watched(dec, pkt->pts) || (pkt->flags & AV_PKT_FLAG_DISCARD) != 0)
        return;
    if (dec->first_pts == AV_NOPTS_VALUE || pkt->pts < dec->first_pts)
        dec->first_pts = pkt->pts;
}

enum avsp_code avsp_decoder_send(struct avsp_decoder *dec, const AVPacket *pkt,
                                 struct avsp_err *err)
{
    if (pkt != NULL)
        watch(dec, pkt);
    int av = avcodec_send_packet(dec->ctx, pkt);
    if (av == AVERROR(ENOMEM))
        return avsp_averr_set(err, av, "decode");
    if (av < 0 && av != AVERROR_EOF)
        note_damage(dec, dec->sent_pts);
    return AVSP_OK;
}

enum avsp_code avsp_decoder_receive(struct avsp_decoder *dec, AVFrame *frame, bool *ret_got,
                                    struct avsp_err *err)
{
    *ret_got = false;
    for (;;) {
        int av = avcodec_receive_frame(dec->ctx, frame);
        if (av == AVERROR(EAGAIN) || av == AVERROR_EOF)
            return AVSP_OK;
        if (av == AVERROR(ENOMEM))
            return avsp_averr_set(err, av, "decode");
        if (av >= 0)
            break;
        // Each failure has used up a packet, so this ends: EAGAIN follows, or EOF when draining.
        note_damage(dec, dec->sent_pts);
    }
    if (frame->pts == AV_NOPTS_VALUE)
        frame->pts = frame->best_effort_timestamp;
    if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0)
        note_damage(dec, frame->pts);
    *ret_got = true;
    return AVSP_OK;
}

/// Sends the stream's next packet, or drains the decoder at the end of the file.
static enum avsp_code feed(struct avsp_decoder *dec, AVFormatContext *input, AVPacket *pkt,
                           struct avsp_err *err)
{
    for (;;) {
        int av = av_read_frame(input, pkt);
        if (av == AVERROR_EOF) {
            dec->draining = true;
            return avsp_decoder_send(dec, NULL, err);
        }
        if (av < 0)
            return avsp_averr_set(err, av, "read the piece");
        enum avsp_code rc = AVSP_OK;
        bool ours = pkt->stream_index == dec->stream->index;
        if (ours)
            rc = avsp_decoder_send(dec, pkt, err);
        av_packet_unref(pkt);
        if (ours)
            return rc;
    }
}

enum avsp_code avsp_decoder_read(struct avsp_decoder *dec, AVFormatContext *input, AVPacket *pkt,
                                 AVFrame *frame, bool *ret_got, struct avsp_err *err)
{
    for (;;) {
        enum avsp_code rc = avsp_decoder_receive(dec, frame, ret_got, err);
        if (rc != AVSP_OK || *ret_got || dec->draining)
            return rc;
        rc = feed(dec, input, pkt, err);
        if (rc != AVSP_OK)
            return rc;
    }
}
