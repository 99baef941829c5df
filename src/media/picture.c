#include "media/picture.h"

#include "media/averr.h"
#include "media/fit.h"
#include "media/plane.h"
#include "media/tone.h"

#include <libavutil/pixdesc.h>

#define MAX_PX 65536 ///< AV1's own limit (specification 5.5.1: 16 bits each)

struct avsp_picture {
    struct avsp_picture_format format;
    struct avsp_picture_format plain; ///< the same, before tones are mapped
    bool maps_tones;
    struct avsp_tone tone;
    int source_width; ///< of the coded picture, as the header has it
    int source_height;
    int kept_width; ///< even: what is left of it for 4:2:0
    int kept_height;
    int scaled_width; ///< even, before it is turned
    int scaled_height;
    int upright_width; ///< even, before black is put around it
    int upright_height;
    int rotation;
    bool hflip;
    struct SwsContext *sws; ///< for pictures of the source's size …
    int sws_format;         ///< … and this format
    struct avsp_fit fit;    ///< for those that have another size all at once

    AVFrame *scaled; ///< the three stages; their memory is used again once the encoder let go of it
    AVFrame *turned;
    AVFrame *padded;
};

static int even(uint32_t px)
{
    return (int)AVSP_MAX(px & ~1u, 2u);
}

/// AV1 knows two positions (specification 6.4.2), and turning a picture moves its chroma samples to places that neither names.
static enum AVChromaLocation chroma_location(const struct avsp_piece_header *header)
{
    bool turned = header->rotation != 0 || header->hflip;
    if (!turned && (header->chroma_location == AVCHROMA_LOC_LEFT ||
                    header->chroma_location == AVCHROMA_LOC_TOPLEFT))
        return (enum AVChromaLocation)header->chroma_location;
    return AVCHROMA_LOC_UNSPECIFIED;
}

static bool is_sideways(const struct avsp_piece_header *header)
{
    return header->rotation == 90 || header->rotation == 270;
}

struct avsp_picture_size avsp_picture_own_size(const struct avsp_piece_header *header)
{
    uint32_t width = (uint32_t)even(header->width_px);
    uint32_t height = (uint32_t)even(header->height_px);
    return is_sideways(header) ? (struct avsp_picture_size){height, width}
                               : (struct avsp_picture_size){width, height};
}

static bool is_hdr(enum AVColorTransferCharacteristic transfer)
{
    return transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67;
}

static void set_format(struct avsp_picture *pic, const struct avsp_piece_header *header)
{
    struct avsp_picture_format *fmt = &pic->format;
    bool sideways = is_sideways(header);
    pic->upright_width = sideways ? pic->scaled_height : pic->scaled_width;
    pic->upright_height = sideways ? pic->scaled_width : pic->scaled_height;
    fmt->width_px = AVSP_MAX(pic->upright_width, AVSP_PICTURE_MIN_PX);
    fmt->height_px = AVSP_MAX(pic->upright_height, AVSP_PICTURE_MIN_PX);
    fmt->padded = fmt->width_px != pic->upright_width || fmt->height_px != pic->upright_height;
    fmt->cropped = (header->width_px | header->height_px) & 1;
    fmt->pix_fmt = header->bit_depth > 8 ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
    fmt->sample_aspect = (AVRational){0, 1};
    if (header->sample_aspect.num > 0 && header->sample_aspect.den > 0)
        fmt->sample_aspect =
            sideways ? (AVRational){header->sample_aspect.den, header->sample_aspect.num}
                     : (AVRational){header->sample_aspect.num, header->sample_aspect.den};
    avsp_picture_colours(header, fmt);
    fmt->chroma_location = chroma_location(header);
    if (is_hdr(fmt->transfer))
        fmt->hdr = header->hdr;
}

/// What tone mapping makes of it.
static void set_sdr(struct avsp_picture *pic, const struct avsp_piece_header *header)
{
    struct avsp_picture_format *fmt = &pic->format;
    pic->tone.hdr = header->hdr;
    fmt->pix_fmt = AV_PIX_FMT_YUV420P;
    fmt->primaries = AVCOL_PRI_BT709;
    fmt->transfer = AVCOL_TRC_BT709;
    fmt->matrix = AVCOL_SPC_BT709;
    fmt->range = AVCOL_RANGE_MPEG;
    fmt->chroma_location = AVCHROMA_LOC_LEFT;
    fmt->hdr = (struct avsp_hdr){0};
}

enum avsp_code avsp_picture_new(const struct avsp_piece_header *header,
                                const struct avsp_picture_size *size, enum avsp_picture_kind kind,
                                struct avsp_picture **ret_pic, struct avsp_err *err)
{
    if (header->width_px < 1 || header->height_px < 1 || header->width_px > MAX_PX ||
        header->height_px > MAX_PX)
        return avsp_err_set(err, AVSP_INVALID, "a picture of %u by %u pixels", header->width_px,
                            header->height_px);
    struct avsp_picture *AVSP_CLEANUP(avsp_picture_free) pic = calloc(1, sizeof *pic);
    if (pic == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for pictures");
    pic->source_width = (int)header->width_px;
    pic->source_height = (int)header->height_px;
    struct avsp_picture_size to = size != NULL ? *size : avsp_picture_own_size(header);
    pic->kept_width = even(header->width_px);
    pic->kept_height = even(header->height_px);
    pic->scaled_width = (int)(is_sideways(header) ? to.height_px : to.width_px);
    pic->scaled_height = (int)(is_sideways(header) ? to.width_px : to.height_px);
    pic->rotation = header->rotation;
    pic->hflip = header->hflip;
    set_format(pic, header);
    pic->maps_tones = kind != AVSP_PICTURE_AS_IS && avsp_piece_is_hdr(header);
    if (kind == AVSP_PICTURE_SDR_8 && !pic->maps_tones)
        pic->format.pix_fmt = AV_PIX_FMT_YUV420P;
    pic->plain = pic->format;
    if (pic->maps_tones)
        set_sdr(pic, header);
    pic->fit.to = (struct avsp_fit_target){
        .width_px = pic->scaled_width,
        .height_px = pic->scaled_height,
        .pix_fmt = pic->plain.pix_fmt,
        .sample_aspect = {header->sample_aspect.num, header->sample_aspect.den},
        .chroma_location = (enum AVChromaLocation)header->chroma_location,
        .matrix = pic->plain.matrix,
        .source_full_range = header->full_range,
        .full_range = pic->plain.range == AVCOL_RANGE_JPEG,
    };
    pic->scaled = av_frame_alloc();
    pic->turned = av_frame_alloc();
    pic->padded = av_frame_alloc();
    if (pic->scaled == NULL || pic->turned == NULL || pic->padded == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for pictures");
    *ret_pic = pic;
    pic = NULL;
    return AVSP_OK;
}

void avsp_picture_free(struct avsp_picture **pic_ptr)
{
    struct avsp_picture *pic = *pic_ptr;
    if (pic == NULL)
        return;
    sws_freeContext(pic->sws);
    avsp_fit_deinit(&pic->fit);
    avsp_tone_deinit(&pic->tone);
    av_frame_free(&pic->scaled);
    av_frame_free(&pic->turned);
    av_frame_free(&pic->padded);
    free(pic);
    *pic_ptr = NULL;
}

const struct avsp_picture_format *avsp_picture_get_format(const struct avsp_picture *pic)
{
    return &pic->format;
}

/// Gives @p frame memory for a picture of this size, its own of the last time where nobody else holds it.
static int prepare(const struct avsp_picture *pic, AVFrame *frame, int width, int height)
{
    if (frame->buf[0] != NULL && av_frame_is_writable(frame) > 0)
        return 0;
    av_frame_unref(frame);
    frame->width = width;
    frame->height = height;
    frame->format = pic->plain.pix_fmt;
    return av_frame_get_buffer(frame, 0);
}

/// A side of one pixel is less than is kept of others: like another size, it is stretched.
static bool is_source_size(const struct avsp_picture *pic, const AVFrame *in)
{
    return in->width == pic->source_width && in->height == pic->source_height &&
           pic->kept_width <= in->width && pic->kept_height <= in->height;
}

/// Scales and converts @p view, which has the size that the header says.
static int convert(struct avsp_picture *pic, AVFrame *view)
{
    if (pic->sws == NULL || pic->sws_format != view->format) {
        sws_freeContext(pic->sws);
        pic->sws = avsp_fit_scaler(view, pic->scaled_width, pic->scaled_height, &pic->fit.to);
        pic->sws_format = view->format;
    }
    if (pic->sws == NULL)
        return AVERROR(ENOSYS);
    int av = prepare(pic, pic->scaled, pic->scaled_width, pic->scaled_height);
    if (av >= 0)
        av = sws_scale(pic->sws, (const uint8_t *const *)view->data, view->linesize, 0,
                       view->height, pic->scaled->data, pic->scaled->linesize);
    av_frame_unref(view);
    return av >= 0 ? av_frame_ref(view, pic->scaled) : av;
}

/// Puts a view of what is to be encoded into @p view: @p in as it is, or scaled and converted.
static enum avsp_code scale(struct avsp_picture *pic, const AVFrame *in, AVFrame *view,
                            struct avsp_err *err)
{
    if (!is_source_size(pic, in))
        return avsp_fit_make(&pic->fit, in, view, err);
    int av = av_frame_ref(view, in);
    if (av < 0)
        return avsp_averr_set(err, av, "reference a picture");
    bool full_range = pic->fit.to.source_full_range;
    enum AVPixelFormat plain = avsp_fit_plain_format(in->format, &full_range);
    // The row or column that 4:2:0 has no place for is left out on the right or at the bottom.
    view->width = pic->kept_width;
    view->height = pic->kept_height;
    if (plain == pic->plain.pix_fmt && view->width == pic->scaled_width &&
        view->height == pic->scaled_height && full_range == pic->fit.to.full_range) {
        view->format = plain;
        return AVSP_OK;
    }
    av = convert(pic, view);
    if (av >= 0)
        return AVSP_OK;
    const char *name = av_get_pix_fmt_name(in->format);
    return avsp_averr_set(err, av, "convert a picture of format %s", name != NULL ? name : "?");
}

/// Replaces @p view by a reference to @p stage.
static enum avsp_code show(AVFrame *view, const AVFrame *stage, struct avsp_err *err)
{
    av_frame_unref(view);
    int av = av_frame_ref(view, stage);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "reference a picture");
}

static enum avsp_code turn(struct avsp_picture *pic, AVFrame *view, struct avsp_err *err)
{
    if (pic->rotation == 0 && !pic->hflip)
        return AVSP_OK;
    int av = prepare(pic, pic->turned, pic->upright_width, pic->upright_height);
    if (av < 0)
        return avsp_averr_set(err, av, "turn a picture");
    avsp_plane_turn(view, pic->rotation, pic->hflip, pic->turned);
    return show(view, pic->turned, err);
}

static enum avsp_code pad(struct avsp_picture *pic, AVFrame *view, struct avsp_err *err)
{
    if (!pic->format.padded)
        return AVSP_OK;
    int av = prepare(pic, pic->padded, pic->format.width_px, pic->format.height_px);
    if (av < 0)
        return avsp_averr_set(err, av, "put black around a picture");
    avsp_plane_pad(view, pic->plain.range == AVCOL_RANGE_JPEG, pic->padded);
    return show(view, pic->padded, err);
}

/// Everything that the source's frame carried and the encoder must not act on goes away.
static void finish(const struct avsp_picture_format *format, const AVFrame *in, AVFrame *out)
{
    while (out->nb_side_data > 0)
        av_frame_remove_side_data(out, out->side_data[0]->type);
    out->pts = in->pts;
    out->pict_type = AV_PICTURE_TYPE_NONE;
    out->color_primaries = format->primaries;
    out->color_trc = format->transfer;
    out->colorspace = format->matrix;
    out->color_range = format->range;
    out->chroma_location = format->chroma_location;
    out->sample_aspect_ratio = format->sample_aspect;
}

enum avsp_code avsp_picture_make(struct avsp_picture *pic, const AVFrame *in, AVFrame *out,
                                 struct avsp_err *err)
{
    enum avsp_code rc = scale(pic, in, out, err);
    if (rc == AVSP_OK)
        rc = turn(pic, out, err);
    if (rc == AVSP_OK)
        rc = pad(pic, out, err);
    if (rc == AVSP_OK)
        finish(&pic->plain, in, out);
    if (rc == AVSP_OK && pic->maps_tones) {
        rc = avsp_tone_map(&pic->tone, out, err);
        finish(&pic->format, in, out);
    }
    if (rc != AVSP_OK)
        av_frame_unref(out);
    return rc;
}
