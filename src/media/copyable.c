#include "media/copyable.h"

#include <libavcodec/ac3_parser.h>
#include <libavutil/channel_layout.h>
#include <libavutil/samplefmt.h>

#define AC3_SAMPLES 1536 ///< six blocks of 256
#define AAC_SAMPLES 1024
#define AC3_HEADER_BYTES 7
#define ADTS_HEADER_BYTES 7
#define ASC_BYTES 2 ///< of AAC-LC
#define ADTS_SYNC 0xfff
#define N_SURROUND 6
#define RATE_MAX 48000
#define SETTLED_FRAMES 4 ///< encoders begin with what has no sound before it

/// AudioSpecificConfig, or the header of ADTS: audioObjectType, samplingFrequencyIndex, channelConfiguration.
struct aac_config {
    unsigned type;
    unsigned rate;
    unsigned channels;
};

static bool is_adts(const AVPacket *packet)
{
    return packet->size >= ADTS_HEADER_BYTES &&
           (packet->data[0] << 4 | packet->data[1] >> 4) == ADTS_SYNC;
}

/// The header's length: with or without a CRC. ISO/IEC 14496-3 1.A.2.
static int adts_bytes(const AVPacket *packet)
{
    return (packet->data[1] & 1) != 0 ? ADTS_HEADER_BYTES : ADTS_HEADER_BYTES + 2;
}

static struct aac_config config_of_adts(const AVPacket *packet)
{
    const uint8_t *d = packet->data;
    return (struct aac_config){(d[2] >> 6) + 1u, d[2] >> 2 & 15u, (d[2] & 1u) << 2 | d[3] >> 6};
}

static struct aac_config config_of_extradata(const uint8_t *d, int n)
{
    return n < 2 ? (struct aac_config){0}
                 : (struct aac_config){d[0] >> 3, (d[0] & 7u) << 1 | d[1] >> 7, d[1] >> 3 & 15u};
}

static bool is_same_config(struct aac_config a, struct aac_config b)
{
    return a.type == b.type && a.rate == b.rate && a.channels == b.channels;
}

/// @return NULL, or what keeps AAC from being copied.
static const char *why_not_aac(const AVCodecParameters *par,
                               const struct avsp_sound_options *options)
{
    int n = par->ch_layout.nb_channels;
    if (par->sample_rate > RATE_MAX)
        return "players take AAC up to 48 kHz";
    if (par->profile != FF_PROFILE_AAC_LOW)
        return "its AAC is not AAC-LC";
    if (n != 1 && n != 2 && n != N_SURROUND)
        return "players take AAC in mono, stereo and 5.1";
    if (par->extradata_size >= 2 &&
        config_of_extradata(par->extradata, par->extradata_size).channels != (unsigned)n)
        return "its channels are not in an order that AAC has a number for";
    return options->loudness_lufs != 0 ? "--loudness changes it" : NULL;
}

const char *avsp_copyable_of(const AVCodecParameters *par, const struct avsp_sound_options *options,
                             struct avsp_copyable *ret_copyable, char *room, size_t room_bytes)
{
    switch (par->codec_id) {
    case AV_CODEC_ID_AC3:
        *ret_copyable = (struct avsp_copyable){AVSP_SOUND_AC3, "ac-3", AC3_SAMPLES, false};
        return NULL;
    case AV_CODEC_ID_EAC3:
        *ret_copyable = (struct avsp_copyable){AVSP_SOUND_EC3, "ec-3", AC3_SAMPLES, false};
        return NULL;
    case AV_CODEC_ID_AAC:
        *ret_copyable = (struct avsp_copyable){AVSP_SOUND_MAIN, "mp4a.40.2", AAC_SAMPLES, true};
        return why_not_aac(par, options);
    default:
        snprintf(room, room_bytes, "it is %s, which HLS does not take",
                 avcodec_get_name(par->codec_id));
        return room;
    }
}

/// What all frames of AC-3 share: fscod and the bit rate, acmod (ETSI TS 102 366 4.3, 4.4).
static bool is_same_ac3(const AVPacket *a, const AVPacket *b)
{
    // The last bit of frmsizecod differs from frame to frame at 44.1 kHz.
    return (a->data[4] & 0xfe) == (b->data[4] & 0xfe) && (a->data[6] & 0xe0) == (b->data[6] & 0xe0);
}

static const char *check_ac3(const AVCodecParameters *par, const AVPacket *first,
                             const AVPacket *packet)
{
    uint8_t bsid = 0;
    uint16_t frame_bytes = 0;
    if (packet->size < AC3_HEADER_BYTES ||
        av_ac3_parse_header(packet->data, (size_t)packet->size, &bsid, &frame_bytes) < 0)
        return "it is damaged";
    bool is_core = bsid <= 10; // E.2.3.1.6: more is E-AC-3
    if (is_core != (par->codec_id == AV_CODEC_ID_AC3) || frame_bytes > packet->size)
        return "its packets are not whole frames of one kind";
    if (!is_core)
        return NULL;
    if (frame_bytes != packet->size)
        return "its packets are not whole frames of one kind";
    return is_same_ac3(first, packet) ? NULL : "its bit rate or its channels change";
}

static const char *check_aac(const AVPacket *first, const AVPacket *packet)
{
    if (is_adts(first) != is_adts(packet))
        return "its packets are not whole frames of one kind";
    if (!is_adts(first))
        return NULL;
    // number_of_raw_data_blocks_in_frame
    if ((packet->data[6] & 3) != 0 || packet->size <= adts_bytes(packet))
        return "its packets are not whole frames of one kind";
    if (config_of_adts(packet).channels == 0)
        return "its channels are not in an order that AAC has a number for";
    return is_same_config(config_of_adts(first), config_of_adts(packet))
               ? NULL
               : "its rate or its channels change";
}

const char *avsp_copyable_packet(const AVCodecParameters *par, const AVPacket *first,
                                 const AVPacket *packet)
{
    return par->codec_id == AV_CODEC_ID_AAC ? check_aac(first, packet)
                                            : check_ac3(par, first, packet);
}

int avsp_copyable_strip(AVCodecParameters *par, AVPacket *packet)
{
    if (par->codec_id != AV_CODEC_ID_AAC || !is_adts(packet))
        return 0;
    if (par->extradata_size == 0) {
        struct aac_config c = config_of_adts(packet);
        par->extradata = av_mallocz(ASC_BYTES + AV_INPUT_BUFFER_PADDING_SIZE);
        if (par->extradata == NULL)
            return AVERROR(ENOMEM);
        par->extradata_size = ASC_BYTES;
        par->extradata[0] = (uint8_t)(c.type << 3 | c.rate >> 1);
        par->extradata[1] = (uint8_t)(c.rate << 7 | c.channels << 3);
    }
    int n = adts_bytes(packet);
    packet->data += n;
    packet->size -= n;
    return 0;
}

static int open_encoder(const AVCodecParameters *par, const AVPacket *first,
                        AVCodecContext **ret_ctx)
{
    const AVCodec *codec = avcodec_find_encoder(par->codec_id);
    AVCodecContext *ctx = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    *ret_ctx = ctx;
    if (ctx == NULL)
        return codec != NULL ? AVERROR(ENOMEM) : AVERROR_ENCODER_NOT_FOUND;
    bool aac = par->codec_id == AV_CODEC_ID_AAC;
    ctx->sample_fmt = AV_SAMPLE_FMT_FLTP;
    ctx->sample_rate = par->sample_rate;
    ctx->time_base = (AVRational){1, par->sample_rate};
    ctx->bit_rate = par->bit_rate > 0
                        ? par->bit_rate
                        : av_rescale(8 * (int64_t)first->size, par->sample_rate, AC3_SAMPLES);
    ctx->flags |= AV_CODEC_FLAG_BITEXACT | (aac ? AV_CODEC_FLAG_GLOBAL_HEADER : 0);
    ctx->thread_count = 1;
    int rc = av_channel_layout_copy(&ctx->ch_layout, &par->ch_layout);
    if (aac) {
        ctx->bit_rate = 0; // its frames have the length that they need
        ctx->profile = FF_PROFILE_AAC_LOW;
        if (par->ch_layout.nb_channels == N_SURROUND)
            ctx->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_5POINT1_BACK;
    }
    return rc < 0 ? rc : avcodec_open2(ctx, codec, NULL);
}

/// Encodes silence until the encoder has settled.
static int encode_silence(AVCodecContext *ctx, AVFrame *frame, AVPacket *packet)
{
    frame->format = ctx->sample_fmt;
    frame->sample_rate = ctx->sample_rate;
    frame->nb_samples = ctx->frame_size;
    int rc = av_channel_layout_copy(&frame->ch_layout, &ctx->ch_layout);
    if (rc >= 0)
        rc = av_frame_get_buffer(frame, 0);
    if (rc >= 0)
        rc = av_samples_set_silence(frame->extended_data, 0, frame->nb_samples,
                                    frame->ch_layout.nb_channels, ctx->sample_fmt);
    for (int64_t n = 0, i = 0; rc >= 0 && n < SETTLED_FRAMES; i++) {
        frame->pts = i * frame->nb_samples;
        rc = avcodec_send_frame(ctx, frame);
        if (rc >= 0)
            rc = avcodec_receive_packet(ctx, packet);
        n += rc >= 0;
        rc = rc == AVERROR(EAGAIN) ? 0 : rc;
    }
    return rc;
}

/// Is what was encoded of the sound's own kind?
static bool is_alike(const AVCodecParameters *par, const AVCodecContext *ctx, const AVPacket *first,
                     const AVPacket *silence)
{
    if (par->codec_id != AV_CODEC_ID_AAC)
        return avsp_copyable_packet(par, first, silence) == NULL;
    struct aac_config own = is_adts(first)
                                ? config_of_adts(first)
                                : config_of_extradata(par->extradata, par->extradata_size);
    return is_same_config(own, config_of_extradata(ctx->extradata, ctx->extradata_size));
}

static int make_silence(const AVCodecParameters *par, const AVPacket *first, AVFrame *frame,
                        AVPacket *packet)
{
    AVCodecContext *AVSP_CLEANUP(avcodec_free_context) ctx = NULL;
    int rc = open_encoder(par, first, &ctx);
    if (rc >= 0)
        rc = encode_silence(ctx, frame, packet);
    if (rc >= 0 && !is_alike(par, ctx, first, packet))
        rc = AVERROR_PATCHWELCOME;
    return rc;
}

enum avsp_code avsp_copyable_silence(const AVCodecParameters *par, const AVPacket *first,
                                     AVPacket **ret_silence, struct avsp_err *err)
{
    AVFrame *AVSP_CLEANUP(av_frame_free) frame = av_frame_alloc();
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    *ret_silence = NULL;
    // Where more channels come in substreams of their own, a frame without them is of another kind.
    if (par->ch_layout.nb_channels > N_SURROUND)
        return AVSP_OK;
    int rc =
        frame != NULL && packet != NULL ? make_silence(par, first, frame, packet) : AVERROR(ENOMEM);
    if (rc == AVERROR(ENOMEM))
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    if (rc >= 0) {
        *ret_silence = packet;
        packet = NULL;
    }
    return AVSP_OK;
}
