#include "media/left_out.h"

#include "media/allow.h"

#include <string.h>

/// Room for the line's end.
#define LIST_MAX_BYTES (AVSP_TEXT_MAX_BYTES - 64)

/// Text in forms of MP4 and QuickTime that libavformat takes for data. @return why it is left out; NULL = it is something else
static const char *why_data_is_text(const AVStream *stream)
{
    static const struct {
        char tag[5];
        const char *why;
    } forms[] = {
        {"wvtt", "subtitles within MP4 (WebVTT) are not read: give them as a file (--subtitle)"},
        {"stpp", "subtitles within MP4 (TTML) are not read: give them as a file (--subtitle)"},
        {"c708", "a track of CEA-708 is not read; captions within the picture are"},
    };
    uint32_t tag = stream->codecpar->codec_tag;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(forms); i++)
        if (tag == MKTAG(forms[i].tag[0], forms[i].tag[1], forms[i].tag[2], forms[i].tag[3]))
            return forms[i].why;
    return NULL;
}

const char *avsp_left_out_type(const AVStream *stream)
{
    if (stream->codecpar->codec_type == AVMEDIA_TYPE_DATA && why_data_is_text(stream) != NULL)
        return "subtitle";
    switch (stream->codecpar->codec_type) {
    case AVMEDIA_TYPE_VIDEO:
        return avsp_tracks_is_still(stream) ? "picture" : "video";
    case AVMEDIA_TYPE_AUDIO:
        return "audio";
    case AVMEDIA_TYPE_SUBTITLE:
        return "subtitle";
    default:
        return "data";
    }
}

static const char *why_unused(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                              const AVStream *stream)
{
    if (avsp_tracks_is_still(stream))
        return "a still picture";
    if (avsp_tracks_is_encrypted(stream))
        return "it is encrypted";
    if (avsp_allow_decoder(stream->codecpar->codec_id) == NULL)
        return "there is no decoder for it";
    if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        return "one video track is used";
    if (avsp_tracks_is_stranger(ctx, tracks, stream))
        return "it belongs to another program";
    return tracks->n_audio == AVSP_AUDIO_TRACKS_MAX && stream->codecpar->sample_rate > 0
               ? "there are too many sound tracks"
               : "none of it could be decoded";
}

static const char *why_unread(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                              const AVStream *stream)
{
    const AVCodecDescriptor *codec = avcodec_descriptor_get(stream->codecpar->codec_id);
    if (avsp_tracks_is_encrypted(stream))
        return "it is encrypted";
    if (codec != NULL && (codec->props & AV_CODEC_PROP_BITMAP_SUB) != 0)
        return "subtitles that are pictures have no place in HLS";
    if (stream->codecpar->codec_id == AV_CODEC_ID_DVB_TELETEXT)
        return "pages of teletext are not read";
    if (avsp_allow_decoder(stream->codecpar->codec_id) == NULL)
        return "there is no decoder for it";
    return avsp_tracks_is_stranger(ctx, tracks, stream) ? "it belongs to another program"
                                                        : "nothing is known of its times";
}

/// Could it be used, had it been chosen?
static bool is_unwanted(const struct avsp_tracks *tracks, const AVStream *stream)
{
    switch (stream->codecpar->codec_type) {
    case AVMEDIA_TYPE_VIDEO:
        return tracks->unwanted.video && !avsp_tracks_is_still(stream);
    case AVMEDIA_TYPE_AUDIO:
        return tracks->unwanted.audio;
    case AVMEDIA_TYPE_SUBTITLE:
        return tracks->unwanted.text;
    default:
        return false;
    }
}

const char *avsp_left_out_why(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                              const AVStream *stream)
{
    enum AVMediaType type = stream->codecpar->codec_type;
    size_t track = 0;
    if (stream == tracks->video || avsp_tracks_find_audio(tracks, stream->index, &track) ||
        avsp_tracks_find_text(tracks, stream->index, &track) ||
        (stream->index < 64 && (tracks->heirs >> stream->index & 1) != 0))
        return "";
    if (is_unwanted(tracks, stream))
        return "it was not chosen";
    if (type == AVMEDIA_TYPE_SUBTITLE)
        return why_unread(ctx, tracks, stream);
    if (type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO)
        return why_unused(ctx, tracks, stream);
    const char *why = type == AVMEDIA_TYPE_DATA ? why_data_is_text(stream) : NULL;
    return why != NULL ? why : "data, which HLS has no place for";
}

static void put_stream(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                       const AVStream *stream, const char *separator, struct avsp_buf *buf)
{
    const char *language = avsp_tracks_language(stream);
    bool known = strcmp(language, "und") != 0;
    avsp_buf_printf(buf, "%s%d %s, %s%s%s (%s)", separator, stream->index,
                    avsp_left_out_type(stream), avcodec_get_name(stream->codecpar->codec_id),
                    known ? ", " : "", known ? language : "",
                    avsp_left_out_why(ctx, tracks, stream));
}

void avsp_left_out_list(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                        struct avsp_buf *buf)
{
    unsigned n = 0;
    unsigned n_unnamed = 0;
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        const AVStream *stream = ctx->streams[i];
        if (avsp_left_out_why(ctx, tracks, stream)[0] == '\0')
            continue;
        if (buf->len >= LIST_MAX_BYTES - 128)
            n_unnamed++;
        else
            put_stream(ctx, tracks, stream, n++ == 0 ? "left out of the file's streams: " : "; ",
                       buf);
    }
    if (n_unnamed > 0)
        avsp_buf_printf(buf, "; and %u more", n_unnamed);
}
