/// Are the files that a server shows what they should be? Asked for words: gRPC, which serves them, says only that it does not.
/// Any thread.
#ifndef AVSP_CRYPTO_CERTIFICATE_H
#define AVSP_CRYPTO_CERTIFICATE_H

#include "util/err.h"

#include <stdint.h>

/// Looks at a certificate and its key, both PEM.
/// @param ret_until_s  when the certificate runs out, in seconds since 1970. May be NULL.
/// @return OK; INVALID no certificate, no key, they do not belong together, or it is not valid now. No error repeats a key.
enum avsp_code avsp_certificate_check(const char *cert, const char *key, int64_t *ret_until_s,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Looks at the certificates of authorities, PEM. @return OK; INVALID there is none.
enum avsp_code avsp_certificate_check_authorities(const char *text,
                                                  struct avsp_err *err) AVSP_CHECKED;

#endif
