#include "crypto/bearer.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#define ID_DIGITS (AVSP_BEARER_ID_BYTES - 1)
#define SECRET_DIGITS 64
#define PREFIX "avspl1t_"
#define PREFIX_LEN (sizeof PREFIX - 1)
#define TEXT_LEN (PREFIX_LEN + ID_DIGITS + 1 + SECRET_DIGITS)

static const char digits[] = "0123456789abcdef";

static void put_hex(char *to, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15];
    }
    to[2 * n] = '\0';
}

static bool is_hex(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\0' || strchr(digits, text[i]) == NULL)
            return false;
    return true;
}

bool avsp_bearer_read(const char *text, size_t len, struct avsp_bearer *ret_kept)
{
    const char *id = text + PREFIX_LEN;
    const char *secret = id + ID_DIGITS + 1;
    if (len != TEXT_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0 || !is_hex(id, ID_DIGITS) ||
        id[ID_DIGITS] != '_' || !is_hex(secret, SECRET_DIGITS))
        return false;
    unsigned char hash[EVP_MAX_MD_SIZE];
    if (EVP_Digest(secret, SECRET_DIGITS, hash, NULL, EVP_sha256(), NULL) != 1)
        return false;
    memcpy(ret_kept->id, id, ID_DIGITS);
    ret_kept->id[ID_DIGITS] = '\0';
    put_hex(ret_kept->hash, hash, (AVSP_BEARER_HASH_BYTES - 1) / 2);
    return true;
}

enum avsp_code avsp_bearer_make(char ret_text[AVSP_BEARER_TEXT_BYTES], struct avsp_bearer *ret_kept,
                                struct avsp_err *err)
{
    unsigned char random[(ID_DIGITS + SECRET_DIGITS) / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return avsp_err_set_errno(err, errno, "random bytes");
    memcpy(ret_text, PREFIX, PREFIX_LEN);
    char *id = ret_text + PREFIX_LEN;
    put_hex(id, random, ID_DIGITS / 2);
    id[ID_DIGITS] = '_';
    put_hex(id + ID_DIGITS + 1, random + ID_DIGITS / 2, SECRET_DIGITS / 2);
    explicit_bzero(random, sizeof random);
    return avsp_bearer_read(ret_text, TEXT_LEN, ret_kept)
               ? AVSP_OK
               : avsp_err_set(err, AVSP_INTERNAL, "libcrypto has no SHA-256");
}

bool avsp_bearer_equal(const struct avsp_bearer *a, const struct avsp_bearer *b)
{
    return strcmp(a->id, b->id) == 0 && CRYPTO_memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}
