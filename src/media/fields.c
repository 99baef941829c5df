#include "media/fields.h"

#include "core/avc.h"
#include "media/deinterlace.h"
#include "media/nal.h"

#define MPEG2_EXTENSION 0xb5
#define MPEG2_SEQUENCE_EXTENSION 1

static bool h264_allows(const AVCodecParameters *par)
{
    struct avsp_view sps = avsp_nal_sps(par);
    return avsp_avc_may_have_fields(sps.data, sps.len);
}

/// Is progressive_sequence 0 (ISO/IEC 13818-2, 6.2.2.3)?
static bool mpeg2_allows(const AVCodecParameters *par)
{
    const uint8_t *d = par->extradata;
    for (int i = 0; i + 5 < par->extradata_size; i++)
        if (d[i] == 0 && d[i + 1] == 0 && d[i + 2] == 1 && d[i + 3] == MPEG2_EXTENSION &&
            d[i + 4] >> 4 == MPEG2_SEQUENCE_EXTENSION)
            return (d[i + 5] & 0x08) == 0;
    return false;
}

/// Decoders that give interlaced pictures without a mark: what is uncompressed, or coded as if it were one picture.
static bool is_unmarked(enum AVCodecID id)
{
    switch (id) {
    case AV_CODEC_ID_V210:
    case AV_CODEC_ID_V308:
    case AV_CODEC_ID_V410:
    case AV_CODEC_ID_R210:
    case AV_CODEC_ID_R10K:
    case AV_CODEC_ID_QTRLE:
    case AV_CODEC_ID_PNG:
    case AV_CODEC_ID_CFHD:
        return true;
    default:
        return false;
    }
}

enum avsp_fields avsp_fields_of(const AVCodecParameters *par, const struct avsp_glance *glance)
{
    if (par->width < AVSP_DEINTERLACE_MIN_PX || par->height < AVSP_DEINTERLACE_MIN_PX)
        return AVSP_FIELDS_NONE;
    if (glance->n_interlaced > 0 || (par->codec_id == AV_CODEC_ID_H264 && h264_allows(par)) ||
        (par->codec_id == AV_CODEC_ID_MPEG2VIDEO && mpeg2_allows(par)))
        return AVSP_FIELDS_FLAGGED;
    if (!is_unmarked(par->codec_id))
        return AVSP_FIELDS_NONE;
    switch (par->field_order) {
    case AV_FIELD_TT:
    case AV_FIELD_BT:
        return AVSP_FIELDS_TOP_FIRST;
    case AV_FIELD_BB:
    case AV_FIELD_TB:
        return AVSP_FIELDS_BOTTOM_FIRST;
    default:
        return AVSP_FIELDS_NONE;
    }
}

void avsp_fields_decide(const AVCodecParameters *par, const struct avsp_glance *glance,
                        enum avsp_deinterlace wanted, struct avsp_piece_header *header)
{
    header->fields = AVSP_FIELDS_NONE;
    if (wanted != AVSP_DEINTERLACE_OFF)
        header->fields = avsp_fields_of(par, glance);
    // What only may have fields keeps its rate: twice of it would be a lie for all of a film.
    bool seen = header->fields > AVSP_FIELDS_FLAGGED || glance->n_interlaced > 0;
    header->field_rate = wanted == AVSP_DEINTERLACE_FIELDS && seen;
}
