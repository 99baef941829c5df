/// What an H.264 stream says of itself, its codec string, and which level pictures of a size and rate need.
///
/// Source: ISO/IEC 14496-15 5.3.3.1 (avcC); RFC 6381 3.3 (codecs parameter); ITU-T H.264 A.3 (levels), 7.3.2.1.1 (sequence parameter sets). Any input is safe. Any thread.
#ifndef AVSP_CORE_AVC_H
#define AVSP_CORE_AVC_H

#include "core/model.h"
#include "util/base.h"
#include "util/err.h"

#define AVSP_AVC_CODECS_BYTES 16

/// Writes `avc1.PPCCLL`: profile, constraints and level as hexadecimal digits.
/// @param entry  the sample entry's name: "avc1", "avc3"
/// @param avcc   the configuration record
/// @return OK; CORRUPT not such a record, or one whose own sequence parameter set has another profile or a higher level.
enum avsp_code avsp_avc_codecs(const char *entry, const uint8_t *avcc, size_t len,
                               char ret_codecs[AVSP_AVC_CODECS_BYTES],
                               struct avsp_err *err) AVSP_CHECKED;

/// The size of the pictures, without what is cropped, of the first sequence parameter set.
/// @return false: there is none, or it cannot be read.
bool avsp_avc_size(const uint8_t *avcc, size_t len, uint32_t *ret_width_px,
                   uint32_t *ret_height_px);

/// Is frame_mbs_only_flag 0 (7.4.2.1.1)? Then pictures may be fields, or frames of them.
/// @param sps  the NAL unit; empty: there is none
bool avsp_avc_may_have_fields(const uint8_t *sps, size_t len);

/// Copies a NAL unit, or what is left of one, without the emulation prevention bytes (7.3.1; HEVC's are the same). @return the length.
size_t avsp_nal_unescape(const uint8_t *nal, size_t len, uint8_t *ret_bytes, size_t cap);

/// A level and what it allows in High profile.
struct avsp_avc_level {
    int32_t idc; ///< ten times the level
    int32_t max_kbps;
    int32_t max_buffer_kbits;
};

/// The lowest level for such pictures, but at least 3.0: everything that plays H.264 takes that, and lower ones allow few bits. The
/// highest where none would do.
struct avsp_avc_level avsp_avc_level_for(uint32_t width_px, uint32_t height_px,
                                         struct avsp_rational frame_rate);

#endif
