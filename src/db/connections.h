/// The connections to one database: opened when they are needed, kept, and given to one transaction at a time.
///
/// A connection that broke is dropped, and the next one is opened only after a wait that doubles with each failure; until
/// then who asks is told at once why, so that nobody's call hangs on a database that is away. Any thread.
#ifndef AVSP_DB_CONNECTIONS_H
#define AVSP_DB_CONNECTIONS_H

#include "db/driver.h"
#include "util/time.h"

#include <pthread.h>

struct avsp_connections {
    const struct avsp_db_driver *driver;
    char *url;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    struct avsp_db *idle[AVSP_DB_CONNECTIONS_MAX]; ///< the last one used is used first
    unsigned n_idle;
    unsigned n_open; ///< idle or not, or about to be
    unsigned n_max;
    int64_t backoff_ms;          ///< 0 = the last attempt to open one succeeded
    struct avsp_mono open_after; ///< no attempt before that
    struct avsp_err failure;     ///< of the last attempt
};

/// @param n_max  1..AVSP_DB_CONNECTIONS_MAX. @return OK; NO_MEMORY. Call deinit after any answer.
enum avsp_code avsp_connections_init(struct avsp_connections *all,
                                     const struct avsp_db_driver *driver, const char *url,
                                     unsigned n_max, struct avsp_err *err) AVSP_CHECKED;

/// Closes them; none is in use. Safe on zeros.
void avsp_connections_deinit(struct avsp_connections *all);

/// Waits for one, a bounded time. @return give it back with avsp_connections_give; UNAVAILABLE; as the driver's open.
enum avsp_code avsp_connections_take(struct avsp_connections *all, struct avsp_db **ret_db,
                                     struct avsp_err *err) AVSP_CHECKED;
void avsp_connections_give(struct avsp_connections *all, struct avsp_db *db);

#endif
