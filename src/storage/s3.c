#include "storage/s3_private.h"
#include "storage/s3_text.h"
#include "util/cond.h"
#include "util/id.h"

#include <string.h>

#define PATIENCE_MS 120000
#define SILENCE_MS 60000
#define CONNECT_MS 10000

static enum avsp_code read_allowed(struct avsp_s3 *s3, const struct avsp_storage_options *options,
                                   struct avsp_err *err)
{
    s3->is_limited = options->n_allow_s3 > 0;
    s3->allowed = calloc(options->n_allow_s3 + 1, sizeof *s3->allowed);
    if (s3->allowed == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < options->n_allow_s3 && rc == AVSP_OK; i++, s3->n_allowed++)
        rc = avsp_s3_allowed_parse(options->allow_s3[i], &s3->allowed[i], err);
    return rc;
}

struct avsp_s3 *avsp_s3_new(const struct avsp_storage_options *options, struct avsp_err *err)
{
    struct avsp_s3 *s3 = calloc(1, sizeof *s3);
    if (s3 == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    avsp_cond_init(&s3->changed);
    AVSP_ASSERT(pthread_mutex_init(&s3->lock, NULL) == 0);
    AVSP_ASSERT(pthread_mutex_init(&s3->own_lock, NULL) == 0);
    const char *ca_file = getenv("AWS_CA_BUNDLE");
    bool has_ca = ca_file != NULL && ca_file[0] != '\0';
    s3->ca_file = has_ca ? strdup(ca_file) : NULL;
    s3->rules = (struct avsp_s3_rules){
        .is_stopped = &s3->is_stopped,
        .silence_ms = options->s3_silence_ms > 0 ? options->s3_silence_ms : SILENCE_MS,
        .connect_ms = CONNECT_MS,
        .ca_file = s3->ca_file,
    };
    s3->patience_ms = options->s3_patience_ms > 0 ? options->s3_patience_ms : PATIENCE_MS;
    s3->asks_instance = options->s3_asks_instance;
    enum avsp_code rc = has_ca && s3->ca_file == NULL
                            ? avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out")
                            : read_allowed(s3, options, err);
    if (rc == AVSP_OK)
        return s3;
    avsp_s3_free(s3);
    return NULL;
}

void avsp_s3_free(struct avsp_s3 *s3)
{
    if (s3 == NULL)
        return;
    for (size_t i = 0; i < s3->n_idle; i++)
        avsp_s3_lane_free(s3->idle[i]);
    for (struct avsp_s3_place *p = s3->places; p != NULL;) {
        struct avsp_s3_place *next = p->next;
        free(p->key);
        free(p);
        p = next;
    }
    avsp_s3_own_free(&s3->own);
    free(s3->allowed);
    free(s3->ca_file);
    pthread_mutex_destroy(&s3->own_lock);
    pthread_mutex_destroy(&s3->lock);
    pthread_cond_destroy(&s3->changed);
    free(s3);
}

void avsp_s3_stop(struct avsp_s3 *s3)
{
    atomic_store(&s3->is_stopped, true);
    pthread_mutex_lock(&s3->lock);
    pthread_cond_broadcast(&s3->changed);
    pthread_mutex_unlock(&s3->lock);
}

struct avsp_s3_lane *avsp_s3_lane_take(struct avsp_s3 *s3, struct avsp_err *err)
{
    struct avsp_s3_lane *lane = NULL;
    pthread_mutex_lock(&s3->lock);
    while (s3->n_used == AVSP_S3_LANES_MAX && !atomic_load(&s3->is_stopped))
        pthread_cond_wait(&s3->changed, &s3->lock);
    bool is_stopped = atomic_load(&s3->is_stopped);
    if (!is_stopped) {
        s3->n_used++;
        if (s3->n_idle > 0)
            lane = s3->idle[--s3->n_idle];
    }
    pthread_mutex_unlock(&s3->lock);
    if (is_stopped) {
        avsp_err_set(err, AVSP_CANCELED, "stopped");
        return NULL;
    }
    if (lane == NULL && (lane = avsp_s3_lane_new()) == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        avsp_s3_lane_give(s3, NULL);
    }
    return lane;
}

void avsp_s3_lane_give(struct avsp_s3 *s3, struct avsp_s3_lane *lane)
{
    pthread_mutex_lock(&s3->lock);
    s3->n_used--;
    if (lane != NULL)
        s3->idle[s3->n_idle++] = lane;
    pthread_cond_broadcast(&s3->changed); // others sleep on it, too
    pthread_mutex_unlock(&s3->lock);
}

bool avsp_s3_sleep(struct avsp_s3 *s3, int64_t ms)
{
    struct avsp_mono end = avsp_mono_in_ms(ms);
    pthread_mutex_lock(&s3->lock);
    while (!atomic_load(&s3->is_stopped) && avsp_cond_wait_until(&s3->changed, &s3->lock, end))
        ;
    pthread_mutex_unlock(&s3->lock);
    return !atomic_load(&s3->is_stopped);
}

/// A call that needs nothing but its answer.
static enum avsp_code call_once(struct avsp_s3 *s3, struct avsp_s3_call *call,
                                struct avsp_s3_reply *reply, struct avsp_err *err)
{
    struct avsp_s3_lane *lane = avsp_s3_lane_take(s3, err);
    if (lane == NULL)
        return err->code;
    enum avsp_code rc = avsp_s3_call(s3, lane, call, reply, err);
    avsp_s3_lane_give(s3, lane);
    return rc;
}

static enum avsp_code s3_stat(struct avsp_storage *store, const struct avsp_location *file,
                              struct avsp_stat *ret_stat, struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    avsp_s3_reply_init(&reply);
    struct avsp_s3_call call = {.method = "HEAD", .at = file, .key = file->path};
    enum avsp_code rc = call_once(store->s3, &call, &reply, err);
    if (rc == AVSP_OK)
        *ret_stat = (struct avsp_stat){reply.length, reply.modified_s * 1000000};
    return rc;
}

enum avsp_code avsp_s3_remove(struct avsp_s3 *s3, struct avsp_s3_lane *lane,
                              const struct avsp_location *at, const char *key, struct avsp_err *err)
{
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    avsp_s3_reply_init(&reply);
    struct avsp_s3_call call = {.method = "DELETE", .at = at, .key = key};
    enum avsp_code rc = avsp_s3_call(s3, lane, &call, &reply, err);
    return rc == AVSP_NOT_FOUND ? AVSP_OK : rc;
}

static enum avsp_code s3_remove(struct avsp_storage *store, const struct avsp_location *file,
                                struct avsp_err *err)
{
    struct avsp_s3_lane *lane = avsp_s3_lane_take(store->s3, err);
    if (lane == NULL)
        return err->code;
    enum avsp_code rc = avsp_s3_remove(store->s3, lane, file, file->path, err);
    avsp_s3_lane_give(store->s3, lane);
    return rc;
}

struct listing {
    size_t prefix_len;
    bool (*each)(void *opaque, const char *name, const struct avsp_stat *stat);
    void *opaque;
};

/// A key that ends in '/' stands for a folder, and is no file.
static bool show_key(void *opaque, const char *key, const struct avsp_stat *stat)
{
    const struct listing *listing = opaque;
    size_t n = strlen(key);
    return n <= listing->prefix_len || key[n - 1] == '/' ||
           listing->each(listing->opaque, key + listing->prefix_len, stat);
}

static enum avsp_code s3_list(struct avsp_storage *store, const struct avsp_location *folder,
                              bool (*each)(void *opaque, const char *name,
                                           const struct avsp_stat *stat),
                              void *opaque, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 64 << 10);
    const char *prefix = avsp_s3_prefix(&arena, folder);
    if (prefix == NULL)
        return avsp_arena_failed(&arena, err);
    struct listing listing = {strlen(prefix), each, opaque};
    return avsp_s3_each(store->s3, folder, show_key, &listing, err);
}

#define REMOVE_AT_ONCE 1000

/// Some of the keys below a folder.
struct batch {
    struct avsp_storage *store;
    const struct avsp_location *folder;
    struct avsp_arena arena;
    const char *keys[REMOVE_AT_ONCE];
    size_t n;
    bool is_short_of_memory;
};

static bool note_key(void *opaque, const char *key, const struct avsp_stat *stat)
{
    struct batch *batch = opaque;
    (void)stat;
    const char *copy = avsp_arena_strdup(&batch->arena, key);
    batch->is_short_of_memory = copy == NULL;
    if (copy != NULL)
        batch->keys[batch->n++] = copy;
    return copy != NULL && batch->n < REMOVE_AT_ONCE;
}

static enum avsp_code remove_key(void *opaque, size_t i, struct avsp_s3_lane *lane,
                                 struct avsp_err *err)
{
    struct batch *batch = opaque;
    return avsp_s3_remove(batch->store->s3, lane, batch->folder, batch->keys[i], err);
}

static void batch_deinit(struct batch *batch)
{
    avsp_arena_deinit(&batch->arena);
}

static enum avsp_code s3_remove_folder(struct avsp_storage *store,
                                       const struct avsp_location *folder, struct avsp_err *err)
{
    struct batch AVSP_CLEANUP(batch_deinit) batch = {.store = store, .folder = folder};
    avsp_arena_init(&batch.arena, AVSP_S3_ANSWER_MAX_BYTES);
    enum avsp_code rc;
    do {
        batch.n = 0;
        avsp_arena_clear(&batch.arena);
        rc = avsp_s3_each(store->s3, folder, note_key, &batch, err);
        if (rc == AVSP_OK && batch.is_short_of_memory)
            rc = avsp_arena_failed(&batch.arena, err);
        if (rc == AVSP_OK && batch.n > 0)
            rc = avsp_s3_parallel(store->s3, batch.n, remove_key, &batch, err);
    } while (rc == AVSP_OK && batch.n == REMOVE_AT_ONCE);
    return rc == AVSP_OK ? avsp_s3_drop_unfinished(store, folder, NULL, err) : rc;
}

static enum avsp_code s3_probe_folder(struct avsp_storage *store,
                                      const struct avsp_location *folder, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    char id[AVSP_ID_BYTES];
    avsp_arena_init(&arena, 64 << 10);
    avsp_id_new(id);
    const char *name = avsp_arena_printf(&arena, AVSP_STORAGE_TMP_PREFIX "%s", id);
    struct avsp_location file;
    if (name == NULL)
        return avsp_arena_failed(&arena, err);
    enum avsp_code rc = avsp_location_join(&arena, folder, name, &file, err);
    if (rc == AVSP_OK)
        rc = avsp_s3_put_bytes(store, "", 0, &file, err);
    // Whoever cannot remove an object here can neither replace nor tidy up.
    return rc == AVSP_OK ? s3_remove(store, &file, err) : rc;
}

const struct avsp_backend avsp_s3_backend = {
    .stat = s3_stat,
    .open = avsp_s3_open,
    .close = avsp_s3_close,
    .read = avsp_s3_read,
    .fetch = avsp_s3_fetch,
    .put = avsp_s3_put,
    .put_bytes = avsp_s3_put_bytes,
    .remove = s3_remove,
    .list = s3_list,
    .remove_folder = s3_remove_folder,
    .drop_unfinished = avsp_s3_drop_unfinished,
    .probe_folder = s3_probe_folder,
    .url = avsp_s3_url,
};
