#include "media/split_audio.h"

#include "media/audio_convert.h"
#include "media/averr.h"
#include "media/tracks.h"

#define NAME_BYTES 24
#define AAC_FRAME_SAMPLES 1024
#define SILENCE_RATE 48000

static void free_context(AVFormatContext **ctx)
{
    avformat_free_context(*ctx);
}

static void piece_name(const struct avsp_split_audio *audio, char ret_name[NAME_BYTES])
{
    snprintf(ret_name, NAME_BYTES, "a%zu.piece", audio->track);
}

void avsp_split_audio_init(struct avsp_split_audio *audio, size_t track, AVStream *stream)
{
    *audio = (struct avsp_split_audio){.stream = stream,
                                       .track = track,
                                       .from_pts = INT64_MIN,
                                       .to_pts = INT64_MAX,
                                       .seen_to = INT64_MIN,
                                       .hearing = {.stream = stream}};
}

void avsp_split_audio_deinit(struct avsp_split_audio *audio)
{
    avsp_piece_writer_free(audio->writer);
    audio->writer = NULL;
}

void avsp_split_audio_move(struct avsp_split_audio *audio, AVStream *stream)
{
    audio->stream = stream;
    audio->hearing.stream = stream;
    audio->n_past = audio->n_put;
}

int64_t avsp_split_audio_end(const struct avsp_split_audio *audio)
{
    return audio->began ? audio->heard.to : INT64_MIN;
}

/// Is @p pts more than a leap behind @p end?
static bool leaps(const struct avsp_split_audio *audio, int64_t end, int64_t pts)
{
    int64_t gap = 0;
    const AVRational second = {1, 1};
    return __builtin_sub_overflow(pts, end, &gap) ||
           av_compare_ts(gap, audio->stream->time_base, AVSP_SPLIT_AUDIO_LEAP_S, second) > 0;
}

/// One damaged timestamp must not make the presentation days longer.
static void note_leap(struct avsp_split_audio *audio, const struct avsp_heard *heard)
{
    if (audio->leap_heard == 0 || heard->from < audio->leap.from ||
        leaps(audio, audio->leap.to, heard->from)) {
        audio->leap = *heard;
        audio->leap_heard = 0;
    }
    audio->leap.to = AVSP_MAX(audio->leap.to, heard->to);
    audio->leap.padded = heard->padded;
    audio->leap_heard += heard->to - heard->from;
    const AVRational second = {1, 1};
    if (av_compare_ts(audio->leap_heard, audio->stream->time_base, AVSP_SPLIT_AUDIO_LEAP_S,
                      second) < 0)
        return;
    audio->heard.to = audio->leap.to;
    audio->heard.padded = audio->leap.padded;
    audio->leap_heard = 0;
}

static void note_heard(struct avsp_split_audio *audio, const struct avsp_heard *heard)
{
    if (!audio->began) {
        audio->heard = *heard;
        audio->began = true;
        return;
    }
    if (leaps(audio, audio->heard.to, heard->from)) {
        note_leap(audio, heard);
        return;
    }
    audio->heard.from = AVSP_MIN(audio->heard.from, heard->from);
    if (heard->to < audio->heard.to)
        return;
    audio->heard.to = heard->to;
    audio->heard.padded = heard->padded;
}

/// Does the packet lie outside of what is wanted? @param heard  NULL: nothing of it is heard
static bool is_unwanted(struct avsp_split_audio *audio, const AVPacket *packet,
                        const struct avsp_heard *heard)
{
    if (heard != NULL)
        audio->seen_to = AVSP_MAX(audio->seen_to, heard->to);
    if (packet->pts == AV_NOPTS_VALUE)
        return false;
    bool behind = packet->pts >= audio->to_pts;
    audio->n_behind += behind;
    return behind || (heard != NULL ? heard->to : packet->pts) < audio->from_pts;
}

static enum avsp_code open_writer(struct avsp_split_audio *audio, const AVStream *stream,
                                  int64_t shift_s, struct avsp_err *err)
{
    char name[NAME_BYTES];
    piece_name(audio, name);
    audio->writer = avsp_piece_writer_open(name, stream, shift_s, err);
    return audio->writer != NULL ? AVSP_OK : err->code;
}

/// Takes note of a form that begins with the packet. Decoders of other codecs than AAC go by what is in the packets.
static void note_form(struct avsp_split_audio *audio, const AVPacket *packet)
{
    const AVCodecParameters *par = audio->stream->codecpar;
    size_t n = 0;
    const uint8_t *config = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &n);
    if (par->codec_id != AV_CODEC_ID_AAC || config == NULL || n == 0)
        return;
    bool is_first = n == (size_t)par->extradata_size && memcmp(config, par->extradata, n) == 0;
    if (audio->form == AVSP_FORM_FIRST && is_first)
        return;
    audio->form =
        avsp_adts_of_config(config, n, &audio->adts) ? AVSP_FORM_OTHER : AVSP_FORM_UNKNOWN;
    audio->drift.is_broken = true;
}

/// Writes the packet, as the piece's decoder must have it. @param ret_written  false: there is no way to write it.
static enum avsp_code write_packet(struct avsp_split_audio *audio, const AVPacket *packet,
                                   bool *ret_written, struct avsp_err *err)
{
    AVPacket *AVSP_CLEANUP(av_packet_free) whole = av_packet_alloc();
    int av = whole != NULL ? 0 : AVERROR(ENOMEM);
    if (av >= 0 && audio->form == AVSP_FORM_OTHER)
        av = avsp_adts_make(&audio->adts, packet, whole);
    *ret_written = audio->form != AVSP_FORM_UNKNOWN && av != AVERROR(EINVAL);
    if (!*ret_written) {
        audio->n_unknown++;
        return AVSP_OK;
    }
    if (av < 0)
        return avsp_averr_set(err, av, "write sound");
    return avsp_piece_writer_put(audio->writer, audio->form == AVSP_FORM_OTHER ? whole : packet,
                                 packet->pts, true, err);
}

enum avsp_code avsp_split_audio_put(struct avsp_split_audio *audio, const AVPacket *packet,
                                    int64_t shift_s, struct avsp_err *err)
{
    if (audio->n_past > 0) {
        audio->n_past--;
        return AVSP_OK;
    }
    audio->n_put++;
    note_form(audio, packet);
    struct avsp_heard heard;
    bool is_heard = avsp_heard_of(&audio->hearing, packet, &heard);
    if (is_unwanted(audio, packet, is_heard ? &heard : NULL))
        return AVSP_OK;
    // Behind the shown part an edit list hides sound that must not be heard; before it, it only warms the decoder up.
    if ((packet->flags & AV_PKT_FLAG_DISCARD) != 0 && audio->began)
        return AVSP_OK;
    if (audio->writer == NULL && open_writer(audio, audio->stream, shift_s, err) != AVSP_OK)
        return err->code;
    // The piece's clock starts at 0: what comes out before the first packets by a day is damage.
    if (packet->pts == AV_NOPTS_VALUE ||
        avsp_piece_writer_pts(audio->writer, packet->pts) <= (int64_t)audio->n_packets) {
        audio->n_dropped++;
        return AVSP_OK;
    }
    bool written = false;
    enum avsp_code rc = write_packet(audio, packet, &written, err);
    if (rc != AVSP_OK || !written)
        return rc;
    audio->n_packets++;
    AVCodecParameters *par = audio->stream->codecpar;
    avsp_drift_add(&audio->drift, packet->pts, audio->stream->time_base, par->sample_rate,
                   av_get_audio_frame_duration2(par, packet->size));
    if (is_heard)
        note_heard(audio, &heard);
    return AVSP_OK;
}

static int describe_silence(const AVCodecParameters *like, AVStream *stream)
{
    AVCodecParameters *par = stream->codecpar;
    par->codec_type = AVMEDIA_TYPE_AUDIO;
    par->codec_id = AV_CODEC_ID_PCM_S16LE;
    par->format = AV_SAMPLE_FMT_S16;
    par->sample_rate = like->sample_rate > 0 ? like->sample_rate : SILENCE_RATE;
    stream->time_base = (AVRational){1, par->sample_rate};
    if (like->ch_layout.nb_channels > 0)
        return av_channel_layout_copy(&par->ch_layout, &like->ch_layout);
    av_channel_layout_default(&par->ch_layout, 2);
    return 0;
}

/// Writes one sample of silence in the form of the sound: the audio task fills up the rest.
static enum avsp_code write_silence(struct avsp_split_audio *audio, int64_t shift_s,
                                    const struct avsp_extent *extent, struct avsp_err *err)
{
    avsp_split_audio_deinit(audio); // all that came may have been left out
    AVFormatContext *AVSP_CLEANUP(free_context) ctx = avformat_alloc_context();
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    AVStream *stream = ctx != NULL ? avformat_new_stream(ctx, NULL) : NULL;
    int av = stream != NULL && packet != NULL ? describe_silence(audio->stream->codecpar, stream)
                                              : AVERROR(ENOMEM);
    if (av >= 0)
        av = av_new_packet(packet, stream->codecpar->ch_layout.nb_channels * (int)sizeof(int16_t));
    if (av < 0)
        return avsp_averr_set(err, av, "write silence");
    memset(packet->data, 0, (size_t)packet->size);
    enum avsp_code rc = open_writer(audio, stream, shift_s, err);
    if (rc != AVSP_OK)
        return rc;
    int64_t pts = av_rescale_q(extent->origin_pts, extent->time_base, stream->time_base);
    return avsp_piece_writer_put(audio->writer, packet, pts, true, err);
}

/// What the audio task will count: frames of AAC.
static uint64_t count_frames(const struct avsp_split_audio *audio, const struct avsp_extent *extent)
{
    int rate = avsp_audio_rate_for(audio->stream->codecpar->sample_rate);
    int64_t samples = av_rescale_q_rnd(extent->end_pts - extent->origin_pts, extent->time_base,
                                       (AVRational){1, rate}, AV_ROUND_UP);
    return (uint64_t)AVSP_MAX(samples, 0) / AAC_FRAME_SAMPLES + 1;
}

static enum avsp_code report(const struct avsp_split_audio *audio, struct avsp_control *ctl,
                             const struct avsp_piece_header *header, uint64_t frames,
                             uint64_t bytes, struct avsp_err *err)
{
    char name[NAME_BYTES];
    piece_name(audio, name);
    struct avsp_report report = {
        .kind = AVSP_REPORT_PIECE,
        .piece = {.kind = AVSP_TASK_AUDIO,
                  .track = header->track,
                  .in_pts = header->origin_pts,
                  .out_pts = header->end_pts,
                  .time_base = header->origin_time_base,
                  .frames = frames,
                  .bytes = bytes,
                  .file = {.kind = AVSP_LOCATION_FS, .path = name}},
    };
    return avsp_control_report(ctl, &report, err);
}

enum avsp_code avsp_split_audio_finish(struct avsp_split_audio *audio, struct avsp_control *ctl,
                                       int32_t segment_seconds, int64_t shift_s,
                                       const struct avsp_extent *extent, bool alone,
                                       struct avsp_err *err)
{
    enum avsp_code rc =
        audio->n_packets == 0 ? write_silence(audio, shift_s, extent, err) : AVSP_OK;
    if (rc != AVSP_OK)
        return rc;
    AVRational tb = extent->time_base;
    // In whole parts of a second, where the shift by seconds is exact too.
    struct avsp_piece_header header = {
        .kind = AVSP_MEDIA_AUDIO,
        .track = (uint32_t)audio->track,
        .segment_seconds = segment_seconds,
        .time_base = avsp_piece_writer_time_base(audio->writer),
        .origin_time_base = {1, tb.den},
        .origin_pts = extent->origin_pts * tb.num + shift_s * tb.den,
        .end_pts = extent->end_pts * tb.num + shift_s * tb.den,
        .in_pts = INT64_MIN,
        .out_pts = INT64_MAX,
        .alone = alone,
        .named = audio->named,
        .drift_ppb = avsp_drift_ppb(&audio->drift),
        .language = avsp_tracks_language(audio->stream),
        .title = avsp_tracks_title(audio->stream),
        .purposes = avsp_tracks_purposes(audio->stream),
    };
    if (audio->n_packets == 0) { // nothing of it is heard: the piece's clock begins at 0
        header.in_pts = -2;
        header.out_pts = -1;
    }
    if (audio->began)
        header.in_pts = avsp_piece_writer_pts(audio->writer, audio->heard.from);
    if (audio->began && audio->heard.padded)
        header.out_pts = avsp_piece_writer_pts(audio->writer, audio->heard.to);
    uint64_t bytes = 0;
    rc = avsp_piece_writer_finish(audio->writer, &header, &bytes, err);
    if (rc == AVSP_OK)
        rc = report(audio, ctl, &header, alone ? count_frames(audio, extent) : 0, bytes, err);
    return rc;
}
