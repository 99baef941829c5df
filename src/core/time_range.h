/// A part of a source (struct avsp_time_range, core/model.h): its words on a command line, checks. Times count from presentation time 0 of the
/// whole source. Pure; any thread.
#ifndef AVSP_CORE_TIME_RANGE_H
#define AVSP_CORE_TIME_RANGE_H

#include "core/model.h"

/// Room for a time as text.
#define AVSP_TIME_TEXT_BYTES 32
/// A hundred thousand hours: more than any source lasts, and little enough in any time base.
#define AVSP_TIME_MAX_US (INT64_C(3600000000) * 100000)

/// Reads "12.5", "1:02.25" or "1:02:03.25": at most six digits behind the point, and minutes and seconds below 60 where something stands before them.
/// @return false: it is no such time, or over AVSP_TIME_MAX_US.
bool avsp_time_parse(const char *text, int64_t *ret_us) AVSP_CHECKED;

/// Writes "12.5" or "1:02:03.25", which avsp_time_parse reads. @param us  0..AVSP_TIME_MAX_US. @return @p ret_text.
const char *avsp_time_write(int64_t us, char ret_text[AVSP_TIME_TEXT_BYTES]);

/// @return OK; INVALID naming the wire's field.
enum avsp_code avsp_time_range_check(const struct avsp_time_range *range,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Is it the whole source?
bool avsp_time_range_is_all(const struct avsp_time_range *range);

bool avsp_time_range_equal(const struct avsp_time_range *a, const struct avsp_time_range *b);

#endif
