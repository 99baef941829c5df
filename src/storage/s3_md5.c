#include "storage/s3_md5.h"

#include <openssl/evp.h>
#include <string.h>

struct avsp_s3_md5 {
    EVP_MD_CTX *context;
};

struct avsp_s3_md5 *avsp_s3_md5_new(void)
{
    struct avsp_s3_md5 *md5 = calloc(1, sizeof *md5);
    if (md5 == NULL)
        return NULL;
    md5->context = EVP_MD_CTX_new();
    if (md5->context != NULL && EVP_DigestInit_ex(md5->context, EVP_md5(), NULL) == 1)
        return md5;
    avsp_s3_md5_free(md5);
    return NULL;
}

bool avsp_s3_md5_is_there(void)
{
    struct avsp_s3_md5 *md5 = avsp_s3_md5_new();
    avsp_s3_md5_free(md5);
    return md5 != NULL;
}

void avsp_s3_md5_free(struct avsp_s3_md5 *md5)
{
    if (md5 == NULL)
        return;
    EVP_MD_CTX_free(md5->context);
    free(md5);
}

void avsp_s3_md5_add(struct avsp_s3_md5 *md5, const void *bytes, size_t len)
{
    AVSP_ASSERT(EVP_DigestUpdate(md5->context, bytes, len) == 1);
}

void avsp_s3_md5_end(struct avsp_s3_md5 *md5, unsigned char ret_sum[AVSP_S3_MD5_BYTES])
{
    AVSP_ASSERT(EVP_DigestFinal_ex(md5->context, ret_sum, NULL) == 1);
    AVSP_ASSERT(EVP_DigestInit_ex(md5->context, NULL, NULL) == 1);
}

void avsp_s3_md5_etag(const unsigned char (*sums)[AVSP_S3_MD5_BYTES], size_t n_parts,
                      char ret_etag[AVSP_S3_MD5_ETAG_BYTES])
{
    unsigned char sum[AVSP_S3_MD5_BYTES];
    if (n_parts == 0)
        memcpy(sum, sums[0], sizeof sum);
    else
        AVSP_ASSERT(EVP_Digest(sums, n_parts * sizeof sums[0], sum, NULL, EVP_md5(), NULL) == 1);
    for (size_t i = 0; i < sizeof sum; i++)
        snprintf(ret_etag + 2 * i, 3, "%02x", sum[i]);
    if (n_parts > 0)
        snprintf(ret_etag + 2 * sizeof sum, AVSP_S3_MD5_ETAG_BYTES - 2 * sizeof sum, "-%zu",
                 n_parts);
}
