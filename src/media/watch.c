#include "media/watch.h"

#include <limits.h>

enum avsp_code avsp_watch_init(struct avsp_watch *watch, const AVCodecParameters *par,
                               struct avsp_err *err)
{
    *watch = (struct avsp_watch){.parser = av_parser_init((int)par->codec_id)};
    if (watch->parser == NULL)
        return AVSP_OK;
    watch->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    watch->ctx = avcodec_alloc_context3(NULL);
    if (watch->ctx == NULL || avcodec_parameters_to_context(watch->ctx, par) < 0)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory to look into the video");
    return AVSP_OK;
}

void avsp_watch_deinit(struct avsp_watch *watch)
{
    if (watch->parser != NULL)
        av_parser_close(watch->parser);
    watch->parser = NULL;
    avcodec_free_context(&watch->ctx);
}

static void note_size(struct avsp_watch *watch, int width_px, int height_px)
{
    if (width_px < 1 || height_px < 1 ||
        (width_px == watch->width_px && height_px == watch->height_px))
        return;
    if (watch->width_px == 0) {
        watch->first_width_px = width_px;
        watch->first_height_px = height_px;
    } else {
        watch->n_changes++;
    }
    watch->width_px = width_px;
    watch->height_px = height_px;
}

bool avsp_watch_packet(struct avsp_watch *watch, const AVPacket *packet)
{
    if (watch->parser == NULL)
        return false;
    uint8_t *data = NULL;
    int size = 0;
    watch->parser->width = 0;
    watch->parser->height = 0;
    watch->parser->picture_structure = AV_PICTURE_STRUCTURE_UNKNOWN;
    watch->parser->pict_type = AV_PICTURE_TYPE_NONE;
    watch->parser->output_picture_number = INT_MIN;
    watch->parser->key_frame = 0;
    (void)av_parser_parse2(watch->parser, watch->ctx, &data, &size, packet->data, packet->size,
                           packet->pts, packet->dts, packet->pos);
    if ((packet->flags & AV_PKT_FLAG_KEY) != 0)
        note_size(watch, watch->parser->width, watch->parser->height);
    watch->order = watch->parser->output_picture_number;
    watch->has_order = watch->order != INT_MIN && (watch->ctx->codec_id == AV_CODEC_ID_H264 ||
                                                   watch->ctx->codec_id == AV_CODEC_ID_HEVC);
    watch->restarts = watch->parser->key_frame == 1 || (packet->flags & AV_PKT_FLAG_KEY) != 0;
    watch->is_b = watch->parser->pict_type == AV_PICTURE_TYPE_B;
    return watch->parser->picture_structure == AV_PICTURE_STRUCTURE_TOP_FIELD ||
           watch->parser->picture_structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
}
