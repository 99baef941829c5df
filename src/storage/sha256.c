#include "storage/sha256.h"

#include <openssl/evp.h>

enum avsp_code avsp_sha256_hex(const void *bytes, size_t len, char ret_hex[AVSP_SHA256_HEX_BYTES],
                               struct avsp_err *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_Digest(bytes, len, hash, &n, EVP_sha256(), NULL) != 1)
        return avsp_err_set(err, AVSP_INTERNAL, "libcrypto gives no SHA-256");
    AVSP_ASSERT(n * 2 + 1 == AVSP_SHA256_HEX_BYTES);
    for (unsigned i = 0; i < n; i++)
        snprintf(ret_hex + 2 * (size_t)i, 3, "%02x", hash[i]);
    return AVSP_OK;
}
