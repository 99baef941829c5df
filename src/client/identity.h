/// What an encode is of: its input, its options, the libraries that make it. Kept beside its state, so that only the same
/// encode goes on with it.
///
/// Stored as one line (core/record.h) that appears whole or not at all. Any thread.
#ifndef AVSP_CLIENT_IDENTITY_H
#define AVSP_CLIENT_IDENTITY_H

#include "core/model.h"
#include "storage/storage.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/id.h"

/// Strings are borrowed, or in the arena that the function which fills it was given.
struct avsp_identity {
    const char *input;    ///< absolute path; bytes that are not UTF-8 stand as \xNN
    uint64_t input_bytes; ///< size of the input
    int64_t input_modified_ns;
    const char *input_hash; ///< SHA-256 of its beginning and its end
    const char *output;     ///< absolute path
    const char *work;       ///< --work; "" = within OUTPUT
    int32_t segment_seconds;
    int32_t crf;
    int32_t preset;
    const char *picture; ///< text form of the picture's options …
    const char *sound;   ///< … and of the sound's
    struct avsp_choice choice;
    const char *sidecars; ///< SHA-256 of what there is to say about files of subtitles; "" = none
    bool overwrite;
    bool dash;
    const char *cache_control; ///< of an S3 output; "" = the usual
    const char *libraries;     ///< that split and encode, with their versions

    // Not compared.
    const char *version;  ///< of the avspl1t that began it
    const char *key;      ///< the job's idempotency key
    const char *host;     ///< where it was begun
    const char *state;    ///< the folder of its database where that is not OUTPUT/.avspl1t; else ""
    const char *manifest; ///< SHA-256 of the presentation that was there before; "" = none
    size_t made_len;      ///< see avsp_output: how much of `output` was made for it
};

/// Describes an encode that is asked for. @param store  for what is in S3
/// @param libraries  as a probe tells
/// @return OK; NOT_FOUND, DENIED, … the input cannot be read; NO_MEMORY.
enum avsp_code avsp_identity_of(const struct avsp_job_spec *spec, struct avsp_storage *store,
                                const char *libraries, struct avsp_arena *arena,
                                struct avsp_identity *ret_identity,
                                struct avsp_err *err) AVSP_CHECKED;

/// Was the stored @p file made from the local one at @p path? By what an encode's input is known by: size and both ends; and the
/// local one must not have changed since. @return as avsp_identity_of.
enum avsp_code avsp_identity_is_copy(struct avsp_storage *store, const struct avsp_location *file,
                                     const char *path, struct avsp_arena *arena, bool *ret_is_copy,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Stores it in an open folder, durably. @return OK; NO_SPACE disk full; DENIED; UNAVAILABLE.
enum avsp_code avsp_identity_write(const struct avsp_identity *identity, int folder,
                                   struct avsp_err *err) AVSP_CHECKED;

/// @return OK; NOT_FOUND there is none; CORRUPT it is not one that this program can read; NO_MEMORY.
enum avsp_code avsp_identity_read(int folder, struct avsp_arena *arena,
                                  struct avsp_identity *ret_identity,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Makes sure that nobody goes on with what is in an open folder.
void avsp_identity_remove(int folder);

/// In what two differ, as the end of a sentence about an encode that `kept` describes: "was begun with --crf 30, not 20".
/// @return "" where they do not; in the arena, or a static text where memory ran out.
const char *avsp_identity_difference(const struct avsp_identity *kept,
                                     const struct avsp_identity *asked, struct avsp_arena *arena);

#endif
