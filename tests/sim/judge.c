/// The rules, asked of the database over a connection of the judge's own.
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>

void broken(const struct sim *sim, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "seed %" PRIu64 ", step %" PRIu64 ": ", sim->seed, sim->step);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nagain: --first %" PRIu64 " --seeds 1\n", sim->seed);
    exit(1);
}

static sqlite3_stmt *prepared(struct sim *sim, const char *sql)
{
    struct question *q = sim->questions;
    while (q->sql != NULL && q->sql != sql)
        q++;
    AVSP_ASSERT(q < sim->questions + QUESTIONS_MAX - 1);
    if (q->sql == NULL && sqlite3_prepare_v2(sim->look, sql, -1, &q->stmt, NULL) != SQLITE_OK)
        broken(sim, "%s: %s", sql, sqlite3_errmsg(sim->look));
    q->sql = sql;
    return q->stmt;
}

int64_t ask(struct sim *sim, const char *sql, const char *a, const char *b)
{
    sqlite3_stmt *stmt = prepared(sim, sql);
    if (a != NULL)
        sqlite3_bind_text(stmt, 1, a, -1, SQLITE_TRANSIENT);
    if (b != NULL)
        sqlite3_bind_text(stmt, 2, b, -1, SQLITE_TRANSIENT);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_reset(stmt);
    return value;
}

/// What must hold after every step. Each statement counts violations.
static const struct {
    const char *rule;
    const char *sql;
} rules[] = {
    {"a job has two manifest tasks", "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE kind = 3 "
                                     "GROUP BY job_id HAVING count(*) > 1)"},
    {"a task was won twice",
     "SELECT count(*) FROM (SELECT 1 FROM attempts WHERE outcome = 'done'"
     " AND job_id NOT IN (SELECT job_id FROM begun_anew) GROUP BY task_id HAVING count(*) > 1)"},
    {"a task that is done has no winner, or one that is not done has",
     "SELECT count(*) FROM tasks t WHERE (state = 3) <> EXISTS (SELECT 1 FROM attempts a"
     " WHERE a.task_id = t.id AND a.outcome = 'done')"
     " AND job_id NOT IN (SELECT job_id FROM begun_anew)"},
    {"a task has spent more attempts than there are", "SELECT count(*) FROM tasks WHERE spent > 4"},
    {"a manifest task was made before its job's other tasks were done",
     "SELECT count(*) FROM tasks m WHERE m.kind = 3 AND m.state IN (1, 2, 3) AND EXISTS"
     " (SELECT 1 FROM tasks o WHERE o.job_id = m.job_id AND o.kind IN (1, 2, 4) AND o.state <> 3)"},
    {"a finished job has a task that is not done",
     "SELECT count(*) FROM jobs j JOIN tasks t ON t.job_id = j.id"
     " WHERE j.state = 2 AND t.state <> 3 AND t.kind <> 5"},
    {"a job that is over has a task that can be claimed",
     "SELECT count(*) FROM jobs j JOIN tasks t ON t.job_id = j.id"
     " WHERE j.state NOT IN (1, 5) AND t.state IN (1, 2) AND t.kind <> 5"},
    {"a paused job has a task that can be claimed",
     "SELECT count(*) FROM jobs j JOIN tasks t ON t.job_id = j.id"
     " WHERE j.state = 5 AND t.state = 1 AND t.kind <> 5"},
    {"an encode runs, or is done, with other encoders than its job is bound to",
     "SELECT count(*) FROM tasks t JOIN jobs j ON j.id = t.job_id"
     " WHERE t.kind IN (2, 4) AND t.state IN (2, 3) AND t.pool <> j.encoders"},
    {"two unfinished jobs share an output",
     "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state IN (1, 5) GROUP BY output_key HAVING "
     "count(*) > 1)"},
};

/// A job that is not over has a task that is not over; but for the moment between two transactions, which a sweep ends.
static const char lost_job[] =
    "SELECT count(*) FROM jobs j WHERE j.state = 1 AND NOT EXISTS"
    " (SELECT 1 FROM tasks t WHERE t.job_id = j.id AND t.state IN (1, 2))";

void check_rules(struct sim *sim)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rules); i++)
        if (ask(sim, rules[i].sql, NULL, NULL) != 0)
            broken(sim, "%s", rules[i].rule);
    if (!sim->owes_sweep && ask(sim, lost_job, NULL, NULL) != 0)
        broken(sim, "a job that is not over has nothing left to do");
}

bool is_current(struct sim *sim, const struct worker *w)
{
    static const char sql[] =
        "SELECT count(*) FROM tasks WHERE id = ?1 AND attempt || '/' || nonce = ?2";
    char token[64];
    snprintf(token, sizeof token, "%" PRId64 "/%" PRId64, w->token.attempt, w->token.nonce);
    return ask(sim, sql, w->task_id, token) == 1;
}

bool is_running(struct sim *sim, const char *task_id)
{
    static const char sql[] = "SELECT count(*) FROM tasks WHERE id = ?1 AND state = 2";
    return ask(sim, sql, task_id, NULL) == 1;
}

int64_t job_state(struct sim *sim, const char *job_id)
{
    static const char sql[] = "SELECT state FROM jobs WHERE id = ?1";
    return ask(sim, sql, job_id, NULL);
}

/// Who never had bad luck must be finished, with every segment in its place once.
void check_end(struct sim *sim, const struct job *job)
{
    static const char places[] =
        "SELECT count(*) FROM segments WHERE job_id = ?1 AND rendition = ?2";
    static const char spent[] =
        "SELECT count(*) FROM tasks WHERE job_id = ?1 AND (spent >= 4 OR claims >= 4)";
    static const char given_up[] =
        "SELECT count(*) FROM attempts a JOIN jobs j ON j.id = a.job_id"
        " WHERE j.id = ?1 AND a.outcome = 'failed' AND j.fail_may_retry = 0";
    int64_t state = job_state(sim, job->id);
    if (state == AVSP_JOB_CANCELED && !job->was_canceled)
        broken(sim, "job %s is canceled, and nobody asked for that", job->key);
    if (state == AVSP_JOB_FAILED && ask(sim, spent, job->id, NULL) == 0 &&
        ask(sim, given_up, job->id, NULL) == 0)
        broken(sim, "job %s failed without a reason", job->key);
    if (state == AVSP_JOB_FINISHED && job->is_bad)
        broken(sim, "job %s finished without a split", job->key);
    if (state != AVSP_JOB_FINISHED)
        return;
    int64_t n = 0;
    for (uint32_t i = 0; i < job->n_pieces; i++)
        n += job->n_segments[i];
    if (ask(sim, places, job->id, "v0") != n || ask(sim, places, job->id, "a0") != job->has_sound)
        broken(sim, "job %s has %" PRId64 " segments of %" PRId64, job->key,
               ask(sim, places, job->id, "v0"), n);
}
