/// The part of a check that decodes: each rendition's segments go through avspl1t-media, one after another in the same temporary
/// file, and what comes out is compared with what headers and playlist say. One thread at a time.
#ifndef AVSP_CLIENT_VERIFY_DECODE_H
#define AVSP_CLIENT_VERIFY_DECODE_H

#include "core/verify.h"

struct avsp_verify_decode {
    bool verbose; ///< what FFmpeg says goes to standard error
};

/// As struct avsp_verify has it. @param opaque  struct avsp_verify_decode
/// @return OK; what keeps us from decoding at all: no avspl1t-media, no room for the temporary file.
enum avsp_code avsp_verify_decode(void *opaque, struct avsp_verify *v,
                                  struct avsp_verify_rendition *r,
                                  const struct avsp_verify_segment *segments, size_t n_segments,
                                  struct avsp_err *err) AVSP_CHECKED;

#endif
