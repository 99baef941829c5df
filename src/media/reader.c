#include "media/reader.h"

#include "media/averr.h"
#include "media/complaints.h"
#include "media/keyframe.h"

#include <string.h>

/// After so many failures in a row without a packet, the rest is given up.
#define FAILURES_MAX 1000
/// Without a keyframe among so many packets there is none to rely on: 17 s at 60 a second.
#define BEFORE_KEY_MAX 1024
/// Of 32 pictures, so many may be shown on the wrong side of the one before: each of them would be left out.
#define CONTRADICTED_MAX 3
/// So many B-pictures in a row are not shown behind all that were decoded before them.
#define B_BEHIND_MAX 8
/// What is kept of side data is small: an AudioSpecificConfig, say.
#define SIDE_DATA_MAX_BYTES 1024

/// libavformat makes missing presentation times up from decode times as if no more than one picture were held back, which is
/// right for MPEG-1 to -4 alone.
static void distrust_made_up_times(struct avsp_reader *reader)
{
    const AVCodecParameters *par = reader->tracks.video->codecpar;
    bool deep = par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC;
    if (deep || par->video_delay > 1)
        reader->ctx->flags &= ~AVFMT_FLAG_GENPTS;
}

enum avsp_code avsp_reader_init(struct avsp_reader *reader, AVFormatContext *ctx,
                                const struct avsp_choice *choice, struct avsp_err *err)
{
    // The first packets were read while the streams were found out.
    *reader = (struct avsp_reader){.ctx = ctx, .n_complaints = avsp_complaints_count(ctx)};
    enum avsp_code rc = avsp_tracks_choose(ctx, choice, &reader->tracks, err);
    if (rc != AVSP_OK)
        return rc;
    const struct avsp_tracks *tracks = &reader->tracks;
    avsp_heirs_init(&reader->heirs, ctx, &reader->tracks);
    bool clocks_jump = (ctx->iformat->flags & AVFMT_TS_DISCONT) != 0;
    avsp_joins_init(&reader->joins, clocks_jump, avsp_tracks_leading(tracks)->time_base);
    for (size_t i = 0; i < tracks->n_audio; i++)
        avsp_joins_add_audio(&reader->joins, tracks->audio[i]->time_base);
    if (tracks->video == NULL)
        return AVSP_OK;
    distrust_made_up_times(reader);
    return avsp_watch_init(&reader->watch, tracks->video->codecpar, err);
}

void avsp_reader_deinit(struct avsp_reader *reader)
{
    for (size_t i = reader->n_given; i < reader->n_waiting; i++)
        av_packet_free(&reader->waiting[i]);
    reader->n_waiting = reader->n_given = 0;
    avsp_watch_deinit(&reader->watch);
    avsp_lossless_free(&reader->lossless);
}

enum avsp_code avsp_reader_decode(struct avsp_reader *reader, uint64_t n_skip, unsigned threads,
                                  struct avsp_err *err)
{
    reader->n_skip = n_skip;
    // A decoder's guess from decode order is better than the demuxer's.
    reader->ctx->flags &= ~AVFMT_FLAG_GENPTS;
    reader->lossless = avsp_lossless_open(reader->tracks.video, threads, err);
    return reader->lossless != NULL ? AVSP_OK : err->code;
}

AVStream *avsp_reader_video(const struct avsp_reader *reader)
{
    return reader->lossless != NULL ? avsp_lossless_stream(reader->lossless) : reader->tracks.video;
}

/// Has the byte source itself failed, as opposed to what is in the file?
static bool is_io_failure(const AVFormatContext *ctx)
{
    return ctx->pb->error < 0 && ctx->pb->error != AVERROR_EOF;
}

/// Has the container an index of all packets, in front of them or behind, so that each is found by itself?
static bool has_whole_index(const AVFormatContext *ctx)
{
    return strncmp(ctx->iformat->name, "mov,", 4) == 0;
}

/// How many packets of the track the container's index promises.
static uint64_t n_promised(const AVStream *stream)
{
    return (uint64_t)AVSP_MAX(avformat_index_get_entries_count(stream), 0);
}

/// Are there packets left that the index promises, although one of them is behind the file's end? Of a file that is cut off, sound
/// may lie behind all of the picture.
static bool has_more(const struct avsp_reader *reader)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < reader->ctx->nb_streams; i++)
        if (reader->ctx->streams[i]->discard < AVDISCARD_ALL)
            n += n_promised(reader->ctx->streams[i]);
    return n > reader->n_read + reader->n_behind_end;
}

/// av_read_frame that goes on behind damage.
static enum avsp_code read_any(struct avsp_reader *reader, AVPacket *packet, bool *ret_end,
                               struct avsp_err *err)
{
    bool is_indexed = has_whole_index(reader->ctx);
    *ret_end = false;
    for (unsigned n_failures = 0; n_failures < FAILURES_MAX; n_failures++) {
        uint64_t n_before = avsp_complaints_count(reader->ctx);
        int rc = av_read_frame(reader->ctx, packet);
        if (rc >= 0 || (rc == AVERROR_EOF && !is_indexed))
            reader->n_complaints += avsp_complaints_count(reader->ctx) - n_before;
        reader->n_read += rc >= 0;
        if (rc >= 0)
            return AVSP_OK;
        if (is_io_failure(reader->ctx))
            return avsp_averr_set(err, reader->ctx->pb->error, "read the input");
        if (rc == AVERROR(ENOMEM))
            return avsp_averr_set(err, rc, "read the input");
        if (rc == AVERROR_EOF && !(is_indexed && has_more(reader)))
            break;
        reader->n_behind_end += rc == AVERROR_EOF;
        reader->n_damaged += rc != AVERROR_EOF;
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

static bool is_recent(const struct avsp_reader *reader, int64_t pts)
{
    uint64_t n = AVSP_MIN(reader->n_recent, (uint64_t)AVSP_READER_RECENT);
    for (uint64_t i = 0; i < n; i++)
        if (reader->recent[i] == pts)
            return true;
    return false;
}

/// Sees to it that no other picture, among the last ones, has the same time. A key where two streams were put together comes
/// a tick later: all that was decoded before it is shown before it. @return false: it is not known which comes first.
static bool has_its_own_time(struct avsp_reader *reader, AVPacket *packet)
{
    bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    if (key && is_recent(reader, packet->pts))
        packet->pts++;
    if (is_recent(reader, packet->pts))
        return false;
    reader->recent[reader->n_recent++ % AVSP_READER_RECENT] = packet->pts;
    return true;
}

static bool is_latest(const struct avsp_reader *reader, int64_t pts)
{
    uint64_t n = AVSP_MIN(reader->n_recent, (uint64_t)AVSP_READER_RECENT);
    for (uint64_t i = 0; i < n; i++)
        if (reader->recent[i] >= pts)
            return false;
    return true;
}

/// Is the picture shown earlier than all others that are compared, or the oldest of these later than they all? No decoder holds back so
/// many. What an edit list hides in front of a cut may well be earlier.
static bool is_out_of_order(const struct avsp_reader *reader, int64_t pts, bool shown)
{
    if (reader->n_recent < AVSP_READER_RECENT)
        return false;
    int64_t oldest = reader->recent[reader->n_recent % AVSP_READER_RECENT];
    bool earlier = shown;
    bool later = oldest > pts;
    for (size_t i = 0; i < AVSP_READER_RECENT; i++) {
        earlier = earlier && pts < reader->recent[i];
        later = later && reader->recent[i] <= oldest;
    }
    return earlier || later;
}

/// Do B-pictures come in the order in which they are decoded, where that cannot be? So it is where a table of an MP4 is lost.
static bool denies_reordering(struct avsp_reader *reader, int64_t pts)
{
    const AVCodecParameters *par = reader->tracks.video->codecpar;
    bool known = par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_MPEG2VIDEO ||
                 par->codec_id == AV_CODEC_ID_MPEG1VIDEO || par->codec_id == AV_CODEC_ID_MPEG4;
    if (!known || par->video_delay == 0 || !reader->watch.is_b || reader->reorders)
        return false;
    reader->reorders = !is_latest(reader, pts);
    return !reader->reorders && ++reader->n_b_behind >= B_BEHIND_MAX;
}

static bool is_sane_time(int64_t pts, AVRational time_base)
{
    const AVRational second = {1, 1};
    return av_compare_ts(pts, time_base, AVSP_READER_SECONDS_MAX, second) < 0 &&
           av_compare_ts(pts, time_base, -AVSP_READER_SECONDS_MAX, second) > 0;
}

/// Takes times away that cannot be. @return there was none that can.
static bool is_untimed(AVPacket *packet, AVRational time_base)
{
    bool has_time = packet->pts != AV_NOPTS_VALUE;
    if (packet->dts != AV_NOPTS_VALUE && !is_sane_time(packet->dts, time_base))
        packet->dts = AV_NOPTS_VALUE;
    if (!has_time || is_sane_time(packet->pts, time_base))
        return false;
    packet->pts = AV_NOPTS_VALUE;
    return true;
}

/// Does the container tell the colors, beside the first packet that they are for? A piece could not keep that.
static bool has_palette(const AVPacket *packet)
{
    return av_packet_get_side_data(packet, AV_PKT_DATA_PALETTE, NULL) != NULL;
}

/// Does the codec say otherwise of many of the last shown pictures whether they come before or after the one in front of them?
static bool contradicts_codec(struct avsp_reader *reader, int64_t pts)
{
    const struct avsp_watch *watch = &reader->watch;
    bool wrong = false;
    if (reader->has_last_order && watch->has_order && !watch->restarts)
        wrong = (watch->order > reader->last_order && pts < reader->last_pts) ||
                (watch->order < reader->last_order && pts > reader->last_pts);
    reader->contradicted = reader->contradicted << 1 | wrong;
    reader->has_last_order = watch->has_order;
    reader->last_order = watch->order;
    reader->last_pts = pts;
    return __builtin_popcount(reader->contradicted) >= CONTRADICTED_MAX;
}

/// Takes note of when a picture is shown, or would be. @return what is wrong with it; NULL: nothing
static const char *doubt_of_time(struct avsp_reader *reader, AVPacket *packet, bool shown)
{
    int64_t pts = packet->pts;
    bool contradicts = shown && contradicts_codec(reader, pts);
    if (contradicts || is_out_of_order(reader, pts, shown) ||
        (shown && denies_reordering(reader, pts)))
        return "it says that pictures are shown out of their order";
    if (shown && !has_its_own_time(reader, packet))
        return "it says of several pictures that they are shown at the same time";
    // A picture whose time is damaged may be hidden for that alone, as it lies behind the end.
    if (!shown && is_latest(reader, pts))
        reader->recent[reader->n_recent++ % AVSP_READER_RECENT] = pts;
    return NULL;
}

/// Why the packet cannot be copied; NULL: it can.
static const char *doubt_of(struct avsp_reader *reader, AVPacket *packet, bool shown)
{
    const AVStream *video = reader->tracks.video;
    bool field = avsp_watch_packet(&reader->watch, packet);
    if (changes_parameters(video, packet))
        return "the codec's parameters change in the middle";
    if (has_palette(packet))
        return "its palette is not in its pictures";
    if (avsp_keyframe_is_packed(video->codecpar, packet->data, (size_t)packet->size))
        return "its packets do not hold one picture each (as DivX and XviD wrote them)";
    if (field && reader->joins.clocks_jump)
        return "its packets hold single fields";
    if (packet->pts == AV_NOPTS_VALUE)
        return "it does not say when each picture is shown";
    return doubt_of_time(reader, packet, shown);
}

static void note_damage(struct avsp_reader *reader, const AVPacket *packet)
{
    bool damaged = (packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
    reader->n_damaged += damaged && !reader->in_damage;
    reader->in_damage = damaged;
}

/// Does an edit list hide the packet? An MP4's clock cannot jump: where it does its times are damaged, and its edit lists are for others.
static bool is_hidden(const struct avsp_reader *reader, const AVPacket *packet)
{
    bool is_damaged = has_whole_index(reader->ctx) && reader->joins.n_jumps > 0;
    return (packet->flags & AV_PKT_FLAG_DISCARD) != 0 && !is_damaged;
}

/// Repairs what can be repaired of a packet that is to be copied. @param ret_use  false: it is left out.
static void take_copied(struct avsp_reader *reader, AVPacket *packet, bool *ret_use,
                        bool *ret_shown)
{
    const AVStream *video = reader->tracks.video;
    bool is_void = avsp_keyframe_is_void(video->codecpar, packet->data, (size_t)packet->size);
    if (is_void)
        packet->flags &= ~AV_PKT_FLAG_KEY;
    if (!reader->began && (packet->flags & AV_PKT_FLAG_KEY) == 0) {
        if (++reader->n_before_key > BEFORE_KEY_MAX)
            reader->doubt = "it has no keyframes";
        return;
    }
    if (packet->pts == AV_NOPTS_VALUE && video->codecpar->video_delay == 0)
        packet->pts = packet->dts; // nothing is reordered
    bool timed = !is_untimed(packet, video->time_base);
    if (!timed) {
        reader->n_untimed++;
        packet->pts = 0;
    }
    bool leans = timed && !avsp_joins_video(&reader->joins, packet);
    reader->n_behind_join += leans;
    bool hidden = is_hidden(reader, packet);
    reader->n_void += is_void && !hidden;
    *ret_shown = timed && !leans && !is_void && !hidden;
    if (reader->lossless == NULL)
        reader->doubt = doubt_of(reader, packet, *ret_shown);
    if (reader->doubt != NULL)
        return;
    reader->began = true;
    note_damage(reader, packet);
    *ret_use = reader->n_used++ >= reader->n_skip;
}

/// Decodes a packet: all that is needed is that its times are possible.
static enum avsp_code take_decoded(struct avsp_reader *reader, AVPacket *packet,
                                   struct avsp_err *err)
{
    (void)is_untimed(packet, reader->tracks.video->time_base);
    bool leans = !avsp_joins_video(&reader->joins, packet);
    bool hidden = is_hidden(reader, packet);
    reader->n_behind_join += leans;
    packet->flags &= ~AV_PKT_FLAG_DISCARD;
    packet->flags |= leans ? AV_PKT_FLAG_DISCARD : 0;
    note_damage(reader, packet);
    return avsp_lossless_send(reader->lossless, packet, hidden, err);
}

/// @param ret_use  false: the packet is left out.
static enum avsp_code take_video(struct avsp_reader *reader, AVPacket *packet, bool *ret_use,
                                 bool *ret_shown, struct avsp_err *err)
{
    reader->n_video++;
    reader->n_strange = 0;
    if (packet->size < 1 || packet->data == NULL)
        return AVSP_OK;
    if (av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, NULL) != NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "the video is encrypted");
    if (reader->lossless == NULL || reader->n_used < reader->n_skip) {
        take_copied(reader, packet, ret_use, ret_shown);
        *ret_use = *ret_use && reader->lossless == NULL;
        return AVSP_OK;
    }
    return take_decoded(reader, packet, err);
}

/// The sound that waits goes on by itself, every track of it.
static void wait_no_longer(struct avsp_reader *reader)
{
    for (size_t i = reader->n_given; i < reader->n_waiting && reader->joins.audio_waits; i++) {
        size_t track = 0;
        if (avsp_tracks_find_audio(&reader->tracks, reader->waiting[i]->stream_index, &track) &&
            reader->joins.audio[track].waits)
            avsp_joins_wait_no_longer(&reader->joins, track, reader->waiting[i]);
    }
}

/// Keeps a packet of sound until the picture's clock has jumped too. @return NO_MEMORY.
static enum avsp_code let_wait(struct avsp_reader *reader, AVPacket *packet, struct avsp_err *err)
{
    if (reader->n_given == reader->n_waiting)
        reader->n_given = reader->n_waiting = reader->waiting_bytes = 0;
    AVPacket *kept = av_packet_alloc();
    if (kept == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a packet");
    av_packet_move_ref(kept, packet);
    reader->waiting[reader->n_waiting++] = kept;
    reader->waiting_bytes += (size_t)kept->size;
    if (reader->n_waiting == AVSP_READER_WAITING_MAX ||
        reader->waiting_bytes >= AVSP_READER_WAITING_BYTES)
        wait_no_longer(reader);
    return AVSP_OK;
}

/// Gives the next packet that need not wait any longer. @return false: there is none.
static bool take_waiting(struct avsp_reader *reader, AVPacket *packet)
{
    if (reader->joins.audio_waits || reader->n_given == reader->n_waiting)
        return false;
    av_packet_move_ref(packet, reader->waiting[reader->n_given]);
    av_packet_free(&reader->waiting[reader->n_given]);
    reader->n_given++;
    // Another jump so soon: each counts for itself.
    size_t track = 0;
    if (avsp_tracks_find_audio(&reader->tracks, packet->stream_index, &track) &&
        !avsp_joins_audio(&reader->joins, track, packet)) {
        avsp_joins_wait_no_longer(&reader->joins, track, packet);
        (void)avsp_joins_audio(&reader->joins, track, packet);
    }
    return true;
}

/// @param ret_use  false: the packet is left out, or waits.
static enum avsp_code take_audio(struct avsp_reader *reader, size_t track, AVPacket *packet,
                                 bool *ret_use, struct avsp_err *err)
{
    reader->n_audio += track == 0;
    if (packet->size < 1 || is_untimed(packet, reader->tracks.audio[track]->time_base))
        return AVSP_OK;
    if (reader->tracks.video == NULL && track == 0) {
        // Alone, it is what jumps of the clock are judged by.
        *ret_use = avsp_joins_video(&reader->joins, packet);
        return AVSP_OK;
    }
    if (!avsp_joins_audio(&reader->joins, track, packet))
        return let_wait(reader, packet, err);
    *ret_use = true;
    return AVSP_OK;
}

/// @return false: it has no time, and is left out.
static bool take_text(const struct avsp_reader *reader, size_t track, AVPacket *packet)
{
    AVRational time_base = reader->tracks.text[track]->time_base;
    if (is_untimed(packet, time_base) || packet->pts == AV_NOPTS_VALUE)
        return false;
    avsp_joins_text(&reader->joins, time_base, packet);
    return true;
}

/// What comes at the end: sound that still waits, pictures that the decoder holds back.
/// @param ret_end  false: there is more to give.
static enum avsp_code end_of_file(struct avsp_reader *reader, bool *ret_end, struct avsp_err *err)
{
    *ret_end = true;
    if (reader->joins.audio_waits) {
        wait_no_longer(reader);
        *ret_end = false;
    }
    if (reader->lossless != NULL && !reader->draining) {
        reader->draining = true;
        *ret_end = false;
        return avsp_lossless_send(reader->lossless, NULL, false, err);
    }
    if (reader->lossless == NULL && !reader->began && reader->n_before_key > 0)
        reader->doubt = "it has no keyframes";
    return AVSP_OK;
}

/// Something that is at hand already: a picture that was decoded, or sound that has waited.
static enum avsp_code take_at_hand(struct avsp_reader *reader, AVPacket *packet, bool *ret_got,
                                   struct avsp_err *err)
{
    *ret_got = take_waiting(reader, packet);
    if (*ret_got || reader->lossless == NULL)
        return AVSP_OK;
    return avsp_lossless_receive(reader->lossless, packet, ret_got, err);
}

/// What is used of the rest once the packet was looked at, and by what is made of it. Of a change of AAC the new configuration is wanted.
static bool is_kept(const AVPacketSideData *side, enum AVMediaType type)
{
    switch (side->type) {
    case AV_PKT_DATA_NEW_EXTRADATA:
        return type == AVMEDIA_TYPE_AUDIO && side->size <= SIDE_DATA_MAX_BYTES;
    case AV_PKT_DATA_SKIP_SAMPLES:
    case AV_PKT_DATA_A53_CC:
    case AV_PKT_DATA_WEBVTT_SETTINGS:
        return side->size <= SIDE_DATA_MAX_BYTES;
    default:
        return false;
    }
}

/// Frees side data that nobody needs: packets are kept by the thousand, and counted by their data alone.
static void drop_side_data(const struct avsp_reader *reader, AVPacket *packet)
{
    enum AVMediaType type = reader->ctx->streams[packet->stream_index]->codecpar->codec_type;
    int n = 0;
    for (int i = 0; i < packet->side_data_elems; i++) {
        if (is_kept(&packet->side_data[i], type))
            packet->side_data[n++] = packet->side_data[i];
        else
            av_freep(&packet->side_data[i].data);
    }
    packet->side_data_elems = n;
    if (n == 0)
        av_freep(&packet->side_data);
}

static bool is_picture(const struct avsp_reader *reader, const AVPacket *packet)
{
    const AVStream *stream = reader->ctx->streams[packet->stream_index];
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
}

/// Takes one packet from the demuxer. @param ret_use  it is to be given.
static enum avsp_code read_one(struct avsp_reader *reader, AVPacket *packet, bool *ret_use,
                               bool *ret_end, bool *ret_shown, struct avsp_err *err)
{
    enum avsp_code rc = read_any(reader, packet, ret_end, err);
    if (rc != AVSP_OK)
        return rc;
    if (*ret_end)
        return end_of_file(reader, ret_end, err);
    const AVStream *video = reader->tracks.video;
    size_t track = 0;
    if (!avsp_heirs_follow(&reader->heirs, packet))
        return AVSP_OK;
    bool is_video = video != NULL && packet->stream_index == video->index;
    if (is_video)
        rc = take_video(reader, packet, ret_use, ret_shown, err);
    drop_side_data(reader, packet);
    *ret_end = reader->doubt != NULL;
    if (is_video)
        return rc;
    if (avsp_tracks_find_audio(&reader->tracks, packet->stream_index, &track))
        rc = take_audio(reader, track, packet, ret_use, err);
    else if (avsp_tracks_find_text(&reader->tracks, packet->stream_index, &track))
        *ret_use = take_text(reader, track, packet);
    else if (is_picture(reader, packet))
        reader->most_strange = AVSP_MAX(reader->most_strange, ++reader->n_strange);
    return rc;
}

enum avsp_code avsp_reader_next(struct avsp_reader *reader, AVPacket *packet, bool *ret_end,
                                bool *ret_shown, struct avsp_err *err)
{
    *ret_end = false;
    for (;;) {
        bool use = false;
        *ret_shown = true;
        enum avsp_code rc = take_at_hand(reader, packet, &use, err);
        if (rc == AVSP_OK && !use)
            rc = read_one(reader, packet, &use, ret_end, ret_shown, err);
        if (rc == AVSP_OK && use)
            return AVSP_OK;
        av_packet_unref(packet);
        if (rc != AVSP_OK || *ret_end)
            return rc;
    }
}

uint64_t avsp_reader_n_missing(const struct avsp_reader *reader)
{
    if (reader->tracks.video == NULL)
        return 0;
    // An index that is built while reading, as most formats', never has more entries than there were packets.
    uint64_t n = n_promised(reader->tracks.video);
    return n - AVSP_MIN(n, reader->n_video);
}

uint64_t avsp_reader_n_missing_sound(const struct avsp_reader *reader)
{
    // Others' indexes have no entry for each packet of sound: they are for seeking, or estimates.
    if (reader->tracks.n_audio == 0 || !has_whole_index(reader->ctx))
        return 0;
    uint64_t n = n_promised(reader->tracks.audio[0]);
    return n - AVSP_MIN(n, reader->n_audio);
}

bool avsp_reader_hides_damage(const struct avsp_reader *reader)
{
    static const char *const names[] = {"mpegts", "mpeg", "mxf", "nut"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(names); i++)
        if (strcmp(reader->ctx->iformat->name, names[i]) == 0)
            return true;
    return false;
}
