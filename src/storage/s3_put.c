/// Publishing objects: small ones at once, large ones in parts side by side; all of it or nothing.
#include "storage/s3_md5.h"
#include "storage/s3_private.h"
#include "storage/s3_text.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
#define PAGE_LIMIT 1000 ///< pages of unfinished uploads

const char *avsp_s3_content_type(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".m3u8", "application/vnd.apple.mpegurl"}, // RFC 8216, 4
        {".mp4", "video/mp4"},
        {".m4s", "video/iso.segment"}, // ISO/IEC 23009-1, annex C
        {".m4a", "audio/mp4"},
        {".mpd", "application/dash+xml"},
        {".ts", "video/mp2t"},
        {".vtt", "text/vtt"},
        {".jpg", "image/jpeg"},
        {".png", "image/png"},
        {".json", "application/json"},
    };
    size_t n = strlen(name);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(types); i++) {
        size_t m = strlen(types[i].ending);
        if (n > m && strcmp(name + n - m, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static void put_headers(struct avsp_s3_call *call)
{
    call->headers[call->n_headers++] =
        (struct avsp_s3_pair){"content-type", avsp_s3_content_type(call->at->path)};
    if (call->at->cache_control[0] != '\0')
        call->headers[call->n_headers++] =
            (struct avsp_s3_pair){"cache-control", call->at->cache_control};
}

static enum avsp_code put_once(struct avsp_s3 *s3, struct avsp_s3_lane *lane, const void *bytes,
                               size_t len, const struct avsp_location *file, struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    avsp_s3_reply_init(&reply);
    struct avsp_s3_call call = {.method = "PUT",
                                .at = file,
                                .key = file->path,
                                .body = len > 0 ? bytes : "",
                                .body_len = len};
    put_headers(&call);
    return avsp_s3_call(s3, lane, &call, &reply, err);
}

/// A local file on its way into an object.
struct putting {
    struct avsp_s3 *s3;
    struct avsp_put *put;
    int fd;
    uint64_t bytes;
    // In parts:
    uint64_t part_bytes;
    char *upload_id;
    char (*etags)[AVSP_S3_ETAG_BYTES]; ///< one a part
};

/// The child that wrote it is not trusted: it may be a link, or have another name that is somebody else's file.
static enum avsp_code open_local(const struct avsp_put *put, int *ret_fd, uint64_t *ret_bytes,
                                 struct avsp_err *err)
{
    struct stat st;
    int flags = put->keep ? 0 : O_NOFOLLOW;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        open(put->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    if (fd < 0 || fstat(fd, &st) != 0)
        return avsp_err_set_errno(err, errno, "%s", put->path);
    if (!S_ISREG(st.st_mode))
        return avsp_err_set(err, AVSP_INVALID, "%s: not a regular file", put->path);
    if (!put->keep && st.st_nlink != 1)
        return avsp_err_set(err, AVSP_INVALID, "%s: has another name too", put->path);
    *ret_bytes = (uint64_t)st.st_size;
    *ret_fd = avsp_fd_take(&fd);
    return AVSP_OK;
}

static enum avsp_code read_part(const struct putting *p, uint64_t from, size_t len,
                                char **ret_bytes, struct avsp_err *err)
{
    size_t n = 0;
    char *bytes = malloc(len + 1);
    if (bytes == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "%s: memory ran out", p->put->path);
    enum avsp_code rc = avsp_fd_pread_all(p->fd, bytes, len, from, &n, err);
    if (rc == AVSP_OK && n != len)
        rc = avsp_err_set(err, AVSP_UNAVAILABLE, "%s: became shorter", p->put->path);
    if (rc == AVSP_OK)
        *ret_bytes = bytes;
    else
        free(bytes);
    return rc;
}

static enum avsp_code tell(const struct putting *p, uint64_t bytes, struct avsp_err *err)
{
    const struct avsp_watch *watch = p->put->watch;
    if (watch == NULL)
        return AVSP_OK;
    if (watch->moved != NULL)
        watch->moved(watch->opaque, bytes);
    return watch->should_stop != NULL && watch->should_stop(watch->opaque)
               ? avsp_err_set(err, AVSP_CANCELED, "stopped")
               : AVSP_OK;
}

static enum avsp_code put_whole(struct putting *p, struct avsp_s3_lane *lane, struct avsp_err *err)
{
    char *bytes AVSP_CLEANUP(avsp_free_ptr) = NULL;
    enum avsp_code rc = read_part(p, 0, (size_t)p->bytes, &bytes, err);
    if (rc == AVSP_OK)
        rc = put_once(p->s3, lane, bytes, (size_t)p->bytes, &p->put->file, err);
    return rc == AVSP_OK ? tell(p, p->bytes, err) : rc;
}

static enum avsp_code put_part(void *opaque, size_t i, struct avsp_s3_lane *lane,
                               struct avsp_err *err)
{
    struct putting *p = opaque;
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    char *bytes AVSP_CLEANUP(avsp_free_ptr) = NULL;
    char number[16];
    uint64_t from = i * p->part_bytes;
    size_t len = (size_t)AVSP_MIN(p->part_bytes, p->bytes - from);
    avsp_s3_reply_init(&reply);
    snprintf(number, sizeof number, "%zu", i + 1);
    enum avsp_code rc = read_part(p, from, len, &bytes, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_s3_call call = {.method = "PUT",
                                .at = &p->put->file,
                                .key = p->put->file.path,
                                .params = {{"partNumber", number}, {"uploadId", p->upload_id}},
                                .n_params = 2,
                                .body = bytes,
                                .body_len = len};
    rc = avsp_s3_call(p->s3, lane, &call, &reply, err);
    if (rc != AVSP_OK)
        return rc;
    if (reply.etag[0] == '\0')
        return avsp_err_set(err, AVSP_UNAVAILABLE, "%s: the store gave no ETag for a part",
                            p->put->path);
    snprintf(p->etags[i], sizeof p->etags[i], "%s", reply.etag);
    return tell(p, len, err);
}

static enum avsp_code create_upload(struct putting *p, struct avsp_s3_lane *lane,
                                    struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_s3_reply_init(&reply);
    avsp_arena_init(&arena, AVSP_S3_ARENA_BYTES);
    struct avsp_s3_call call = {.method = "POST",
                                .at = &p->put->file,
                                .key = p->put->file.path,
                                .params = {{"uploads", ""}},
                                .n_params = 1,
                                .body = "",
                                .may_hide_error = true};
    put_headers(&call);
    enum avsp_code rc = avsp_s3_call(p->s3, lane, &call, &reply, err);
    if (rc != AVSP_OK)
        return rc;
    const char *id = avsp_s3_xml_text(
        &arena, (struct avsp_s3_span){avsp_buf_text(&reply.body), reply.body.len}, "UploadId");
    if (id == NULL || (p->upload_id = strdup(id)) == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    if (id[0] == '\0')
        return avsp_err_set(err, AVSP_UNAVAILABLE, "s3://%.100s/%.200s: the store began no upload",
                            p->put->file.bucket, p->put->file.path);
    return AVSP_OK;
}

/// What the parts make together, by the ETags that they were given; "" where those are no MD5s.
static void expected_etag(const struct putting *p, size_t n, char ret_etag[AVSP_S3_MD5_ETAG_BYTES])
{
    ret_etag[0] = '\0';
    unsigned char(*sums)[AVSP_S3_MD5_BYTES] = calloc(n, sizeof *sums);
    bool ok = sums != NULL && avsp_s3_md5_is_there();
    for (size_t i = 0; i < n && ok; i++) {
        const char *text = p->etags[i] + (p->etags[i][0] == '"');
        ok = strspn(text, "0123456789abcdef") == 2 * (size_t)AVSP_S3_MD5_BYTES;
        for (size_t k = 0; k < AVSP_S3_MD5_BYTES && ok; k++) {
            const char digits[3] = {text[2 * k], text[2 * k + 1], '\0'};
            sums[i][k] = (unsigned char)strtoul(digits, NULL, 16);
        }
    }
    if (ok)
        avsp_s3_md5_etag((const unsigned char(*)[AVSP_S3_MD5_BYTES])sums, n, ret_etag);
    free(sums);
}

/// The upload is not known any more: was it completed by a call whose answer was lost?
static enum avsp_code check_completed(struct putting *p, struct avsp_s3_lane *lane, size_t n,
                                      struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    struct avsp_err why = *err, ignored = {0};
    char etag[AVSP_S3_MD5_ETAG_BYTES];
    avsp_s3_reply_init(&reply);
    expected_etag(p, n, etag);
    struct avsp_s3_call call = {.method = "HEAD", .at = &p->put->file, .key = p->put->file.path};
    if (avsp_s3_call(p->s3, lane, &call, &reply, &ignored) == AVSP_OK && reply.length == p->bytes &&
        (etag[0] == '\0' || strstr(reply.etag, etag) != NULL))
        return AVSP_OK;
    *err = why;
    err->code = AVSP_UNAVAILABLE; // somebody removed it: from the beginning, it may go well
    return err->code;
}

static enum avsp_code complete_upload(struct putting *p, struct avsp_s3_lane *lane, size_t n,
                                      struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) list;
    avsp_s3_reply_init(&reply);
    avsp_buf_init(&list, 4 << 20);
    avsp_buf_puts(&list, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < n; i++)
        avsp_buf_printf(&list, "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag></Part>", i + 1,
                        p->etags[i]);
    avsp_buf_puts(&list, "</CompleteMultipartUpload>");
    enum avsp_code rc = avsp_buf_check(&list, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_s3_call call = {.method = "POST",
                                .at = &p->put->file,
                                .key = p->put->file.path,
                                .params = {{"uploadId", p->upload_id}},
                                .n_params = 1,
                                .headers = {{"content-type", "application/xml"}},
                                .n_headers = 1,
                                .body = list.data,
                                .body_len = list.len,
                                .may_hide_error = true};
    rc = avsp_s3_call(p->s3, lane, &call, &reply, err);
    return rc == AVSP_NOT_FOUND ? check_completed(p, lane, n, err) : rc;
}

/// @param is_last_act  also when all else is to stop: parts that nobody completes cost money
static enum avsp_code abort_upload(struct avsp_s3 *s3, const struct avsp_location *at,
                                   const char *key, const char *upload_id, bool is_last_act,
                                   struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    avsp_s3_reply_init(&reply);
    struct avsp_s3_lane *lane = avsp_s3_lane_new();
    if (lane == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    struct avsp_s3_call call = {.method = "DELETE",
                                .at = at,
                                .key = key,
                                .params = {{"uploadId", upload_id}},
                                .n_params = 1,
                                .is_last_act = is_last_act};
    enum avsp_code rc = avsp_s3_call(s3, lane, &call, &reply, err);
    avsp_s3_lane_free(lane);
    return rc == AVSP_NOT_FOUND ? AVSP_OK : rc;
}

static enum avsp_code with_lane(struct putting *p,
                                enum avsp_code (*act)(struct putting *p, struct avsp_s3_lane *lane,
                                                      size_t n, struct avsp_err *err),
                                size_t n, struct avsp_err *err)
{
    struct avsp_s3_lane *lane = avsp_s3_lane_take(p->s3, err);
    if (lane == NULL)
        return err->code;
    enum avsp_code rc = act(p, lane, n, err);
    avsp_s3_lane_give(p->s3, lane);
    return rc;
}

static enum avsp_code create_with(struct putting *p, struct avsp_s3_lane *lane, size_t n,
                                  struct avsp_err *err)
{
    (void)n;
    return create_upload(p, lane, err);
}

static enum avsp_code put_in_parts(struct putting *p, struct avsp_err *err)
{
    uint64_t least = (p->bytes / AVSP_S3_PARTS_MAX / MIB + 1) * MIB;
    p->part_bytes = AVSP_MAX(AVSP_S3_PART_BYTES, least);
    size_t n = (size_t)((p->bytes + p->part_bytes - 1) / p->part_bytes);
    p->etags = calloc(n, sizeof p->etags[0]);
    if (p->etags == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    enum avsp_code rc = with_lane(p, create_with, 0, err);
    if (rc == AVSP_OK) {
        rc = avsp_s3_parallel(p->s3, n, put_part, p, err);
        if (rc == AVSP_OK)
            rc = with_lane(p, complete_upload, n, err);
        struct avsp_err ignored = {0};
        if (rc != AVSP_OK && abort_upload(p->s3, &p->put->file, p->put->file.path, p->upload_id,
                                          true, &ignored) != AVSP_OK)
            avsp_err_wrap(err, "parts of it stay in the store");
    }
    free(p->etags);
    free(p->upload_id);
    return rc;
}

static enum avsp_code put_file(struct avsp_s3 *s3, struct avsp_put *put, struct avsp_s3_lane *lane,
                               struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
    struct putting p = {.s3 = s3, .put = put};
    enum avsp_code rc = open_local(put, &fd, &p.bytes, err);
    if (rc != AVSP_OK)
        return rc;
    p.fd = fd;
    rc = lane != NULL ? put_whole(&p, lane, err) : put_in_parts(&p, err);
    if (rc != AVSP_OK)
        return rc;
    put->done = true;
    if (!put->keep && unlink(put->path) != 0)
        return avsp_err_set_errno(err, errno, "%s", put->path);
    return AVSP_OK;
}

/// Those of several that go up at once.
struct small {
    struct avsp_s3 *s3;
    struct avsp_put **puts;
    size_t n;
};

static enum avsp_code put_small(void *opaque, size_t i, struct avsp_s3_lane *lane,
                                struct avsp_err *err)
{
    struct small *small = opaque;
    return put_file(small->s3, small->puts[i], lane, err);
}

enum avsp_code avsp_s3_put(struct avsp_storage *store, struct avsp_put *puts, size_t n_puts,
                           struct avsp_err *err)
{
    struct avsp_put **order AVSP_CLEANUP(avsp_free_ptr) = calloc(n_puts, sizeof(struct avsp_put *));
    struct small small = {.s3 = store->s3, .puts = order};
    size_t n_large = 0;
    if (order == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    // One that is not there stops them all: that is known before the first goes up.
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < n_puts && rc == AVSP_OK; i++) {
        int AVSP_CLEANUP(avsp_fd_cleanup) fd = -1;
        uint64_t bytes = 0;
        if (puts[i].done)
            continue;
        rc = open_local(&puts[i], &fd, &bytes, err);
        if (bytes <= AVSP_S3_PUT_ONCE_BYTES)
            order[small.n++] = &puts[i];
        else
            order[n_puts - ++n_large] = &puts[i];
    }
    if (rc == AVSP_OK && small.n > 0)
        rc = avsp_s3_parallel(store->s3, small.n, put_small, &small, err);
    for (size_t i = 0; i < n_large && rc == AVSP_OK; i++)
        rc = put_file(store->s3, order[n_puts - 1 - i], NULL, err);
    return rc;
}

enum avsp_code avsp_s3_put_bytes(struct avsp_storage *store, const void *bytes, size_t len,
                                 const struct avsp_location *file, struct avsp_err *err)
{
    struct avsp_s3_lane *lane = avsp_s3_lane_take(store->s3, err);
    if (lane == NULL)
        return err->code;
    enum avsp_code rc = put_once(store->s3, lane, bytes, len, file, err);
    avsp_s3_lane_give(store->s3, lane);
    return rc;
}

/// Where a page of unfinished uploads begins: behind this one.
struct marker {
    char *key;
    char *id;
};

static void marker_clear(struct marker *marker)
{
    free(marker->key);
    free(marker->id);
    *marker = (struct marker){0};
}

/// @param ret_more  false: there is no other page.
static enum avsp_code read_marker(struct avsp_arena *arena, struct avsp_s3_span page, bool is_form,
                                  struct marker *marker, bool *ret_more, struct avsp_err *err)
{
    const char *more = avsp_s3_xml_text(arena, page, "IsTruncated");
    const char *key = avsp_s3_listed_key(arena, page, "NextKeyMarker", is_form);
    const char *id = avsp_s3_xml_text(arena, page, "NextUploadIdMarker");
    if (more == NULL || key == NULL || id == NULL)
        return avsp_arena_failed(arena, err);
    *ret_more = strcmp(more, "true") == 0 && key[0] != '\0';
    marker_clear(marker);
    if (!*ret_more)
        return AVSP_OK;
    *marker = (struct marker){strdup(key), strdup(id)};
    if (marker->key == NULL || marker->id == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    return AVSP_OK;
}

/// Aborts what one page of unfinished uploads shows. @param marker  moved behind it. @param ret_more  there are others.
/// @param failed  of the first that could not be aborted, which keeps no other from it
static enum avsp_code drop_page(struct avsp_s3 *s3, const struct avsp_location *folder,
                                const char *prefix, bool (*goes)(const char *name),
                                struct marker *marker, bool *ret_more, struct avsp_err *failed,
                                struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_s3_reply_init(&reply);
    avsp_arena_init(&arena, 4 * AVSP_S3_ANSWER_MAX_BYTES);
    struct avsp_s3_call call = {.method = "GET",
                                .at = folder,
                                .key = "",
                                .params = {{"uploads", ""},
                                           {"prefix", prefix},
                                           {"encoding-type", "url"},
                                           {"key-marker", marker->key},
                                           {"upload-id-marker", marker->id}},
                                .n_params = marker->key != NULL ? 5 : 3};
    struct avsp_s3_lane *lane = avsp_s3_lane_take(s3, err);
    if (lane == NULL)
        return err->code;
    enum avsp_code rc = avsp_s3_call(s3, lane, &call, &reply, err);
    avsp_s3_lane_give(s3, lane);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_s3_span at = {avsp_buf_text(&reply.body), reply.body.len}, entry;
    const bool is_form = avsp_s3_is_form(&arena, at);
    rc = read_marker(&arena, at, is_form, marker, ret_more, err);
    if (rc != AVSP_OK)
        return rc;
    while ((entry = avsp_s3_xml_next(&at, "Upload")).text != NULL) {
        const char *key = avsp_s3_listed_key(&arena, entry, "Key", is_form);
        const char *id = avsp_s3_xml_text(&arena, entry, "UploadId");
        if (key == NULL || id == NULL)
            return avsp_arena_failed(&arena, err);
        size_t n = strlen(prefix);
        struct avsp_err each = {0};
        enum avsp_code dropped = AVSP_OK;
        if (key[0] == '\0' || strncmp(key, prefix, n) != 0)
            dropped = avsp_s3_stray(folder, key, &each);
        else if (goes == NULL || goes(key + n))
            dropped = abort_upload(s3, folder, key, id, false, &each);
        if (dropped == AVSP_CANCELED) {
            *err = each;
            return dropped;
        }
        if (dropped != AVSP_OK && failed->code == AVSP_OK)
            *failed = each;
    }
    return AVSP_OK;
}

enum avsp_code avsp_s3_drop_unfinished(struct avsp_storage *store,
                                       const struct avsp_location *folder,
                                       bool (*goes)(const char *name), struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 64 << 10);
    const char *prefix = avsp_s3_prefix(&arena, folder);
    if (prefix == NULL)
        return avsp_arena_failed(&arena, err);
    struct marker AVSP_CLEANUP(marker_clear) marker = {0};
    struct avsp_err failed = {0};
    bool more = true;
    enum avsp_code rc = AVSP_OK;
    for (int i = 0; i < PAGE_LIMIT && more && rc == AVSP_OK; i++)
        rc = drop_page(store->s3, folder, prefix, goes, &marker, &more, &failed, err);
    // Whoever may not list them, or asks a store that cannot, has nothing to tidy with.
    if (rc != AVSP_OK && rc != AVSP_DENIED && rc != AVSP_INVALID && rc != AVSP_NOT_FOUND)
        return rc;
    if (failed.code != AVSP_OK)
        *err = failed;
    return failed.code;
}
