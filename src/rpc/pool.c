#include "rpc/pool.h"

#include <errno.h>
#include <pthread.h>

struct avsp_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct avsp_work *head;
    struct avsp_work **tail;
    bool is_stopping;
    unsigned n_threads;
    pthread_t threads[];
};

/// The next work, NULL once there is none and there will be none.
static struct avsp_work *take(struct avsp_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->head == NULL && !pool->is_stopping)
        pthread_cond_wait(&pool->changed, &pool->lock);
    struct avsp_work *work = pool->head;
    if (work != NULL) {
        pool->head = work->next;
        if (pool->head == NULL)
            pool->tail = &pool->head;
    }
    pthread_mutex_unlock(&pool->lock);
    return work;
}

static void *run(void *opaque)
{
    struct avsp_pool *pool = opaque;
    for (struct avsp_work *work = take(pool); work != NULL; work = take(pool))
        work->run(work);
    return NULL;
}

struct avsp_pool *avsp_pool_new(unsigned n_threads, struct avsp_err *err)
{
    struct avsp_pool *pool = calloc(1, sizeof *pool + n_threads * sizeof(pthread_t));
    if (pool == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->tail = &pool->head;
    for (; pool->n_threads < n_threads; pool->n_threads++) {
        int rc = pthread_create(&pool->threads[pool->n_threads], NULL, run, pool);
        if (rc == 0)
            continue;
        avsp_err_set(err, AVSP_LIMIT, "start thread %u of %u: no more threads are allowed",
                     pool->n_threads + 1, n_threads);
        avsp_pool_free(pool);
        return NULL;
    }
    return pool;
}

void avsp_pool_free(struct avsp_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void avsp_pool_push(struct avsp_pool *pool, struct avsp_work *work)
{
    pthread_mutex_lock(&pool->lock);
    work->next = NULL;
    *pool->tail = work;
    pool->tail = &work->next;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}
