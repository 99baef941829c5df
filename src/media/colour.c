#include "media/picture.h"

/// BT.709 begins where standard definition ends; 576 lines are the 625-line system.
#define SD_MAX_WIDTH_PX 1024
#define SD_MAX_HEIGHT_PX 576
#define SD_625_HEIGHT_PX 576

/// One self-consistent set of values.
struct colours {
    enum AVColorPrimaries primaries;
    enum AVColorTransferCharacteristic transfer;
    enum AVColorSpace matrix;
};

static const struct colours bt709 = {AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709};
static const struct colours bt601_525 = {AVCOL_PRI_SMPTE170M, AVCOL_TRC_SMPTE170M,
                                         AVCOL_SPC_SMPTE170M};
static const struct colours bt601_625 = {AVCOL_PRI_BT470BG, AVCOL_TRC_SMPTE170M, AVCOL_SPC_BT470BG};
static const struct colours bt2020 = {AVCOL_PRI_BT2020, AVCOL_TRC_BT2020_10, AVCOL_SPC_BT2020_NCL};

static bool is_known(int32_t value, int32_t last)
{
    // 0 and 3 are reserved, 2 means unspecified (ISO/IEC 23091-2, tables 2 to 4).
    return value >= 1 && value != 2 && value != 3 && value <= last;
}

static struct colours by_size(const struct avsp_piece_header *header)
{
    if (header->width_px > SD_MAX_WIDTH_PX || header->height_px > SD_MAX_HEIGHT_PX)
        return bt709;
    return header->height_px == SD_625_HEIGHT_PX ? bt601_625 : bt601_525;
}

/// What the values that are known say about those that are not.
static struct colours implied(const struct avsp_piece_header *header)
{
    if (header->color_transfer == AVCOL_TRC_SMPTE2084 ||
        header->color_transfer == AVCOL_TRC_ARIB_STD_B67 ||
        header->color_primaries == AVCOL_PRI_BT2020 ||
        header->color_matrix == AVCOL_SPC_BT2020_NCL || header->color_matrix == AVCOL_SPC_BT2020_CL)
        return bt2020;
    if (header->color_matrix == AVCOL_SPC_BT709 || header->color_primaries == AVCOL_PRI_BT709)
        return bt709;
    if (header->color_matrix == AVCOL_SPC_SMPTE170M ||
        header->color_primaries == AVCOL_PRI_SMPTE170M)
        return bt601_525;
    if (header->color_matrix == AVCOL_SPC_BT470BG || header->color_primaries == AVCOL_PRI_BT470BG)
        return bt601_625;
    return by_size(header);
}

void avsp_picture_colours(const struct avsp_piece_header *header, struct avsp_picture_format *fmt)
{
    struct colours c = implied(header);
    fmt->primaries = c.primaries;
    fmt->transfer = c.transfer;
    fmt->matrix = c.matrix;
    if (is_known(header->color_primaries, AVCOL_PRI_EBU3213))
        fmt->primaries = (enum AVColorPrimaries)header->color_primaries;
    if (is_known(header->color_transfer, AVCOL_TRC_ARIB_STD_B67))
        fmt->transfer = (enum AVColorTransferCharacteristic)header->color_transfer;
    // The identity matrix (0, RGB) is for 4:4:4 alone: such a source is converted to the matrix of its size.
    if (is_known(header->color_matrix, AVCOL_SPC_ICTCP))
        fmt->matrix = (enum AVColorSpace)header->color_matrix;
    fmt->range = header->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
}
