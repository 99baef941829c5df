/// Tokens that let somebody in: "avspl1t_" ID "_" SECRET, in hex digits. What is kept of one is its id, by which it is found and
/// revoked, and a hash of its secret: 256 random bits need no salt and no slow hash. Any thread.
#ifndef AVSP_CRYPTO_BEARER_H
#define AVSP_CRYPTO_BEARER_H

#include "util/base.h"
#include "util/err.h"

#define AVSP_BEARER_ID_BYTES 17
#define AVSP_BEARER_HASH_BYTES 65
#define AVSP_BEARER_TEXT_BYTES 96

/// What is kept.
struct avsp_bearer {
    char id[AVSP_BEARER_ID_BYTES];
    char hash[AVSP_BEARER_HASH_BYTES];
};

/// Makes a new one. @param ret_text  the token itself: the caller shows it once, then wipes it.
/// @return OK; INTERNAL a libcrypto without SHA-256; UNAVAILABLE no random bytes.
enum avsp_code avsp_bearer_make(char ret_text[AVSP_BEARER_TEXT_BYTES], struct avsp_bearer *ret_kept,
                                struct avsp_err *err) AVSP_CHECKED;

/// What would be kept of the token that somebody shows. @param text  anything, not necessarily with a NUL.
/// @return false: it has not the form of a token.
bool avsp_bearer_read(const char *text, size_t len, struct avsp_bearer *ret_kept) AVSP_CHECKED;

/// Is it the same token? Takes as long whatever the hashes are.
bool avsp_bearer_equal(const struct avsp_bearer *a, const struct avsp_bearer *b) AVSP_CHECKED;

#endif
