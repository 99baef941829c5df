/// The header fields of a store's answer, line by line. Pure: whatever a server sends is safe here. Any thread.
#ifndef AVSP_STORAGE_S3_FIELDS_H
#define AVSP_STORAGE_S3_FIELDS_H

#include "util/buf.h"

#define AVSP_S3_ETAG_BYTES 132
/// 10,000 parts of 5 GiB (Amazon's limits of a multipart upload): no object is larger.
#define AVSP_S3_OBJECT_MAX_BYTES ((uint64_t)10000 * 5 << 30)

/// What came back. `body` is initialised by the caller; all else is set.
struct avsp_s3_reply {
    long status;
    uint64_t length; ///< of the whole body, as its header says
    uint64_t range_from, range_total;
    bool has_range;
    int64_t date_s;
    int64_t modified_s;
    int64_t retry_after_s;         ///< as it was said: a number of seconds …
    int64_t retry_at_s;            ///< … or a date
    char etag[AVSP_S3_ETAG_BYTES]; ///< with its quotation marks
    char request_id[96];
    char region[64];
    char location[1024];
    struct avsp_buf body; ///< of an error, or where there is no sink
};

/// Takes one line of a header, of any length, with or without its end. A status line begins the answer anew, for what came before
/// was "100 Continue".
/// @return false: it names a size that no object has.
bool avsp_s3_field(struct avsp_s3_reply *reply, const char *line, size_t len) AVSP_CHECKED;

/// How long the answer says to wait, by the store's own clock where it says the time. @param now_s  by ours. @return 0..
int64_t avsp_s3_wait_s(const struct avsp_s3_reply *reply, int64_t now_s) AVSP_CHECKED;

#endif
