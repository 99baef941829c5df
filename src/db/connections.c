#include "db/connections.h"

#include "util/cond.h"
#include "util/id.h"

#include <string.h>

#define WAIT_MAX_MS 20000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000

enum avsp_code avsp_connections_init(struct avsp_connections *all,
                                     const struct avsp_db_driver *driver, const char *url,
                                     unsigned n_max, struct avsp_err *err)
{
    AVSP_ASSERT(n_max >= 1 && n_max <= AVSP_DB_CONNECTIONS_MAX);
    *all = (struct avsp_connections){.driver = driver, .n_max = n_max, .url = strdup(url)};
    pthread_mutex_init(&all->mutex, NULL);
    avsp_cond_init(&all->freed);
    return all->url != NULL
               ? AVSP_OK
               : avsp_err_set(err, AVSP_NO_MEMORY, "open the database: memory ran out");
}

void avsp_connections_deinit(struct avsp_connections *all)
{
    if (all->driver == NULL)
        return;
    AVSP_ASSERT(all->n_open == all->n_idle);
    for (unsigned i = 0; i < all->n_idle; i++)
        all->driver->close(all->idle[i]);
    pthread_cond_destroy(&all->freed);
    pthread_mutex_destroy(&all->mutex);
    if (all->url != NULL)
        explicit_bzero(all->url, strlen(all->url));
    free(all->url);
    *all = (struct avsp_connections){0};
}

/// Called with the lock, which is given up meanwhile.
static enum avsp_code open_one(struct avsp_connections *all, struct avsp_db **ret_db,
                               struct avsp_err *err)
{
    all->n_open++;
    pthread_mutex_unlock(&all->mutex);
    enum avsp_code rc = all->driver->open(all->url, ret_db, err);
    pthread_mutex_lock(&all->mutex);
    if (rc == AVSP_OK) {
        all->backoff_ms = 0;
        return rc;
    }
    all->n_open--;
    all->failure = *err;
    if (all->backoff_ms == 0 ||
        avsp_mono_passed(all->open_after)) { // one step for all that failed together
        all->backoff_ms = all->backoff_ms == 0
                              ? BACKOFF_FIRST_MS
                              : AVSP_MIN(all->backoff_ms * 2, (int64_t)BACKOFF_MAX_MS);
        all->open_after =
            avsp_mono_in_ms(all->backoff_ms / 2 + avsp_nonce_new() % (all->backoff_ms / 2 + 1));
    }
    pthread_cond_broadcast(&all->freed);
    return rc;
}

static enum avsp_code take_locked(struct avsp_connections *all, struct avsp_db **ret_db,
                                  struct avsp_err *err)
{
    const struct avsp_mono deadline = avsp_mono_in_ms(WAIT_MAX_MS);
    for (;;) {
        if (all->n_idle > 0) {
            *ret_db = all->idle[--all->n_idle];
            return AVSP_OK;
        }
        bool may_open = all->backoff_ms == 0 || avsp_mono_passed(all->open_after);
        if (all->n_open < all->n_max && may_open) {
            enum avsp_code rc = open_one(all, ret_db, err);
            if (rc == AVSP_OK || all->n_open == 0)
                return rc;
        } else if (all->n_open == 0) {
            *err = all->failure;
            return err->code;
        } else if (avsp_mono_passed(deadline)) {
            return avsp_err_set(err, AVSP_UNAVAILABLE,
                                "the database: all %u connections are busy, for %d s already",
                                all->n_open, WAIT_MAX_MS / 1000);
        } else {
            // Others have a connection where we may open none: theirs will do.
            bool later = all->n_open < all->n_max && all->open_after.us < deadline.us;
            avsp_cond_wait_until(&all->freed, &all->mutex, later ? all->open_after : deadline);
        }
    }
}

enum avsp_code avsp_connections_take(struct avsp_connections *all, struct avsp_db **ret_db,
                                     struct avsp_err *err)
{
    pthread_mutex_lock(&all->mutex);
    enum avsp_code rc = take_locked(all, ret_db, err);
    pthread_mutex_unlock(&all->mutex);
    return rc;
}

void avsp_connections_give(struct avsp_connections *all, struct avsp_db *db)
{
    bool broken = all->driver->is_broken(db);
    if (broken)
        all->driver->close(db);
    pthread_mutex_lock(&all->mutex);
    if (broken)
        all->n_open--;
    else
        all->idle[all->n_idle++] = db;
    pthread_cond_signal(&all->freed);
    pthread_mutex_unlock(&all->mutex);
}
