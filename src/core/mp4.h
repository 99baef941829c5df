/// Reads fragmented MP4 that others wrote: boxes, init segments, and the facts of movie fragments.
///
/// Source: ISO/IEC 14496-12 (boxes by their four letters), ISO/IEC 23000-19 (CMAF) 7, RFC 8216 3.3. Works on bytes in memory,
/// every bound checked; any input is safe, and time is linear in its length. Any thread.
#ifndef AVSP_CORE_MP4_H
#define AVSP_CORE_MP4_H

#include "core/av1.h"
#include "core/model.h"
#include "util/base.h"
#include "util/err.h"

#define AVSP_MP4_TRACKS_MAX 8
#define AVSP_MP4_CODECS_BYTES 48

/// A borrowed view.
struct avsp_bytes {
    const uint8_t *data;
    size_t len;
};

struct avsp_box {
    char type[5];
    uint64_t bytes;      ///< of the whole box
    uint64_t head_bytes; ///< of those, before its body
    struct avsp_bytes body;
};

/// Reads the header of the box at the beginning of @p at, whose body need not be there.
/// @param left  bytes of the file from here on: the size of a box that reaches to the end
/// @return OK (`body` is not set); CORRUPT no box; LIMIT fewer bytes than a header: AVSP_BOX_HEAD_BYTES are enough.
enum avsp_code avsp_box_head(struct avsp_bytes at, uint64_t left,
                             struct avsp_box *ret_box) AVSP_CHECKED;
#define AVSP_BOX_HEAD_BYTES 16

/// Takes the next box off @p rest. @return false at the end, and where what is there is no whole box: then @p rest is
/// not empty.
bool avsp_box_next(struct avsp_bytes *rest, struct avsp_box *ret_box) AVSP_CHECKED;

/// The first box @p type among those directly in @p in. @return false where there is none.
bool avsp_box_find(struct avsp_bytes in, const char *type,
                   struct avsp_bytes *ret_body) AVSP_CHECKED;

/// A big-endian number of 1 to 8 bytes at @p offset; 0 where it is not all there.
uint64_t avsp_bytes_be(struct avsp_bytes in, size_t offset, unsigned n);

/// What of @p in lies behind @p offset; empty where there is nothing.
struct avsp_bytes avsp_bytes_from(struct avsp_bytes in, size_t offset);

/// One track, as its init segment says.
struct avsp_mp4_track {
    uint32_t id;
    enum avsp_media_kind kind; ///< 0 = neither sound nor picture
    uint32_t timescale;
    int64_t edit_ticks; ///< media time of presentation time 0
    char entry[5];      ///< "av01", "mp4a"
    bool encrypted;
    char codecs[AVSP_MP4_CODECS_BYTES]; ///< RFC 6381; "" = not known here
    uint32_t width_px;                  ///< of the sample entry
    uint32_t height_px;
    uint32_t
        coded_width_px; ///< of the pictures, as AV1's or H.264's own headers say; 0 = not known
    uint32_t coded_height_px;
    uint32_t shown_width_px; ///< of the track header: with the pixels' aspect ratio
    uint32_t shown_height_px;
    uint32_t channels; ///< 0 = not known
    uint32_t transfer; ///< ISO/IEC 23091-2; 2 = not known
    bool has_color;    ///< there is a colr box with the following; all of ISO/IEC 23091-2
    uint32_t color_primaries, color_transfer, color_matrix, color_full_range;
    struct avsp_av1_hdr hdr; ///< mdcv and clli
    bool has_av1;
    struct avsp_av1_sequence av1;
    uint32_t default_duration, default_size, default_flags; ///< trex
};

struct avsp_mp4_init {
    size_t n_tracks;
    struct avsp_mp4_track tracks[AVSP_MP4_TRACKS_MAX];
    bool has_brand;         ///< iso6 or higher, or CMAF
    bool has_samples;       ///< sample tables that are not empty
    struct avsp_err config; ///< CORRUPT: a codec configuration that cannot be read
};

/// Reads a whole init segment.
/// @return OK; CORRUPT broken boxes; NOT_FOUND a box that has to be there is not. The text says which.
enum avsp_code avsp_mp4_init_parse(struct avsp_bytes file, struct avsp_mp4_init *ret_init,
                                   struct avsp_err *err) AVSP_CHECKED;

/// What the movie fragments of one segment hold for one track, added up.
struct avsp_mp4_run {
    bool is_there;
    int64_t start_ticks;    ///< decode time of the first sample (tfdt)
    int64_t duration_ticks; ///< the sum of all samples' durations
    int64_t first_pts;      ///< the earliest presentation time
    uint64_t n_samples;
    uint64_t n_bytes;
    uint32_t shortest_ticks; ///< of the samples
    bool starts_with_sync;
    uint64_t first_offset; ///< where the first sample lies, in the segment
    uint32_t first_bytes;
    int64_t inner_gap_ticks; ///< between two fragments; 0 = none, negative = they overlap
    uint32_t n_fragments;
    int64_t fragment_ticks; ///< where the last of them begins, behind start_ticks
};

struct avsp_mp4_segment {
    struct avsp_mp4_run runs[AVSP_MP4_TRACKS_MAX]; ///< as the tracks of the init segment
    // Of the last fragment: where its samples lie in the segment. UINT64_MAX and 0 where that is not said.
    uint64_t data_from;
    uint64_t data_to;
};

/// Adds one moof to the facts.
/// @param body    of the moof
/// @param offset  of the moof in its segment
/// @return OK; CORRUPT broken; NOT_FOUND a box that has to be there is not (PRECONDITION where that is tfdt); CONFLICT a
///         track that the init segment does not have. The text says which.
enum avsp_code avsp_mp4_moof_add(struct avsp_bytes body, uint64_t offset,
                                 const struct avsp_mp4_init *init, struct avsp_mp4_segment *segment,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Writes the codec string of a sample entry and what else its configuration says. Part of avsp_mp4_init_parse.
/// @param boxes  that follow the fixed part of the entry
enum avsp_code avsp_mp4_codec(struct avsp_bytes boxes, struct avsp_mp4_track *track,
                              struct avsp_err *err) AVSP_CHECKED;

#endif
