#include "coordinator/pages.h"

#include "coordinator/service.h"

/// So long the metrics of the database wait for another scrape that asks for them.
#define SCRAPE_WAIT_MS 5000

#define HTTP_OK 200
#define HTTP_UNAVAILABLE 503

static unsigned say(struct avsp_buf *body, bool is_well, const char *why_not)
{
    avsp_buf_printf(body, "%s\n", is_well ? "ok" : why_not);
    return is_well ? HTTP_OK : HTTP_UNAVAILABLE;
}

static unsigned make_healthz(void *opaque, struct avsp_buf *body)
{
    struct avsp_service *service = opaque;
    return say(body, !atomic_load(&service->is_stopping), "stopping");
}

static unsigned make_readyz(void *opaque, struct avsp_buf *body)
{
    struct avsp_service *service = opaque;
    if (atomic_load(&service->is_stopping))
        return say(body, false, "stopping");
    pthread_mutex_lock(&service->lock);
    const struct avsp_err why = service->sweep;
    pthread_mutex_unlock(&service->lock);
    // What a database says of its errors is for the log alone: hosts, users, files.
    return say(body, why.code == AVSP_OK,
               why.code == AVSP_PRECONDITION ? why.text : "the database does not answer");
}

static unsigned make_metrics(void *opaque, struct avsp_buf *body)
{
    struct avsp_service *service = opaque;
    struct avsp_store_stats stats;
    struct avsp_err err = {0};
    const struct avsp_mono deadline = avsp_mono_in_ms(SCRAPE_WAIT_MS);
    const struct timespec until = {deadline.us / 1000000, deadline.us % 1000000 * 1000};
    // One at a time: whoever scrapes takes no more than one connection from those who call.
    bool is_up = pthread_mutex_clocklock(&service->scrape_lock, CLOCK_MONOTONIC, &until) == 0;
    if (is_up) {
        is_up = avsp_metrics_noted(&service->metrics,
                                   avsp_store_get_stats(service->store, &stats, &err)) == AVSP_OK;
        pthread_mutex_unlock(&service->scrape_lock);
    }
    avsp_metrics_write(&service->metrics, is_up ? &stats : NULL, body);
    return HTTP_OK;
}

const struct avsp_http_page avsp_coordinator_pages[] = {
    {"/healthz", "text/plain; charset=utf-8", make_healthz},
    {"/readyz", "text/plain; charset=utf-8", make_readyz},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", make_metrics},
};
const size_t avsp_coordinator_n_pages = AVSP_ARRAY_LEN(avsp_coordinator_pages);
