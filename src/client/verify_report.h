/// What a check found, told to people and summed up. One thread at a time.
#ifndef AVSP_CLIENT_VERIFY_REPORT_H
#define AVSP_CLIENT_VERIFY_REPORT_H

#include "core/verify.h"

/// A presentation in numbers.
struct avsp_verify_facts {
    size_t n_renditions; ///< lists of keyframes aside
    size_t n_segments;   ///< of all renditions
    uint64_t
        n_frames; ///< of the first rendition with a picture: decoded, or by headers where nothing was decoded
    int64_t duration_us; ///< of the longest rendition
};

struct avsp_verify_facts avsp_verify_sum(const struct avsp_verify *v, bool fast);

/// Does the rendition have a picture?
bool avsp_verify_has_picture(const struct avsp_verify_rendition *r);

/// Prints findings with their remedies, and a summary. @return OK; what the write said.
enum avsp_code avsp_verify_print(const struct avsp_verify *v, bool fast,
                                 struct avsp_err *err) AVSP_CHECKED;

#endif
