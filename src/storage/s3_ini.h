/// The shared files of Amazon's tools, ~/.aws/credentials and ~/.aws/config, as far as S3 needs them.
///
/// Read: aws_access_key_id, aws_secret_access_key, aws_session_token, region, endpoint_url (also of s3 in a `services` section).
/// What would have to run a program or to ask another service (credential_process, role_arn, sso_…) is not done: `why_none` says so.
/// Any thread.
#ifndef AVSP_STORAGE_S3_INI_H
#define AVSP_STORAGE_S3_INI_H

#include "util/arena.h"

/// All strings are in `arena` and never NULL; those that are absent are "".
struct avsp_s3_profile {
    struct avsp_arena arena;
    const char *access_key_id;
    const char *secret;
    const char *token;
    const char *region;
    const char *endpoint;
    const char *why_none; ///< it has no credentials: for a person; "" = none were asked for
};

/// Reads the profile that AWS_PROFILE names, or "default". A file that is not there is empty.
/// @return OK; NOT_FOUND a profile that was asked for by name is in neither file; INVALID; NO_MEMORY.
enum avsp_code avsp_s3_profile_read(struct avsp_s3_profile *profile,
                                    struct avsp_err *err) AVSP_CHECKED;
void avsp_s3_profile_deinit(struct avsp_s3_profile *profile);

/// The value of a key of a section of such a text, "" where there is none. A value that goes on in indented lines ("s3 =" and
/// below it "endpoint_url = …") is found as "s3.endpoint_url". @return in @p arena; NULL where memory ran out.
const char *avsp_s3_ini_value(struct avsp_arena *arena, const char *text, const char *section,
                              const char *key);

/// Is there such a section?
bool avsp_s3_ini_has(const char *text, const char *section);

#endif
