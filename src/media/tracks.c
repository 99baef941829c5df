#include "media/tracks.h"

#include "media/allow.h"
#include "media/dolby.h"
#include "media/hdr.h"
#include "media/language.h"
#include "util/parse.h"

#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <string.h>

#define TITLE_MAX_BYTES 256
/// From telephones to the studio; a filter for what lies beyond needs memory without bounds.
#define SAMPLE_RATE_MIN_HZ 1000
#define SAMPLE_RATE_MAX_HZ 768000

struct avsp_rational avsp_tracks_rational(AVRational q)
{
    return q.num > 0 && q.den > 0 ? (struct avsp_rational){q.num, q.den}
                                  : (struct avsp_rational){0, 0};
}

bool avsp_tracks_is_still(const AVStream *stream)
{
    const int pictures = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS;
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
           (stream->disposition & pictures) != 0;
}

static bool holds(const AVProgram *program, const AVStream *stream)
{
    for (unsigned i = 0; i < program->nb_stream_indexes; i++)
        if ((int)program->stream_index[i] == stream->index)
            return true;
    return false;
}

/// A multiplex carries several programs at once; what stands in none belongs to all.
static bool are_of_two_programs(const AVFormatContext *ctx, const AVStream *a, const AVStream *b)
{
    bool knows_a = false;
    bool knows_b = false;
    for (unsigned i = 0; i < ctx->nb_programs; i++) {
        bool has_a = holds(ctx->programs[i], a);
        bool has_b = holds(ctx->programs[i], b);
        if (has_a && has_b)
            return false;
        knows_a = knows_a || has_a;
        knows_b = knows_b || has_b;
    }
    return knows_a && knows_b;
}

bool avsp_tracks_is_encrypted(const AVStream *stream)
{
    uint32_t tag = stream->codecpar->codec_tag;
    return av_stream_get_side_data(stream, AV_PKT_DATA_ENCRYPTION_INIT_INFO, NULL) != NULL ||
           tag == MKTAG('e', 'n', 'c', 'v') || tag == MKTAG('e', 'n', 'c', 'a');
}

/// Of pictures or sound that could be used, what the file's maker marked as the one to show comes first.
static int default_rank(const AVStream *stream)
{
    return (stream->disposition & AV_DISPOSITION_DEFAULT) != 0;
}

/// Sound for a purpose of its own stands behind plain sound, another program's behind that of the picture's.
static int audio_rank(AVFormatContext *ctx, const AVStream *video, const AVStream *stream)
{
    const int special = AV_DISPOSITION_COMMENT | AV_DISPOSITION_HEARING_IMPAIRED |
                        AV_DISPOSITION_VISUAL_IMPAIRED | AV_DISPOSITION_KARAOKE;
    bool stranger = video != NULL && are_of_two_programs(ctx, video, stream);
    bool plain = (stream->disposition & special) == 0;
    return (stranger ? 0 : 4) + (plain ? 2 : 0) + default_rank(stream);
}

static bool is_usable_audio(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO &&
           !avsp_tracks_is_encrypted(stream) &&
           avsp_allow_decoder(stream->codecpar->codec_id) != NULL &&
           stream->codecpar->sample_rate >= SAMPLE_RATE_MIN_HZ &&
           stream->codecpar->sample_rate <= SAMPLE_RATE_MAX_HZ && stream->time_base.num > 0 &&
           stream->time_base.den > 0;
}

static bool is_meant(const struct avsp_choice_word *word, const AVStream *stream)
{
    return avsp_choice_means(word, stream->index, avsp_tracks_language(stream));
}

static enum avsp_code not_there(const struct avsp_choice_word *word, const char *what,
                                struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_UNSUPPORTED,
                        "there is no %s track \"%.*s\" in the file: `avspl1t probe` shows those "
                        "that there are",
                        what, (int)word->len, word->text);
}

static AVStream *choose_default_audio(AVFormatContext *ctx, const AVStream *video)
{
    AVStream *best = NULL;
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        AVStream *stream = ctx->streams[i];
        if (is_usable_audio(stream) &&
            (best == NULL || audio_rank(ctx, video, stream) > audio_rank(ctx, video, best)))
            best = stream;
    }
    return best;
}

bool avsp_tracks_is_stranger(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                             const AVStream *stream)
{
    const AVStream *leading = avsp_tracks_leading(tracks);
    return leading != NULL && are_of_two_programs(ctx, leading, stream);
}

static void choose_audio(AVFormatContext *ctx, struct avsp_tracks *tracks)
{
    AVStream *first = choose_default_audio(ctx, tracks->video);
    if (first == NULL)
        return;
    tracks->audio[tracks->n_audio++] = first;
    for (unsigned i = 0; i < ctx->nb_streams && tracks->n_audio < AVSP_AUDIO_TRACKS_MAX; i++) {
        AVStream *stream = ctx->streams[i];
        if (stream != first && is_usable_audio(stream) &&
            !avsp_tracks_is_stranger(ctx, tracks, stream))
            tracks->audio[tracks->n_audio++] = stream;
    }
}

static bool is_among(AVStream *const *streams, size_t n, const AVStream *stream)
{
    for (size_t i = 0; i < n; i++)
        if (streams[i] == stream)
            return true;
    return false;
}

/// What a list may take tracks from, and where it puts them.
struct wanted {
    enum AVMediaType type;
    const char *what;
    bool (*is_usable)(const AVStream *stream);
    AVStream **streams;
    size_t max;
};

/// Adds what one word means; those of a language that cannot be used are left out where others of it can.
static enum avsp_code choose_word(AVFormatContext *ctx, const struct avsp_choice_word *word,
                                  const struct wanted *wanted, size_t *n, struct avsp_err *err)
{
    const AVStream *unusable = NULL;
    bool found = false;
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        AVStream *stream = ctx->streams[i];
        if (stream->codecpar->codec_type != wanted->type || !is_meant(word, stream))
            continue;
        if (!wanted->is_usable(stream)) {
            unusable = stream;
            continue;
        }
        found = true;
        if (*n < wanted->max && !is_among(wanted->streams, *n, stream))
            wanted->streams[(*n)++] = stream;
    }
    if (!found && unusable != NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "the %s track \"%.*s\" (%s) was asked for, and it cannot be decoded",
                            wanted->what, (int)word->len, word->text,
                            avcodec_get_name(unusable->codecpar->codec_id));
    return found ? AVSP_OK : not_there(word, wanted->what, err);
}

static enum avsp_code choose_list(AVFormatContext *ctx, const char *list,
                                  const struct wanted *wanted, size_t *n, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    struct avsp_choice_word word;
    while (rc == AVSP_OK && avsp_choice_next(&list, &word))
        rc = choose_word(ctx, &word, wanted, n, err);
    return rc;
}

static bool is_usable_text(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE &&
           !avsp_tracks_is_encrypted(stream) &&
           avsp_allow_decoder(stream->codecpar->codec_id) != NULL && stream->time_base.num > 0 &&
           stream->time_base.den > 0;
}

static void choose_text(AVFormatContext *ctx, struct avsp_tracks *tracks)
{
    for (unsigned i = 0; i < ctx->nb_streams && tracks->n_text < AVSP_TEXT_TRACKS_MAX; i++)
        if (is_usable_text(ctx->streams[i]) &&
            !avsp_tracks_is_stranger(ctx, tracks, ctx->streams[i]))
            tracks->text[tracks->n_text++] = ctx->streams[i];
}

AVStream *avsp_tracks_leading(const struct avsp_tracks *tracks)
{
    if (tracks->video != NULL)
        return tracks->video;
    return tracks->n_audio > 0 ? tracks->audio[0] : NULL;
}

static bool find_track(AVStream *const *streams, size_t n, int stream_index, size_t *ret_track)
{
    for (size_t i = 0; i < n; i++)
        if (streams[i]->index == stream_index) {
            *ret_track = i;
            return true;
        }
    return false;
}

bool avsp_tracks_find_audio(const struct avsp_tracks *tracks, int stream_index, size_t *ret_track)
{
    return find_track(tracks->audio, tracks->n_audio, stream_index, ret_track);
}

bool avsp_tracks_find_text(const struct avsp_tracks *tracks, int stream_index, size_t *ret_track)
{
    return find_track(tracks->text, tracks->n_text, stream_index, ret_track);
}

static enum avsp_code check_video(const AVStream *video, struct avsp_err *err)
{
    const AVCodecParameters *par = video->codecpar;
    if (avsp_tracks_is_encrypted(video))
        return avsp_err_set(err, AVSP_UNSUPPORTED, "the video is encrypted");
    struct avsp_dolby dolby = avsp_dolby_of(video);
    if (dolby.present && dolby.base == NULL)
        return avsp_err_set(
            err, AVSP_UNSUPPORTED,
            "the video is Dolby Vision of profile %d, which has no base layer that other "
            "players understand",
            dolby.profile);
    if (avsp_allow_decoder(par->codec_id) == NULL) {
        char what[128];
        avsp_allow_why_not(par, what, sizeof what);
        return avsp_err_set(err, AVSP_UNSUPPORTED, "there is no decoder for the video (%s)", what);
    }
    if (par->width < 1 || par->height < 1 || par->format == AV_PIX_FMT_NONE)
        return avsp_err_set(
            err, AVSP_CORRUPT,
            "no picture of the video (%s) could be decoded: it is damaged, too large, "
            "or in another file, which is never opened",
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

/// A picture that stands still without being marked as cover art: a track of one frame, or without any rate.
static bool is_moving(const AVStream *stream)
{
    return stream->nb_frames != 1 && stream->avg_frame_rate.num > 0;
}

/// What can be decoded stands before what cannot, what moves before what does not, the maker's choice before others, then the
/// largest.
static int64_t video_rank(const AVStream *stream)
{
    struct avsp_err why = {0};
    int64_t area = (int64_t)stream->codecpar->width * stream->codecpar->height;
    bool usable = check_video(stream, &why) == AVSP_OK;
    int rank = (usable ? 4 : 0) + (is_moving(stream) ? 2 : 0) + default_rank(stream);
    return rank * (INT64_C(1) << 60) + AVSP_MIN(AVSP_MAX(area, 0), (INT64_C(1) << 60) - 1);
}

/// @param word  NULL: any.
static AVStream *choose_video(AVFormatContext *ctx, const struct avsp_choice_word *word)
{
    AVStream *best = NULL;
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        AVStream *stream = ctx->streams[i];
        if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !avsp_tracks_is_still(stream) &&
            (word == NULL || is_meant(word, stream)) &&
            (best == NULL || video_rank(stream) > video_rank(best)))
            best = stream;
    }
    return best;
}

static enum avsp_code nothing_to_play(const AVFormatContext *ctx, struct avsp_err *err)
{
    if (ctx->nb_streams == 0)
        return avsp_err_set(
            err, AVSP_CORRUPT,
            "there is nothing in the file, neither picture nor sound: it is damaged");
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        const AVCodecParameters *par = ctx->streams[i]->codecpar;
        if (par->codec_type != AVMEDIA_TYPE_AUDIO)
            continue;
        if (avsp_tracks_is_encrypted(ctx->streams[i]))
            return avsp_err_set(err, AVSP_UNSUPPORTED,
                                "no video in the file, and its sound is encrypted");
        if (avsp_allow_decoder(par->codec_id) != NULL)
            return avsp_err_set(err, AVSP_CORRUPT,
                                "no video in the file, and none of its sound (%s) could be "
                                "decoded: it is damaged",
                                avcodec_get_name(par->codec_id));
        return avsp_err_set(
            err, AVSP_UNSUPPORTED, "no video in the file, and no decoder for its sound (%s)",
            par->codec_id == AV_CODEC_ID_NONE ? "unknown codec" : avcodec_get_name(par->codec_id));
    }
    return avsp_err_set(err, AVSP_UNSUPPORTED, "neither video nor sound in the file");
}

static enum avsp_code choose_picture(AVFormatContext *ctx, const char *named,
                                     struct avsp_tracks *tracks, struct avsp_err *err)
{
    struct avsp_choice_word word;
    if (avsp_choice_is_none(named))
        return AVSP_OK;
    bool is_named = avsp_choice_next(&named, &word);
    tracks->video = choose_video(ctx, is_named ? &word : NULL);
    return is_named && tracks->video == NULL ? not_there(&word, "video", err) : AVSP_OK;
}

/// Text that was named: tracks, and captions, of which nobody knows yet whether there are any.
static enum avsp_code choose_texts(AVFormatContext *ctx, const char *list,
                                   struct avsp_tracks *tracks, struct avsp_err *err)
{
    const struct wanted text = {AVMEDIA_TYPE_SUBTITLE, "subtitle", is_usable_text, tracks->text,
                                AVSP_TEXT_TRACKS_MAX};
    enum avsp_code rc = AVSP_OK;
    struct avsp_choice_word word;
    while (rc == AVSP_OK && avsp_choice_next(&list, &word)) {
        int caption = avsp_choice_caption(&word);
        if (caption >= 0)
            tracks->captions.has[caption] = true;
        else
            rc = choose_word(ctx, &word, &text, &tracks->n_text, err);
    }
    tracks->captions_are_named = true;
    return rc;
}

static enum avsp_code choose_others(AVFormatContext *ctx, const struct avsp_choice *choice,
                                    struct avsp_tracks *tracks, struct avsp_err *err)
{
    const struct wanted sound = {AVMEDIA_TYPE_AUDIO, "sound", is_usable_audio, tracks->audio,
                                 AVSP_AUDIO_TRACKS_MAX};
    enum avsp_code rc = AVSP_OK;
    tracks->audio_is_named =
        !avsp_choice_is_all(choice->audio) && !avsp_choice_is_none(choice->audio);
    if (tracks->audio_is_named)
        rc = choose_list(ctx, choice->audio, &sound, &tracks->n_audio, err);
    else if (!avsp_choice_is_none(choice->audio))
        choose_audio(ctx, tracks);
    if (rc != AVSP_OK || avsp_choice_is_none(choice->text))
        return rc;
    if (!avsp_choice_is_all(choice->text))
        return choose_texts(ctx, choice->text, tracks, err);
    choose_text(ctx, tracks);
    for (size_t i = 0; i < AVSP_CAPTIONS_MAX; i++)
        tracks->captions.has[i] = true;
    return AVSP_OK;
}

enum avsp_code avsp_tracks_choose(AVFormatContext *ctx, const struct avsp_choice *choice,
                                  struct avsp_tracks *ret_tracks, struct avsp_err *err)
{
    struct avsp_tracks tracks = {.unwanted = {!avsp_choice_is_all(choice->video),
                                              !avsp_choice_is_all(choice->audio),
                                              !avsp_choice_is_all(choice->text)}};
    enum avsp_code rc = choose_picture(ctx, choice->video, &tracks, err);
    if (rc == AVSP_OK)
        rc = choose_others(ctx, choice, &tracks, err);
    if (rc != AVSP_OK)
        return rc;
    if (tracks.video != NULL)
        rc = check_video(tracks.video, err);
    else if (tracks.n_audio == 0)
        rc = nothing_to_play(ctx, err);
    if (rc != AVSP_OK)
        return rc;
    size_t track = 0;
    for (unsigned i = 0; i < ctx->nb_streams; i++)
        if (ctx->streams[i] != tracks.video && !avsp_tracks_find_audio(&tracks, (int)i, &track) &&
            !avsp_tracks_find_text(&tracks, (int)i, &track))
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

void avsp_tracks_describe(AVFormatContext *ctx, AVStream *video, const struct avsp_glance *glance,
                          struct avsp_piece_header *ret_header, bool *ret_odd_rotation)
{
    struct avsp_dolby dolby = avsp_dolby_of(video);
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
    avsp_hdr_of_stream(video, &h->hdr);
    avsp_hdr_add(&h->hdr, &glance->hdr);
    avsp_dolby_colors(&dolby, h);
    describe_rotation(video, h, ret_odd_rotation);
}

static const char *metadata(const AVStream *stream, const char *key)
{
    const AVDictionaryEntry *entry = av_dict_get(stream->metadata, key, NULL, 0);
    return entry != NULL ? entry->value : "";
}

uint32_t avsp_tracks_purposes(const AVStream *stream)
{
    uint32_t purposes = 0;
    if ((stream->disposition & AV_DISPOSITION_COMMENT) != 0)
        purposes |= AVSP_PURPOSE_COMMENTARY;
    if ((stream->disposition & (AV_DISPOSITION_VISUAL_IMPAIRED | AV_DISPOSITION_DESCRIPTIONS)) != 0)
        purposes |= AVSP_PURPOSE_DESCRIPTION;
    if ((stream->disposition & AV_DISPOSITION_HEARING_IMPAIRED) != 0)
        purposes |= AVSP_PURPOSE_HEARING;
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_SUBTITLE)
        return purposes;
    if ((stream->disposition & AV_DISPOSITION_CAPTIONS) != 0)
        purposes |= AVSP_PURPOSE_HEARING;
    if ((stream->disposition & AV_DISPOSITION_FORCED) != 0)
        purposes |= AVSP_PURPOSE_FORCED;
    if ((stream->disposition & AV_DISPOSITION_DEFAULT) != 0)
        purposes |= AVSP_PURPOSE_DEFAULT;
    return purposes;
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

static bool is_lone_channel(const AVStream *stream, const char *language)
{
    return stream->codecpar->ch_layout.nb_channels == 1 && avsp_tracks_title(stream)[0] == '\0' &&
           strcmp(avsp_tracks_language(stream), language) == 0;
}

size_t avsp_tracks_lone_channels(const struct avsp_tracks *tracks)
{
    if (tracks->audio_is_named || tracks->n_audio == 0)
        return 0;
    const char *language = avsp_tracks_language(tracks->audio[0]);
    size_t n = 0;
    for (size_t i = 0; i < tracks->n_audio; i++)
        n += is_lone_channel(tracks->audio[i], language);
    return n > 1 && is_lone_channel(tracks->audio[0], language) ? n : 0;
}
