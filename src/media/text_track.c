#include "media/text_track.h"

#include "media/allow.h"
#include "media/averr.h"

#include <inttypes.h>
#include <stdlib.h>

static const AVRational microsecond = {1, 1000000};

static enum avsp_code open_captions(struct avsp_text_track *track, struct avsp_err *err)
{
    track->captions = malloc(sizeof *track->captions);
    if (track->captions == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for captions");
    avsp_captions_init(track->captions);
    return AVSP_OK;
}

enum avsp_code avsp_text_track_open(struct avsp_text_track *track, const AVStream *stream,
                                    struct avsp_err *err)
{
    *track = (struct avsp_text_track){.stream = stream};
    avsp_text_cues_init(&track->cues);
    if (stream->codecpar->codec_id == AV_CODEC_ID_EIA_608)
        return open_captions(track, err);
    const AVCodec *codec = avsp_allow_decoder(stream->codecpar->codec_id);
    if (codec == NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "no decoder for %s",
                            avcodec_get_name(stream->codecpar->codec_id));
    track->decoder = avcodec_alloc_context3(codec);
    if (track->decoder == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a decoder");
    int av = avcodec_parameters_to_context(track->decoder, stream->codecpar);
    track->decoder->pkt_timebase = stream->time_base;
    // Text that is no UTF-8 is taken as it comes, and repaired where it is written.
    track->decoder->sub_charenc_mode = FF_SUB_CHARENC_MODE_IGNORE;
    if (av >= 0)
        av = avcodec_open2(track->decoder, codec, NULL);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "open the decoder for %s", codec->name);
}

void avsp_text_track_close(struct avsp_text_track *track)
{
    avcodec_free_context(&track->decoder);
    avsp_text_cues_deinit(&track->cues);
    if (track->captions != NULL)
        avsp_captions_deinit(track->captions);
    free(track->captions);
    track->captions = NULL;
}

void avsp_text_track_move(struct avsp_text_track *track, const AVStream *stream)
{
    track->stream = stream;
    track->n_past = track->n_put;
}

/// When a text is shown: a packet's own times are exact, a decoder's are in milliseconds.
static bool timing_of(const struct avsp_text_track *track, const AVPacket *packet,
                      int64_t *ret_start_us, int64_t *ret_end_us)
{
    if (packet->pts == AV_NOPTS_VALUE)
        return false;
    *ret_start_us = av_rescale_q(packet->pts, track->stream->time_base, microsecond);
    int64_t length = av_rescale_q(packet->duration, track->stream->time_base, microsecond);
    return !__builtin_add_overflow(*ret_start_us, AVSP_MAX(length, (int64_t)0), ret_end_us);
}

static enum avsp_code put_captions(struct avsp_text_track *track, const AVPacket *packet,
                                   struct avsp_err *err)
{
    int64_t start_us = 0;
    int64_t end_us = 0;
    return timing_of(track, packet, &start_us, &end_us)
               ? avsp_captions_take(track->captions, start_us, packet->data, (size_t)packet->size,
                                    err)
               : AVSP_OK;
}

/// What a packet of WebVTT says of its cue's place.
static struct avsp_view settings_of(const AVPacket *packet)
{
    size_t size = 0;
    const uint8_t *data = av_packet_get_side_data(packet, AV_PKT_DATA_WEBVTT_SETTINGS, &size);
    return data != NULL ? (struct avsp_view){data, size} : (struct avsp_view){NULL, 0};
}

enum avsp_code avsp_text_track_put(struct avsp_text_track *track, const AVPacket *packet,
                                   struct avsp_err *err)
{
    if (track->n_past > 0) {
        track->n_past--;
        return AVSP_OK;
    }
    track->n_put++;
    if (track->captions != NULL)
        return put_captions(track, packet, err);
    AVSubtitle sub = {0};
    int got = 0;
    // libavcodec promises to leave the packet as it is; only its type says otherwise.
    int av = avcodec_decode_subtitle2(track->decoder, &sub, &got, (AVPacket *)(uintptr_t)packet);
    if (av == AVERROR(ENOMEM))
        return avsp_averr_set(err, av, "decode subtitles");
    enum avsp_code rc = AVSP_OK;
    int64_t start_us = 0;
    int64_t end_us = 0;
    if (av < 0)
        track->n_damaged++;
    else if (got != 0 && timing_of(track, packet, &start_us, &end_us))
        rc = avsp_text_cues_add(&track->cues, start_us, end_us, &sub, settings_of(packet), err);
    if (got != 0)
        avsubtitle_free(&sub);
    return rc;
}

enum avsp_code avsp_text_track_finish(struct avsp_text_track *track, struct avsp_control *ctl,
                                      const struct avsp_text_range *range,
                                      const struct avsp_rendition *rendition, struct avsp_err *err)
{
    uint64_t n = 0;
    enum avsp_code rc = avsp_text_cues_finish(&track->cues, ctl, range, rendition, &n, err);
    if (rc == AVSP_OK && n == 0)
        rc = avsp_control_warn(ctl, err, "there is no text in subtitle track %d: left out",
                               track->stream->index);
    if (rc == AVSP_OK && track->n_damaged > 0)
        rc = avsp_control_warn(ctl, err,
                               "%s: %" PRIu64 " subtitles are damaged and could not be read",
                               rendition->name, track->n_damaged);
    return rc;
}
