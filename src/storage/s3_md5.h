/// MD5 as S3 uses it: the ETag of an object that went up in one piece, and of one that went up in parts the MD5 of the parts'
/// MD5s, with "-N" behind it. No protection against malice: that is what signatures are for. One thread at a time.
#ifndef AVSP_STORAGE_S3_MD5_H
#define AVSP_STORAGE_S3_MD5_H

#include "util/err.h"

#define AVSP_S3_MD5_BYTES 16
#define AVSP_S3_MD5_ETAG_BYTES 56

struct avsp_s3_md5; ///< a running sum

/// Has libcrypto MD5? Where not, nothing of what follows is to be called but avsp_s3_md5_new.
bool avsp_s3_md5_is_there(void) AVSP_CHECKED;

/// @return free with avsp_s3_md5_free; NULL: memory ran out, or libcrypto has no MD5 (a FIPS provider).
struct avsp_s3_md5 *avsp_s3_md5_new(void) AVSP_CHECKED;
void avsp_s3_md5_free(struct avsp_s3_md5 *md5);
void avsp_s3_md5_add(struct avsp_s3_md5 *md5, const void *bytes, size_t len);
/// Gives the sum; the next byte begins another.
void avsp_s3_md5_end(struct avsp_s3_md5 *md5, unsigned char ret_sum[AVSP_S3_MD5_BYTES]);

#define AVSP_S3_MD5_LANES 16

/// The sums of up to AVSP_S3_MD5_LANES ranges of a file, all at once: from @p from on every @p step bytes begins one, and the
/// last one ends at @p end. Takes a quarter of the processor time that they take one after the other, where there are that many.
/// @param end  at most AVSP_S3_MD5_LANES · @p step behind @p from.
/// @return OK; NO_MEMORY; INTERNAL the file is shorter; as its errno says.
enum avsp_code avsp_s3_md5_lanes(int fd, uint64_t from, uint64_t step, uint64_t end,
                                 unsigned char (*ret_sums)[AVSP_S3_MD5_BYTES],
                                 struct avsp_err *err) AVSP_CHECKED;

/// The ETag without quotation marks: of one piece where @p n_parts is 0, else of so many sums.
void avsp_s3_md5_etag(const unsigned char (*sums)[AVSP_S3_MD5_BYTES], size_t n_parts,
                      char ret_etag[AVSP_S3_MD5_ETAG_BYTES]);

#endif
