#include "media/split_audio.h"

#include "media/tracks.h"

#include <libavutil/intreadwrite.h>

#define PIECE_NAME "a0.piece"

void avsp_split_audio_init(struct avsp_split_audio *audio, AVStream *stream)
{
    *audio = (struct avsp_split_audio){.stream = stream, .end_pts = INT64_MIN};
}

void avsp_split_audio_deinit(struct avsp_split_audio *audio)
{
    avsp_piece_writer_free(audio->writer);
    audio->writer = NULL;
}

/// Samples at the end of a packet that are padding (layout: AV_PKT_DATA_SKIP_SAMPLES), in the stream's time base.
static int64_t end_padding(const AVStream *stream, const AVPacket *packet)
{
    size_t size = 0;
    const uint8_t *data = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (data == NULL || size < 10)
        return 0;
    AVRational sample = {1, stream->codecpar->sample_rate};
    return av_rescale_q(AV_RL32(data + 4), sample, stream->time_base);
}

enum avsp_code avsp_split_audio_put(struct avsp_split_audio *audio, const AVPacket *packet,
                                    int64_t shift_s, struct avsp_err *err)
{
    bool hidden = (packet->flags & AV_PKT_FLAG_DISCARD) != 0;
    // Behind the shown part an edit list hides sound that must not be heard; before it, it only warms the decoder up.
    if (hidden && audio->end_pts != INT64_MIN)
        return AVSP_OK;
    if (audio->writer == NULL) {
        audio->writer = avsp_piece_writer_open(PIECE_NAME, audio->stream, shift_s, err);
        if (audio->writer == NULL)
            return err->code;
    }
    // The piece's clock starts at 0: what comes out before the first packets by a day is damage.
    if (packet->pts == AV_NOPTS_VALUE ||
        avsp_piece_writer_pts(audio->writer, packet->pts) <= (int64_t)audio->n_packets) {
        audio->n_dropped++;
        return AVSP_OK;
    }
    enum avsp_code rc = avsp_piece_writer_put(audio->writer, packet, packet->pts, true, err);
    if (rc != AVSP_OK)
        return rc;
    audio->n_packets++;
    if (!hidden) {
        int64_t end = packet->pts + packet->duration - end_padding(audio->stream, packet);
        audio->end_pts = AVSP_MAX(audio->end_pts, end);
    }
    return AVSP_OK;
}

static enum avsp_code report(struct avsp_control *ctl, const struct avsp_piece_header *header,
                             uint64_t bytes, struct avsp_err *err)
{
    struct avsp_report report = {
        .kind = AVSP_REPORT_PIECE,
        .piece = {.kind = AVSP_TASK_AUDIO,
                  .track = header->track,
                  .in_pts = header->origin_pts,
                  .out_pts = header->end_pts,
                  .time_base = header->origin_time_base,
                  .bytes = bytes,
                  .file = {.kind = AVSP_LOCATION_FS, .path = PIECE_NAME}},
    };
    return avsp_control_report(ctl, &report, err);
}

enum avsp_code avsp_split_audio_finish(struct avsp_split_audio *audio, struct avsp_control *ctl,
                                       int32_t segment_seconds, int64_t shift_s, int64_t origin_pts,
                                       int64_t end_pts, struct avsp_rational time_base,
                                       struct avsp_err *err)
{
    if (audio->n_packets == 0)
        return AVSP_OK;
    // In whole parts of a second, where the shift by seconds is exact too.
    struct avsp_piece_header header = {
        .kind = AVSP_MEDIA_AUDIO,
        .segment_seconds = segment_seconds,
        .time_base = avsp_piece_writer_time_base(audio->writer),
        .origin_time_base = {1, time_base.den},
        .origin_pts = origin_pts * time_base.num + shift_s * time_base.den,
        .end_pts = end_pts * time_base.num + shift_s * time_base.den,
        .language = avsp_tracks_language(audio->stream),
        .title = avsp_tracks_title(audio->stream),
    };
    uint64_t bytes = 0;
    enum avsp_code rc = avsp_piece_writer_finish(audio->writer, &header, &bytes, err);
    if (rc == AVSP_OK)
        rc = report(ctl, &header, bytes, err);
    return rc;
}
