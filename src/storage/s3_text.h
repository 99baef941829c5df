/// The few text formats that S3 speaks: percent-encoding, its XML answers, and the JSON of credential services.
///
/// Pure. Whatever a server sends is safe here, and is never more than text. Any thread.
#ifndef AVSP_STORAGE_S3_TEXT_H
#define AVSP_STORAGE_S3_TEXT_H

#include "util/arena.h"
#include "util/buf.h"

/// Appends @p text percent-encoded as signatures want it: A-Z a-z 0-9 - . _ ~ stay, and '/' where @p keep_slash.
void avsp_s3_encode(struct avsp_buf *buf, const char *text, bool keep_slash);

/// Undoes percent-encoding in place; a '%' that begins no pair of hex digits, or would give a NUL, stays.
void avsp_s3_decode(char *text);

/// A part of a text; `text` NULL = there is none.
struct avsp_s3_span {
    const char *text;
    size_t len;
};

/// What stands between the next <NAME> (with or without attributes) and its </NAME>, and moves @p at behind it. Elements of one
/// name that lie in each other are not told apart: S3 has none.
struct avsp_s3_span avsp_s3_xml_next(struct avsp_s3_span *at, const char *name);

/// The text of the first element of that name, its entities resolved: "" where there is none, NULL where memory ran out.
const char *avsp_s3_xml_text(struct avsp_arena *arena, struct avsp_s3_span in, const char *name);

/// The value of the first member of that name whose value is a string: "" where there is none, NULL where memory ran out. Of
/// its escapes \uXXXX is not resolved: what is asked for here are keys, tokens and dates.
const char *avsp_s3_json_text(struct avsp_arena *arena, struct avsp_s3_span in, const char *name);

/// The seconds since 1970 of "2026-11-25T18:41:18Z" (also with a fraction), or of "Wed, 25 Nov 2026 18:41:18 GMT"; 0 where it is
/// neither.
int64_t avsp_s3_time(const char *text);

#endif
