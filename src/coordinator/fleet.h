/// What this coordinator knows of the workers, so that the database is not asked at every call: when each was last written
/// down, and which are to drain.
///
///     avsp_fleet_init(&fleet);
///     if (avsp_fleet_drains(&fleet, id)) …                 // at a claim or a heartbeat: no database
///     avsp_fleet_note(&fleet, store, workers, n);          // there too: writes now and then
///     avsp_fleet_refresh(&fleet, store, &is_new);          // once a second: is somebody newly to drain?
///     avsp_fleet_deinit(&fleet);
///
/// A worker's row is written at most once in some seconds by each coordinator. Any thread.
#ifndef AVSP_COORDINATOR_FLEET_H
#define AVSP_COORDINATOR_FLEET_H

#include "db/store.h"

#include <pthread.h>

#define AVSP_FLEET_PLACES                                                                          \
    4096 ///< workers whose last note is remembered; others are noted more often

struct avsp_fleet {
    pthread_mutex_t lock;
    struct {
        uint64_t hash; ///< of the worker's id
        int64_t us;    ///< monotonic; 0 = none
    } noted[AVSP_FLEET_PLACES];
    int64_t swept_us;        ///< monotonic: when those were forgotten that are long gone
    struct avsp_arena arena; ///< of what follows
    const char **draining;
    size_t n_draining;
};

void avsp_fleet_init(struct avsp_fleet *fleet);
void avsp_fleet_deinit(struct avsp_fleet *fleet);

/// Notes that workers were heard of, those for whom that was not done a moment ago. One of slots 0: nothing but its id is known.
/// A failure is of no consequence: a later call tries again. @param n  at most AVSP_TOGETHER_MAX.
void avsp_fleet_note(struct avsp_fleet *fleet, struct avsp_store *store,
                     const struct avsp_worker_info *workers, size_t n);

/// Is the worker to take no new task?
bool avsp_fleet_drains(struct avsp_fleet *fleet, const char *worker_id);

/// Asks the database who is to drain, and now and then forgets workers that were not seen for a day.
/// @param ret_is_new  there is one that was not before. @return false: there was no answer, and what was known stays.
bool avsp_fleet_refresh(struct avsp_fleet *fleet, struct avsp_store *store, bool *ret_is_new);

#endif
