/// What the files of the S3 client share. Private to src/storage.
///
///     s3.c            the table of functions that storage.c calls; small requests
///     s3_get.c        downloads            s3_put.c       uploads
///     s3_parallel.c   several at once      s3_list.c      what is below a prefix
///     s3_call.c       one request: signed, judged, corrected, tried again
///     s3_place.c      what is known of a bucket
///     s3_own.c        the machine's own credentials       s3_http.c   one exchange, by libcurl
///     s3_sign.c s3_endpoint.c s3_address.c s3_fields.c s3_text.c      pure
///
/// A thread holds one lane at most, and waits for nothing else while it does: so all of them come free. Any thread.
#ifndef AVSP_STORAGE_S3_PRIVATE_H
#define AVSP_STORAGE_S3_PRIVATE_H

#include "storage/backend.h"
#include "storage/s3_endpoint.h"
#include "storage/s3_http.h"
#include "storage/s3_sign.h"
#include "storage/s3_text.h"
#include "util/time.h"

#include <pthread.h>

#define AVSP_S3_REGION_DEFAULT "us-east-1" ///< to ask in first
#define AVSP_S3_LANES_MAX 16               ///< transfers at once, of one storage
#define AVSP_S3_PARALLEL 4                 ///< of them, of one call
#define AVSP_S3_ARENA_BYTES ((size_t)8 << 20)
#define AVSP_S3_ANSWER_MAX_BYTES                                                                   \
    ((size_t)16 << 20) ///< of an answer that is kept: a list of 1000 long keys
#define AVSP_S3_PUT_ONCE_BYTES ((uint64_t)16 << 20) ///< a larger file goes up in parts
#define AVSP_S3_PART_BYTES                                                                         \
    ((uint64_t)16 << 20) ///< of a part, also when downloading; Amazon's least is 5 MiB
#define AVSP_S3_PARTS_MAX 10000

/// What is known of one bucket at one endpoint, from its answers.
struct avsp_s3_place {
    struct avsp_s3_place *next;
    char *key; ///< endpoint and bucket, as asked for
    char region[AVSP_S3_REGION_BYTES];
    bool is_led; ///< it sends its callers to:
    struct avsp_s3_endpoint led_to;
    int64_t skew_s; ///< its clock less ours
};

/// Credentials of this machine, and where it looks for its stores.
struct avsp_s3_own {
    char *access_key_id; ///< NULL = there are none
    char *secret;
    char *token;
    char *region;   ///< "" = not said
    char *endpoint; ///< likewise
    char *why_none; ///< a profile's that cannot be followed; "" = nothing asks for any
    struct avsp_mono good_until;
    bool is_looked_up;
};

struct avsp_s3 {
    pthread_mutex_t lock;
    pthread_cond_t changed; ///< a lane came free, or stopped
    atomic_bool is_stopped;
    struct avsp_s3_rules rules;
    int64_t patience_ms;
    struct avsp_s3_allowed *allowed;
    size_t n_allowed;
    bool is_limited;    ///< to what `allowed` says
    bool asks_instance; ///< for credentials
    char *ca_file;
    struct avsp_s3_lane *idle[AVSP_S3_LANES_MAX];
    size_t n_idle, n_used;
    struct avsp_s3_place *places;
    pthread_mutex_t own_lock; ///< held while credentials are looked up
    struct avsp_s3_own own;
};

/// Makes whoever waits return CANCELED soon.
void avsp_s3_stop(struct avsp_s3 *s3);

/// @return free with avsp_s3_free; NULL with @p err.
struct avsp_s3 *avsp_s3_new(const struct avsp_storage_options *options,
                            struct avsp_err *err) AVSP_CHECKED;
void avsp_s3_free(struct avsp_s3 *s3);

/// A lane for this thread; waits for one. @return NULL with @p err: CANCELED, NO_MEMORY.
struct avsp_s3_lane *avsp_s3_lane_take(struct avsp_s3 *s3, struct avsp_err *err) AVSP_CHECKED;
void avsp_s3_lane_give(struct avsp_s3 *s3, struct avsp_s3_lane *lane);

/// Waits; false where it was stopped meanwhile.
bool avsp_s3_sleep(struct avsp_s3 *s3, int64_t ms);

/// One request, as often as it takes. All strings are borrowed.
struct avsp_s3_call {
    const char *method;
    const struct avsp_location *at; ///< bucket, endpoint, credentials
    const char *key;                ///< "" = the bucket itself
    struct avsp_s3_pair params[8];
    size_t n_params;
    struct avsp_s3_pair headers[8];
    size_t n_headers;
    const void *body; ///< NULL = the method has none
    size_t body_len;
    bool (*sink)(void *opaque, const void *bytes, size_t len, struct avsp_err *err);
    /// Called before each try: sets the headers that change, puts the sink back. @return is it further than at the last try?
    bool (*begin)(void *opaque, struct avsp_s3_call *call);
    void *opaque;
    bool may_hide_error; ///< an error can come with status 200
    bool is_last_act;    ///< goes on for a few seconds where all is stopped
};

/// @param reply  `body` is initialised by the caller
/// @return OK a 2xx answer; NOT_FOUND; DENIED; UNAUTHENTICATED; INVALID; PRECONDITION (412); NO_SPACE; UNAVAILABLE, TIMEOUT
///         when patience ended; CANCELED. The text names location, endpoint, status, the store's code and the request's id.
enum avsp_code avsp_s3_call(struct avsp_s3 *s3, struct avsp_s3_lane *lane,
                            struct avsp_s3_call *call, struct avsp_s3_reply *reply,
                            struct avsp_err *err) AVSP_CHECKED;

void avsp_s3_reply_init(struct avsp_s3_reply *reply);
void avsp_s3_reply_deinit(struct avsp_s3_reply *reply);

/// What a call is made with. All strings are in @p arena.
struct avsp_s3_target {
    struct avsp_s3_endpoint endpoint; ///< as asked for, or Amazon's of the region
    const char *asked;                ///< "" = Amazon
    const char *own_endpoint;         ///< of this machine
    const char *why_none;             ///< it has no keys; "" = nothing asks for any
    const char *region;               ///< "" = not said
    struct avsp_s3_keys keys;
    bool are_own; ///< the keys
};

/// Where a location is and with what it is opened; refuses what is not allowed.
enum avsp_code avsp_s3_target(struct avsp_s3 *s3, const struct avsp_location *at,
                              struct avsp_arena *arena, struct avsp_s3_target *ret_target,
                              struct avsp_err *err) AVSP_CHECKED;

/// What is known of the bucket, as a copy.
struct avsp_s3_place avsp_s3_recall(struct avsp_s3 *s3, const char *key);

/// Forgetting it where memory ran out costs a request.
void avsp_s3_remember(struct avsp_s3 *s3, const char *key, const struct avsp_s3_place *known);

/// The place's key; NULL where memory ran out.
const char *avsp_s3_place_key(struct avsp_arena *arena, const struct avsp_s3_target *target,
                              const char *bucket);

/// Where a bucket is asked for, by what is known of it. @return the region.
const char *avsp_s3_find_place(const struct avsp_s3_target *target,
                               const struct avsp_s3_place *known,
                               struct avsp_s3_endpoint *ret_endpoint);

/// Where the bucket is and of what region, by what its answers have said so far. @return as avsp_arena_failed.
enum avsp_code avsp_s3_where(struct avsp_s3 *s3, const struct avsp_s3_target *target,
                             const char *bucket, struct avsp_arena *arena,
                             struct avsp_s3_endpoint *ret_endpoint, const char **ret_region,
                             struct avsp_err *err) AVSP_CHECKED;

/// This machine's own credentials and endpoint, copied into @p arena: looked up, and again before they run out. "" everywhere
/// where there are none, and in @p ret_why_none what a person can do about it. @return OK; what went wrong where some were configured.
enum avsp_code avsp_s3_own(struct avsp_s3 *s3, struct avsp_arena *arena,
                           struct avsp_s3_keys *ret_keys, const char **ret_region,
                           const char **ret_endpoint, const char **ret_why_none,
                           struct avsp_err *err) AVSP_CHECKED;

/// As avsp_storage_lend.
enum avsp_code avsp_s3_lend(struct avsp_s3 *s3, struct avsp_location *location, bool with_keys,
                            struct avsp_arena *arena, struct avsp_err *err) AVSP_CHECKED;

/// The store says that they are no good any more: the next call looks them up.
void avsp_s3_own_expired(struct avsp_s3 *s3);
void avsp_s3_own_free(struct avsp_s3_own *own);

/// Does @p each(opaque, i) for all i below @p n on several threads with a lane each, until one fails.
enum avsp_code avsp_s3_parallel(struct avsp_s3 *s3, size_t n,
                                enum avsp_code (*each)(void *opaque, size_t i,
                                                       struct avsp_s3_lane *lane,
                                                       struct avsp_err *err),
                                void *opaque, struct avsp_err *err) AVSP_CHECKED;

/// Calls @p each for every object whose key begins with @p folder's, with its key.
enum avsp_code avsp_s3_each(struct avsp_s3 *s3, const struct avsp_location *folder,
                            bool (*each)(void *opaque, const char *key,
                                         const struct avsp_stat *stat),
                            void *opaque, struct avsp_err *err) AVSP_CHECKED;

/// The key of a folder with a '/' behind it, "" for the whole bucket; in @p arena.
const char *avsp_s3_prefix(struct avsp_arena *arena, const struct avsp_location *folder);

/// Does a page of a list write a space in a key as '+', as forms do?
bool avsp_s3_is_form(struct avsp_arena *arena, struct avsp_s3_span page) AVSP_CHECKED;

/// The key that an element of a list names, decoded. @return NULL where memory ran out.
char *avsp_s3_listed_key(struct avsp_arena *arena, struct avsp_s3_span in, const char *name,
                         bool is_form);

/// The error that a store lists what is not below @p folder.
enum avsp_code avsp_s3_stray(const struct avsp_location *folder, const char *key,
                             struct avsp_err *err);

/// Removes one object; one that is not there is a success.
enum avsp_code avsp_s3_remove(struct avsp_s3 *s3, struct avsp_s3_lane *lane,
                              const struct avsp_location *at, const char *key,
                              struct avsp_err *err) AVSP_CHECKED;

/// As struct avsp_backend has them.
struct avsp_reader *avsp_s3_open(struct avsp_storage *store, const struct avsp_location *file,
                                 struct avsp_err *err) AVSP_CHECKED;
void avsp_s3_close(struct avsp_reader *reader);
enum avsp_code avsp_s3_read(struct avsp_reader *reader, uint64_t offset, void *ret_bytes,
                            size_t len, size_t *ret_len, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_s3_fetch(struct avsp_reader *reader, int fd, const struct avsp_watch *watch,
                             struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_s3_put(struct avsp_storage *store, struct avsp_put *puts, size_t n_puts,
                           struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_s3_put_bytes(struct avsp_storage *store, const void *bytes, size_t len,
                                 const struct avsp_location *file,
                                 struct avsp_err *err) AVSP_CHECKED;

enum avsp_code avsp_s3_drop_unfinished(struct avsp_storage *store,
                                       const struct avsp_location *folder,
                                       bool (*goes)(const char *name),
                                       struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_s3_url(struct avsp_storage *store, const struct avsp_location *file,
                           int64_t seconds, struct avsp_arena *arena, const char **ret_url,
                           struct avsp_err *err) AVSP_CHECKED;

/// What the name of a file says about its content, as a Content-Type.
const char *avsp_s3_content_type(const char *name);

#endif
