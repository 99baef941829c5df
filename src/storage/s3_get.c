/// Reading objects: by range, pinned to the version that was opened; and as a whole into a file, in parallel and verified.
#include "storage/s3_md5.h"
#include "storage/s3_private.h"
#include "util/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_FIRST_BYTES ((size_t)256 << 10) ///< that a read fetches at least
#define WINDOW_MAX_BYTES ((size_t)8 << 20)     ///< when one follows another
#define BLOCK_BYTES ((size_t)1 << 20)
/// libcurl hands out 16 KiB at a time; writing so little takes half as long again.
#define WRITE_BYTES ((size_t)128 << 10)
/// Of ranges that are summed together: what was written last is in memory still.
#define TOGETHER_MAX_BYTES ((uint64_t)1 << 30)
/// Fewer are as fast one after the other.
#define TOGETHER_MIN 4
#define RANGE_TEXT_BYTES 64
#define MIB ((uint64_t)1 << 20)

struct reader {
    struct avsp_reader base;
    struct avsp_s3 *s3;
    struct avsp_arena arena; ///< of `at`
    struct avsp_location at;
    char etag[AVSP_S3_ETAG_BYTES]; ///< as the store writes it; "" = it has none
    // What was read last.
    char *window;
    uint64_t window_from;
    size_t window_len;
    size_t next_bytes; ///< that the next one fetches
};

static struct reader *reader_of(struct avsp_reader *base)
{
    return (struct reader *)base;
}

void avsp_s3_close(struct avsp_reader *base)
{
    struct reader *r = reader_of(base);
    avsp_arena_deinit(&r->arena);
    free(r->window);
    free(r->base.name);
    free(r);
}

/// A part of an object on its way to a place in memory or in a file. What has come is not asked for again.
struct range {
    struct reader *r;
    uint64_t from;
    uint64_t len;
    uint64_t done;
    uint64_t done_before; ///< at the last try
    char *memory;         ///< all of it; NULL = `fd`, at the same offset
    int fd;
    char *unwritten; ///< room for the last WRITE_BYTES of `done`
    size_t n_unwritten;
    bool is_first; ///< of the object: how long it is, and what version, is not known yet
    const struct avsp_watch *watch;
    struct avsp_s3_reply reply;
    char header[RANGE_TEXT_BYTES];
};

static bool begin_range(void *opaque, struct avsp_s3_call *call)
{
    struct range *range = opaque;
    bool is_further = range->done > range->done_before;
    range->done_before = range->done;
    snprintf(range->header, sizeof range->header, "bytes=%" PRIu64 "-%" PRIu64,
             range->from + range->done, range->from + range->len - 1);
    call->headers[0] = (struct avsp_s3_pair){"range", range->header};
    call->n_headers = 1;
    if (range->r->etag[0] != '\0')
        call->headers[call->n_headers++] = (struct avsp_s3_pair){"if-match", range->r->etag};
    return is_further;
}

/// What the first answer of all says of the object.
static void learn(struct range *range)
{
    const struct avsp_s3_reply *reply = &range->reply;
    struct reader *r = range->r;
    r->base.bytes = reply->status == 206 ? reply->range_total : reply->length;
    snprintf(r->etag, sizeof r->etag, "%s", reply->etag);
    range->len = AVSP_MIN(range->len, r->base.bytes);
    range->is_first = false;
}

/// Is what begins to come what was asked for? A store that knows no ranges sends all of it.
static bool is_asked_for(const struct range *range)
{
    const struct avsp_s3_reply *reply = &range->reply;
    uint64_t at = range->from + range->done;
    if (reply->status == 206)
        return reply->has_range && reply->range_from == at &&
               reply->range_total == range->r->base.bytes;
    return at == 0 && range->len == range->r->base.bytes;
}

/// Writes what has gathered.
static enum avsp_code write_out(struct range *range, struct avsp_err *err)
{
    uint64_t at = range->from + range->done - range->n_unwritten;
    size_t n = range->n_unwritten;
    range->n_unwritten = 0;
    return n > 0 ? avsp_fd_pwrite_all(range->fd, range->unwritten, n, at, err) : AVSP_OK;
}

/// Keeps what has come where it belongs.
static enum avsp_code keep(struct range *range, const void *bytes, size_t len, struct avsp_err *err)
{
    const char *from = bytes;
    if (range->memory != NULL) {
        memcpy(range->memory + range->done, bytes, len);
        range->done += len;
        return AVSP_OK;
    }
    for (size_t n; len > 0; from += n, len -= n) {
        n = AVSP_MIN(len, WRITE_BYTES - range->n_unwritten);
        memcpy(range->unwritten + range->n_unwritten, from, n);
        range->n_unwritten += n;
        range->done += n;
        if (range->n_unwritten == WRITE_BYTES && write_out(range, err) != AVSP_OK)
            return err->code;
    }
    return AVSP_OK;
}

static bool take_range(void *opaque, const void *bytes, size_t len, struct avsp_err *err)
{
    struct range *range = opaque;
    struct reader *r = range->r;
    if (range->watch != NULL && range->watch->should_stop != NULL &&
        range->watch->should_stop(range->watch->opaque)) {
        avsp_err_set(err, AVSP_CANCELED, "stopped");
        return false;
    }
    if (range->is_first)
        learn(range);
    if ((range->done == range->done_before && !is_asked_for(range)) ||
        len > range->len - range->done) {
        avsp_err_set(err, AVSP_UNAVAILABLE, "%s: the store sent another range than was asked for",
                     r->base.name);
        return false;
    }
    if (keep(range, bytes, len, err) != AVSP_OK)
        return false;
    if (range->watch != NULL && range->watch->moved != NULL)
        range->watch->moved(range->watch->opaque, len);
    return true;
}

static enum avsp_code get_range(struct range *range, struct avsp_s3_lane *lane,
                                struct avsp_err *err)
{
    struct reader *r = range->r;
    avsp_s3_reply_init(&range->reply);
    struct avsp_s3_call call = {
        .method = "GET",
        .at = &r->at,
        .key = r->at.path,
        .begin = begin_range,
        .sink = take_range,
        .opaque = range,
    };
    enum avsp_code rc = avsp_s3_call(r->s3, lane, &call, &range->reply, err);
    if (rc == AVSP_OK && range->is_first)
        learn(range); // nothing came of an empty one
    avsp_s3_reply_deinit(&range->reply);
    if (rc == AVSP_PRECONDITION && r->etag[0] != '\0')
        return avsp_err_set(err, AVSP_UNAVAILABLE, "%s: was changed while it was read",
                            r->base.name);
    if (rc == AVSP_OK && range->done < range->len)
        return avsp_err_set(err, AVSP_UNAVAILABLE, "%s: the store sent too little", r->base.name);
    return rc == AVSP_OK ? write_out(range, err) : rc;
}

/// Is the ETag an MD5, and of how many parts (0: of one piece)?
static bool is_md5(const char *etag, size_t *ret_n_parts)
{
    const char *text = etag + (etag[0] == '"');
    if (strspn(text, "0123456789abcdef") != 2 * (size_t)AVSP_S3_MD5_BYTES)
        return false;
    text += 2 * AVSP_S3_MD5_BYTES;
    *ret_n_parts = 0;
    if (*text == '-') {
        char *end;
        *ret_n_parts = strtoul(text + 1, &end, 10);
        text = end;
        if (*ret_n_parts == 0 || *ret_n_parts > AVSP_S3_PARTS_MAX)
            return false;
    }
    return text[strspn(text, "\"")] == '\0';
}

static bool is_etag(const struct reader *r, const char *md5)
{
    size_t n = strlen(md5);
    const char *text = r->etag + (r->etag[0] == '"');
    return strncmp(text, md5, n) == 0 && (text[n] == '"' || text[n] == '\0');
}

/// Reads [offset, offset + len) into the window.
static enum avsp_code fill_window(struct reader *r, uint64_t offset, size_t len,
                                  struct avsp_err *err)
{
    char *grown = realloc(r->window, len);
    if (grown == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "%s: memory ran out", r->base.name);
    r->window = grown;
    r->window_len = 0;
    struct avsp_s3_lane *lane = avsp_s3_lane_take(r->s3, err);
    if (lane == NULL)
        return err->code;
    struct range range = {.r = r, .from = offset, .len = len, .memory = grown};
    enum avsp_code rc = get_range(&range, lane, err);
    avsp_s3_lane_give(r->s3, lane);
    if (rc == AVSP_OK) {
        r->window_from = offset;
        r->window_len = len;
    }
    return rc;
}

/// A window that holds all of a small object can be checked: what does not fit its ETag is asked for once more.
static enum avsp_code check_window(struct reader *r, struct avsp_err *err)
{
    size_t n_parts;
    char first[AVSP_S3_MD5_ETAG_BYTES] = "", sum[AVSP_S3_MD5_ETAG_BYTES];
    if (r->window_len != r->base.bytes || !is_md5(r->etag, &n_parts) || n_parts != 0)
        return AVSP_OK;
    for (int i = 0;; i++) {
        unsigned char raw[1][AVSP_S3_MD5_BYTES];
        struct avsp_s3_md5 *md5 = avsp_s3_md5_new();
        if (md5 == NULL)
            return AVSP_OK; // no MD5 here: its length was checked
        avsp_s3_md5_add(md5, r->window, r->window_len);
        avsp_s3_md5_end(md5, raw[0]);
        avsp_s3_md5_free(md5);
        avsp_s3_md5_etag((const unsigned char(*)[AVSP_S3_MD5_BYTES])raw, 0, sum);
        // The same twice is no damage on the way: the ETag is something else (encrypted objects have such ones).
        if (is_etag(r, sum) || strcmp(first, sum) == 0)
            return AVSP_OK;
        if (i == 2)
            return avsp_err_set(err, AVSP_UNAVAILABLE, "%s: arrives damaged", r->base.name);
        memcpy(first, sum, sizeof first);
        enum avsp_code rc = fill_window(r, 0, r->window_len, err);
        if (rc != AVSP_OK)
            return rc;
    }
}

/// An empty object has no range that could be read.
static enum avsp_code look_at_empty(struct reader *r, struct avsp_s3_lane *lane,
                                    struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    avsp_s3_reply_init(&reply);
    struct avsp_s3_call call = {.method = "HEAD", .at = &r->at, .key = r->at.path};
    enum avsp_code rc = avsp_s3_call(r->s3, lane, &call, &reply, err);
    if (rc == AVSP_OK && reply.length > 0)
        return avsp_err_set(err, AVSP_UNAVAILABLE, "%s: was changed while it was opened",
                            r->base.name);
    snprintf(r->etag, sizeof r->etag, "%s", reply.etag);
    return rc;
}

/// The first window tells what the object is, and of a small one it is all: whoever opened it reads that one, whatever comes in
/// its place meanwhile.
static enum avsp_code look(struct reader *r, struct avsp_err *err)
{
    r->window = malloc(WINDOW_FIRST_BYTES);
    if (r->window == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    struct avsp_s3_lane *lane = avsp_s3_lane_take(r->s3, err);
    if (lane == NULL)
        return err->code;
    struct range range = {.r = r, .len = WINDOW_FIRST_BYTES, .memory = r->window, .is_first = true};
    enum avsp_code rc = get_range(&range, lane, err);
    if (rc == AVSP_PRECONDITION)
        rc = look_at_empty(r, lane, err);
    avsp_s3_lane_give(r->s3, lane);
    r->window_len = (size_t)range.done;
    return rc == AVSP_OK ? check_window(r, err) : rc;
}

/// Notes whether the way to the store is a safe one.
static enum avsp_code look_at_way(struct reader *r, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_s3_target target;
    avsp_arena_init(&arena, AVSP_S3_ARENA_BYTES);
    enum avsp_code rc = avsp_s3_target(r->s3, &r->at, &arena, &target, err);
    if (rc == AVSP_OK)
        r->base.is_sure = target.endpoint.tls;
    return rc == AVSP_OK ? AVSP_OK : avsp_err_wrap(err, "%s", r->base.name);
}

struct avsp_reader *avsp_s3_open(struct avsp_storage *store, const struct avsp_location *file,
                                 struct avsp_err *err)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    r->base = (struct avsp_reader){.backend = &avsp_s3_backend, .fd = -1};
    r->s3 = store->s3;
    r->next_bytes = WINDOW_FIRST_BYTES;
    avsp_arena_init(&r->arena, 64 << 10);
    enum avsp_code rc = avsp_location_copy(&r->arena, file, &r->at, err);
    if (rc == AVSP_OK && asprintf(&r->base.name, "s3://%s/%s", r->at.bucket, r->at.path) < 0) {
        r->base.name = NULL;
        rc = avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    }
    if (rc == AVSP_OK)
        rc = look_at_way(r, err);
    if (rc == AVSP_OK)
        rc = look(r, err);
    if (rc == AVSP_OK)
        return &r->base;
    avsp_s3_close(&r->base);
    return NULL;
}

static enum avsp_code need_window(struct reader *r, uint64_t offset, size_t len,
                                  struct avsp_err *err)
{
    if (offset >= r->window_from && offset - r->window_from < r->window_len)
        return AVSP_OK;
    bool follows = r->window_len > 0 && offset == r->window_from + r->window_len;
    r->next_bytes = follows ? AVSP_MIN(r->next_bytes * 2, WINDOW_MAX_BYTES) : WINDOW_FIRST_BYTES;
    uint64_t left = r->base.bytes - offset;
    size_t want = AVSP_MAX(AVSP_MIN(len, WINDOW_MAX_BYTES), r->next_bytes);
    return fill_window(r, offset, (size_t)AVSP_MIN(left, (uint64_t)want), err);
}

enum avsp_code avsp_s3_read(struct avsp_reader *base, uint64_t offset, void *ret_bytes, size_t len,
                            size_t *ret_len, struct avsp_err *err)
{
    struct reader *r = reader_of(base);
    size_t done = 0;
    if (offset > INT64_MAX - len)
        return avsp_err_set(err, AVSP_INVALID, "%s: a range beyond any file", r->base.name);
    while (done < len && offset + done < r->base.bytes) {
        enum avsp_code rc = need_window(r, offset + done, len - done, err);
        if (rc != AVSP_OK)
            return rc;
        size_t at = (size_t)(offset + done - r->window_from);
        size_t n = AVSP_MIN(len - done, r->window_len - at);
        memcpy((char *)ret_bytes + done, r->window + at, n);
        done += n;
    }
    *ret_len = done;
    return AVSP_OK;
}

/// A whole object on its way into a file.
struct fetching {
    struct reader *r;
    int fd;
    const struct avsp_watch *watch;
    uint64_t step;                            ///< bytes of a range
    unsigned char (*sums)[AVSP_S3_MD5_BYTES]; ///< of each range; NULL = not wanted
    size_t together;                          ///< ranges that are summed at once …
    atomic_size_t *n_there;                   ///< … and how many of them are there
};

/// The sum of a part of the file.
static enum avsp_code sum_part(const struct fetching *f, uint64_t from, uint64_t end,
                               unsigned char ret_sum[AVSP_S3_MD5_BYTES], struct avsp_err *err)
{
    char *block AVSP_CLEANUP(avsp_free_ptr) = malloc(BLOCK_BYTES);
    struct avsp_s3_md5 *md5 = avsp_s3_md5_new();
    enum avsp_code rc = block == NULL || md5 == NULL
                            ? avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out")
                            : AVSP_OK;
    for (uint64_t at = from; rc == AVSP_OK && at < end;) {
        size_t n = 0;
        rc = avsp_fd_pread_all(f->fd, block, (size_t)AVSP_MIN(BLOCK_BYTES, end - at), at, &n, err);
        if (rc == AVSP_OK && n == 0)
            rc = avsp_err_set(err, AVSP_INTERNAL, "%s: its copy became shorter", f->r->base.name);
        if (rc == AVSP_OK)
            avsp_s3_md5_add(md5, block, n);
        at += n;
    }
    if (rc == AVSP_OK)
        avsp_s3_md5_end(md5, ret_sum);
    avsp_s3_md5_free(md5);
    return rc;
}

/// Sums the ranges that belong together with the i-th, once they are all there.
static enum avsp_code sum_together(struct fetching *f, size_t i, struct avsp_err *err)
{
    const size_t n_all = (size_t)((f->r->base.bytes + f->step - 1) / f->step);
    const size_t first = i - i % f->together, n = AVSP_MIN(f->together, n_all - first);
    if (atomic_fetch_add(&f->n_there[first / f->together], 1) + 1 < n)
        return AVSP_OK;
    if (n >= TOGETHER_MIN)
        return avsp_s3_md5_lanes(f->fd, first * f->step, f->step,
                                 AVSP_MIN((first + n) * f->step, f->r->base.bytes), f->sums + first,
                                 err);
    enum avsp_code rc = AVSP_OK;
    for (size_t k = first; k < first + n && rc == AVSP_OK; k++)
        rc = sum_part(f, k * f->step, AVSP_MIN((k + 1) * f->step, f->r->base.bytes), f->sums[k],
                      err);
    return rc;
}

static enum avsp_code fetch_one(void *opaque, size_t i, struct avsp_s3_lane *lane,
                                struct avsp_err *err)
{
    struct fetching *f = opaque;
    uint64_t from = i * f->step;
    char *unwritten AVSP_CLEANUP(avsp_free_ptr) = malloc(WRITE_BYTES);
    if (unwritten == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    struct range range = {.r = f->r,
                          .from = from,
                          .len = AVSP_MIN(f->step, f->r->base.bytes - from),
                          .fd = f->fd,
                          .unwritten = unwritten,
                          .watch = f->watch};
    enum avsp_code rc = get_range(&range, lane, err);
    return rc == AVSP_OK && f->sums != NULL ? sum_together(f, i, err) : rc;
}

/// The size of the parts that an object went up in: the store says it, or it is one of the usual. 0 = not known.
static uint64_t find_part_bytes(struct reader *r, size_t n_parts)
{
    static const uint64_t usual[] = {16, 8, 5, 10, 15, 20, 25, 32, 50, 64, 100, 128, 256, 512};
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    struct avsp_err ignored = {0};
    avsp_s3_reply_init(&reply);
    uint64_t bytes = r->base.bytes, told = 0;
    struct avsp_s3_lane *lane = avsp_s3_lane_take(r->s3, &ignored);
    if (lane == NULL)
        return 0;
    struct avsp_s3_call call = {.method = "HEAD",
                                .at = &r->at,
                                .key = r->at.path,
                                .params = {{"partNumber", "1"}},
                                .n_params = 1};
    if (avsp_s3_call(r->s3, lane, &call, &reply, &ignored) == AVSP_OK)
        told = reply.length;
    avsp_s3_lane_give(r->s3, lane);
    if (told > 0 && (bytes + told - 1) / told == n_parts)
        return told;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(usual); i++)
        if ((bytes + usual[i] * MIB - 1) / (usual[i] * MIB) == n_parts)
            return usual[i] * MIB;
    return 0;
}

/// Fetches all of it once. @param ret_etag  what its ETag should be, from what came; "" where that cannot be said
static enum avsp_code fetch_all(struct reader *r, int fd, const struct avsp_watch *watch,
                                char ret_etag[AVSP_S3_MD5_ETAG_BYTES], struct avsp_err *err)
{
    struct fetching f = {.r = r, .fd = fd, .watch = watch, .step = AVSP_S3_PART_BYTES};
    size_t n_parts = 0;
    bool has_md5 = avsp_s3_md5_is_there() && is_md5(r->etag, &n_parts);
    uint64_t part_bytes = n_parts > 0 ? find_part_bytes(r, n_parts) : 0;
    if (part_bytes > 0)
        f.step = part_bytes;
    size_t n = (size_t)((r->base.bytes + f.step - 1) / f.step);
    bool by_range = part_bytes > 0 || (has_md5 && n_parts == 0 && n == 1);
    f.together = f.step <= TOGETHER_MAX_BYTES / AVSP_S3_MD5_LANES ? AVSP_S3_MD5_LANES : 1;
    unsigned char(*sums)[AVSP_S3_MD5_BYTES] AVSP_CLEANUP(avsp_free_ptr) = calloc(n, sizeof *sums);
    atomic_size_t *n_there AVSP_CLEANUP(avsp_free_ptr) = calloc(n, sizeof *n_there);
    if (sums == NULL || n_there == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    f.sums = by_range ? sums : NULL;
    f.n_there = n_there;
    enum avsp_code rc = avsp_s3_parallel(r->s3, n, fetch_one, &f, err);
    ret_etag[0] = '\0';
    if (rc == AVSP_OK && !by_range && has_md5 && n_parts == 0)
        rc = sum_part(&f, 0, r->base.bytes, sums[0], err);
    if (rc == AVSP_OK && (by_range || (has_md5 && n_parts == 0)))
        avsp_s3_md5_etag((const unsigned char(*)[AVSP_S3_MD5_BYTES])sums, n_parts, ret_etag);
    return rc;
}

enum avsp_code avsp_s3_fetch(struct avsp_reader *base, int fd, const struct avsp_watch *watch,
                             struct avsp_err *err)
{
    struct reader *r = reader_of(base);
    char first[AVSP_S3_MD5_ETAG_BYTES] = "", etag[AVSP_S3_MD5_ETAG_BYTES];
    for (int i = 0; r->base.bytes > 0; i++) {
        enum avsp_code rc = fetch_all(r, fd, watch, etag, err);
        if (rc != AVSP_OK)
            return rc;
        // The same twice is no damage on the way: the ETag is something else, or its parts have another size.
        if (etag[0] == '\0' || is_etag(r, etag) || strcmp(etag, first) == 0)
            return AVSP_OK;
        if (i == 2)
            return avsp_err_set(err, AVSP_UNAVAILABLE, "%s: arrives damaged", r->base.name);
        memcpy(first, etag, sizeof first);
    }
    return AVSP_OK;
}
