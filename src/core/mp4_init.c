#include "core/mp4.h"

#include <string.h>

/// Fixed parts of boxes before the boxes inside: ISO/IEC 14496-12 8.5.2, 12.1.3, 12.2.3.
enum { STSD_HEAD = 8, VISUAL_ENTRY_HEAD = 78, AUDIO_ENTRY_HEAD = 28 };

static enum avsp_code missing(struct avsp_err *err, const char *type)
{
    return avsp_err_set(err, AVSP_NOT_FOUND, "it has no %s box", type);
}

static bool is_known_brand(const uint8_t *brand)
{
    static const char brands[][5] = {"iso6", "iso7", "iso8", "iso9", "isoa", "isob",
                                     "isoc", "cmfc", "cmf2", "cmff", "dash"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(brands); i++)
        if (memcmp(brand, brands[i], 4) == 0)
            return true;
    return false;
}

/// ftyp: the major brand, its version, and the compatible brands.
static void read_brands(struct avsp_bytes ftyp, struct avsp_mp4_init *init)
{
    for (size_t at = 0; at + 4 <= ftyp.len; at += 4)
        if (at != 4 && is_known_brand(ftyp.data + at))
            init->has_brand = true;
}

/// The first edit that shows media, and what is empty before it. @param movie_scale  of empty edits
static int64_t read_edits(struct avsp_bytes elst, uint32_t movie_scale, uint32_t scale)
{
    bool wide = avsp_bytes_be(elst, 0, 1) == 1;
    size_t step = wide ? 20 : 12, width = wide ? 8 : 4;
    uint64_t n = avsp_bytes_be(elst, 4, 4);
    int64_t empty = 0;
    for (uint64_t i = 0; i < n && i < 4 && 8 + (i + 1) * step <= elst.len; i++) {
        size_t at = 8 + (size_t)i * step;
        uint64_t duration = avsp_bytes_be(elst, at, (unsigned)width);
        int64_t time = wide ? (int64_t)avsp_bytes_be(elst, at + 8, 8)
                            : (int32_t)(uint32_t)avsp_bytes_be(elst, at + 4, 4);
        if (time >= 0)
            return time <= INT64_MAX / 4 ? time - empty : 0;
        if (movie_scale > 0 && duration < UINT32_MAX)
            empty += (int64_t)(duration * scale / movie_scale);
    }
    return -empty;
}

static bool count_is_not_zero(struct avsp_bytes stbl, const char *type, size_t offset)
{
    struct avsp_bytes box;
    return avsp_box_find(stbl, type, &box) && avsp_bytes_be(box, offset, 4) != 0;
}

static enum avsp_code read_entry(struct avsp_bytes stsd, struct avsp_mp4_track *track,
                                 struct avsp_mp4_init *init, struct avsp_err *err)
{
    struct avsp_bytes entries = avsp_bytes_from(stsd, STSD_HEAD);
    struct avsp_box entry;
    if (!avsp_box_next(&entries, &entry))
        return missing(err, "sample entry");
    memcpy(track->entry, entry.type, sizeof track->entry);
    track->encrypted = strncmp(entry.type, "enc", 3) == 0;
    size_t head = track->kind == AVSP_MEDIA_VIDEO ? VISUAL_ENTRY_HEAD : AUDIO_ENTRY_HEAD;
    if (track->kind == 0)
        return AVSP_OK;
    if (entry.body.len < head)
        return avsp_err_set(err, AVSP_CORRUPT, "its sample entry is too short");
    if (track->kind == AVSP_MEDIA_VIDEO) {
        track->width_px = (uint32_t)avsp_bytes_be(entry.body, 24, 2);
        track->height_px = (uint32_t)avsp_bytes_be(entry.body, 26, 2);
    } else {
        track->channels = (uint32_t)avsp_bytes_be(entry.body, 16, 2);
    }
    struct avsp_err fault = {0};
    if (!track->encrypted &&
        avsp_mp4_codec(avsp_bytes_from(entry.body, head), track, &fault) != AVSP_OK &&
        init->config.code == AVSP_OK)
        init->config = fault;
    return AVSP_OK;
}

static enum avsp_code read_mdia(struct avsp_bytes mdia, struct avsp_mp4_track *track,
                                struct avsp_mp4_init *init, struct avsp_err *err)
{
    struct avsp_bytes mdhd, hdlr, minf, stbl, stsd;
    if (!avsp_box_find(mdia, "mdhd", &mdhd))
        return missing(err, "mdhd");
    if (!avsp_box_find(mdia, "hdlr", &hdlr) || hdlr.len < 12)
        return missing(err, "hdlr");
    if (!avsp_box_find(mdia, "minf", &minf) || !avsp_box_find(minf, "stbl", &stbl))
        return missing(err, "stbl");
    if (!avsp_box_find(stbl, "stsd", &stsd))
        return missing(err, "stsd");
    track->timescale = (uint32_t)avsp_bytes_be(mdhd, avsp_bytes_be(mdhd, 0, 1) == 1 ? 20 : 12, 4);
    if (track->timescale == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "its timescale is 0");
    if (memcmp(hdlr.data + 8, "vide", 4) == 0)
        track->kind = AVSP_MEDIA_VIDEO;
    else if (memcmp(hdlr.data + 8, "soun", 4) == 0)
        track->kind = AVSP_MEDIA_AUDIO;
    init->has_samples |= count_is_not_zero(stbl, "stts", 4) || count_is_not_zero(stbl, "stsz", 8) ||
                         count_is_not_zero(stbl, "stco", 4);
    return read_entry(stsd, track, init, err);
}

static enum avsp_code read_trak(struct avsp_bytes trak, uint32_t movie_scale,
                                struct avsp_mp4_init *init, struct avsp_err *err)
{
    struct avsp_mp4_track *track = &init->tracks[init->n_tracks];
    struct avsp_bytes tkhd, mdia, edts, elst;
    if (!avsp_box_find(trak, "tkhd", &tkhd))
        return missing(err, "tkhd");
    if (!avsp_box_find(trak, "mdia", &mdia))
        return missing(err, "mdia");
    bool wide = avsp_bytes_be(tkhd, 0, 1) == 1;
    *track = (struct avsp_mp4_track){.transfer = 2};
    track->id = (uint32_t)avsp_bytes_be(tkhd, wide ? 20 : 12, 4);
    size_t size_at = wide ? 88 : 76;
    track->shown_width_px = (uint32_t)avsp_bytes_be(tkhd, size_at, 4) >> 16;
    track->shown_height_px = (uint32_t)avsp_bytes_be(tkhd, size_at + 4, 4) >> 16;
    enum avsp_code rc = read_mdia(mdia, track, init, err);
    if (rc != AVSP_OK)
        return rc;
    if (avsp_box_find(trak, "edts", &edts) && avsp_box_find(edts, "elst", &elst))
        track->edit_ticks = read_edits(elst, movie_scale, track->timescale);
    init->n_tracks++;
    return AVSP_OK;
}

static void read_trex(struct avsp_bytes trex, struct avsp_mp4_init *init)
{
    uint64_t id = avsp_bytes_be(trex, 4, 4);
    for (size_t i = 0; i < init->n_tracks; i++) {
        struct avsp_mp4_track *track = &init->tracks[i];
        if (track->id != id)
            continue;
        track->default_duration = (uint32_t)avsp_bytes_be(trex, 12, 4);
        track->default_size = (uint32_t)avsp_bytes_be(trex, 16, 4);
        track->default_flags = (uint32_t)avsp_bytes_be(trex, 20, 4);
    }
}

static enum avsp_code read_moov(struct avsp_bytes moov, struct avsp_mp4_init *init,
                                struct avsp_err *err)
{
    struct avsp_bytes mvhd, mvex;
    if (!avsp_box_find(moov, "mvhd", &mvhd))
        return missing(err, "mvhd");
    uint32_t scale = (uint32_t)avsp_bytes_be(mvhd, avsp_bytes_be(mvhd, 0, 1) == 1 ? 20 : 12, 4);
    struct avsp_box box;
    for (struct avsp_bytes rest = moov; avsp_box_next(&rest, &box);) {
        if (strcmp(box.type, "trak") != 0)
            continue;
        if (init->n_tracks == AVSP_MP4_TRACKS_MAX)
            return avsp_err_set(err, AVSP_CORRUPT, "it has more than %d tracks",
                                AVSP_MP4_TRACKS_MAX);
        enum avsp_code rc = read_trak(box.body, scale, init, err);
        if (rc != AVSP_OK)
            return rc;
    }
    if (init->n_tracks == 0)
        return missing(err, "trak");
    if (!avsp_box_find(moov, "mvex", &mvex))
        return missing(err, "mvex");
    while (avsp_box_next(&mvex, &box))
        if (strcmp(box.type, "trex") == 0)
            read_trex(box.body, init);
    return AVSP_OK;
}

enum avsp_code avsp_mp4_init_parse(struct avsp_bytes file, struct avsp_mp4_init *ret_init,
                                   struct avsp_err *err)
{
    *ret_init = (struct avsp_mp4_init){0};
    struct avsp_bytes ftyp, moov = {NULL, 0};
    struct avsp_bytes rest = file;
    struct avsp_box box;
    bool has_moov = false;
    while (avsp_box_next(&rest, &box)) {
        ret_init->has_samples |= strcmp(box.type, "moof") == 0;
        if (strcmp(box.type, "moov") == 0) {
            moov = box.body;
            has_moov = true;
        }
    }
    if (rest.len > 0)
        return avsp_err_set(err, AVSP_CORRUPT, "at byte %zu there is no whole box",
                            file.len - rest.len);
    if (!avsp_box_find(file, "ftyp", &ftyp))
        return missing(err, "ftyp");
    if (!has_moov)
        return missing(err, "moov");
    read_brands(ftyp, ret_init);
    return read_moov(moov, ret_init, err);
}
