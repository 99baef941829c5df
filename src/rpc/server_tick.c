#include "rpc/serving.h"

#include "util/cond.h"

struct avsp_ticker {
    struct avsp_server *srv;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t due_us;
    bool is_stopping;
    pthread_t thread;
};

/// Sleeps until something is due. @return false: stop.
static bool sleep_until_due(struct avsp_ticker *ticker)
{
    pthread_mutex_lock(&ticker->lock);
    while (!ticker->is_stopping && ticker->due_us > avsp_mono_now().us) {
        if (ticker->due_us == INT64_MAX)
            pthread_cond_wait(&ticker->changed, &ticker->lock);
        else
            avsp_cond_wait_until(&ticker->changed, &ticker->lock,
                                 (struct avsp_mono){ticker->due_us});
    }
    ticker->due_us = INT64_MAX;
    bool go_on = !ticker->is_stopping;
    pthread_mutex_unlock(&ticker->lock);
    return go_on;
}

static void *run(void *opaque)
{
    struct avsp_ticker *ticker = opaque;
    while (sleep_until_due(ticker)) {
        struct avsp_mono now = avsp_mono_now();
        avsp_ticker_poke(ticker, avsp_parking_tick(ticker->srv, now));
        avsp_ticker_poke(ticker, avsp_watching_tick(ticker->srv, now));
    }
    return NULL;
}

void avsp_ticker_poke(struct avsp_ticker *ticker, struct avsp_mono due)
{
    pthread_mutex_lock(&ticker->lock);
    if (due.us < ticker->due_us) {
        ticker->due_us = due.us;
        pthread_cond_signal(&ticker->changed);
    }
    pthread_mutex_unlock(&ticker->lock);
}

struct avsp_ticker *avsp_ticker_new(struct avsp_server *srv, struct avsp_err *err)
{
    struct avsp_ticker *ticker = calloc(1, sizeof *ticker);
    if (ticker == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    ticker->srv = srv;
    ticker->due_us = INT64_MAX;
    pthread_mutex_init(&ticker->lock, NULL);
    avsp_cond_init(&ticker->changed);
    if (pthread_create(&ticker->thread, NULL, run, ticker) == 0)
        return ticker;
    pthread_cond_destroy(&ticker->changed);
    pthread_mutex_destroy(&ticker->lock);
    free(ticker);
    avsp_err_set(err, AVSP_LIMIT, "start a thread: no more threads are allowed");
    return NULL;
}

void avsp_ticker_free(struct avsp_ticker *ticker)
{
    if (ticker == NULL)
        return;
    pthread_mutex_lock(&ticker->lock);
    ticker->is_stopping = true;
    pthread_cond_signal(&ticker->changed);
    pthread_mutex_unlock(&ticker->lock);
    pthread_join(ticker->thread, NULL);
    pthread_cond_destroy(&ticker->changed);
    pthread_mutex_destroy(&ticker->lock);
    free(ticker);
}
