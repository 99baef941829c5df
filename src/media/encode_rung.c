#include "media/encode_rung.h"

#include "core/av1.h"
#include "core/avc.h"

#include <inttypes.h>
#include <string.h>

#define INIT_MAX_BYTES 65536
#define INIT_NAME_BYTES 24
/// More frames than a segment can have, so that it is one GOP.
#define GOP_FRAMES (1 << 20)

enum avsp_code avsp_encode_rung_open(struct avsp_encode_rung *rung,
                                     const struct avsp_piece_header *header,
                                     const struct avsp_ladder_rung *plan,
                                     const struct avsp_step *step, struct avsp_control *ctl,
                                     struct avsp_err *err)
{
    *rung = (struct avsp_encode_rung){
        .plan = *plan, .threads = 1, .step = step, .header = header, .ctl = ctl};
    avsp_buf_init(&rung->init, INIT_MAX_BYTES);
    rung->made = av_frame_alloc();
    if (rung->made == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for frames");
    const struct avsp_picture_size size = {plan->width_px, plan->height_px};
    enum avsp_picture_kind kind = plan->codec == AVSP_CODEC_H264 ? AVSP_PICTURE_SDR_8
                                  : plan->sdr                    ? AVSP_PICTURE_SDR
                                                                 : AVSP_PICTURE_AS_IS;
    return avsp_picture_new(header, &size, kind, &rung->picture, err);
}

bool avsp_encode_rung_pair(struct avsp_encode_rung *rung, struct avsp_encode_rung *twin)
{
    const struct avsp_picture_format *a = avsp_picture_get_format(rung->picture);
    const struct avsp_picture_format *b = avsp_picture_get_format(twin->picture);
    // Of one source, so that tones are mapped where they differ from the source's.
    if (rung->twin != NULL || a->width_px != b->width_px || a->height_px != b->height_px ||
        a->pix_fmt != b->pix_fmt || a->transfer != b->transfer)
        return false;
    rung->twin = twin;
    return true;
}

void avsp_encode_rung_close(struct avsp_encode_rung *rung)
{
    avsp_encode_segment_free(&rung->segment);
    avsp_picture_free(&rung->picture);
    av_frame_free(&rung->made);
    avsp_buf_deinit(&rung->init);
}

static const char *video_range(enum AVColorTransferCharacteristic transfer)
{
    switch (transfer) {
    case AVCOL_TRC_SMPTE2084:
        return "PQ";
    case AVCOL_TRC_ARIB_STD_B67:
        return "HLG";
    default:
        return "SDR";
    }
}

static enum avsp_code find_codecs(const struct avsp_encode_rung *rung,
                                  char ret_codecs[AVSP_AV1_CODECS_BYTES], struct avsp_err *err)
{
    bool is_av1 = rung->plan.codec == AVSP_CODEC_AV1;
    const char *type = is_av1 ? "av1C" : "avcC";
    const uint8_t *config = NULL;
    size_t len = 0;
    if (!avsp_fmp4_find_box(&rung->init, type, &config, &len))
        return avsp_err_set(err, AVSP_INTERNAL, "the init segment has no %s box", type);
    enum avsp_code rc = is_av1 ? avsp_av1_codecs(config, len, ret_codecs, err)
                               : avsp_avc_codecs("avc1", config, len, ret_codecs, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "the init segment");
}

static enum avsp_code report_rendition(struct avsp_encode_rung *rung, struct avsp_err *err)
{
    char codecs[AVSP_AV1_CODECS_BYTES];
    enum avsp_code rc = find_codecs(rung, codecs, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_fmp4_file file = {0};
    char init_name[INIT_NAME_BYTES];
    snprintf(init_name, sizeof init_name, "%s-init.mp4", rung->plan.name);
    rc = avsp_fmp4_save(init_name, rung->init.data, rung->init.len, &file, err);
    if (rc != AVSP_OK)
        return rc;
    const struct avsp_picture_format *fmt = avsp_picture_get_format(rung->picture);
    struct avsp_report report = {
        .kind = AVSP_REPORT_RENDITION,
        .rendition =
            {
                .name = rung->plan.name,
                .kind = AVSP_MEDIA_VIDEO,
                .init_name = init_name,
                .init_bytes = file.bytes,
                .init_sha256 = file.sha256,
                .codecs = codecs,
                .timescale = rung->header->timescale,
                .width_px = (uint32_t)fmt->width_px,
                .height_px = (uint32_t)fmt->height_px,
                .frame_rate = rung->header->frame_rate,
                .video_range = video_range(fmt->transfer),
                .language = "und",
                .title = "",
            },
    };
    return avsp_control_report(rung->ctl, &report, err);
}

/// The init segment is one for all segments of a job: the first one's is kept and told, the others' are compared.
static enum avsp_code check_init(struct avsp_encode_rung *rung, struct avsp_err *err)
{
    const struct avsp_buf *init = avsp_encode_segment_init(rung->segment);
    if (rung->init.len == 0) {
        avsp_buf_append(&rung->init, init->data, init->len);
        enum avsp_code rc = avsp_buf_check(&rung->init, err);
        return rc == AVSP_OK ? report_rendition(rung, err) : rc;
    }
    if (rung->init.len == init->len && memcmp(rung->init.data, init->data, init->len) == 0)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INTERNAL, "the encoder gave another init segment than before");
}

enum avsp_code avsp_encode_rung_flush(struct avsp_encode_rung *rung, struct avsp_err *err)
{
    enum avsp_code rc = avsp_encode_segment_flush(rung->segment, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "%s", rung->plan.name);
}

enum avsp_code avsp_encode_rung_end(struct avsp_encode_rung *rung, int64_t end_ticks,
                                    struct avsp_err *err)
{
    uint32_t idx = avsp_encode_segment_idx(rung->segment);
    struct avsp_encode_facts facts = {0};
    enum avsp_code rc = avsp_encode_segment_end(rung->segment, end_ticks, &facts, err);
    if (rc == AVSP_OK)
        rc = check_init(rung, err);
    avsp_encode_segment_free(&rung->segment);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "%s, segment %" PRIu32, rung->plan.name, idx);
    struct avsp_report report = {
        .kind = AVSP_REPORT_SEGMENT,
        .segment =
            {
                .rendition = rung->plan.name,
                .idx = idx,
                .name = facts.name,
                .start_ticks = facts.start_ticks,
                .duration_ticks = facts.duration_ticks,
                .frames = facts.frames,
                .bytes = facts.file.bytes,
                .key_bytes = facts.key_bytes,
                .sha256 = facts.file.sha256,
            },
    };
    return avsp_control_report(rung->ctl, &report, err);
}

enum avsp_code avsp_encode_rung_begin(struct avsp_encode_rung *rung, uint32_t idx,
                                      struct avsp_err *err)
{
    struct avsp_encoder_options options = {
        .codec = rung->plan.codec,
        .format = avsp_picture_get_format(rung->picture),
        .timescale = rung->header->timescale,
        .frame_rate = rung->header->frame_rate,
        .crf = rung->plan.crf,
        .preset = rung->plan.preset,
        .film_grain = rung->step->picture.film_grain,
        .threads = rung->threads,
        .gop_frames = GOP_FRAMES,
    };
    enum avsp_code rc =
        avsp_encode_segment_begin(&options, rung->plan.name, idx, &rung->segment, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "%s, segment %" PRIu32, rung->plan.name, idx);
}

enum avsp_code avsp_encode_rung_add(struct avsp_encode_rung *rung, const AVFrame *picture,
                                    int64_t ticks, struct avsp_err *err)
{
    enum avsp_code rc = avsp_picture_make(rung->picture, picture, rung->made, err);
    if (rc != AVSP_OK)
        return rc;
    rung->made->pts = ticks;
    rc = avsp_encode_segment_add(rung->segment, rung->made, err);
    if (rc == AVSP_OK && rung->twin != NULL)
        rc = avsp_encode_segment_add(rung->twin->segment, rung->made, err);
    av_frame_unref(rung->made);
    return rc;
}
