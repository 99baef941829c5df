#include "storage/s3_private.h"

#include <string.h>

struct crew {
    struct avsp_s3 *s3;
    size_t n;
    enum avsp_code (*each)(void *opaque, size_t i, struct avsp_s3_lane *lane, struct avsp_err *err);
    void *opaque;
    atomic_size_t next;
    atomic_bool has_failed;
    pthread_mutex_t lock;
    struct avsp_err first; ///< failure; under the lock
};

static void note_failure(struct crew *crew, const struct avsp_err *err)
{
    pthread_mutex_lock(&crew->lock);
    if (!atomic_exchange(&crew->has_failed, true))
        crew->first = *err;
    pthread_mutex_unlock(&crew->lock);
}

static void *work(void *opaque)
{
    struct crew *crew = opaque;
    struct avsp_err err = {0};
    struct avsp_s3_lane *lane = avsp_s3_lane_take(crew->s3, &err);
    if (lane == NULL) {
        note_failure(crew, &err);
        return NULL;
    }
    for (size_t i;
         !atomic_load(&crew->has_failed) && (i = atomic_fetch_add(&crew->next, 1)) < crew->n;)
        if (crew->each(crew->opaque, i, lane, &err) != AVSP_OK)
            note_failure(crew, &err);
    avsp_s3_lane_give(crew->s3, lane);
    return NULL;
}

enum avsp_code avsp_s3_parallel(struct avsp_s3 *s3, size_t n,
                                enum avsp_code (*each)(void *opaque, size_t i,
                                                       struct avsp_s3_lane *lane,
                                                       struct avsp_err *err),
                                void *opaque, struct avsp_err *err)
{
    struct crew crew = {.s3 = s3, .n = n, .each = each, .opaque = opaque};
    pthread_t threads[AVSP_S3_PARALLEL - 1];
    size_t n_threads = 0;
    AVSP_ASSERT(pthread_mutex_init(&crew.lock, NULL) == 0);
    // This thread is one of them: without others it takes longer, no more.
    while (n_threads + 1 < AVSP_MIN(n, (size_t)AVSP_S3_PARALLEL) &&
           pthread_create(&threads[n_threads], NULL, work, &crew) == 0)
        n_threads++;
    work(&crew);
    for (size_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&crew.lock);
    if (!atomic_load(&crew.has_failed))
        return AVSP_OK;
    *err = crew.first;
    return err->code;
}
