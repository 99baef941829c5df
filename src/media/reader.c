#include "media/reader.h"

#include "media/averr.h"

#include <string.h>

/// After so many failures in a row without a packet, the rest is given up.
#define FAILURES_MAX 1000

/// Has the byte source itself failed, as opposed to what is in the file?
static bool is_io_failure(const AVFormatContext *ctx)
{
    return ctx->pb->error < 0 && ctx->pb->error != AVERROR_EOF;
}

/// av_read_frame that goes on behind damage.
static enum avsp_code read_any(struct avsp_reader *reader, AVPacket *packet, bool *ret_end,
                               struct avsp_err *err)
{
    *ret_end = false;
    for (unsigned n_failures = 0; n_failures < FAILURES_MAX; n_failures++) {
        int rc = av_read_frame(reader->ctx, packet);
        if (rc >= 0)
            return AVSP_OK;
        if (is_io_failure(reader->ctx))
            return avsp_averr_set(err, reader->ctx->pb->error, "read the input");
        if (rc == AVERROR(ENOMEM))
            return avsp_averr_set(err, rc, "read the input");
        if (rc == AVERROR_EOF)
            break;
        reader->n_damaged++;
    }
    *ret_end = true;
    return AVSP_OK;
}

/// Parameters that change in the middle would have to be written into the middle of a piece; NUT has no room for them.
static bool changes_parameters(const AVStream *video, const AVPacket *packet)
{
    size_t size = 0;
    const uint8_t *data = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &size);
    const AVCodecParameters *par = video->codecpar;
    return data != NULL && size > 0 &&
           (size != (size_t)par->extradata_size || memcmp(data, par->extradata, size) != 0);
}

static enum avsp_code check_packet(const struct avsp_reader *reader, const AVPacket *packet,
                                   struct avsp_err *err)
{
    const AVStream *video = reader->tracks.video;
    if (av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, NULL) != NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "the video is encrypted");
    if (changes_parameters(video, packet))
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "the video's codec parameters change in the middle of the file: not "
                            "supported yet");
    if (packet->pts == AV_NOPTS_VALUE)
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "the file does not say when its pictures are shown (no presentation "
                            "times, as in AVI with B-frames): not supported yet");
    return AVSP_OK;
}

static bool is_sane_time(int64_t pts, AVRational time_base)
{
    const AVRational second = {1, 1};
    return av_compare_ts(pts, time_base, AVSP_READER_SECONDS_MAX, second) < 0 &&
           av_compare_ts(pts, time_base, -AVSP_READER_SECONDS_MAX, second) > 0;
}

/// Repairs what can be repaired. @param ret_use  false: the packet is left out.
static enum avsp_code take_video(struct avsp_reader *reader, AVPacket *packet, bool *ret_use,
                                 bool *ret_shown, struct avsp_err *err)
{
    const AVStream *video = reader->tracks.video;
    *ret_use = false;
    reader->n_video++;
    if (packet->size < 1 || packet->data == NULL)
        return AVSP_OK;
    if (!reader->began && (packet->flags & AV_PKT_FLAG_KEY) == 0) {
        reader->n_before_key++;
        return AVSP_OK;
    }
    if (packet->pts == AV_NOPTS_VALUE && video->codecpar->video_delay == 0)
        packet->pts = packet->dts; // nothing is reordered
    enum avsp_code rc = check_packet(reader, packet, err);
    if (rc != AVSP_OK)
        return rc;
    reader->began = true;
    bool damaged = (packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
    reader->n_damaged += damaged && !reader->in_damage;
    reader->in_damage = damaged;
    bool sane = is_sane_time(packet->pts, video->time_base);
    if (!sane) {
        reader->n_untimed++;
        packet->pts = 0;
    }
    *ret_use = true;
    *ret_shown = sane && (packet->flags & AV_PKT_FLAG_DISCARD) == 0;
    return AVSP_OK;
}

enum avsp_code avsp_reader_next(struct avsp_reader *reader, AVPacket *packet, bool *ret_end,
                                bool *ret_shown, struct avsp_err *err)
{
    for (;;) {
        enum avsp_code rc = read_any(reader, packet, ret_end, err);
        if (rc != AVSP_OK || *ret_end)
            return rc;
        const AVStream *video = reader->tracks.video;
        const AVStream *audio = reader->tracks.audio;
        bool use = false;
        if (video != NULL && packet->stream_index == video->index) {
            rc = take_video(reader, packet, &use, ret_shown, err);
        } else if (audio != NULL && packet->stream_index == audio->index) {
            reader->n_audio++;
            use = packet->size > 0 &&
                  (packet->pts == AV_NOPTS_VALUE || is_sane_time(packet->pts, audio->time_base));
            *ret_shown = true;
        }
        if (rc == AVSP_OK && use)
            return AVSP_OK;
        av_packet_unref(packet);
        if (rc != AVSP_OK)
            return rc;
    }
}

uint64_t avsp_reader_n_missing(const struct avsp_reader *reader)
{
    // An index that is built while reading, as most formats', never has more entries than there were packets.
    const struct avsp_tracks *tracks = &reader->tracks;
    const AVStream *stream = tracks->video != NULL ? tracks->video : tracks->audio;
    uint64_t n_read = tracks->video != NULL ? reader->n_video : reader->n_audio;
    // Only MP4's index has an entry for each packet of sound; others' are for seeking, or estimates.
    if (tracks->video == NULL && strncmp(reader->ctx->iformat->name, "mov,", 4) != 0)
        return 0;
    int n = avformat_index_get_entries_count(stream);
    return n > 0 && (uint64_t)n > n_read ? (uint64_t)n - n_read : 0;
}
