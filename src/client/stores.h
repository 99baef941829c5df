/// S3 as the client sees it: what a job's places are opened with, and whether they can be, before a coordinator hears of them.
/// One thread.
#ifndef AVSP_CLIENT_STORES_H
#define AVSP_CLIENT_STORES_H

#include "client/command.h"
#include "storage/storage.h"

#define AVSP_OPTIONS_OF_S3                                                                         \
    {"s3-style", "STYLE", "AVSPL1T_S3_STYLE", "auto",                                              \
     "How buckets are addressed: path, virtual (in the host's name), or auto."},                   \
        {"anonymous-input", NULL, "AVSPL1T_ANONYMOUS_INPUT", NULL,                                 \
         "INPUT is for everybody to read: no credentials are used for it."},                       \
    {                                                                                              \
        "cache-control", "TEXT", "AVSPL1T_CACHE_CONTROL", NULL,                                    \
            "The Cache-Control of what is put into an S3 OUTPUT, but for manifest.m3u8. Default: " \
            "a year, immutable."                                                                   \
    }

/// Those of a job that others do.
#define AVSP_OPTIONS_OF_S3_ELSEWHERE                                                               \
    {"no-credentials", NULL, "AVSPL1T_NO_CREDENTIALS", NULL,                                       \
     "Send no S3 credentials: the workers use their own."},                                        \
        {"upload", "S3FOLDER", NULL, NULL,                                                         \
         "Put the local INPUT into this folder first, as s3://BUCKET/FOLDER, and let the workers " \
         "read it there. It stays."},                                                              \
    {                                                                                              \
        "no-check", NULL, "AVSPL1T_NO_CHECK", NULL,                                                \
            "Do not look first whether an S3 INPUT is there and OUTPUT can be written: only the "  \
            "workers reach them."                                                                  \
    }

/// A storage with this user's rights and the patience of somebody who waits for a prompt. @return free with avsp_storage_free;
/// NULL with @p err.
struct avsp_storage *avsp_stores_open(struct avsp_err *err) AVSP_CHECKED;

/// Cleanup function for one owned by a local.
void avsp_stores_cleanup(struct avsp_storage **store);

/// Completes the S3 locations of a job by the options above, the environment and the profile. Strings are in @p arena.
/// @param keys  credentials too
/// @return OK; INVALID naming the option; what is wrong with the profile.
enum avsp_code avsp_stores_complete(struct avsp_storage *store, const struct avsp_cli_parsed *args,
                                    bool keys, struct avsp_arena *arena, struct avsp_job_spec *spec,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Uploads the input where --upload asks for it, and makes the uploaded one the job's. @return OK; as avsp_upload.
enum avsp_code avsp_stores_upload(struct avsp_storage *store, const struct avsp_cli_parsed *args,
                                  struct avsp_arena *arena, struct avsp_job_spec *spec,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Takes the credentials out of an S3 location: whoever reads it has the same by itself. Any other stays as it is.
void avsp_stores_keep_keys_back(struct avsp_location *place);

/// The URL that a player opens a presentation in S3 at: a public one, or with @p sign_seconds > 0 one that carries a signature.
/// @return in @p arena; "" where it is not in S3; NULL with @p err.
const char *avsp_stores_url(struct avsp_storage *store, const struct avsp_location *manifest,
                            int64_t sign_seconds, struct avsp_arena *arena,
                            struct avsp_err *err) AVSP_CHECKED;

/// Is the input there, can output and work be written, is no other presentation in the way? Local places are not looked at.
enum avsp_code avsp_stores_check(struct avsp_storage *store, struct avsp_arena *arena,
                                 const struct avsp_job_spec *spec,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Takes what a job that came to nothing has left in its S3 output: whatever bears our names, where there is no presentation.
/// What cannot be removed is said, and stays; where the store does not answer, or the storage is stopped, all that is left.
/// @return true: nothing stayed.
bool avsp_stores_undo(struct avsp_storage *store, const struct avsp_location *output);

#endif
