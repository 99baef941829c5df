/// libav's error numbers as our codes: the only place where they are translated. Any thread.
#ifndef AVSP_MEDIA_AVERR_H
#define AVSP_MEDIA_AVERR_H

#include "util/err.h"

/// Sets @p err from an AVERROR with ": text" appended. AVERROR_INVALIDDATA, EOF → CORRUPT; ENOMEM → NO_MEMORY; missing
/// decoder, encoder or demuxer → UNSUPPORTED; ENOSPC and kin → as errno; the rest → CORRUPT.
enum avsp_code avsp_averr_set(struct avsp_err *err, int averror, const char *fmt, ...)
    AVSP_PRINTF(3, 4);

#endif
