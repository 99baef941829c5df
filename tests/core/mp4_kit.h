/// Fragmented MP4 by hand, as little of it as the parsers need: one AV1 track.
#ifndef AVSP_TESTS_CORE_MP4_KIT_H
#define AVSP_TESTS_CORE_MP4_KIT_H

#include "util/base.h"

#include <string.h>

struct kit_bytes {
    uint8_t data[4096];
    size_t len;
};

/// SVT-AV1's record for 640x360, BT.709; its sequence header OBU begins at byte 4.
static const uint8_t kit_av1c[] = {0x81, 0x01, 0x0c, 0x00, 0x0a, 0x0e, 0x00, 0x00, 0x00, 0x0c,
                                   0xc4, 0xff, 0x67, 0x00, 0xbe, 0x04, 0x04, 0x04, 0x04, 0x10};

static inline void kit_put(struct kit_bytes *b, const void *bytes, size_t len)
{
    AVSP_ASSERT(b->len + len <= sizeof b->data);
    memcpy(b->data + b->len, bytes, len);
    b->len += len;
}

static inline void kit_be(struct kit_bytes *b, uint64_t v, unsigned n)
{
    for (unsigned i = n; i-- > 0;)
        kit_put(b, &(uint8_t){(uint8_t)(v >> (8 * i))}, 1);
}

static inline void kit_zeros(struct kit_bytes *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        kit_be(b, 0, 1);
}

/// Begins a box. @return what kit_end needs.
static inline size_t kit_begin(struct kit_bytes *b, const char *type)
{
    size_t at = b->len;
    kit_be(b, 0, 4);
    kit_put(b, type, 4);
    return at;
}

static inline void kit_end(struct kit_bytes *b, size_t at)
{
    struct kit_bytes size = {.len = 0};
    kit_be(&size, b->len - at, 4);
    memcpy(b->data + at, size.data, 4);
}

static inline void kit_entry(struct kit_bytes *b, uint32_t width, uint32_t height)
{
    size_t stsd = kit_begin(b, "stsd");
    kit_be(b, 0, 4);
    kit_be(b, 1, 4);
    size_t entry = kit_begin(b, "av01");
    kit_zeros(b, 24);
    kit_be(b, width, 2);
    kit_be(b, height, 2);
    kit_zeros(b, 50);
    size_t config = kit_begin(b, "av1C");
    kit_put(b, kit_av1c, sizeof kit_av1c);
    kit_end(b, config);
    kit_end(b, entry);
    kit_end(b, stsd);
}

static inline void kit_track(struct kit_bytes *b, uint32_t id, uint32_t timescale, uint32_t width,
                             uint32_t height)
{
    size_t trak = kit_begin(b, "trak");
    size_t box = kit_begin(b, "tkhd");
    kit_zeros(b, 12);
    kit_be(b, id, 4);
    kit_zeros(b, 60);
    kit_be(b, (uint64_t)width << 16, 4);
    kit_be(b, (uint64_t)height << 16, 4);
    kit_end(b, box);
    size_t mdia = kit_begin(b, "mdia");
    box = kit_begin(b, "mdhd");
    kit_zeros(b, 12);
    kit_be(b, timescale, 4);
    kit_zeros(b, 8);
    kit_end(b, box);
    box = kit_begin(b, "hdlr");
    kit_zeros(b, 8);
    kit_put(b, "vide", 4);
    kit_end(b, box);
    size_t minf = kit_begin(b, "minf");
    size_t stbl = kit_begin(b, "stbl");
    kit_entry(b, width, height);
    kit_end(b, stbl);
    kit_end(b, minf);
    kit_end(b, mdia);
    kit_end(b, trak);
}

/// A whole init segment.
static inline void kit_init(struct kit_bytes *b, uint32_t id, uint32_t timescale, uint32_t width,
                            uint32_t height)
{
    size_t box = kit_begin(b, "ftyp");
    kit_put(b, "iso5\0\0\2\0iso6cmfc", 16);
    kit_end(b, box);
    size_t moov = kit_begin(b, "moov");
    box = kit_begin(b, "mvhd");
    kit_zeros(b, 12);
    kit_be(b, 1000, 4);
    kit_zeros(b, 84);
    kit_end(b, box);
    kit_track(b, id, timescale, width, height);
    size_t mvex = kit_begin(b, "mvex");
    box = kit_begin(b, "trex");
    kit_be(b, 0, 4);
    kit_be(b, id, 4);
    kit_be(b, 1, 4);
    kit_zeros(b, 12);
    kit_end(b, box);
    kit_end(b, mvex);
    kit_end(b, moov);
}

struct kit_moof {
    uint32_t track;
    uint64_t start;
    uint32_t n, duration, size;
    bool sync; ///< the first sample
    bool no_tfdt;
    uint32_t claim; ///< samples that the run says it has; 0 = n
};

/// A moof whose samples lie at the beginning of the mdat behind it; all are alike.
static inline void kit_moof(struct kit_bytes *b, const struct kit_moof *m)
{
    size_t moof = kit_begin(b, "moof");
    size_t traf = kit_begin(b, "traf");
    size_t box = kit_begin(b, "tfhd");
    kit_be(b, 0x20038, 4); // default-base-is-moof; duration, size, flags
    kit_be(b, m->track, 4);
    kit_be(b, m->duration, 4);
    kit_be(b, m->size, 4);
    kit_be(b, 0x10000, 4);
    kit_end(b, box);
    if (!m->no_tfdt) {
        box = kit_begin(b, "tfdt");
        kit_be(b, 0x01000000, 4);
        kit_be(b, m->start, 8);
        kit_end(b, box);
    }
    box = kit_begin(b, "trun");
    kit_be(b, 0x5, 4); // data offset, first sample's flags
    kit_be(b, m->claim > 0 ? m->claim : m->n, 4);
    size_t offset = b->len;
    kit_be(b, 0, 4);
    kit_be(b, m->sync ? 0 : 0x10000, 4);
    kit_end(b, box);
    kit_end(b, traf);
    kit_end(b, moof);
    struct kit_bytes at = {.len = 0};
    kit_be(&at, b->len - moof + 8, 4);
    memcpy(b->data + offset, at.data, 4);
}

/// The beginning of a sample: with a sequence header and a keyframe, or an inter frame alone.
static inline void kit_sample(struct kit_bytes *b, bool key)
{
    if (key)
        kit_put(b, kit_av1c + 4, sizeof kit_av1c - 4);
    // OBU_FRAME with a size of 2; show_existing_frame, frame_type, show_frame.
    kit_put(b, (const uint8_t[]){0x32, 0x02, key ? 0x10 : 0x30, 0x00}, 4);
}

#endif
