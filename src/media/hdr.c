#include "media/hdr.h"

#include <libavutil/mastering_display_metadata.h>
#include <string.h>

enum { RED, GREEN, BLUE, WHITE, N_POINTS };
#define MIN_LUMINANCE AVSP_MASTERING_COLORS
#define MAX_LUMINANCE (MIN_LUMINANCE + 1)

/// Takes one value. @return is it from 0 to @p max?
static bool take_value(AVRational from, int max, struct avsp_rational *ret_value)
{
    *ret_value = (struct avsp_rational){from.num, from.den};
    return from.den > 0 && from.num >= 0 && from.num <= (int64_t)from.den * max;
}

static void take_mastering(const void *data, size_t len, struct avsp_hdr *hdr)
{
    const AVMasteringDisplayMetadata *from = data;
    if (hdr->has_mastering || data == NULL || len < sizeof *from || !from->has_primaries ||
        !from->has_luminance)
        return;
    bool sound = true;
    for (size_t i = 0; i < AVSP_MASTERING_COLORS; i++) {
        const AVRational *point =
            i / 2 == WHITE ? from->white_point : from->display_primaries[i / 2];
        sound = take_value(point[i % 2], 1, &hdr->mastering[i]) && sound;
    }
    sound = take_value(from->min_luminance, AVSP_NITS_MAX, &hdr->mastering[MIN_LUMINANCE]) && sound;
    sound = take_value(from->max_luminance, AVSP_NITS_MAX, &hdr->mastering[MAX_LUMINANCE]) && sound;
    hdr->has_mastering = sound && av_cmp_q(from->min_luminance, from->max_luminance) < 0;
}

static void take_light(const void *data, size_t len, struct avsp_hdr *hdr)
{
    const AVContentLightMetadata *from = data;
    if (hdr->has_light || data == NULL || len < sizeof *from || from->MaxCLL > UINT16_MAX ||
        from->MaxFALL > UINT16_MAX || (from->MaxCLL == 0 && from->MaxFALL == 0))
        return;
    hdr->has_light = true;
    hdr->max_cll = from->MaxCLL;
    hdr->max_fall = from->MaxFALL;
}

void avsp_hdr_of_stream(const AVStream *stream, struct avsp_hdr *hdr)
{
    size_t len = 0;
    const void *data =
        av_stream_get_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &len);
    take_mastering(data, len, hdr);
    data = av_stream_get_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &len);
    take_light(data, len, hdr);
}

void avsp_hdr_of_frame(const AVFrame *frame, struct avsp_hdr *hdr)
{
    const AVFrameSideData *data =
        av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
    if (data != NULL)
        take_mastering(data->data, data->size, hdr);
    data = av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    if (data != NULL)
        take_light(data->data, data->size, hdr);
}

void avsp_hdr_add(struct avsp_hdr *hdr, const struct avsp_hdr *other)
{
    struct avsp_hdr sum = *other;
    if (hdr->has_mastering) {
        sum.has_mastering = true;
        memcpy(sum.mastering, hdr->mastering, sizeof sum.mastering);
    }
    if (hdr->has_light) {
        sum.has_light = true;
        sum.max_cll = hdr->max_cll;
        sum.max_fall = hdr->max_fall;
    }
    *hdr = sum;
}

static double number(const struct avsp_hdr *hdr, size_t i)
{
    return (double)hdr->mastering[i].num / hdr->mastering[i].den;
}

void avsp_hdr_put_params(const struct avsp_hdr *hdr, struct avsp_buf *buf)
{
    if (hdr->has_mastering || hdr->has_light)
        avsp_buf_puts(buf, ":enable-hdr=1");
    if (hdr->has_mastering) {
        static const struct {
            const char *name;
            size_t point;
        } order[N_POINTS] = {{"G", GREEN}, {"B", BLUE}, {"R", RED}, {"WP", WHITE}};
        avsp_buf_puts(buf, ":mastering-display=");
        for (size_t i = 0; i < N_POINTS; i++)
            avsp_buf_printf(buf, "%s(%.9f,%.9f)", order[i].name, number(hdr, 2 * order[i].point),
                            number(hdr, 2 * order[i].point + 1));
        avsp_buf_printf(buf, "L(%.9f,%.9f)", number(hdr, MAX_LUMINANCE),
                        number(hdr, MIN_LUMINANCE));
    }
    if (hdr->has_light)
        avsp_buf_printf(buf, ":content-light=%u,%u", hdr->max_cll, hdr->max_fall);
}

static AVRational value(const struct avsp_hdr *hdr, size_t i)
{
    return (AVRational){hdr->mastering[i].num, hdr->mastering[i].den};
}

static int attach_mastering(const struct avsp_hdr *hdr, AVStream *stream)
{
    AVMasteringDisplayMetadata *to = av_mastering_display_metadata_alloc();
    if (to == NULL)
        return AVERROR(ENOMEM);
    for (size_t i = 0; i < AVSP_MASTERING_COLORS; i++) {
        AVRational *point = i / 2 == WHITE ? to->white_point : to->display_primaries[i / 2];
        point[i % 2] = value(hdr, i);
    }
    to->min_luminance = value(hdr, MIN_LUMINANCE);
    to->max_luminance = value(hdr, MAX_LUMINANCE);
    to->has_primaries = to->has_luminance = 1;
    int rc = av_stream_add_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, (uint8_t *)to,
                                     sizeof *to);
    if (rc < 0)
        av_free(to);
    return rc;
}

int avsp_hdr_attach(const struct avsp_hdr *hdr, AVStream *stream)
{
    int rc = hdr->has_mastering ? attach_mastering(hdr, stream) : 0;
    if (rc < 0 || !hdr->has_light)
        return rc;
    size_t len = 0;
    AVContentLightMetadata *to = av_content_light_metadata_alloc(&len);
    if (to == NULL)
        return AVERROR(ENOMEM);
    to->MaxCLL = hdr->max_cll;
    to->MaxFALL = hdr->max_fall;
    rc = av_stream_add_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, (uint8_t *)to, len);
    if (rc < 0)
        av_free(to);
    return rc;
}
