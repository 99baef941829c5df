#include "media/audio_encoder.h"

#include "media/audio_limit.h"
#include "media/averr.h"

#include <inttypes.h>

static const struct {
    const char *name; ///< libavcodec's
    const char *shown;
    enum AVSampleFormat sample;
    int64_t bits_per_channel;
} codecs[] = {
    [AVSP_AUDIO_AAC] = {"aac", "AAC", AV_SAMPLE_FMT_FLTP, 64000},
    [AVSP_AUDIO_OPUS] = {"libopus", "Opus", AV_SAMPLE_FMT_FLT, 48000},
};

struct avsp_audio_encoder {
    struct avsp_audio_encoder_options options;
    AVCodecContext *ctx;
    SwrContext *swr;                ///< NULL = the encoder takes the samples as they come
    struct avsp_audio_limit *limit; ///< NULL = nothing was mixed down
    AVAudioFifo *fifo;
    AVFrame *converted; ///< what swr gave
    AVFrame *limited;   ///< what the limiter gave
    AVFrame *frame;     ///< what the encoder gets
    AVPacket *pkt;
    int64_t n_in;        ///< samples that came
    int64_t n_converted; ///< that came of these
    int64_t n_queued;    ///< samples that went into the fifo
    int64_t n_encoded;   ///< samples given to the encoder
};

static int open_encoder(struct avsp_audio_encoder *enc)
{
    const struct avsp_audio_format *out = &enc->options.out;
    const AVCodec *codec = avcodec_find_encoder_by_name(codecs[enc->options.codec].name);
    if (codec == NULL)
        return AVERROR_ENCODER_NOT_FOUND;
    AVCodecContext *ctx = enc->ctx = avcodec_alloc_context3(codec);
    if (ctx == NULL)
        return AVERROR(ENOMEM);
    ctx->sample_fmt = codecs[enc->options.codec].sample;
    ctx->sample_rate = out->rate;
    ctx->time_base = (AVRational){1, out->rate};
    ctx->ch_layout = avsp_audio_layout_of(out); // a native layout owns nothing
    ctx->bit_rate = codecs[enc->options.codec].bits_per_channel * out->n_channels;
    if (enc->options.codec == AVSP_AUDIO_AAC)
        ctx->profile = FF_PROFILE_AAC_LOW;
    ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    ctx->thread_count = 1;
    int rc = avcodec_open2(ctx, codec, NULL);
    if (rc < 0)
        return rc;
    // AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): channelConfiguration is bits 9 to 12. Players refuse 0, which the encoder
    // writes for layouts it has no number for.
    if (enc->options.codec == AVSP_AUDIO_AAC &&
        (ctx->extradata_size < 2 || (ctx->extradata[1] >> 3 & 0xf) == 0))
        return AVERROR_BUG;
    return 0;
}

static int open_swr(struct avsp_audio_encoder *enc)
{
    const struct avsp_audio_format *in = &enc->options.in, *out = &enc->options.out;
    if (in->rate == out->rate && in->n_channels == out->n_channels &&
        enc->ctx->sample_fmt == AV_SAMPLE_FMT_FLTP)
        return 0;
    AVChannelLayout from = avsp_audio_layout_of(in);
    int rc = swr_alloc_set_opts2(&enc->swr, &enc->ctx->ch_layout, enc->ctx->sample_fmt, out->rate,
                                 &from, AV_SAMPLE_FMT_FLTP, in->rate, 0, NULL);
    return rc < 0 ? rc : avsp_audio_swr_init(enc->swr, true);
}

enum avsp_code avsp_audio_encoder_new(const struct avsp_audio_encoder_options *options,
                                      struct avsp_audio_encoder **ret_enc, struct avsp_err *err)
{
    struct avsp_audio_encoder *AVSP_CLEANUP(avsp_audio_encoder_free) enc = calloc(1, sizeof *enc);
    if (enc == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    enc->options = *options;
    int av = open_encoder(enc);
    if (av >= 0)
        av = open_swr(enc);
    if (av < 0) {
        avsp_averr_set(err, av, "open the %s encoder for %d channels at %d Hz",
                       codecs[options->codec].shown, options->out.n_channels, options->out.rate);
        return err->code;
    }
    bool mixes = options->is_mixed || options->in.n_channels > options->out.n_channels;
    if (mixes &&
        avsp_audio_limit_new(&options->out, enc->ctx->sample_fmt, &enc->limit, err) != AVSP_OK)
        return err->code;
    enc->fifo =
        av_audio_fifo_alloc(enc->ctx->sample_fmt, options->out.n_channels, enc->ctx->frame_size);
    enc->converted = av_frame_alloc();
    enc->limited = av_frame_alloc();
    enc->frame = av_frame_alloc();
    enc->pkt = av_packet_alloc();
    if (enc->fifo == NULL || enc->converted == NULL || enc->limited == NULL || enc->frame == NULL ||
        enc->pkt == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    *ret_enc = enc;
    enc = NULL;
    return AVSP_OK;
}

void avsp_audio_encoder_free(struct avsp_audio_encoder **enc_ptr)
{
    struct avsp_audio_encoder *enc = *enc_ptr;
    if (enc == NULL)
        return;
    avcodec_free_context(&enc->ctx);
    swr_free(&enc->swr);
    if (enc->fifo != NULL)
        av_audio_fifo_free(enc->fifo);
    avsp_audio_limit_free(&enc->limit);
    av_frame_free(&enc->converted);
    av_frame_free(&enc->limited);
    av_frame_free(&enc->frame);
    av_packet_free(&enc->pkt);
    free(enc);
    *enc_ptr = NULL;
}

const AVCodecContext *avsp_audio_encoder_context(const struct avsp_audio_encoder *enc)
{
    return enc->ctx;
}

static enum avsp_code receive(struct avsp_audio_encoder *enc, struct avsp_err *err)
{
    for (;;) {
        int av = avcodec_receive_packet(enc->ctx, enc->pkt);
        if (av == AVERROR(EAGAIN) || av == AVERROR_EOF)
            return AVSP_OK;
        if (av < 0)
            return avsp_averr_set(err, av, "encode sound");
        enum avsp_code rc = enc->options.on_packet(enc->options.ctx, enc->pkt, err);
        av_packet_unref(enc->pkt);
        if (rc != AVSP_OK)
            return rc;
    }
}

/// A frame of @p n samples in the encoder's form.
static int make_frame(const struct avsp_audio_encoder *enc, AVFrame *frame, int n)
{
    frame->nb_samples = n;
    frame->format = enc->ctx->sample_fmt;
    frame->sample_rate = enc->ctx->sample_rate;
    frame->ch_layout = enc->ctx->ch_layout; // a native layout owns nothing
    return av_frame_get_buffer(frame, 0);
}

static enum avsp_code encode_frame(struct avsp_audio_encoder *enc, int n, struct avsp_err *err)
{
    AVFrame *frame = enc->frame;
    int av = make_frame(enc, frame, n);
    frame->pts = enc->n_encoded;
    if (av >= 0)
        av = av_audio_fifo_read(enc->fifo, (void **)frame->extended_data, n);
    if (av >= 0)
        av = avcodec_send_frame(enc->ctx, frame);
    av_frame_unref(frame);
    if (av < 0)
        return avsp_averr_set(err, av, "encode sound");
    enc->n_encoded += n;
    return receive(enc, err);
}

/// Encodes what the fifo has in whole frames; at the end, where the last one may be short, all of it.
static enum avsp_code encode_fifo(struct avsp_audio_encoder *enc, bool ends, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (int n; rc == AVSP_OK && (n = av_audio_fifo_size(enc->fifo)) > 0;) {
        if (n < enc->ctx->frame_size && !ends)
            break;
        rc = encode_frame(enc, AVSP_MIN(n, enc->ctx->frame_size), err);
    }
    return rc;
}

static enum avsp_code queue(struct avsp_audio_encoder *enc, uint8_t **planes, int n,
                            struct avsp_err *err)
{
    int av = av_audio_fifo_write(enc->fifo, (void **)planes, n);
    enc->n_queued += AVSP_MAX(av, 0);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "convert sound");
}

/// Puts samples in the encoder's form into the fifo, limited where they were mixed down. @param frame  NULL: there are no more.
static enum avsp_code limit(struct avsp_audio_encoder *enc, const AVFrame *frame,
                            struct avsp_err *err)
{
    enc->n_converted += frame != NULL ? frame->nb_samples : 0;
    if (enc->limit == NULL)
        return frame != NULL ? queue(enc, frame->extended_data, frame->nb_samples, err) : AVSP_OK;
    enum avsp_code rc = avsp_audio_limit_put(enc->limit, frame, err);
    for (bool got = true; rc == AVSP_OK && got;) {
        rc = avsp_audio_limit_take(enc->limit, enc->limited, &got, err);
        if (rc == AVSP_OK && got)
            rc = queue(enc, enc->limited->extended_data, enc->limited->nb_samples, err);
    }
    return rc;
}

/// Converts @p frame (NULL: what swr still holds), and hands on @p max samples at the most.
static enum avsp_code convert(struct avsp_audio_encoder *enc, const AVFrame *frame, int64_t max,
                              struct avsp_err *err)
{
    int n_in = frame != NULL ? frame->nb_samples : 0;
    int room = swr_get_out_samples(enc->swr, n_in);
    int n = room < 0 ? room : make_frame(enc, enc->converted, AVSP_MAX(room, 1));
    if (n >= 0)
        n = swr_convert(enc->swr, enc->converted->extended_data, enc->converted->nb_samples,
                        frame != NULL ? (const uint8_t **)frame->extended_data : NULL, n_in);
    enum avsp_code rc = n >= 0 ? AVSP_OK : avsp_averr_set(err, n, "convert sound");
    enc->converted->nb_samples = (int)AVSP_MIN(AVSP_MAX(n, 0), max);
    if (rc == AVSP_OK && enc->converted->nb_samples > 0)
        rc = limit(enc, enc->converted, err);
    av_frame_unref(enc->converted);
    return rc;
}

enum avsp_code avsp_audio_encoder_add(struct avsp_audio_encoder *enc, const AVFrame *frame,
                                      struct avsp_err *err)
{
    enc->n_in += frame->nb_samples;
    enum avsp_code rc =
        enc->swr != NULL ? convert(enc, frame, INT64_MAX, err) : limit(enc, frame, err);
    return rc == AVSP_OK ? encode_fifo(enc, false, err) : rc;
}

/// Silence for what the resampler's rounding left out.
static enum avsp_code pad(struct avsp_audio_encoder *enc, int64_t n, struct avsp_err *err)
{
    if (n <= 0)
        return AVSP_OK;
    int av = make_frame(enc, enc->converted, (int)n);
    if (av >= 0)
        av = av_samples_set_silence(enc->converted->extended_data, 0, (int)n,
                                    enc->ctx->ch_layout.nb_channels, enc->ctx->sample_fmt);
    enum avsp_code rc =
        av >= 0 ? limit(enc, enc->converted, err) : avsp_averr_set(err, av, "convert sound");
    av_frame_unref(enc->converted);
    return rc;
}

enum avsp_code avsp_audio_encoder_end(struct avsp_audio_encoder *enc, struct avsp_err *err)
{
    int64_t n_out =
        av_rescale_rnd(enc->n_in, enc->options.out.rate, enc->options.in.rate, AV_ROUND_UP);
    enum avsp_code rc = AVSP_OK;
    if (enc->swr != NULL && enc->n_converted < n_out)
        rc = convert(enc, NULL, n_out - enc->n_converted, err);
    if (rc == AVSP_OK)
        rc = pad(enc, n_out - enc->n_converted, err);
    if (rc == AVSP_OK)
        rc = limit(enc, NULL, err);
    if (rc == AVSP_OK && enc->n_queued != n_out)
        return avsp_err_set(err, AVSP_INTERNAL, "the limiter gave %" PRId64 " samples for %" PRId64,
                            enc->n_queued, n_out);
    if (rc == AVSP_OK)
        rc = encode_fifo(enc, true, err);
    if (rc != AVSP_OK)
        return rc;
    int av = avcodec_send_frame(enc->ctx, NULL);
    return av >= 0 ? receive(enc, err) : avsp_averr_set(err, av, "end the encoder of the sound");
}
