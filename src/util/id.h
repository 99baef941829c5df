/// Random identifiers from the kernel's generator. Any thread.
#ifndef AVSP_UTIL_ID_H
#define AVSP_UTIL_ID_H

#include "util/base.h"

/// 26 characters of lower-case base 32 (a-z, 2-7) and a NUL: 130 bits, safe in file names and URLs.
#define AVSP_ID_BYTES 27

/// Room for any identifier that avsp_id_is_valid accepts, and a NUL: other coordinators make others.
#define AVSP_ANY_ID_BYTES 65

/// Writes a fresh identifier.
void avsp_id_new(char ret_id[AVSP_ID_BYTES]);

/// Is @p id 1 to 64 characters of a-z, A-Z, 0-9, '-', '_', '.', not beginning with '.'?
bool avsp_id_is_valid(const char *id);

/// A random number from 1 to INT64_MAX; never 0, so that 0 can mean "none".
int64_t avsp_nonce_new(void);

#endif
