/// The video's packets, in decode order, → pieces with exact windows.
///
///     avsp_split_video_init(&video, ctl, step, stream, &facts);
///     avsp_split_video_begin(&video, origin_pts, err);
///     while (…) avsp_split_video_put(&video, packet, shown, err);   // pieces are reported on the way
///     avsp_split_video_check(&video, err);
///     avsp_split_video_finish(&video, end_pts, err);
///     avsp_split_video_deinit(&video);
///
/// Where the rest of the source turns out not to be fit for that, the piece in the making is given up, and what follows the pieces that
/// were reported comes as other packets, a lossless copy (lossless.h):
///
///     skip = avsp_split_video_restart(&video);          // the source is read again, from this packet on
///     video.stream = …;
///     while (…) avsp_split_video_put(&video, packet, shown, err);
///
/// Of a part of the source, what comes before it is kept only as far as decoding needs it:
///
///     avsp_split_video_await(&video, source_pts, start_pts);
///     while (!avsp_split_video_is_known(&video)) avsp_split_video_put(…);
///     avsp_split_video_begin(&video, origin_pts, err);  // from video.first_pts
///
/// and the frames that lie at or after `limit_pts` are left out: once `is_over` is set, nothing more is wanted.
///
/// A run of segment places becomes a piece. At the end of each place the packets that the next piece would have to repeat
/// (from its keyframe on) are weighed against what the run holds already: while they are more than half of that, the run
/// goes on. So the pieces of a source hold at most 1.5 times its bytes, whatever its keyframe distance. But a run whose places
/// with frames last for more than AVSP_RUN_SECONDS_MAX would keep one encoder busy for too long
/// (avsp_split_video_run_is_too_long). A hole in the picture costs an encoder nothing.
///
/// Where interlaced frames become whole pictures (deinterlace.h), a piece also holds the two frames before its window, whole, and the one behind.
///
/// A place is known to be over, without trusting decode times, once more later frames have come than any codec reorders.
/// Memory and disk: the spool's (spool.h), the piece being written, and the pieces that are not acknowledged. One thread.
#ifndef AVSP_MEDIA_SPLIT_VIDEO_H
#define AVSP_MEDIA_SPLIT_VIDEO_H

#include "core/piece.h"
#include "media/control.h"
#include "media/gaps.h"
#include "media/piece_writer.h"
#include "media/spool.h"

#define AVSP_RUN_SECONDS_MAX 300

/// The piece that is being written.
struct avsp_piece_run {
    struct avsp_piece_writer *writer; ///< NULL behind a restart, until its first frame comes
    uint64_t start;                   ///< number of its first packet
    uint32_t idx;                     ///< first place
    int64_t last_place;               ///< last place so far
    int64_t n_places;                 ///< of those up to it, how many have frames
    int64_t in_pts;                   ///< its first frame
    int64_t end_pts;                  ///< first tick behind last_place
    int64_t last_pts;                 ///< latest frame within
    uint64_t frames;                  ///< shown, within
    uint64_t own_bytes;               ///< of their packets
    uint64_t written;                 ///< number of the first packet that is not in the file
    uint64_t wanted;                  ///< number behind the last packet that must be in it
    uint64_t n_beyond;                ///< frames at or after end_pts that have come already
    uint64_t first_beyond;            ///< number of the first of them
    int64_t next_pts;                 ///< earliest of them
    uint64_t next_number;             ///< its packet's number
};

struct avsp_split_video {
    struct avsp_control *ctl;       ///< borrowed
    const struct avsp_step *step;   ///< borrowed
    AVStream *stream;               ///< borrowed
    struct avsp_piece_header facts; ///< what all pieces share
    struct avsp_rational time_base; ///< of the stream
    int64_t source_pts; ///< where the whole source begins; before origin_pts in a part of it
    int64_t origin_pts;
    int64_t shift_s;
    int64_t limit_pts; ///< frames at or after it are left out; INT64_MAX = there are none
    bool has_beyond;   ///< there was one
    bool is_over;      ///< all before it is in pieces that are complete
    bool waits;        ///< for the first frame at or after start_pts
    int64_t start_pts;
    int64_t first_pts;  ///< the earliest of those that have come …
    uint64_t n_waiting; ///< … and how many there are
    struct avsp_spool spool;
    struct avsp_piece_run run;
    AVPacket *scratch;
    int64_t last_pts;      ///< latest frame of all
    int64_t last_duration; ///< its duration; 0 = not known
    uint64_t frames;       ///< shown
    uint64_t frames_done;  ///< of these, those in pieces that are complete
    struct avsp_gaps gaps; ///< between the shown ones
    bool in_order;         ///< packets come in order of presentation
    uint64_t n_late;       ///< came after their place was over, and are not shown
};

/// @param facts    kind, track, segment_seconds, frame rate and picture; copied. @param shift_s  avsp_piece_shift_s.
enum avsp_code avsp_split_video_init(struct avsp_split_video *video, struct avsp_control *ctl,
                                     const struct avsp_step *step, AVStream *stream,
                                     const struct avsp_piece_header *facts, int64_t shift_s,
                                     struct avsp_err *err) AVSP_CHECKED;
void avsp_split_video_deinit(struct avsp_split_video *video);

/// Nothing is written before the frame at or after @p start_pts. @param source_pts  where the whole source begins.
void avsp_split_video_await(struct avsp_split_video *video, int64_t source_pts, int64_t start_pts);

/// Is it certain which frame that is?
bool avsp_split_video_is_known(const struct avsp_split_video *video);

/// @param origin_pts  presentation time 0: the first shown frame, which moves there where it comes later.
enum avsp_code avsp_split_video_begin(struct avsp_split_video *video, int64_t origin_pts,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Takes the next packet; its reference is taken on success. The first one is a key.
/// @param shown  false: it is only decoded.
enum avsp_code avsp_split_video_put(struct avsp_split_video *video, AVPacket *packet, bool shown,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Are its keyframes so far apart that the rest should be decoded, from the piece in the making on? Never where that is done already.
bool avsp_split_video_run_is_too_long(const struct avsp_split_video *video);

/// Gives the piece in the making up. What is put next are the pictures from a source packet on, each a key; those before the
/// piece are passed over. `stream` must be set to what describes them before that.
/// @return the number of the source packet, as they were put, with which the piece began.
uint64_t avsp_split_video_restart(struct avsp_split_video *video);

/// Once all has been put: can the video be finished? What follows asks for that.
/// @return OK; CORRUPT not one picture came behind a restart.
enum avsp_code avsp_split_video_check(const struct avsp_split_video *video,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Does the last frame claim to be shown for longer than it can be? That is damage, of a duration that nothing else depends on.
bool avsp_split_video_is_endless(const struct avsp_split_video *video);

/// Where the last frame ends, in the stream's time base: its own duration where that can be, or one frame of the standard rate.
int64_t avsp_split_video_end(const struct avsp_split_video *video);

/// The latest tick at which the last frame may end: its duration must fit into a sample's (ISO/IEC 14496-12, 8.8.8), of which
/// libavformat takes half.
int64_t avsp_split_video_hold_max(const struct avsp_split_video *video);

/// Writes what is left. @param end_pts where the last frame shall end.
enum avsp_code avsp_split_video_finish(struct avsp_split_video *video, int64_t end_pts,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
