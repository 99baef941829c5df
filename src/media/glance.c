#include "media/glance.h"

#include "media/hdr.h"

#include <libavutil/pixdesc.h>
#include <string.h>

void avsp_glance_init(struct avsp_glance *glance)
{
    *glance = (struct avsp_glance){.first_pts = AV_NOPTS_VALUE};
}

static bool has(const AVFrame *frame, enum AVFrameSideDataType type)
{
    return av_frame_get_side_data(frame, type) != NULL;
}

/// Is a pixel of a picture with a palette, or with 8 bits of alpha beside its colors, not opaque?
static bool has_clear_pixels(const AVFrame *frame)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    bool has_palette = frame->format == AV_PIX_FMT_PAL8 && frame->data[1] != NULL;
    bool is_packed = format != NULL && (format->flags & AV_PIX_FMT_FLAG_RGB) != 0 &&
                     format->nb_components == 4 && format->comp[3].plane == 0 &&
                     format->comp[3].depth == 8;
    if (!has_palette && !is_packed)
        return false;
    uint32_t colors[AVPALETTE_COUNT] = {0};
    if (has_palette)
        memcpy(colors, frame->data[1], sizeof colors);
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *line = frame->data[0] + y * (ptrdiff_t)frame->linesize[0];
        for (int x = 0; x < frame->width; x++) {
            uint32_t alpha = has_palette ? colors[line[x]] >> 24
                                         : line[x * format->comp[3].step + format->comp[3].offset];
            if (alpha != UINT8_MAX)
                return true;
        }
    }
    return false;
}

void avsp_glance_at(struct avsp_glance *glance, const AVFrame *frame)
{
    if (glance->n_pictures == 0)
        glance->first_pts = frame->pts;
    glance->n_pictures++;
    glance->n_interlaced += frame->interlaced_frame != 0;
    avsp_hdr_of_frame(frame, &glance->hdr);
    if (has(frame, AV_FRAME_DATA_DYNAMIC_HDR_PLUS))
        glance->has_hdr10_plus = true;
    if (has(frame, AV_FRAME_DATA_DOVI_RPU_BUFFER) || has(frame, AV_FRAME_DATA_DOVI_METADATA))
        glance->has_dolby_vision = true;
    if (has(frame, AV_FRAME_DATA_A53_CC))
        glance->has_captions = true;
    glance->has_clear_pixels = glance->has_clear_pixels || has_clear_pixels(frame);
}

void avsp_glance_merge(struct avsp_glance *glance, const struct avsp_glance *other)
{
    avsp_hdr_add(&glance->hdr, &other->hdr);
    glance->n_interlaced += other->n_interlaced;
    glance->has_hdr10_plus = glance->has_hdr10_plus || other->has_hdr10_plus;
    glance->has_dolby_vision = glance->has_dolby_vision || other->has_dolby_vision;
    glance->has_captions = glance->has_captions || other->has_captions;
    glance->has_clear_pixels = glance->has_clear_pixels || other->has_clear_pixels;
}
