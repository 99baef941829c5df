#include "media/dolby.h"

#include <libavutil/dovi_meta.h>
#include <string.h>

#define PROFILE_BLU_RAY 7 ///< its base layer is HDR10, whatever the compatibility id says

static const char *base_of(const AVDOVIDecoderConfigurationRecord *config)
{
    if (config->dv_profile == PROFILE_BLU_RAY)
        return "HDR10";
    switch (config->dv_bl_signal_compatibility_id) {
    case 1:
    case 6:
        return "HDR10";
    case 2:
        return "SDR";
    case 4:
        return "HLG";
    default:
        return NULL;
    }
}

struct avsp_dolby avsp_dolby_of(const AVStream *stream)
{
    size_t len = 0;
    const void *data = av_stream_get_side_data(stream, AV_PKT_DATA_DOVI_CONF, &len);
    const AVDOVIDecoderConfigurationRecord *config = data;
    if (config == NULL || len < sizeof *config)
        return (struct avsp_dolby){0};
    return (struct avsp_dolby){
        .present = true, .profile = config->dv_profile, .base = base_of(config)};
}

void avsp_dolby_colors(const struct avsp_dolby *dolby, struct avsp_piece_header *header)
{
    if (dolby->base == NULL || header->color_transfer != AVCOL_TRC_UNSPECIFIED)
        return;
    if (strcmp(dolby->base, "HDR10") == 0)
        header->color_transfer = AVCOL_TRC_SMPTE2084;
    else if (strcmp(dolby->base, "HLG") == 0)
        header->color_transfer = AVCOL_TRC_ARIB_STD_B67;
}
