#include "core/piece.h"

#include "core/record.h"

#include <limits.h>
#include <string.h>

#define VERB "avspl1t-piece"

/// Of this layout; a reader refuses another.
#define LAYOUT 6

/// More than any codec has.
#define BLOCK_ALIGN_MAX (1 << 24)
#define SAMPLE_BITS_MAX 128

static void mastering_key(size_t i, char ret_key[16])
{
    snprintf(ret_key, 16, "mastering%zu", i);
}

static void put_hdr(struct avsp_buf *buf, const struct avsp_hdr *hdr)
{
    char key[16];
    avsp_record_put_i64(buf, "mastering", hdr->has_mastering);
    avsp_record_put_i64(buf, "light", hdr->has_light);
    for (size_t i = 0; hdr->has_mastering && i < AVSP_MASTERING_VALUES; i++) {
        mastering_key(i, key);
        avsp_record_put_rational(buf, key, hdr->mastering[i]);
    }
    if (!hdr->has_light)
        return;
    avsp_record_put_i64(buf, "max_cll", hdr->max_cll);
    avsp_record_put_i64(buf, "max_fall", hdr->max_fall);
}

static void put_video(struct avsp_buf *buf, const struct avsp_piece_header *h)
{
    avsp_record_put_i64(buf, "idx", h->idx);
    avsp_record_put_i64(buf, "n", h->n_segments);
    avsp_record_put_i64(buf, "in", h->in_pts);
    avsp_record_put_i64(buf, "out", h->out_pts);
    avsp_record_put_i64(buf, "next", h->next_pts);
    avsp_record_put_i64(buf, "frames", (int64_t)h->frames);
    avsp_record_put_i64(buf, "timescale", h->timescale);
    avsp_record_put_rational(buf, "rate", h->frame_rate);
    avsp_record_put_i64(buf, "rotation", h->rotation);
    avsp_record_put_i64(buf, "hflip", h->hflip);
    avsp_record_put_rational(buf, "sar", h->sample_aspect);
    avsp_record_put_i64(buf, "primaries", h->color_primaries);
    avsp_record_put_i64(buf, "transfer", h->color_transfer);
    avsp_record_put_i64(buf, "matrix", h->color_matrix);
    avsp_record_put_i64(buf, "full_range", h->full_range);
    avsp_record_put_i64(buf, "chroma", h->chroma_location);
    avsp_record_put_i64(buf, "width", h->width_px);
    avsp_record_put_i64(buf, "height", h->height_px);
    avsp_record_put_i64(buf, "depth", h->bit_depth);
    put_hdr(buf, &h->hdr);
    avsp_record_put_i64(buf, "fields", h->fields);
    avsp_record_put_i64(buf, "lead", h->lead_ticks);
    avsp_record_put_i64(buf, "field_rate", h->field_rate);
}

static void put_audio(struct avsp_buf *buf, const struct avsp_piece_header *h)
{
    avsp_record_put_rational(buf, "origin_tb", h->origin_time_base);
    avsp_record_put_i64(buf, "end", h->end_pts);
    avsp_record_put_i64(buf, "in", h->in_pts);
    avsp_record_put_i64(buf, "out", h->out_pts);
    avsp_record_put_i64(buf, "alone", h->alone);
    avsp_record_put_i64(buf, "named", h->named);
    avsp_record_put_i64(buf, "drift", h->drift_ppb);
    avsp_record_put_str(buf, "language", h->language);
    avsp_record_put_str(buf, "title", h->title);
    avsp_record_put_i64(buf, "purposes", h->purposes);
}

static void put_codec(struct avsp_buf *buf, const struct avsp_piece_codec *codec)
{
    avsp_record_put_str(buf, "codec", codec->name != NULL ? codec->name : "");
    avsp_record_put_i64(buf, "tag", codec->tag);
    avsp_record_put_i64(buf, "align", codec->block_align);
    avsp_record_put_i64(buf, "bits", codec->bits);
    avsp_record_put_i64(buf, "bit_rate", codec->bit_rate);
    avsp_record_put_i64(buf, "channels", codec->channels);
}

/// Of transfer functions, ISO/IEC 23091-2 table 3.
enum {
    TRANSFER_PQ = 16,
    TRANSFER_HLG = 18,
};

bool avsp_piece_is_hdr(const struct avsp_piece_header *header)
{
    return header->color_transfer == TRANSFER_PQ || header->color_transfer == TRANSFER_HLG;
}

enum avsp_code avsp_piece_header_write(const struct avsp_piece_header *header,
                                       char ret_block[AVSP_PIECE_HEADER_BYTES],
                                       struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_PIECE_HEADER_BYTES - 1);
    avsp_record_begin(&buf, VERB);
    avsp_record_put_i64(&buf, "layout", LAYOUT);
    avsp_record_put_i64(&buf, "media", header->kind);
    avsp_record_put_i64(&buf, "track", header->track);
    avsp_record_put_i64(&buf, "seconds", header->segment_seconds);
    avsp_record_put_rational(&buf, "tb", header->time_base);
    avsp_record_put_i64(&buf, "origin", header->origin_pts);
    put_codec(&buf, &header->codec);
    if (header->kind == AVSP_MEDIA_VIDEO)
        put_video(&buf, header);
    else
        put_audio(&buf, header);
    avsp_record_end(&buf);
    if (avsp_buf_check(&buf, err) != AVSP_OK)
        return avsp_err_wrap(err, "header of a piece");
    memset(ret_block, '\n', AVSP_PIECE_HEADER_BYTES);
    memcpy(ret_block, buf.data, buf.len);
    return AVSP_OK;
}

static void take_hdr(struct avsp_record *rec, struct avsp_hdr *hdr)
{
    char key[16];
    hdr->has_mastering = avsp_record_i64(rec, "mastering", 0, 1) != 0;
    hdr->has_light = avsp_record_i64(rec, "light", 0, 1) != 0;
    for (size_t i = 0; hdr->has_mastering && i < AVSP_MASTERING_VALUES; i++) {
        mastering_key(i, key);
        hdr->mastering[i] = avsp_record_rational(rec, key);
    }
    if (!hdr->has_light)
        return;
    hdr->max_cll = (uint32_t)avsp_record_i64(rec, "max_cll", 0, UINT16_MAX);
    hdr->max_fall = (uint32_t)avsp_record_i64(rec, "max_fall", 0, UINT16_MAX);
}

static void take_video(struct avsp_record *rec, struct avsp_piece_header *h)
{
    h->idx = (uint32_t)avsp_record_i64(rec, "idx", 0, AVSP_SEGMENTS_MAX - 1);
    h->n_segments = (uint32_t)avsp_record_i64(rec, "n", 1, AVSP_SEGMENTS_MAX);
    h->in_pts = avsp_record_i64(rec, "in", INT64_MIN, INT64_MAX);
    h->out_pts = avsp_record_i64(rec, "out", INT64_MIN, INT64_MAX);
    h->next_pts = avsp_record_i64(rec, "next", INT64_MIN, INT64_MAX);
    h->frames = (uint64_t)avsp_record_i64(rec, "frames", 1, INT64_MAX);
    h->timescale = (uint32_t)avsp_record_i64(rec, "timescale", 1, UINT32_MAX);
    h->frame_rate = avsp_record_rational(rec, "rate");
    h->rotation = (int32_t)avsp_record_i64(rec, "rotation", 0, 270);
    h->hflip = avsp_record_i64(rec, "hflip", 0, 1) != 0;
    h->sample_aspect = avsp_record_rational(rec, "sar");
    h->color_primaries = (int32_t)avsp_record_i64(rec, "primaries", 0, 255);
    h->color_transfer = (int32_t)avsp_record_i64(rec, "transfer", 0, 255);
    h->color_matrix = (int32_t)avsp_record_i64(rec, "matrix", 0, 255);
    h->full_range = avsp_record_i64(rec, "full_range", 0, 1) != 0;
    h->chroma_location = (int32_t)avsp_record_i64(rec, "chroma", 0, 255);
    h->width_px = (uint32_t)avsp_record_i64(rec, "width", 1, 65535);
    h->height_px = (uint32_t)avsp_record_i64(rec, "height", 1, 65535);
    h->bit_depth = (uint32_t)avsp_record_i64(rec, "depth", 8, 10);
    h->fields = (enum avsp_fields)avsp_record_i64(rec, "fields", AVSP_FIELDS_NONE,
                                                  AVSP_FIELDS_BOTTOM_FIRST);
    h->field_rate = avsp_record_i64(rec, "field_rate", 0, 1) != 0;
    h->lead_ticks = avsp_record_i64_or(rec, "lead", 0, INT64_MAX, 0);
    take_hdr(rec, &h->hdr);
    h->origin_time_base = h->time_base;
    h->language = "und";
    h->title = "";
}

static void take_audio(struct avsp_record *rec, struct avsp_piece_header *h)
{
    h->origin_time_base = avsp_record_rational(rec, "origin_tb");
    h->end_pts = avsp_record_i64(rec, "end", INT64_MIN, INT64_MAX);
    h->in_pts = avsp_record_i64(rec, "in", INT64_MIN, INT64_MAX);
    h->out_pts = avsp_record_i64(rec, "out", INT64_MIN, INT64_MAX);
    h->alone = avsp_record_i64(rec, "alone", 0, 1) != 0;
    h->named = avsp_record_i64(rec, "named", 0, 1) != 0;
    h->drift_ppb =
        avsp_record_i64_or(rec, "drift", -AVSP_PIECE_DRIFT_MAX_PPB, AVSP_PIECE_DRIFT_MAX_PPB, 0);
    h->language = avsp_record_str(rec, "language");
    h->title = avsp_record_str(rec, "title");
    h->purposes = (uint32_t)avsp_record_i64(rec, "purposes", 0, AVSP_PURPOSES_ALL);
}

static bool is_time_base(struct avsp_rational tb)
{
    return tb.num >= 1 && tb.den >= 1;
}

/// Does every time of the piece have a tick of its own?
static bool is_exact(const struct avsp_piece_header *h)
{
    return (uint64_t)h->timescale * (uint64_t)h->time_base.num % (uint64_t)h->time_base.den == 0;
}

/// Are the values those of a display that can be? In a bitstream they are unsigned, of 16 bits for colors.
static bool is_sound_hdr(const struct avsp_hdr *hdr)
{
    for (size_t i = 0; hdr->has_mastering && i < AVSP_MASTERING_VALUES; i++) {
        struct avsp_rational v = hdr->mastering[i];
        if (v.den < 1 || v.num < 0 ||
            v.num > (int64_t)v.den * (i < AVSP_MASTERING_COLORS ? 1 : AVSP_NITS_MAX))
            return false;
    }
    return true;
}

/// What the getters' ranges do not say.
static bool is_sound(const struct avsp_piece_header *h)
{
    if (!is_time_base(h->time_base) || !is_time_base(h->origin_time_base))
        return false;
    if (h->kind == AVSP_MEDIA_AUDIO)
        return h->end_pts > h->origin_pts && h->in_pts < h->out_pts;
    return is_exact(h) && h->origin_pts <= h->in_pts && h->in_pts < h->out_pts &&
           h->next_pts > h->in_pts && h->rotation % 90 == 0 &&
           h->idx + (uint64_t)h->n_segments <= AVSP_SEGMENTS_MAX && is_time_base(h->frame_rate) &&
           h->sample_aspect.num >= 0 && is_sound_hdr(&h->hdr);
}

enum avsp_code avsp_piece_header_parse(struct avsp_arena *arena,
                                       const char block[AVSP_PIECE_HEADER_BYTES],
                                       struct avsp_piece_header *ret_header, struct avsp_err *err)
{
    const char *end = memchr(block, '\n', AVSP_PIECE_HEADER_BYTES);
    if (end == NULL || strncmp(block, VERB " ", sizeof VERB) != 0)
        return avsp_err_set(err, AVSP_INVALID, "not a piece of ours: it has no header");
    char *line = avsp_arena_strndup(arena, block, (size_t)(end - block));
    if (line == NULL)
        return avsp_arena_failed(arena, err);
    struct avsp_record rec;
    if (avsp_record_parse(arena, line, &rec, err) != AVSP_OK)
        return avsp_err_wrap(err, "header of a piece");
    struct avsp_piece_header h = {0};
    (void)avsp_record_i64(&rec, "layout", LAYOUT, LAYOUT);
    h.kind =
        (enum avsp_media_kind)avsp_record_i64(&rec, "media", AVSP_MEDIA_VIDEO, AVSP_MEDIA_AUDIO);
    h.track = (uint32_t)avsp_record_i64(&rec, "track", 0, 63);
    h.segment_seconds = (int32_t)avsp_record_i64(&rec, "seconds", 1, AVSP_SEGMENT_SECONDS_MAX);
    h.time_base = avsp_record_rational(&rec, "tb");
    h.origin_pts = avsp_record_i64(&rec, "origin", INT64_MIN, INT64_MAX);
    h.codec = (struct avsp_piece_codec){
        .name = avsp_record_str(&rec, "codec"),
        .tag = (uint32_t)avsp_record_i64(&rec, "tag", 0, UINT32_MAX),
        .block_align = (int32_t)avsp_record_i64(&rec, "align", 0, BLOCK_ALIGN_MAX),
        .bits = (int32_t)avsp_record_i64(&rec, "bits", 0, SAMPLE_BITS_MAX),
        .bit_rate = avsp_record_i64(&rec, "bit_rate", 0, INT64_MAX),
        .channels = avsp_record_i64(&rec, "channels", 0, INT64_MAX),
    };
    if (h.kind == AVSP_MEDIA_VIDEO)
        take_video(&rec, &h);
    else
        take_audio(&rec, &h);
    if (avsp_record_check(&rec, err) != AVSP_OK)
        return avsp_err_wrap(err, "header of a piece");
    if (!is_sound(&h))
        return avsp_err_set(err, AVSP_INVALID,
                            "header of a piece: its values contradict each other");
    *ret_header = h;
    return AVSP_OK;
}
