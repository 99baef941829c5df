#include "media/encode_av1.h"

#include "core/ladder.h"
#include "media/hdr.h"

#include <libavutil/opt.h>

#define PARAMS_MAX_BYTES 512

int avsp_av1_set(AVCodecContext *enc, const struct avsp_encoder_options *options)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) params;
    avsp_buf_init(&params, PARAMS_MAX_BYTES);
    uint64_t pixels = (uint64_t)enc->width * (uint64_t)enc->height;
    avsp_buf_printf(&params, "lp=%u", avsp_ladder_av1_threads(pixels, options->threads));
    avsp_hdr_put_params(&options->format->hdr, &params);
    if (options->film_grain > 0)
        avsp_buf_printf(&params, ":film-grain=%d", options->film_grain);
    struct avsp_err full = {0};
    if (avsp_buf_check(&params, &full) != AVSP_OK)
        return AVERROR(ENOMEM);
    int rc = av_opt_set_int(enc->priv_data, "crf", options->crf, 0);
    if (rc >= 0)
        rc = av_opt_set_int(enc->priv_data, "preset", options->preset, 0);
    if (rc >= 0)
        rc = av_opt_set(enc->priv_data, "svtav1-params", avsp_buf_text(&params), 0);
    return rc;
}
