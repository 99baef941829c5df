/// Values inside of HLS tags: attribute lists (RFC 8216 4.2) and decimal numbers. Any input is safe; any thread.
#ifndef AVSP_CORE_HLS_ATTR_H
#define AVSP_CORE_HLS_ATTR_H

#include "util/arena.h"
#include "util/err.h"

#define AVSP_HLS_ATTRS_MAX 64

struct avsp_hls_attrs {
    size_t n;
    struct {
        const char *name;
        const char *value; ///< without its quotes
    } items[AVSP_HLS_ATTRS_MAX];
};

/// Reads a list. Strings are in @p arena. What is wrong is said in @p ret_fault, of which the first thing counts; the
/// attributes that can be read are given all the same.
/// @return OK; NO_MEMORY.
enum avsp_code avsp_hls_attrs_parse(struct avsp_arena *arena, const char *text,
                                    struct avsp_hls_attrs *ret_attrs,
                                    struct avsp_err *ret_fault) AVSP_CHECKED;

/// The value of an attribute; NULL where it is absent.
const char *avsp_hls_attr(const struct avsp_hls_attrs *attrs, const char *name);

/// A decimal number without sign, "4" or "4.004", times @p scale, rounded; digits beyond nine behind the point are
/// passed over. The number has to end where @p ret_rest points.
/// @return false where there is none, or it is over 10^9.
bool avsp_hls_decimal(const char *text, int64_t scale, int64_t *ret_value,
                      const char **ret_rest) AVSP_CHECKED;

#endif
