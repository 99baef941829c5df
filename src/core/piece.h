/// The header of a piece: all that a task needs to know about the file it was given.
///
/// A piece file is AVSP_PIECE_HEADER_BYTES of header, then a NUT stream. The header is one record line
/// (core/record.h, verb "avspl1t-piece") filled up with line feeds. It stands in front, not in NUT's own metadata,
/// because the end of the window is known only after the last packet, and NUT's headers carry checksums and are
/// repeated; a fixed block can be written last, in place.
///
/// Timeline: presentation time 0 is `origin_pts` in `time_base` of the video track (of the sound where there is no video); the
/// first shown frame is there. Segment place k covers [k * segment_seconds, (k+1) * segment_seconds); a frame belongs to the place its
/// presentation time falls in (core/plan.h). Places without a frame have no segment.
#ifndef AVSP_CORE_PIECE_H
#define AVSP_CORE_PIECE_H

#include "core/model.h"
#include "util/buf.h"

#define AVSP_PIECE_HEADER_BYTES 4096
#define AVSP_MASTERING_VALUES 10
#define AVSP_MASTERING_COLORS 8 ///< of these, coordinates from 0 to 1 …
#define AVSP_NITS_MAX 10000     ///< … and luminances: PQ ends here (SMPTE ST 2084)

/// What NUT does not keep of libavcodec's parameters, or only for codecs that it has a tag for.
struct avsp_piece_codec {
    const char *name; ///< libavcodec's; "" = what NUT says is all there is
    uint32_t tag;
    int32_t block_align; ///< of some sound: bytes
    int32_t bits;        ///< likewise: of a coded sample
    int64_t bit_rate;    ///< some decoders of sound go by it
    int64_t channels;    ///< libavutil's mask of the sound's channels; 0 = not known
};

/// Static metadata of HDR pictures: the display that they were made on (SMPTE ST 2086), and how bright they get (CTA-861.3).
struct avsp_hdr {
    bool has_mastering;
    /// Red x, y; green x, y; blue x, y; white x, y (CIE 1931); least, greatest luminance (cd/m²).
    struct avsp_rational mastering[AVSP_MASTERING_VALUES];
    bool has_light;
    uint32_t max_cll;  ///< cd/m²: of the brightest pixel …
    uint32_t max_fall; ///< … and, on average, of the brightest frame; 0 = not known
};

#define AVSP_PIECE_DRIFT_MAX_PPB 5000000 ///< more is another rate

/// Which frames of a video are two fields of different times.
enum avsp_fields {
    AVSP_FIELDS_NONE = 0,     ///< none, or they are left as they are
    AVSP_FIELDS_FLAGGED,      ///< those that their decoder marks
    AVSP_FIELDS_TOP_FIRST,    ///< all
    AVSP_FIELDS_BOTTOM_FIRST, ///< all
};

struct avsp_piece_header {
    enum avsp_media_kind kind;
    uint32_t track;
    int32_t segment_seconds;
    struct avsp_rational
        time_base; ///< of the packets in the NUT part and of every *_pts below, unless said otherwise
    int64_t origin_pts;                    ///< presentation time 0. AUDIO: in origin_time_base
    struct avsp_rational origin_time_base; ///< VIDEO: equal to time_base
    struct avsp_piece_codec codec;

    // VIDEO
    uint32_t idx; ///< first segment place
    uint32_t n_segments;
    int64_t in_pts; ///< frames with in <= pts < out are encoded, the others only decoded
    int64_t out_pts;
    int64_t next_pts; ///< where the last frame ends: the next frame's pts, or the end of the track
    uint64_t frames;  ///< shown frames in the window, counted in packets
    uint32_t timescale;
    struct avsp_rational
        frame_rate;   ///< the job's standard rate: decides the AV1 level and FRAME-RATE
    int32_t rotation; ///< clockwise degrees that bring the picture upright: 0, 90, 180, 270
    bool hflip;       ///< mirrored left to right, after the rotation
    struct avsp_rational sample_aspect; ///< of the coded picture, before rotation; 0/0 = unknown
    int32_t color_primaries;            ///< ISO/IEC 23091-2 code points; 2 = unspecified
    int32_t color_transfer;
    int32_t color_matrix;
    bool full_range;
    int32_t chroma_location; ///< AVChromaLocation's number; 0 = unspecified
    uint32_t width_px;       ///< of the coded picture
    uint32_t height_px;
    uint32_t bit_depth; ///< of the output: 8 or 10
    struct avsp_hdr hdr;
    enum avsp_fields fields; ///< of the frames from lead_ticks before origin_pts on
    int64_t
        lead_ticks; ///< how far before origin_pts the whole source begins, where a part of it is encoded; >= 0
    bool field_rate; ///< each field becomes a picture of its own

    // AUDIO
    // in_pts, out_pts: sound outside is priming or padding of its encoder, or hidden by an edit list; INT64_MIN and INT64_MAX
    // where there is no such limit
    int64_t
        end_pts; ///< presentation end, in origin_time_base: sound is cut or padded with silence to it
    bool alone; ///< the presentation has no picture
    bool named; ///< it was asked for by name: without it the job fails
    int64_t
        drift_ppb; ///< by how many parts in 10^9 its samples last longer, by their times, than the rate says
    const char *language;
    const char *title;
    uint32_t purposes; ///< bits of avsp_purpose
};

/// Is its picture PQ or HLG?
bool avsp_piece_is_hdr(const struct avsp_piece_header *header);

/// Writes the header, AVSP_PIECE_HEADER_BYTES bytes in all. @return OK; LIMIT a title or language too long.
enum avsp_code avsp_piece_header_write(const struct avsp_piece_header *header,
                                       char ret_block[AVSP_PIECE_HEADER_BYTES],
                                       struct avsp_err *err) AVSP_CHECKED;

/// Reads a header; @p block need not be a piece at all. Strings are in @p arena.
/// @return OK; INVALID not a header, or a value out of its range; NO_MEMORY.
enum avsp_code avsp_piece_header_parse(struct avsp_arena *arena,
                                       const char block[AVSP_PIECE_HEADER_BYTES],
                                       struct avsp_piece_header *ret_header,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
