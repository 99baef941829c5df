#include "media/fit.h"

#include "media/averr.h"

#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#define HALF_SAMPLE 128

void avsp_fit_deinit(struct avsp_fit *fit)
{
    sws_freeContext(fit->sws);
    fit->sws = NULL;
    av_frame_free(&fit->scaled);
}

enum AVPixelFormat avsp_fit_plain_format(int format, bool *ret_full_range)
{
    static const struct {
        enum AVPixelFormat full, plain;
    } formats[] = {
        {AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P}, {AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P},
        {AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P}, {AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUV440P},
        {AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV411P},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(formats); i++) {
        if (format == (int)formats[i].full) {
            *ret_full_range = true;
            return formats[i].plain;
        }
    }
    return (enum AVPixelFormat)format;
}

/// swscale's tables for a matrix; it has none for the rarer ones, and is told BT.709's on both sides for them, which only
/// matters for RGB sources.
static const int *coefficients(enum AVColorSpace matrix)
{
    switch (matrix) {
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_SMPTE240M:
    case AVCOL_SPC_BT2020_NCL:
        return sws_getCoefficients((int)matrix);
    default:
        return sws_getCoefficients(SWS_CS_ITU709);
    }
}

/// Where chroma samples lie between luma samples, in 1/256 of their distance.
static int set_chroma_positions(struct SwsContext *sws, enum AVChromaLocation location)
{
    bool center = location == AVCHROMA_LOC_CENTER || location == AVCHROMA_LOC_TOP ||
                  location == AVCHROMA_LOC_BOTTOM;
    bool top = location == AVCHROMA_LOC_TOPLEFT || location == AVCHROMA_LOC_TOP;
    bool bottom = location == AVCHROMA_LOC_BOTTOMLEFT || location == AVCHROMA_LOC_BOTTOM;
    static const char *const across[] = {"src_h_chr_pos", "dst_h_chr_pos"};
    static const char *const down[] = {"src_v_chr_pos", "dst_v_chr_pos"};
    int av = 0;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(across) && av >= 0; i++) {
        av = av_opt_set_int(sws, across[i], center ? HALF_SAMPLE : 0, 0);
        if (av >= 0)
            av = av_opt_set_int(sws, down[i], top ? 0 : bottom ? 2 * HALF_SAMPLE : HALF_SAMPLE, 0);
    }
    return av;
}

/// Accurate rounding and bit-exact code paths give the same bytes with and without AVX2.
static int set_scaler(struct SwsContext *sws, const AVFrame *in, enum AVPixelFormat format,
                      int width, int height, const struct avsp_fit_target *to)
{
    const struct {
        const char *name;
        int64_t value;
    } options[] = {
        {"srcw", in->width},
        {"srch", in->height},
        {"src_format", format},
        {"dstw", width},
        {"dsth", height},
        {"dst_format", to->pix_fmt},
        {"sws_flags",
         SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP},
    };
    int av = set_chroma_positions(sws, to->chroma_location);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(options) && av >= 0; i++)
        av = av_opt_set_int(sws, options[i].name, options[i].value, 0);
    return av;
}

struct SwsContext *avsp_fit_scaler(const AVFrame *in, int width, int height,
                                   const struct avsp_fit_target *to)
{
    bool full_range = to->source_full_range;
    enum AVPixelFormat format = avsp_fit_plain_format(in->format, &full_range);
    struct SwsContext *sws = sws_alloc_context();
    if (sws == NULL || set_scaler(sws, in, format, width, height, to) < 0 ||
        sws_init_context(sws, NULL, NULL) < 0) {
        sws_freeContext(sws);
        return NULL;
    }
    const int *table = coefficients(to->matrix);
    const int unity = 1 << 16; // swscale's 16.16 fixed point
    // A conversion without a matrix refuses the call and needs none.
    (void)sws_setColorspaceDetails(sws, table, full_range, table, to->full_range, 0, unity, unity);
    return sws;
}

static bool is_ratio(AVRational q)
{
    return q.num > 0 && q.den > 0;
}

/// Has the picture two fields that are to stay, and have both fields, there and here, whole lines of chroma?
static bool goes_by_fields(const struct avsp_fit_target *to, const AVFrame *in)
{
    const AVPixFmtDescriptor *from = av_pix_fmt_desc_get(in->format);
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(to->pix_fmt);
    return to->keeps_fields && in->interlaced_frame != 0 && from != NULL &&
           (from->flags & AV_PIX_FMT_FLAG_PAL) == 0 &&
           in->height % (2 << from->log2_chroma_h) == 0 &&
           to->height_px % (2 << format->log2_chroma_h) == 0;
}

/// The size that keeps the shape: as wide or as high as the target, in whole chroma samples.
static void find_inner_size(struct avsp_fit *fit, const AVFrame *in)
{
    const struct avsp_fit_target *to = &fit->to;
    AVRational out_sar = is_ratio(to->sample_aspect) ? to->sample_aspect : (AVRational){1, 1};
    AVRational in_sar = is_ratio(in->sample_aspect_ratio) ? in->sample_aspect_ratio : out_sar;
    AVRational stretch = av_div_q(in_sar, out_sar);
    int64_t width = av_rescale(in->width, stretch.num, stretch.den);
    int64_t fitted = width > 0 ? av_rescale(to->width_px, in->height, width) : to->height_px;
    fit->inner_width = to->width_px;
    fit->inner_height = (int)AVSP_MIN(fitted, (int64_t)to->height_px);
    if (fitted > to->height_px)
        fit->inner_width =
            (int)AVSP_MIN(av_rescale(width, to->height_px, in->height), (int64_t)to->width_px);
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(to->pix_fmt);
    int wide = 1 << format->log2_chroma_w;
    int high = (fit->by_fields ? 2 : 1) << format->log2_chroma_h;
    if (fit->inner_width < to->width_px)
        fit->inner_width = AVSP_MAX(fit->inner_width / wide * wide, wide);
    if (fit->inner_height < to->height_px)
        fit->inner_height = AVSP_MAX(fit->inner_height / high * high, high);
    fit->inner_width = AVSP_MIN(fit->inner_width, to->width_px);
    fit->inner_height = AVSP_MIN(fit->inner_height, to->height_px);
}

/// Makes the scaler for pictures like @p in, or for their fields.
static void make_scaler(struct avsp_fit *fit, const AVFrame *in)
{
    int n = fit->by_fields ? 2 : 1;
    AVFrame *AVSP_CLEANUP(av_frame_free) like = av_frame_alloc();
    if (like == NULL)
        return;
    like->width = in->width;
    like->height = in->height / n;
    like->format = in->format;
    fit->sws = avsp_fit_scaler(like, fit->inner_width, fit->inner_height / n, &fit->to);
}

/// Makes ready for pictures like @p in.
static int prepare(struct avsp_fit *fit, const AVFrame *in)
{
    bool by_fields = goes_by_fields(&fit->to, in);
    if (fit->sws != NULL && fit->sws_width == in->width && fit->sws_height == in->height &&
        fit->sws_format == in->format && fit->by_fields == by_fields)
        return 0;
    fit->by_fields = by_fields;
    find_inner_size(fit, in);
    sws_freeContext(fit->sws);
    fit->sws = NULL;
    av_frame_free(&fit->scaled);
    make_scaler(fit, in);
    if (fit->sws == NULL)
        return AVERROR(ENOSYS);
    fit->scaled = av_frame_alloc();
    if (fit->scaled == NULL)
        return AVERROR(ENOMEM);
    fit->scaled->width = fit->inner_width;
    fit->scaled->height = fit->inner_height;
    fit->scaled->format = fit->to.pix_fmt;
    int av = av_frame_get_buffer(fit->scaled, 0);
    if (av < 0)
        return av;
    fit->sws_width = in->width;
    fit->sws_height = in->height;
    fit->sws_format = in->format;
    return 0;
}

/// Scales the picture, or one of its fields after the other.
static int scale(const struct avsp_fit *fit, const AVFrame *in)
{
    int n = fit->by_fields ? 2 : 1;
    int av = 0;
    for (int field = 0; field < n && av >= 0; field++) {
        const uint8_t *from[4] = {NULL};
        uint8_t *to[4] = {NULL};
        int from_stride[4] = {0};
        int to_stride[4] = {0};
        for (int i = 0; i < 4; i++) {
            from_stride[i] = in->linesize[i] * n;
            to_stride[i] = fit->scaled->linesize[i] * n;
            from[i] = in->data[i] != NULL ? in->data[i] + (ptrdiff_t)field * in->linesize[i] : NULL;
            to[i] = fit->scaled->data[i] != NULL
                        ? fit->scaled->data[i] + (ptrdiff_t)field * fit->scaled->linesize[i]
                        : NULL;
        }
        av = sws_scale(fit->sws, from, from_stride, 0, in->height / n, to, to_stride);
    }
    return av;
}

/// Puts the scaled picture into the middle of @p out, which is black.
static int put_inside(const struct avsp_fit *fit, AVFrame *out)
{
    ptrdiff_t strides[4] = {out->linesize[0], out->linesize[1], out->linesize[2], out->linesize[3]};
    int av = av_image_fill_black(out->data, strides, fit->to.pix_fmt,
                                 fit->to.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG,
                                 out->width, out->height);
    if (av < 0)
        return av;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(fit->to.pix_fmt);
    int wide = 1 << format->log2_chroma_w;
    int high = 1 << format->log2_chroma_h;
    int x = (out->width - fit->inner_width) / 2 / wide * wide;
    int step = fit->by_fields ? 2 * high : high;
    int y = (out->height - fit->inner_height) / 2 / step * step;
    int steps[4] = {0};
    av_image_fill_max_pixsteps(steps, NULL, format);
    uint8_t *inside[4] = {NULL};
    for (int i = 0; i < 4 && out->data[i] != NULL; i++) {
        bool chroma = i == 1 || i == 2;
        int px = chroma ? x / wide : x;
        int py = chroma ? y / high : y;
        inside[i] = out->data[i] + (ptrdiff_t)py * out->linesize[i] + (ptrdiff_t)px * steps[i];
    }
    av_image_copy(inside, out->linesize, (const uint8_t **)fit->scaled->data, fit->scaled->linesize,
                  fit->to.pix_fmt, fit->inner_width, fit->inner_height);
    return 0;
}

enum avsp_code avsp_fit_make(struct avsp_fit *fit, const AVFrame *in, AVFrame *out,
                             struct avsp_err *err)
{
    int av = prepare(fit, in);
    if (av < 0) {
        const char *name = av_get_pix_fmt_name(in->format);
        return avsp_averr_set(err, av, "convert a picture of format %s", name != NULL ? name : "?");
    }
    out->width = fit->to.width_px;
    out->height = fit->to.height_px;
    out->format = fit->to.pix_fmt;
    av = scale(fit, in);
    if (av >= 0)
        av = av_frame_get_buffer(out, 0);
    if (av >= 0)
        av = put_inside(fit, out);
    if (av >= 0)
        av = av_frame_copy_props(out, in);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "scale a picture");
}
