/// Looks into the headers of pictures that are copied, for what the container does not say: whether their size changes,
/// whether each packet is a whole picture, and in which order they are shown. Any bytes are safe. One thread at a time.
#ifndef AVSP_MEDIA_WATCH_H
#define AVSP_MEDIA_WATCH_H

#include "util/err.h"

#include <libavcodec/avcodec.h>

struct avsp_watch {
    AVCodecParserContext *parser; ///< NULL: nothing is known about such pictures
    AVCodecContext *ctx;
    int width_px; ///< of the pictures so far; 0 = not known yet
    int height_px;
    int first_width_px;
    int first_height_px;
    uint64_t n_changes; ///< of the size
    bool restarts;      ///< at the last picture orders are counted anew, or may be
    bool has_order;     ///< the next is known: of H.264 and HEVC
    int order; ///< of the last picture: those that are shown later have higher ones (picture order count)
    bool is_b; ///< the last picture leans on others on both sides, as far as its header tells
};

/// @return OK, also where there is no parser for the codec; NO_MEMORY.
enum avsp_code avsp_watch_init(struct avsp_watch *watch, const AVCodecParameters *par,
                               struct avsp_err *err) AVSP_CHECKED;
/// Safe on a zeroed value.
void avsp_watch_deinit(struct avsp_watch *watch);

/// Takes note of a picture. @return is it a single field?
bool avsp_watch_packet(struct avsp_watch *watch, const AVPacket *packet);

#endif
