#include "rpc/server_gather.h"

#include "rpc/serving.h"

/// What is served at once, each by a thread of the pool: while one waits for the disk, the next group is at work.
#define RUNNERS 1

struct runner {
    struct avsp_work work;
    struct avsp_gather *gather;
    bool is_busy;
};

struct avsp_gather {
    struct avsp_server *srv;
    void (*serve)(struct avsp_server *srv, struct avsp_call **calls, size_t n);
    pthread_mutex_t lock;
    struct avsp_work *head, **tail;
    struct runner runners[RUNNERS];
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
    for (size_t i = 0; i < RUNNERS; i++) {
        gather->runners[i].gather = gather;
        gather->runners[i].work.run = run;
    }
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

/// Takes what has gathered. @return how many calls; 0: the runner is idle from now on.
static size_t take(struct runner *runner, struct avsp_call *calls[AVSP_TOGETHER_MAX])
{
    struct avsp_gather *gather = runner->gather;
    size_t n = 0;
    pthread_mutex_lock(&gather->lock);
    while (gather->head != NULL && n < AVSP_TOGETHER_MAX) {
        calls[n++] = avsp_call_of_work(gather->head);
        gather->head = gather->head->next;
    }
    if (gather->head == NULL)
        gather->tail = &gather->head;
    runner->is_busy = n > 0;
    pthread_mutex_unlock(&gather->lock);
    return n;
}

static void run(struct avsp_work *work)
{
    struct runner *runner = (struct runner *)work;
    struct avsp_gather *gather = runner->gather;
    struct avsp_call *calls[AVSP_TOGETHER_MAX];
    const size_t n = take(runner, calls);
    if (n == 0)
        return;
    gather->serve(gather->srv, calls, n);
    avsp_pool_push(gather->srv->pool, work); // behind what others wait for
}

void avsp_gather_push(struct avsp_gather *gather, struct avsp_call *call)
{
    struct runner *idle = NULL;
    pthread_mutex_lock(&gather->lock);
    call->work.next = NULL;
    *gather->tail = &call->work;
    gather->tail = &call->work.next;
    for (size_t i = 0; i < RUNNERS && idle == NULL; i++)
        if (!gather->runners[i].is_busy)
            idle = &gather->runners[i];
    if (idle != NULL)
        idle->is_busy = true;
    pthread_mutex_unlock(&gather->lock);
    if (idle != NULL)
        avsp_pool_push(gather->srv->pool, &idle->work);
}
