/// Interlaced frames → whole pictures: libavfilter's bwdif, frame after frame.
///
///     struct avsp_deinterlacer *AVSP_CLEANUP(avsp_deinterlacer_free) d = avsp_deinterlacer_new(fields, field_rate, err);
///     avsp_deinterlacer_send(d, frame, err);                        // NULL: there are no more
///     while (avsp_deinterlacer_receive(d, out, &from)) …
///
/// A picture is made from its frame, the one before and the one after, so it comes out when the next frame goes in. Frames that
/// are not interlaced pass through as they are. What comes out follows from these three frames alone, but for the first frame of all: where it
/// is no more than context (AVSP_DEINTERLACE_CONTEXT frames before the first one that counts), the rest is as if the whole
/// source had gone through. One thread at a time.
#ifndef AVSP_MEDIA_DEINTERLACE_H
#define AVSP_MEDIA_DEINTERLACE_H

#include "core/piece.h"

#include <libavutil/frame.h>

#define AVSP_DEINTERLACE_CONTEXT 2 ///< frames
#define AVSP_DEINTERLACE_MIN_PX 4  ///< smaller pictures are not deinterlaced: bwdif takes none

struct avsp_deinterlacer;

/// @param fields      not NONE.
/// @param field_rate  two pictures from each interlaced frame, else one.
/// @return free with avsp_deinterlacer_free; NULL no memory.
struct avsp_deinterlacer *avsp_deinterlacer_new(enum avsp_fields fields, bool field_rate,
                                                struct avsp_err *err) AVSP_CHECKED;
void avsp_deinterlacer_free(struct avsp_deinterlacer **d);

/// @param frame      borrowed; its pts grow. Its size and format may change: what came before is then brought to its end.
/// @param is_context  the first frame of all, and not the source's first: what comes after it leans on it as on any other.
/// @return OK; UNSUPPORTED this FFmpeg has no bwdif, or it does not take such pictures; NO_MEMORY.
enum avsp_code avsp_deinterlacer_send(struct avsp_deinterlacer *d, const AVFrame *frame,
                                      bool is_context, struct avsp_err *err) AVSP_CHECKED;

/// Where a picture comes from.
struct avsp_deinterlaced {
    int64_t pts;      ///< of its frame
    bool is_second;   ///< the field that is shown later
    bool has_next;    ///< the next is known
    int64_t next_pts; ///< of the frame after it
};

/// @param out  blank; receives a reference. Its pts is not set. @return false: none is ready.
bool avsp_deinterlacer_receive(struct avsp_deinterlacer *d, AVFrame *out,
                               struct avsp_deinterlaced *ret_from) AVSP_CHECKED;

#endif
