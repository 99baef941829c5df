#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/// One row a code: its wire name and whether a retry can help.
static const struct {
    const char *name;
    bool may_retry;
} code_table[AVSP_N_CODES] = {
    [AVSP_OK] = {"ok", false},
    [AVSP_INVALID] = {"invalid", false},
    [AVSP_NOT_FOUND] = {"not-found", false},
    [AVSP_EXISTS] = {"exists", false},
    [AVSP_PRECONDITION] = {"precondition", false},
    [AVSP_CONFLICT] = {"conflict", false},
    [AVSP_DENIED] = {"denied", false},
    [AVSP_UNAUTHENTICATED] = {"unauthenticated", false},
    [AVSP_LIMIT] = {"limit", true},
    [AVSP_NO_SPACE] = {"no-space", true},
    [AVSP_UNAVAILABLE] = {"unavailable", true},
    [AVSP_TIMEOUT] = {"timeout", true},
    [AVSP_CANCELED] = {"canceled", false},
    [AVSP_CORRUPT] = {"corrupt", false},
    [AVSP_UNSUPPORTED] = {"unsupported", false},
    [AVSP_NO_MEMORY] = {"no-memory", true},
    [AVSP_INTERNAL] = {"internal", true},
};

enum avsp_code avsp_err_set(struct avsp_err *err, enum avsp_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    err->code = code;
    err->native = 0;
    return code;
}

static enum avsp_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return AVSP_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return AVSP_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return AVSP_DENIED;
    case ENOSPC:
    case EDQUOT:
        return AVSP_NO_SPACE;
    case EFBIG:
    case EMFILE:
    case ENFILE:
        return AVSP_LIMIT;
    case ENOMEM:
        return AVSP_NO_MEMORY;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR:
    case EXDEV:
        return AVSP_INVALID;
    case ETIMEDOUT:
        return AVSP_TIMEOUT;
    default:
        return AVSP_UNAVAILABLE;
    }
}

enum avsp_code avsp_err_set_errno(struct avsp_err *err, int errnum, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    char reason[128];
    const char *text = strerror_r(errnum, reason, sizeof reason);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", text);
    err->code = code_of_errno(errnum);
    err->native = errnum;
    return err->code;
}

enum avsp_code avsp_err_wrap(struct avsp_err *err, const char *fmt, ...)
{
    char inner[AVSP_ERR_TEXT_BYTES];
    memcpy(inner, err->text, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text) {
        int room = (int)sizeof err->text - n;
        snprintf(err->text + n, (size_t)room, ": %.*s", room, inner);
    }
    return err->code;
}

const char *avsp_code_name(enum avsp_code code)
{
    return (unsigned)code < AVSP_N_CODES ? code_table[code].name : code_table[AVSP_INTERNAL].name;
}

enum avsp_code avsp_code_from_name(const char *name)
{
    for (unsigned i = 0; i < AVSP_N_CODES; i++)
        if (strcmp(code_table[i].name, name) == 0)
            return (enum avsp_code)i;
    return AVSP_INTERNAL;
}

bool avsp_code_may_retry(enum avsp_code code)
{
    return (unsigned)code < AVSP_N_CODES && code_table[code].may_retry;
}
