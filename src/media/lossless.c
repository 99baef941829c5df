#include "media/lossless.h"

#include "media/averr.h"
#include "media/decoder.h"
#include "media/fit.h"
#include "media/retime.h"

#include <libavutil/pixdesc.h>
#include <string.h>

/// FFV1's version with slices and a checksum for each.
#define FFV1_LEVEL 3
/// More than a decoder holds back.
#define HIDDEN_MAX 64
/// Where the source does not even tell a frame rate.
#define FALLBACK_FRAME_RATE                                                                        \
    (AVRational)                                                                                   \
    {                                                                                              \
        25, 1                                                                                      \
    }

struct avsp_lossless {
    const AVStream *source;
    unsigned threads;
    struct avsp_decoder decoder;
    AVFormatContext *shell; ///< holds `stream`, and does nothing else
    AVStream *stream;
    AVCodecContext *encoder; ///< NULL until the first picture
    int source_width;        ///< of the first picture
    int source_height;
    int source_format;
    struct avsp_fit fit;
    AVFrame *decoded;
    AVFrame *made;
    int64_t duration;                     ///< of the last packet; 0 = not known
    struct avsp_retime times;             ///< of what waits
    AVPacket *waiting[AVSP_RETIME_AHEAD]; ///< coded pictures, in order; owned
    bool waits_hidden[AVSP_RETIME_AHEAD];
    size_t n_waiting;
    size_t waiting_bytes;
    bool draining;              ///< no more packets come
    int64_t begin_pts;          ///< pictures before it do not come out
    int64_t hidden[HIDDEN_MAX]; ///< times of the last packets that were hidden
    uint64_t n_hidden;
    uint64_t n_fitted;
    uint64_t n_retimed;
};

static int64_t frame_ticks(const AVStream *source)
{
    AVRational rate = source->r_frame_rate;
    if (rate.num < 1 || rate.den < 1)
        rate = source->avg_frame_rate;
    if (rate.num < 1 || rate.den < 1)
        rate = FALLBACK_FRAME_RATE;
    int64_t ticks = av_rescale_q(1, av_inv_q(rate), source->time_base);
    return AVSP_MAX(ticks, (int64_t)1);
}

static enum avsp_code make_stream(struct avsp_lossless *ll, struct avsp_err *err)
{
    ll->shell = avformat_alloc_context();
    if (ll->shell != NULL)
        ll->stream = avformat_new_stream(ll->shell, NULL);
    if (ll->stream == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to describe a stream");
    ll->stream->index = ll->source->index;
    ll->stream->time_base = ll->source->time_base;
    ll->stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    ll->stream->codecpar->codec_id = AV_CODEC_ID_FFV1;
    return AVSP_OK;
}

static enum avsp_code prepare(struct avsp_lossless *ll, struct avsp_err *err)
{
    ll->decoded = av_frame_alloc();
    ll->made = av_frame_alloc();
    if (ll->decoded == NULL || ll->made == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for pictures");
    enum avsp_code rc = make_stream(ll, err);
    if (rc == AVSP_OK)
        rc = avsp_decoder_open(&ll->decoder, ll->source, 1, err);
    return rc;
}

struct avsp_lossless *avsp_lossless_open(const AVStream *stream, unsigned threads,
                                         struct avsp_err *err)
{
    struct avsp_lossless *ll = calloc(1, sizeof *ll);
    if (ll == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "no memory to decode the video");
        return NULL;
    }
    ll->source = stream;
    ll->threads = threads;
    avsp_retime_init(&ll->times, frame_ticks(stream));
    ll->begin_pts = INT64_MIN;
    if (prepare(ll, err) != AVSP_OK)
        avsp_lossless_free(&ll);
    return ll;
}

void avsp_lossless_free(struct avsp_lossless **ll_ptr)
{
    struct avsp_lossless *ll = *ll_ptr;
    if (ll == NULL)
        return;
    avcodec_free_context(&ll->encoder);
    avsp_decoder_close(&ll->decoder);
    avsp_fit_deinit(&ll->fit);
    av_frame_free(&ll->decoded);
    av_frame_free(&ll->made);
    for (size_t i = 0; i < ll->n_waiting; i++)
        av_packet_free(&ll->waiting[i]);
    avformat_free_context(ll->shell);
    free(ll);
    *ll_ptr = NULL;
}

AVStream *avsp_lossless_stream(const struct avsp_lossless *ll)
{
    return ll->stream;
}

void avsp_lossless_begin_at(struct avsp_lossless *ll, int64_t pts)
{
    ll->begin_pts = pts;
}

struct avsp_lossless_counts avsp_lossless_counts(const struct avsp_lossless *ll)
{
    return (struct avsp_lossless_counts){ll->decoder.n_damaged, ll->n_fitted, ll->n_retimed};
}

enum avsp_code avsp_lossless_send(struct avsp_lossless *ll, const AVPacket *packet, bool hidden,
                                  struct avsp_err *err)
{
    if (hidden)
        ll->hidden[ll->n_hidden++ % HIDDEN_MAX] = packet->pts;
    ll->draining = packet == NULL;
    if (packet != NULL)
        ll->duration = packet->duration;
    return avsp_decoder_send(&ll->decoder, packet, err);
}

/// The format of FFV1's that loses nothing of @p format.
static enum avsp_code choose_format(const AVCodec *ffv1, enum AVPixelFormat format,
                                    enum AVPixelFormat *ret_format, struct avsp_err *err)
{
    int loss = 0;
    enum AVPixelFormat best = avcodec_find_best_pix_fmt_of_list(ffv1->pix_fmts, format, 1, &loss);
    if (best != AV_PIX_FMT_NONE && loss == 0) {
        *ret_format = best;
        return AVSP_OK;
    }
    const char *name = av_get_pix_fmt_name(format);
    return avsp_err_set(err, AVSP_UNSUPPORTED,
                        "pictures of format %s cannot be kept without loss, which this file needs: "
                        "convert it to another codec first",
                        name != NULL ? name : "?");
}

/// Makes the encoder for pictures like the first one, and completes the stream.
static enum avsp_code open_encoder(struct avsp_lossless *ll, struct avsp_err *err)
{
    const AVCodec *ffv1 = avcodec_find_encoder(AV_CODEC_ID_FFV1);
    if (ffv1 == NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "this FFmpeg has no FFV1 encoder");
    const AVFrame *first = ll->decoded;
    bool full_range = first->color_range == AVCOL_RANGE_JPEG;
    enum AVPixelFormat format = avsp_fit_plain_format(first->format, &full_range);
    enum avsp_code rc = choose_format(ffv1, format, &format, err);
    if (rc != AVSP_OK)
        return rc;
    AVCodecContext *ctx = ll->encoder = avcodec_alloc_context3(ffv1);
    if (ctx == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for an encoder");
    ctx->width = first->width;
    ctx->height = first->height;
    ctx->pix_fmt = format;
    ctx->color_range = full_range ? AVCOL_RANGE_JPEG : first->color_range;
    ctx->sample_aspect_ratio = first->sample_aspect_ratio;
    ctx->time_base = ll->source->time_base;
    ctx->level = FFV1_LEVEL;
    ctx->gop_size = 1; // every picture stands alone
    ctx->thread_count = (int)ll->threads;
    ctx->thread_type = FF_THREAD_SLICE;
    ctx->flags |= AV_CODEC_FLAG_BITEXACT;
    int av = avcodec_open2(ctx, ffv1, NULL);
    if (av >= 0)
        av = avcodec_parameters_from_context(ll->stream->codecpar, ctx);
    if (av < 0)
        return avsp_averr_set(err, av, "open the FFV1 encoder");
    ll->source_width = first->width;
    ll->source_height = first->height;
    ll->source_format = first->format;
    ll->fit.to = (struct avsp_fit_target){
        .width_px = first->width,
        .height_px = first->height,
        .pix_fmt = format,
        .sample_aspect = first->sample_aspect_ratio,
        .matrix = first->colorspace,
        .source_full_range = full_range,
        .full_range = full_range,
        .keeps_fields = true,
    };
    return AVSP_OK;
}

/// Puts what is to be encoded into `made`: the decoded picture as it is, or fitted.
static enum avsp_code make_frame(struct avsp_lossless *ll, struct avsp_err *err)
{
    const AVFrame *in = ll->decoded;
    bool same = in->width == ll->source_width && in->height == ll->source_height &&
                in->format == ll->source_format;
    bool full_range = false;
    bool fits = same && avsp_fit_plain_format(in->format, &full_range) == ll->fit.to.pix_fmt;
    enum avsp_code rc = AVSP_OK;
    if (!fits) {
        ll->n_fitted += !same;
        rc = avsp_fit_make(&ll->fit, in, ll->made, err);
    } else if (av_frame_ref(ll->made, in) < 0) {
        rc = avsp_err_set(err, AVSP_NO_MEMORY, "no memory for pictures");
    }
    ll->made->format = ll->fit.to.pix_fmt;
    return rc;
}

/// Captions go with the picture that they came with.
static enum avsp_code keep_captions(const AVFrame *from, AVPacket *packet, struct avsp_err *err)
{
    const AVFrameSideData *captions = av_frame_get_side_data(from, AV_FRAME_DATA_A53_CC);
    if (captions == NULL || captions->size == 0)
        return AVSP_OK;
    uint8_t *data = av_packet_new_side_data(packet, AV_PKT_DATA_A53_CC, captions->size);
    if (data == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for captions");
    memcpy(data, captions->data, captions->size);
    return AVSP_OK;
}

/// Encodes what was decoded. @param packet  blank
static enum avsp_code encode(struct avsp_lossless *ll, AVPacket *packet, struct avsp_err *err)
{
    enum avsp_code rc = make_frame(ll, err);
    if (rc != AVSP_OK)
        return rc;
    ll->made->pict_type = AV_PICTURE_TYPE_NONE;
    int av = avcodec_send_frame(ll->encoder, ll->made);
    av_frame_unref(ll->made);
    // One picture in, one out: FFV1 with threads for its slices holds nothing back.
    if (av >= 0)
        av = avcodec_receive_packet(ll->encoder, packet);
    if (av < 0)
        return avsp_averr_set(err, av, "encode a picture with FFV1");
    packet->duration = ll->duration;
    packet->stream_index = ll->stream->index;
    packet->flags |= AV_PKT_FLAG_KEY;
    return keep_captions(ll->decoded, packet, err);
}

static bool is_hidden(const struct avsp_lossless *ll, int64_t pts)
{
    for (uint64_t i = 0; i < AVSP_MIN(ll->n_hidden, (uint64_t)HIDDEN_MAX); i++)
        if (ll->hidden[i] == pts)
            return true;
    return false;
}

/// Encodes what was decoded, and lets it wait.
static enum avsp_code take_decoded(struct avsp_lossless *ll, struct avsp_err *err)
{
    // Even of pictures that nobody wants the first one decides on the size.
    enum avsp_code rc = ll->encoder == NULL ? open_encoder(ll, err) : AVSP_OK;
    int64_t pts = ll->decoded->pts;
    if (rc != AVSP_OK || (pts != AV_NOPTS_VALUE && pts < ll->begin_pts))
        return rc;
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    if (packet == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a packet");
    rc = encode(ll, packet, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_retime_put(&ll->times, pts);
    ll->waiting_bytes += (size_t)packet->size;
    ll->waits_hidden[ll->n_waiting] = is_hidden(ll, pts);
    ll->waiting[ll->n_waiting++] = packet;
    packet = NULL;
    return AVSP_OK;
}

/// Takes the picture that has waited longest.
static void shift_waiting(struct avsp_lossless *ll, AVPacket *packet)
{
    av_packet_move_ref(packet, ll->waiting[0]);
    av_packet_free(&ll->waiting[0]);
    ll->n_waiting--;
    memmove(ll->waiting, ll->waiting + 1, ll->n_waiting * sizeof ll->waiting[0]);
    memmove(ll->waits_hidden, ll->waits_hidden + 1, ll->n_waiting * sizeof ll->waits_hidden[0]);
    ll->waiting_bytes -= (size_t)packet->size;
}

/// Gives the next picture whose time is known and that is shown.
static bool take_waiting(struct avsp_lossless *ll, bool at_end, AVPacket *packet)
{
    int64_t pts = 0;
    bool believed = false;
    while (avsp_retime_take(&ll->times, at_end || ll->waiting_bytes > AVSP_LOSSLESS_WAITING_BYTES,
                            &pts, &believed)) {
        bool hidden = ll->waits_hidden[0] && believed;
        shift_waiting(ll, packet);
        packet->pts = packet->dts = pts;
        ll->n_retimed += !believed;
        if (!hidden)
            return true;
        av_packet_unref(packet);
    }
    return false;
}

enum avsp_code avsp_lossless_receive(struct avsp_lossless *ll, AVPacket *packet, bool *ret_got,
                                     struct avsp_err *err)
{
    for (;;) {
        bool decoded = false;
        *ret_got = take_waiting(ll, false, packet);
        if (*ret_got)
            return AVSP_OK;
        enum avsp_code rc = avsp_decoder_receive(&ll->decoder, ll->decoded, &decoded, err);
        if (rc == AVSP_OK && decoded)
            rc = take_decoded(ll, err);
        av_frame_unref(ll->decoded);
        if (rc != AVSP_OK)
            return rc;
        if (!decoded) {
            *ret_got = take_waiting(ll, ll->draining, packet);
            return AVSP_OK;
        }
    }
}
