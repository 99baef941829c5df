#include "media/part.h"

#include "core/time_range.h"
#include "media/keyframe.h"

#include <string.h>

/// Keyframes are looked for so long before the start: one that pictures are whole from, if they are refreshed gradually, and
/// what deinterlacing leans on are behind it.
#define SEEK_MARGIN_S 10
/// Seeking pays only where it passes over that much more.
#define SEEK_MIN_S 20
/// A part's first frame needs at least so much before it.
#define SEEK_NEAREST_S 1
/// Packets that are read to see where a seek led.
#define TRIAL_PACKETS 4096

/// How far tracks of a file may lie apart, and how many packets say that the part is over: one alone may have a damaged time.
#define FAR_BEHIND_S 10
#define FAR_BEHIND_PACKETS 100

/// What is less nobody misses: whoever types a source's own length gets it rounded.
#define QUIET_US 1000

static const AVRational microsecond = {1, 1000000};

static int64_t seconds(const struct avsp_part *part, int64_t s)
{
    return av_rescale_q(s, (AVRational){1, 1}, part->time_base);
}

void avsp_part_init(struct avsp_part *part, const struct avsp_time_range *range,
                    const struct avsp_extent *extent)
{
    AVRational tb = extent->time_base;
    *part = (struct avsp_part){
        .range = *range,
        .time_base = tb,
        .source_pts = extent->origin_pts,
        .start_pts =
            extent->origin_pts + av_rescale_q_rnd(range->start_us, microsecond, tb, AV_ROUND_UP),
        .end_pts = INT64_MAX,
    };
    if (range->end_us > 0)
        part->end_pts =
            extent->origin_pts + av_rescale_q_rnd(range->end_us, microsecond, tb, AV_ROUND_UP);
}

bool avsp_part_has_start(const struct avsp_part *part)
{
    return part->range.start_us > 0;
}

bool avsp_part_has_end(const struct avsp_part *part)
{
    return part->range.end_us > 0;
}

/// Subtitles that begin before the keyframe and last into the part: MP4 finds them, for its index has every one and only one is shown at
/// a time. Captions of CEA-608 are made of what came before.
static bool can_seek(const struct avsp_part *part, const AVFormatContext *ctx,
                     const struct avsp_tracks *tracks)
{
    if (part->range.start_us < SEEK_MIN_S * INT64_C(1000000))
        return false;
    for (size_t i = 0; i < tracks->n_text; i++)
        if (tracks->text[i]->codecpar->codec_id != AV_CODEC_ID_MOV_TEXT)
            return false;
    const char *name = ctx->iformat->name;
    return strncmp(name, "mov,", 4) == 0 ||
           (strncmp(name, "matroska", 8) == 0 && tracks->n_text == 0);
}

/// Can decoding begin with this packet, well before the part?
static bool is_good_start(const struct avsp_part *part, const AVStream *stream,
                          const AVPacket *packet)
{
    const AVCodecParameters *par = stream->codecpar;
    return (packet->flags & AV_PKT_FLAG_KEY) != 0 && packet->pts != AV_NOPTS_VALUE &&
           packet->size > 0 && packet->pts <= part->start_pts - seconds(part, SEEK_NEAREST_S) &&
           (par->codec_type != AVMEDIA_TYPE_VIDEO ||
            !avsp_keyframe_is_gradual(par, packet->data, (size_t)packet->size));
}

/// Reads up to the first packet of the picture, or of the sound where it is alone.
static bool leads_to_good_start(const struct avsp_part *part, AVFormatContext *ctx,
                                const AVStream *stream)
{
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    for (int i = 0; packet != NULL && i < TRIAL_PACKETS; i++) {
        if (av_read_frame(ctx, packet) < 0)
            return false;
        if (packet->stream_index == stream->index)
            return is_good_start(part, stream, packet);
        av_packet_unref(packet);
    }
    return false;
}

enum avsp_part_found avsp_part_seek(struct avsp_part *part, AVFormatContext *ctx,
                                    const struct avsp_tracks *tracks)
{
    if (!can_seek(part, ctx, tracks))
        return AVSP_PART_READ_ON;
    const AVStream *stream = avsp_tracks_leading(tracks);
    int64_t goal = part->start_pts - seconds(part, SEEK_MARGIN_S);
    part->sought = av_seek_frame(ctx, stream->index, goal, AVSEEK_FLAG_BACKWARD) >= 0 &&
                   leads_to_good_start(part, ctx, stream) &&
                   av_seek_frame(ctx, stream->index, goal, AVSEEK_FLAG_BACKWARD) >= 0;
    return part->sought ? AVSP_PART_SOUGHT : AVSP_PART_LOST;
}

bool avsp_part_is_past(struct avsp_part *part, const AVPacket *packet, AVRational time_base)
{
    if (!avsp_part_has_end(part) || packet->pts == AV_NOPTS_VALUE)
        return false;
    int64_t far = part->end_pts + seconds(part, FAR_BEHIND_S);
    part->n_behind += av_compare_ts(packet->pts, time_base, far, part->time_base) >= 0;
    return part->n_behind >= FAR_BEHIND_PACKETS;
}

/// Room for a time with its unit.
#define WORDS_BYTES (AVSP_TIME_TEXT_BYTES + 2)

/// "12.5 s", "1:02:03.25".
static const char *words(int64_t us, char ret_text[WORDS_BYTES])
{
    avsp_time_write(us, ret_text);
    if (us < INT64_C(60000000))
        memcpy(ret_text + strlen(ret_text), " s", 3);
    return ret_text;
}

/// How long the source is; 0 where nothing of it was seen.
static int64_t length_us(const struct avsp_part *part, int64_t source_end)
{
    if (source_end <= part->source_pts)
        return 0;
    return av_rescale_q(source_end - part->source_pts, part->time_base, microsecond);
}

static const char *length_words(const struct avsp_part *part, int64_t source_end,
                                char ret_text[WORDS_BYTES])
{
    // To the millisecond, which is what people say.
    return words((length_us(part, source_end) + 500) / 1000 * 1000, ret_text);
}

enum avsp_code avsp_part_is_empty(const struct avsp_part *part, int64_t source_end,
                                  struct avsp_err *err)
{
    char start[WORDS_BYTES];
    char other[WORDS_BYTES];
    words(part->range.start_us, start);
    int64_t length = length_us(part, source_end);
    if (length > 0 && length <= part->range.start_us)
        return avsp_err_set(err, AVSP_INVALID,
                            "the part would begin at %s, but the source is only %s long: choose an "
                            "earlier --start",
                            start, length_words(part, source_end, other));
    if (!avsp_part_has_end(part))
        return avsp_err_set(err, AVSP_INVALID,
                            "no picture begins at or after %s: choose an earlier --start", start);
    return avsp_err_set(err, AVSP_INVALID,
                        "no picture begins between %s and %s: choose a longer part", start,
                        words(part->range.end_us, other));
}

enum avsp_code avsp_part_warn_of_end(const struct avsp_part *part, int64_t source_end,
                                     struct avsp_control *ctl, struct avsp_err *err)
{
    char end[WORDS_BYTES];
    char length[WORDS_BYTES];
    int64_t quiet = av_rescale_q(QUIET_US, microsecond, part->time_base);
    if (!avsp_part_has_end(part) || source_end >= part->end_pts - quiet)
        return AVSP_OK;
    return avsp_control_warn(ctl, err,
                             "the part was to end at %s, but the source is only %s long: it ends "
                             "there",
                             words(part->range.end_us, end),
                             length_words(part, source_end, length));
}
