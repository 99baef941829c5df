/// One line of text that says one thing: a verb and named values. The format of everything that our own
/// programs write for each other outside the wire protocol: what a worker asks of avspl1t-media and what it
/// reports, the header of a piece, compound columns of the database.
///
///     piece idx=3 path=p00003.nut tb=1/30000 title=Rock%20%26%20roll
///
/// Verb and keys: a-z, 0-9, '_'. Values: any UTF-8; bytes up to 0x20, '%', '=' and 0x7f are written as %XX.
/// Writing goes through a buffer with a sticky error. Reading collects the first problem in the record, so that
/// a caller takes all fields and asks once:
///
///     struct avsp_record rec;
///     if (avsp_record_parse(&arena, line, &rec, err) != AVSP_OK) …
///     piece.idx = (uint32_t)avsp_record_i64(&rec, "idx", 0, AVSP_SEGMENTS_MAX - 1);
///     piece.path = avsp_record_str(&rec, "path");
///     return avsp_record_check(&rec, err);
///
/// Any input is safe. One thread at a time.
#ifndef AVSP_CORE_RECORD_H
#define AVSP_CORE_RECORD_H

#include "core/model.h"
#include "util/arena.h"
#include "util/buf.h"

#define AVSP_RECORD_MAX_BYTES 16384 ///< a longer line is refused
#define AVSP_RECORD_FIELDS_MAX 64

struct avsp_record {
    const char *verb;
    size_t n_fields;
    struct {
        const char *key;
        const char *value; ///< unescaped; in the arena
    } fields[AVSP_RECORD_FIELDS_MAX];
    struct avsp_err problem; ///< the first one that a getter met
};

/// Reads one line (a line feed at its end is allowed).
/// @return OK; INVALID what is wrong with it; NO_MEMORY.
enum avsp_code avsp_record_parse(struct avsp_arena *arena, const char *line,
                                 struct avsp_record *ret_record, struct avsp_err *err) AVSP_CHECKED;

bool avsp_record_has(const struct avsp_record *rec, const char *key);

/// Getters: a missing key or a value out of range is a problem, and gives "" / @p min / 0/1.
const char *avsp_record_str(struct avsp_record *rec, const char *key);
int64_t avsp_record_i64(struct avsp_record *rec, const char *key, int64_t min, int64_t max);
/// "num/den" with den >= 1, or 0/0.
struct avsp_rational avsp_record_rational(struct avsp_record *rec, const char *key);

/// Like the getters above for keys that may be absent.
const char *avsp_record_str_or(struct avsp_record *rec, const char *key, const char *absent);
int64_t avsp_record_i64_or(struct avsp_record *rec, const char *key, int64_t min, int64_t max,
                           int64_t absent);

/// OK, or INVALID with the first problem.
enum avsp_code avsp_record_check(const struct avsp_record *rec, struct avsp_err *err) AVSP_CHECKED;

/// Writers. begin, any number of puts, end (which writes the line feed).
void avsp_record_begin(struct avsp_buf *buf, const char *verb);
void avsp_record_put_str(struct avsp_buf *buf, const char *key, const char *value);
void avsp_record_put_i64(struct avsp_buf *buf, const char *key, int64_t value);
void avsp_record_put_rational(struct avsp_buf *buf, const char *key, struct avsp_rational value);
void avsp_record_end(struct avsp_buf *buf);

/// A location as fields under a prefix: `in_kind=fs in_path=/x`. Credentials are not written: they stand apart.
void avsp_record_put_location(struct avsp_buf *buf, const char *prefix,
                              const struct avsp_location *loc);
struct avsp_location avsp_record_location(struct avsp_record *rec, const char *prefix);

#endif
