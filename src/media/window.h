/// The pictures of a piece's window, one after another: decoded from its keyframe on, deinterlaced where the job's are, each with its
/// place in the source. What is before and after the window is only decoded.
///
///     struct avsp_window AVSP_CLEANUP(avsp_window_close) w = {0};
///     avsp_window_open(&w, input_fd, arena, err);
///     while ((rc = avsp_window_next(&w, frame, &shown, &got, err)) == AVSP_OK && got) …
///
/// A damaged source may give a picture too many or out of order: it is left out and counted, whether its decoder noticed damage or not. Where
/// the first ones are missing, or all, the last one before the window stands for them; where the piece has none, the next one does, or one
/// that is black.
/// One thread at a time.
#ifndef AVSP_MEDIA_WINDOW_H
#define AVSP_MEDIA_WINDOW_H

#include "media/decoder.h"
#include "media/deinterlace.h"
#include "media/source.h"

struct avsp_window {
    struct avsp_piece_header header;
    struct avsp_source source;
    struct avsp_decoder decoder;
    struct avsp_deinterlacer *deinterlacer; ///< NULL: pictures are taken as they are
    AVPacket *pkt;
    AVFrame *decoded;
    AVFrame *
        before; ///< the last picture before the window, until one within comes; blank = there was none
    AVFrame *next; ///< a picture that waits for that one; blank = none does
    int64_t next_pts;
    bool is_over; ///< nothing is decoded any more
    bool began;   ///< a picture was given
    bool late;    ///< the first frames are missing: the next one was given for them
    bool
        is_held; ///< the first frames, or all, are missing: the picture before the window was given
    bool is_black;       ///< all are, and there was none: a black picture was given
    int64_t context_pts; ///< of the last frame that the deinterlacer was given; INT64_MIN = none
    int64_t last_pts;    ///< of the last frame that was taken, at first the window's start
    uint64_t n_frames;   ///< that were taken
    uint64_t n_left_out; ///< that a damaged source gave too many
};

/// @param arena  of the header's texts.
/// @return OK; INVALID not a piece of video, or its header contradicts itself; CORRUPT; UNSUPPORTED; NO_MEMORY.
enum avsp_code avsp_window_open(struct avsp_window *w, int input_fd, struct avsp_arena *arena,
                                struct avsp_err *err) AVSP_CHECKED;
/// Safe on a zeroed value.
void avsp_window_close(struct avsp_window *w);

/// When a picture is shown.
struct avsp_window_shown {
    int64_t pts;   ///< of its frame, in the piece's time base: decides the segment
    int64_t ticks; ///< on the timeline
};

/// @param frame  blank; receives a picture. @param ret_got  false: this was all.
enum avsp_code avsp_window_next(struct avsp_window *w, AVFrame *frame,
                                struct avsp_window_shown *ret_shown, bool *ret_got,
                                struct avsp_err *err) AVSP_CHECKED;

/// A time of the piece on the timeline.
int64_t avsp_window_ticks(const struct avsp_window *w, int64_t pts);

#endif
