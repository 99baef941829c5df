/// A source's packets, front to back, with what is damaged passed over and jumps of its clock closed (joins.h): the loop
/// around av_read_frame that the split reads through.
///
///     avsp_reader_init(&reader, ctx, err);
///     while (…) avsp_reader_next(&reader, packet, &end, &shown, err);
///     avsp_reader_deinit(&reader);
///
/// Video is copied, packet by packet, until a packet comes that cannot be: then the reader is at its end, and `doubt` says
/// why. Another reader of the same source with avsp_reader_decode gives the whole video, or what follows a number of packets, as
/// a lossless copy of its pictures. One thread at a time.
#ifndef AVSP_MEDIA_READER_H
#define AVSP_MEDIA_READER_H

#include "media/heirs.h"
#include "media/joins.h"
#include "media/lossless.h"
#include "media/tracks.h"
#include "media/watch.h"

#define AVSP_READER_SECONDS_MAX (1LL << 31)
#define AVSP_READER_WAITING_MAX 1024 ///< packets of sound that wait for the picture's clock …
#define AVSP_READER_WAITING_BYTES                                                                  \
    (16 << 20) ///< … and their data: no more wait once it is this much
#define AVSP_READER_RECENT                                                                         \
    32 ///< pictures whose times are compared: more than a codec holds back (16 frames, of two fields)

struct avsp_reader {
    AVFormatContext *ctx; ///< borrowed
    struct avsp_tracks tracks;
    struct avsp_heirs heirs;
    struct avsp_joins joins;
    struct avsp_watch watch;
    struct avsp_lossless *lossless; ///< owned; NULL: video is copied
    bool draining;                  ///< the lossless copy has been told that there is no more
    uint64_t n_skip;                ///< so many packets of video are not decoded
    const char *doubt;              ///< why video cannot be copied any further; NULL = it can
    AVPacket *waiting[AVSP_READER_WAITING_MAX]; ///< owned
    size_t n_waiting;
    size_t waiting_bytes;
    size_t n_given; ///< of these
    int64_t recent[AVSP_READER_RECENT];
    uint64_t n_recent;
    int64_t last_pts;    ///< of the last picture in order of decoding, …
    int last_order;      ///< … its order as its codec tells it, …
    bool has_last_order; ///< … if it does
    uint32_t
        contradicted; ///< a bit for each of the last pictures: it is shown on the wrong side of the one before
    uint64_t n_b_behind;    ///< B-pictures in a row that would be shown behind all others …
    bool reorders;          ///< … and there was one that would not
    bool began;             ///< a key of the video was seen
    bool in_damage;         ///< the last video packet was damaged
    uint64_t n_read;        ///< packets, of all streams
    uint64_t n_behind_end;  ///< reads that found that the file is cut off
    uint64_t n_video;       ///< video packets read, whether they are used or not
    uint64_t n_audio;       ///< packets of the default sound read
    uint64_t n_used;        ///< of those of video, those that are copied
    uint64_t n_damaged;     ///< reads that failed, and stretches of video packets that are damaged
    uint64_t n_complaints;  ///< errors that the demuxer passed over (complaints.h)
    uint64_t n_before_key;  ///< video packets before the first key: left out
    uint64_t n_untimed;     ///< video packets without a usable time: never shown
    uint64_t n_void;        ///< video packets that hold no picture: never shown
    uint64_t n_strange;     ///< pictures of other tracks since the last one of the chosen track …
    uint64_t most_strange;  ///< … and the most that there ever were
    uint64_t n_behind_join; ///< pictures behind a join that lean on what is before it: never shown
};

/// Chooses the tracks. @param ctx borrowed until deinit. @return as avsp_tracks_choose; NO_MEMORY.
enum avsp_code avsp_reader_init(struct avsp_reader *reader, AVFormatContext *ctx,
                                const struct avsp_choice *choice,
                                struct avsp_err *err) AVSP_CHECKED;
/// Safe on a zeroed value.
void avsp_reader_deinit(struct avsp_reader *reader);

/// From the start on, video is decoded and copied without loss; nothing is doubted any more.
/// @param n_skip   packets of video, as a copying reader counts those it gives, that are left out before.
enum avsp_code avsp_reader_decode(struct avsp_reader *reader, uint64_t n_skip, unsigned threads,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Describes the packets of video that come; NULL where there is no video. Borrowed until deinit. Where they are a lossless
/// copy it is complete once the first one has come.
AVStream *avsp_reader_video(const struct avsp_reader *reader);

/// Reads the next packet of the chosen streams. Video begins with a key, is never empty, and has a pts within
/// +-AVSP_READER_SECONDS_MAX.
/// @param packet     blank; receives a reference.
/// @param ret_end    true: there is no more, or no more that can be copied; the packet stays blank.
/// @param ret_shown  false: the packet is only decoded (edit list, or no usable time).
/// @return OK; UNSUPPORTED encrypted, or pictures that cannot be kept without loss; UNAVAILABLE and others the input itself
/// could not be read.
enum avsp_code avsp_reader_next(struct avsp_reader *reader, AVPacket *packet, bool *ret_end,
                                bool *ret_shown, struct avsp_err *err) AVSP_CHECKED;

/// Once the end was reached: how many packets of the picture the container's index promises beyond those that came. They tell of a file
/// that is cut off.
uint64_t avsp_reader_n_missing(const struct avsp_reader *reader);
/// The same of the default sound.
uint64_t avsp_reader_n_missing_sound(const struct avsp_reader *reader);

/// Does the demuxer of such files pass over what is damaged without complaining, so that a hole in the picture is all that is left of it?
bool avsp_reader_hides_damage(const struct avsp_reader *reader);

#endif
