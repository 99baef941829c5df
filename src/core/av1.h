/// What an AV1 stream says of itself: its codec string, its size, and whether a sample begins with a keyframe.
///
/// Source: AV1 Codec ISO Media File Format Binding 2.3 (av1C) and 5 (codecs parameter); AV1 specification 5.3 (OBU header),
/// 5.5 (sequence header), 5.8 (metadata) and 5.9.2 (frame header). Any input is safe. Any thread.
#ifndef AVSP_CORE_AV1_H
#define AVSP_CORE_AV1_H

#include "util/base.h"
#include "util/err.h"

#define AVSP_AV1_CODECS_BYTES 40

/// Writes `av01.P.LLT.DD`, followed by `.M.CCC.cp.tc.mc.F` where anything differs from what the short form stands for
/// (4:2:0 of unknown chroma position, BT.709, studio range).
/// @param av1c  the record: 4 bytes and the sequence header OBU.
/// @return OK; CORRUPT not such a record.
enum avsp_code avsp_av1_codecs(const uint8_t *av1c, size_t len,
                               char ret_codecs[AVSP_AV1_CODECS_BYTES],
                               struct avsp_err *err) AVSP_CHECKED;

/// A sequence header; the code points are those of ISO/IEC 23091-2. All of one type, so that two compare as bytes.
struct avsp_av1_sequence {
    uint32_t profile, level, tier, depth, mono, sub_x, sub_y, chroma_position;
    uint32_t primaries, transfer, matrix, full_range;
    uint32_t width_px, height_px; ///< the largest that a frame may have
    uint32_t reduced;             ///< reduced_still_picture_header
};

/// Reads a configuration record, whose first four bytes repeat what its sequence header says.
/// @return OK; CORRUPT not such a record, or one that disagrees with its own sequence header.
enum avsp_code avsp_av1_config(const uint8_t *av1c, size_t len,
                               struct avsp_av1_sequence *ret_sequence,
                               struct avsp_err *err) AVSP_CHECKED;

/// Static HDR metadata, whoever wrote it: OBUs of a bitstream, or boxes of a file.
struct avsp_av1_hdr {
    bool has_mastering;
    uint32_t colors[8];   ///< x and y of red, green, blue and white, in 1/50000
    uint32_t most, least; ///< luminance in 1/10000 cd/m²
    bool has_light;
    uint32_t max_cll, max_fall; ///< cd/m²
};

/// What the beginning of a sample shows.
struct avsp_av1_unit {
    bool has_sequence;
    struct avsp_av1_sequence sequence;
    struct avsp_av1_hdr hdr; ///< of the metadata in front of the first frame
    bool has_frame;
    bool is_key; ///< the first frame is a keyframe that is shown
};

/// Looks at the OBUs of a sample up to its first frame; @p len may be less than the sample has.
/// @param sequence  from the configuration record; one in the sample itself counts more.
/// @return OK; CORRUPT it is not made of OBUs.
enum avsp_code avsp_av1_look(const uint8_t *sample, size_t len,
                             const struct avsp_av1_sequence *sequence,
                             struct avsp_av1_unit *ret_unit, struct avsp_err *err) AVSP_CHECKED;

#endif
