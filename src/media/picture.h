/// From a decoded frame to the frame that the encoder takes: 4:2:0 of the job's bit depth, the job's size, upright.
///
///     struct avsp_picture *AVSP_CLEANUP(avsp_picture_free) pic = NULL;
///     avsp_picture_new(&header, &size, AVSP_PICTURE_AS_IS, &pic, err);
///     avsp_picture_make(pic, decoded, out, err);
///
/// The same frame gives the same bytes on every machine: swscale runs with its bit-exact flags, the rest is plain code (but for tone.h). A frame
/// that is already what the encoder takes is passed on without a copy. One thread at a time.
#ifndef AVSP_MEDIA_PICTURE_H
#define AVSP_MEDIA_PICTURE_H

#include "core/piece.h"

#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>

/// The encoder takes nothing smaller.
#define AVSP_PICTURE_MIN_PX 64

/// What all frames of a job look like once they are made: follows from the piece's header alone.
struct avsp_picture_format {
    int width_px;
    int height_px;
    enum AVPixelFormat pix_fmt;
    AVRational sample_aspect; ///< 0/1 = unknown
    enum AVColorPrimaries primaries;
    enum AVColorTransferCharacteristic transfer;
    enum AVColorSpace matrix;
    enum AVColorRange range;
    enum AVChromaLocation chroma_location;
    struct avsp_hdr hdr;
    bool cropped; ///< a row or a column of the source is left out, because 4:2:0 cannot take it
    bool padded;  ///< black was put around a picture that is too small
};

struct avsp_picture;

/// A size of pictures that stand upright.
struct avsp_picture_size {
    uint32_t width_px;
    uint32_t height_px;
};

/// The source's own size, upright, without the row or column that 4:2:0 has no place for.
struct avsp_picture_size avsp_picture_own_size(const struct avsp_piece_header *header);

/// What is made of tones and depth.
enum avsp_picture_kind {
    AVSP_PICTURE_AS_IS, ///< 8 or 10 bits, whatever the source has
    AVSP_PICTURE_SDR,   ///< HDR is tone mapped (tone.h), to 8 bits; the rest stays as it is
    AVSP_PICTURE_SDR_8, ///< likewise, and all have 8 bits
};

/// @param size  even; what pictures are scaled to. NULL = the source's own.
/// @param ret_pic returned: free with avsp_picture_free. @return OK; INVALID a size that is not one; NO_MEMORY.
enum avsp_code avsp_picture_new(const struct avsp_piece_header *header,
                                const struct avsp_picture_size *size, enum avsp_picture_kind kind,
                                struct avsp_picture **ret_pic, struct avsp_err *err) AVSP_CHECKED;
void avsp_picture_free(struct avsp_picture **pic);

/// Borrowed until free.
const struct avsp_picture_format *avsp_picture_get_format(const struct avsp_picture *pic);

/// @param in   borrowed; a video frame of any size and pixel format.
/// @param out  blank; receives references. Its pts is that of @p in.
/// @return OK; UNSUPPORTED a pixel format that cannot be converted; NO_MEMORY.
enum avsp_code avsp_picture_make(struct avsp_picture *pic, const AVFrame *in, AVFrame *out,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Fills in what the source leaves unsaid: BT.601 or BT.709 by size, or whatever its other values imply. The result is never
/// "unspecified", and legal in an AV1 4:2:0 stream.
void avsp_picture_colours(const struct avsp_piece_header *header, struct avsp_picture_format *fmt);

#endif
