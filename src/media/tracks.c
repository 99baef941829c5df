#include "media/tracks.h"

#include "media/language.h"
#include "util/parse.h"

#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <string.h>

#define TITLE_MAX_BYTES 256

struct avsp_rational avsp_tracks_rational(AVRational q)
{
    return q.num > 0 && q.den > 0 ? (struct avsp_rational){q.num, q.den}
                                  : (struct avsp_rational){0, 0};
}

/// Sound for a purpose of its own stands behind plain sound, a track that is marked as default before the others.
static int audio_rank(const AVStream *stream)
{
    const int special = AV_DISPOSITION_COMMENT | AV_DISPOSITION_HEARING_IMPAIRED |
                        AV_DISPOSITION_VISUAL_IMPAIRED | AV_DISPOSITION_KARAOKE;
    int rank = (stream->disposition & special) != 0 ? 0 : 2;
    return rank + ((stream->disposition & AV_DISPOSITION_DEFAULT) != 0);
}

static bool is_usable_audio(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO &&
           avcodec_find_decoder(stream->codecpar->codec_id) != NULL &&
           stream->codecpar->sample_rate > 0;
}

static void choose_audio(AVFormatContext *ctx, struct avsp_tracks *tracks)
{
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        AVStream *stream = ctx->streams[i];
        if (stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO && !is_usable_audio(stream))
            tracks->audio_undecodable = true;
        if (is_usable_audio(stream) &&
            (tracks->audio == NULL || audio_rank(stream) > audio_rank(tracks->audio)))
            tracks->audio = stream;
    }
    if (tracks->audio != NULL)
        tracks->audio_undecodable = false;
}

static bool is_encrypted(const AVStream *stream)
{
    return av_stream_get_side_data(stream, AV_PKT_DATA_ENCRYPTION_INIT_INFO, NULL) != NULL ||
           stream->codecpar->codec_tag == MKTAG('e', 'n', 'c', 'v');
}

static enum avsp_code check_video(const AVStream *video, struct avsp_err *err)
{
    const AVCodecParameters *par = video->codecpar;
    if (is_encrypted(video))
        return avsp_err_set(err, AVSP_UNSUPPORTED, "the video is encrypted");
    if (par->codec_id == AV_CODEC_ID_NONE || avcodec_find_decoder(par->codec_id) == NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "there is no decoder for the video (%s)",
                            par->codec_id == AV_CODEC_ID_NONE ? "unknown codec"
                                                              : avcodec_get_name(par->codec_id));
    if (par->width < 1 || par->height < 1 || par->format == AV_PIX_FMT_NONE)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "no picture of the video (%s) could be decoded: it is damaged",
                            avcodec_get_name(par->codec_id));
    if (par->width > AVSP_PICTURE_SIDE_MAX_PX || par->height > AVSP_PICTURE_SIDE_MAX_PX ||
        (int64_t)par->width * par->height > AVSP_PICTURE_AREA_MAX_PX)
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "the picture of %dx%d is larger than %d pixels a side or 8K in area",
                            par->width, par->height, AVSP_PICTURE_SIDE_MAX_PX);
    if (avsp_tracks_rational(video->time_base).den == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "the video has no time base");
    return AVSP_OK;
}

/// The best video stream; pictures that belong to the sound (cover art) or to the chapters are none.
static AVStream *choose_video(AVFormatContext *ctx)
{
    int idx = av_find_best_stream(ctx, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (idx < 0)
        return NULL;
    AVStream *video = ctx->streams[idx];
    const int pictures = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS;
    return (video->disposition & pictures) != 0 ? NULL : video;
}

static enum avsp_code no_video(const AVFormatContext *ctx, struct avsp_err *err)
{
    if (ctx->nb_streams == 0)
        return avsp_err_set(
            err, AVSP_CORRUPT,
            "there is nothing in the file, neither picture nor sound: it is damaged");
    for (unsigned i = 0; i < ctx->nb_streams; i++)
        if (ctx->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
            return avsp_err_set(err, AVSP_UNSUPPORTED,
                                "no video in the file: audio-only input is not supported yet");
    return avsp_err_set(err, AVSP_UNSUPPORTED, "no video in the file");
}

enum avsp_code avsp_tracks_choose(AVFormatContext *ctx, struct avsp_tracks *ret_tracks,
                                  struct avsp_err *err)
{
    struct avsp_tracks tracks = {.video = choose_video(ctx)};
    if (tracks.video == NULL)
        return no_video(ctx, err);
    enum avsp_code rc = check_video(tracks.video, err);
    if (rc != AVSP_OK)
        return rc;
    choose_audio(ctx, &tracks);
    for (unsigned i = 0; i < ctx->nb_streams; i++)
        if (ctx->streams[i] != tracks.video && ctx->streams[i] != tracks.audio)
            ctx->streams[i]->discard = AVDISCARD_ALL;
    *ret_tracks = tracks;
    return AVSP_OK;
}

/// Splits a display matrix into a turn (first) and a mirror (second).
static void describe_rotation(const AVStream *video, struct avsp_piece_header *header,
                              bool *ret_odd)
{
    *ret_odd = false;
    size_t bytes = 0;
    const uint8_t *data = av_stream_get_side_data(video, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
    if (data == NULL || bytes < 9 * sizeof(int32_t))
        return;
    int32_t matrix[9];
    memcpy(matrix, data, sizeof matrix);
    double det = (double)matrix[0] * matrix[4] - (double)matrix[1] * matrix[3];
    header->hflip = det < 0;
    if (header->hflip)
        av_display_matrix_flip(matrix, 1, 0);
    double turn = -av_display_rotation_get(matrix); // libav counts counterclockwise
    if (isnan(turn))
        return;
    int32_t quarters = (int32_t)lround(turn / 90.0);
    *ret_odd = fabs(turn - 90.0 * quarters) > 1.0;
    header->rotation = *ret_odd ? 0 : (quarters % 4 + 4) % 4 * 90;
}

static bool is_full_range(const AVCodecParameters *par)
{
    switch (par->format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
        return true;
    default:
        return par->color_range == AVCOL_RANGE_JPEG;
    }
}

void avsp_tracks_describe(AVFormatContext *ctx, AVStream *video,
                          struct avsp_piece_header *ret_header, bool *ret_odd_rotation)
{
    const AVCodecParameters *par = video->codecpar;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(par->format);
    struct avsp_piece_header *h = ret_header;
    h->width_px = (uint32_t)par->width;
    h->height_px = (uint32_t)par->height;
    h->bit_depth = format != NULL && format->comp[0].depth > 8 ? 10 : 8;
    h->sample_aspect = avsp_tracks_rational(av_guess_sample_aspect_ratio(ctx, video, NULL));
    h->color_primaries = par->color_primaries;
    h->color_transfer = par->color_trc;
    h->color_matrix = par->color_space;
    h->full_range = is_full_range(par);
    h->chroma_location = par->chroma_location;
    describe_rotation(video, h, ret_odd_rotation);
}

static const char *metadata(const AVStream *stream, const char *key)
{
    const AVDictionaryEntry *entry = av_dict_get(stream->metadata, key, NULL, 0);
    return entry != NULL ? entry->value : "";
}

const char *avsp_tracks_language(const AVStream *stream)
{
    return avsp_language_bcp47(metadata(stream, "language"));
}

const char *avsp_tracks_title(const AVStream *stream)
{
    const char *title = metadata(stream, "title");
    return strlen(title) <= TITLE_MAX_BYTES && avsp_utf8_is_valid(title) ? title : "";
}
