#include "media/heard.h"

#include <libavutil/intreadwrite.h>

#include <string.h>

/// Layout of AV_PKT_DATA_SKIP_SAMPLES (libavcodec/packet.h): samples at the start, samples at the end, two reasons.
#define SKIP_BYTES 10

static int64_t length_of(struct avsp_hearing *hearing, const AVPacket *packet)
{
    const AVStream *stream = hearing->stream;
    int64_t distance = 0;
    if (hearing->n++ > 0 && !__builtin_sub_overflow(packet->pts, hearing->last_pts, &distance) &&
        distance > 0)
        hearing->distance = distance;
    hearing->last_pts = packet->pts;
    if (packet->duration > 0)
        return packet->duration;
    int n = av_get_audio_frame_duration2(stream->codecpar, packet->size);
    AVRational sample = {1, stream->codecpar->sample_rate};
    return n > 0 && sample.den > 0 ? av_rescale_q(n, sample, stream->time_base) : hearing->distance;
}

/// What the decoder drops of a first packet of Opus, in the stream's time base: the pre-skip of its header (RFC 7845 5.1).
static int64_t opus_pre_skip(const AVStream *stream)
{
    static const char magic[] = "OpusHead";
    const int at = 10;
    const AVCodecParameters *par = stream->codecpar;
    if (par->codec_id != AV_CODEC_ID_OPUS || par->extradata_size < at + 2 ||
        memcmp(par->extradata, magic, sizeof magic - 1) != 0)
        return 0;
    return av_rescale_q(AV_RL16(par->extradata + at), (AVRational){1, 48000}, stream->time_base);
}

/// Takes off what is said to be priming and padding.
static bool trim(struct avsp_hearing *hearing, const uint8_t *side_data, struct avsp_heard *heard)
{
    const AVStream *stream = hearing->stream;
    AVRational sample = {1, stream->codecpar->sample_rate};
    int64_t before = av_rescale_q(AV_RL32(side_data), sample, stream->time_base);
    int64_t behind = av_rescale_q(AV_RL32(side_data + 4), sample, stream->time_base);
    int64_t length = heard->to - heard->from;
    bool is_off =
        behind > 0 && behind != length && (length + behind <= hearing->longest || behind > length);
    heard->padded = behind > 0;
    heard->to -= is_off ? 0 : behind;
    return !__builtin_add_overflow(heard->from, before, &heard->from) &&
           (behind == 0 || heard->to > heard->from);
}

bool avsp_heard_of(struct avsp_hearing *hearing, const AVPacket *packet,
                   struct avsp_heard *ret_heard)
{
    const AVStream *stream = hearing->stream;
    if (packet->pts == AV_NOPTS_VALUE || (packet->flags & AV_PKT_FLAG_DISCARD) != 0)
        return false;
    struct avsp_heard heard = {.from = packet->pts};
    int64_t length = length_of(hearing, packet);
    if (__builtin_add_overflow(packet->pts, length, &heard.to))
        return false;
    size_t size = 0;
    const uint8_t *data = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (data != NULL && size >= SKIP_BYTES && stream->codecpar->sample_rate > 0 &&
        !trim(hearing, data, &heard))
        return false;
    // Ogg tells of Opus' pre-skip with the packet; Matroska and MP4 leave it to the decoder.
    if (hearing->n == 1 && data == NULL &&
        __builtin_add_overflow(heard.from, opus_pre_skip(stream), &heard.from))
        return false;
    hearing->longest = AVSP_MAX(hearing->longest, length);
    // Vorbis' first packet decodes to nothing.
    if (hearing->n == 1 && stream->codecpar->codec_id == AV_CODEC_ID_VORBIS)
        return false;
    heard.to = AVSP_MAX(heard.to, heard.from);
    *ret_heard = heard;
    return true;
}
