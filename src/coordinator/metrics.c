#include "coordinator/metrics.h"

#include <inttypes.h>

#define US_PER_S 1000000

/// Upper bounds, in microseconds: from a cached claim to a database in trouble.
static const int64_t bounds_us[AVSP_BUCKETS] = {250,   500,   1000,   2500,   5000,    10000,
                                                25000, 50000, 100000, 250000, 1000000, 5000000};

/// How each counter is written. Lines of one name stand together.
static const struct {
    const char *name;
    const char *label; ///< NULL = none
    const char *help;
} counters[AVSP_N_COUNTS] = {
    [AVSP_COUNT_SUBMITTED] = {"avspl1t_jobs_submitted_total", NULL, "Jobs taken."},
    [AVSP_COUNT_FINISHED] = {"avspl1t_jobs_ended_total", "state=\"finished\"",
                             "Jobs that came to their end."},
    [AVSP_COUNT_FAILED] = {"avspl1t_jobs_ended_total", "state=\"failed\"", NULL},
    [AVSP_COUNT_CANCELED] = {"avspl1t_jobs_ended_total", "state=\"canceled\"", NULL},
    [AVSP_COUNT_ATTEMPT_DONE] = {"avspl1t_attempts_total", "outcome=\"done\"",
                                 "Attempts that workers ended."},
    [AVSP_COUNT_ATTEMPT_FAILED] = {"avspl1t_attempts_total", "outcome=\"failed\"", NULL},
    [AVSP_COUNT_ATTEMPT_RELEASED] = {"avspl1t_attempts_total", "outcome=\"released\"", NULL},
    [AVSP_COUNT_ATTEMPT_REFUSED] = {"avspl1t_attempts_total", "outcome=\"refused\"", NULL},
    [AVSP_COUNT_LEASE_LOST] = {"avspl1t_leases_lost_total", NULL,
                               "Heartbeats of workers whose task has gone to another."},
    [AVSP_COUNT_DB_UNAVAILABLE] = {"avspl1t_database_errors_total", "code=\"unavailable\"",
                                   "Calls that the database did not serve."},
    [AVSP_COUNT_DB_LIMIT] = {"avspl1t_database_errors_total", "code=\"limit\"", NULL},
    [AVSP_COUNT_DB_OTHER] = {"avspl1t_database_errors_total", "code=\"other\"", NULL},
};

static const struct {
    const char *name;
    const char *help;
} timers[AVSP_N_TIMERS] = {
    [AVSP_TIME_CLAIM] = {"avspl1t_claim_seconds", "Time of a claim that gave a task."},
    [AVSP_TIME_COMMIT] = {"avspl1t_commit_seconds", "Time of a commit of the database."},
};

void avsp_metrics_count(struct avsp_metrics *metrics, enum avsp_count what)
{
    atomic_fetch_add_explicit(&metrics->counts[what], 1, memory_order_relaxed);
}

enum avsp_code avsp_metrics_noted(struct avsp_metrics *metrics, enum avsp_code rc)
{
    switch (rc) {
    case AVSP_UNAVAILABLE:
    case AVSP_TIMEOUT:
        avsp_metrics_count(metrics, AVSP_COUNT_DB_UNAVAILABLE);
        break;
    case AVSP_NO_SPACE:
        avsp_metrics_count(metrics, AVSP_COUNT_DB_LIMIT);
        break;
    case AVSP_INTERNAL:
    case AVSP_CORRUPT:
    case AVSP_DENIED:
    case AVSP_NO_MEMORY:
        avsp_metrics_count(metrics, AVSP_COUNT_DB_OTHER);
        break;
    default:
        break; // what the caller asked for was refused, and rightly
    }
    return rc;
}

void avsp_metrics_time(struct avsp_metrics *metrics, enum avsp_timer what, int64_t us)
{
    struct avsp_histogram *histogram = &metrics->timers[what];
    size_t i = 0;
    while (i < AVSP_BUCKETS && us > bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)AVSP_MAX(us, (int64_t)0),
                              memory_order_relaxed);
}

static void begin(struct avsp_buf *buf, const char *name, const char *type, const char *help)
{
    avsp_buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_seconds(struct avsp_buf *buf, uint64_t us)
{
    avsp_buf_printf(buf, "%" PRIu64 ".%06" PRIu64, us / US_PER_S, us % US_PER_S);
}

static void write_counters(const struct avsp_metrics *metrics, struct avsp_buf *buf)
{
    for (size_t i = 0; i < AVSP_N_COUNTS; i++) {
        if (counters[i].help != NULL)
            begin(buf, counters[i].name, "counter", counters[i].help);
        avsp_buf_puts(buf, counters[i].name);
        if (counters[i].label != NULL)
            avsp_buf_printf(buf, "{%s}", counters[i].label);
        avsp_buf_printf(buf, " %" PRIu64 "\n", metrics->counts[i]);
    }
}

static void write_histogram(const struct avsp_histogram *histogram, const char *name,
                            struct avsp_buf *buf)
{
    uint64_t n = 0;
    for (size_t i = 0; i < AVSP_BUCKETS; i++) {
        n += histogram->buckets[i];
        avsp_buf_printf(buf, "%s_bucket{le=\"", name);
        write_seconds(buf, (uint64_t)bounds_us[i]);
        avsp_buf_printf(buf, "\"} %" PRIu64 "\n", n);
    }
    n += histogram->buckets[AVSP_BUCKETS];
    avsp_buf_printf(buf, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name, n, name);
    write_seconds(buf, histogram->sum_us);
    avsp_buf_printf(buf, "\n%s_count %" PRIu64 "\n", name, n);
}

static void write_stats(const struct avsp_store_stats *stats, struct avsp_buf *buf)
{
    begin(buf, "avspl1t_jobs", "gauge", "Jobs that are not over.");
    avsp_buf_printf(buf, "avspl1t_jobs{state=\"running\"} %" PRId64 "\n", stats->n_jobs);
    avsp_buf_printf(buf, "avspl1t_jobs{state=\"paused\"} %" PRId64 "\n", stats->n_paused);
    begin(buf, "avspl1t_tasks", "gauge", "Tasks that are not over.");
    for (size_t kind = AVSP_TASK_SPLIT; kind < AVSP_TASK_N_KINDS; kind++) {
        const struct avsp_task_stats *tasks = &stats->tasks[kind];
        const struct {
            const char *state;
            int64_t n;
        } rows[] = {{"ready", tasks->n_ready},
                    {"delayed", tasks->n_delayed},
                    {"held", tasks->n_held},
                    {"running", tasks->n_running}};
        for (size_t i = 0; i < AVSP_ARRAY_LEN(rows); i++)
            avsp_buf_printf(buf, "avspl1t_tasks{kind=\"%s\",state=\"%s\"} %" PRId64 "\n",
                            avsp_task_kind_name((enum avsp_task_kind)kind), rows[i].state,
                            rows[i].n);
    }
    begin(buf, "avspl1t_queue_age_seconds", "gauge",
          "Age of the oldest task that could be claimed; 0 where there is none.");
    avsp_buf_puts(buf, "avspl1t_queue_age_seconds ");
    write_seconds(buf, (uint64_t)AVSP_MAX(stats->oldest_ready_us, (int64_t)0));
    avsp_buf_puts(buf, "\n");
    begin(buf, "avspl1t_workers", "gauge",
          "Workers: that hold a task; that could; that are asked to end; not heard of lately.");
    const struct {
        const char *state;
        int64_t n;
    } workers[] = {{"working", stats->n_working},
                   {"idle", stats->n_idle},
                   {"draining", stats->n_draining},
                   {"away", stats->n_away}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(workers); i++)
        avsp_buf_printf(buf, "avspl1t_workers{state=\"%s\"} %" PRId64 "\n", workers[i].state,
                        workers[i].n);
}

void avsp_metrics_write(const struct avsp_metrics *metrics, const struct avsp_store_stats *stats,
                        struct avsp_buf *buf)
{
    begin(buf, "avspl1t_build_info", "gauge", "The program that runs.");
    avsp_buf_puts(buf, "avspl1t_build_info{version=\"" AVSP_VERSION "\"} 1\n");
    begin(buf, "avspl1t_database_up", "gauge", "Does the database answer?");
    avsp_buf_printf(buf, "avspl1t_database_up %d\n", stats != NULL);
    if (stats != NULL)
        write_stats(stats, buf);
    write_counters(metrics, buf);
    for (size_t i = 0; i < AVSP_N_TIMERS; i++) {
        begin(buf, timers[i].name, "histogram", timers[i].help);
        write_histogram(&metrics->timers[i], timers[i].name, buf);
    }
}
