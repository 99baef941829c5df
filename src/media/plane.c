#include "media/plane.h"

#include <libavutil/pixdesc.h>
#include <string.h>

#define N_PLANES 3
#define BLOCK_PX 16 ///< a block of both pictures stays in the first-level cache

/// A plane's samples and size.
struct plane {
    uint8_t *data;
    ptrdiff_t stride_bytes;
    int width;
    int height;
};

static struct plane plane_of(const AVFrame *frame, int i)
{
    int shift = i == 0 ? 0 : 1;
    return (struct plane){
        .data = frame->data[i],
        .stride_bytes = frame->linesize[i],
        .width = (frame->width + shift) >> shift,
        .height = (frame->height + shift) >> shift,
    };
}

static int sample_bytes(const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    AVSP_ASSERT(desc != NULL && desc->nb_components == N_PLANES);
    return desc->comp[0].depth > 8 ? 2 : 1;
}

/// Where the sample that lands on (0, 0) of the turned picture comes from, and how the source moves for a step in x or y.
struct walk {
    const uint8_t *first;
    ptrdiff_t step_x;
    ptrdiff_t step_y;
};

static struct walk walk_of(const struct plane *in, int degrees, bool hflip, int bytes)
{
    ptrdiff_t x = bytes;
    ptrdiff_t y = in->stride_bytes;
    ptrdiff_t right = (in->width - 1) * x;
    ptrdiff_t bottom = (in->height - 1) * y;
    struct walk w = {in->data, x, y};
    int out_width = in->width;
    if (degrees == 90) {
        w = (struct walk){in->data + bottom, -y, x};
        out_width = in->height;
    } else if (degrees == 180) {
        w = (struct walk){in->data + bottom + right, -x, -y};
    } else if (degrees == 270) {
        w = (struct walk){in->data + right, y, -x};
        out_width = in->height;
    }
    if (hflip) {
        w.first += w.step_x * (out_width - 1);
        w.step_x = -w.step_x;
    }
    return w;
}

static void copy_block(const struct walk *w, const struct plane *out, int x0, int y0, int bytes)
{
    int x1 = AVSP_MIN(x0 + BLOCK_PX, out->width);
    int y1 = AVSP_MIN(y0 + BLOCK_PX, out->height);
    for (int y = y0; y < y1; y++) {
        const uint8_t *from = w->first + y * w->step_y + x0 * w->step_x;
        uint8_t *to = out->data + y * out->stride_bytes + (ptrdiff_t)x0 * bytes;
        for (int x = x0; x < x1; x++, from += w->step_x, to += bytes) {
            to[0] = from[0];
            if (bytes == 2)
                to[1] = from[1];
        }
    }
}

void avsp_plane_turn(const AVFrame *in, int degrees, bool hflip, AVFrame *out)
{
    int bytes = sample_bytes(in);
    for (int i = 0; i < N_PLANES; i++) {
        struct plane from = plane_of(in, i);
        struct plane to = plane_of(out, i);
        bool sideways = degrees == 90 || degrees == 270;
        AVSP_ASSERT(to.width == (sideways ? from.height : from.width) &&
                    to.height == (sideways ? from.width : from.height));
        struct walk w = walk_of(&from, degrees, hflip, bytes);
        for (int y = 0; y < to.height; y += BLOCK_PX)
            for (int x = 0; x < to.width; x += BLOCK_PX)
                copy_block(&w, &to, x, y, bytes);
    }
}

static void fill(const struct plane *p, unsigned value, int bytes)
{
    for (int y = 0; y < p->height; y++) {
        uint8_t *row = p->data + y * p->stride_bytes;
        if (bytes == 1) {
            memset(row, (int)value, (size_t)p->width);
            continue;
        }
        for (int x = 0; x < p->width; x++) {
            uint16_t sample =
                (uint16_t)value; // planes of more than 8 bits are in the machine's order
            memcpy(row + 2 * x, &sample, sizeof sample);
        }
    }
}

void avsp_plane_pad(const AVFrame *in, bool full_range, AVFrame *out)
{
    int bytes = sample_bytes(in);
    unsigned scale = bytes == 2 ? 4 : 1; // 10 bits
    // Even offsets keep the chroma samples on their luma samples.
    int left = ((out->width - in->width) / 2) & ~1;
    int top = ((out->height - in->height) / 2) & ~1;
    AVSP_ASSERT(left >= 0 && top >= 0);
    for (int i = 0; i < N_PLANES; i++) {
        struct plane from = plane_of(in, i);
        struct plane to = plane_of(out, i);
        unsigned luma_black = full_range ? 0 : 16;
        fill(&to, (i == 0 ? luma_black : 128) * scale, bytes);
        int shift = i == 0 ? 0 : 1;
        for (int y = 0; y < from.height; y++)
            memcpy(to.data + ((top >> shift) + y) * to.stride_bytes +
                       (ptrdiff_t)(left >> shift) * bytes,
                   from.data + y * from.stride_bytes, (size_t)from.width * (size_t)bytes);
    }
}
