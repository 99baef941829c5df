#include "media/averr.h"

#include <libavutil/error.h>
#include <stdarg.h>
#include <string.h>

/// Errno values that libav wraps and that say something about this machine rather than about the file.
static bool is_machine_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case EACCES:
    case EPERM:
    case EROFS:
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static enum avsp_code code_of_averror(int averror)
{
    switch (averror) {
    case AVERROR(ENOMEM):
        return AVSP_NO_MEMORY;
    case AVERROR(ENOSYS):
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_FILTER_NOT_FOUND:
    case AVERROR_BSF_NOT_FOUND:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
        return AVSP_UNSUPPORTED;
    case AVERROR_BUG:
    case AVERROR_BUG2:
        return AVSP_INTERNAL;
    default:
        return AVSP_CORRUPT;
    }
}

enum avsp_code avsp_averr_set(struct avsp_err *err, int averror, const char *fmt, ...)
{
    char context[AVSP_ERR_TEXT_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    // libav keeps its own negative tags out of errno's range, so the sign flip is safe to test.
    if (is_machine_errno(AVUNERROR(averror)))
        return avsp_err_set_errno(err, AVUNERROR(averror), "%s", context);
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(averror, reason, sizeof reason);
    avsp_err_set(err, code_of_averror(averror), "%s: %s", context, reason);
    err->native = averror;
    return err->code;
}
