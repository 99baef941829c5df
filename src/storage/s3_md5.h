/// MD5 as S3 uses it: the ETag of an object that went up in one piece, and of one that went up in parts the MD5 of the parts'
/// MD5s, with "-N" behind it. No protection against malice: that is what signatures are for. One thread at a time.
#ifndef AVSP_STORAGE_S3_MD5_H
#define AVSP_STORAGE_S3_MD5_H

#include "util/base.h"

#define AVSP_S3_MD5_BYTES 16
#define AVSP_S3_MD5_ETAG_BYTES 56

struct avsp_s3_md5; ///< a running sum

/// @return free with avsp_s3_md5_free; NULL: memory ran out, or libcrypto has no MD5 (a FIPS provider).
struct avsp_s3_md5 *avsp_s3_md5_new(void) AVSP_CHECKED;
void avsp_s3_md5_free(struct avsp_s3_md5 *md5);
void avsp_s3_md5_add(struct avsp_s3_md5 *md5, const void *bytes, size_t len);
/// Gives the sum; the next byte begins another.
void avsp_s3_md5_end(struct avsp_s3_md5 *md5, unsigned char ret_sum[AVSP_S3_MD5_BYTES]);

/// The ETag without quotation marks: of one piece where @p n_parts is 0, else of so many sums.
void avsp_s3_md5_etag(const unsigned char (*sums)[AVSP_S3_MD5_BYTES], size_t n_parts,
                      char ret_etag[AVSP_S3_MD5_ETAG_BYTES]);

#endif
