/// Which streams of a source make the presentation, and what an encode must know about the picture that a stream copy
/// loses. Everything here comes from the file and is checked. One thread at a time.
#ifndef AVSP_MEDIA_TRACKS_H
#define AVSP_MEDIA_TRACKS_H

#include "core/choice.h"
#include "media/glance.h"
#include "media/source.h"

/// Ceilings on the coded picture: SVT-AV1's largest side, and the area of AV1's highest level.
#define AVSP_PICTURE_SIDE_MAX_PX 16384
#define AVSP_PICTURE_AREA_MAX_PX (16384 * 8704)

/// Tracks of sound that are used: more than any file has for people to choose from.
#define AVSP_AUDIO_TRACKS_MAX 32
#define AVSP_TEXT_TRACKS_MAX 64 ///< likewise; as many as a file may have streams

/// The streams that are used; borrowed from the source. At least one is not NULL.
struct avsp_tracks {
    AVStream *video; ///< NULL = the presentation is sound alone
    AVStream
        *audio[AVSP_AUDIO_TRACKS_MAX];    ///< the default one first, the others in the file's order
    size_t n_audio;                       ///< 0 = the presentation has no sound
    bool audio_is_named;                  ///< the sound was chosen track by track
    AVStream *text[AVSP_TEXT_TRACKS_MAX]; ///< subtitles that are text, in the file's order
    size_t n_text;
    struct avsp_caption_set
        captions;            ///< within the picture, those that are wanted, if there are any
    bool captions_are_named; ///< they must be there
    struct {
        bool video, audio, text;
    } unwanted;     ///< what is not used of these was not chosen
    uint64_t heirs; ///< a bit for each stream, by its index, that a chosen one went on in (heirs.h)
};

/// Picks the picture and all sound that goes with it, and discards the other streams. Of several pictures it is the one that can
/// be decoded, then the one marked as default, then the largest; the default sound is plain, and marked as default if any is. Sound of
/// another program than the picture's is left out. Still pictures (cover art) are no video: a file with nothing but those and sound
/// is sound alone.
/// What @p choice (checked) names is used instead, in the order in which it names sound and text.
/// @return OK; UNSUPPORTED what was named is not there or cannot be used, nothing to play, no decoder for the video, encrypted, or larger than the ceilings; CORRUPT no picture
/// could be found out about.
enum avsp_code avsp_tracks_choose(AVFormatContext *ctx, const struct avsp_choice *choice,
                                  struct avsp_tracks *ret_tracks,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Is it a picture that belongs to the sound or to the chapters?
bool avsp_tracks_is_still(const AVStream *stream);

bool avsp_tracks_is_encrypted(const AVStream *stream);

/// Fills what a piece's header says about the picture: size, depth, colour, HDR metadata, aspect, rotation.
/// @param glance            at its first pictures.
/// @param ret_odd_rotation  true: turned by something else than a quarter turn; the header says 0.
void avsp_tracks_describe(AVFormatContext *ctx, AVStream *video, const struct avsp_glance *glance,
                          struct avsp_piece_header *ret_header, bool *ret_odd_rotation);

/// The stream whose times the presentation begins with: the picture, or the default sound where there is none.
AVStream *avsp_tracks_leading(const struct avsp_tracks *tracks);

/// @param ret_track  which of the sounds the stream is. @return false: it is none of them.
bool avsp_tracks_find_audio(const struct avsp_tracks *tracks, int stream_index, size_t *ret_track);

/// The same for subtitles.
bool avsp_tracks_find_text(const struct avsp_tracks *tracks, int stream_index, size_t *ret_track);

/// Does the stream belong to another program of the multiplex than the picture (or the default sound)?
bool avsp_tracks_is_stranger(const AVFormatContext *ctx, const struct avsp_tracks *tracks,
                             const AVStream *stream);

/// What sound or text is for: bits of avsp_purpose (core/model.h).
uint32_t avsp_tracks_purposes(const AVStream *stream);

/// The language as BCP 47, "und" where it is unknown; static storage or the stream's own memory.
const char *avsp_tracks_language(const AVStream *stream);

/// How many sound tracks, the default one among them, are mono, of one language and without a title, where that was not asked
/// for: left and right, perhaps, as cameras and editing keep them. 0 where the default one stands alone.
size_t avsp_tracks_lone_channels(const struct avsp_tracks *tracks);

/// The title, "" where there is none or it is not proper text; the stream's own memory.
const char *avsp_tracks_title(const AVStream *stream);

/// libav's fraction as ours; 0/0 where it is not one.
struct avsp_rational avsp_tracks_rational(AVRational q);

#endif
