#include "media/glance.h"

#include "media/hdr.h"

void avsp_glance_init(struct avsp_glance *glance)
{
    *glance = (struct avsp_glance){.first_pts = AV_NOPTS_VALUE};
}

static bool has(const AVFrame *frame, enum AVFrameSideDataType type)
{
    return av_frame_get_side_data(frame, type) != NULL;
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
}

void avsp_glance_merge(struct avsp_glance *glance, const struct avsp_glance *other)
{
    avsp_hdr_add(&glance->hdr, &other->hdr);
    glance->n_interlaced += other->n_interlaced;
    glance->has_hdr10_plus = glance->has_hdr10_plus || other->has_hdr10_plus;
    glance->has_dolby_vision = glance->has_dolby_vision || other->has_dolby_vision;
    glance->has_captions = glance->has_captions || other->has_captions;
}
