/// NAL units of H.264 and HEVC, as they stand in packets and in libavcodec's extradata. Any bytes are safe. Pure; any thread.
#ifndef AVSP_MEDIA_NAL_H
#define AVSP_MEDIA_NAL_H

#include "util/base.h"

#include <libavcodec/codec_par.h>

/// A view of bytes that shrinks as it is read.
struct avsp_view {
    const uint8_t *data;
    size_t len;
};

/// What is left behind the first @p n bytes, which may be more than there are.
struct avsp_view avsp_view_from(struct avsp_view v, size_t n);

/// Takes the next NAL unit of an Annex B stream. @return false at the end.
bool avsp_nal_next_annexb(struct avsp_view *v, struct avsp_view *ret_nal);

/// Takes the next NAL unit behind a length of @p n_size bytes. @return false at the end or where it is damaged.
bool avsp_nal_next_sized(struct avsp_view *v, size_t n_size, struct avsp_view *ret_nal);

/// How many bytes the lengths in front of the NAL units in packets have; 0 = they are an Annex B stream.
size_t avsp_nal_size_bytes(const AVCodecParameters *par);

/// A message of supplemental enhancement information (H.264 and HEVC, 7.3.2.3.1).
struct avsp_sei {
    size_t type;
    struct avsp_view payload; ///< shorter than it says where the unit is cut off
};

/// Takes the next message of an SEI NAL unit. @param v  unescaped, behind the unit's header. @return false at the end.
bool avsp_nal_next_sei(struct avsp_view *v, struct avsp_sei *ret_sei);

/// The first sequence parameter set of H.264's extradata, in either form; empty where there is none. Borrowed from @p par.
struct avsp_view avsp_nal_sps(const AVCodecParameters *par);

#endif
