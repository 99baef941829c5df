/// Pictures whose size or pixel format changes in the middle of a video → one size and format. What they show keeps its
/// shape: they are scaled into the frame, and black fills what is left at the sides or above and below.
///
///     struct avsp_fit AVSP_CLEANUP(avsp_fit_deinit) fit = {.to = target};
///     avsp_fit_make(&fit, decoded, out, err);
///
/// The same picture gives the same bytes on every machine. One thread at a time.
#ifndef AVSP_MEDIA_FIT_H
#define AVSP_MEDIA_FIT_H

#include "util/err.h"

#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>

/// What all pictures become.
struct avsp_fit_target {
    int width_px;
    int height_px;
    enum AVPixelFormat pix_fmt;
    AVRational sample_aspect;              ///< 0/1 = unknown, taken as square
    enum AVChromaLocation chroma_location; ///< likewise; unspecified = left
    enum AVColorSpace matrix;              ///< of the source and of the result
    bool source_full_range;
    bool full_range;
    bool keeps_fields; ///< interlaced pictures stay so: each of their fields is scaled by itself
};

struct avsp_fit {
    struct avsp_fit_target to;
    struct SwsContext *sws; ///< for pictures like the last one
    int sws_width;
    int sws_height;
    int sws_format;
    bool by_fields;  ///< and they are interlaced
    int inner_width; ///< what the last one was scaled to
    int inner_height;
    AVFrame *scaled;
};

/// Safe on a zeroed value.
void avsp_fit_deinit(struct avsp_fit *fit);

/// @param in   borrowed; a video frame of any size and pixel format; its sample aspect ratio counts where it has one.
/// @param out  blank; receives a frame of the target's size and format, and the properties of @p in.
/// @return OK; UNSUPPORTED a pixel format that cannot be converted; NO_MEMORY.
enum avsp_code avsp_fit_make(struct avsp_fit *fit, const AVFrame *in, AVFrame *out,
                             struct avsp_err *err) AVSP_CHECKED;

/// A bit-exact scaler from pictures like @p in to @p width by @p height of the target's format.
/// @return free with sws_freeContext; NULL where swscale cannot convert it.
struct SwsContext *avsp_fit_scaler(const AVFrame *in, int width, int height,
                                   const struct avsp_fit_target *to);

/// The deprecated full-range formats as what they are: a plain format and a range.
/// @param ret_full_range  set to true for those, else left.
enum AVPixelFormat avsp_fit_plain_format(int format, bool *ret_full_range);

#endif
