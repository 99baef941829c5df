/// What happens, counted, in the text format that Prometheus reads (exposition format 0.0.4).
///
///     avsp_metrics_count(&metrics, AVSP_COUNT_CLAIMS);
///     avsp_metrics_time(&metrics, AVSP_TIME_CLAIM, us);
///     avsp_metrics_write(&metrics, &stats, &buf);
///
/// Counters are this process's own, from its start, as Prometheus expects; what is in the database (struct avsp_store_stats)
/// is every coordinator's. Zeroed memory is a valid start. Any thread, no locks.
#ifndef AVSP_COORDINATOR_METRICS_H
#define AVSP_COORDINATOR_METRICS_H

#include "db/store.h"
#include "util/buf.h"

#include <stdatomic.h>

enum avsp_count {
    AVSP_COUNT_SUBMITTED,
    AVSP_COUNT_FINISHED, ///< jobs, by how they ended
    AVSP_COUNT_FAILED,
    AVSP_COUNT_CANCELED,
    AVSP_COUNT_ATTEMPT_DONE, ///< attempts, by how they ended
    AVSP_COUNT_ATTEMPT_FAILED,
    AVSP_COUNT_ATTEMPT_RELEASED,
    AVSP_COUNT_ATTEMPT_REFUSED, ///< a finish that came too late, or contradicts what is stored
    AVSP_COUNT_LEASE_LOST,      ///< heartbeats of a worker whose task is another's now
    AVSP_COUNT_DB_UNAVAILABLE,  ///< calls that the database did not serve, by why
    AVSP_COUNT_DB_LIMIT,
    AVSP_COUNT_DB_OTHER,
    AVSP_N_COUNTS,
};

enum avsp_timer {
    AVSP_TIME_CLAIM,  ///< a claim that gave a task, in the store
    AVSP_TIME_COMMIT, ///< a commit of the database
    AVSP_N_TIMERS,
};

#define AVSP_BUCKETS 12

struct avsp_histogram {
    _Atomic uint64_t
        buckets[AVSP_BUCKETS + 1]; ///< each alone, not summed up; the last: all that is slower
    _Atomic uint64_t sum_us;
};

struct avsp_metrics {
    _Atomic uint64_t counts[AVSP_N_COUNTS];
    struct avsp_histogram timers[AVSP_N_TIMERS];
};

void avsp_metrics_count(struct avsp_metrics *metrics, enum avsp_count what);
/// Counts a call of the store that the database did not serve. @param rc  how the call ended. @return @p rc.
enum avsp_code avsp_metrics_noted(struct avsp_metrics *metrics, enum avsp_code rc);
void avsp_metrics_time(struct avsp_metrics *metrics, enum avsp_timer what, int64_t us);

/// @param stats  NULL where the database cannot be asked: those series are left out then.
void avsp_metrics_write(const struct avsp_metrics *metrics, const struct avsp_store_stats *stats,
                        struct avsp_buf *buf);

#endif
