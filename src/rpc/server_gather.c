#include "rpc/server_gather.h"

#include "rpc/serving.h"

struct avsp_gather {
    struct avsp_work work; ///< serves what has gathered; on the pool while `is_busy`
    struct avsp_server *srv;
    void (*serve)(struct avsp_server *srv, struct avsp_call **calls, size_t n);
    pthread_mutex_t lock;
    struct avsp_work *head, **tail;
    bool is_busy;
};

static void run(struct avsp_work *work);

struct avsp_gather *avsp_gather_new(struct avsp_server *srv,
                                    void (*serve)(struct avsp_server *srv, struct avsp_call **calls,
                                                  size_t n))
{
    struct avsp_gather *gather = calloc(1, sizeof *gather);
    if (gather == NULL)
        return NULL;
    gather->srv = srv;
    gather->serve = serve;
    gather->tail = &gather->head;
    pthread_mutex_init(&gather->lock, NULL);
    gather->work.run = run;
    return gather;
}

void avsp_gather_free(struct avsp_gather *gather)
{
    if (gather == NULL)
        return;
    AVSP_ASSERT(gather->head == NULL);
    pthread_mutex_destroy(&gather->lock);
    free(gather);
}

/// Takes what has gathered. @return how many calls; 0: nobody serves from now on.
static size_t take(struct avsp_gather *gather, struct avsp_call *calls[AVSP_TOGETHER_MAX])
{
    size_t n = 0;
    pthread_mutex_lock(&gather->lock);
    while (gather->head != NULL && n < AVSP_TOGETHER_MAX) {
        calls[n++] = avsp_call_of_work(gather->head);
        gather->head = gather->head->next;
    }
    if (gather->head == NULL)
        gather->tail = &gather->head;
    gather->is_busy = n > 0;
    pthread_mutex_unlock(&gather->lock);
    return n;
}

static void run(struct avsp_work *work)
{
    struct avsp_gather *gather = (struct avsp_gather *)work;
    struct avsp_call *calls[AVSP_TOGETHER_MAX];
    const size_t n = take(gather, calls);
    if (n == 0)
        return;
    gather->serve(gather->srv, calls, n);
    avsp_pool_push(gather->srv->pool, work); // behind what others wait for
}

void avsp_gather_push(struct avsp_gather *gather, struct avsp_call *call)
{
    pthread_mutex_lock(&gather->lock);
    call->work.next = NULL;
    *gather->tail = &call->work;
    gather->tail = &call->work.next;
    const bool was_idle = !gather->is_busy;
    gather->is_busy = true;
    pthread_mutex_unlock(&gather->lock);
    if (was_idle)
        avsp_pool_push(gather->srv->pool, &gather->work);
}
